/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys of all four kinds: each an entry of its own in the ledger, counted by two nodes and told by each to the other,
 * and what a member that lies can make of their forms.
 */
#include <string.h>

#include "books.h"
#include "liar_bed.h"
#include "mesh_world.h"
#include "world_asks.h"

/* Clients, destinations and networks whose addresses look alike: the kind alone tells their keys apart. */
static size_t keys_alike(struct key ret_keys[16])
{
	const struct address host = address_of_ipv4((uint8_t[]){ 198, 51, 100, 0 }),
			     other = address_of_ipv4((uint8_t[]){ 10, 0, 0, 1 }),
			     site = { { 0x20, 0x01, 0x0d, 0xb8 } }, host6 = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	const struct key keys[] = {
		key_of_destination(&host), key_of_client(&host), key_of_network(&host), { other, host },
		key_of_destination(&other), key_of_client(&other), { host, other },	key_of_destination(&site),
		key_of_client(&site),	   key_of_network(&site), key_of_client(&host6), { host6, site },
	};

	memcpy(ret_keys, keys, sizeof(keys));
	return ROWS(keys);
}

/* ---- the ledger ---- */

static void each_kind_is_an_entry_of_its_own(void **state)
{
	struct books books = books_open(64, 64, 2);
	struct key keys[16];
	const size_t count = keys_alike(keys);
	uint32_t numbers[16];
	uint64_t gain;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(join(&books.ledger, &keys[i], 3, 1000, 0, 1, i + 1, &gain), JOIN_NEW);
		numbers[i] = ledger_find(&books.ledger, &keys[i]);
	}
	assert_int_equal(books.ledger.keys_held, count); /* every pair's destination is in the list */
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &books.ledger.entries[numbers[i]];
		const struct key key = ledger_key(&books.ledger, entry);

		assert_int_equal(ledger_find(&books.ledger, &keys[i]), numbers[i]);
		assert_int_equal(entry_kind(entry), key_kind(&keys[i]));
		assert_true(key_equal(&key, &keys[i]));
		assert_int_equal(cell_at(&books.ledger, &keys[i], 3, 1000)->packets, i + 1);
	}
	free(books.memory);
}

/* Only a pair brings another key with it, its destination's, and only that one waits for its pairs to go. */
static void clients_and_networks_are_made_and_forgotten_alone(void **state)
{
	static const struct {
		unsigned int key; /* of keys_alike */
		uint32_t keys; /* that it makes */
	} rows[] = { { 0, 1 }, { 1, 1 }, { 2, 1 }, { 3, 2 }, { 8, 1 }, { 9, 1 }, { 10, 1 }, { 11, 2 } };
	struct key keys[16];

	(void)state;
	keys_alike(keys);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct key *key = &keys[rows[i].key], destination = key_of_destination(&key->destination);
		struct books books = books_open(64, 64, 2);
		uint64_t gain;

		join(&books.ledger, key, 3, 1000, 0, 1, 1, &gain);
		assert_int_equal(books.ledger.keys_held, rows[i].keys);
		assert_int_equal(books.ledger.member_keys[1], rows[i].keys);
		assert_true(ledger_forget(&books.ledger, ledger_find(&books.ledger, key), 1001));
		assert_int_equal(ledger_find(&books.ledger, key), INDEX_NONE);
		assert_int_equal(books.ledger.keys_held, rows[i].keys - 1);
		if (rows[i].keys == 2)
			assert_true(ledger_forget(&books.ledger, ledger_find(&books.ledger, &destination), 1001));
		assert_int_equal(books.ledger.keys_held + books.ledger.cells_held, 0);
		assert_int_equal(books.ledger.member_keys[1], 0);
		free(books.memory);
	}
}

