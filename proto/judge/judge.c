/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which keys are judged when: those whose cells grew, at once; those near their rate, or soon by the carry, again each tick, because it moves on; every
 * key when a slot has begun, because the replay does. The result is a record for the table.
 */
#include "judging.h"
#include "node.h"

#define NOTABLE 0.5 /* from this share of its rate on, a key is judged each tick and has a record on every proxy */
#define SWEEP_TICKS 8
#define SWEEP_STRETCH_MIN 4096 /* in a tick: 1 ms */
#define SWEEP_PIECE 16384 /* in a turn: some 4 ms */
#define WARM_AT_ONCE 1024 /* 0.3 ms */

/* Tried again whenever the destination is judged, should the list be full now. */
static void list_over(struct node *node, struct now now, uint32_t number)
{
	struct entry *entry = &node->count->ledger.entries[number];

	if (!entry_is_destination(entry) || !(entry->flags & ENTRY_OVER) || entry->flags & ENTRY_LISTED ||
	    !entry_policy(node, entry)->thresholds.fair || node->judge->over_count == OVER_DESTINATIONS_MAX)
		return;
	entry->flags |= ENTRY_LISTED;
	share_list(node, now, number, !judge_is_under_way(node));
}

/* The member that counted most of a key. */
static uint16_t biggest_teller(const struct node *node, const struct entry *entry)
{
	uint64_t packets[MEMBERS_MAX] = { 0 };
	uint16_t biggest = 0;

	for (uint32_t at = entry->cells; at != INDEX_NONE; at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
		const uint16_t member = origin_member(cell->origin);

		packets[member] += cell->packets;
		if (packets[member] > packets[biggest])
			biggest = member;
	}
	return biggest;
}

/* Who claims so much of a client that nobody may drop either lies about it, or has a device that was taken over. */
static void tell_never_drop(struct node *node, const struct entry *entry, struct node_event *event)
{
	event->kind = EVENT_NEVER_DROP_OVER;
	node_tell_of(node, event, biggest_teller(node, entry));
}

static void tell_crossing(struct node *node, struct now now, uint32_t number, const struct verdict *v)
{
	struct entry *entry = &node->count->ledger.entries[number];
	const bool destination = entry_is_destination(entry), was = entry->flags & ENTRY_OVER;
	const bool thinned_on = was && entry->flags & ENTRY_LISTED; /* between pulses, too: share.c ends it */
	const bool is = v->limit > 0 && (thinned_on || verdict_is_over(v, was ? UNDER_AGAIN : 1));
	struct node_event event = { .at = now.mesh, .key = ledger_key(&node->count->ledger, entry), .rate = fmax(v->rate, v->burst) };

	if (is == was)
		return;
	entry->flags ^= ENTRY_OVER;
	if (is && v->policy->listing == POLICY_PASSES) {
		tell_never_drop(node, entry, &event);
		return;
	}
	if (destination)
		event.kind = is ? EVENT_DESTINATION_OVER : EVENT_DESTINATION_UNDER;
	else
		event.kind = is ? EVENT_PAIR_OVER : EVENT_PAIR_UNDER;
	node_tell(node, &event);
}

/* Whose counts the floor of local evidence is divided by. */
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

/* T_F1 of what is offered; others' counts push it to the floor of local evidence and no lower. */
static uint16_t police_share(const struct node *node, struct now now, const struct entry *entry, const struct verdict *v)
{
	const double own = v->members > 1 ? verdict_evidence(node, now, entry).rate : v->offered;
	const uint16_t share = fair_share(v->offered, v->limit), least = fair_share(own, v->limit / (EVIDENCE_SHARE * v->members));

	return share > least ? share : least;
}

/*
 * The kernel has one share of a pair for both rules. Fair's is of all that is offered, and the part that police takes is in it (share.c):
 * the smaller of the two is their product. While the pair is within its rate the kernel thins it for its destination alone.
 */
