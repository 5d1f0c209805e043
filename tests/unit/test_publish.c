/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a node publishes, and when: every frame whole, closing frames by pieces, what came late once more, and signs
 * of life.
 */
#include "publish_bed.h"

static void observe(struct node *node, int64_t ns, uint32_t client, uint64_t packets)
{
	observe_key(node, ns, ns, pair_numbered(false, client, 1), packets);
}

static void every_frame_kept_is_whole(const struct node *node)
{
	for (uint32_t i = 0; i < node->spread->store.frames_max; i++) {
		const struct stored *stored = &node->spread->store.frames[i];
		struct frame_claim claim;

		if (!stored->sequence)
			continue;
		assert_true(stored->size <= DATAGRAM_BYTES_MAX);
		assert_int_equal(frame_split(stored->frame, stored->size, &claim), REJECT_NONE);
		assert_true(frame_verify(&claim.root, &node->mesh, node->member->table[0].certificate.public_key));
	}
}

/* Far more closing cells than the ring of closing frames has places for. */
static void closing_frames_keep_to_their_ring(void **state)
{
	struct node *node = lone_node(64, 16, 65536);

	(void)state;
	for (uint32_t client = 1; client <= 20000; client++)
		observe(node, 100 * NS_PER_MS, client, 1);
	for (int64_t ns = 200 * NS_PER_MS; ns < 9 * NS_PER_S; ns += 200 * NS_PER_MS) {
		turn(node, ns);
		every_frame_kept_is_whole(node);
	}
	free(node);
}

/* Counts in told[] the pairs of the frames of a kind published since, and returns how many. */
static uint32_t count_told(struct published *published, enum frame_kind kind, uint32_t *told)
{
	uint32_t cells = 0;
	struct cell cell;

	while (published_next(published, &cell)) {
		if (published->claim.head.kind != kind || key_kind(&cell.key) == KEY_DESTINATION)
			continue;
		told[key_number(&cell.key)]++;
		cells++;
	}
	return cells;
}

#define MANY 240000

/* A slot of so many pairs is closed by pieces, a turn each, and each pair once. */
static void a_turn_closes_no_more_than_a_piece(void **state)
{
	struct node *node = lone_node(16384, 256, 3 * MANY);
	struct published published = { .node = node };
	uint32_t *told = calloc(MANY + 1, sizeof(*told)), pieces = 0;

	(void)state;
	assert_non_null(told);
	for (uint32_t client = 1; client <= MANY; client++)
		observe(node, 100 * NS_PER_MS, client, 1);
	for (int64_t ns = 200 * NS_PER_MS; ns < 4 * NS_PER_S; ns += 200 * NS_PER_MS)
		turn(node, ns);
	published.next = node->spread->publish.next_sequence;
	for (int64_t ns = 4 * NS_PER_S; ns < 7 * NS_PER_S; ns += 200 * NS_PER_MS) {
		for (node_tick(node, at(ns));; node_turn(node, at(ns))) {
			const uint32_t cells = count_told(&published, FRAME_CLOSING, told);

			assert_true(cells <= PUBLISH_CELLS);
			pieces += cells > 0;
			if (instant_is_before(at(ns).mono, node_next_turn(node, at(ns))))
				break;
		}
	}
	assert_true(pieces > 12); /* more than one in a tick */
	assert_int_equal(node->spread->publish.closing_entry, INDEX_NONE);
	for (uint32_t client = 1; client <= MANY; client++)
		assert_int_equal(told[client], 1);
	free(told);
	free(node);
}

#define SLOT_TICKS 20
#define PAIRS 3000

/* Runs the ticks up to `tick`, `next` being the first of them. */
static void run_to(struct node *node, uint32_t next, uint32_t tick)
{
	for (; next <= tick; next++)
		turn(node, next * TICK_NS);
}

/*
 * A pair's total of the ended slot grows in each tick of its closing, before its closing frame, in that very tick and
 * after it: the last closing frame that tells of it has the newest total, one tick later at the latest.
 */
