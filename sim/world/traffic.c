/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When the next packet of a flow comes and where, by the rules of its group. */
#include "traffic.h"

#include <math.h>
#include <stdlib.h>

#include "world.h"

static int64_t ns_of(double seconds)
{
	return (int64_t)(seconds * NS_PER_S);
}

static const struct group *group_of(const struct world *world, const struct flow *flow)
{
	return &world->scenario.groups[flow->group];
}

static double rate_at(const struct group *group, int64_t now_ns)
{
	return group->step_s > 0 && now_ns >= ns_of(group->step_s) ? group->step_rate : group->rate;
}

/* Pulses: time inside `off` does not exist for the flow. */
static int64_t skip_silence(const struct group *group, int64_t at_ns)
{
	const int64_t period = ns_of(group->on_s + group->off_s), begin = ns_of(group->start_s),
		      into = period > 0 ? (at_ns - begin) % period : 0;

	if (group->off_s <= 0 || at_ns < begin || into < ns_of(group->on_s))
		return at_ns;
	return at_ns - into + period;
}

static int64_t next_ns(const struct group *group, struct flow *flow, int64_t now_ns)
{
	const double rate = rate_at(group, now_ns);
	double gap_s;

	if (rate <= 0)
		return INT64_MAX;
	gap_s = group->even ? 1 / rate : rng_exponential(&flow->rng, 1 / rate);
	/* A step cuts the wait for the next packet short. */
	if (group->step_s > 0 && now_ns < ns_of(group->step_s) && now_ns + ns_of(gap_s) > ns_of(group->step_s))
		return ns_of(group->step_s) + 1 +
		       ns_of(group->step_rate > 0 ? rng_exponential(&flow->rng, 1 / group->step_rate) : 0);
	return skip_silence(group, now_ns + ns_of(gap_s) + 1);
}

static unsigned int member_drawn(const struct world *world, const struct group *group, struct rng *rng)
{
	const uint64_t members = (uint64_t)group_members(&world->scenario, group);

	return (unsigned int)group->member + (unsigned int)rng_below(rng, members);
}

static unsigned int place_of(const struct world *world, const struct group *group, struct flow *flow)
{
	const unsigned int first = (unsigned int)group->member;

	switch (group->placement) {
	case PLACE_SPREAD:
		return member_drawn(world, group, &flow->rng);
	case PLACE_ROAM:
		return first + (flow->home - first + (unsigned int)(world->now_ns / ns_of(group->roam_s))) %
				       (unsigned int)group_members(&world->scenario, group);
	default:
		return flow->home;
	}
}

#define VICTIMS_FIRST 0x3f0000 /* clients that other clients send to */

/* The clients of a group have numbers that follow each other, 2^18 at a time. */
static struct address source_of(const struct group *group, int group_number, unsigned int client, unsigned int host)
{
	const unsigned int number = client >> 18 << 24 | (unsigned int)group_number << 18 | (client & 0x3ffff);

	if (group->ipv6)
		return client_address6(number, host);
	return group->outside ? outside_address(number) : client_address(number);
}

static struct address target_of(const struct group *group, unsigned int destination)
{
	if (group->to_clients)
		return group->ipv6 ? client_address6(VICTIMS_FIRST + destination, 1)
				   : client_address(VICTIMS_FIRST + destination);
	return group->ipv6 ? destination_address6(destination) : destination_address(destination);
}

/* The source of a packet is cut to its client, the destination is not. */
static uint32_t pair_of(struct world *world, const struct flow *flow, int group_number, unsigned int client)
{
	const struct group *group = group_of(world, flow);
	const unsigned int host = 1 + (group->rotates ? flow->rotated % (unsigned int)group->rotates : 0);
	const struct address own = source_of(&world->scenario.groups[group_number], group_number, client, host),
			     other = target_of(group, flow->destination_number),
			     source = group->replies ? other : own;
	const struct key pair = { widths_client(&world->mesh.widths, &source), group->replies ? own : other };

	return keys_intern(&world->keys, &pair);
}

static uint32_t head_of(struct world *world, uint32_t pair)
{
	const struct key head = key_of_destination(&world->keys.keys[pair].destination);

	return keys_intern(&world->keys, &head);
}

/* A scan's next packets go to an address that nobody has sent to. */
static void choose_scanned(struct world *world, const struct group *group, struct flow *flow)
{
	struct key pair = world->keys.keys[flow->pair];
	unsigned int number;

	if (flow->scanned++ % (uint32_t)group->scan != 0)
		return;
	number = (unsigned int)rng_below(&flow->rng, 0xf00000);
	pair.destination = group->ipv6 ? scanned_address6(number) : scanned_address(number);
	flow->pair = keys_intern(&world->keys, &pair);
	flow->destination = head_of(world, flow->pair);
}

