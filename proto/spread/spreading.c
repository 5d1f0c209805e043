/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The memory of spreading, and what it starts from. */
#include "spreading.h"

void spreading_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	struct publishing *publish = &node->spread->publish;

	node->spread->gaps = arena_take(arena, (size_t)limits->members_max * INCARNATIONS_MAX,
					sizeof(*node->spread->gaps));
	publish->cells = arena_take(arena, PUBLISH_CELLS, sizeof(*publish->cells));
	publish->order = arena_take(arena, (size_t)2 * PUBLISH_CELLS, sizeof(*publish->order));
	for (unsigned int i = 0; i < QUEUES; i++)
		queue_take_memory(&publish->queues[i], arena, limits->keys_max);
}

void spreading_start(struct node *node)
{
	struct publishing *publish = &node->spread->publish;

	/* This boot is on disk, so no number was used before. (Publishing, How they are sent, 7) */
	publish->next_sequence = node->config.boot << SEQUENCE_BOOT_SHIFT | 1;
	publish->closing_entry = INDEX_NONE;
	for (unsigned int i = 0; i < QUEUES; i++)
		queue_clear(&publish->queues[i]);
	node->spread->ihave_due = node->spread->gaps_due = (struct instant){ INT64_MAX };
	node->spread->copies = 1;
}
