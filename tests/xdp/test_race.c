/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets on one CPU while the daemon harvests, folds and collects on another, and several CPUs on the same new
 * keys: nothing is lost.
 */
#define _GNU_SOURCE /* CPU affinity */
#include <pthread.h>
#include <sched.h>

#include "bed.h"

#define TARGET 0xc0000201
#define RACE_PACKETS 2000000
#define RACE_BATCH 4000
#define CLIENTS 50
#define NEW_KEYS 20000
#define SLOTS 16

/* What all harvests told, per client and slot; the last entry is the destination. */
static uint64_t told[CLIENTS + 1][SLOTS];
static uint64_t slot_first;

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void note_cell(const struct harvested *cell)
{
	size_t client = key_kind(&cell->key) == KEY_DESTINATION ? CLIENTS : (size_t)cell->key.client.bytes[15];
	uint64_t *word = &told[client][(cell->slot - slot_first) % SLOTS];

	if (cell->packets < *word)
		fail_msg("client %zu: a slot shrank from %llu to %llu", client, (unsigned long long)*word,
			 (unsigned long long)cell->packets);
	*word = cell->packets;
}

static void note(void *user, const struct harvested *cells, size_t count)
{
	(void)user;
	for (size_t i = 0; i < count; i++)
		note_cell(&cells[i]);
}

static uint64_t told_total(size_t client)
{
	uint64_t total = 0;
	size_t slot;

	for (slot = 0; slot < SLOTS; slot++)
		total += told[client][slot];
	return total;
}

struct sender {
	pthread_t thread;
	int cpu;
	bool done;
};

static void *send_all(void *user)
{
	struct sender *sender = user;
	int sent;

	pin_to(sender->cpu);
	for (sent = 0; sent < RACE_PACKETS; sent += RACE_BATCH) {
		struct frame frame = frame4(0x0a000000 + (uint32_t)(sent / RACE_BATCH % CLIENTS), TARGET);

		bed_run_many(&frame, RACE_BATCH, NULL);
	}
	__atomic_store_n(&sender->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static struct now moving_now(uint32_t jiffies)
{
	bed_at(jiffies);
	return bed_now();
}

static void fold_everything(void)
{
	struct instant mesh = bed_now().mesh;
	struct change fold = { .ts1 = mesh, .ts2 = mesh, .carry_from = mesh, .count = 1, .pass_share = SHARE_ALL };
	uint32_t client;

	for (client = 0; client < CLIENTS; client++) {
		struct key key = key4(0x0a000000 + client, TARGET);

		bed_apply(&key, &fold, false);
	}
}

/* Whole, or in parts with records written in between. */
static void harvest(struct now now, bool whole)
{
	if (whole) {
		table_harvest(bed.table, now, (struct duration){ 4 * NS_PER_S }, note, NULL);
		return;
	}
	while (!table_harvest_some(bed.table, now, (struct duration){ 4 * NS_PER_S }, 48, note, NULL))
		fold_everything();
}

/* The daemon on the other CPU, as fast as it can; mesh time runs through a dozen slots meanwhile. */
static void no_packet_is_lost_or_doubled_under_continuous_harvest(void **state)
{
	struct sender sender = { .cpu = 1 };
	uint64_t expected = RACE_PACKETS / CLIENTS;
	uint32_t jiffies = BED_START, harvests = 0;
	size_t client;

	(void)state;
	pin_to(0);
	assert_int_equal(bed_make(1024, 16, true), 0);
	slot_first = (uint64_t)(bed_now().mesh.ns / (4 * NS_PER_S));
	pthread_create(&sender.thread, NULL, send_all, &sender);
	while (!__atomic_load_n(&sender.done, __ATOMIC_ACQUIRE) || harvests < 100) {
		struct now now = moving_now(jiffies);

		table_anchor(bed.table, now);
		harvest(now, harvests % 2);
		fold_everything();
		/* seven slots: shorter, and a key could begin a slot twice */
		table_collect(bed.table, now, duration_ms(28000));
		if (++harvests % 64 == 0 && jiffies < BED_START + 12 * 4 * BED_HZ)
			jiffies += 20;
	}
	pthread_join(sender.thread, NULL);
	usleep(100000);
	for (client = 0; client < 4; client++) { /* leftovers of records taken out meanwhile */
		table_collect(bed.table, bed_now(), duration_ms(600000));
		usleep(50000);
		table_harvest(bed.table, bed_now(), (struct duration){ 4 * NS_PER_S }, note, NULL);
	}
	for (client = 0; client < CLIENTS; client++)
		assert_int_equal(told_total(client), expected);
	assert_int_equal(told_total(CLIENTS), RACE_PACKETS);
	assert_int_equal(bed_remove(), 0);
}

/* bed_run puts what comes out into one place for all: threads must not share it. */
static void run_apart(const struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->bytes, .data_size_in = frame->length);

	assert_int_equal(bpf_prog_test_run_opts(bed.table->program_fd, &run), 0);
}

static void *make_keys(void *user)
{
	const int cpu = *(const int *)user;
	uint32_t i;

	pin_to(cpu);
	for (i = 0; i < NEW_KEYS; i++) {
		struct frame frame = frame4(0x0a000000 + i, TARGET + i % 100);

		run_apart(&frame);
	}
	return NULL;
}

/* Two CPUs meet the same keys and destinations at the same time. */
static void two_cpus_making_the_same_records_lose_nothing(void **state)
{
	const int cpus[2] = { 0, 1 };
	pthread_t threads[2];
	uint64_t pairs = 0, destinations = 0;
	size_t i;

	(void)state;
	/* room for every key twice, as two CPUs in step make them */
	assert_int_equal(bed_make(NEW_KEYS * 4, 256, true), 0);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, make_keys, (void *)&cpus[i]);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	bed_harvest();
	for (i = 0; i < 3; i++) {
		table_collect(bed.table, bed_now(), duration_ms(600000));
		usleep(50000);
	}
	/* what was joined, or the next would tell those cells twice: as they were and as they are */
	bed_harvest();
	table_close(bed.table); /* all cells once more, after joining */
	assert_int_equal(bed_open(true), 0);
	bed_beat();
	bed_harvest();
	for (i = 0; i < bed.cell_count; i++)
		*(key_kind(&bed.cells[i].key) == KEY_DESTINATION ? &destinations : &pairs) += bed.cells[i].packets;
	assert_int_equal(bed_reason(REASON_TABLE_FULL), 0);
	assert_int_equal(pairs, 2 * NEW_KEYS);
	assert_int_equal(destinations, 2 * NEW_KEYS);
	assert_int_equal(bed.table->pairs4.used, NEW_KEYS);
	assert_int_equal(bed.table->destinations_used, 100);
	assert_int_equal(bed_remove(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_packet_is_lost_or_doubled_under_continuous_harvest),
		cmocka_unit_test(two_cpus_making_the_same_records_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
