/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decides when a key is judged:
 *
 *	at once		when one of its cells grew;
 *	each tick	while its rate, or the rate that the carry expects, is near its limit;
 *	each slot	after the slot has begun, because the replay ages counts then.
 *
 * node_next_change returns the result, a change of the key's record in the table.
 */
#include "judging.h"
#include "node.h"

#define SWEEP_TICKS 8 /* a sweep over all entries takes this many ticks */
#define SWEEP_STRETCH_MIN 4096 /* entries per tick, at least: 1 ms */
#define SWEEP_PIECE 16384 /* entries per turn, at most: some 4 ms */
#define WARM_AT_ONCE 1024 /* keys that are judged between ticks, at most: 0.3 ms */

/* Lists a destination over its rate for fair. If the list is full, the next verdict of the destination tries again. */
static void list_over(struct node *node, struct now now, uint32_t number)
{
	struct entry *entry = &node->count->ledger.entries[number];

	if (entry_kind(entry) != KEY_DESTINATION || !(entry->flags & ENTRY_OVER) || entry->flags & ENTRY_LISTED ||
	    !entry_policy(node, entry)->thresholds.fair || node->judge->over_count == OVER_DESTINATIONS_MAX)
		return;
	entry->flags |= ENTRY_LISTED;
	share_list(node, now, number, !judge_is_under_way(node));
}

/* Who counted most of a key since its window began. */
static void counted_by(struct node *node, const struct entry *entry, const struct verdict *v,
		       struct event_counter counters[EVENT_COUNTERS])
{
	const uint64_t first = mesh_slot_at(&node->mesh, v->m.ts1);
	const struct ledger *ledger = &node->count->ledger;
	uint64_t *counted = node->judge->counted, all = 0;

	for (uint32_t at = ledger_first(ledger, entry); at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (node->count->excluded[cell->origin] || cell_slot(entry, cell, node->slot) < first)
			continue;
		counted[origin_member(cell->origin)] +=
			ledger_packets_read(ledger, entry, cell, node->count->excluded);
	}
	for (uint32_t at = ledger_first(ledger, entry); at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const uint16_t member = origin_member(ledger_at(ledger, at)->origin);

		if (counted[member])
			event_counter_rank(counters, member, (double)counted[member]);
		all += counted[member];
		counted[member] = 0;
	}
	for (unsigned int i = 0; i < EVENT_COUNTERS && all > 0; i++)
		counters[i].part /= (double)all;
}

/* Why it is reported: the member that counted most either publishes false counts, or the device was taken over. */
static void report_never_drop(struct node *node, struct node_event *event)
{
	event->kind = EVENT_NEVER_DROP_OVER;
	node_report_of(node, event, event->counters[0].member);
}

static void report_crossing(struct node *node, struct now now, uint32_t number, const struct verdict *v)
{
	struct entry *entry = &node->count->ledger.entries[number];
	const enum key_kind kind = entry_kind(entry);
	const bool was = entry->flags & ENTRY_OVER;
	/* also between pulses: share.c ends it, or aggregate.c */
	const bool thinned_on = was && entry->flags & (kind == KEY_DESTINATION ? ENTRY_LISTED : ENTRY_THIN);
	const bool is = v->limit > 0 && (thinned_on || verdict_is_over(v, was ? UNDER_AGAIN : 1));
	struct node_event event = { .at = now.mesh,
				    .key = ledger_key(&node->count->ledger, entry),
				    .rate = fmax(v->rate, v->burst),
				    .limit = v->limit,
				    .shadow = v->shadow };

	if (is == was)
		return;
	entry->flags ^= ENTRY_OVER;
	if (is || kind == KEY_DESTINATION)
		counted_by(node, entry, v, event.counters);
	if (is && kind == KEY_PAIR && v->policy->listing == POLICY_PASSES) {
		report_never_drop(node, &event);
		return;
	}
	switch (kind) {
	case KEY_PAIR:
		event.kind = is ? EVENT_PAIR_OVER : EVENT_PAIR_UNDER;
		break;
	case KEY_DESTINATION:
		event.kind = is ? EVENT_DESTINATION_OVER : EVENT_DESTINATION_UNDER;
		event.crowd = crowd_of(node, entry, v->m.ts1);
		break;
	case KEY_CLIENT:
		event.kind = is ? EVENT_CLIENT_OVER : EVENT_CLIENT_UNDER;
		break;
	case KEY_NETWORK:
		event.kind = is ? EVENT_NETWORK_OVER : EVENT_NETWORK_UNDER;
		break;
	}
	node_report(node, &event);
}

