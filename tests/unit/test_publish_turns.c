/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose turn it is to be published when a tick has no room for all: who waits longest, destinations before pairs, and
 * each class its part. The longest wait is held against the bound of PROTOCOL, section "Publishing".
 */
#include "publish_bed.h"

enum { PAIR, DESTINATION, CLASSES };
static const char *const class_names[CLASSES] = { "pair", "destination" };

#define BODY_BYTES (DATAGRAM_BYTES_DEFAULT - 282 - 46) /* for the groups of a frame */
#define KEYS_MOST 4096
#define PACKETS_LONG 0x10000000 /* the longest on the wire, five bytes */

enum family { IPV4, IPV6, MIXED };

/* All keys change in every tick. */
struct plan {
	uint32_t pairs, destinations, frames;
	enum family family;
	uint32_t share;	  /* pairs of one destination */
	uint64_t packets; /* of a key's first tick */
};

static bool is_ipv6(const struct plan *plan, uint32_t number)
{
	return plan->family == IPV6 || (plan->family == MIXED && number % 2);
}

static struct key plan_key(const struct plan *plan, int class, uint32_t number)
{
	const bool ipv6 = is_ipv6(plan, number);

	return class == DESTINATION ? destination_numbered(ipv6, number)
				    : pair_numbered(ipv6, number, 1 + (number - 1) / plan->share);
}

static uint32_t plan_keys(const struct plan *plan, int class)
{
	return class == DESTINATION ? plan->destinations : plan->pairs;
}

