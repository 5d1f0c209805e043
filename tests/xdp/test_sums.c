/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums of clients and networks over the real table: they are what its records counted, whichever way a key's sum
 * begins, also where no record counts, and where a daemon dies in the middle of a harvest.
 */
#include <limits.h>
#include <setjmp.h>

#include "bed.h"
#include "sums.h"

#define CLIENT 0x0a000001 /* 10.0.0.1 and on */
#define TARGET 0xc6336401 /* 198.51.100.1 and on: CLIENTS x TARGETS pairs, each network with NETWORK addresses */
#define CLIENTS 24
#define TARGETS 40
#define NETWORK 10
#define SLOTS 64 /* of 4 s: more than a test lasts */
#define SLOT_NS (4 * NS_PER_S)
#define LEAST 30

/* What the daemon would keep: pairs' and destinations' cells as harvested, and the sums. */
static struct {
	struct sums sums;
	uint32_t pairs[CLIENTS][TARGETS][SLOTS], destinations[TARGETS][SLOTS];
	/* of clients by their number, of networks by their first address's */
	uint64_t told[2][CLIENTS + TARGETS][SLOTS];
	unsigned int batches, last_batch; /* harvested so far; the one with which the daemon dies */
	bool dies_early; /* before it adds the batch, not after */
	jmp_buf death;
} kept;

static uint32_t number_of(const struct address *address, uint32_t first)
{
	uint32_t be;

	memcpy(&be, address->bytes + 12, sizeof(be));
	return ntohl(be) - first;
}

/* Addresses of a network stand 256 / NETWORK apart, so that the /24s follow each other. */
static uint32_t target(uint32_t number)
{
	return TARGET + number / NETWORK * 256 + number % NETWORK;
}

static uint32_t target_of(const struct address *address)
{
	const uint32_t number = number_of(address, TARGET);

	return number / 256 * NETWORK + number % 256;
}

static uint64_t least_of(void *user, const struct key *key)
{
	(void)user, (void)key;
	return LEAST;
}

static uint64_t slot_now(void)
{
	return (uint64_t)(bed_now().mesh.ns / SLOT_NS);
}

static void sums_begin(void)
{
	static const uint64_t seed[2] = { 1, 2 };

	memset(&kept.sums, 0, sizeof(kept.sums));
	sums_init(&kept.sums, table_sums(bed.table), seed, (struct duration){ SLOT_NS }, slot_now(),
		  (struct sum_threshold){ least_of, least_of, NULL });
	if (table_is_renewed(bed.table))
		sums_clear(&kept.sums);
}

static int setup_of(uint32_t pairs, uint32_t destinations)
{
	memset(&kept, 0, sizeof(kept));
	kept.last_batch = UINT_MAX;
	if (bed_make(pairs, destinations, true))
		return -1;
	sums_begin();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_of(4096, 256);
}

/* ---- a tick, as gossipd/daemon/summing.c does it ---- */

static void keep(const struct harvested *cell)
{
	if (cell->kind == KEY_PAIR)
		kept.pairs[number_of(&cell->key.client, CLIENT)][target_of(&cell->key.destination)]
			  [cell->slot % SLOTS] = (uint32_t)cell->packets;
	else if (cell->kind == KEY_DESTINATION)
		kept.destinations[target_of(&cell->key.destination)][cell->slot % SLOTS] = (uint32_t)cell->packets;
}

static void gains(void *user, const struct harvested *cells, size_t count)
{
	(void)user;
	if (++kept.batches > kept.last_batch && kept.dies_early)
		longjmp(kept.death, 1);
	for (size_t i = 0; i < count; i++)
		keep(&cells[i]);
	table_sums_add(&kept.sums, cells, count);
	if (kept.batches > kept.last_batch)
		longjmp(kept.death, 1);
}

