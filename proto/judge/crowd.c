/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who sends to a destination, for its events: counted when it crosses its rate, and not kept. Pairs that no proxy
 * called are known to their own proxy alone, so there may be more clients than are counted here.
 */
#include "judging.h"

/* Pairs looked at in a tick for all events together: some 2 ms. */
#define CROWD_PAIRS_MAX 16384

void crowd_tick(struct node *node)
{
	node->judge->crowd_left = CROWD_PAIRS_MAX;
}

/* Packets of the last RECENT_TICKS ticks. */
static uint64_t lately(const struct node *node, const struct entry *entry)
{
	return recent_sum(&entry->recent, node->tick - RECENT_TICKS, node->tick + 1);
}

struct event_crowd crowd_of(struct node *node, const struct entry *destination)
{
	const struct entry *entries = node->count->ledger.entries;
	struct event_crowd crowd = { .clients = 0 };
	uint64_t all = lately(node, destination), largest = 0, sum = 0;
	uint32_t at = destination->group;

	for (; at != INDEX_NONE && node->judge->crowd_left > 0; at = entries[at].group) {
		const uint64_t packets = lately(node, &entries[at]);

		node->judge->crowd_left--;
		crowd.clients += packets > 0;
		largest = packets > largest ? packets : largest;
		sum += packets;
	}
	all = sum > all ? sum : all;
	crowd.more = at != INDEX_NONE;
	crowd.largest = all > 0 ? (double)largest / (double)all : 0;
	return crowd;
}
