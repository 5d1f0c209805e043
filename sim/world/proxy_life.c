/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Life and death of a simulated proxy: host, kernel's table and daemon begin, stop, stand still and end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "node_internal.h"
#include "pages.h"
#include "proxy.h"
#include "summing.h"
#include "world.h"

#define PEERS_ALL 32 /* this many lower-numbered members each is given; beyond them every second, fourth, ... */

static void certify(struct world *world, struct proxy *proxy)
{
	struct certificate certificate = { .serial = 1, .endpoints = 1 };
	const struct endpoint endpoint = member_endpoint(proxy->number);
	const int region = world->scenario.regions[proxy->number % (unsigned int)world->scenario.regions_count];
	uint8_t seed[32];

	rng_fill(&proxy->rng, seed, sizeof(seed));
	crypto_sign_seed_keypair(certificate.public_key, proxy->config.secret_key, seed);
	snprintf(certificate.name, sizeof(certificate.name), "node-%u", proxy->number);
	snprintf(certificate.region, sizeof(certificate.region), "%s", region_names[region]);
	certificate.endpoint[0].address = endpoint.address;
	certificate.endpoint[0].port = endpoint.port;
	certificate.line_rate = (uint64_t)world->scenario.line_rate;
	if (certificate_issue(&certificate, &world->mesh, world->authority_secret, proxy->config.certificate,
			      &proxy->config.certificate_bytes))
		abort();
}

/* The oracle's are never full. */
static void table_make(struct world *world, struct proxy *proxy, int64_t now_ns)
{
	const struct scenario *scenario = &world->scenario;

	const bool oracle = proxy->number == (unsigned int)scenario->members;
	const struct kernel_limits limits = {
		.pairs = oracle ? 0 : (uint32_t)scenario->table_pairs,
		.heads = oracle ? 0 : (uint32_t)scenario->table_heads,
		.client_pairs = oracle ? 0 : (uint32_t)scenario->client_pairs,
		.coarse = (uint32_t)scenario->coarse,
		.cpus = (uint32_t)scenario->cpus,
		.members = (uint32_t)scenario->members,
		.seed = world->seed << 12 | proxy->number,
		.sides = scenario->sides,
	};

	kernel_open(&proxy->kernel, &scenario->thresholds, &world->mesh, &limits, &world->keys, now_ns);
	proxy->kernel.nowhere = world->check.breaking == BREAK_UNJUDGED;
	proxy->kernel.hoards = world->check.breaking == BREAK_HOARD;
	proxy->kernel.no_evidence = scenario->without == DEFENCE_EVIDENCE;
}

static bool publishes_all(const struct scenario *scenario, unsigned int number)
{
	return scenario->publish_all || (scenario->all_from > 0 && (int)number >= scenario->all_from);
}

void proxy_open(struct world *world, unsigned int number, bool gossip)
{
	const struct scenario *scenario = &world->scenario;
	struct proxy *proxy = &world->proxies[number];

	proxy->world = world; /* all else is zero */
	proxy->number = number;
	proxy->rng = rng_make(world->seed, "proxy", number);
	proxy->powered = true;
	proxy->stopped_mesh_ns = proxy->ended_mesh_ns = INT64_MIN / 2;
	proxy->config = (struct node_config){
		.limits = { .keys_max = (uint32_t)scenario->keys_max,
			    .cells_max = (uint32_t)scenario->cells_max,
			    .frames_max = (uint32_t)scenario->frames_max,
			    .members_max = gossip ? (uint32_t)scenario->members : 1 },
		.mesh = world->mesh,
		.thresholds = scenario->thresholds,
		.incarnation = FIRST_INCARNATION,
		.datagram_bytes = (uint16_t)scenario->datagram_bytes,
		.frames_per_tick = (uint16_t)scenario->frames_per_tick,
		.publish = publishes_all(scenario, number) ? PUBLISH_ALL : PUBLISH_NEED,
		.gossip = gossip && scenario->sharing == SHARING_MESH,
	};
	memcpy(proxy->config.mesh_secret, world->mesh_secret, MESH_SECRET_BYTES);
	certify(world, proxy);
	if (gossip) {
		proxy->offset_ns = (int64_t)(rng_between(&proxy->rng, -1, 1) * scenario->skew_ms * NS_PER_MS);
		proxy->drift_ppm = (int64_t)(rng_between(&proxy->rng, -1, 1) * scenario->drift_ppm);
		if (scenario->skewed_from > 0 && (int)number >= scenario->skewed_from)
			proxy->offset_ns += (int64_t)(scenario->skewed_ms * NS_PER_MS);
		proxy->first_offset_ns = proxy->host_offset_ns = proxy->offset_ns;
	}
	proxy->memory = pages_take(node_bytes(&proxy->config.limits));
	if (!proxy->memory)
		abort();
	summing_open(proxy);
	table_make(world, proxy, proxy_mesh_ns(proxy, world->now_ns));
}

