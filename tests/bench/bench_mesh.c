/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From sealed datagram to ledger, on one core, and what is turned away on the way; beside it the same records
 * through Redis, in the paper's four commands per pair (HGETALL, HSET, HSET, EXISTS), pipelined and one by one.
 */
#include <string.h>

#include <hiredis/hiredis.h>
#include <sodium.h>

#include "certificate.h"
#include "figure.h"
#include "node.h"

#define PAIRS 100000
#define DESTINATIONS 16
#define ROUNDS 10 /* a million records */
#define REDIS_LOOP_PAIRS 20000
#define FORGED 200000
#define START_NS (1760000000LL * NS_PER_S)

struct datagrams {
	uint8_t (*bytes)[DATAGRAM_BYTES_MAX];
	uint16_t *sizes;
	size_t count, room;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static struct now now_of(int64_t ns)
{
	return (struct now){ .mono = { ns }, .mesh = { START_NS + ns } };
}

static struct endpoint endpoint_of(uint8_t n)
{
	return (struct endpoint){ .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, n }), .port = 7946 };
}

static struct key pair_of(uint32_t n)
{
	return (struct key){
		.client = address_of_ipv4((uint8_t[]){ 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n }),
		.destination = address_of_ipv4((uint8_t[]){ 198, 51, 100, (uint8_t)(1 + n % DESTINATIONS) }),
	};
}

static struct node *node_make(uint8_t n)
{
	struct node_config config = {
		.limits = { .keys_max = 262144, .cells_max = 1048576, .frames_max = 8192, .members_max = 8 },
		.mesh = { .tick_ms = TICK_MS_DEFAULT,
			  .window_max_ms = WINDOW_MAX_MS_DEFAULT,
			  .decay = DECAY_DEFAULT,
			  .widths = WIDTHS_DEFAULT },
		.thresholds = { .pair_rate = 1000000,
				.destination_rate = 100000000,
				.idle_reset = { 10 * NS_PER_S },
				.pair_min_window = { NS_PER_S },
				.destination_min_window = { NS_PER_S } },
		.incarnation = n,
		.boot = 1,
		.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
		.frames_per_tick = FRAMES_PER_TICK_MAX,
		.gossip = true,
	};
	struct certificate certificate = { .serial = 1 };
	uint8_t authority[SECRET_KEY_BYTES], seed[32] = { 9 };
	struct node *node;

	crypto_sign_seed_keypair(config.mesh.authority, authority, seed);
	mesh_id_of(config.mesh.authority, config.mesh.id);
	seed[0] = n;
	crypto_sign_seed_keypair(certificate.public_key, config.secret_key, seed);
	snprintf(certificate.name, sizeof(certificate.name), "bench-%u", n);
	must(certificate_issue(&certificate, &config.mesh, authority, config.certificate, &config.certificate_bytes) ==
		     0,
	     "certificate_issue");
	memset(config.seed, n, SEED_BYTES);

	const size_t bytes = (node_bytes(&config.limits) + 63) / 64 * 64;
	void *memory = aligned_alloc(64, bytes);

	must(memory != NULL, "memory");
	memset(memory, 0, bytes);
	must(node_init(memory, bytes, &config, now_of(0), &node) == 0, "node_init");
	return node;
}

/* Carries what two nodes say to each other until both are silent. */
static void converse(struct node *a, struct node *b, int64_t ns)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct endpoint to;
	bool said = true;

	while (said) {
		size_t size;

		said = false;
		while ((size = node_poll(a, now_of(ns), &to, bytes)) > 0) {
			const struct endpoint from = endpoint_of(1);

			node_receive(b, now_of(ns), (struct duration){ 0 }, &from, bytes, size);
			said = true;
		}
		while ((size = node_poll(b, now_of(ns), &to, bytes)) > 0) {
			const struct endpoint from = endpoint_of(2);

			node_receive(a, now_of(ns), (struct duration){ 0 }, &from, bytes, size);
			said = true;
		}
	}
}

static void meet(struct node *a, struct node *b, int64_t *ns)
{
	node_greet(b, endpoint_of(1));
	for (int i = 0; i < 10; i++) {
		*ns += TICK_MS_DEFAULT * NS_PER_MS;
		node_tick(a, now_of(*ns));
		node_tick(b, now_of(*ns));
		converse(a, b, *ns);
	}
}

static void collect(struct node *a, int64_t ns, struct datagrams *out)
{
	struct endpoint to;

	out->count = 0;
	for (;;) {
		must(out->count < out->room, "more datagrams than there is room for");
		out->sizes[out->count] = (uint16_t)node_poll(a, now_of(ns), &to, out->bytes[out->count]);
		if (out->sizes[out->count] == 0)
			return;
		out->count++;
	}
}