/* The number of members by which the floor of local evidence is divided; 1: the floor does not apply. */
static uint8_t members_of(struct node *node, struct now now, uint32_t number, const struct verdict *v)
{
	const bool over = v->limit > 0 && v->rate > v->limit;
	struct entry *entry = &node->count->ledger.entries[number];

	entry->flags &= ~(uint32_t)ENTRY_FLOOR;
	if (v->members < 2 || (over && verdict_is_own(node, now, number, v)))
		return 1;
	entry->flags |= ENTRY_FLOOR;
	return v->members < UINT8_MAX ? (uint8_t)v->members : UINT8_MAX;
}

/* The share that police leaves: T_F1 / offered rate, but not less than the floor of local evidence. */
static uint16_t police_share(const struct node *node, struct now now, const struct entry *entry,
			     const struct verdict *v)
{
	const double own = v->members > 1 ? verdict_evidence(node, now, entry).rate : v->offered;
	const uint16_t share = fair_share(v->offered, v->limit),
		       least = fair_share(own, v->limit / (EVIDENCE_SHARE * v->members));

	return share > least ? share : least;
}

/*
 * The kernel has one share of a pair for both rules. Fair's share is of the whole offered rate and includes what police
 * takes (share.c), so the smaller of the two is the product of both rules. While the pair is within its rate, only its
 * destination's share applies.
 */
static uint16_t share_of(const struct node *node, struct now now, const struct entry *entry, const struct verdict *v)
{
	uint16_t police;

	if (!v->policy->thresholds.police || entry_kind(entry) != KEY_PAIR || v->limit <= 0 || v->offered <= v->limit)
		return entry->pass_share;
	if (v->rate <= v->limit && node->count->ledger.entries[entry->destination].flags & ENTRY_THIN)
		return entry->pass_share;
	police = police_share(node, now, entry, v);
	return police < entry->pass_share ? police : entry->pass_share;
}

/*
 * Could the carry alone bring the key to NOTABLE of its limit? Until the key is judged again, the kernel adds the carry
 * for up to CARRY_TICKS. A burst that has ended must not be over the rate by that alone, so such a key is judged again.
 */
static bool may_be_carried_near(const struct node *node, const struct verdict *v)
{
	const double carried = (double)v->known + v->carry.rho * CARRY_TICKS * tick_seconds(node);

	return v->limit > 0 && v->window_s > 0 && carried >= NOTABLE * v->limit * v->window_s;
}

/* Does the kernel keep records of this kind? Of a client or network it has a limit at most (aggregate.c). */
static bool has_records(enum key_kind kind)
{
	return kind == KEY_PAIR || kind == KEY_DESTINATION;
}

/*
 * At half of its rate a client, destination or network needs its pairs (spread/need.c). A rate that nobody set only
 * reports, so it needs none.
 */
static void note_near(struct node *node, struct entry *entry, const struct verdict *v, bool is_near)
{
	const enum key_kind kind = entry_kind(entry);

	if (kind == KEY_PAIR)
		return;
	if (!is_near || v->shadow) {
		entry->flags &= ~(uint32_t)ENTRY_NEAR;
		return;
	}
	node->judge->nears += !(entry->flags & ENTRY_NEAR);
	node->judge->near_tick[kind] = node->tick;
	entry->flags |= ENTRY_NEAR;
}

/*
 * While its destination is thinned, a client with more than the share of the lot has a record wherever it may send:
 * without one it is one of the lot.
 */
static bool is_above_lot(const struct node *node, const struct entry *entry)
{
	const struct entry *destination = &node->count->ledger.entries[entry->destination];

	if (entry_kind(entry) != KEY_PAIR || !(destination->flags & ENTRY_THIN) ||
	    entry->pass_share <= destination->pass_share)
		return false;
	return past_of(node, entry) > 0 || offered_of(node, entry, node->tick).is == PART_STEADY;
}

