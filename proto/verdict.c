/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a key's cells mean now: Algorithm 1's record, the carry over the lag, and the rate that Algorithm 2 compares. Pure reading; what
 * follows from it is judge.c's and share.c's.
 */
#include "node_internal.h"

/* The kernel adds its own packets in 32 bits: half of them are left to it. No honest window holds as many. */
#define COUNT_MAX (UINT32_MAX / 2)

/* 1 when the member is new in the set. */
static uint32_t members_add(uint64_t set[MEMBERS_MAX / 64], uint16_t member)
{
	const uint64_t bit = 1ULL << member % 64;
	const bool is_new = !(set[member / 64] & bit);

	set[member / 64] |= bit;
	return is_new;
}

/* The older of `oldest` and the newest tick this origin is held whole; who is too far behind is left out. */
static uint64_t older_whole_tick(const struct node *node, uint32_t origin, uint64_t oldest)
{
	const uint64_t whole = origin == 0 ? node->tick : node->origins[origin].complete;

	return whole < oldest && node->tick - whole <= CARRY_TICKS ? whole : oldest;
}

/* A: the oldest, over the origins with cells of this key, of the newest tick each is held whole. */
static uint64_t oldest_whole_tick(const struct node *node, const struct entry *entry, const struct past_view *view, struct verdict *v)
{
	const struct ledger_cell *cells = node->ledger.cells;
	uint64_t oldest = node->tick, members[MEMBERS_MAX / 64] = { 1 };

	v->origins = 0;
	v->members = 1;

	for (uint32_t w = 0; w < view->words; w++) {
		for (uint64_t left = view->counted[w]; left; left &= left - 1, v->origins++) {
			const uint32_t origin = w * 64 + (uint32_t)__builtin_ctzll(left);

			oldest = older_whole_tick(node, origin, oldest);
			v->members += members_add(members, origin_member(origin));
		}
		for (uint64_t left = view->left_out[w]; left; left &= left - 1)
			v->origins++;
	}
	for (uint32_t at = entry->cells; at != INDEX_NONE && cells[at].slot == cells[entry->cells].slot; at = cells[at].next) {
		const uint16_t origin = cells[at].origin;

		if ((view->counted[origin / 64] | view->left_out[origin / 64]) >> origin % 64 & 1)
			continue;
		v->origins++;
		if (node->excluded[origin])
			continue;
		oldest = older_whole_tick(node, origin, oldest);
		v->members += members_add(members, origin_member(origin));
	}
	return oldest;
}

static double offered_rate(const struct node *node, const struct entry *entry, const struct verdict *v, struct duration min_window, struct now now)
{
	const double min_s = (double)min_window.ns / NS_PER_S;

	if (v->m.count > 0 && duration_between(v->m.ts1, now.mesh).ns < min_window.ns)
		return (double)v->m.count / min_s; /* young: as the rate rule sees it */
	return (double)recent_sum(&entry->recent, v->carry.tick - FAIR_TICKS, v->carry.tick) / (FAIR_TICKS * tick_seconds(node));
}

/* T_F1 or T_F2; 0, which is none, for what the policy does not judge. */
static double limit_of(const struct policy_effective *policy, bool destination)
{
	if (policy->unprotected || (destination && policy->listing == POLICY_PASSES))
		return 0;
	return destination ? policy->thresholds.destination_rate : policy->thresholds.pair_rate;
}

void verdict_of(const struct node *node, struct now now, uint32_t number, struct verdict *ret_verdict)
{
	const struct entry *entry = &node->ledger.entries[number];
	const struct policy_effective *policy = entry_policy(node, entry);
	const struct thresholds *t = &policy->thresholds;
	const bool destination = key_is_destination(&entry->key);
	const struct duration min_window = destination ? t->destination_min_window : t->pair_min_window;
	struct past_view past = { .m = { .count = 0 } };
	struct verdict *v = ret_verdict;
	double lag_s, window_ns;

	*v = (struct verdict){ .policy = policy, .limit = limit_of(policy, destination) };
	if (entry->cells != INDEX_NONE)
		past_view_of(&node->past, &node->ledger, number, mesh_slot_at(&node->mesh, now.mesh), &node->mesh, node->excluded, t->idle_reset,
			     &past);
	v->m = past.m;
	if (v->m.count > COUNT_MAX)
		v->m.count = COUNT_MAX;
	v->carry = carry_of(&entry->recent, oldest_whole_tick(node, entry, &past, v), tick_seconds(node));
	v->floor = v->m.count > v->carry.known_after ? v->m.count - v->carry.known_after : 0;
	lag_s = (double)duration_between(mesh_tick_start(&node->mesh, v->carry.tick), now.mesh).ns / NS_PER_S;
	lag_s = fmin(fmax(lag_s, 0), CARRY_TICKS * tick_seconds(node));
	v->count = fmax((double)v->m.count, (double)v->floor + v->carry.rho * lag_s);
	window_ns = (double)duration_between(v->m.ts1, now.mesh).ns;
	v->window_s = fmax(window_ns, (double)min_window.ns) / NS_PER_S;
	v->rate = v->m.count == 0 || v->window_s <= 0 ? 0 : v->count / v->window_s;
	v->offered = offered_rate(node, entry, v, min_window, now);
}

bool verdict_is_own(const struct node *node, struct now now, uint32_t number, const struct verdict *v)
{
	const uint64_t oldest = slot_oldest(mesh_slot_at(&node->mesh, now.mesh));
	const bool destination = key_is_destination(&node->ledger.entries[number].key);
	const struct thresholds *t = &v->policy->thresholds;
	const struct duration least = destination ? t->destination_min_window : t->pair_min_window;
	struct slot_sums sums;
	struct record own;

	ledger_sum(&node->ledger, node->ledger.entries[number].cells, oldest, &node->mesh, node->others, &sums);
	own = algorithm1_replay(sums.sum, oldest, &node->mesh, t->idle_reset);
	return (double)own.count > v->limit * fmax((double)duration_between(own.ts1, now.mesh).ns, (double)least.ns) / NS_PER_S;
}

struct evidence verdict_evidence(const struct node *node, struct now now, const struct entry *entry)
{
	const int64_t slot_ns = mesh_slot_length(&node->mesh).ns;
	const uint16_t before = (uint16_t)(node->slot - 1);
	uint64_t members[MEMBERS_MAX / 64] = { 1 }, packets = 0;
	struct evidence evidence = { .members = 1 };
	int64_t began_ns = now.mesh.ns;

	for (uint32_t at = entry->cells; at != INDEX_NONE; at = node->ledger.cells[at].next) {
		const struct ledger_cell *cell = &node->ledger.cells[at];
		const uint16_t place = (uint16_t)(cell->slot - before);
		const int64_t first_ns = mesh_slot_start(&node->mesh, node->slot - 1 + place).ns + cell->first * slot_ns / SLOT_FRACTIONS;

		if (!node->excluded[cell->origin])
			evidence.members += members_add(members, origin_member(cell->origin));
		if (node->others[cell->origin] || place > 1)
			continue;
		packets += cell->packets;
		if (first_ns < began_ns)
			began_ns = first_ns;
	}
	evidence.rate = (double)packets * NS_PER_S / fmax((double)(now.mesh.ns - began_ns), (double)NS_PER_S);
	return evidence;
}
