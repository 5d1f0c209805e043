/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl check: the health of a proxy as one line and an exit status, for Nagios, Icinga and whatever runs their
 * plug-ins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
 */
#include "look.h"
#include "text.h"

enum { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };
static const char *const names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

/* A daemon that is not there is the worst: its filter goes on with counts that age. */
static int judge(int status, const struct look *look)
{
	if (status == EXIT_UNREACHABLE)
		return CHECK_CRITICAL;
	if (status != EXIT_OK)
		return CHECK_UNKNOWN;
	if (look->status.degraded)
		return CHECK_CRITICAL;
	return look->conditions[CONTROL_WARNING] ? CHECK_WARNING : CHECK_OK;
}

static unsigned int conditions_of(const struct look *look)
{
	return look->conditions[CONTROL_ERROR] + look->conditions[CONTROL_WARNING] + look->conditions[CONTROL_NOTICE];
}

/* The first thing there is to say, and how many there are. A | would begin the figures. */
static void describe(int status, const struct look *look, char *ret_text, size_t bytes)
{
	const unsigned int things = conditions_of(look);
	char name[4 * sizeof(look->status.name)], first[4 * CONDITION_LINE_BYTES], more[32] = "";

	if (status != EXIT_OK) {
		text_escape(complaint_last(), ret_text, bytes);
	} else {
		text_escape(look->status.name, name, sizeof(name));
		text_escape(look->first, first, sizeof(first));
		if (things > 1)
			snprintf(more, sizeof(more), " (and %u more)", things - 1);
		snprintf(ret_text, bytes, "%s: %.800s%s", name, things ? first : "healthy", more);
	}
	for (char *c = ret_text; *c; c++)
		*c = *c == '|' ? '/' : *c;
}

int run_check(const struct arguments *arguments, struct output *output)
{
	static struct look look;
	const int status = look_at(arguments, &look), verdict = judge(status, &look);
	const struct control_status *s = &look.status;
	char text[1200];

	describe(status, &look, text, sizeof(text));
	const struct field fields[] = {
		TEXT("state", NULL, 0, names[verdict]),
		TEXT("text", NULL, 0, text),
	};

	output_facts(output, "check", FIELDS(fields));
	if (status == EXIT_OK)
		output_say(
			output,
			"XPRO %s - %.700s | members_up=%u;;;0;%u conditions=%u dropped=%lluc ledger_keys=%llu;;;0;%llu",
			names[verdict], text, s->members_up, s->members, conditions_of(&look),
			(unsigned long long)look.dropped, (unsigned long long)s->keys_held,
			(unsigned long long)s->keys_max);
	else
		output_say(output, "XPRO %s - %.900s", names[verdict], text);
	return verdict;
}