bool node_next_change(struct node *node, struct now now, struct change *ret_change)
{
	struct entry *entry;
	struct verdict v;
	uint32_t number;
	bool is_near;

	do {
		if (judge_waiting(node) == 0)
			return false;
		number = set_take(node->judge->dirty.count > 0 ? &node->judge->dirty : &node->judge->dirty_aggregates);
		entry = &node->count->ledger.entries[number];
	} while (!(entry->flags & ENTRY_USED)); /* freed since */

	policy_refresh(node, number);
	verdict_of(node, now, number, &v);
	aggregate_judge(node, now, number, &v);
	report_crossing(node, now, number, &v);
	list_over(node, now, number);
	is_near = verdict_is_near(&v);
	note_near(node, entry, &v, is_near);
	*ret_change = (struct change){
		.key = ledger_key(&node->count->ledger, entry),
		.number = number,
		.ts1 = v.m.ts1,
		.ts2 = v.m.ts2,
		.count = v.m.count,
		.known = v.known,
		.rho = v.carry.rho,
		.carry_from = mesh_tick_end(&node->mesh, v.carry.tick),
		.pass_share = share_of(node, now, entry, &v),
		.members = members_of(node, now, number, &v),
		.thin = entry->flags & ENTRY_THIN,
		.notable = (is_near && has_records(entry_kind(entry))) || is_above_lot(node, entry),
		.payer = entry->flags & ENTRY_OWN ? 0 : (uint16_t)entry->maker,
		.alone = v.members <= 2, /* this proxy is always one of them */
		.limited = !has_records(entry_kind(entry)) && entry->flags & ENTRY_THIN,
	};
	if (ret_change->limited)
		ret_change->granted = aggregate_granted(node, number);
	if ((is_near || may_be_carried_near(node, &v)) &&
	    recent_is_after(&entry->recent, node->tick - RECENT_TICKS))
		set_add(&node->judge->warm, number);
	return true;
}

void node_refresh(struct node *node, const struct key *key)
{
	const uint32_t entry = ledger_find(&node->count->ledger, key);

	if (entry != INDEX_NONE)
		judge_dirty(node, entry);
}

/* Entries to sweep in this tick: the whole sweep takes SWEEP_TICKS, or less if the slot is shorter. */
static uint32_t sweep_stretch(const struct node *node)
{
	const uint32_t ticks = slot_ticks(node) - 1 < SWEEP_TICKS ? slot_ticks(node) - 1 : SWEEP_TICKS;
	const uint32_t even = node->count->ledger.entries_high / ticks + 1;

	return even > SWEEP_STRETCH_MIN ? even : SWEEP_STRETCH_MIN;
}

/* One piece of this tick's entries: removes cells of slots no longer held, and judges the keys that remain. */
static void sweep(struct node *node)
{
	const uint64_t oldest = slot_oldest(node->slot);

	for (uint32_t i = 0;
	     i < SWEEP_PIECE && node->judge->sweep_left > 0 && node->judge->sweep < node->count->ledger.entries_high;
	     i++, node->judge->sweep_left--) {
		const uint32_t number = node->judge->sweep++;

		if ((node->count->ledger.entries[number].flags & ENTRY_USED) &&
		    !ledger_forget(&node->count->ledger, number, oldest))
			judge_dirty(node, number);
	}
	if (node->judge->sweep < node->count->ledger.entries_high)
		return;
	node->judge->sweeping = false;
	node->judge->sweep_left = 0;
}

static void judge_warm(struct node *node)
{
	while (node->judge->warm.count > 0)
		judge_dirty(node, set_take(&node->judge->warm));
}

/*
 * A tick of an origin became whole, so A is newer for its keys. Keys near their limit are judged at once; more than
 * WARM_AT_ONCE wait for the tick.
 */
void judge_whole_tick(struct node *node)
{
	if (node->judge->warm.count <= WARM_AT_ONCE)
		judge_warm(node);
}

void judge_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	node->judge->parts = arena_take(arena, limits->keys_max, sizeof(*node->judge->parts));
	set_take_memory(&node->judge->dirty, arena, limits->keys_max);
	set_take_memory(&node->judge->dirty_aggregates, arena, limits->keys_max);
	set_take_memory(&node->judge->warm, arena, limits->keys_max);
	aggregates_take_memory(&node->judge->aggregates, arena, limits);
	watches_take_memory(&node->judge->watches, arena, limits);
}

void judge_start(struct node *node)
{
	set_clear(&node->judge->dirty);
	set_clear(&node->judge->dirty_aggregates);
	set_clear(&node->judge->warm);
}

void judge_slot(struct node *node)
{
	node->judge->sweep = 0;
	node->judge->sweeping = true;
}

void judge_tick(struct node *node)
{
	aggregates_tick(node);
	crowd_tick(node);
	contacts_tick(node);
	judge_warm(node);
	if (node->judge->sweeping)
		node->judge->sweep_left = sweep_stretch(node);
	share_tick(node);
}

/* The sweep may remove keys that the walk for fair refers to. So the walk waits, and begins its destination anew. */
void judge_turn(struct node *node, struct now now)
{
	if (node->judge->sweep_left > 0) {
		sweep(node);
		share_anew(node);
	}
	if (node->judge->sweep_left == 0)
		share_turn(node, now);
}

bool judge_is_under_way(const struct node *node)
{
	return node->judge->sweep_left > 0 || share_is_under_way(node);
}