/* Makes and forgets of any kind, by two members, in any order: the ledger holds what a plain list holds. */
static void random_makes_and_forgets_agree_with_a_plain_list(void **state)
{
	struct books books = books_open(64, 256, 4);
	struct key keys[16];
	const size_t count = keys_alike(keys);
	uint64_t held[16] = { 0 }, random = 5, gain;

	(void)state;
	for (unsigned int step = 0; step < 20000; step++) {
		const size_t i = draw_below(&random, count);
		const uint32_t number = ledger_find(&books.ledger, &keys[i]);

		if (draw_below(&random, 3) > 0) {
			const uint16_t origin = (uint16_t)(INCARNATIONS_MAX * draw_below(&random, 2));

			join(&books.ledger, &keys[i], origin, 1000, 0, 1, ++held[i], &gain);
		} else if (number != INDEX_NONE) {
			ledger_forget(&books.ledger, number, 1001);
			held[i] = 0;
		}
		for (size_t k = 0; k < count; k++) {
			const uint32_t at = ledger_find(&books.ledger, &keys[k]);
			uint64_t most = 0;

			for (uint32_t c = at == INDEX_NONE
						  ? INDEX_NONE
						  : ledger_first(&books.ledger, &books.ledger.entries[at]);
			     c != INDEX_NONE; c = ledger_below(&books.ledger, c))
				most = ledger_at(&books.ledger, c)->packets > most
					       ? ledger_at(&books.ledger, c)->packets
					       : most;
			assert_true(most == held[k]);
		}
	}
	free(books.memory);
}

/* One member's clients and networks take of its own part and of what is lent, as its pairs do. */
static void one_members_clients_leave_the_others_their_part(void **state)
{
	struct books books = books_open(256, 1024, 4);
	uint64_t gain;

	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		const struct address client = address_of_ipv4((uint8_t[]){ 10, 0, 0, (uint8_t)i }),
				     network = address_of_ipv4((uint8_t[]){ 10, 0, (uint8_t)i, 0 });
		const struct key key = i % 2 ? key_of_client(&client) : key_of_network(&network);

		join(&books.ledger, &key, INCARNATIONS_MAX, 1000, 0, 1, 1, &gain);
	}
	/* Half is lent to whoever comes first; of the others' quarter each of four has its part, when that is full. */
	assert_int_equal(books.ledger.member_keys[1], 256 / 2);
	for (unsigned int i = 0; i < 256 / 4; i++) {
		const struct address client = address_of_ipv4((uint8_t[]){ 11, 0, 0, (uint8_t)i });
		const struct key key = key_of_client(&client);

		assert_int_equal(join(&books.ledger, &key, 0, 1000, 0, 1, 1, &gain), JOIN_NEW);
	}
	free(books.memory);
}

/* ---- two nodes ---- */

#define KINDS_SHOWN 3

/* Both nodes count `keys`, node n (n + 1) x 7 packets a tick, for so many seconds. */
static void both_count(struct world *world, const struct key keys[KINDS_SHOWN], double seconds)
{
	static uint64_t packets[2][KINDS_SHOWN], slots[2];

	memset(packets, 0, sizeof(packets));
	for (double t = 0; t < seconds; t += 0.2) {
		world_run(world, 0.2);
		for (unsigned int n = 0; n < 2; n++) {
			const struct now now = world_now(world);
			const uint64_t slot = mesh_slot_at(world_mesh(world), now.mesh);

			if (slot != slots[n])
				memset(packets[n], 0, sizeof(packets[n]));
			slots[n] = slot;
			for (unsigned int k = 0; k < KINDS_SHOWN; k++) {
				packets[n][k] += 7 * (n + 1);
				assert_true(node_observe(world_node(world, n), now, &keys[k], slot,
							 mesh_slot_start(world_mesh(world), slot), now.mesh,
							 packets[n][k]));
			}
		}
	}
}

static unsigned int changes_seen, changes_notable;