static void drain_changes(struct node *node, int64_t ns)
{
	struct change change;

	while (node_next_change(node, now_of(ns), &change))
		;
}

static double bench_ingest(struct node *a, struct node *b, int64_t *ns, struct datagrams *datagrams, double *ret_apply)
{
	const struct mesh mesh = { .window_max_ms = WINDOW_MAX_MS_DEFAULT,
				   .decay = DECAY_DEFAULT,
				   .tick_ms = TICK_MS_DEFAULT };
	const struct endpoint from = endpoint_of(1);
	struct node_counters before, after;
	double ingest = 0, apply = 0, started;
	uint64_t bytes = 0, cells = 0;

	node_read_counters(b, &before);
	for (int round = 1; round <= ROUNDS; round++) {
		*ns += TICK_MS_DEFAULT * NS_PER_MS;
		const struct now now = now_of(*ns);
		const uint64_t slot = mesh_slot_at(&mesh, now.mesh);

		for (uint32_t i = 0; i < PAIRS; i++) {
			const struct key key = pair_of(i);

			node_observe(a, now, &key, slot, mesh_slot_start(&mesh, slot), now.mesh, (uint64_t)round * 3);
		}
		drain_changes(a, *ns);
		node_tick(a, now);
		collect(a, *ns, datagrams);
		for (size_t i = 0; i < datagrams->count; i++)
			bytes += datagrams->sizes[i];
		started = bench_seconds();
		for (size_t i = 0; i < datagrams->count; i++)
			node_receive(b, now, (struct duration){ 0 }, &from, datagrams->bytes[i], datagrams->sizes[i]);
		ingest += bench_seconds() - started;
		started = bench_seconds();
		drain_changes(b, *ns);
		apply += bench_seconds() - started;
		node_tick(b, now);
		converse(b, a, *ns);
	}
	node_read_counters(b, &after);
	cells = after.cells_merged - before.cells_merged;
	must(cells >= (uint64_t)ROUNDS * PAIRS, "not every record arrived");
	bench_figure("mesh.bytes.cell", (double)bytes / (double)cells, NAN, "B/cell",
		     "UDP payload per IPv4 pair cell, 16 destinations, full frames and everything around them");
	*ret_apply = (double)cells / apply;
	return (double)cells / ingest;
}

static redisContext *redis_open(void)
{
	redisContext *redis = redisConnectUnix(getenv("BENCH_REDIS") ? getenv("BENCH_REDIS")
								     : "/run/redis/redis-server.sock");

	must(redis && !redis->err, "no Redis at $BENCH_REDIS");
	return redis;
}

static void redis_append(redisContext *redis, uint32_t n)
{
	redisAppendCommand(redis, "HGETALL %u:%u", n, n % DESTINATIONS);
	redisAppendCommand(redis, "HSET %u:%u ts1 %u ts2 %u c %u", n, n % DESTINATIONS, n, n + 1, 3);
	redisAppendCommand(redis, "HSET l%u:%u ts1 %u ts2 %u c %u", n, n % DESTINATIONS, n, n + 1, 3);
	redisAppendCommand(redis, "EXISTS %u:%u", n, n % DESTINATIONS);
}

static void redis_take(redisContext *redis, unsigned int replies)
{
	void *reply;

	while (replies-- > 0) {
		must(redisGetReply(redis, &reply) == REDIS_OK, "Redis fell silent");
		freeReplyObject(reply);
	}
}

static double bench_redis(uint32_t pairs, uint32_t batch)
{
	redisContext *redis = redis_open();
	const double started = bench_seconds();

	for (uint32_t i = 0; i < pairs; i += batch) {
		for (uint32_t j = i; j < i + batch && j < pairs; j++)
			redis_append(redis, j);
		redis_take(redis, 4 * (i + batch < pairs ? batch : pairs - i));
	}
	const double rate = pairs / (bench_seconds() - started);

	redisFree(redis);
	return rate;
}

/* The paper's loop waits for each of the four replies. */
static double bench_redis_loop(uint32_t pairs)
{
	redisContext *redis = redis_open();
	const double started = bench_seconds();

	for (uint32_t i = 0; i < pairs; i++) {
		freeReplyObject(redisCommand(redis, "HGETALL %u:%u", i, i % DESTINATIONS));
		freeReplyObject(redisCommand(redis, "HSET %u:%u ts1 %u ts2 %u c %u", i, i % DESTINATIONS, i, i + 1, 3));
		freeReplyObject(
			redisCommand(redis, "HSET l%u:%u ts1 %u ts2 %u c %u", i, i % DESTINATIONS, i, i + 1, 3));
		freeReplyObject(redisCommand(redis, "EXISTS %u:%u", i, i % DESTINATIONS));
	}
	const double rate = pairs / (bench_seconds() - started);

	redisFree(redis);
	return rate;
}

