/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One node that publishes by need, and one other member, whose cells are put in as if its frames had come. */
#ifndef TESTS_NEED_BED_H
#define TESTS_NEED_BED_H

#include "publish_bed.h"
#include "mesh_world.h"
#include "world_asks.h"

#define PAIR_RATE 100 /* as in publish_bed.h; the window is a second */
#define SLOT_NS (4 * NS_PER_S)
#define REVIEW_NS (10 * TICK_NS) /* all keys are reviewed by then */

static struct {
	struct node *node;
	uint16_t member;
	uint32_t origin; /* of the other member */
	uint64_t slot; /* at 0 */
} bed;

static inline uint16_t meet(uint8_t number)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, number }), .port = 7946 };
	uint8_t seed[32] = { number }, secret[SECRET_KEY_BYTES];
	struct certificate certificate = { .name = "b", .serial = 1 };
	uint16_t member;

	crypto_sign_seed_keypair(certificate.public_key, secret, seed);
	certificate.id = member_id_of(certificate.public_key);
	assert_int_equal(member_meet(bed.node, at(0), &certificate, 7, 1, &from, &member), REJECT_NONE);
	return member;
}

static inline int bed_make(void **state)
{
	(void)state;
	bed.node = lone_node(4096, 64, 16384);
	bed.node->config.publish = PUBLISH_NEED;
	bed.member = meet(2);
	bed.origin = origin_of(bed.node, bed.member, 7);
	bed.slot = mesh_slot_at(&bed.node->mesh, at(0).mesh);
	assert_int_not_equal(bed.origin, INDEX_NONE);
	turn(bed.node, 0);
	return 0;
}

static inline int bed_free(void **state)
{
	(void)state;
	free(bed.node);
	return 0;
}

static inline void run_until(int64_t from_ns, int64_t to_ns)
{
	for (int64_t ns = from_ns; ns <= to_ns; ns += TICK_NS)
		turn(bed.node, ns);
}

/* The other member's cell of slot 0, 1, and so on, in one of its frames of the tick that ends at `ns`. */
static inline void other_tells(int64_t ns, uint64_t slot, struct key key, uint64_t packets)
{
	const uint64_t tick = mesh_tick_ended(&bed.node->mesh, at(ns).mesh);
	const struct cell cell = { .key = key, .slot = bed.slot + slot, .last = 1, .packets = packets };

	assert_int_equal(receive_cell(bed.node, bed.origin, &cell, tick - 1, tick), REJECT_NONE);
}

static inline enum told state_of(struct key key, uint64_t slot)
{
	const uint32_t number = ledger_find(&bed.node->count->ledger, &key);

	assert_int_not_equal(number, INDEX_NONE);
	return told_of(&bed.node->count->ledger.entries[number], bed.slot + slot);
}

static inline bool is_told(struct key key, uint64_t slot)
{
	return state_of(key, slot) != TOLD_NOT;
}

/* The packets of the key in frames published since, of a kind; the last that was said. */
static inline uint64_t published_of(uint64_t since, enum frame_kind kind, struct key key, uint64_t slot)
{
	struct published published = { .node = bed.node, .next = since };
	uint64_t packets = 0;
	struct cell cell;

	while (published_next(&published, &cell)) {
		if (published.claim.head.kind == kind && key_equal(&cell.key, &key) && cell.slot == bed.slot + slot)
			packets = cell.packets;
	}
	return packets;
}

/* ---- a: call ---- */

/* The fewest packets that call, by the rule as it is written. */
static inline uint64_t calls_from(struct key key, uint64_t slot, double rate, uint32_t members)
{
	const struct call call = call_of_rate(rate, duration_ms(1000), members);
	uint64_t packets = 0;

	while (!call_is_made(&call, bed.node->spread->need.secret, &key, bed.slot + slot, packets))
		packets++;
	return packets;
}

#define ON_BED(test) cmocka_unit_test_setup_teardown(test, bed_make, bed_free)

#endif
