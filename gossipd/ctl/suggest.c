/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl suggest: how the rates are spread that monitor mode saw, what rates they suggest, and who is above them. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "suggestion.h"
#include "text.h"

#define MARGIN_DEFAULT 100 /* percent */
#define MARGIN_MAX 10000
#define TOPS_MAX (KEY_KINDS * RATES_TOP)

struct suggesting {
	struct control_status status;
	struct control_watch watch;
	struct rates rates[KEY_KINDS];
	uint32_t tops_count;
	struct control_top tops[TOPS_MAX]; /* the keys with the highest rates */
	struct suggestion suggestions[KEY_KINDS];
	uint64_t margin;
};

/* ---- what was seen ---- */

static void take_bucket(struct suggesting *suggesting, const struct control_bucket *row)
{
	if (row->kind >= KEY_KINDS || row->bucket >= RATES_BUCKETS)
		return;
	suggesting->rates[row->kind].count[row->bucket] = row->count;
	suggesting->rates[row->kind].samples += row->count;
}

static void take_top(struct suggesting *suggesting, const struct control_top *row)
{
	if (row->kind >= KEY_KINDS || suggesting->tops_count == TOPS_MAX)
		return;
	suggesting->tops[suggesting->tops_count++] = *row;
	if (row->rate > suggesting->rates[row->kind].highest)
		suggesting->rates[row->kind].highest = row->rate;
}

static bool take_row(void *user, enum control_type type, const void *row)
{
	struct suggesting *suggesting = user;

	if (type == CONTROL_TYPE_STATUS)
		suggesting->status = *(const struct control_status *)row;
	else if (type == CONTROL_TYPE_WATCH)
		suggesting->watch = *(const struct control_watch *)row;
	else if (type == CONTROL_TYPE_BUCKET)
		take_bucket(suggesting, row);
	else if (type == CONTROL_TYPE_TOP)
		take_top(suggesting, row);
	return true;
}

/* ---- what is shown ---- */

#define REASON_BYTES 200

static void reason_text(const struct suggesting *suggesting, unsigned int kind, char ret_text[REASON_BYTES])
{
	const struct suggestion *s = &suggesting->suggestions[kind];
	const char *raised = kind == KEY_NETWORK ? "; raised to destination_rate" : "; raised to pair_rate";

	if (s->rate == 0)
		snprintf(ret_text, REASON_BYTES, "nothing was seen, so no rate is proposed");
	else if (s->cut)
		snprintf(ret_text, REASON_BYTES,
			 "99 of 100 were at most %.1f/s, and %llu %% more; the highest is left out: it is more than %d "
			 "times that%s",
			 s->base, (unsigned long long)suggesting->margin, SUGGESTION_OUTLIER, s->raised ? raised : "");
	else
		snprintf(ret_text, REASON_BYTES, "the highest was %.1f/s, and %llu %% more%s", s->base,
			 (unsigned long long)suggesting->margin, s->raised ? raised : "");
}

static void show_watch(struct output *output, const struct suggesting *suggesting)
{
	const struct control_watch *w = &suggesting->watch;
	const double seconds = (double)(w->until_ns - w->since_ns) / NS_PER_S;
	const struct field fields[] = {
		SIGNED("since_ns", NULL, 0, w->since_ns),
		SIGNED("until_ns", NULL, 0, w->until_ns),
		REAL("seconds", NULL, 0, seconds, 1),
		NUMBER("looks", NULL, 0, w->rounds),
		FLAG("running", NULL, 0, w->running),
		NUMBER("margin_percent", NULL, 0, suggesting->margin),
	};

	output_facts(output, "watch", FIELDS(fields));
	output_say(output,
		   "watched in monitor mode for %.0f s, with %llu looks at every key%s; rates in packets per second",
		   seconds, (unsigned long long)w->rounds, w->running ? "" : "; monitor mode has ended");
}

