/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Contacts of a client: when all proxies together count more than it may make, who is told to have counted them, and
 * what a member that invents them comes to.
 */
#include "line_bed.h"

#define SCANNER 7
#define OTHER 8
#define T SCAN_CONTACTS_PER_S

static struct key client_of(uint8_t client)
{
	const struct key pair = key_of(client);

	return key_of_client(&pair.client);
}

/* This proxy has counted so many contacts of the client in the running slot, and at least as many packets. */
static void counts(uint8_t client, uint32_t contacts)
{
	const struct key key = client_of(client);
	const uint64_t slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh);

	assert_true(node_observe(bed.node, bed.now, &key, slot, bed.now.mesh, bed.now.mesh, contacts + 1));
	assert_true(node_observe_contacts(bed.node, bed.now, &key, slot, contacts, 0));
}

/* So says the other member. */
static void told(uint8_t client, uint32_t contacts)
{
	const uint64_t tick = mesh_tick_ended(&bed.config.mesh, bed.now.mesh);
	const struct cell cell = { .key = client_of(client),
				   .slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh),
				   .last = 1,
				   .packets = 1,
				   .extras = { [EXTRA_CONTACTS] = contacts } };
	const uint32_t origin = origin_of(bed.node, bed.member, 7);

	assert_int_not_equal(origin, INDEX_NONE);
	bed.node->count->origins[origin].frames_received++; /* so that its place is its own */
	assert_int_equal(receive_cell(bed.node, origin, &cell, tick - 1, tick), REJECT_NONE);
}

static void next_tick(void)
{
	const struct duration tick = mesh_tick_length(&bed.config.mesh);

	bed.now.mesh.ns += tick.ns;
	bed.now.mono.ns += tick.ns;
	node_tick(bed.node, bed.now);
}

static bool comes(enum node_event_kind kind, struct node_event *ret_event)
{
	while (node_next_event(bed.node, ret_event)) {
		if (ret_event->kind == kind)
			return true;
	}
	return false;
}

static void who_makes_more_than_it_may_is_named(void **state)
{
	static const struct {
		uint32_t own, told;
		bool over;
		double part; /* of the other member */
	} rows[] = {
		/* 0 */ { T, 0, false, 0 },
		/* 1 */ { T + 1, 0, true, 0 },
		/* 2: neither sees it alone */ { T / 2, T / 2, false, 0 },
		/* 3 */ { T / 2 + 1, T / 2, true, (double)(T / 2) / (T + 1) },
		/* 4: by another's word alone */ { 0, T + 1, true, 1 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct node_event event;
		bool over;

		bed_free(state);
		bed_make(state);
		counts(SCANNER, rows[i].own);
		if (rows[i].told)
			told(SCANNER, rows[i].told);
		over = comes(EVENT_CONTACTS_OVER, &event);
		if (over != rows[i].over)
			fail_msg("row %zu: over %d", i, over);
		if (!over)
			continue;
		assert_true(event.shadow && event.limit == T);
		assert_true(key_kind(&event.key) == KEY_CLIENT && event.rate > T);
		for (unsigned int c = 0; c < EVENT_COUNTERS && event.counters[c].part > 0; c++)
			if (strcmp(event.counters[c].name, bed.announcer.name) == 0)
				assert_true(fabs(event.counters[c].part - rows[i].part) < 0.001);
	}
}

/* The same number, over a slot: no second has more than T. A total that is told again adds nothing. */
static void who_takes_its_time_is_not_named(void **state)
{
	struct node_event event;

	(void)state;
	for (uint32_t i = 1; i <= 18; i++) {
		counts(OTHER, i * T / 6); /* 5/6 T a second */
		counts(OTHER, i * T / 6);
		next_tick();
		assert_false(comes(EVENT_CONTACTS_OVER, &event));
	}
}

/* Once until it ends; the end is told when a second and more has passed. */
static void a_scan_is_told_once_and_its_end(void **state)
{
	struct node_event event;
	unsigned int ticks = 0, over = 0;

	(void)state;
	for (uint32_t i = 1; i <= 10; i++) {
		counts(SCANNER, i * 2 * T / 5);
		next_tick();
		over += comes(EVENT_CONTACTS_OVER, &event);
	}
	assert_int_equal(over, 1);
	while (!comes(EVENT_CONTACTS_UNDER, &event) && ticks++ < 2 * RECENT_TICKS)
		next_tick();
	assert_in_range(ticks, 2, RECENT_TICKS);
	assert_true(event.rate < T && bed.node->judge->watches.count <= 1);
	for (ticks = 0; ticks < 2 * RECENT_TICKS; ticks++)
		next_tick();
	assert_int_equal(bed.node->judge->watches.count, 0);
}

/*
 * A member invents contacts of an innocent client. It is told as what it is, one member's word; no packet of the client
 * drops for it, and a client that makes contacts here is named all the same.
 */
static void invented_contacts_drop_nothing(void **state)
{
	struct node_event event;
	struct change change;

	(void)state;
	counts(OTHER, 1);
	told(OTHER, LINE_PACKETS);
	assert_true(comes(EVENT_CONTACTS_OVER, &event));
	assert_string_equal(event.counters[0].name, bed.announcer.name);
	assert_true(event.counters[0].part > 0.99);
	for (unsigned int i = 0; i < 3; i++) {
		while (node_next_change(bed.node, bed.now, &change))
			assert_false(change.limited || change.pass_share != SHARE_ALL);
		next_tick();
	}
	/* More than its line carries is left out. */
	told(SCANNER, 2 * LINE_PACKETS);
	assert_false(comes(EVENT_CONTACTS_OVER, &event));
	counts(SCANNER, T + 1);
	assert_true(comes(EVENT_CONTACTS_OVER, &event));
}

/* Clients of which others alone count contacts leave places to those of this proxy. */
static void invented_clients_leave_places(void **state)
{
	struct watches *watches = &bed.node->judge->watches;
	struct node_event event;

	(void)state;
	watches->max = 8;
	for (uint8_t client = 1; client <= 20; client++)
		told(client, 1);
	assert_int_equal(watches->count, 6);
	counts(SCANNER + 100, T + 1);
	assert_true(comes(EVENT_CONTACTS_OVER, &event));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_makes_more_than_it_may_is_named), TEST(who_takes_its_time_is_not_named),
		TEST(a_scan_is_told_once_and_its_end),	   TEST(invented_contacts_drop_nothing),
		TEST(invented_clients_leave_places),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
