/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compiles a document: its prefixes in order, without those of rules that ended; the class of each; and the policy for
 * each combination of two classes. The kernel gets the same classes and the same matrix, so both judge a key alike.
 */
#include <errno.h>
#include <string.h>

#include "policy.h"

/* Orders by the prefix of a side: by address, then bits; then by kind. */
static bool is_before(const struct policy_rule *a, const struct policy_rule *b, enum policy_side side)
{
	const struct prefix *of_a = policy_rule_prefix(a, side), *of_b = policy_rule_prefix(b, side);
	const int order = memcmp(&of_a->address, &of_b->address, sizeof(struct address));

	if (order)
		return order < 0;
	return of_a->bits != of_b->bits ? of_a->bits < of_b->bits : a->kind < b->kind;
}

/* Shell's sort: in place, and about 10^4 comparisons at most. */
static void prefixes_sort(const struct policy_document *document, struct policy_prefix *prefixes, uint32_t count,
			  enum policy_side side)
{
	for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
		for (uint32_t i = gap; i < count; i++) {
			const struct policy_prefix moving = prefixes[i];
			uint32_t at = i;

			for (; at >= gap &&
			       is_before(&document->rules[moving.rule], &document->rules[prefixes[at - gap].rule],
					 side);
			     at -= gap)
				prefixes[at] = prefixes[at - gap];
			prefixes[at] = moving;
		}
	}
}

static void prefixes_collect(const struct policy_document *document, uint64_t now_s, enum policy_side side,
			     struct policy_table *table)
{
	struct policy_prefix *prefixes =
		table->prefixes + (side == POLICY_DESTINATION ? table->prefixes_count[POLICY_CLIENT] : 0);
	uint32_t count = 0;

	for (uint32_t i = 0; i < document->rules_count; i++) {
		const struct policy_rule *rule = &document->rules[i];

		if ((rule->side != side && rule->side != POLICY_BOTH) || (rule->until_s && rule->until_s <= now_s))
			continue;
		if (rule->until_s && rule->until_s < table->expires_s)
			table->expires_s = rule->until_s;
		prefixes[count++].rule = (uint16_t)i;
	}
	table->prefixes_count[side] = count;
	prefixes_sort(document, prefixes, count, side);
}

/*
 * Shorter prefixes of a branch come first, so the nearest that holds this one is the one before it, or one that
 * holds that.
 */
static void parent_find(const struct policy_document *document, struct policy_table *table, enum policy_side side,
			uint32_t at, uint32_t begin)
{
	struct policy_prefix *this = &table->prefixes[at];
	const struct prefix *prefix = policy_rule_prefix(&document->rules[this->rule], side), *holder = NULL;
	uint16_t parent = at == begin ? POLICY_RULE_NONE : (uint16_t)(at - 1);

	for (; parent != POLICY_RULE_NONE; parent = table->prefixes[parent].above) {
		holder = policy_rule_prefix(&document->rules[table->prefixes[parent].rule], side);
		if (holder->bits <= prefix->bits && prefix_holds(holder, &prefix->address))
			break;
	}
	this->parent = this->above = parent;
	if (parent != POLICY_RULE_NONE && prefix_equal(holder, prefix))
		this->above = table->prefixes[parent].above;
}

/* ::/0 holds all of IPv6, and of IPv4 nothing, though it is mapped below it. */
static bool says_something(const struct prefix *holder, const struct prefix *prefix)
{
	return holder->bits > 0 || prefix->bits < 96 || !address_is_ipv4(&prefix->address);
}

static void listed_until(uint64_t *until_s, const struct policy_rule *rule)
{
	const uint64_t end_s = rule->until_s ? rule->until_s : UINT64_MAX;

	if (end_s > *until_s)
		*until_s = end_s;
}

static void class_override(struct policy_class *class, const struct policy_rule *rule)
{
	class->fields = rule->fields;
	class->pair_rate = rule->fields & POLICY_PAIR_RATE ? rule->pair_rate : 0;
	class->destination_rate = rule->fields & POLICY_DESTINATION_RATE ? rule->destination_rate : 0;
	class->client_rate = rule->fields & POLICY_CLIENT_RATE ? rule->client_rate : 0;
	class->network_rate = rule->fields & POLICY_NETWORK_RATE ? rule->network_rate : 0;
	class->outside_rate = rule->fields & POLICY_OUTSIDE_RATE ? rule->outside_rate : 0;
	class->contact_rate = rule->fields & POLICY_CONTACT_RATE ? rule->contact_rate : 0;
	class->idle_reset_ms = rule->fields & POLICY_IDLE_RESET ? rule->idle_reset_ms : 0;
	class->pair_min_window_ms = rule->fields & POLICY_PAIR_MIN_WINDOW ? rule->pair_min_window_ms : 0;
	class->destination_min_window_ms = rule->fields & POLICY_DESTINATION_MIN_WINDOW
						   ? rule->destination_min_window_ms
						   : 0;
}