static void show_rates(struct output *output, const struct suggesting *suggesting)
{
	output_list(output, "rates");
	for (unsigned int kind = 0; kind < KEY_KINDS; kind++) {
		const struct rates *rates = &suggesting->rates[kind];
		const struct suggestion *s = &suggesting->suggestions[kind];
		char reason[REASON_BYTES];

		reason_text(suggesting, kind, reason);
		const struct field fields[] = {
			TEXT("kind", "kind", -11, text_of_kind(kind)),
			NUMBER("samples", "samples", 10, rates->samples),
			REAL("p50", "50 %", 10, rates_percentile(rates, 50), 1),
			REAL("p90", "90 %", 10, rates_percentile(rates, 90), 1),
			REAL("p99", "99 %", 10, rates_percentile(rates, 99), 1),
			REAL("p100", "100 %", 10, rates->highest, 1),
			NUMBER("proposed", "proposed", 10, s->rate),
			NUMBER("above", "above", 8, s->above),
			TEXT("reason", NULL, 0, reason),
		};

		output_row(output, FIELDS(fields));
	}
}

/* The same as settings of a policy file. */
static void say_policy(struct output *output, const struct suggesting *suggesting)
{
	char reason[REASON_BYTES];

	output_say(output, "%s", "");
	for (unsigned int kind = 0; kind < KEY_KINDS; kind++) {
		reason_text(suggesting, kind, reason);
		if (suggesting->suggestions[kind].rate == 0) { /* a rate of 0 would be no limit */
			output_say(output, "# %s_rate: %s", text_of_kind(kind), reason);
			continue;
		}
		output_say(output, "# %s", reason);
		output_say(output, "%s_rate = %u;", text_of_kind(kind), suggesting->suggestions[kind].rate);
	}
	output_say(output, "%s", "");
}

static void show_top(struct output *output, const struct suggesting *suggesting, const struct control_top *top)
{
	char text[TEXT_KEY_BYTES];
	struct key key;

	memcpy(key.client.bytes, top->client, 16);
	memcpy(key.destination.bytes, top->destination, 16);
	text_of_key(&key, top->client_bits, text);
	const struct field fields[] = {
		TEXT("kind", "kind", -11, text_of_kind(top->kind)),
		TEXT("key", "who would have been over", -60, text),
		REAL("rate", "rate/s", 10, top->rate, 1),
		NUMBER("proposed", "proposed", 10, suggesting->suggestions[top->kind].rate),
	};

	output_row(output, FIELDS(fields));
}

static int by_kind_and_rate(const void *a, const void *b)
{
	const struct control_top *first = a, *second = b;

	if (first->kind != second->kind)
		return first->kind < second->kind ? -1 : 1;
	return first->rate < second->rate ? 1 : first->rate > second->rate ? -1
									   : 0;
}

/* Of each kind the highest first. */
static void show_over(struct output *output, struct suggesting *suggesting)
{
	bool any = false;

	qsort(suggesting->tops, suggesting->tops_count, sizeof(suggesting->tops[0]), by_kind_and_rate);
	output_list(output, "over");
	for (uint32_t i = 0; i < suggesting->tops_count; i++) {
		const struct control_top *top = &suggesting->tops[i];
		const uint32_t rate = suggesting->suggestions[top->kind].rate;

		if (rate == 0 || top->rate <= rate)
			continue;
		show_top(output, suggesting, top);
		any = true;
	}
	if (!any)
		output_say(output, "nobody who was seen would have been over these rates");
}

int run_suggest(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_RATES };
	static struct suggesting suggesting;
	int status;

	if (!arguments_number(arguments, OPTION_MARGIN, 0, MARGIN_MAX, MARGIN_DEFAULT, &suggesting.margin))
		return EXIT_USAGE;
	status = ask(arguments, &request, take_row, &suggesting);
	if (status != EXIT_OK)
		return status;
	if (suggesting.watch.since_ns == 0) {
		complain("nothing was watched: this proxy was not in monitor mode since gossipd started (gossipctl "
			 "monitor)");
		return EXIT_FAILED;
	}
	suggestion_make(suggesting.rates, (uint32_t)suggesting.margin, suggesting.suggestions);
	show_watch(output, &suggesting);
	show_rates(output, &suggesting);
	say_policy(output, &suggesting);
	show_over(output, &suggesting);
	return EXIT_OK;
}
