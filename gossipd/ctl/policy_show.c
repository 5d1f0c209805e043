/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl policy show: the defaults and the rules this proxy judges by now. */
#include <string.h>
#include <time.h>

#include "text.h"
#include "ask.h"
#include "rules.h"

static const char *const sides[] = { "client", "destination", "pair" };
static const char *const kinds[] = { "override", "never_drop", "block", "protected" };

#define WHAT_BYTES 192

void rate_text(uint32_t rate, char ret_text[RATE_TEXT_BYTES])
{
	if (rate == 0)
		snprintf(ret_text, RATE_TEXT_BYTES, "no limit");
	else
		snprintf(ret_text, RATE_TEXT_BYTES, "%u/s", rate);
}

void limit_text(uint32_t rate, uint32_t limit, char ret_text[LIMIT_TEXT_BYTES])
{
	if (rate == 0 && limit > 0)
		snprintf(ret_text, LIMIT_TEXT_BYTES, "no limit (%u/s is reported)", limit);
	else
		rate_text(rate, ret_text);
}

static void prefix_text(const uint8_t address[16], uint8_t bits, char ret_text[TEXT_PREFIX_BYTES])
{
	struct prefix prefix = { .bits = bits };

	memcpy(prefix.address.bytes, address, 16);
	text_of_prefix(&prefix, ret_text);
}

#define PREFIXES_BYTES (2 * TEXT_PREFIX_BYTES + 4)

/* What the rule is of: one prefix, or "client -> destination". */
static void prefixes_text(const struct control_rule *rule, char ret_text[PREFIXES_BYTES])
{
	char destination[TEXT_PREFIX_BYTES];
	size_t length;

	prefix_text(rule->prefix, rule->bits, ret_text);
	if (rule->side != POLICY_BOTH)
		return;
	length = strlen(ret_text);
	prefix_text(rule->destination, rule->destination_bits, destination);
	snprintf(ret_text + length, PREFIXES_BYTES - length, " -> %s", destination);
}

static void add(char text[WHAT_BYTES], const char *name, uint32_t value)
{
	size_t length = strlen(text);

	snprintf(text + length, WHAT_BYTES - length, "%s%s = %u", length ? ", " : "", name, value);
}

static void add_rate(char text[WHAT_BYTES], const char *name, uint32_t rate)
{
	size_t length = strlen(text);

	if (rate > 0)
		add(text, name, rate);
	else
		snprintf(text + length, WHAT_BYTES - length, "%s%s: no limit", length ? ", " : "", name);
}

/* What an override sets, or until when an entry of a list holds. */
static void what_text(const struct control_rule *rule, char ret_text[WHAT_BYTES])
{
	time_t until = (time_t)rule->until_s;
	struct tm utc;

	ret_text[0] = '\0';
	if (rule->fields & POLICY_PAIR_RATE)
		add_rate(ret_text, "pair_rate", rule->pair_rate);
	if (rule->fields & POLICY_DESTINATION_RATE)
		add_rate(ret_text, "destination_rate", rule->destination_rate);
	if (rule->fields & POLICY_CLIENT_RATE)
		add_rate(ret_text, "client_rate", rule->client_rate);
	if (rule->fields & POLICY_NETWORK_RATE)
		add_rate(ret_text, "network_rate", rule->network_rate);
	if (rule->fields & POLICY_OUTSIDE_RATE)
		add_rate(ret_text, "outside_rate", rule->outside_rate);
	if (rule->fields & POLICY_OUTSIDE_BLOCK)
		snprintf(ret_text + strlen(ret_text), WHAT_BYTES - strlen(ret_text), "%soutside: block",
			 ret_text[0] ? ", " : "");
	if (rule->fields & POLICY_CONTACT_RATE)
		add(ret_text, "contact_rate", rule->contact_rate);
	if (rule->fields & POLICY_IDLE_RESET)
		add(ret_text, "idle_reset_ms", rule->idle_reset_ms);
	if (rule->fields & POLICY_PAIR_MIN_WINDOW)
		add(ret_text, "pair_min_window_ms", rule->pair_min_window_ms);
	if (rule->fields & POLICY_DESTINATION_MIN_WINDOW)
		add(ret_text, "destination_min_window_ms", rule->destination_min_window_ms);
	if (rule->until_s && gmtime_r(&until, &utc))
		strftime(ret_text, WHAT_BYTES, rule->ended ? "ended %Y-%m-%dT%H:%M:%SZ" : "until %Y-%m-%dT%H:%M:%SZ",
			 &utc);
}

static const char *side_name(const struct control_rule *rule)
{
	return rule->side < sizeof(sides) / sizeof(sides[0]) ? sides[rule->side] : "?";
}

