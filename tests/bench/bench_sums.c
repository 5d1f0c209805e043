/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What sums of clients and networks cost a harvest of a million pairs, all of which moved: of a million clients, of a
 * thousand, and of a few; without and with keys that begin in each tick. Beside it the harvest alone, and the kernel's
 * own batch look-up of as many entries.
 */
#define _GNU_SOURCE /* CPU affinity */
#include "sums.h"

#include "spray.h"

#define PAIRS (1U << 20)
#define SLOTS (1U << 21)
#define ROUNDS 7
#define BEGIN 100 /* keys that begin in each tick */
#define VALUE_BYTES 40
#define BATCH 65536

static struct sums sums;

/* ---- the peer ---- */

struct value {
	uint64_t words[VALUE_BYTES / 8];
};

static uint64_t looked_keys[PAIRS];
static struct value looked_values[PAIRS];

/* Seconds to read every entry of a kernel hash. */
static double hash_lookup(int fd)
{
	uint32_t in = 0, out = 0, count, read = 0;
	const double started = cpu_seconds();
	bool first = true;
	int err;

	do {
		count = BATCH < PAIRS - read ? BATCH : PAIRS - read;
		err = bpf_map_lookup_batch(fd, first ? NULL : &in, &out, looked_keys + read, looked_values + read,
					   &count, NULL);
		must(!err || errno == ENOENT, "bpf_map_lookup_batch: %s", strerror(errno));
		in = out;
		first = false;
		read += count;
	} while (!err && read < PAIRS);
	must(read == PAIRS, "only %u entries were read", read);
	return cpu_seconds() - started;
}

static int hash_make(void)
{
	const int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bench", sizeof(uint64_t), sizeof(struct value), PAIRS, NULL);

	must(fd >= 0, "no hash of %u entries: %s", PAIRS, strerror(errno));
	for (uint32_t done = 0; done < PAIRS; done += BATCH) {
		uint32_t count = BATCH;

		for (uint32_t i = done; i < done + BATCH; i++)
			looked_keys[i] = (uint64_t)(CLIENT + i) << 32 | DESTINATION;
		must(bpf_map_update_batch(fd, looked_keys + done, looked_values + done, &count, NULL) == 0,
		     "bpf_map_update_batch");
	}
	return fd;
}

/* ---- the harvest ---- */

struct shape {
	const char *name;
	uint32_t client_shift, destinations;
};

static const struct shape shapes[] = {
	{ "1m.x.1", 0, 64 },
	{ "1k.x.1k", 10, 1024 },
	{ "8.x.131k", 17, 131072 },
};

static void add(void *user, const struct harvested *cells, size_t count)
{
	*(uint64_t *)user += count;
	table_sums_add(&sums, cells, count);
}

static void count_only(void *user, const struct harvested *cells, size_t count)
{
	(void)cells;
	*(uint64_t *)user += count;
}

static void found(void *user, struct sum_begin *begin, const struct cell *counted)
{
	(*(uint64_t *)user)++;
	sum_begin_add(&sums, begin, counted);
}

static void fill(struct spray *spray, const struct packet *packet, const struct shape *shape)
{
	const struct load load = { PAIRS, shape->destinations };
	const uint32_t cpu = (uint32_t)sched_getcpu();

	spray_load(spray, cpu, &load, true);
	spray->bss->lanes[cpu].client_shift = shape->client_shift;
	spray_run(spray, packet, PAIRS, VERDICT_PASS);
}

static uint64_t never(void *user, const struct key *key)
{
	(void)user, (void)key;
	return UINT32_MAX;
}

static uint64_t slot_of(struct now now)
{
	return (uint64_t)(now.mesh.ns / SLOT.ns);
}

static void sums_start(struct table *table, struct now now)
{
	static const uint64_t seed[2] = { 3, 1 };

	memset(table_sums(table), 0, SUMS_BYTES);
	memset(&sums, 0, sizeof(sums));
	sums_init(&sums, table_sums(table), seed, SLOT, slot_of(now), (struct sum_threshold){ never, never, NULL });
}

/* Notes keys for the next pass: clients from the first on, as many as there are. */
static void want_some(struct shape shape, uint32_t wanted)
{
	const uint32_t clients = PAIRS >> shape.client_shift;

	for (uint32_t i = 0; i < wanted; i++) {
		const uint32_t be = htonl(CLIENT + i % clients);
		const struct address address = address_of_ipv4((const uint8_t *)&be);
		const struct key key = key_of_client(&address);

		sums_want(&sums, &key);
	}
}

