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

/* Was the pair there before this slot, or does it have a past from when its destination was listed? */
static bool is_known(const struct node *node, const struct entry *pair, uint64_t slot)
{
	const struct ledger *ledger = &node->count->ledger;
	uint64_t oldest = UINT64_MAX;

	if (past_of(node, pair) > 0)
		return true;
	for (uint32_t at = ledger_first(ledger, pair); at != INDEX_NONE; at = ledger_below(ledger, at))
		oldest = cell_slot(pair, ledger_at(ledger, at), node->slot);
	return oldest < slot;
}

static void count_client(const struct node *node, const struct entry *pair, uint64_t slot, struct event_crowd *crowd)
{
	const struct ledger *ledger = &node->count->ledger;
	const uint64_t oldest = slot_oldest(node->slot);
	const bool known = is_known(node, pair, slot);
	const bool answered = ledger_answers(ledger, pair, oldest, node->count->excluded).count > 0;

	crowd->clients++;
	crowd->known += known;
	crowd->answered += answered;
	crowd->strangers += !known && !answered;
}

struct event_crowd crowd_of(struct node *node, const struct entry *destination, struct instant window)
{
	const uint64_t slot = mesh_slot_at(&node->mesh, window);
	const struct entry *entries = node->count->ledger.entries;
	struct event_crowd crowd = { .clients = 0 };
	uint64_t all = lately(node, destination), largest = 0, sum = 0;
	uint32_t at = destination->group;

	for (; at != INDEX_NONE && node->judge->crowd_left > 0; at = entries[at].group) {
		const uint64_t packets = lately(node, &entries[at]);

		node->judge->crowd_left--;
		if (packets > 0)
			count_client(node, &entries[at], slot, &crowd);
		largest = packets > largest ? packets : largest;
		sum += packets;
	}
	all = sum > all ? sum : all;
	crowd.more = at != INDEX_NONE;
	crowd.largest = all > 0 ? (double)largest / (double)all : 0;
	return crowd;
}