static void found(void *user, struct sum_begin *begin, const struct cell *counted)
{
	struct cell before = { .slot = kept.sums.slot - 1 };

	(void)user;
	sum_begin_add(&kept.sums, begin, counted);
	if (counted->slot == before.slot || key_kind(&counted->key) == KEY_CLIENT ||
	    key_kind(&counted->key) == KEY_NETWORK)
		return;
	if (key_kind(&counted->key) == KEY_PAIR)
		before.packets = kept.pairs[number_of(&counted->key.client, CLIENT)]
					   [target_of(&counted->key.destination)][before.slot % SLOTS];
	else
		before.packets = kept.destinations[target_of(&counted->key.destination)][before.slot % SLOTS];
	sum_begin_add(&kept.sums, begin, &before);
}

/* NULL: a key that is none of those that are looked at. */
static uint64_t *told_of(const struct cell *cell)
{
	const bool client = key_kind(&cell->key) == KEY_CLIENT;
	const uint32_t number = client ? number_of(&cell->key.client, CLIENT)
				       : number_of(&cell->key.destination, TARGET - 1) / 256;

	return number < CLIENTS + TARGETS ? &kept.told[!client][number][cell->slot % SLOTS] : NULL;
}

static void take_changed(void)
{
	struct cell cell;

	while (sums_next_changed(&kept.sums, &cell)) {
		uint64_t *told = told_of(&cell);

		assert_true(cell.first <= cell.last);
		assert_true(!told || cell.packets >= *told);
		if (told)
			*told = cell.packets;
	}
}

/* `work`: of each part of the pass. */
static void tick_in(uint32_t work)
{
	const uint64_t before = kept.sums.slot;

	table_anchor(bed.table, bed_now());
	sums_tick(&kept.sums, slot_now(), (uint64_t[SUM_KINDS]){ LEAST, LEAST }, LEAST);
	table_harvest(bed.table, bed_now(), (struct duration){ SLOT_NS }, gains, NULL);
	if (kept.sums.slot != before)
		sums_slot(&kept.sums);
	take_changed();
	if (sums_begin_open(&kept.sums)) {
		while (!table_sums_pass(bed.table, &kept.sums, work, found, NULL))
			;
		sums_begin_close(&kept.sums);
	}
	take_changed();
	table_collect(bed.table, bed_now(), (struct duration){ 60 * NS_PER_S });
}

static void tick(void)
{
	tick_in(UINT32_MAX);
}

static void later(uint32_t ms)
{
	bed_at(bed.jiffies + BED_HZ * ms / 1000);
	bed_beat();
}

/* One by one: a run of several packets costs the kernel milliseconds. */
static void throw(uint32_t client, uint32_t destination, int packets)
{
	const struct frame frame = frame4(client, destination);

	for (; packets > 0; packets--)
		bed_run(&frame);
}

/* ---- what the sums must be ---- */

static uint64_t of_client(uint32_t client, uint64_t slot)
{
	uint64_t packets = 0;

	for (uint32_t i = 0; i < TARGETS; i++)
		packets += kept.pairs[client][i][slot % SLOTS];
	return packets;
}

static uint64_t of_network(uint32_t network, uint64_t slot)
{
	uint64_t packets = 0;

	for (uint32_t i = 0; i < NETWORK; i++)
		packets += kept.destinations[network * NETWORK + i][slot % SLOTS];
	return packets;
}

static bool has_sum(const struct key *key)
{
	const bool client = key_kind(key) == KEY_CLIENT;
	uint64_t words[2], hash;

	sum_words(client ? &key->client : &key->destination, words);
	hash = sum_hash(&kept.sums, words);
	return sum_find(&kept.sums, sum_bucket_of(&kept.sums, !client, hash)->sum, sum_tag(hash), words);
}

static struct key client_key(uint32_t client)
{
	const struct key pair = key4(CLIENT + client, TARGET);

	return key_of_client(&pair.client);
}

static struct key network_key(uint32_t network)
{
	const struct key pair = key4(CLIENT, target(network * NETWORK));
	const struct address prefix = network_of(&pair.destination);

	return key_of_network(&prefix);
}

static void check_one(const char *what, uint32_t number, uint64_t slot, uint64_t told, uint64_t counted, bool sum)
{
	if (sum ? told != counted : told > counted)
		fail_msg("%s %u, slot %llu: told %llu, counted %llu", what, number, (unsigned long long)slot,
			 (unsigned long long)told, (unsigned long long)counted);
	if (!sum && slot == kept.sums.slot && counted > LEAST + 2)
		fail_msg("%s %u has %llu packets, and no sum", what, number, (unsigned long long)counted);
}

