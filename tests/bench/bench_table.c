/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record table from the daemon's side: harvest and writing back of a million pairs beside the kernel's own batch
 * calls on a hash of as many entries; memory per pair; and whether a count is ever lost while packets and harvests
 * run at the same time.
 */
#define _GNU_SOURCE /* CPU affinity */
#include <pthread.h>

#include "spray.h"

#define PAIRS (1U << 20)
#define SLOTS (1U << 21)
#define LOAD_PERCENT 60 /* of SLOTS, for the memory per pair */
#define ROUNDS 5
#define VALUE_BYTES 40
#define BATCH 65536
#define FORESEEN 16 /* records ahead */
#define LOST_PAIRS 1024
#define LOST_PACKETS 20000000
#define LOST_RUN 200000
#define LOST_SLOTS 64 /* of 4 s: more than the run lasts */

struct value {
	uint64_t words[VALUE_BYTES / 8];
};

static void note(void *user, const struct harvested *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*(uint64_t *)user += cells[i].packets;
}

static struct key keys_in_order[PAIRS];
static uint32_t keys_told;

static void note_key(void *user, const struct harvested *cells, size_t count)
{
	(void)user;
	for (size_t i = 0; i < count; i++)
		if (key_kind(&cells[i].key) != KEY_DESTINATION)
			keys_in_order[keys_told++ % PAIRS] = cells[i].key;
}

/* ---- the peer: a kernel hash and its batch calls ---- */

struct hash {
	int fd;
	uint64_t *keys;
	struct value *values;
};

/* Seconds to write every entry. */
static double hash_update(const struct hash *hash)
{
	const double started = cpu_seconds();
	uint32_t done, count;

	for (done = 0; done < PAIRS; done += BATCH) {
		count = BATCH;
		must(bpf_map_update_batch(hash->fd, hash->keys + done, hash->values + done, &count, NULL) == 0,
		     "bpf_map_update_batch");
	}
	return cpu_seconds() - started;
}

/* Seconds to read every entry. */
static double hash_lookup(const struct hash *hash)
{
	uint32_t in = 0, out = 0, count, read = 0;
	const double started = cpu_seconds();
	bool first = true;
	int err;

	do {
		count = BATCH < PAIRS - read ? BATCH : PAIRS - read;
		err = bpf_map_lookup_batch(hash->fd, first ? NULL : &in, &out, hash->keys + read, hash->values + read,
					   &count, NULL);
		must(!err || errno == ENOENT, "bpf_map_lookup_batch: %s", strerror(errno));
		in = out;
		first = false;
		read += count;
	} while (!err && read < PAIRS);
	must(read == PAIRS, "only %u entries were read", read);
	return cpu_seconds() - started;
}

static struct hash hash_make(void)
{
	struct hash hash = { .keys = calloc(PAIRS, sizeof(*hash.keys)), .values = calloc(PAIRS, sizeof(*hash.values)) };
	uint32_t i;

	hash.fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bench", sizeof(*hash.keys), sizeof(*hash.values), PAIRS, NULL);
	must(hash.fd >= 0 && hash.keys && hash.values, "no hash of %u entries: %s", PAIRS, strerror(errno));
	for (i = 0; i < PAIRS; i++)
		hash.keys[i] = (uint64_t)(CLIENT + i) << 32 | DESTINATION;
	hash_update(&hash);
	return hash;
}

/* Bytes of kernel memory, as the kernel charges them. */
static uint64_t map_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "r");
	must(info != NULL, "%s cannot be opened", path);
	while (fgets(line, sizeof(line), info) && sscanf(line, "memlock: %llu", &bytes) != 1)
		;
	fclose(info);
	return bytes;
}

/* The descriptor of one of the table's maps, by its name; the table itself keeps only memory. */
static int map_open(const char *name)
{
	struct bpf_map_info info;
	uint32_t id = 0, bytes;
	int fd, newest = -1;

	while (bpf_map_get_next_id(id, &id) == 0) {
		fd = bpf_map_get_fd_by_id(id);
		bytes = sizeof(info);
		memset(&info, 0, sizeof(info));
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 && strcmp(info.name, name) == 0) {
			if (newest >= 0)
				close(newest);
			newest = fd; /* ids only grow */
		} else if (fd >= 0) {
			close(fd);
		}
	}
	must(newest >= 0, "no map %s", name);
	return newest;
}

/* ---- harvest and writing back ---- */

static double harvest(struct table *table, uint64_t *ret_packets)
{
	double started;

	table_anchor(table, now_read());
	*ret_packets = 0;
	started = cpu_seconds();
	table_harvest(table, now_read(), SLOT, note, ret_packets);
	return cpu_seconds() - started;
}

/* The first harvest of a slot: what every record gained since the one before is divided over two. */
static double harvest_at_boundary(struct table *table, struct spray *spray, const struct packet *packet,
				  const struct load *load)
{
	const int64_t slot = now_read().mesh.ns / SLOT.ns;
	uint64_t packets;
	double seconds;

	spray_fill(spray, packet, load);
	while (now_read().mesh.ns / SLOT.ns == slot)
		usleep(10000);
	spray_fill(spray, packet, load);
	seconds = harvest(table, &packets);
	must(packets > PAIRS, "the harvest at the boundary found %llu packets", (unsigned long long)packets);
	return seconds;
}

