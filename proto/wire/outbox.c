/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The outbox holds decisions to send, not bytes: send.c writes a datagram when it is fetched. There is one ring per
 * class. The most urgent class goes first, but each eighth datagram is of the least urgent one, so no class starves. A
 * full ring drops its oldest decision, and counts it: totals are sent again with the next frame, and repair requests
 * again. (Repair, 8)
 */
#include "outbox.h"

#define GUARD 8 /* each 8th datagram is of the least urgent class that has one */

static const uint8_t classes[OUT_COUNT] = {
	[OUT_HELLO] = CLASS_CONTROL,	 [OUT_COOKIE] = CLASS_CONTROL,
	[OUT_WELCOME] = CLASS_CONTROL,	 [OUT_LATER] = CLASS_CONTROL,
	[OUT_PING] = CLASS_CONTROL,	 [OUT_PONG] = CLASS_CONTROL,
	[OUT_PING_REQ] = CLASS_CONTROL,	 [OUT_LINK] = CLASS_CONTROL,
	[OUT_RECORD] = CLASS_MEMBERSHIP, [OUT_RECORD_REQUEST] = CLASS_MEMBERSHIP,
	[OUT_FRAME] = CLASS_OWN,	 [OUT_RELAY] = CLASS_RELAY,
	[OUT_IHAVE] = CLASS_REPAIR,	 [OUT_PRUNE] = CLASS_REPAIR,
	[OUT_DIGEST] = CLASS_REPAIR,	 [OUT_SUMMARY] = CLASS_REPAIR,
	[OUT_REQUEST] = CLASS_REPAIR,	 [OUT_SERVE] = CLASS_SERVE,
	[OUT_CATCH_UP] = CLASS_REPAIR,	 [OUT_CAUGHT_UP] = CLASS_SERVE,
	[OUT_NEWS] = CLASS_MEMBERSHIP,	 [OUT_GET] = CLASS_MEMBERSHIP,
	[OUT_CHUNK] = CLASS_MEMBERSHIP,
};

static uint32_t between(uint64_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : (uint32_t)value;
}

/*
 * Decisions kept of each class. Frames: eight ticks' to every neighbour of a usual store; members: each once, and
 * the probes of a turn.
 */
static uint32_t ring_size(const struct node_limits *limits, int class)
{
	switch (class) {
	case CLASS_OWN:
	case CLASS_RELAY:
		return between(8 * (uint64_t)limits->frames_max, 2048, 32768);
	case CLASS_SERVE:
		return between(2 * (uint64_t)limits->frames_max, 1024, 8192);
	default:
		return 1024 + 2 * limits->members_max;
	}
}

void outbox_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	for (int class = 0; class < CLASS_COUNT; class++) {
		node->outbox->rings[class] = (struct out_ring){ .size = ring_size(limits, class) };
		node->outbox->rings[class].items = arena_take(arena, node->outbox->rings[class].size,
							      sizeof(struct out));
	}
}

void outbox_add(struct node *node, struct out out)
{
	struct out_ring *ring = &node->outbox->rings[classes[out.kind]];

	if (!node->config.gossip)
		return;
	if (ring->count == ring->size) {
		ring->head = (ring->head + 1) % ring->size;
		ring->count--;
		node->outbox->count--;
		node->counters.outbox_dropped++;
	}
	ring->items[(ring->head + ring->count++) % ring->size] = out;
	node->outbox->count++;
}

void outbox_add_first(struct node *node, struct out out)
{
	struct out_ring *ring = &node->outbox->rings[CLASS_CONTROL];

	if (!node->config.gossip)
		return;
	if (ring->count == ring->size) { /* drop the newest: it will be decided again */
		ring->count--;
		node->outbox->count--;
		node->counters.outbox_dropped++;
	}
	ring->head = (ring->head + ring->size - 1) % ring->size;
	ring->items[ring->head] = out;
	ring->count++;
	node->outbox->count++;
}

void outbox_stop(struct node *node)
{
	node->outbox->count = 0;
}

static struct out_ring *ring_next(struct node *node)
{
	if (++node->outbox->turn % GUARD == 0) {
		for (int class = CLASS_COUNT; class-- > 0;) {
			if (node->outbox->rings[class].count > 0)
				return &node->outbox->rings[class];
		}
	}
	for (int class = 0; class < CLASS_COUNT; class++) {
		if (node->outbox->rings[class].count > 0)
			return &node->outbox->rings[class];
	}
	return NULL;
}

bool outbox_take(struct node *node, struct out *ret_out)
{
	struct out_ring *ring = ring_next(node);

	if (!ring)
		return false;
	*ret_out = ring->items[ring->head];
	ring->head = (ring->head + 1) % ring->size;
	ring->count--;
	node->outbox->count--;
	return true;
}
