/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests of policies in the kernel: a document, rule by rule, and the way into force. */
#ifndef TESTS_XDP_POLICIES_H
#define TESTS_XDP_POLICIES_H

#include "bed.h"

#define NET(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define VICTIM NET(192, 0, 2, 1)

static const struct mesh mesh = {
	.tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT
};
static struct policy_document document;
static struct policy_table compiled;

static inline struct prefix prefix4(uint32_t address, uint8_t bits)
{
	const struct key key = destination4(address);

	return (struct prefix){ key.destination, (uint8_t)(96 + bits) };
}

static inline void document_start(uint32_t pair_rate, uint32_t destination_rate)
{
	document = (struct policy_document){ .defaults = { .pair_rate = pair_rate,
							   .destination_rate = destination_rate,
							   .idle_reset = duration_ms(10000),
							   .pair_min_window = duration_ms(1000),
							   .destination_min_window = duration_ms(1000),
							   .early = true } };
}

static inline struct policy_rule *rule_add(enum policy_side side, enum policy_kind kind, struct prefix prefix)
{
	struct policy_rule *rule = &document.rules[document.rules_count++];

	*rule = (struct policy_rule){ .prefix = prefix, .side = (uint8_t)side, .kind = (uint8_t)kind };
	return rule;
}

static inline void both_add(struct prefix client, struct prefix destination)
{
	rule_add(POLICY_BOTH, POLICY_OVERRIDE, client)->destination = destination;
}

static inline void override_add(enum policy_side side, struct prefix prefix, uint32_t pair_rate)
{
	struct policy_rule *rule = rule_add(side, POLICY_OVERRIDE, prefix);

	rule->fields = POLICY_PAIR_RATE;
	rule->pair_rate = pair_rate;
}

/* Into force, at a time, whatever the walk before still has to do. */
static inline void put_at(uint64_t now_s)
{
	const char *problem = "";
	uint32_t rule;

	assert_int_equal(policy_check(&document, &mesh, &rule, &problem), 0);
	assert_int_equal(policy_compile(&document, now_s, &compiled, &rule), 0);
	while (table_set_policy(bed.table, &document, &compiled, &mesh, false) == -EAGAIN)
		policy_walk(bed.table);
}

static inline void put(void)
{
	put_at(0);
}

static inline uint32_t passes(const struct frame *frame, uint32_t packets)
{
	uint32_t i, passed = 0;

	for (i = 0; i < packets; i++)
		passed += bed_run(frame) == XDP_VERDICT_PASS;
	return passed;
}

#endif