static uint32_t ceiling(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

/* Cells that a quarter of a frame takes at the least. */
static uint32_t quarter_cells(const struct plan *plan, int class)
{
	static const uint32_t bytes[CLASSES][2] = { [PAIR] = { 32, 56 }, [DESTINATION] = { 28, 40 } };

	return BODY_BYTES / 4 / bytes[class][plan->family != IPV4];
}

/* Cells of a class that a tick takes at the least, when so many wait. */
static uint32_t tick_cells(const struct plan *plan, int class)
{
	const uint32_t quarters = plan_keys(plan, !class) == 0 ? 4 : class == DESTINATION ? 3 : 1;

	return quarters * plan->frames * quarter_cells(plan, class);
}

/* In the worst case a key waits with its cells of two slots. */
static uint32_t bound(const struct plan *plan, int class, uint32_t slots)
{
	return ceiling(slots * plan_keys(plan, class), tick_cells(plan, class));
}

struct run {
	struct node *node;
	struct published published;
	uint32_t tick;
	uint32_t changed[CLASSES][KEYS_MOST + 1]; /* the tick since when the key waits */
	uint32_t longest[CLASSES], told[CLASSES]; /* of all ticks; in the last one */
	uint32_t key[CLASSES];			  /* who waited longest, */
	uint32_t step[CLASSES];			  /* and until when */
};

static void waited(struct run *run, int class, uint32_t number)
{
	const uint32_t ticks = run->tick + 1 - run->changed[class][number];

	if (ticks <= run->longest[class])
		return;
	run->longest[class] = ticks;
	run->key[class] = number;
	run->step[class] = run->tick;
}

static void read_told(struct run *run, const struct plan *plan)
{
	struct cell cell;

	run->told[PAIR] = run->told[DESTINATION] = 0;
	run->published.frames = 0;
	while (published_next(&run->published, &cell)) {
		const int class = key_kind(&cell.key) == KEY_DESTINATION ? DESTINATION : PAIR;
		const uint32_t number = key_number(&cell.key);

		if (run->published.claim.head.kind == FRAME_CLOSING || cell.slot != run->node->slot)
			continue;
		assert_true(number >= 1 && number <= plan_keys(plan, class));
		waited(run, class, number);
		run->changed[class][number] = run->tick + 1;
		run->told[class]++;
	}
}

static void run_begin(struct run *run, const struct plan *plan)
{
	memset(run, 0, sizeof(*run));
	run->node = lone_node(8192, (uint16_t)plan->frames, 65536);
	run->published = (struct published){ .node = run->node, .next = run->node->spread->publish.next_sequence };
	run->tick = 0;
	for (int class = 0; class < CLASSES; class ++) {
		for (uint32_t number = 1; number <= KEYS_MOST; number++)
			run->changed[class][number] = 1;
	}
}

/* Every key grows, then a tick passes. A key that just waits for its turn goes on waiting. */
static void run_tick(struct run *run, const struct plan *plan)
{
	const int64_t ns = ++run->tick * TICK_NS;
	const uint64_t packets = plan->packets + run->tick;

	for (int class = 0; class < CLASSES; class ++) {
		for (uint32_t number = 1; number <= plan_keys(plan, class); number++)
			observe_key(run->node, ns, ns, plan_key(plan, class, number), packets);
	}
	turn(run->node, ns);
	read_told(run, plan);
}

/* Who was not told until the end has waited as well. */
static void run_end(struct run *run, const struct plan *plan)
{
	for (int class = 0; class < CLASSES; class ++) {
		for (uint32_t number = 1; number <= plan_keys(plan, class); number++) {
			if (run->changed[class][number] <= run->tick)
				waited(run, class, number);
		}
	}
	free(run->node);
}

static struct run run;

static void run_all(const struct plan *plan, uint32_t ticks)
{
	run_begin(&run, plan);
	while (run.tick < ticks)
		run_tick(&run, plan);
	run_end(&run, plan);
}

static void assert_bound(const struct plan *plan, uint32_t slots, const char *what, uint64_t number)
{
	for (int class = 0; class < CLASSES; class ++) {
		if (plan_keys(plan, class) > 0 && run.longest[class] > bound(plan, class, slots))
			fail_msg("%s %llu: %s %u waited %u ticks until tick %u, expected at most %u (%u pairs, %u "
				 "destinations, "
				 "%u frames, "
				 "family %d, %u pairs a destination)",
				 what, (unsigned long long)number, class_names[class], run.key[class],
				 run.longest[class], run.step[class], bound(plan, class, slots), plan->pairs,
				 plan->destinations, plan->frames, plan->family, plan->share);
	}
}

#define SLOT_TICKS 19 /* of one slot */

static void nothing_starves_when_the_budget_is_short(void **state)
{
	static const struct {
		struct plan plan;
		uint32_t longest_pair, longest_destination;
	} rows[] = {
		/* 0 */ { { 4000, 0, 16, IPV4, KEYS_MOST, 0 }, 2, 0 },
		/* 1 */ { { 4000, 0, 17, IPV4, KEYS_MOST, 0 }, 2, 0 },
		/* 2 */ { { 4000, 0, 12, IPV4, KEYS_MOST, 0 }, 3, 0 },
		/* 3 */ { { 1500, 0, 8, IPV4, KEYS_MOST, 0 }, 2, 0 },
		/* 4 */ { { 1500, 0, 7, IPV4, KEYS_MOST, 0 }, 2, 0 },
		/* 5 */ { { 1500, 0, 1, IPV4, KEYS_MOST, 0 }, 12, 0 },
		/* 6 */ { { 4000, 1, 31, IPV4, KEYS_MOST, 0 }, 2, 1 },
		/* 7 */ { { 2000, 2000, 48, IPV4, 1, 0 }, 2, 1 },
		/* 8 */ { { 2000, 2000, 64, IPV4, 1, 0 }, 2, 1 },
		/* 9 */ { { 2000, 2000, 27, MIXED, 1, 0 }, 14, 2 },
		/* 10 */ { { 128, 0, 1, IPV4, KEYS_MOST, 0 }, 1, 0 },
		/* 11 */ { { 1, 1, 1, IPV6, 1, 0 }, 1, 1 },
		/* 12 */ { { 0, 250, 2, IPV4, 1, 0 }, 0, 1 }, /* no pairs: all of the tick is the destinations' */
		/* 13 */ { { 3, 240, 2, IPV4, 3, 0 }, 1, 1 }, /* and what they leave of their quarter */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct plan *plan = &rows[i].plan;

		run_all(plan, SLOT_TICKS);
		assert_bound(plan, 1, "row", i);
		if (run.longest[PAIR] != rows[i].longest_pair ||
		    run.longest[DESTINATION] != rows[i].longest_destination)
			fail_msg("row %zu: the longest waits are %u ticks of pair %u and %u of destination %u, "
				 "expected %u and %u",
				 i, run.longest[PAIR], run.key[PAIR], run.longest[DESTINATION], run.key[DESTINATION],
				 rows[i].longest_pair, rows[i].longest_destination);
	}
}

static struct plan plan_draw(uint64_t *random)
{
	const uint32_t most = (uint32_t)(1 + draw_below(random, 3) * 1000);

	return (struct plan){
		.pairs = (uint32_t)draw_below(random, most + 500),
		.destinations = draw_below(random, 3) ? (uint32_t)draw_below(random, most) : 0,
		.frames = (uint32_t)(1 + draw_below(random, 64)),
		.family = (enum family)draw_below(random, 3),
		.share = (uint32_t)(1 + draw_below(random, 2) * draw_below(random, 200)),
		.packets = draw_below(random, 2) ? PACKETS_LONG : 0,
	};
}

static void no_key_waits_longer_than_the_bound(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t random = seed;
		const struct plan plan = plan_draw(&random);

		run_all(&plan, SLOT_TICKS);
		assert_bound(&plan, 1, "seed", seed);
	}
}

/* Over the ends of slots a key waits with the cells of two. */
static void nor_when_slots_end_meanwhile(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		uint64_t random = 1000 + seed;
		struct plan plan = plan_draw(&random);

		plan.frames = 1 + plan.frames % 12;
		run_all(&plan, 3 * SLOT_TICKS + 8);
		assert_bound(&plan, 2, "seed", seed);
	}
}