/* What nobody can do without: the words of every record in use read, one of them written. */
static double bare_pass(struct table *table)
{
	const double started = cpu_seconds();

	for (uint32_t i = 0; i < table->pairs4.count; i++) {
		struct pair4_set *set = set_of_index(&table->pairs4, i);

		for (unsigned int way = 0; way < SET_WAYS; way++)
			if (set->tags[way] != TAG_EMPTY)
				store64(&set->records[way].harvest,
					WORD(WORD_LOW(set->records[way].harvest), set->records[way].packets));
	}
	return cpu_seconds() - started;
}

/* `hints` NULL: each record is searched for by its key. */
static double apply(struct table *table, const struct key *keys, uint32_t *hints)
{
	const struct now now = now_read();
	struct change change = { .ts1 = now.mesh,
				 .ts2 = now.mesh,
				 .carry_from = now.mesh,
				 .count = 2,
				 .known = 1,
				 .rho = 1,
				 .pass_share = SHARE_ALL };
	double seconds, started;
	uint32_t i;

	started = cpu_seconds();
	for (i = 0; i < PAIRS; i++) {
		if (hints && i + FORESEEN < PAIRS)
			table_foresee(table, &keys[i + FORESEEN], hints[i + FORESEEN]);
		change.key = keys[i];
		if (hints ? table_apply_hinted(table, &change, &hints[i]) : table_apply(table, &change))
			break;
	}
	seconds = cpu_seconds() - started;
	must(i == PAIRS, "pair %u has no record", i);
	return seconds;
}

static void bench_million(struct spray *spray)
{
	const struct load load = { PAIRS, 1 };
	struct table *table = table_make(SLOTS, 64, 64);
	const struct packet packet = packet4();
	struct hash hash = hash_make();
	double moved = INFINITY, still = INFINITY, applied = INFINITY, hinted = INFINITY, looked_up = INFINITY,
	       updated = INFINITY;
	uint32_t *hints = calloc(PAIRS, sizeof(*hints)), i;
	struct key *keys = calloc(PAIRS, sizeof(*keys));
	double in_order = INFINITY, boundary = INFINITY, bare = INFINITY;
	uint64_t packets;
	int round;

	must(hints != NULL && keys != NULL, "no memory");
	for (i = 0; i < PAIRS; i++)
		keys[i] = key_of(i, &load);
	table_limit(table, RATE_NEVER, RATE_NEVER, POLICY_EARLY);
	spray_aim(spray, table->program_fd);
	spray_fill(spray, &packet, &load);
	table_harvest(table, now_read(), SLOT, note_key, NULL);
	must(keys_told == PAIRS, "the harvest told of %u pairs", keys_told);
	for (round = 0; round < ROUNDS; round++) {
		spray_fill(spray, &packet, &load);
		harvest(table, &packets); /* perhaps the first of a slot */
		spray_fill(spray, &packet, &load);
		moved = fmin(moved, harvest(table, &packets));
		must(packets >= 2 * PAIRS, "the harvest found %llu packets", (unsigned long long)packets);
		still = fmin(still, harvest(table, &packets));
		must(packets == 0, "a harvest found packets that were not sent");
		bare = fmin(bare, bare_pass(table));
		if (round % 2)
			boundary = fmin(boundary, harvest_at_boundary(table, spray, &packet, &load));
		applied = fmin(applied, apply(table, keys, NULL));
		apply(table, keys, hints); /* finds them */
		hinted = fmin(hinted, apply(table, keys, hints));
		apply(table, keys_in_order, hints); /* finds them again */
		in_order = fmin(in_order, apply(table, keys_in_order, hints));
		looked_up = fmin(looked_up, hash_lookup(&hash));
		updated = fmin(updated, hash_update(&hash));
	}
	must(table_reason(table, REASON_TABLE_FULL) == 0, "the table was full");
	bench_figure("xdp.harvest.1m", moved * 1e3, looked_up * 1e3, "ms",
		     "1 M stored pairs, all of which moved, the slot goes on / bpf_map_lookup_batch, 40-byte values");
	bench_figure("xdp.harvest.1m.still", still * 1e3, looked_up * 1e3, "ms",
		     "1 M stored pairs, none of which moved / the same");
	bench_figure("xdp.harvest.1m.boundary", boundary * 1e3, looked_up * 1e3, "ms",
		     "the first harvest of a slot: all moved, before its beginning and after / the same");
	bench_figure("xdp.harvest.1m.bare", bare * 1e3, looked_up * 1e3, "ms",
		     "a bare loop over the same table, in which every record in use is read and written / the same");
	bench_figure("xdp.apply.1m", PAIRS / applied, PAIRS / updated, "records/s",
		     "table_apply by key, known pairs / bpf_map_update_batch, known keys");
	bench_figure("xdp.apply.1m.hinted", PAIRS / hinted, PAIRS / updated, "records/s",
		     "table_apply_hinted, where each record stands known, in random order, fetched 16 ahead / the "
		     "same");
	bench_figure("xdp.apply.1m.order", PAIRS / in_order, PAIRS / updated, "records/s",
		     "the same in the order a harvest told of them, in which their changes come back / the same");
	free(keys);
	free(hints);
	close(hash.fd);
	free(hash.keys);
	free(hash.values);
	table_close(table);
}