/* Adds what a rule of the document says to what its shorter prefixes say. */
static void class_add(struct policy_class *class, const struct policy_document *document, uint16_t number)
{
	const struct policy_rule *rule = &document->rules[number];

	if (rule->side == POLICY_BOTH) {
		class->both = (uint16_t)(number + 1);
		return;
	}
	switch (rule->kind) {
	case POLICY_OVERRIDE:
		class_override(class, rule);
		break;
	case POLICY_NEVER_DROP:
		listed_until(&class->never_drop_s, rule);
		break;
	case POLICY_BLOCK:
		listed_until(&class->block_s, rule);
		break;
	default:
		listed_until(&class->protect_s, rule);
		break;
	}
}

static bool classes_are_equal(const struct policy_class *a, const struct policy_class *b)
{
	return a->fields == b->fields && a->pair_rate == b->pair_rate && a->destination_rate == b->destination_rate &&
	       a->client_rate == b->client_rate && a->network_rate == b->network_rate &&
	       a->contact_rate == b->contact_rate &&
	       a->outside_rate == b->outside_rate && a->both == b->both &&
	       a->idle_reset_ms == b->idle_reset_ms && a->pair_min_window_ms == b->pair_min_window_ms &&
	       a->destination_min_window_ms == b->destination_min_window_ms && a->never_drop_s == b->never_drop_s &&
	       a->block_s == b->block_s && a->protect_s == b->protect_s;
}

static int class_put(struct policy_table *table, unsigned int side, const struct policy_class *class,
		     uint16_t *ret_class)
{
	for (uint32_t i = 0; i < table->classes_count[side]; i++) {
		if (!classes_are_equal(&table->classes[side][i], class))
			continue;
		*ret_class = (uint16_t)i;
		return 0;
	}
	if (table->classes_count[side] == POLICY_CLASSES_MAX)
		return -EINVAL;
	*ret_class = (uint16_t)table->classes_count[side]++;
	table->classes[side][*ret_class] = *class;
	return 0;
}

/* Is the next entry of the side of the same prefix? Then that one has the say. */
static bool goes_on(const struct policy_document *document, const struct policy_table *table, unsigned int side,
		    uint32_t at, uint32_t end)
{
	return at + 1 < end &&
	       prefix_equal(policy_rule_prefix(&document->rules[table->prefixes[at].rule], side),
			    policy_rule_prefix(&document->rules[table->prefixes[at + 1].rule], side));
}

/* What the shorter prefixes say of this one. */
static struct policy_class class_above(const struct policy_document *document, const struct policy_table *table,
				       unsigned int side, const struct policy_prefix *prefix)
{
	if (prefix->parent == POLICY_RULE_NONE ||
	    !says_something(policy_rule_prefix(&document->rules[table->prefixes[prefix->parent].rule], side),
			    policy_rule_prefix(&document->rules[prefix->rule], side)))
		return (struct policy_class){ .fields = 0 };
	return table->classes[side][table->prefixes[prefix->parent].class];
}

static int classes_make(const struct policy_document *document, struct policy_table *table, unsigned int side,
			uint32_t begin, uint32_t *ret_rule)
{
	const uint32_t end = begin + table->prefixes_count[side];
	struct policy_class class = { .fields = 0 };
	uint32_t first = begin;

	table->classes_count[side] = 1; /* class 0 */
	for (uint32_t at = begin; at < end; at++) {
		struct policy_prefix *prefix = &table->prefixes[at];

		parent_find(document, table, side, at, begin);
		if (first == at)
			class = class_above(document, table, side, prefix);
		class_add(&class, document, prefix->rule);
		if (goes_on(document, table, side, at, end))
			continue;
		*ret_rule = prefix->rule;
		if (class_put(table, side, &class, &prefix->class))
			return -EINVAL;
		for (; first < at; first++)
			table->prefixes[first].class = prefix->class;
		first = at + 1;
	}
	return 0;
}