static void note_change(void *user, unsigned int n, const struct change *change, uint32_t harvested)
{
	const enum key_kind kind = key_kind(&change->key);

	(void)user;
	(void)n;
	(void)harvested;
	changes_seen += kind == KEY_CLIENT || kind == KEY_NETWORK;
	changes_notable += (kind == KEY_CLIENT || kind == KEY_NETWORK) && change->notable;
}

/* A client's key, a /64's and a network's, beside pairs: both ledgers come to the same, by a shadow limit. */
static void two_nodes_tell_each_other_of_clients_and_networks(void **state)
{
	const struct world_options options = {
		.nodes = 2, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds,
		.publish = PUBLISH_ALL,
	};
	const struct address client = address_of_ipv4((uint8_t[]){ 10, 0, 0, 1 }),
			     site = { { 0x20, 0x01, 0x0d, 0xb8 } },
			     network = address_of_ipv4((uint8_t[]){ 198, 51, 100, 0 });
	const struct key keys[KINDS_SHOWN] = { key_of_client(&client), key_of_client(&site), key_of_network(&network) };
	struct world *world = world_make(&options);
	struct key_view view;
	unsigned int shown[KEY_KINDS] = { 0 };
	uint32_t cursor = 0;

	(void)state;
	changes_seen = changes_notable = 0;
	world_run(world, 1);
	world_set_changes(world, note_change, NULL);
	both_count(world, keys, 10);
	world_run(world, 1);
	assert_true(ledgers_equal(world, 2));
	for (unsigned int k = 0; k < KINDS_SHOWN; k++) {
		assert_true(packets_at(world, 0, &keys[k]) > 0);
		assert_int_equal(packets_at(world, 0, &keys[k]), packets_at(world, 1, &keys[k]));
	}
	while (node_next_key(world_node(world, 0), world_now(world), &cursor, &view)) {
		shown[key_kind(&view.key)]++;
		assert_int_equal(view.origins, 2);
		assert_true(view.shadow && !view.over && view.rate > 80 && view.rate < 130);
	}
	assert_int_equal(shown[KEY_CLIENT], 2);
	assert_int_equal(shown[KEY_NETWORK], 1);
	assert_int_equal(shown[KEY_PAIR] + shown[KEY_DESTINATION], 0);
	assert_true(changes_seen > 0);
	assert_int_equal(changes_notable, 0);
	world_run(world, 60); /* no longer held anywhere */
	assert_true(ledgers_equal(world, 2));
	assert_int_equal(packets_at(world, 0, &keys[0]), 0);
	world_free(world);
}

static void what_is_no_client_and_no_network_is_not_counted(void **state)
{
	const struct world_options options = {
		.nodes = 1, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds,
		.publish = PUBLISH_ALL,
	};
	const struct address bad_clients[] = {
		address_of_ipv4((uint8_t[]){ 127, 0, 0, 1 }), address_of_ipv4((uint8_t[]){ 0, 0, 0, 0 }),
		{ { 0xfe, 0x80 } }, { { 0xff, 0x02 } }, { { [15] = 1 } },
	};
	const struct address bad_networks[] = {
		address_of_ipv4((uint8_t[]){ 198, 51, 100, 1 }), address_of_ipv4((uint8_t[]){ 127, 0, 0, 0 }),
		{ { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 1 } }, { { 0xfe, 0x80 } }, { { 0 } },
	};
	struct world *world = world_make(&options);
	struct now now;

	(void)state;
	world_run(world, 1);
	now = world_now(world);
	for (unsigned int i = 0; i < ROWS(bad_clients) + ROWS(bad_networks); i++) {
		const struct key key = i < ROWS(bad_clients) ? key_of_client(&bad_clients[i])
							     : key_of_network(&bad_networks[i - ROWS(bad_clients)]);

		if (node_observe(world_node(world, 0), now, &key, mesh_slot_at(world_mesh(world), now.mesh), now.mesh,
				 now.mesh, 1))
			fail_msg("row %u was counted", i);
	}
	world_free(world);
}

/* ---- a member that lies ---- */