static const char *kind_name(const struct control_rule *rule)
{
	return rule->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[rule->kind] : "?";
}

void show_rule(struct output *output, const struct control_rule *rule)
{
	char prefixes[PREFIXES_BYTES], client[TEXT_PREFIX_BYTES], destination[TEXT_PREFIX_BYTES] = "", what[WHAT_BYTES];

	prefixes_text(rule, prefixes);
	prefix_text(rule->prefix, rule->bits, client);
	if (rule->side == POLICY_BOTH)
		prefix_text(rule->destination, rule->destination_bits, destination);
	what_text(rule, what);
	{
		const struct field fields[] = {
			NUMBER("number", "rule", 5, rule->number + 1),
			TEXT("kind", "kind", -11, kind_name(rule)),
			TEXT("side", "side", -12, side_name(rule)),
			TEXT("prefix", NULL, 0, client),
			destination[0] ? TEXT("destination", NULL, 0, destination) : UNKNOWN("destination"),
			TEXT("prefixes", "prefix", -24, prefixes),
			TEXT("what", "what", -40, what),
			FLAG("ended", NULL, 0, rule->ended),
			NUMBER("until_s", NULL, 0, rule->until_s),
		};

		output_row(output, FIELDS(fields));
	}
}

static void show_defaults(struct output *output, const struct control_status *s)
{
	char pair[RATE_TEXT_BYTES], destination[RATE_TEXT_BYTES], client[LIMIT_TEXT_BYTES], network[LIMIT_TEXT_BYTES];
	const struct field fields[] = {
		NUMBER("version", NULL, 0, s->policy_version),
		NUMBER("generation", NULL, 0, s->policy_generation),
		NUMBER("effective_slot", NULL, 0, s->policy_effective_slot),
		NUMBER("waiting", NULL, 0, s->policy_waiting),
		NUMBER("rules_count", NULL, 0, s->policy_rules),
		NUMBER("pair_rate", NULL, 0, s->pair_rate),
		NUMBER("destination_rate", NULL, 0, s->destination_rate),
		NUMBER("client_rate", NULL, 0, s->client_rate),
		NUMBER("client_limit", NULL, 0, s->client_limit),
		NUMBER("network_rate", NULL, 0, s->network_rate),
		NUMBER("network_limit", NULL, 0, s->network_limit),
		NUMBER("contact_rate", NULL, 0, s->contact_rate),
		NUMBER("contact_limit", NULL, 0, s->contact_limit),
		NUMBER("idle_reset_ms", NULL, 0, s->idle_reset_ms),
		NUMBER("pair_min_window_ms", NULL, 0, s->pair_min_window_ms),
		NUMBER("destination_min_window_ms", NULL, 0, s->destination_min_window_ms),
		FLAG("protected_only", NULL, 0, s->protected_only),
		FLAG("monitor", NULL, 0, s->policy_flags & POLICY_MONITOR),
	};

	rate_text(s->pair_rate, pair);
	rate_text(s->destination_rate, destination);
	limit_text(s->client_rate, s->client_limit, client);
	limit_text(s->network_rate, s->network_limit, network);
	output_facts(output, "policy", FIELDS(fields));
	output_say(output, "policy version %llu (%s), generation %u, %u rules", (unsigned long long)s->policy_version,
		   s->policy_version ? "of the mesh" : "of this proxy's configuration", s->policy_generation,
		   s->policy_rules);
	if (s->policy_waiting)
		output_say(output, "  version %llu waits for slot %llu; it is slot %llu now",
			   (unsigned long long)s->policy_waiting, (unsigned long long)s->policy_effective_slot,
			   (unsigned long long)s->slot);
	output_say(output, "  defaults      pair %s (%s), destination %s (%s)%s%s", pair,
		   s->policy_flags & POLICY_POLICE ? "police" : "drop", destination,
		   s->policy_flags & POLICY_FAIR ? "fair" : "strict",
		   s->protected_only ? "; only protected destinations" : "",
		   s->policy_flags & POLICY_MONITOR ? "; mode = monitor: what is over would be dropped, and passes"
						    : "");
	output_say(output, "                client %s, network %s", client, network);
	output_list(output, "rules");
}

static bool show_row(void *user, enum control_type type, const void *row)
{
	struct output *output = user;

	if (type == CONTROL_TYPE_STATUS)
		show_defaults(output, row);
	else if (type == CONTROL_TYPE_RULE)
		show_rule(output, row);
	return !ferror(output->file);
}

int run_policy_show(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_POLICY };

	return ask(arguments, &request, show_row, output);
}