static void check_sums(void)
{
	for (uint64_t slot = kept.sums.slot - 1; slot <= kept.sums.slot; slot++) {
		for (uint32_t client = 0; client < CLIENTS; client++) {
			const struct key key = client_key(client);

			check_one("client", client, slot, kept.told[0][client][slot % SLOTS], of_client(client, slot),
				  has_sum(&key));
		}
		for (uint32_t network = 0; network < TARGETS / NETWORK; network++) {
			const struct key key = network_key(network);

			check_one("network", network, slot, kept.told[1][network][slot % SLOTS],
				  of_network(network, slot), has_sum(&key));
		}
	}
}

static uint64_t total(unsigned int kind, uint32_t number)
{
	uint64_t packets = 0;

	for (unsigned int slot = 0; slot < SLOTS; slot++)
		packets += kept.told[kind][number][slot];
	return packets;
}

/* ---- tests ---- */

static uint32_t below(uint32_t bound)
{
	static uint64_t random = 7;

	random = random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((random >> 33) % bound);
}

/* Over slots, with stalls, new records, and keys that come above their thresholds at any time. */
static void sums_are_what_records_counted(void **state)
{
	uint64_t sent = 0, counted = 0;

	(void)state;
	for (unsigned int turn = 0; turn < 150; turn++) {
		for (unsigned int sends = below(60); sends > 0; sends--) {
			/* some are loud, and a client more takes part with every few turns */
			const uint32_t client = below(3) ? below(4) : below(1 + turn * CLIENTS / 150);
			const int packets = 1 + (int)below(below(8) ? 2 : 60);

			throw(CLIENT + client, target(below(TARGETS)), packets);
			sent += (uint64_t)packets;
		}
		later(turn % 50 == 49 ? 6000 : 200);
		tick_in(turn % 2 ? UINT32_MAX : 100);
		check_sums();
	}
	for (uint32_t client = 0; client < CLIENTS; client++)
		for (uint64_t slot = 0; slot < SLOTS; slot++)
			counted += of_client(client, slot);
	assert_int_equal(counted, sent);
	assert_in_range(kept.sums.high, 1, SUMS_MAX);
}

/* Heads give way to others within a slot, and what they counted stays in their network's sum. */
static void what_heads_counted_that_left_is_in_the_sum(void **state)
{
	const struct key gone = key4(CLIENT, target(1));

	(void)state;
	bed_teardown(NULL);
	setup_of(4096, 16);
	later(4000);
	tick();
	for (uint32_t i = 0; i < TARGETS; i++) {
		throw(CLIENT, target(i), i < NETWORK ? 1 : 3);
		later(20);
		if (i % 8 == 7)
			tick(); /* with a collection */
	}
	assert_int_equal(destination_find(bed.table, &gone.destination), DESTINATION_NONE);
	throw(CLIENT + 1, target(0), 40); /* now the network's sum begins */
	later(60);
	tick();
	assert_int_equal(total(1, 0), NETWORK + 40);
}

/* The pairs' table has room for one set, and there is one head. */
static void what_no_record_counts_is_in_the_sum(void **state)
{
	(void)state;
	bed_teardown(NULL);
	setup_of(SET_WAYS, 1);
	throw(CLIENT, target(0), 1);
	later(200);
	tick();
	for (unsigned int round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < TARGETS; i++)
			throw(CLIENT + 2, target(NETWORK + i % NETWORK), 1);
		later(200);
		tick();
	}
	assert_true(bed_reason(REASON_TABLE_FULL) > 0 && bed_reason(REASON_COARSE) > 0);
	/* of some pairs records count, of the others the client's entries; never both */
	assert_int_equal(total(0, 2), 4 * TARGETS);
	assert_int_equal(total(1, 1), 4 * TARGETS);
}

