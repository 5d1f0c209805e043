/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The beginning of a world, its time, and its end. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto.h"

static void mesh_make(struct world *world)
{
	struct rng rng = rng_make(world->seed, "mesh", 0);
	uint8_t seed[32];

	rng_fill(&rng, seed, sizeof(seed));
	world->mesh = (struct mesh){
		.tick_ms = (uint32_t)world->scenario.tick_ms,
		.window_max_ms = (uint32_t)world->scenario.window_max_ms,
		.decay = (uint32_t)world->scenario.decay,
		.widths = scenario_widths(&world->scenario),
	};
	crypto_sign_seed_keypair(world->mesh.authority, world->authority_secret, seed);
	mesh_id_of(world->mesh.authority, world->mesh.id);
	rng_fill(&rng, world->mesh_secret, sizeof(world->mesh_secret));
}

static void begin(struct world *world, uint64_t who, void *what)
{
	(void)what;
	proxy_start(world, (unsigned int)who);
}

static void members_make(struct world *world)
{
	struct rng rng = rng_make(world->seed, "starts", 0);
	const unsigned int members = (unsigned int)world->scenario.members;

	world->proxies = calloc(members + 1, sizeof(*world->proxies));
	world->member_ids = calloc(members + 1, sizeof(*world->member_ids));
	if (!world->proxies || !world->member_ids)
		abort();
	for (unsigned int i = 0; i <= members; i++) {
		proxy_open(world, i, i < members);
		world->member_ids[i] = member_id_of(world->proxies[i].config.secret_key + SECRET_KEY_BYTES -
						    PUBLIC_KEY_BYTES);
		if (i < members || world->scenario.oracle)
			heap_add(&world->heap, (int64_t)(rng_unit(&rng) * world->scenario.start_spread_s * NS_PER_S),
				 begin, i, NULL);
	}
}

struct world *world_open(const struct scenario *scenario, uint64_t seed, enum breaking breaking)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		abort();
	world->scenario = *scenario;
	world->seed = seed;
	world->check.on = scenario->checks;
	world->check.breaking = breaking;
	crypto_simulate(!scenario->real_signatures);
	crypto_believe(scenario->without == DEFENCE_SIGNATURES);
	trace_begin(&world->trace);
	mesh_make(world);
	network_open(world);
	world->network.deliver = proxy_arrive;
	members_make(world);
	traffic_open(world);
	measure_open(world);
	master_open(world);
	faults_open(world);
	return world;
}

void world_run(struct world *world, double until_s, void (*progress)(const struct world *world))
{
	const int64_t until_ns = (int64_t)(until_s * NS_PER_S);
	struct event event;
	uint64_t events = 0;

	while (!world->check.failed && heap_take(&world->heap, until_ns, &event)) {
		world->now_ns = event.at_ns;
		event.run(world, event.who, event.what);
		if (progress && ++events % 16384 == 0)
			progress(world);
	}
	if (!world->check.failed)
		world->now_ns = until_ns;
}

void world_close(struct world *world)
{
	struct event event;

	while (heap_take(&world->heap, INT64_MAX, &event)) {
		if (!network_forget(&event))
			master_forget(&event);
	}
	for (unsigned int i = 0; i <= (unsigned int)world->scenario.members; i++)
		proxy_close(world, i);
	network_close(world);
	master_close(world);
	measure_close(world);
	traffic_close(world);
	keys_free(&world->keys);
	tally_free(&world->check.truth);
	tally_free(&world->check.seen);
	tally_free(&world->check.gains);
	tally_free(&world->check.inexact);
	heap_free(&world->heap);
	free(world->proxies);
	free(world->member_ids);
	free(world);
}