/* The dearest cells: a pair IPv6 in a group of its own, a count of five bytes. A frame takes 16. */
static void the_bound_is_reached(void **state)
{
	static const struct {
		uint32_t pairs, frames, longest;
	} rows[] = {
		/* 0 */ { 16, 1, 1 },
		/* 1 */ { 17, 1, 2 },
		/* 2 */ { 64, 4, 1 },
		/* 3 */ { 65, 4, 2 },
		/* 4 */ { 1008, 7, 9 },
		/* 5 */ { 1009, 7, 10 },
		/* 6 */ { 2048, 64, 2 },
		/* 7 */ { 2049, 64, 3 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct plan plan = { rows[i].pairs, 0, rows[i].frames, IPV6, 1, PACKETS_LONG };

		run_all(&plan, SLOT_TICKS);
		assert_int_equal(bound(&plan, PAIR, 1), rows[i].longest);
		if (run.longest[PAIR] != rows[i].longest)
			fail_msg("row %zu: pair %u waited %u ticks until tick %u, expected %u", i, run.key[PAIR],
				 run.longest[PAIR], run.step[PAIR], rows[i].longest);
	}
}

/*
 * Each tick: destinations take their three quarters of the frames, pairs the fourth, at the least; and no frame is
 * left out.
 */
static void each_class_has_its_part_of_every_tick(void **state)
{
	static const uint32_t budgets[] = { 1, 2, 3, 4, 5, 7, 8, 13, 16 };

	(void)state;
	for (size_t i = 0; i < ROWS(budgets) * CLASSES; i++) {
		const struct plan plan = {
			3000, 3000, budgets[i / CLASSES], i % CLASSES ? IPV6 : IPV4, 1, PACKETS_LONG
		};

		run_begin(&run, &plan);
		while (run.tick < SLOT_TICKS) {
			run_tick(&run, &plan);
			for (int class = 0; class < CLASSES; class ++) {
				if (run.told[class] < tick_cells(&plan, class))
					fail_msg("row %zu, tick %u: %u %ss told, expected at least %u", i, run.tick,
						 run.told[class], class_names[class], tick_cells(&plan, class));
			}
			assert_int_equal(run.published.frames, plan.frames);
		}
		run_end(&run, &plan);
	}
}

/* Few destinations, many pairs: all destinations are told in each tick, as when there were no pairs. */
static void destinations_go_before_pairs(void **state)
{
	static const struct {
		uint32_t destinations, frames;
	} rows[] = { { 1, 1 }, { 60, 1 }, { 150, 2 }, { 500, 7 }, { 1000, 13 } };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct plan plan = { 4000, rows[i].destinations, rows[i].frames, IPV4, 40, 0 };

		run_begin(&run, &plan);
		while (run.tick < SLOT_TICKS) {
			run_tick(&run, &plan);
			if (run.told[DESTINATION] != plan.destinations)
				fail_msg("row %zu, tick %u: %u destinations told, expected %u", i, run.tick,
					 run.told[DESTINATION], plan.destinations);
		}
		run_end(&run, &plan);
	}
}

/*
 * The pairs of the second tick have lower addresses, and so have those of the third: those of the first go first all
 * the same.
 */
static void who_waits_longest_is_next(void **state)
{
	enum { EACH = 300, WAVES = 3 };
	struct node *node = lone_node(4096, 1, 65536);
	struct published published = { .node = node, .next = node->spread->publish.next_sequence };
	uint32_t told[WAVES] = { 0 }, tick = 0;
	struct cell cell;

	(void)state;
	while (told[WAVES - 1] < EACH) {
		uint32_t now[WAVES] = { 0 };

		tick++;
		assert_true(tick < SLOT_TICKS);
		for (uint32_t i = 1; tick <= WAVES && i <= EACH; i++)
			observe_key(node, tick * TICK_NS, tick * TICK_NS,
				    pair_numbered(false, (WAVES - tick) * 1000 + i, 1), 1);
		turn(node, tick * TICK_NS);
		while (published_next(&published, &cell))
			now[WAVES - 1 - key_number(&cell.key) / 1000]++;
		for (uint32_t wave = 0; wave < WAVES; wave++) {
			const uint32_t left = wave ? EACH - told[wave - 1] : 0; /* of those before */

			if (now[wave] > 0 && left > 0)
				fail_msg("tick %u: %u pairs of tick %u were told, expected none: %u of tick %u wait",
					 tick, now[wave], wave + 1, left, wave);
			told[wave] += now[wave];
		}
	}
	free(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_starves_when_the_budget_is_short),
		cmocka_unit_test(no_key_waits_longer_than_the_bound),
		cmocka_unit_test(nor_when_slots_end_meanwhile),
		cmocka_unit_test(the_bound_is_reached),
		cmocka_unit_test(each_class_has_its_part_of_every_tick),
		cmocka_unit_test(destinations_go_before_pairs),
		cmocka_unit_test(who_waits_longest_is_next),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