/* Another client in the same entries: what it sends is nobody's, and none of it is the owner's. */
static void nobody_is_blamed_for_a_neighbour(void **state)
{
	uint32_t neighbour = 0;
	__u64 mine[2], others[2];
	struct key key = key4(CLIENT + 2, TARGET);

	(void)state;
	bed_teardown(NULL);
	setup_of(SET_WAYS, 1);
	for (uint32_t i = 0; i < 2 * SET_WAYS; i++) /* takes every way */
		throw(CLIENT, target(i), 1);
	memcpy(mine, &key.client, sizeof(mine));
	for (uint32_t client = 0x0b000000; !neighbour; client++) {
		key = key4(client, TARGET);
		memcpy(others, &key.client, sizeof(others));
		if (coarse_index(COARSE_CLIENTS, 0, mine, bed.table->state->seed) ==
		    coarse_index(COARSE_CLIENTS, 0, others, bed.table->state->seed))
			neighbour = client;
	}
	later(200);
	tick();
	for (unsigned int round = 0; round < 10; round++) {
		throw(CLIENT + 2, target(30), 30);
		throw(neighbour, target(30), 10);
		later(20);
		tick();
	}
	assert_int_equal(total(0, 2), 300);
}

/* After each batch of a harvest in turn. What was told stays; what was not yet marked as harvested is added again. */
static void a_daemon_that_dies_while_it_harvests_loses_nothing(void **state)
{
	volatile uint64_t sent = 0, dead = 0;
	volatile unsigned int last = 0;

	(void)state;
	later(4000 - (uint32_t)(bed_now().mesh.ns % SLOT_NS / NS_PER_MS));
	for (unsigned int i = 0; i < 200; i++) /* above its threshold: a sum of its own from here on */
		throw(CLIENT, target(i % TARGETS), 1);
	later(20);
	tick();
	sent = 200;
	for (; last < 16; last++) {
		const uint64_t told = total(0, 0);

		for (uint32_t i = 0; i < TARGETS; i++)
			throw(CLIENT, target(i), 1);
		for (uint32_t client = 1; client < CLIENTS; client++)
			for (uint32_t i = 0; i < TARGETS / 2; i++)
				throw(CLIENT + client, target(i), 1);
		sent += TARGETS;
		later(20);
		kept.last_batch = kept.batches + last / 2;
		kept.dies_early = last % 2;
		if (setjmp(kept.death) == 0)
			tick();
		else
			dead++;
		kept.last_batch = UINT_MAX;
		table_close(bed.table);
		assert_int_equal(bed_open(true), 0);
		bed_beat();
		sums_begin();
		tick();
		assert_true(total(0, 0) >= told + TARGETS);
		assert_in_range(total(0, 0), sent, sent + dead * HARVESTED_AT_ONCE);
		for (uint32_t network = 0; network < TARGETS / NETWORK; network++)
			assert_true(kept.told[1][network][slot_now() % SLOTS] >= of_network(network, slot_now()));
	}
	assert_int_equal(dead, 16);
}

/* Another incarnation counts from zero. */
static void a_renewed_table_has_no_sums(void **state)
{
	(void)state;
	throw(CLIENT, target(0), 200);
	later(20);
	tick();
	assert_int_equal(kept.sums.held, 2);
	table_set_time_back(bed.table);
	table_close(bed.table);
	assert_int_equal(bed_open(true), 0);
	bed_beat();
	assert_true(table_time_went_back(bed.table, bed_now(), 43));
	sums_begin();
	assert_int_equal(kept.sums.held, 0);
	memset(kept.told, 0, sizeof(kept.told));
	memset(kept.pairs, 0, sizeof(kept.pairs));
	memset(kept.destinations, 0, sizeof(kept.destinations));
	throw(CLIENT, target(0), 50);
	later(20);
	tick();
	assert_int_equal(total(0, 0), 50);
	check_sums();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sums_are_what_records_counted, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(what_heads_counted_that_left_is_in_the_sum, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(what_no_record_counts_is_in_the_sum, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(nobody_is_blamed_for_a_neighbour, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_dies_while_it_harvests_loses_nothing, setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(a_renewed_table_has_no_sums, setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
