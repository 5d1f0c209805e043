/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which tick the packets count in that a closing frame brings: datagrams overtake each other. */
#include "liar_bed.h"

#define CLIENT 7

static uint64_t tick_now(void)
{
	return mesh_tick_ended(&bed.self.config.mesh, bed.now.mesh);
}

static void let_pass(int64_t ms)
{
	bed.now.mono.ns += ms * NS_PER_MS;
	bed.now.mesh.ns += ms * NS_PER_MS;
	node_tick(bed.node, bed.now);
}

static void say_total(enum frame_kind kind, uint64_t packets)
{
	struct cell cell = cell_of(CLIENT, -1, packets);

	cell.first = 250; /* in the last tick of the slot */
	cell.last = 255;
	assert_int_equal(say_frame((struct speech){ .origin = bed.liar.id,
						    .incarnation = LIAR_INCARNATION,
						    .kind = kind,
						    .cells = &cell,
						    .count = 1 }),
			 REJECT_NONE);
}

/* Packets of the pair that count in the ticks after `tick` and up to the running one. */
static uint64_t counted_after(uint64_t tick)
{
	const struct key key = pair_of(CLIENT);
	const struct ledger *ledger = &bed.node->count->ledger;

	return recent_sum(&ledger->entries[ledger_find(ledger, &key)].recent, tick, tick_now());
}

static void a_closing_frame_that_overtook_its_tick_s_counts_in_that_tick(void **state)
{
	uint64_t ended;

	(void)state;
	let_pass(4000); /* a slot begins: START_NS is the start of one */
	ended = tick_now();
	assert_int_equal(bed.now.mesh.ns % mesh_slot_length(&bed.self.config.mesh).ns, 0);
	say_total(FRAME_CLOSING, 30);
	assert_int_equal(counted_after(ended - 1), 30);
	say_total(FRAME_TICK, 30);
	assert_int_equal(counted_after(ended - 1), 30);
}

/* Two ticks later it would be a burst of now, and it is not. */
static void a_closing_frame_counts_in_no_later_tick_than_its_slot_s_last(void **state)
{
	uint64_t ended;

	(void)state;
	let_pass(4000);
	ended = tick_now();
	let_pass(200);
	let_pass(200);
	say_total(FRAME_CLOSING, 30);
	assert_int_equal(counted_after(ended), 0);
	assert_int_equal(counted_after(ended - 1), 30);
}

static void what_a_closing_frame_adds_to_a_whole_tick_counts_in_none(void **state)
{
	(void)state;
	let_pass(4000);
	say_total(FRAME_TICK, 30);
	say_total(FRAME_CLOSING, 50);
	assert_int_equal(counted_after(tick_now() - RECENT_TICKS), 30);
	assert_int_equal(packets_of(CLIENT), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_closing_frame_that_overtook_its_tick_s_counts_in_that_tick),
		TEST(a_closing_frame_counts_in_no_later_tick_than_its_slot_s_last),
		TEST(what_a_closing_frame_adds_to_a_whole_tick_counts_in_none),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