enum with { ALONE,
	    BUCKETS,
	    BEGINNING,
	    EXACT,
	    WITHS };

/* Seconds of one harvest with its sums. */
static double harvest(struct table *table, const struct shape *shape, enum with with)
{
	const struct now now = now_read();
	uint64_t cells = 0, records = 0;
	struct cell cell;
	double started;

	table_anchor(table, now);
	if (with != EXACT)
		sums_start(table, now);
	sums_tick(&sums, slot_of(now), (uint64_t[SUM_KINDS]){ UINT32_MAX, UINT32_MAX }, UINT32_MAX);
	started = cpu_seconds();
	table_harvest(table, now, SLOT, with == ALONE ? count_only : add, &cells);
	if (with == BEGINNING)
		want_some(*shape, BEGIN);
	if (sums_begin_open(&sums)) {
		table_sums_pass(table, &sums, UINT32_MAX, found, &records);
		sums_begin_close(&sums);
	}
	while (sums_next_changed(&sums, &cell))
		records++;
	started = cpu_seconds() - started;
	must(cells >= PAIRS, "the harvest found %llu cells", (unsigned long long)cells);
	must(with != BEGINNING || sums.held > 0, "no sum began");
	return started;
}

/* Every client that there is gets an exact sum, up to SUMS_MAX. */
static void make_exact(struct table *table, const struct shape *shape)
{
	uint64_t records = 0;

	harvest(table, shape, BUCKETS);
	for (uint32_t first = 0; first < (PAIRS >> shape->client_shift) && sums.held < SUMS_MAX / 2;
	     first += SUM_BEGINS_MAX) {
		for (uint32_t i = first; i < first + SUM_BEGINS_MAX && i < PAIRS >> shape->client_shift; i++) {
			const uint32_t be = htonl(CLIENT + i);
			const struct address address = address_of_ipv4((const uint8_t *)&be);
			const struct key key = key_of_client(&address);

			sums_want(&sums, &key);
		}
		table_sums_pass(table, &sums, UINT32_MAX, found, &records);
		sums_begin_close(&sums);
	}
}

static void bench_shape(struct spray *spray, int hash_fd, const struct shape *shape)
{
	static const char *const names[WITHS] = { "alone", "buckets", "begin", "exact" };
	static const char *const how[WITHS] = {
		"harvest of 1 M moved pairs without sums / bpf_map_lookup_batch, 40-byte values",
		"with sums, no key has one of its own / the same",
		"with sums, 100 keys begin / the same",
		"with sums, up to 8,192 clients have one of their own / the same",
	};
	struct table *table = table_make(SLOTS, 64, shape->destinations * 9 / 8 + 64);
	const struct packet packet = packet4();
	struct round rounds[WITHS][ROUNDS];

	table_limit(table, RATE_NEVER, RATE_NEVER, POLICY_EARLY);
	spray_aim(spray, table->program_fd);
	fill(spray, &packet, shape);
	harvest(table, shape, ALONE);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		const double theirs = hash_lookup(hash_fd);

		for (enum with with = 0; with < WITHS; with++) {
			fill(spray, &packet, shape);
			if (with == EXACT)
				make_exact(table, shape);
			else
				harvest(table, shape, ALONE); /* perhaps the first of a slot */
			fill(spray, &packet, shape);
			rounds[with][round] = (struct round){ harvest(table, shape, with), theirs };
		}
	}
	must(table_reason(table, REASON_TABLE_FULL) == 0, "the table was full");
	for (enum with with = 0; with < WITHS; with++) {
		const struct round middle = round_middle(rounds[with], ROUNDS);
		char figure[64];

		snprintf(figure, sizeof(figure), "xdp.sums.%s.%s", shape->name, names[with]);
		bench_figure(figure, middle.ours * 1e3, middle.theirs * 1e3, "ms", how[with]);
	}
	table_close(table);
}

int main(void)
{
	struct spray *spray = spray_make(64);
	const int hash_fd = hash_make();

	pin_to(0);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		bench_shape(spray, hash_fd, &shapes[i]);
	close(hash_fd);
	spray__destroy(spray);
	return 0;
}