void proxy_start(struct world *world, unsigned int number)
{
	struct proxy *proxy = &world->proxies[number];
	struct now now;

	if (proxy->running || world->now_ns < proxy->suspended_until_ns)
		return;
	if (proxy->host_offset_ns != proxy->offset_ns) { /* mesh time is the host's from now on */
		const int64_t told_ns = proxy->kernel.harvested_at_ns;

		world->check.reached[REACHED_CLOCK_JUMP]++;
		proxy->ended_mesh_ns += proxy->host_offset_ns - proxy->offset_ns;
		kernel_shift(&proxy->kernel, proxy->host_offset_ns - proxy->offset_ns);
		proxy->offset_ns = proxy->host_offset_ns;
		if (proxy_mesh_ns(proxy, world->now_ns) < told_ns) { /* as table_time_went_back */
			proxy->config.incarnation++;
			kernel_renew(&proxy->kernel);
			world->check.reached[REACHED_TIME_BACK]++;
		}
	}
	now = proxy_now(proxy, world->now_ns);
	if (!proxy->powered) { /* a new table: a new incarnation, never used before */
		proxy->config.incarnation += 1;
		proxy->config.boot = 0;
		kernel_close(&proxy->kernel);
		table_make(world, proxy, now.mesh.ns);
		proxy->powered = true;
	}
	proxy->config.boot++;
	rng_fill(&proxy->rng, proxy->config.seed, SEED_BYTES);
	memset(proxy->member_number, 0xff, sizeof(proxy->member_number));
	pages_clear(proxy->memory, node_bytes(&proxy->config.limits));
	if (node_init(proxy->memory, node_bytes(&proxy->config.limits), &proxy->config, now, &proxy->node))
		abort();
	summing_start(proxy);
	if (world->scenario.without == DEFENCE_QUOTAS) { /* first come, first served, up to what there is */
		proxy->node->count->ledger.cells_max *= 2;
		proxy->node->count->ledger.blocks_max *= 2;
		proxy->node->count->ledger.keys_max *= 2;
	}
	/* In a large mesh some of them, each at another distance: greetings are for those who know nobody. */
	for (unsigned int back = 1; proxy->config.gossip && back <= number;
	     back = back < PEERS_ALL ? back + 1 : 2 * back)
		node_greet(proxy->node, member_endpoint(number - back));
	proxy->running = true;
	proxy->life++;
	kernel_restarted(&proxy->kernel, now.mesh.ns);
	proxy->busy_until_ns = proxy->paused_until_ns = world->now_ns;
	trace_note(&world->trace, world->now_ns, TRACE_START, number, proxy->config.boot);
	proxy_plan_anew(proxy);
}

void proxy_stop(struct world *world, unsigned int number)
{
	struct proxy *proxy = &world->proxies[number];

	if (!proxy->running)
		return;
	proxy_totals_add(&proxy->node->counters, &proxy->gone);
	liar_close(proxy);
	node_close(proxy->node);
	proxy->running = false;
	proxy->life++;
	if (proxy_mesh_ns(proxy, world->now_ns) > proxy->stopped_mesh_ns)
		proxy->stopped_mesh_ns = proxy_mesh_ns(proxy, world->now_ns);
	for (; proxy->inbox_count > 0; proxy->inbox_count--) {
		flight_free(proxy->inbox[proxy->inbox_head]);
		proxy->inbox_head = (proxy->inbox_head + 1) % INBOX_SIZE;
	}
	proxy->ended_mesh_ns = proxy_mesh_ns(proxy, world->now_ns);
	trace_note(&world->trace, world->now_ns, TRACE_STOP, number, proxy->config.boot);
}

void proxy_power_off(struct world *world, unsigned int number)
{
	proxy_stop(world, number);
	world->proxies[number].powered = false;
}

void proxy_pause(struct world *world, unsigned int number, int64_t until_ns)
{
	struct proxy *proxy = &world->proxies[number];

	if (until_ns > proxy->paused_until_ns)
		proxy->paused_until_ns = until_ns;
	trace_note(&world->trace, world->now_ns, TRACE_PAUSE, number, (uint64_t)until_ns);
}

/* Its monotonic clock stood still, too: from now on it is behind by as long. */
static void resume(struct world *world, uint64_t who, void *what)
{
	struct proxy *proxy = &world->proxies[who];

	if (world->now_ns == proxy->suspended_until_ns) /* else it was set free before */
		proxy->offset_ns -= (int64_t)(intptr_t)what;
}

void proxy_suspend(struct world *world, unsigned int number, int64_t until_ns)
{
	struct proxy *proxy = &world->proxies[number];

	if (world->now_ns < proxy->suspended_until_ns || world->now_ns < proxy->paused_until_ns)
		return;
	proxy->suspended_until_ns = until_ns;
	heap_add(&world->heap, until_ns, resume, number, (void *)(intptr_t)(until_ns - world->now_ns));
	proxy_pause(world, number, until_ns);
}

/* Clocks go on from here: what was planned for the end of the pause is planned anew. */
void proxy_free(struct world *world, unsigned int number)
{
	struct proxy *proxy = &world->proxies[number];
	const bool stands = world->now_ns < proxy->suspended_until_ns || world->now_ns < proxy->paused_until_ns;

	if (world->now_ns < proxy->suspended_until_ns)
		proxy->suspended_until_ns = world->now_ns;
	proxy->paused_until_ns = world->now_ns;
	if (stands && proxy->running)
		proxy_plan_anew(proxy);
}

void proxy_close(struct world *world, unsigned int number)
{
	struct proxy *proxy = &world->proxies[number];

	proxy_stop(world, number);
	kernel_close(&proxy->kernel);
	summing_close(proxy);
	pages_free(proxy->memory, node_bytes(&proxy->config.limits));
}
