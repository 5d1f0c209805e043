/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A version of a cell joins the ledger, and what follows: its member's account, the carry, a verdict anew, publishing when it is our own.
 */
#include "spreading.h"

/* At most once per member and slot: a flood of new keys is one piece of news. */
static enum reject over_quota(struct node *node, uint16_t number)
{
	struct member *member = &node->member->table[number];
	struct node_event event = { .kind = EVENT_QUOTA, .at = mesh_tick_start(&node->mesh, node->tick) };

	if (member->account.quota_slot == node->slot)
		return REJECT_QUOTA;
	member->account.quota_slot = node->slot;
	memcpy(event.member, member->certificate.name, sizeof(event.member));
	node_tell(node, &event);
	return REJECT_QUOTA;
}

/* More than its certified line carries: the cell is kept as claimed, so that ledgers agree, and read as that much (ledger.c). The sum over all
 * destinations is only looked at. */
static void look_at_line(struct node *node, uint32_t origin, const struct cell *cell, uint64_t gain)
{
	struct member *member = &node->member->table[origin_member(origin)];
	const uint32_t line = node->count->ledger.line_packets[origin_member(origin)];
	bool over = cell->packets > line;

	if (line == UINT32_MAX)
		return;
	if (cell->slot > member->account.claimed_slot) {
		member->account.claimed_slot = cell->slot;
		member->account.claimed = 0;
	}
	if (cell->slot == member->account.claimed_slot && key_is_destination(&cell->key)) {
		member->account.claimed += gain;
		over |= member->account.claimed > line;
	}
	if (!over)
		return;
	node->counters.cells_over_line++;
	member_over_line(node, origin_member(origin));
}

enum reject receive_cell(struct node *node, uint32_t origin, const struct cell *version, uint64_t from_tick, uint64_t tick)
{
	uint32_t entry = ledger_find(&node->count->ledger, &version->key), place;
	uint64_t gain;

	if (entry == INDEX_NONE)
		entry = ledger_make(&node->count->ledger, (uint16_t)origin, &version->key);
	if (entry == INDEX_NONE)
		return over_quota(node, origin_member(origin));
	switch (ledger_join(&node->count->ledger, entry, (uint16_t)origin, version, &gain, &place)) {
	case JOIN_QUOTA:
		return over_quota(node, origin_member(origin));
	case JOIN_SHRUNK:
		return REJECT_SHRUNK;
	case JOIN_SAME:
		return REJECT_NONE;
	case JOIN_GREW:
		break;
	}
	node->count->ledger.entries[entry].flags |= node->count->others[origin] ? ENTRY_SHARED : ENTRY_OWN;
	look_at_line(node, origin, version, gain);
	if (tick > from_tick)
		recent_add(&node->count->ledger.entries[entry].recent, from_tick, tick, gain);
	judge_dirty(node, entry);
	if (origin == 0 && publish_is_closed(node, entry, version->slot))
		publish_late(node, entry, version->slot);
	else if (origin == 0)
		publish_later(node, entry, version->slot);
	return REJECT_NONE;
}
