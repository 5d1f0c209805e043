/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * receive_cell: every cell, harvested here or read from a frame, enters the ledger by this function. It joins the cell,
 * compares it with the member's line rate, adds the gain to the key's recent packets (for the carry), marks the key to
 * be judged, and asks need.c which own cells are to be published for it. What a cell counts beside packets is joined,
 * and published with the cell; it has no part in the carry or in a verdict.
 */
#include "spreading.h"

/* Reports EVENT_QUOTA at most once per member and slot, even in a flood of new keys. */
static enum reject over_quota(struct node *node, uint16_t number)
{
	struct member *member = &node->member->table[number];
	struct node_event event = { .kind = EVENT_QUOTA, .at = mesh_tick_end(&node->mesh, node->tick) };

	member->account.cells_refused++;
	if (member->account.quota_slot == node->slot)
		return REJECT_QUOTA;
	member->account.quota_slot = node->slot;
	memcpy(event.member, member->certificate.name, sizeof(event.member));
	node_report(node, &event);
	return REJECT_QUOTA;
}

/* More than its certified line carries: the cell is kept as claimed, so that ledgers agree, and read as its part. */
static void look_at_line(struct node *node, uint32_t origin, uint32_t entry, uint64_t slot)
{
	const struct ledger *ledger = &node->count->ledger;
	const uint16_t member = origin_member(origin);

	if (!ledger_is_over_line(ledger, &ledger->entries[entry], member, (uint16_t)slot) &&
	    !ledger_extras_are_over_line(ledger, &ledger->entries[entry], member, (uint16_t)slot))
		return;
	node->counters.cells_over_line++;
	member_over_line(node, member, entry_kind(&ledger->entries[entry]));
}

static uint64_t tick_at(const struct node *node, const struct cell *version, uint8_t part)
{
	const int64_t into_ns = part * mesh_slot_length(&node->mesh).ns / SLOT_FRACTIONS;

	return mesh_tick_ended(&node->mesh,
			       (struct instant){ mesh_slot_start(&node->mesh, version->slot).ns + into_ns });
}

/*
 * Another origin's new cell that was counted in part before the ticks that its gain would count in, and that was not
 * told at once, because its key was not called. In which ticks its packets came is not known, only the first and the
 * last. All of them in one tick would look like a burst, so they are spread evenly. False: it is no such cell.
 * (Publishing, How they are sent, 8)
 */
static bool add_late(struct node *node, uint32_t origin, uint32_t number, const struct cell *version,
		     uint64_t from_tick, uint64_t tick, uint64_t gain)
{
	const uint64_t first = tick_at(node, version, version->first), last = tick_at(node, version, version->last) + 1,
		       to = last < tick ? last : tick;

	if (first >= from_tick || (from_tick < tick && need_is_prompt(node, origin, number, version)))
		return false;
	if (to > first && to <= node->tick + RECENT_TICKS / 2)
		recent_add(&node->count->ledger.entries[number].recent, first, to, gain);
	return true;
}

/* What the packets of a version change: the recent ones, the mark of the line, and the key's verdict. */
static void packets_grew(struct node *node, uint32_t origin, uint32_t number, const struct cell *version,
			 uint64_t from_tick, uint64_t tick, uint64_t gain, bool is_new)
{
	struct entry *entry = &node->count->ledger.entries[number];
	const bool is_first = is_new && origin != 0 && !node->count->excluded[origin];

	entry->flags |= node->count->others[origin] ? ENTRY_SHARED : ENTRY_OWN;
	if (node->count->others[origin] && kind_has_sums(entry_kind(entry)))
		set_add(&node->count->wanted, number);
	if (!(is_first && add_late(node, origin, number, version, from_tick, tick, gain)) && tick > from_tick)
		recent_add(&entry->recent, from_tick, tick, gain);
	if (origin == 0)
		aggregate_counted(node, number, from_tick, tick, gain);
	judge_dirty(node, number);
}

/*
 * A client's contacts that its cell gained. Those of a cell that is new here may be of any of its ticks: they are
 * spread over them, so that they do not look like a burst. (Contacts, 3)
 */
static void contacts_grew(struct node *node, uint32_t origin, uint32_t number, const struct cell *version,
			  uint32_t before, uint64_t from_tick, uint64_t tick)
{
	const struct ledger *ledger = &node->count->ledger;
	const uint32_t now = ledger_extra_of(ledger, number, (uint16_t)origin, version->slot, EXTRA_CONTACTS);
	const uint64_t first = tick_at(node, version, version->first);

	if (now <= before || node->count->excluded[origin] ||
	    ledger_extras_are_over_line(ledger, &ledger->entries[number], origin_member(origin),
					(uint16_t)version->slot))
		return;
	if (before == 0 && first < from_tick)
		from_tick = first;
	contacts_counted(node, number, from_tick, tick, now - before, !node->count->others[origin]);
}

/* Extras change no verdict on packets. */
static enum join extras_join(struct node *node, uint32_t origin, uint32_t number, const struct cell *version,
			     uint64_t from_tick, uint64_t tick)
{
	struct entry *entry = &node->count->ledger.entries[number];
	const bool is_client = entry_kind(entry) == KEY_CLIENT;
	uint32_t before;
	enum join join;

	if (!cell_has_extras(version))
		return JOIN_SAME;
	before = is_client ? ledger_extra_of(&node->count->ledger, number, (uint16_t)origin, version->slot,
					     EXTRA_CONTACTS) : 0;
	join = ledger_join_extras(&node->count->ledger, number, (uint16_t)origin, version);
	if (join != JOIN_QUOTA && is_client)
		contacts_grew(node, origin, number, version, before, from_tick, tick);
	if (join != JOIN_QUOTA && origin == 0 && entry_kind(entry) == KEY_PAIR)
		entry->flags |= ENTRY_ANSWERED;
	return join;
}

static bool has_grown(enum join join)
{
	return join == JOIN_NEW || join == JOIN_GREW;
}

enum reject receive_cell(struct node *node, uint32_t origin, const struct cell *version, uint64_t from_tick,
			 uint64_t tick)
{
	uint32_t entry = ledger_find(&node->count->ledger, &version->key), place;
	enum join packets = JOIN_SAME, extras;
	uint64_t gain;

	if (entry == INDEX_NONE)
		entry = ledger_make(&node->count->ledger, (uint16_t)origin, &version->key);
	if (entry == INDEX_NONE)
		return over_quota(node, origin_member(origin));
	if (version->packets > 0)
		packets = ledger_join(&node->count->ledger, entry, (uint16_t)origin, version, &gain, &place);
	if (packets == JOIN_QUOTA)
		return over_quota(node, origin_member(origin));
	extras = extras_join(node, origin, entry, version, from_tick, tick);
	if (has_grown(packets) || has_grown(extras))
		look_at_line(node, origin, entry, version->slot);
	if (has_grown(packets))
		packets_grew(node, origin, entry, version, from_tick, tick, gain, packets == JOIN_NEW);
	if (origin == 0 && (has_grown(packets) || has_grown(extras)))
		need_own(node, entry, version);
	else if (has_grown(packets))
		need_other(node, origin, entry, version->slot, packets == JOIN_NEW);
	if (extras == JOIN_QUOTA)
		return over_quota(node, origin_member(origin));
	return packets == JOIN_SHRUNK ? REJECT_SHRUNK : REJECT_NONE;
}
