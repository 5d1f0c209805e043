/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libconfig's tree into rules: each entry names one prefix, and what it sets or until when it holds. */
#define _GNU_SOURCE /* strptime, timegm */
#include "policy_file.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "config_internal.h"
#include "numbers.h"

struct reading {
	const char *path;
	struct policy_file *file;
	struct problem *problem;
};

#define WRONG(at, format, ...)                                                                       \
	problem_set(reading->problem, -EINVAL, "%s:%u: " format,                                     \
		    config_setting_source_file(at) ? config_setting_source_file(at) : reading->path, \
		    config_setting_source_line(at), ##__VA_ARGS__)

/* ---- thresholds: of a rule, or the defaults ---- */

static const struct threshold {
	const char *name;
	uint16_t field;
	uint32_t min, max;
	size_t of_rule, of_defaults; /* of_defaults NO_DEFAULT: of rules alone */
	bool duration;
	size_t place; /* of a rate: where the default stands */
} thresholds[] = {
#define NO_DEFAULT SIZE_MAX
	{ "pair_rate", POLICY_PAIR_RATE, 0, RATE_MAX, offsetof(struct policy_rule, pair_rate),
	  offsetof(struct thresholds, pair_rate), false, offsetof(struct policy_file, pair_rate) },
	{ "destination_rate", POLICY_DESTINATION_RATE, 0, RATE_MAX, offsetof(struct policy_rule, destination_rate),
	  offsetof(struct thresholds, destination_rate), false, offsetof(struct policy_file, destination_rate) },
	{ "client_rate", POLICY_CLIENT_RATE, 0, RATE_MAX, offsetof(struct policy_rule, client_rate),
	  offsetof(struct thresholds, client_rate), false, offsetof(struct policy_file, client_rate) },
	{ "network_rate", POLICY_NETWORK_RATE, 0, RATE_MAX, offsetof(struct policy_rule, network_rate),
	  offsetof(struct thresholds, network_rate), false, offsetof(struct policy_file, network_rate) },
	{ "outside_rate", POLICY_OUTSIDE_RATE, 0, RATE_MAX, offsetof(struct policy_rule, outside_rate), NO_DEFAULT,
	  false, 0 },
	{ "contact_rate", POLICY_CONTACT_RATE, 0, RATE_MAX, offsetof(struct policy_rule, contact_rate),
	  offsetof(struct thresholds, contact_rate), false, offsetof(struct policy_file, contact_rate) },
	{ "idle_reset_ms", POLICY_IDLE_RESET, 100, IDLE_RESET_MS_MAX, offsetof(struct policy_rule, idle_reset_ms),
	  offsetof(struct thresholds, idle_reset), true, 0 },
	{ "pair_min_window_ms", POLICY_PAIR_MIN_WINDOW, THRESHOLD_MIN_WINDOW_MS_MIN, WINDOW_MAX_MS_MAX,
	  offsetof(struct policy_rule, pair_min_window_ms), offsetof(struct thresholds, pair_min_window), true, 0 },
	{ "destination_min_window_ms", POLICY_DESTINATION_MIN_WINDOW, THRESHOLD_MIN_WINDOW_MS_MIN, WINDOW_MAX_MS_MAX,
	  offsetof(struct policy_rule, destination_min_window_ms), offsetof(struct thresholds, destination_min_window),
	  true, 0 },
};

#define THRESHOLDS (sizeof(thresholds) / sizeof(thresholds[0]))

static const struct threshold *threshold_named(const char *name)
{
	for (size_t i = 0; i < THRESHOLDS; i++) {
		if (strcmp(thresholds[i].name, name) == 0)
			return &thresholds[i];
	}
	return NULL;
}

static int read_number(struct reading *reading, const config_setting_t *at, const struct threshold *threshold,
		       uint32_t *ret_number)
{
	int64_t number;

	if (!numbers_read(at, &number) || number < threshold->min || number > threshold->max)
		return WRONG(at, "%s: must be a whole number from %u to %u", threshold->name, threshold->min,
			     threshold->max);
	*ret_number = (uint32_t)number;
	return 0;
}

static void note_place(const struct reading *reading, const config_setting_t *at, struct policy_place *ret_place)
{
	text_copy(config_setting_source_file(at) ? config_setting_source_file(at) : reading->path, ret_place->path,
		  sizeof(ret_place->path));
	ret_place->line = config_setting_source_line(at);
}

static int read_default(struct reading *reading, const config_setting_t *at, const struct threshold *threshold)
{
	char *field = (char *)&reading->file->document.defaults + threshold->of_defaults;
	uint32_t number = 0;
	int err;

	if (threshold->of_defaults == NO_DEFAULT)
		return WRONG(at, "%s: belongs into a rule of clients: rules = ( { client = \"10.1.0.0/16\"; ... } )",
			     threshold->name);
	err = read_number(reading, at, threshold, &number);
	if (err)
		return err;
	if (threshold->duration) {
		*(struct duration *)(void *)field = duration_ms(number);
		return 0;
	}
	*(uint32_t *)(void *)field = number;
	note_place(reading, at, (struct policy_place *)(void *)((char *)reading->file + threshold->place));
	return 0;
}

static const struct word_pair {
	const char *name, *off, *on; /* off: what stands for false */
	size_t of_defaults;
} words[] = {
	{ "pair_action", "drop", "police", offsetof(struct thresholds, police) },
	{ "aggregate", "strict", "fair", offsetof(struct thresholds, fair) },
	{ "mode", "enforce", "monitor", offsetof(struct thresholds, monitor) },
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static int read_word(struct reading *reading, const config_setting_t *at, const struct word_pair *word)
{
	const char *text = config_setting_get_string(at);
	bool *field = (bool *)((char *)&reading->file->document.defaults + word->of_defaults);

	if (!text || (strcmp(text, word->off) != 0 && strcmp(text, word->on) != 0))
		return WRONG(at, "%s: must be \"%s\" or \"%s\"", word->name, word->off, word->on);
	*field = strcmp(text, word->on) == 0;
	return 0;
}

static int read_flag(struct reading *reading, const config_setting_t *at, bool *field)
{
	if (config_setting_type(at) != CONFIG_TYPE_BOOL)
		return WRONG(at, "%s: must be true or false, without quotes", config_setting_name(at));
	*field = config_setting_get_bool(at);
	return 0;
}

/* ---- entries ---- */

static int read_prefix(struct reading *reading, const config_setting_t *at, struct prefix *ret_prefix)
{
	const char *text = config_setting_get_string(at), *why = "";
	char escaped[80];

	if (!text)
		return WRONG(at, "a prefix is a text in quotes: \"10.0.0.0/8\" or \"2001:db8::/32\"");
	text_escape(text, escaped, sizeof(escaped));
	if (text_to_prefix(text, ret_prefix, &why))
		return WRONG(at, "\"%s\": %s", escaped, why);
	return 0;
}

static int read_until(struct reading *reading, const config_setting_t *at, uint64_t *ret_s)
{
	const char *text = config_setting_get_string(at), *end;
	struct tm utc = { 0 };
	time_t time;

	end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc) : NULL;
	if (!end || *end != '\0')
		return WRONG(at, "until: is written in UTC, \"2026-12-01T00:00:00Z\"");
	time = timegm(&utc);
	if (time <= 0)
		return WRONG(at, "until: lies before 1970");
	*ret_s = (uint64_t)time;
	return 0;
}

/* The prefixes that an entry names. */
struct named {
	bool is[2]; /* by enum policy_side */
	struct prefix prefix[2];
};

static int read_side(struct reading *reading, const config_setting_t *at, enum policy_kind kind, struct named *named)
{
	const char *name = config_setting_name(at);
	const enum policy_side side = *name == 'c' ? POLICY_CLIENT : POLICY_DESTINATION;

	if (named->is[!side] && kind != POLICY_OVERRIDE)
		return WRONG(at,
			     "%s: a list entry names one prefix, of clients or of destinations; make it two "
			     "entries",
			     name);
	named->is[side] = true;
	return read_prefix(reading, at, &named->prefix[side]);
}

/* outside = "block" */
static int read_outside(struct reading *reading, const config_setting_t *at, struct policy_rule *rule)
{
	const char *text = config_setting_get_string(at);

	if (!text || strcmp(text, "block") != 0)
		return WRONG(at, "outside: must be \"block\"; outside_rate limits it to packets per second");
	rule->fields |= POLICY_OUTSIDE_BLOCK;
	return 0;
}

static int unknown_field(struct reading *reading, const config_setting_t *at)
{
	static const char *const known[] = {
		"client",
		"destination",
		"until",
		"pair_rate",
		"destination_rate",
		"client_rate",
		"network_rate",
		"contact_rate",
		"outside_rate",
		"outside",
		"idle_reset_ms",
		"pair_min_window_ms",
		"destination_min_window_ms",
	};
	const char *nearest = text_nearest(config_setting_name(at), known, sizeof(known) / sizeof(known[0]));

	return nearest ? WRONG(at, "%s: no such setting; did you mean %s?", config_setting_name(at), nearest)
		       : WRONG(at, "%s: no such setting", config_setting_name(at));
}

static int read_field(struct reading *reading, const config_setting_t *at, struct policy_rule *rule,
		      struct named *named)
{
	const char *name = config_setting_name(at);
	const struct threshold *threshold = threshold_named(name);

	if (strcmp(name, "client") == 0 || strcmp(name, "destination") == 0)
		return read_side(reading, at, rule->kind, named);
	if (strcmp(name, "outside") == 0 && rule->kind == POLICY_OVERRIDE)
		return read_outside(reading, at, rule);
	if (strcmp(name, "until") == 0 && rule->kind != POLICY_OVERRIDE)
		return read_until(reading, at, &rule->until_s);
	if (threshold && rule->kind == POLICY_OVERRIDE) {
		rule->fields |= threshold->field;
		return read_number(reading, at, threshold, (uint32_t *)(void *)((char *)rule + threshold->of_rule));
	}
	if (threshold || strcmp(name, "until") == 0)
		return WRONG(at, "%s: %s", name,
			     threshold ? "thresholds belong into rules = ( ... )"
				       : "belongs into lists; rules do not end");
	return unknown_field(reading, at);
}

/* An entry without a name of a side is of clients, but for `protected`. */
static void sides_take(const struct named *named, struct policy_rule *rule)
{
	if (named->is[POLICY_CLIENT] && named->is[POLICY_DESTINATION])
		rule->side = POLICY_BOTH;
	else if (named->is[POLICY_CLIENT] || named->is[POLICY_DESTINATION])
		rule->side = named->is[POLICY_CLIENT] ? POLICY_CLIENT : POLICY_DESTINATION;
	rule->prefix = named->prefix[rule->side == POLICY_DESTINATION];
	if (rule->side == POLICY_BOTH)
		rule->destination = named->prefix[POLICY_DESTINATION];
}

static int read_entry(struct reading *reading, config_setting_t *at, enum policy_kind kind)
{
	struct policy_document *document = &reading->file->document;
	struct policy_rule rule = { .kind = (uint8_t)kind,
				    .side = kind == POLICY_PROTECT ? POLICY_DESTINATION : POLICY_CLIENT };
	struct named named = { .is = { false } };
	int err = 0;

	if (document->rules_count == POLICY_RULES_MAX)
		return WRONG(at, "a policy has at most %d rules and list entries", POLICY_RULES_MAX);
	if (config_setting_is_group(at)) {
		for (int i = 0; !err && i < config_setting_length(at); i++)
			err = read_field(reading, config_setting_get_elem(at, (unsigned int)i), &rule, &named);
	} else if (kind != POLICY_OVERRIDE) {
		named.is[rule.side] = true;
		err = read_prefix(reading, at, &named.prefix[rule.side]);
	}
	if (!err && !named.is[POLICY_CLIENT] && !named.is[POLICY_DESTINATION])
		return WRONG(at, "an entry names a prefix: { client = \"10.0.0.0/8\"; ... } or { destination = ...; }");
	if (err)
		return err;
	sides_take(&named, &rule);
	reading->file->lines[document->rules_count] = config_setting_source_line(at);
	document->rules[document->rules_count++] = rule;
	return 0;
}

static int read_list(struct reading *reading, config_setting_t *at, enum policy_kind kind)
{
	int err = 0;

	if (!config_setting_is_list(at) && !(config_setting_is_array(at) && kind != POLICY_OVERRIDE))
		return WRONG(at, "%s: must be a list: ( { ... }, { ... } )", config_setting_name(at));
	for (int i = 0; !err && i < config_setting_length(at); i++)
		err = read_entry(reading, config_setting_get_elem(at, (unsigned int)i), kind);
	return err;
}

/* ---- the group ---- */

static const char *const lists[POLICY_KINDS] = { "rules", "never_drop", "block", "protected" };

static int unknown(struct reading *reading, const config_setting_t *at)
{
	static const char *const known[] = {
		"rules",
		"never_drop",
		"block",
		"protected",
		"protected_only",
		"pair_rate",
		"destination_rate",
		"client_rate",
		"network_rate",
		"contact_rate",
		"idle_reset_ms",
		"early",
		"pair_min_window_ms",
		"destination_min_window_ms",
		"pair_action",
		"aggregate",
		"mode",
	};
	const char *nearest = text_nearest(config_setting_name(at), known, sizeof(known) / sizeof(known[0]));

	return nearest ? WRONG(at, "%s: no such setting; did you mean %s?", config_setting_name(at), nearest)
		       : WRONG(at, "%s: no such setting", config_setting_name(at));
}

static int read_setting(struct reading *reading, config_setting_t *at)
{
	const char *name = config_setting_name(at);
	const struct threshold *threshold = threshold_named(name);

	for (unsigned int kind = 0; kind < POLICY_KINDS; kind++) {
		if (strcmp(name, lists[kind]) == 0)
			return read_list(reading, at, kind);
	}
	for (size_t i = 0; i < WORDS; i++) {
		if (strcmp(name, words[i].name) == 0)
			return read_word(reading, at, &words[i]);
	}
	if (strcmp(name, "protected_only") == 0)
		return read_flag(reading, at, &reading->file->document.protected_only);
	if (strcmp(name, "early") == 0)
		return read_flag(reading, at, &reading->file->document.defaults.early);
	return threshold ? read_default(reading, at, threshold) : unknown(reading, at);
}

int policy_file_read(const struct config_setting_t *group, const char *path, struct policy_file *file,
		     struct problem *ret_problem)
{
	struct reading state = { path, file, ret_problem }, *reading = &state;
	int err = 0;

	if (!config_setting_is_group(group))
		return WRONG(group, "policy: must be a group: { ... }");
	text_copy(config_setting_source_file(group) ? config_setting_source_file(group) : path, file->path,
		  sizeof(file->path));
	file->line = config_setting_source_line(group);
	for (int i = 0; !err && i < config_setting_length(group); i++)
		err = read_setting(reading, config_setting_get_elem(group, (unsigned int)i));
	return err;
}

int policy_file_load(const char *path, struct policy_file *file, struct problem *ret_problem)
{
	char *text = NULL;
	config_t tree;
	int err = config_read_text(path, &text, ret_problem);

	if (err)
		return err;
	config_init(&tree);
	err = config_parse(path, text, &tree, ret_problem);
	if (!err)
		err = policy_file_read(config_root_setting(&tree), path, file, ret_problem);
	config_destroy(&tree);
	free(text);
	return err;
}

int policy_file_check(const struct policy_file *file, const struct mesh *mesh, struct problem *ret_problem)
{
	const char *why = "";
	uint32_t rule = POLICY_RULE_NONE, line;

	if (!policy_check(&file->document, mesh, &rule, &why))
		return 0;
	line = file->line ? file->line : 1;
	if (rule < POLICY_RULES_MAX && file->lines[rule])
		line = file->lines[rule];
	return problem_set(ret_problem, -EINVAL, "%s:%u: policy: %s", file->path, line, why);
}

/* ---- what is allowed, and seldom meant ---- */

static void warn_default(const struct policy_place *at, const char *what, void (*tell)(const char *text))
{
	struct problem text;

	problem_set(&text, 0, "%s:%u: %s", at->path, at->line ? at->line : 1, what);
	tell(text.text);
}

static bool is_unlimited(const struct policy_file *file, const struct policy_rule *rule)
{
	(void)file;
	return rule->kind == POLICY_OVERRIDE &&
	       (((rule->fields & POLICY_PAIR_RATE) && rule->pair_rate == 0) ||
		((rule->fields & POLICY_DESTINATION_RATE) && rule->destination_rate == 0));
}

/* Does it speak of what is outside, and no rule of both prefixes is of its clients? Then all they send is. */
static bool is_all_outside(const struct policy_file *file, const struct policy_rule *rule)
{
	if (!(rule->fields & (POLICY_OUTSIDE_RATE | POLICY_OUTSIDE_BLOCK)))
		return false;
	for (uint32_t i = 0; i < file->document.rules_count; i++) {
		const struct policy_rule *other = &file->document.rules[i];

		if (other->side == POLICY_BOTH && prefixes_meet(&other->prefix, &rule->prefix))
			return false;
	}
	return true;
}

/* One sentence for all rules of a sort, with the line of the first. */
static void warn_rules(const struct policy_file *file,
		       bool (*is_of_sort)(const struct policy_file *file, const struct policy_rule *rule),
		       const char *what, void (*tell)(const char *text))
{
	unsigned int count = 0, line = 0;
	struct problem text;

	for (uint32_t i = file->document.rules_count; i-- > 0;) {
		if (!is_of_sort(file, &file->document.rules[i]))
			continue;
		line = file->lines[i];
		count++;
	}
	if (count == 0)
		return;
	problem_set(&text, 0, "%s:%u: %s%s", file->path, line, what,
		    count > 1 ? "; so is one of other rules below" : "");
	tell(text.text);
}

void policy_file_warn(const struct policy_file *file, void (*tell)(const char *text))
{
	if (file->document.defaults.pair_rate == 0)
		warn_default(&file->pair_rate, "pair_rate: 0 is no limit: no client is held to a rate", tell);
	if (file->document.defaults.destination_rate == 0)
		warn_default(&file->destination_rate,
			     "destination_rate: 0 is no limit: no destination is held to a rate", tell);
	warn_rules(file, is_unlimited, "a rate of this rule is 0: no limit", tell);
	warn_rules(file, is_all_outside,
		   "outside: no rule of a client and a destination is of these clients, so all they send is outside",
		   tell);
}
