// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is counted beside packets: its join, what it costs, and that it says nothing of packets. */
#include "books.h"

#define SLOT 1000
#define ORIGINS 3

static struct key client_numbered(unsigned int number)
{
	const struct address client = key_of(number, 1).client;

	return key_of_client(&client);
}

static enum join extras_join(struct ledger *ledger, uint16_t origin, const struct cell *version)
{
	const uint32_t entry = ledger_make(ledger, origin, &version->key);

	return entry == INDEX_NONE ? JOIN_QUOTA : ledger_join_extras(ledger, entry, origin, version);
}

static void version_join(struct ledger *ledger, uint16_t origin, const struct cell *version)
{
	uint64_t gain;

	if (version->packets > 0)
		join(ledger, &version->key, origin, version->slot, version->first, version->last, version->packets,
		     &gain);
	if (cell_has_extras(version))
		extras_join(ledger, origin, version);
}

static struct cell held_of(const struct ledger *ledger, const struct key *key, uint16_t origin, uint64_t slot)
{
	return ledger_version(ledger, ledger_find(ledger, key), origin, slot);
}

/* ---- the join ---- */

/* Pairs and clients; packets alone, with extras, and a pair's answers alone. */
static struct cell version_draw(uint64_t *random)
{
	const unsigned int number = 1 + (unsigned int)draw_below(random, 2);
	const bool is_pair = draw_below(random, 2);
	struct cell version = {
		.key = is_pair ? key_of(number, 1) : client_numbered(number),
		.slot = 65534 + draw_below(random, 4), /* its low bits wrap */
		.packets = 1 + draw_below(random, 20),
	};

	if (is_pair)
		version.extras[EXTRA_ANSWERS] = answers_word((uint32_t)draw_below(random, 4), draw_below(random, 2));
	for (unsigned int i = 0; !is_pair && i < EXTRAS_MAX; i++)
		version.extras[i] = (uint32_t)draw_below(random, 4);
	if (version.extras[EXTRA_ANSWERS] > 0 && is_pair && draw_below(random, 3) == 0)
		version.packets = 0;
	if (version.packets > 0) {
		version.first = (uint8_t)draw_below(random, 256);
		version.last = (uint8_t)(version.first + draw_below(random, 256U - version.first));
	}
	return version;
}

/* The join, from the versions of a cell that there are. */
static struct cell joined_of(const struct cell *versions, const uint16_t *origins, size_t count, size_t which)
{
	struct cell joined = { .key = versions[which].key, .slot = versions[which].slot };

	for (size_t i = 0; i < count; i++) {
		const struct cell *v = &versions[i];

		if (origins[i] != origins[which] || v->slot != joined.slot || !key_equal(&v->key, &joined.key))
			continue;
		for (unsigned int e = 0; e < EXTRAS_MAX; e++)
			joined.extras[e] = v->extras[e] > joined.extras[e] ? v->extras[e] : joined.extras[e];
		if (v->packets == 0)
			continue;
		joined.first = joined.packets == 0 || v->first < joined.first ? v->first : joined.first;
		joined.last = v->last > joined.last ? v->last : joined.last;
		joined.packets = v->packets > joined.packets ? v->packets : joined.packets;
	}
	return joined;
}

static bool same_version(const struct cell *a, const struct cell *b)
{
	return key_equal(&a->key, &b->key) && a->slot == b->slot && a->first == b->first && a->last == b->last &&
	       a->packets == b->packets && memcmp(a->extras, b->extras, sizeof(a->extras)) == 0;
}

/* Idempotent, commutative, associative: any order of any versions, any of them any number of times. */
static void any_order_and_repetition_gives_the_same_extras(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (int trace = 0; trace < 300; trace++) {
		struct books books = books_open(64, 256, 2);
		struct cell versions[40];
		uint16_t origins[40];

		for (size_t i = 0; i < 40; i++) {
			versions[i] = version_draw(&random);
			origins[i] = (uint16_t)draw_below(&random, ORIGINS);
		}
		for (size_t i = 0; i < 40; i++)
			version_join(&books.ledger, origins[i], &versions[i]);
		for (size_t i = 0; i < 120; i++) {
			const size_t again = draw_below(&random, 40);

			version_join(&books.ledger, origins[again], &versions[again]);
		}
		for (size_t i = 0; i < 40; i++) {
			const struct cell held = held_of(&books.ledger, &versions[i].key, origins[i], versions[i].slot),
					  wanted = joined_of(versions, origins, 40, i);

			if (!same_version(&held, &wanted))
				fail_msg("trace %d, version %zu", trace, i);
		}
		free(books.memory);
	}
}

