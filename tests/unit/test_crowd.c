/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the events of a destination say of its clients: how many, and how much the largest sends. */
#include "line_bed.h"

#define PACKETS 100 /* to the destination, of which all pairs are known unless a row says otherwise */

static void counts(const struct key *key, uint64_t packets)
{
	const uint64_t slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh);

	assert_true(node_observe(bed.node, bed.now, key, slot, bed.now.mesh, bed.now.mesh, packets));
}

static struct node_event event_of(enum node_event_kind kind)
{
	struct node_event event;
	struct change change;

	while (node_next_change(bed.node, bed.now, &change))
		;
	while (node_next_event(bed.node, &event)) {
		if (event.kind == kind)
			return event;
	}
	fail_msg("no event of kind %d", (int)kind);
	return event;
}

static int make(void **state)
{
	bed_destination_rate = PACKETS / 2;
	return bed_make(state);
}

static void an_attack_is_told_with_its_clients(void **state)
{
	static const struct {
		uint64_t own[3], told; /* of clients 1 to 3; of client 4, by the other member */
		uint64_t unknown; /* of the destination's packets, of clients whose pairs nobody told */
		uint32_t left, clients; /* left: pairs that may be looked at; 0: as many as there are */
		bool more;
		double largest;
	} rows[] = {
		/* 0 */ { { 60, 20, 0 }, 20, 0, 0, 3, false, 0.6 },
		/* 1: who pays for it is no matter */ { { 0, 0, 10 }, 90, 0, 0, 2, false, 0.9 },
		/* 2: nobody is known */ { { 0, 0, 0 }, 0, 100, 0, 0, false, 0 },
		/* 3: not all are known */ { { 20, 0, 0 }, 0, 80, 0, 1, false, 0.2 },
		/* 4: there are more than may be looked at */ { { 30, 30, 30 }, 10, 0, 2, 2, true, 0.3 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct key any = key_of(0), destination = key_of_destination(&any.destination);
		struct node_event event;

		bed_free(state);
		make(state);
		for (uint8_t client = 0; client < 3; client++) {
			const struct key key = key_of((uint8_t)(client + 1));

			if (rows[i].own[client])
				counts(&key, rows[i].own[client]);
		}
		if (rows[i].told) {
			const struct key key = key_of(4);

			tell(7, &key, rows[i].told);
			tell(7, &destination, rows[i].told);
		}
		counts(&destination, PACKETS - rows[i].told);
		if (rows[i].left)
			bed.node->judge->crowd_left = rows[i].left;
		event = event_of(EVENT_DESTINATION_OVER);
		if (event.crowd.clients != rows[i].clients || event.crowd.more != rows[i].more)
			fail_msg("row %zu: %u clients%s", i, event.crowd.clients, event.crowd.more ? " or more" : "");
		if (!rows[i].left && fabs(event.crowd.largest - rows[i].largest) > 0.001)
			fail_msg("row %zu: the largest sends %g", i, event.crowd.largest);
	}
}

/* Who was there before, who was answered, and who is neither. */
static void known_and_answered_clients_are_told(void **state)
{
	const struct key any = key_of(0), destination = key_of_destination(&any.destination);
	struct node_event event;
	uint64_t slot;

	(void)state;
	for (uint8_t client = 1; client <= 2; client++) {
		const struct key key = key_of(client);

		counts(&key, 1);
	}
	for (unsigned int i = 0; i < 3; i++)
		next_slot();
	slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh);
	for (uint8_t client = 2; client <= 5; client++) {
		const struct key key = key_of(client);

		counts(&key, 10);
		if (client >= 4)
			assert_true(node_observe_answers(bed.node, bed.now, &key, slot, 1, true));
	}
	counts(&destination, PACKETS);
	event = event_of(EVENT_DESTINATION_OVER);
	assert_int_equal(event.crowd.clients, 4); /* the first is silent now */
	assert_int_equal(event.crowd.known, 1);
	assert_int_equal(event.crowd.answered, 2);
	assert_int_equal(event.crowd.strangers, 1);
}

/* Its end tells the same of the end, and who counted it. */
static void the_end_of_an_attack_is_told_with_its_clients(void **state)
{
	const struct key key = key_of(1), destination = key_of_destination(&key.destination);
	struct node_event event;

	(void)state;
	counts(&destination, PACKETS);
	event_of(EVENT_DESTINATION_OVER);
	for (unsigned int i = 0; i < 3; i++)
		next_slot();
	counts(&key, 1);
	counts(&destination, 2);
	event = event_of(EVENT_DESTINATION_UNDER);
	assert_int_equal(event.crowd.clients, 1);
	assert_true(fabs(event.crowd.largest - 0.5) < 0.001);
	assert_true(event.counters[0].part == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_attack_is_told_with_its_clients, make, bed_free),
		cmocka_unit_test_setup_teardown(known_and_answered_clients_are_told, make, bed_free),
		cmocka_unit_test_setup_teardown(the_end_of_an_attack_is_told_with_its_clients, make, bed_free),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
