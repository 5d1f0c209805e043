/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compiles a document: its prefixes in order, without those of rules that ended; the class of each; and the policy for
 * each combination of two classes. The kernel gets the same classes and the same matrix, so both judge a key alike.
 */
#include <errno.h>
#include <string.h>

#include "policy.h"

/* Orders by side, address, bits, kind. */
static bool is_before(const struct policy_rule *a, const struct policy_rule *b)
{
	int order;

	if (a->side != b->side)
		return a->side < b->side;
	order = memcmp(&a->prefix.address, &b->prefix.address, sizeof(struct address));
	if (order)
		return order < 0;
	return a->prefix.bits != b->prefix.bits ? a->prefix.bits < b->prefix.bits : a->kind < b->kind;
}

/* Shell's sort: in place, and about 10^4 comparisons at most. */
static void prefixes_sort(const struct policy_document *document, struct policy_prefix *prefixes, uint32_t count)
{
	for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
		for (uint32_t i = gap; i < count; i++) {
			const struct policy_prefix moving = prefixes[i];
			uint32_t at = i;

			for (; at >= gap &&
			       is_before(&document->rules[moving.rule], &document->rules[prefixes[at - gap].rule]);
			     at -= gap)
				prefixes[at] = prefixes[at - gap];
			prefixes[at] = moving;
		}
	}
}

static void prefixes_collect(const struct policy_document *document, uint64_t now_s, struct policy_table *table)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < document->rules_count; i++) {
		const struct policy_rule *rule = &document->rules[i];

		if (rule->until_s && rule->until_s <= now_s)
			continue;
		if (rule->until_s && rule->until_s < table->expires_s)
			table->expires_s = rule->until_s;
		table->prefixes[count++].rule = (uint16_t)i;
		table->prefixes_count[rule->side]++;
	}
	prefixes_sort(document, table->prefixes, count);
}

/*
 * Shorter prefixes of a branch come first, so the nearest that holds this one is the one before it, or one that
 * holds that.
 */
static uint16_t parent_of(const struct policy_document *document, const struct policy_table *table, uint32_t at,
			  uint32_t begin)
{
	const struct prefix *prefix = &document->rules[table->prefixes[at].rule].prefix;
	uint16_t parent = at == begin ? POLICY_RULE_NONE : (uint16_t)(at - 1);

	while (parent != POLICY_RULE_NONE) {
		const struct prefix *holder = &document->rules[table->prefixes[parent].rule].prefix;

		if (holder->bits <= prefix->bits && prefix_holds(holder, &prefix->address))
			break;
		parent = table->prefixes[parent].parent;
	}
	return parent;
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

/* Adds what a rule says to what its shorter prefixes say. */
static void class_add(struct policy_class *class, const struct policy_rule *rule)
{
	switch (rule->kind) {
	case POLICY_OVERRIDE:
		class->fields = rule->fields;
		class->pair_rate = rule->fields & POLICY_PAIR_RATE ? rule->pair_rate : 0;
		class->destination_rate = rule->fields & POLICY_DESTINATION_RATE ? rule->destination_rate : 0;
		class->client_rate = rule->fields & POLICY_CLIENT_RATE ? rule->client_rate : 0;
		class->network_rate = rule->fields & POLICY_NETWORK_RATE ? rule->network_rate : 0;
		class->idle_reset_ms = rule->fields & POLICY_IDLE_RESET ? rule->idle_reset_ms : 0;
		class->pair_min_window_ms = rule->fields & POLICY_PAIR_MIN_WINDOW ? rule->pair_min_window_ms : 0;
		class->destination_min_window_ms = rule->fields & POLICY_DESTINATION_MIN_WINDOW
							   ? rule->destination_min_window_ms
							   : 0;
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

static int classes_make(const struct policy_document *document, struct policy_table *table, unsigned int side,
			uint32_t begin, uint32_t *ret_rule)
{
	table->classes_count[side] = 1; /* class 0 */
	for (uint32_t at = begin; at < begin + table->prefixes_count[side]; at++) {
		struct policy_prefix *prefix = &table->prefixes[at];
		struct policy_class class = { .fields = 0 };

		prefix->parent = parent_of(document, table, at, begin);
		if (prefix->parent != POLICY_RULE_NONE &&
		    says_something(&document->rules[table->prefixes[prefix->parent].rule].prefix,
				   &document->rules[prefix->rule].prefix))
			class = table->classes[side][table->prefixes[prefix->parent].class];
		class_add(&class, &document->rules[prefix->rule]);
		*ret_rule = prefix->rule;
		if (class_put(table, side, &class, &prefix->class))
			return -EINVAL;
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

static bool effectives_are_equal(const struct policy_effective *a, const struct policy_effective *b)
{
	return a->thresholds.pair_rate == b->thresholds.pair_rate &&
	       a->thresholds.idle_reset.ns == b->thresholds.idle_reset.ns &&
	       a->thresholds.pair_min_window.ns == b->thresholds.pair_min_window.ns &&
	       a->never_drop_s == b->never_drop_s && a->block_s == b->block_s && a->protect_s == b->protect_s;
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

static int pairs_make(const struct policy_document *document, struct policy_table *table)
{
	for (uint32_t c = 0; c < table->classes_count[POLICY_CLIENT]; c++) {
		for (uint32_t d = 0; d < table->classes_count[POLICY_DESTINATION]; d++) {
			struct policy_effective effective = effective_of(document, &table->classes[POLICY_CLIENT][c],
									 &table->classes[POLICY_DESTINATION][d]);

			/* The thresholds of destination, client and network are their own keys'. */
			effective.thresholds.destination_rate = document->defaults.destination_rate;
			effective.thresholds.client_rate = document->defaults.client_rate;
			effective.thresholds.network_rate = document->defaults.network_rate;
			effective.thresholds.destination_min_window = document->defaults.destination_min_window;
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
	prefixes_collect(document, now_s, ret_table);
	if (classes_make(document, ret_table, POLICY_CLIENT, 0, ret_rule) ||
	    classes_make(document, ret_table, POLICY_DESTINATION, ret_table->prefixes_count[POLICY_CLIENT], ret_rule))
		return -EINVAL;
	*ret_rule = POLICY_RULE_NONE;
	for (uint32_t d = 0; d < ret_table->classes_count[POLICY_DESTINATION]; d++)
		ret_table->of_destination[d] = effective_of(document, &nobody,
							    &ret_table->classes[POLICY_DESTINATION][d]);
	for (uint32_t c = 0; c < ret_table->classes_count[POLICY_CLIENT]; c++)
		ret_table->of_client[c] = effective_of(document, &ret_table->classes[POLICY_CLIENT][c], &nobody);
	return pairs_make(document, ret_table);
}