static void a_join_says_what_it_changed(void **state)
{
	const struct {
		uint32_t contacts, unanswered;
		enum join join;
	} rows[] = {
		/* 0 */ { 5, 0, JOIN_NEW },
		/* 1 */ { 5, 0, JOIN_SAME },
		/* 2 */ { 4, 0, JOIN_SAME },
		/* 3 */ { 6, 0, JOIN_GREW },
		/* 4: the other one */ { 6, 1, JOIN_NEW },
		/* 5 */ { 7, 1, JOIN_GREW },
		/* 6 */ { 7, 2, JOIN_GREW },
		/* 7 */ { 0, 0, JOIN_SAME },
	};
	struct books books = books_open(64, 64, 2);

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct cell version = { .key = client_numbered(1),
					      .slot = SLOT,
					      .packets = 9,
					      .extras = { rows[i].contacts, rows[i].unanswered } };

		if (extras_join(&books.ledger, 0, &version) != rows[i].join)
			fail_msg("row %zu", i);
	}
	free(books.memory);
}

/* ---- what it costs ---- */

/* A place of 8 bytes for each extra that is not 0; nothing for the others. */
static void an_extra_takes_a_place_only_where_there_is_one(void **state)
{
	struct books books = books_open(64, 64, 2);
	struct cell version = { .key = client_numbered(1), .slot = SLOT, .packets = 3 };

	(void)state;
	version_join(&books.ledger, 0, &version);
	assert_int_equal(books.ledger.cells_held, 1);
	version.extras[EXTRA_UNANSWERED] = 2;
	version_join(&books.ledger, 0, &version);
	assert_int_equal(books.ledger.cells_held, 2);
	assert_int_equal(books.ledger.blocks_held, 1);
	version.extras[EXTRA_CONTACTS] = 1;
	version_join(&books.ledger, 0, &version);
	assert_int_equal(books.ledger.cells_held, 3);
	version.slot++;
	version_join(&books.ledger, 0, &version);
	assert_int_equal(books.ledger.cells_held, 6);
	ledger_forget(&books.ledger, ledger_find(&books.ledger, &version.key), SLOT + 1);
	assert_int_equal(books.ledger.cells_held, 3);
	assert_true(ledger_forget(&books.ledger, ledger_find(&books.ledger, &version.key), SLOT + 2));
	assert_int_equal(books.ledger.cells_held, 0);
	assert_int_equal(books.ledger.blocks_held, 0);
	free(books.memory);
}

/* Extras take a member's part like cells: it may have no more of both together. */
static void a_member_is_refused_extras_beyond_its_part(void **state)
{
	struct books books = books_open(64, 64, 2);
	uint32_t taken = 0;

	(void)state;
	for (unsigned int client = 1; client <= 100; client++) {
		const struct cell version = { .key = key_of(client, 1),
					      .slot = SLOT,
					      .extras = { answers_word(1, false) } };

		taken += extras_join(&books.ledger, INCARNATIONS_MAX, &version) == JOIN_NEW;
	}
	assert_int_equal(taken, books.ledger.member_cells[1]);
	assert_true(taken < 64);
	assert_true(ledger_has_room(&books.ledger, 0, KEY_PAIR, 2)); /* this proxy has its own part */
	free(books.memory);
}

/* ---- it is no packet ---- */

