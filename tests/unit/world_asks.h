/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What tests ask of a world, and what they send into it. */
#ifndef TESTS_UNIT_WORLD_ASKS_H
#define TESTS_UNIT_WORLD_ASKS_H

#include <string.h>

#include "mesh_world.h"

/* Events of a kind so far; the others are thrown away. */
static inline unsigned int events_of(struct world *world, unsigned int n, enum node_event_kind kind)
{
	struct node_event event;
	unsigned int count = 0;

	while (node_next_event(world_node(world, n), &event))
		count += event.kind == kind;
	return count;
}

/* Members that are up and know the newest documents, beside the node itself. */
static inline unsigned int members_up(struct world *world, unsigned int n)
{
	struct member_view view;
	unsigned int up = 0;
	uint32_t cursor = 0;

	while (node_next_member(world_node(world, n), world_now(world), &cursor, &view))
		up += view.up && !view.self && !view.behind;
	return up;
}

/* Packets of a key in a ledger, all cells. */
static inline uint64_t packets_at(struct world *world, unsigned int n, const struct key *key)
{
	struct cell_view cell;
	uint64_t packets = 0;
	uint32_t cursor = 0;

	while (node_next_cell(world_node(world, n), key, &cursor, &cell))
		packets += cell.packets;
	return packets;
}

static inline bool ledgers_equal(struct world *world, unsigned int nodes)
{
	uint8_t first[HASH_BYTES], other[HASH_BYTES];

	node_digest(world_node(world, 0), first);
	for (unsigned int n = 1; n < nodes; n++) {
		node_digest(world_node(world, n), other);
		if (memcmp(first, other, HASH_BYTES) != 0)
			return false;
	}
	return true;
}

/* `rate` packets a second of a pair, round robin over the first `nodes` nodes. Returns how many. */
static inline unsigned int offer(struct world *world, unsigned int nodes, const struct key *pair, double rate,
				 double seconds)
{
	unsigned int sent = 0;

	for (double t = 0; t < seconds; t += 1 / rate) {
		world_packet(world, sent++ % nodes, pair);
		world_run(world, 1 / rate);
	}
	return sent;
}

#endif
