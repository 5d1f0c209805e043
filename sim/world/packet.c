/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet of the simulated traffic comes to a proxy. */
#include "world.h"

bool world_packet(struct world *world, const struct flow *flow, unsigned int member, double offered_rate)
{
	struct proxy *proxy = &world->proxies[member], *oracle = &world->proxies[world->scenario.members];
	const bool facing = !world->scenario.groups[flow->group].replies;
	enum ruling reason, truth = RULING_PASS;

	if (!proxy->powered || world->now_ns < proxy->suspended_until_ns) {
		measure_no_route(world, flow);
		return false;
	}
	world->traffic.packets++;
	world->traffic.last_packet_ns = world->now_ns;
	if (world->scenario.sharing >= SHARING_MASTER_PRINTED)
		reason = master_packet(world, member, flow->pair, flow->destination);
	else
		reason = kernel_packet(&proxy->kernel, proxy_mesh_ns(proxy, world->now_ns), flow->pair,
				       flow->destination, facing);
	if (world->scenario.oracle)
		truth = kernel_packet(&oracle->kernel, proxy_mesh_ns(oracle, world->now_ns), flow->pair,
				      flow->destination, facing);
	if (world->check.breaking == BREAK_DROP && world->now_ns > 5 * NS_PER_S)
		reason = RULING_DROP_PAIR;
	trace_note(&world->trace, world->now_ns, TRACE_PACKET, (uint64_t)(flow - world->traffic.flows) << 8 | reason,
		   member);
	measure_packet(world, flow, member, reason, truth);
	if (world->scenario.sharing <= SHARING_NONE) {
		check_drop(world, proxy, offered_rate, reason);
		check_judged(world, proxy, flow, facing, reason);
	}
	return !ruling_drops(reason);
}