/* ---- memory ---- */

static void bench_memory(struct spray *spray, bool ipv6)
{
	const uint32_t pairs = (uint32_t)((uint64_t)SLOTS * LOAD_PERCENT / 100);
	const struct load all = { SLOTS, 1 };
	struct table *table = table_make(ipv6 ? 64 : SLOTS, ipv6 ? SLOTS : 64, 64);
	const struct packet packet = ipv6 ? packet6() : packet4();
	const int pairs_fd = map_open(ipv6 ? "pairs6" : "pairs4");
	const int answers_fd = map_open(ipv6 ? "answers6" : "answers4");
	const int hash_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bench", ipv6 ? 32 : 8, VALUE_BYTES, pairs, NULL);

	must(hash_fd >= 0, "no hash of %u entries", pairs);
	table_limit(table, RATE_NEVER, RATE_NEVER, POLICY_EARLY);
	spray_aim(spray, table->program_fd);
	spray_load(spray, (uint32_t)sched_getcpu(), &all, true);
	spray_run(spray, &packet, pairs, VERDICT_PASS);
	must(table_reason(table, REASON_TABLE_FULL) == 0, "%llu pairs found no room",
	     (unsigned long long)table_reason(table, REASON_TABLE_FULL));
	bench_figure(ipv6 ? "xdp.memory.pair.ipv6" : "xdp.memory.pair",
		     (double)(map_bytes(pairs_fd) + map_bytes(answers_fd)) / pairs,
		     (double)map_bytes(hash_fd) / pairs, "B/pair",
		     "kernel memory, 1.26 M pairs in a table 60 % full, none left out / a kernel hash made for as "
		     "many, 40-byte "
		     "values");
	close(hash_fd);
	close(answers_fd);
	close(pairs_fd);
	table_close(table);
}

/* ---- counts ---- */

static uint64_t told[LOST_PAIRS][LOST_SLOTS];
static bool sent_all;

static void note_slot(void *user, const struct harvested *cells, size_t count)
{
	(void)user;
	for (const struct harvested *cell = cells; cell < cells + count; cell++)
		if (key_kind(&cell->key) != KEY_DESTINATION)
			told[(cell->key.client.bytes[14] << 8 | cell->key.client.bytes[15]) % LOST_PAIRS]
			    [cell->slot % LOST_SLOTS] = cell->packets;
}

static void *send_all(void *user)
{
	const struct load load = { LOST_PAIRS, 1 };
	const struct packet packet = packet4();
	uint32_t sent;

	pin_to(sysconf(_SC_NPROCESSORS_ONLN) > 1);
	spray_load(user, (uint32_t)sched_getcpu(), &load, false);
	for (sent = 0; sent < LOST_PACKETS; sent += LOST_RUN)
		spray_run(user, &packet, LOST_RUN, VERDICT_PASS);
	__atomic_store_n(&sent_all, true, __ATOMIC_RELEASE);
	return NULL;
}

static void bench_lost(struct spray *spray)
{
	struct table *table = table_make(2 * LOST_PAIRS, 64, 64);
	uint64_t counted = 0, harvests = 0;
	pthread_t sender;
	char how[128];
	size_t pair, slot;
	bool last;

	table_limit(table, RATE_NEVER, RATE_NEVER, POLICY_EARLY);
	spray_aim(spray, table->program_fd);
	must(pthread_create(&sender, NULL, send_all, spray) == 0, "no thread");
	do {
		const struct now now = now_read();

		last = __atomic_load_n(&sent_all, __ATOMIC_ACQUIRE); /* once more after the last packet */
		table_anchor(table, now);
		table_harvest(table, now, SLOT, note_slot, NULL);
		harvests++;
		usleep(1000);
	} while (!last);
	pthread_join(sender, NULL);
	for (pair = 0; pair < LOST_PAIRS; pair++)
		for (slot = 0; slot < LOST_SLOTS; slot++)
			counted += told[pair][slot];
	snprintf(how, sizeof(how), "of %u packets, %llu harvests meanwhile, one every ms", LOST_PACKETS,
		 (unsigned long long)harvests);
	bench_figure("xdp.counts.lost", (double)LOST_PACKETS - (double)counted, NAN, "packets", how);
	table_close(table);
}

int main(void)
{
	struct spray *spray = spray_make(64);

	pin_to(0);
	bench_million(spray);
	bench_memory(spray, false);
	bench_memory(spray, true);
	bench_lost(spray);
	spray__destroy(spray);
	return 0;
}
