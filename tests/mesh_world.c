/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "mesh_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "counters.h"
#include "truths.h"

#define FLIGHT_MAX 65536

struct flight {
	int64_t at_ns;
	uint64_t order;
	struct world_datagram datagram;
};

struct place {
	struct node *node;
	void *memory;
	struct node_config config;
	struct certificate certificate;
	uint8_t *documents[DOCUMENT_KINDS]; /* as on its disk */
	size_t document_bytes[DOCUMENT_KINDS];
	bool stopped;
	unsigned int told;
	struct counters counters;
};

struct world {
	struct world_options options;
	struct mesh mesh;
	struct place places[WORLD_NODES_MAX];
	int64_t now_ns;
	bool cut[WORLD_NODES_MAX][WORLD_NODES_MAX];
	struct flight *flights;
	size_t flights_count;
	uint64_t order, random;
	uint8_t authority_secret[SECRET_KEY_BYTES];
	struct truths truths;
	bool (*tap)(void *user, struct world_datagram *datagram);
	void *tap_user;
	void (*changed)(void *user, unsigned int n, const struct change *change, uint32_t harvested);
	void *changed_user;
	void (*after)(void *user, unsigned int n);
	void *after_user;
};

const struct thresholds world_thresholds = {
	.pair_rate = 100,
	.destination_rate = 1000,
	.idle_reset = { 10 * NS_PER_S },
	.pair_min_window = { NS_PER_S },
	.destination_min_window = { NS_PER_S },
	.fair = true,
};

#define WORLD_START_NS (1760000000LL * NS_PER_S)

static double draw(struct world *world)
{
	world->random = world->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(world->random >> 11) / (double)(1ULL << 53);
}

struct now world_now(const struct world *world)
{
	return (struct now){ .mono = { world->now_ns }, .mesh = { WORLD_START_NS + world->now_ns } };
}

const struct mesh *world_mesh(const struct world *world)
{
	return &world->mesh;
}

struct node *world_node(struct world *world, unsigned int n)
{
	return world->places[n].node;
}

static struct endpoint endpoint_of(unsigned int n)
{
	return (struct endpoint){ .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, (uint8_t)(n + 1) }),
				  .port = 7946 };
}

struct key world_key(unsigned int client, unsigned int destination)
{
	return (struct key){
		.client = address_of_ipv4(
			(uint8_t[]){ 10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client }),
		.destination = address_of_ipv4((uint8_t[]){ 198, 51, 100, (uint8_t)destination }),
	};
}

static void must(int result, const char *what)
{
	if (result != 0) {
		fprintf(stderr, "world: %s: %d\n", what, result);
		abort();
	}
}

static void place_start(struct world *world, unsigned int n)
{
	struct place *place = &world->places[n];

	memset(place->memory, 0, node_bytes(&place->config.limits));
	must(node_init(place->memory, node_bytes(&place->config.limits), &place->config, world_now(world),
		       &place->node),
	     "node_init");
	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++) {
		if (place->document_bytes[kind])
			must(node_restore(place->node, world_now(world), place->documents[kind],
					  place->document_bytes[kind]),
			     "node_restore");
	}
	place->stopped = false;
	for (unsigned int other = 0; other < n; other++)
		must(node_greet(place->node, endpoint_of(other)), "node_greet");
}

struct world *world_make(const struct world_options *options)
{
	struct world *world = calloc(1, sizeof(*world));
	uint8_t mesh_secret[MESH_SECRET_BYTES], seed[32] = { 7 };

	must(sodium_init() < 0, "sodium_init");
	world->options = *options;
	world->random = options->seed * 2 + 1;
	world->flights = calloc(FLIGHT_MAX, sizeof(*world->flights));
	world->mesh = (struct mesh){ .tick_ms = TICK_MS_DEFAULT,
				     .window_max_ms = WINDOW_MAX_MS_DEFAULT,
				     .decay = DECAY_DEFAULT,
				     .widths = WIDTHS_DEFAULT };
	crypto_sign_seed_keypair(world->mesh.authority, world->authority_secret, seed);
	mesh_id_of(world->mesh.authority, world->mesh.id);
	memset(mesh_secret, 42, sizeof(mesh_secret));
	for (unsigned int n = 0; n < options->nodes; n++) {
		struct place *place = &world->places[n];
		struct certificate certificate = { .serial = 1, .endpoints = 1 };

		place->config = (struct node_config){
			.limits = { .keys_max = 8192,
				    .cells_max = 65536,
				    .frames_max = 4096,
				    .members_max = WORLD_NODES_MAX },
			.mesh = world->mesh,
			.thresholds = options->thresholds,
			.incarnation = 1000 + n,
			.boot = 1,
			.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
			.frames_per_tick = 64,
			.publish = options->publish,
			.gossip = true,
		};
		seed[0] = (uint8_t)(100 + n);
		crypto_sign_seed_keypair(certificate.public_key, place->config.secret_key, seed);
		snprintf(certificate.name, sizeof(certificate.name), "node-%u", n);
		certificate.endpoint[0].address = endpoint_of(n).address;
		certificate.endpoint[0].port = endpoint_of(n).port;
		certificate.id = member_id_of(certificate.public_key);
		place->certificate = certificate;
		if (n + 1 == options->nodes && options->last_client_bits)
			place->config.mesh.widths.client_bits = options->last_client_bits;
		must(certificate_issue(&certificate, &place->config.mesh, world->authority_secret,
				       place->config.certificate, &place->config.certificate_bytes),
		     "certificate_issue");
		memcpy(place->config.mesh_secret, mesh_secret, sizeof(mesh_secret));
		memset(place->config.seed, (int)(n + options->seed), SEED_BYTES);
		place->counters.harvested_at = world_now(world).mesh;
		place->memory = aligned_alloc(64, (node_bytes(&place->config.limits) + 63) / 64 * 64);
		place_start(world, n);
	}
	return world;
}