/* Whose address this packet bears, and whether its sender is still the one it was. */
static void choose_source(struct world *world, const struct group *group, struct flow *flow)
{
	if (world->now_ns >= flow->leaves_ns) {
		flow->life++;
		flow->leaves_ns = world->now_ns + ns_of(rng_exponential(&flow->rng, group->churn_s));
		flow->home = (uint16_t)member_drawn(world, group, &flow->rng);
		flow->pair = pair_of(world, flow, flow->group,
				     flow->client + flow->life * (unsigned int)group->clients);
	}
	if (group->sources > 0 && group->impersonates[0]) {
		const int victim = scenario_group(&world->scenario, group->impersonates);
		const unsigned int clients = (unsigned int)world->scenario.groups[victim].clients,
				   sources = (unsigned int)group->sources;

		flow->pair = pair_of(world, flow, victim,
				     (unsigned int)rng_below(&flow->rng, sources < clients ? sources : clients));
	} else if (group->sources > 0) {
		flow->pair = pair_of(world, flow, flow->group,
				     (unsigned int)rng_below(&flow->rng, (uint64_t)group->sources));
	} else if (group->fresh) {
		flow->pair = pair_of(world, flow, flow->group,
				     flow->client + flow->life++ * (unsigned int)group->clients);
	}
	if (group->rotates > 0) {
		flow->rotated++;
		flow->pair = pair_of(world, flow, flow->group,
				     flow->client + flow->life * (unsigned int)group->clients);
	}
	if (group->scan > 0)
		choose_scanned(world, group, flow);
	else if (group->replies)
		flow->destination = head_of(world, flow->pair);
}

/*
 * A TCP connection: its first packet is sent again 1, 3 and 7 s after the first time, until one arrives. When the next
 * is due, or INT64_MAX.
 */
static int64_t next_syn_ns(struct world *world, struct flow *flow, bool arrived)
{
	static const int after_s[] = { 1, 3, 7 };

	if (flow->life == 0)
		flow->begun_ns = world->now_ns;
	measure_connection(world, flow, arrived);
	if (arrived || flow->life == sizeof(after_s) / sizeof(after_s[0]))
		return INT64_MAX;
	return flow->begun_ns + after_s[flow->life++] * NS_PER_S;
}

static void packet(struct world *world, uint64_t who, void *what)
{
	struct flow *flow = &world->traffic.flows[who];
	const struct group *group = group_of(world, flow);
	const int64_t ends_ns = group->stop_s > 0 && ns_of(group->stop_s) < world->traffic.ends_ns
					? ns_of(group->stop_s)
					: world->traffic.ends_ns;
	int64_t next;
	bool arrived;

	(void)what;
	if (world->now_ns >= ends_ns)
		return;
	choose_source(world, group, flow);
	arrived = world_packet(world, flow, place_of(world, group, flow), rate_at(group, world->now_ns));
	next = group->connects ? next_syn_ns(world, flow, arrived) : next_ns(group, flow, world->now_ns);
	if (next < ends_ns)
		heap_add(&world->heap, next, packet, who, NULL);
}

static void flow_open(struct world *world, struct flow *flow, int group_number, unsigned int client,
		      unsigned int destination)
{
	const struct group *group = &world->scenario.groups[group_number];
	const struct address address = target_of(group, (unsigned int)group->destination + destination);
	const struct key head = key_of_destination(&address);
	const double start_s =
		fmax(group->start_s, world->scenario.warmup_s) + group->ramp_s * client / group->clients;

	*flow = (struct flow){
		.group = (uint16_t)group_number,
		.client = client,
		.destination_number = (uint16_t)((unsigned int)group->destination + destination),
		.leaves_ns = INT64_MAX,
		.destination = keys_intern(&world->keys, &head),
		.rng = rng_make(world->seed, "flow",
				(uint64_t)group_number << 40 | (uint64_t)client << 16 | destination),
	};
	flow->pair = pair_of(world, flow, group_number, client);
	if (group->replies)
		flow->destination = head_of(world, flow->pair);
	if (group->churn_s > 0)
		flow->leaves_ns = ns_of(start_s + rng_exponential(&flow->rng, group->churn_s));
	flow->home = (uint16_t)member_drawn(world, group, &flow->rng);
	heap_add(&world->heap, skip_silence(group, ns_of(start_s + rng_unit(&flow->rng) / fmax(group->rate, 0.1))),
		 packet, (uint64_t)(flow - world->traffic.flows), NULL);
}

void traffic_open(struct world *world)
{
	const struct scenario *scenario = &world->scenario;
	struct traffic *traffic = &world->traffic;
	uint32_t count = 0;

	for (int i = 0; i < scenario->groups_count; i++)
		count += (uint32_t)(scenario->groups[i].clients * scenario->groups[i].destinations);
	*traffic = (struct traffic){
		.flows = calloc(count + 1, sizeof(*traffic->flows)),
		.begins_ns = ns_of(scenario->warmup_s),
		.ends_ns = ns_of(scenario->duration_s - scenario->quiet_s),
	};
	if (!traffic->flows)
		abort();
	for (int i = 0; i < scenario->groups_count; i++) {
		for (int client = 0; client < scenario->groups[i].clients; client++) {
			for (int destination = 0; destination < scenario->groups[i].destinations; destination++)
				flow_open(world, &traffic->flows[traffic->count++], i, (unsigned int)client,
					  (unsigned int)destination);
		}
	}
}

void traffic_close(struct world *world)
{
	free(world->traffic.flows);
}