static void a_late_cell_is_told_again_in_closing_frames(void **state)
{
	(void)state;
	for (uint32_t grows = SLOT_TICKS; grows < 2 * SLOT_TICKS; grows++) {
		struct node *node = lone_node(4096, 16, 65536);
		struct published published = { .node = node };
		uint64_t packets[PAIRS + 1] = { 0 };
		struct cell cell;

		for (uint32_t client = 1; client <= PAIRS; client++)
			observe(node, TICK_NS, client, 1);
		run_to(node, 1, grows);
		published.next = node->spread->publish.next_sequence;
		for (uint32_t client = 1; client <= PAIRS; client++)
			observe_key(node, (grows + 1) * TICK_NS, TICK_NS, pair_numbered(false, client, 1), 2);
		run_to(node, grows + 1, grows + 1 + CLOSING_TICKS);
		while (published_next(&published, &cell)) {
			if (published.claim.head.kind == FRAME_CLOSING)
				packets[key_number(&cell.key)] = cell.packets;
		}
		for (uint32_t client = 1; client <= PAIRS; client++) {
			if (packets[client] != 2)
				fail_msg("grown after tick %u: closing frames tell %llu packets of pair %u, expected 2",
					 grows, (unsigned long long)packets[client], client);
		}
		free(node);
	}
}

/*
 * All cells of an ended slot grow in each tick: each has its turn, within as many ticks as half of the frames need
 * for all. A frame takes 7 quarters of four cells at the least.
 */
static void late_cells_do_not_starve(void **state)
{
	static const uint16_t budgets[] = { 1, 2, 3, 5, 8, 17, 40 };

	(void)state;
	for (size_t i = 0; i < ROWS(budgets); i++) {
		struct node *node = lone_node(4096, budgets[i], 65536);
		struct published published = { .node = node };
		const uint32_t frames = (budgets[i] + 1U) / 2, most = (PAIRS + 28 * frames - 1) / (28 * frames);
		uint32_t told[PAIRS + 1] = { 0 }, tick = SLOT_TICKS + CLOSING_TICKS + 1;
		struct cell cell;

		for (uint32_t client = 1; client <= PAIRS; client++)
			observe(node, TICK_NS, client, 1);
		run_to(node, 1, tick);
		for (uint32_t client = 1; client <= PAIRS; client++)
			told[client] = tick;
		published.next = node->spread->publish.next_sequence;
		while (++tick < SLOTS_HELD * SLOT_TICKS) {
			for (uint32_t client = 1; client <= PAIRS; client++)
				observe_key(node, tick * TICK_NS, TICK_NS, pair_numbered(false, client, 1), tick);
			published.frames = 0;
			turn(node, tick * TICK_NS);
			while (published_next(&published, &cell)) {
				if (published.claim.head.kind == FRAME_CLOSING)
					told[key_number(&cell.key)] = tick;
			}
			for (uint32_t client = 1; client <= PAIRS; client++) {
				if (tick - told[client] > most)
					fail_msg("%u frames, tick %u: pair %u was told in tick %u last, expected %u "
						 "ticks at most",
						 budgets[i], tick, client, told[client], most);
			}
		}
		free(node);
	}
}

/*
 * Of a thousand closing frames' cells a tick the ring has room for half. The others are late: eight frames of sixteen
 * each tick, until all were told once.
 */