void world_free(struct world *world)
{
	for (unsigned int n = 0; n < world->options.nodes; n++) {
		node_close(world->places[n].node);
		free(world->places[n].memory);
		for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++)
			free(world->places[n].documents[kind]);
	}
	free(world->flights);
	truths_free(&world->truths);
	free(world);
}

void world_restart(struct world *world, unsigned int n)
{
	world->places[n].config.boot++;
	world->places[n].counters.resuming = true;
	place_start(world, n);
}

void world_lose(struct world *world, unsigned int n, uint64_t incarnation)
{
	struct place *place = &world->places[n];

	memset(&place->counters, 0, sizeof(place->counters));
	place->counters.harvested_at = world_now(world).mesh;
	place->config.incarnation = incarnation;
	place->config.boot = 1;
	place_start(world, n);
}

void world_clone(struct world *world, unsigned int n, unsigned int of)
{
	struct place *place = &world->places[n];
	uint8_t seed[SEED_BYTES];

	memcpy(seed, place->config.seed, sizeof(seed));
	place->config = world->places[of].config;
	memcpy(place->config.seed, seed, sizeof(seed));
	place->config.boot++;
	place->certificate = world->places[of].certificate;
	place_start(world, n);
}

unsigned int world_told(const struct world *world, unsigned int n)
{
	return world->places[n].told;
}

/* As a daemon does: what was counted so far stays the old incarnation's. */
static void begin_anew(struct world *world, unsigned int n)
{
	struct place *place = &world->places[n];
	const uint64_t later = node_later_incarnation(place->node);

	if (later == 0)
		return;
	counters_renew(&place->counters);
	place->told++;
	place->config.incarnation = later + 1;
	place->config.boot++;
	place_start(world, n);
}

void world_stop(struct world *world, unsigned int n)
{
	world->places[n].stopped = true;
}

const uint8_t *world_authority(const struct world *world)
{
	return world->authority_secret;
}

const struct certificate *world_certificate(const struct world *world, unsigned int n)
{
	return &world->places[n].certificate;
}

void world_rekey(struct world *world, unsigned int n, const uint8_t *mesh_secret)
{
	struct place *place = &world->places[n];
	struct certificate *certificate = &place->certificate;
	uint8_t seed[32] = { (uint8_t)(200 + n), (uint8_t)++certificate->serial };

	certificate->has_previous = true;
	memcpy(certificate->previous_key, certificate->public_key, PUBLIC_KEY_BYTES);
	crypto_sign_seed_keypair(certificate->public_key, place->config.secret_key, seed);
	must(certificate_issue(certificate, &world->mesh, world->authority_secret, place->config.certificate,
			       &place->config.certificate_bytes),
	     "certificate_issue");
	if (mesh_secret)
		memcpy(place->config.mesh_secret, mesh_secret, MESH_SECRET_BYTES);
	world_restart(world, n);
}

void world_cut(struct world *world, int a, int b, bool cut)
{
	for (int i = 0; i < WORLD_NODES_MAX; i++) {
		if (b == -1 || i == b)
			world->cut[a][i] = world->cut[i][a] = cut;
	}
}

void world_cut_one_way(struct world *world, unsigned int from, unsigned int to, bool cut)
{
	world->cut[from][to] = cut;
}

void world_set_after(struct world *world, void (*after)(void *user, unsigned int n), void *user)
{
	world->after = after;
	world->after_user = user;
}

void world_set_tap(struct world *world, bool (*tap)(void *user, struct world_datagram *datagram), void *user)
{
	world->tap = tap;
	world->tap_user = user;
}

uint64_t world_truth(const struct world *world, const struct key *key, uint64_t slot)
{
	return truths_packets(&world->truths, key, slot);
}

uint64_t world_counted(struct world *world, unsigned int n, const struct key *key)
{
	const struct counter *counter = counters_find(&world->places[n].counters, key);

	return counter ? counter->packets : 0;
}

static void count(struct world *world, struct place *place, const struct key *key)
{
	const struct instant now = world_now(world).mesh;

	counters_add(&place->counters, key, now, world->options.thresholds.idle_reset);
	truths_add(&world->truths, key, mesh_slot_at(&world->mesh, now));
}

void world_packet(struct world *world, unsigned int n, const struct key *pair)
{
	const struct key destination = key_of_destination(&pair->destination);

	count(world, &world->places[n], pair);
	count(world, &world->places[n], &destination);
}

