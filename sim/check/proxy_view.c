/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A proxy as others look at it: its clock, what its core calls other members, what it has counted. */
#include "proxy.h"

#include "node_internal.h"
#include "world.h"

static int64_t mono_ns(const struct proxy *proxy, int64_t at_ns)
{
	return at_ns + at_ns / 1000000 * proxy->drift_ppm + at_ns % 1000000 * proxy->drift_ppm / 1000000;
}

int64_t proxy_mesh_ns(const struct proxy *proxy, int64_t at_ns)
{
	return WORLD_START_NS + mono_ns(proxy, at_ns) + proxy->offset_ns;
}

struct now proxy_now(const struct proxy *proxy, int64_t at_ns)
{
	/* A daemon's monotonic clock does not start at 0. */
	return (struct now){ .mono = { mono_ns(proxy, at_ns) + 1000 * NS_PER_S },
			     .mesh = { proxy_mesh_ns(proxy, at_ns) } };
}

/* The first moment at which the proxy's mesh clock shows at least this. */
int64_t proxy_world_ns_at(const struct proxy *proxy, struct instant mesh)
{
	const int64_t wanted = mesh.ns - WORLD_START_NS - proxy->offset_ns;
	int64_t at = wanted - wanted / 1000000 * proxy->drift_ppm;

	while (mono_ns(proxy, at) < wanted)
		at += 1 + (wanted - mono_ns(proxy, at)) / 2;
	return at;
}

static int member_lookup(const struct proxy *proxy, uint16_t member)
{
	for (int i = 0; i < proxy->world->scenario.members; i++) {
		if (proxy->world->member_ids[i] == proxy->node->member->table[member].id)
			return i;
	}
	return proxy->node->member->table[member].self ? (int)proxy->number : -1;
}

int proxy_member_of(struct proxy *proxy, uint16_t member)
{
	if (proxy->member_number[member] < 0)
		proxy->member_number[member] = (int16_t)member_lookup(proxy, member);
	return proxy->member_number[member];
}

int proxy_member_of_origin(struct proxy *proxy, uint16_t origin, uint64_t *ret_incarnation)
{
	*ret_incarnation = proxy->node->count->origins[origin].incarnation;
	return proxy_member_of(proxy, origin_member(origin));
}

void proxy_totals_add(const struct node_counters *counters, struct proxy_totals *totals)
{
	totals->received += counters->datagrams_received;
	totals->sent += counters->datagrams_sent;
	totals->bytes_received += counters->bytes_received;
	totals->bytes_sent += counters->bytes_sent;
	totals->signatures_made += counters->signatures_made;
	totals->signatures_checked += counters->signatures_checked;
	totals->frames_received += counters->frames_received;
	totals->frames_duplicate += counters->frames_duplicate;
	totals->frames_repaired += counters->frames_repaired;
	totals->frames_published += counters->frames_published;
	totals->cells_published += counters->cells_published;
	for (unsigned int i = 0; i < REJECT_COUNT; i++)
		totals->rejects[i] += counters->rejects[i];
}

void proxy_totals(const struct proxy *proxy, struct proxy_totals *ret_totals)
{
	*ret_totals = proxy->gone;
	ret_totals->inbox_lost = proxy->inbox_lost;
	if (proxy->running)
		proxy_totals_add(&proxy->node->counters, ret_totals);
}

uint64_t proxy_keys(const struct proxy *proxy)
{
	return proxy->running ? proxy->node->count->ledger.keys_held : 0;
}