static void closing_cells_without_room_are_late(void **state)
{
	enum { MANY_PAIRS = 12000, IN_A_FRAME = 16, PLACES = 32, LATE_FRAMES = 8 };
	const uint32_t left = MANY_PAIRS - CLOSING_TICKS * PLACES * IN_A_FRAME;
	const uint32_t ends = SLOT_TICKS + CLOSING_TICKS +
			      (left + LATE_FRAMES * IN_A_FRAME - 1) / (LATE_FRAMES * IN_A_FRAME);
	struct node *node = lone_node(2 * PLACES, 2 * LATE_FRAMES, 65536);
	struct published published = { .node = node, .next = node->spread->publish.next_sequence };
	static uint32_t told[MANY_PAIRS + 1];

	(void)state;
	for (uint32_t client = 1; client <= MANY_PAIRS; client++)
		observe_key(node, TICK_NS, TICK_NS, pair_numbered(true, client, client), UINT32_MAX);
	for (uint32_t tick = 1; tick < ends; tick++) {
		run_to(node, tick, tick);
		count_told(&published, FRAME_CLOSING, told);
	}
	for (uint32_t client = 1; client <= MANY_PAIRS; client++) {
		if (told[client] != 1)
			fail_msg("pair %u was told %u times by tick %u, expected once", client, told[client], ends - 1);
	}
	free(node);
}

/* A short budget: what waits while its slot is closed is told by a closing frame, and then not by a tick's. */
static void what_a_closing_frame_told_waits_no_longer(void **state)
{
	struct node *node = lone_node(4096, 1, 65536);
	struct published published = { .node = node };
	uint32_t told[PAIRS + 1] = { 0 };

	(void)state;
	run_to(node, 1, SLOT_TICKS - 2);
	for (uint32_t client = 1; client <= PAIRS; client++)
		observe(node, (SLOT_TICKS - 1) * TICK_NS, client, 1);
	published.next = node->spread->publish.next_sequence;
	run_to(node, SLOT_TICKS - 1, SLOT_TICKS + CLOSING_TICKS);
	assert_true(count_told(&published, FRAME_CLOSING, told) > 0);
	published.next = node->spread->publish.next_sequence;
	run_to(node, SLOT_TICKS + CLOSING_TICKS + 1, 3 * SLOT_TICKS);
	assert_int_equal(count_told(&published, FRAME_TICK, told), 0);
	for (uint32_t client = 1; client <= PAIRS; client++)
		assert_int_equal(told[client], 1);
	free(node);
}

/*
 * Nothing counted yet, counted in one tick, then nothing: a frame in each tick as long as the cell is held, with
 * cells when it was told alone.
 */
static void an_idle_origin_with_live_cells_gives_a_sign_of_life(void **state)
{
	const uint32_t counted = 5, forgotten = (SLOTS_HELD + 1) * SLOT_TICKS;
	struct node *node = lone_node(4096, 16, 65536);

	(void)state;
	for (uint32_t tick = 1; tick <= forgotten; tick++) {
		struct published published = { .node = node, .next = node->spread->publish.next_sequence };
		const bool live = tick >= counted && tick < SLOTS_HELD * SLOT_TICKS;
		uint32_t cells = 0, frames = 0;
		struct cell cell;

		if (tick == counted)
			observe(node, tick * TICK_NS, 1, 1);
		turn(node, tick * TICK_NS);
		for (uint64_t sequence = published.next; sequence < node->spread->publish.next_sequence; sequence++)
			frames +=
				store_find(&node->spread->store, node->id, node->config.incarnation, sequence)->kind ==
				FRAME_TICK;
		while (published_next(&published, &cell))
			cells += published.claim.head.kind == FRAME_TICK;
		if (tick < forgotten && tick >= SLOTS_HELD * SLOT_TICKS)
			continue; /* the sweep takes some ticks to forget */
		if (frames != live || cells != (tick == counted))
			fail_msg("tick %u: %u frames with %u cells, expected %u with %u", tick, frames, cells, live,
				 tick == counted);
	}
	free(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_frames_keep_to_their_ring),
		cmocka_unit_test(a_turn_closes_no_more_than_a_piece),
		cmocka_unit_test(a_late_cell_is_told_again_in_closing_frames),
		cmocka_unit_test(late_cells_do_not_starve),
		cmocka_unit_test(closing_cells_without_room_are_late),
		cmocka_unit_test(what_a_closing_frame_told_waits_no_longer),
		cmocka_unit_test(an_idle_origin_with_live_cells_gives_a_sign_of_life),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