/* Answers of a newer slot, of an older one and of other origins, around the packets of one slot. */
static void extras_are_in_no_sum_of_packets(void **state)
{
	const struct mesh mesh = { .tick_ms = 200, .window_max_ms = 8000, .decay = 2 };
	const struct key key = key_of(1, 1);
	struct books books = books_open(64, 64, 2);
	bool excluded[ORIGINS_MAX] = { false };
	const struct entry *entry;
	struct slot_sums sums;
	uint64_t gain;
	uint32_t cells = 0;

	(void)state;
	join(&books.ledger, &key, 0, SLOT, 10, 20, 5, &gain);
	for (uint16_t origin = 0; origin < ORIGINS; origin++) {
		for (uint64_t slot = SLOT - 1; slot <= SLOT + 1; slot++) {
			const struct cell version = { .key = key, .slot = slot, .extras = { answers_word(900, true) } };

			assert_int_equal(extras_join(&books.ledger, origin, &version), JOIN_NEW);
		}
	}
	entry = &books.ledger.entries[ledger_find(&books.ledger, &key)];
	for (uint32_t at = ledger_first(&books.ledger, entry); at != INDEX_NONE;
	     at = ledger_below(&books.ledger, at), cells++)
		assert_int_equal(ledger_at(&books.ledger, at)->packets, 5);
	assert_int_equal(cells, 1);
	assert_int_equal(ledger_sum_newest(&books.ledger, entry, SLOT + 1, &mesh, excluded).packets, 0);
	ledger_sum(&books.ledger, entry, ledger_first(&books.ledger, entry), SLOT - SLOTS_HELD + 2, &mesh, excluded,
		   &sums);
	for (unsigned int i = 0; i < SLOTS_HELD; i++)
		assert_int_equal(sums.sum[i].packets, i == SLOTS_HELD - 2 ? 5 : 0);
	assert_int_equal(sums.sum[SLOTS_HELD - 2].first.ns, SLOT * 4000LL * NS_PER_MS + 10 * 4000LL * NS_PER_MS / 256);
	free(books.memory);
}

static void answers_of_all_origins_add_up_from_a_slot_on(void **state)
{
	const struct key key = key_of(1, 1);
	struct books books = books_open(64, 64, 2);
	bool excluded[ORIGINS_MAX] = { false };
	const struct entry *entry;
	struct answers answers;

	(void)state;
	for (uint16_t origin = 0; origin < ORIGINS; origin++) {
		for (uint64_t slot = SLOT; slot < SLOT + 3; slot++) {
			const bool tcp = origin == 1 && slot == SLOT + 1;
			const struct cell version = { .key = key,
						      .slot = slot,
						      .extras = { answers_word(origin + 1, tcp) } };

			extras_join(&books.ledger, origin, &version);
		}
	}
	entry = &books.ledger.entries[ledger_find(&books.ledger, &key)];
	answers = ledger_answers(&books.ledger, entry, SLOT, excluded);
	assert_true(answers.count == 18 && answers.tcp);
	answers = ledger_answers(&books.ledger, entry, SLOT + 2, excluded);
	assert_true(answers.count == 6 && !answers.tcp);
	excluded[1] = true;
	answers = ledger_answers(&books.ledger, entry, SLOT, excluded);
	assert_true(answers.count == 12 && !answers.tcp);
	free(books.memory);
}

static void contacts_and_unanswered_add_up_in_their_slot(void **state)
{
	const struct key key = client_numbered(1);
	struct books books = books_open(64, 64, 2);
	bool excluded[ORIGINS_MAX] = { false };
	const struct entry *entry;

	(void)state;
	for (uint16_t origin = 0; origin < ORIGINS; origin++) {
		const struct cell version = { .key = key, .slot = SLOT + origin / 2, .packets = 9, .extras = { 2, 7 } };

		version_join(&books.ledger, origin, &version);
	}
	entry = &books.ledger.entries[ledger_find(&books.ledger, &key)];
	assert_int_equal(ledger_contacts(&books.ledger, entry, SLOT, excluded), 4);
	assert_int_equal(ledger_unanswered(&books.ledger, entry, SLOT, excluded), 14);
	assert_int_equal(ledger_contacts(&books.ledger, entry, SLOT + 1, excluded), 2);
	excluded[0] = true;
	assert_int_equal(ledger_unanswered(&books.ledger, entry, SLOT, excluded), 7);
	assert_int_equal(ledger_answers(&books.ledger, entry, SLOT, excluded).count, 0);
	free(books.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_and_repetition_gives_the_same_extras),
		cmocka_unit_test(a_join_says_what_it_changed),
		cmocka_unit_test(an_extra_takes_a_place_only_where_there_is_one),
		cmocka_unit_test(a_member_is_refused_extras_beyond_its_part),
		cmocka_unit_test(extras_are_in_no_sum_of_packets),
		cmocka_unit_test(answers_of_all_origins_add_up_from_a_slot_on),
		cmocka_unit_test(contacts_and_unanswered_add_up_in_their_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