/* Datagrams/s turned away; `change` spoils a copy of a real one. */
static double bench_reject(struct node *b, const struct datagrams *datagrams, int64_t ns,
			   void (*change)(uint8_t *bytes, size_t size, uint32_t n), enum reject expected)
{
	const struct endpoint from = endpoint_of(1);
	struct node_counters before, after;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	double spent = 0;

	node_read_counters(b, &before);
	for (uint32_t i = 0; i < FORGED; i++) {
		const size_t size = datagrams->sizes[i % datagrams->count];

		memcpy(bytes, datagrams->bytes[i % datagrams->count], size);
		change(bytes, size, i);
		const double started = bench_seconds();

		node_receive(b, now_of(ns), (struct duration){ 0 }, &from, bytes, size);
		spent += bench_seconds() - started;
	}
	node_read_counters(b, &after);
	must(after.rejects[expected] - before.rejects[expected] == FORGED, "a forged datagram was not rejected as "
									   "expected");
	must(after.signatures_checked == before.signatures_checked, "a forged datagram cost a signature check");
	return FORGED / spent;
}

static void spoil_body(uint8_t *bytes, size_t size, uint32_t n)
{
	bytes[SEAL_HEADER_BYTES + n % (size - SEAL_HEADER_BYTES)] ^= 1;
}

static void make_noise(uint8_t *bytes, size_t size, uint32_t n)
{
	(void)size;
	bytes[n % 2] ^= 0x5a;
}

/*
 * Bytes of a node's memory for each pair, beyond what a small one needs. Blocks are counted whole: three cells take
 * one, 21 three.
 */
static double memory_pair(uint32_t slots)
{
	enum { MEMORY_PAIRS = 1 << 20, ORIGINS = 3 };
	const struct node_limits small = { .keys_max = 1024, .cells_max = 1024, .frames_max = 8192, .members_max = 8 };
	struct node_limits large = small;

	large.keys_max += MEMORY_PAIRS;
	large.cells_max += MEMORY_PAIRS * ORIGINS * slots;
	return (double)(node_bytes(&large) - node_bytes(&small)) / MEMORY_PAIRS;
}

int main(void)
{
	struct datagrams datagrams = { .room = 4096 };
	int64_t ns = 0;
	double ingest, apply;

	must(sodium_init() >= 0, "sodium_init");
	datagrams.bytes = calloc(datagrams.room, sizeof(*datagrams.bytes));
	datagrams.sizes = calloc(datagrams.room, sizeof(*datagrams.sizes));

	struct node *a = node_make(1), *b = node_make(2);

	meet(a, b, &ns);
	ingest = bench_ingest(a, b, &ns, &datagrams, &apply);
	bench_figure("mesh.ingest", ingest, bench_redis(PAIRS, 256), "records/s",
		     "1 M records, sealed datagram to ledger, one core / the paper's four commands per pair through "
		     "pipelined Redis");
	bench_figure("mesh.ingest.loop", ingest, bench_redis_loop(REDIS_LOOP_PAIRS), "records/s",
		     "the same / the paper's loop, one reply at a time, over a Unix socket");
	bench_figure("mesh.memory.pair", memory_pair(1), NAN, "B/pair",
		     "daemon memory for 1 M more pairs of 3 origins, one slot active");
	bench_figure("mesh.memory.pair.7", memory_pair(SLOTS_HELD), NAN, "B/pair", "the same, all seven slots active");
	bench_figure("mesh.apply", apply, NAN, "records/s", "replay, carry and verdict of changed keys, one core");
	/* A datagram received stays marked; fresh ones are needed for spoiling. */
	ns += TICK_MS_DEFAULT * NS_PER_MS;
	node_tick(a, now_of(ns));
	collect(a, ns, &datagrams);
	must(datagrams.count > 0, "nothing to spoil");
	bench_figure("mesh.reject.forged", bench_reject(b, &datagrams, ns, spoil_body, REJECT_SEAL), NAN, "datagrams/s",
		     "a member's datagram with one bit changed, one core; no signature was checked");
	bench_figure("mesh.reject.noise", bench_reject(b, &datagrams, ns, make_noise, REJECT_VERSION), NAN,
		     "datagrams/s", "not our magic, one core");
	return 0;
}