static struct cell cell_of_key(const struct key *key, uint64_t packets)
{
	struct cell cell = cell_of(1, 0, packets);

	cell.key = *key;
	return cell;
}

static void a_members_clients_and_networks_are_taken(void **state)
{
	const struct address client = address_of_ipv4((uint8_t[]){ 10, 0, 0, 1 }),
			     network = address_of_ipv4((uint8_t[]){ 198, 51, 100, 0 });
	const struct key keys[] = { key_of_client(&client), key_of_network(&network) };
	const struct cell cells[] = { cell_of_key(&keys[0], 5), cell_of_key(&keys[1], 1000000) };
	struct change change;

	(void)state;
	assert_int_equal(tell(cells, 2), REJECT_NONE);
	assert_int_equal(cells_held(), 2);
	while (node_next_change(bed.node, bed.now, &change))
		assert_false(change.notable); /* a million packets, and no rate that they could be over */
	assert_false(event_comes(EVENT_PAIR_OVER) || event_comes(EVENT_DESTINATION_OVER));
}

/* Every cell is looked at before any is taken: one with a false form beside a good one takes that with it. */
static void a_cell_of_a_false_form_takes_its_frame_with_it(void **state)
{
	static const struct {
		const char *group; /* form; SLOT; destination and keys */
		enum reject reject;
	} rows[] = {
		/* 0 */ { "04 S c400 c4040a000001", REJECT_NONE },
		/* 1: a client in a pair's form */ { "02 S c400 c4040a000001", REJECT_BODY },
		/* 2: a pair in a client's form */ { "04 S c404c6336401 c4040a000001", REJECT_BODY },
		/* 3: a pair without destination */
		{ "03 S c41000000000000000000000000000000000 c41020010db8000000000000000000000001", REJECT_CELL },
		/* 4: the mark of networks as a pair's client */
		{ "03 S c41020010db8000000000000000000000080 c41000000000000000000000fffd00000000", REJECT_CELL },
		/* 5: the mark as a client */ { "05 S c400 c41000000000000000000000fffd00000000", REJECT_CELL },
		/* 6: a /64 in the form of a host */ { "05 S c400 c41020010db8000000000000000000000000", REJECT_CELL },
		/* 7: a network with its host bits */ { "07 S c400 c404c6336401", REJECT_BODY },
		/* 8: the network of loopback */ { "07 S c400 c4037f0000", REJECT_CELL },
		/* 9: a network with a destination */ { "07 S c404c6336401 c403c63364", REJECT_BODY },
		/* 10 */ { "07 S c400 c403c63364", REJECT_NONE },
		/* 11: no form */ { "09 S c400 c403c63364", REJECT_BODY },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const uint64_t held = cells_held(), slot = mesh_slot_at(&bed.self.config.mesh, bed.now.mesh);
		const char *at = strchr(rows[i].group, 'S');
		char group[256];
		enum reject got;

		snprintf(group, sizeof(group), "97 %.*s ce%08x %s c40100 c40101 c40101", (int)(at - rows[i].group),
			 rows[i].group, (unsigned int)slot, at + 1);
		got = say_group(group);
		if (got != rows[i].reject)
			fail_msg("row %zu: %s", i, reject_names[got]);
		assert_int_equal(cells_held() - held, rows[i].reject == REJECT_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_an_entry_of_its_own),
		cmocka_unit_test(clients_and_networks_are_made_and_forgotten_alone),
		cmocka_unit_test(random_makes_and_forgets_agree_with_a_plain_list),
		cmocka_unit_test(one_members_clients_leave_the_others_their_part),
		cmocka_unit_test(two_nodes_tell_each_other_of_clients_and_networks),
		cmocka_unit_test(what_is_no_client_and_no_network_is_not_counted),
		TEST(a_members_clients_and_networks_are_taken),
		TEST(a_cell_of_a_false_form_takes_its_frame_with_it),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