void world_count(struct world *world, unsigned int n, const struct key *key)
{
	count(world, &world->places[n], key);
}

static int64_t delay_ns(struct world *world, unsigned int from, unsigned int to)
{
	if (world->options.delay_ms_between)
		return (int64_t)(world->options.delay_ms_between(from, to) * (0.9 + 0.2 * draw(world)) * NS_PER_MS);
	return (int64_t)(world->options.delay_ms * (0.5 + draw(world)) * NS_PER_MS);
}

static void fly(struct world *world, unsigned int from, const struct endpoint *to, const uint8_t *bytes, size_t size)
{
	unsigned int copies = 1;

	for (unsigned int n = 0; n < world->options.nodes; n++) {
		const struct endpoint there = endpoint_of(n);

		if (!address_equal(&there.address, &to->address) || world->cut[from][n] ||
		    draw(world) < world->options.loss)
			continue;
		if (draw(world) < world->options.duplication)
			copies = 2;
		while (copies-- > 0) {
			if (world->flights_count == FLIGHT_MAX)
				abort();
			struct flight *flight = &world->flights[world->flights_count++];

			flight->at_ns = world->now_ns + delay_ns(world, from, n);
			flight->order = world->order++;
			flight->datagram.to = n;
			flight->datagram.from = endpoint_of(from);
			flight->datagram.size = size;
			memcpy(flight->datagram.bytes, bytes, size);
		}
		return;
	}
}

void world_set_changes(struct world *world,
		       void (*changed)(void *user, unsigned int n, const struct change *change, uint32_t harvested),
		       void *user)
{
	world->changed = changed;
	world->changed_user = user;
}

static uint32_t harvested_of(const struct place *place, const struct key *key)
{
	const struct counter *counter = counters_find(&place->counters, key);

	return counter ? counter->words.harvested_packets : 0;
}

/* What must be durable is, before anything leaves. */
static void persist(struct world *world, unsigned int n)
{
	struct place *place = &world->places[n];
	enum document_kind kind;
	const uint8_t *bytes;
	size_t size;

	while (node_next_persist(place->node, &kind, &bytes, &size)) {
		if (!place->documents[kind])
			place->documents[kind] = malloc(DOCUMENT_BYTES_MAX);
		memcpy(place->documents[kind], bytes, size);
		place->document_bytes[kind] = size;
	}
}

static void drain(struct world *world, unsigned int n)
{
	struct node *node = world->places[n].node;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct change change;
	struct endpoint to;
	size_t size;

	persist(world, n);
	while ((size = node_poll(node, world_now(world), &to, bytes)) > 0)
		fly(world, n, &to, bytes, size);
	while (node_next_change(node, world_now(world), &change)) {
		if (world->changed)
			world->changed(world->changed_user, n, &change, harvested_of(&world->places[n], &change.key));
	}
	if (world->after)
		world->after(world->after_user, n);
}

void world_deliver(struct world *world, const struct world_datagram *datagram)
{
	struct world_datagram copy = *datagram;

	if (world->tap && !world->tap(world->tap_user, &copy))
		return;
	if (world->places[copy.to].stopped)
		return;
	node_receive(world->places[copy.to].node, world_now(world), (struct duration){ 0 }, &copy.from,
		     copy.bytes, copy.size);
	drain(world, copy.to);
}

static bool deliver_due(struct world *world)
{
	size_t best = world->flights_count;

	for (size_t i = 0; i < world->flights_count; i++) {
		const struct flight *f = &world->flights[i], *b = &world->flights[best];

		if (f->at_ns <= world->now_ns && (best == world->flights_count || f->at_ns < b->at_ns ||
						  (f->at_ns == b->at_ns && f->order < b->order)))
			best = i;
	}
	if (best == world->flights_count)
		return false;
	const struct world_datagram datagram = world->flights[best].datagram;

	world->flights[best] = world->flights[--world->flights_count];
	world_deliver(world, &datagram);
	return true;
}

void world_run(struct world *world, double seconds)
{
	const int64_t end = world->now_ns + (int64_t)(seconds * NS_PER_S), step = 5 * NS_PER_MS;

	for (;;) {
		const struct now now = world_now(world);

		for (unsigned int n = 0; n < world->options.nodes; n++) {
			if (world->places[n].stopped ||
			    instant_is_before(now.mesh, node_next_due(world->places[n].node, now)))
				continue;
			counters_harvest(&world->places[n].counters, world->places[n].node, &world->mesh, now,
					 world->options.thresholds.idle_reset);
			node_tick(world->places[n].node, now);
			drain(world, n);
			begin_anew(world, n);
		}
		while (deliver_due(world))
			;
		for (unsigned int n = 0; n < world->options.nodes; n++) {
			if (instant_is_before(now.mono, node_next_turn(world->places[n].node, now)))
				continue;
			node_turn(world->places[n].node, now);
			drain(world, n);
		}
		if (world->now_ns >= end)
			return;
		world->now_ns = world->now_ns + step < end ? world->now_ns + step : end;
	}
}
