/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a node may send of its own frames while cells are told by need: so many bytes per second, to all neighbours
 * together. So an onset, or a member that calls every key, costs no more than that. PROTOCOL section "Publishing".
 */
#include "spreading.h"

/* With probes, digests, member records, repair and headers a node of eight members then sends less than 200 kB/s. */
#define NEED_BYTES_PER_S 160000

/* To so many neighbours this node sends each own frame, the copies of others' frames that they ask for counted in. */
static uint32_t receivers(const struct node *node, struct now now)
{
	uint32_t near = 0;

	if (!node_is_direct(node))
		return node->member->links_count > 0 ? node->member->links_count : 1;
	for (uint16_t i = 1; i < node->member->high; i++)
		near += member_is_near(node, i, now);
	return near > 0 ? near * node->spread->copies : 1;
}

/*
 * What a tick left is not kept. What it sent too much, because frames are whole, the next tick lacks.
 * (Publishing, How they are sent, 6)
 */
void budget_renew(struct node *node)
{
	const int64_t tick = NEED_BYTES_PER_S * mesh_tick_length(&node->mesh).ns / NS_PER_S;
	int64_t *left = &node->spread->publish.bytes_left;

	*left = *left < 0 ? *left + tick : tick;
}

void budget_spend(struct node *node, struct now now, size_t bytes)
{
	node->spread->publish.bytes_left -= (int64_t)(bytes * receivers(node, now));
}

uint32_t budget_quarters(const struct node *node, struct now now)
{
	const int64_t left = node->spread->publish.bytes_left, most = 4 * FRAMES_PER_TICK_MAX,
		      quarters = 4 * left / ((int64_t)node->config.datagram_bytes * receivers(node, now));

	return left < 0 ? 0 : (uint32_t)(quarters < most ? quarters : most);
}
