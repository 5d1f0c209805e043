/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a key's cells mean now: Algorithm 1's M, the carry over the lag, and the rate that Algorithm 2 compares. Changes
 * nothing; judge.c and share.c act on the result.
 */
#include "judging.h"

/* The kernel adds its own packets in 32 bits: half of them are left to it. No honest window holds as many. */
#define COUNT_MAX (UINT32_MAX / 2)
/*
 * Times T_F2. Five ticks hold at least nine tenths of a burst of a second that begins amid a tick, and it may not
 * reach 1.25 times unseen.
 */
#define BURST_OVER 1.1

/* 1 when the member is new in the set. */
static uint32_t members_add(uint64_t set[MEMBERS_MAX / 64], uint16_t member)
{
	const uint64_t bit = 1ULL << member % 64;
	const bool is_new = !(set[member / 64] & bit);

	set[member / 64] |= bit;
	return is_new;
}

/* The older of `oldest` and this origin's newest whole tick. An origin too far behind is left out. */
static uint64_t older_whole_tick(const struct node *node, uint32_t origin, uint64_t oldest)
{
	const uint64_t whole = origin == 0 ? node->tick : node->count->origins[origin].complete;

	return whole < oldest && node->tick - whole <= CARRY_TICKS ? whole : oldest;
}

static bool is_of_older_slots(const struct replay_cache_view *view, uint16_t origin)
{
	const uint32_t word = origin / 64;

	return word < view->words && (view->counted[word] | view->left_out[word]) >> origin % 64 & 1;
}

/*
 * Takes in the origins whose cells are of the newest slot alone, from the first such cell on: a slot has just begun,
 * or they count the key for the first time.
 */
static uint64_t with_new_origins(const struct node *node, const struct entry *entry, uint32_t at,
				 const struct replay_cache_view *view, uint64_t oldest, struct verdict *v)
{
	uint64_t members[MEMBERS_MAX / 64] = { 1 };

	for (uint32_t w = 0; w < view->words; w++) {
		for (uint64_t left = view->counted[w]; left; left &= left - 1)
			members_add(members, origin_member(w * 64 + (uint32_t)__builtin_ctzll(left)));
	}
	for (; at != INDEX_NONE && cell_is_newest(entry, ledger_at(&node->count->ledger, at));
	     at = ledger_below(&node->count->ledger, at)) {
		const uint16_t origin = ledger_at(&node->count->ledger, at)->origin;

		if (is_of_older_slots(view, origin))
			continue;
		v->origins++;
		if (node->count->excluded[origin])
			continue;
		oldest = older_whole_tick(node, origin, oldest);
		v->members += members_add(members, origin_member(origin));
	}
	return oldest;
}

/* A: the oldest, over the origins with cells of this key, of the newest whole tick of each. (Carry, 3) */
static uint64_t oldest_whole_tick(const struct node *node, const struct entry *entry,
				  const struct replay_cache_view *view, struct verdict *v)
{
	uint64_t oldest = node->tick;

	v->origins = view->origins;
	v->members = view->members;
	for (uint32_t w = 0; w < view->words; w++) {
		for (uint64_t left = view->counted[w]; left; left &= left - 1)
			oldest = older_whole_tick(node, w * 64 + (uint32_t)__builtin_ctzll(left), oldest);
	}
	for (uint32_t at = ledger_first(&node->count->ledger, entry); at != INDEX_NONE;
	     at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);

		if (!cell_is_newest(entry, cell))
			break;
		if (!is_of_older_slots(view, cell->origin))
			return with_new_origins(node, entry, at, view, oldest, v);
	}
	return oldest;
}

static double offered_rate(const struct node *node, const struct entry *entry, const struct verdict *v,
			   struct duration min_window, struct now now)
{
	const double min_s = (double)min_window.ns / NS_PER_S;

	if (v->m.count > 0 && duration_between(v->m.ts1, now.mesh).ns < min_window.ns)
		return (double)v->m.count / min_s; /* young: as the rate rule sees it */
	return (double)recent_sum(&entry->recent, v->carry.tick - FAIR_TICKS, v->carry.tick) /
	       (FAIR_TICKS * tick_seconds(node));
}

/*
 * Algorithm 1's window of 4 to 8 s takes seconds to see a burst at a destination that was quiet before, and never
 * sees pulses whose mean is within the rate. T_T3 is the shortest time a destination is to be judged over; fair,
 * which takes nothing from small clients, does so.
 */
static double burst_of(const struct node *node, const struct entry *entry, struct duration min_window, uint64_t tick)
{
	const int64_t tick_ns = mesh_tick_length(&node->mesh).ns, wanted = (min_window.ns + tick_ns - 1) / tick_ns;
	const uint64_t ticks = wanted < 1 ? 1 : wanted < BURST_TICKS_MAX ? (uint64_t)wanted : BURST_TICKS_MAX;
	const double seconds = fmax((double)ticks * tick_seconds(node), (double)min_window.ns / NS_PER_S);

	return (double)recent_sum(&entry->recent, tick - ticks, tick) / seconds;
}

/* Is a key that is over thinned to its rate? Else all its packets drop, as the paper has it. */
static bool is_thinned(const struct thresholds *t, enum key_kind kind)
{
	return kind == KEY_DESTINATION ? t->fair : kind != KEY_PAIR;
}