static uint16_t share_of(const struct node *node, struct now now, const struct entry *entry, const struct verdict *v)
{
	uint16_t police;

	if (!v->policy->thresholds.police || entry_is_destination(entry) || v->limit <= 0 || v->offered <= v->limit)
		return entry->pass_share;
	if (v->rate <= v->limit && node->count->ledger.entries[entry->destination].flags & ENTRY_THIN)
		return entry->pass_share;
	police = police_share(node, now, entry, v);
	return police < entry->pass_share ? police : entry->pass_share;
}

/* Until it is judged again, the kernel counts the carry on for CARRY_TICKS: a burst that is over must not come to count as over the rate by
 * that alone. */
static bool may_be_carried_near(const struct node *node, const struct verdict *v)
{
	const double carried = (double)v->floor + v->carry.rho * CARRY_TICKS * tick_seconds(node);

	return v->limit > 0 && v->window_s > 0 && carried >= NOTABLE * v->limit * v->window_s;
}

bool node_next_change(struct node *node, struct now now, struct change *ret_change)
{
	struct entry *entry;
	struct verdict v;
	uint32_t number;

	do {
		if (node->judge->dirty.count == 0)
			return false;
		number = set_take(&node->judge->dirty);
		entry = &node->count->ledger.entries[number];
	} while (!(entry->flags & ENTRY_USED)); /* freed since */

	policy_refresh(node, number);
	verdict_of(node, now, number, &v);
	tell_crossing(node, now, number, &v);
	list_over(node, now, number);
	*ret_change = (struct change){
		.key = ledger_key(&node->count->ledger, entry),
		.number = number,
		.ts1 = v.m.ts1,
		.ts2 = v.m.ts2,
		.count = v.m.count,
		.floor = v.floor,
		.rho = v.carry.rho,
		.carry_from = mesh_tick_start(&node->mesh, v.carry.tick),
		.pass_share = share_of(node, now, entry, &v),
		.members = members_of(node, now, number, &v),
		.thin = entry->flags & ENTRY_THIN,
		.notable = v.limit > 0 && fmax(v.rate, v.burst) >= NOTABLE * v.limit,
	};
	if ((ret_change->notable || may_be_carried_near(node, &v)) && recent_is_after(&entry->recent, node->tick - RECENT_TICKS))
		set_add(&node->judge->warm, number);
	return true;
}

void node_refresh(struct node *node, const struct key *key)
{
	const uint32_t entry = ledger_find(&node->count->ledger, key);

	if (entry != INDEX_NONE)
		judge_dirty(node, entry);
}

/* The stretch of a tick: all are gone over within eight ticks, or within a shorter slot. */
static uint32_t sweep_stretch(const struct node *node)
{
	const uint32_t ticks = slot_ticks(node) - 1 < SWEEP_TICKS ? slot_ticks(node) - 1 : SWEEP_TICKS;
	const uint32_t even = node->count->ledger.entries_high / ticks + 1;

	return even > SWEEP_STRETCH_MIN ? even : SWEEP_STRETCH_MIN;
}

/* A piece of the stretch: forgets cells of slots no longer held, and judges what remains. */
static void sweep(struct node *node)
{
	const uint64_t oldest = slot_oldest(node->slot);

	for (uint32_t i = 0; i < SWEEP_PIECE && node->judge->sweep_left > 0 && node->judge->sweep < node->count->ledger.entries_high; i++, node->judge->sweep_left--) {
		const uint32_t number = node->judge->sweep++;

		if ((node->count->ledger.entries[number].flags & ENTRY_USED) && !ledger_forget(&node->count->ledger, number, oldest))
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

/* A is newer for every key of this origin: those near their rate are judged at once, unless they are so many that the tick must do. */
void judge_whole_tick(struct node *node)
{
	if (node->judge->warm.count <= WARM_AT_ONCE)
		judge_warm(node);
}

void judge_tick(struct node *node)
{
	judge_warm(node);
	if (node->judge->sweeping)
		node->judge->sweep_left = sweep_stretch(node);
	share_tick(node);
}

/* Who is forgotten may be one the walk is at: it waits until the stretch is through, and begins anew. */
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
