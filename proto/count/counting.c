/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The memory of counts, and what the place of an origin begins with. */
#include "counting.h"

#include <string.h>

void counting_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	const size_t places = (size_t)limits->members_max * INCARNATIONS_MAX;

	node->count->origins = arena_take(arena, places, sizeof(*node->count->origins));
	node->count->tracks = arena_take(arena, places * BOOTS_KEPT, sizeof(*node->count->tracks));
	set_take_memory(&node->count->wanted, arena, limits->keys_max);
	memory_take_memory(&node->count->memory, arena, limits->notes_max);
}

void counting_start(struct node *node)
{
	set_clear(&node->count->wanted);
	/* member 0 is ourselves */
	memset(node->count->others + INCARNATIONS_MAX, true, sizeof(node->count->others) - INCARNATIONS_MAX);
}

/* Where the tracks of a place are kept. */
static struct track *tracks_of(const struct node *node, uint32_t place)
{
	const size_t incarnation = place % INCARNATIONS_MAX, member = place / INCARNATIONS_MAX;

	return &node->count->tracks[(incarnation * node->config.limits.members_max + member) * BOOTS_KEPT];
}

void origin_begin(struct node *node, uint32_t place, bool used, uint64_t incarnation)
{
	struct origin *origin = &node->count->origins[place];

	*origin = (struct origin){ .used = used,
				   .incarnation = incarnation,
				   .listed = origin->listed,
				   .announcer = MEMBER_NONE,
				   .asked = MEMBER_NONE,
				   .track = tracks_of(node, place),
				   .since = origin->since,
				   .due = origin->due };
	memset(origin->track, 0, BOOTS_KEPT * sizeof(*origin->track));
}