void verdict_of(const struct node *node, struct now now, uint32_t number, struct verdict *ret_verdict)
{
	const struct entry *entry = &node->count->ledger.entries[number];
	const struct policy_effective *policy = entry_policy(node, entry);
	const struct thresholds *t = &policy->thresholds;
	const enum key_kind kind = entry_kind(entry);
	const struct duration min_window = policy_min_window(policy, kind);
	struct replay_cache_view past = { .members = 1 };
	struct verdict *v = ret_verdict;
	double lag_s, window_ns;

	*v = (struct verdict){ .policy = policy };
	v->limit = policy_limit(policy, kind, &v->shadow);
	if (ledger_first(&node->count->ledger, entry) != INDEX_NONE)
		replay_cache_view_of(&node->judge->replay_cache, &node->count->ledger, number,
				     mesh_slot_at(&node->mesh, now.mesh), &node->mesh, node->count->excluded,
				     t->idle_reset, &past);
	v->m = past.m;
	if (v->m.count > COUNT_MAX)
		v->m.count = COUNT_MAX;
	v->carry = carry_of(&entry->recent, oldest_whole_tick(node, entry, &past, v), tick_seconds(node));
	if (v->members < 2)
		v->carry.rho = 0; /* nobody else counts it: there is no lag */
	v->known = v->m.count > v->carry.known_after ? v->m.count - v->carry.known_after : 0;
	lag_s = (double)duration_between(mesh_tick_end(&node->mesh, v->carry.tick), now.mesh).ns / NS_PER_S;
	lag_s = fmin(fmax(lag_s, 0), CARRY_TICKS * tick_seconds(node));
	/* xdp/window.h goes on with it, packet by packet. (Carry, 5) */
	v->count = fmax((double)v->m.count, (double)v->known + v->carry.rho * lag_s);
	window_ns = (double)duration_between(v->m.ts1, now.mesh).ns;
	v->window_s = fmax(window_ns, (double)min_window.ns) / NS_PER_S;
	v->rate = v->m.count == 0 || v->window_s <= 0 ? 0 : v->count / v->window_s;
	v->offered = offered_rate(node, entry, v, min_window, now);
	v->burst = t->early && is_thinned(t, kind) ? burst_of(node, entry, min_window, v->carry.tick) : 0;
}

bool verdict_is_near(const struct verdict *v)
{
	return v->limit > 0 && fmax(v->rate, v->burst) >= NOTABLE * v->limit;
}

bool verdict_is_over(const struct verdict *v, double part)
{
	return v->limit > 0 && (v->rate > part * v->limit || v->burst > BURST_OVER * v->limit);
}

bool verdict_is_own(const struct node *node, struct now now, uint32_t number, const struct verdict *v)
{
	const struct entry *entry = &node->count->ledger.entries[number];
	const struct thresholds *t = &v->policy->thresholds;
	const struct duration least = policy_min_window(v->policy, entry_kind(entry));
	struct paper_m own;

	if (ledger_first(&node->count->ledger, entry) == INDEX_NONE)
		return false;
	own = replay_cache_own(&node->judge->replay_cache, &node->count->ledger, number,
			       mesh_slot_at(&node->mesh, now.mesh), &node->mesh, node->count->excluded,
			       node->count->others, t->idle_reset);
	return (double)own.count >
	       v->limit * fmax((double)duration_between(own.ts1, now.mesh).ns, (double)least.ns) / NS_PER_S;
}

/* Packets per second of one cell, from its first packet to its last, at least over a second. */
static double cell_rate(const struct node *node, const struct ledger_cell *cell)
{
	const double seconds = (double)(cell->last - cell->first) * (double)mesh_slot_length(&node->mesh).ns /
			       SLOT_FRACTIONS / NS_PER_S;

	return cell->packets / fmax(seconds, 1);
}

struct evidence verdict_evidence(const struct node *node, struct now now, const struct entry *entry)
{
	const struct duration idle_reset = entry_policy(node, entry)->thresholds.idle_reset;
	uint64_t members[MEMBERS_MAX / 64] = { 1 }, packets = 0;
	struct evidence evidence = { .members = 1 };
	struct instant began = now.mesh;

	for (uint32_t at = ledger_first(&node->count->ledger, entry); at != INDEX_NONE;
	     at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
		const struct instant first = node_cell_instant(node, entry, cell, cell->first),
				     last = node_cell_instant(node, entry, cell, cell->last);

		if (!node->count->excluded[cell->origin])
			evidence.members += members_add(members, origin_member(cell->origin));
		if (node->count->others[cell->origin])
			continue;
		if (!duration_exceeds(duration_between(last, now.mesh), idle_reset))
			evidence.rate = fmax(evidence.rate, cell_rate(node, cell));
		if (cell_slot(entry, cell, node->slot) + 1 < node->slot)
			continue;
		packets += cell->packets;
		if (instant_is_before(first, began))
			began = first;
	}
	evidence.rate = fmax(evidence.rate,
			     (double)packets * NS_PER_S /
				     fmax((double)duration_between(began, now.mesh).ns, (double)NS_PER_S));
	return evidence;
}