static void thresholds_override(struct thresholds *t, const struct policy_class *class)
{
	if (class->fields & POLICY_PAIR_RATE)
		t->pair_rate = class->pair_rate;
	if (class->fields & POLICY_DESTINATION_RATE)
		t->destination_rate = class->destination_rate;
	if (class->fields & POLICY_CLIENT_RATE)
		t->client_rate = class->client_rate;
	if (class->fields & POLICY_NETWORK_RATE)
		t->network_rate = class->network_rate;
	if (class->fields & POLICY_CONTACT_RATE)
		t->contact_rate = class->contact_rate;
	if (class->fields & POLICY_IDLE_RESET)
		t->idle_reset = duration_ms(class->idle_reset_ms);
	if (class->fields & POLICY_PAIR_MIN_WINDOW)
		t->pair_min_window = duration_ms(class->pair_min_window_ms);
	if (class->fields & POLICY_DESTINATION_MIN_WINDOW)
		t->destination_min_window = duration_ms(class->destination_min_window_ms);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct policy_effective effective_of(const struct policy_document *document, const struct policy_class *client,
					    const struct policy_class *destination)
{
	struct policy_effective effective = {
		.thresholds = document->defaults,
		.never_drop_s = later(client->never_drop_s, destination->never_drop_s),
		.block_s = later(client->block_s, destination->block_s),
		.protect_s = destination->protect_s,
	};

	thresholds_override(&effective.thresholds, destination);
	thresholds_override(&effective.thresholds, client);
	effective.listing = effective.block_s ? POLICY_BLOCKED : POLICY_UNLISTED;
	if (effective.never_drop_s)
		effective.listing = POLICY_PASSES;
	effective.unprotected = document->protected_only && !effective.protect_s;
	return effective;
}

/* A pair that no rule of both prefixes holds, by its client's override. */
static void outside_apply(struct policy_effective *effective, const struct policy_class *client)
{
	const uint32_t rate = client->fields & POLICY_OUTSIDE_RATE ? client->outside_rate : 0;

	if (client->fields & POLICY_OUTSIDE_BLOCK && effective->listing == POLICY_UNLISTED)
		effective->listing = POLICY_OUTSIDE;
	if (rate == 0)
		return;
	effective->outside = true;
	if (effective->thresholds.pair_rate == 0 || rate < effective->thresholds.pair_rate)
		effective->thresholds.pair_rate = rate;
}

static bool effectives_are_equal(const struct policy_effective *a, const struct policy_effective *b)
{
	return a->thresholds.pair_rate == b->thresholds.pair_rate &&
	       a->thresholds.idle_reset.ns == b->thresholds.idle_reset.ns &&
	       a->thresholds.pair_min_window.ns == b->thresholds.pair_min_window.ns &&
	       a->never_drop_s == b->never_drop_s && a->block_s == b->block_s && a->protect_s == b->protect_s &&
	       a->listing == b->listing && a->outside == b->outside;
}

static int effective_put(struct policy_table *table, const struct policy_effective *effective, uint16_t *ret_index)
{
	for (uint32_t i = 0; i < table->effective_count; i++) {
		if (!effectives_are_equal(&table->effective[i], effective))
			continue;
		*ret_index = (uint16_t)i;
		return 0;
	}
	if (table->effective_count == POLICY_EFFECTIVE_MAX)
		return -EINVAL;
	*ret_index = (uint16_t)table->effective_count++;
	table->effective[*ret_index] = *effective;
	return 0;
}

/* Does the prefix of a rule of both hold what the class is of? */
static bool holds_class(const struct policy_document *document, const struct policy_rule *rule, unsigned int side,
			const struct policy_class *class)
{
	const struct prefix *holder = policy_rule_prefix(rule, side), *held;

	if (!class->both)
		return false;
	held = policy_rule_prefix(&document->rules[class->both - 1], side);
	return holder->bits <= held->bits && prefix_holds(holder, &held->address) && says_something(holder, held);
}

/* Is `a` of a longer prefix of clients, or of the same and a longer one of destinations? */
static bool is_closer(const struct policy_rule *a, const struct policy_rule *b)
{
	return a->prefix.bits != b->prefix.bits ? a->prefix.bits > b->prefix.bits
						: a->destination.bits > b->destination.bits;
}

/* Notes a rule of both prefixes for the pairs of classes that it decides, in place of their policy. */
static void both_spread(const struct policy_document *document, struct policy_table *table, uint16_t number)
{
	const struct policy_rule *rule = &document->rules[number];
	uint16_t held[POLICY_CLASSES_MAX];
	uint32_t held_count = 0;

	for (uint32_t d = 0; d < table->classes_count[POLICY_DESTINATION]; d++) {
		if (holds_class(document, rule, POLICY_DESTINATION, &table->classes[POLICY_DESTINATION][d]))
			held[held_count++] = (uint16_t)d;
	}
	for (uint32_t c = 0; c < table->classes_count[POLICY_CLIENT]; c++) {
		if (!holds_class(document, rule, POLICY_CLIENT, &table->classes[POLICY_CLIENT][c]))
			continue;
		for (uint32_t i = 0; i < held_count; i++) {
			uint16_t *decides = &table->pair[c][held[i]];

			if (*decides == POLICY_RULE_NONE || is_closer(rule, &document->rules[*decides]))
				*decides = number;
		}
	}
}

/* The rule of both prefixes that decides for each two classes, or POLICY_RULE_NONE. */
static void boths_make(const struct policy_document *document, struct policy_table *table)
{
	for (uint32_t c = 0; c < POLICY_CLASSES_MAX; c++) {
		for (uint32_t d = 0; d < POLICY_CLASSES_MAX; d++)
			table->pair[c][d] = POLICY_RULE_NONE;
	}
	for (uint32_t i = 0; i < document->rules_count; i++) {
		if (document->rules[i].side == POLICY_BOTH)
			both_spread(document, table, (uint16_t)i);
	}
}

static struct policy_effective effective_of_pair(const struct policy_document *document,
						 const struct policy_class *client,
						 const struct policy_class *destination, uint16_t both)
{
	struct policy_effective effective = effective_of(document, client, destination);
	struct policy_class own = { .fields = 0 };

	/* The thresholds of destination, client and network are their own keys'. */
	effective.thresholds.destination_rate = document->defaults.destination_rate;
	effective.thresholds.client_rate = document->defaults.client_rate;
	effective.thresholds.network_rate = document->defaults.network_rate;
	effective.thresholds.contact_rate = document->defaults.contact_rate;
	effective.thresholds.destination_min_window = document->defaults.destination_min_window;
	if (both == POLICY_RULE_NONE) {
		outside_apply(&effective, client);
		return effective;
	}
	class_override(&own, &document->rules[both]);
	thresholds_override(&effective.thresholds, &own);
	return effective;
}

static int pairs_make(const struct policy_document *document, struct policy_table *table, uint32_t *ret_rule)
{
	boths_make(document, table);
	for (uint32_t c = 0; c < table->classes_count[POLICY_CLIENT]; c++) {
		for (uint32_t d = 0; d < table->classes_count[POLICY_DESTINATION]; d++) {
			const struct policy_effective effective =
				effective_of_pair(document, &table->classes[POLICY_CLIENT][c],
						  &table->classes[POLICY_DESTINATION][d], table->pair[c][d]);

			*ret_rule = table->pair[c][d];
			if (effective_put(table, &effective, &table->pair[c][d]))
				return -EINVAL;
		}
	}
	return 0;
}

int policy_compile(const struct policy_document *document, uint64_t now_s, struct policy_table *ret_table,
		   uint32_t *ret_rule)
{
	static const struct policy_class nobody;

	memset(ret_table, 0, sizeof(*ret_table));
	ret_table->expires_s = UINT64_MAX;
	*ret_rule = POLICY_RULE_NONE;
	prefixes_collect(document, now_s, POLICY_CLIENT, ret_table);
	prefixes_collect(document, now_s, POLICY_DESTINATION, ret_table);
	if (classes_make(document, ret_table, POLICY_CLIENT, 0, ret_rule) ||
	    classes_make(document, ret_table, POLICY_DESTINATION, ret_table->prefixes_count[POLICY_CLIENT], ret_rule))
		return -EINVAL;
	*ret_rule = POLICY_RULE_NONE;
	for (uint32_t d = 0; d < ret_table->classes_count[POLICY_DESTINATION]; d++)
		ret_table->of_destination[d] = effective_of(document, &nobody,
							    &ret_table->classes[POLICY_DESTINATION][d]);
	for (uint32_t c = 0; c < ret_table->classes_count[POLICY_CLIENT]; c++)
		ret_table->of_client[c] = effective_of(document, &ret_table->classes[POLICY_CLIENT][c], &nobody);
	return pairs_make(document, ret_table, ret_rule);
}
