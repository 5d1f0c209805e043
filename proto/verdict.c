/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a key's cells mean now: Algorithm 1's record, the carry over the lag, and the rate that Algorithm 2 compares. Pure reading; what
 * follows from it is judge.c's and share.c's.
 */
#include "node_internal.h"

/* The kernel adds its own packets in 32 bits: half of them are left to it. No honest window holds as many. */
#define COUNT_MAX (UINT32_MAX / 2)

/* The older of `oldest` and the newest tick this origin is held whole; who is too far behind is left out. */
static uint64_t older_whole_tick(const struct node *node, uint32_t origin, uint64_t oldest)
{
	const uint64_t whole = origin == 0 ? node->tick : node->origins[origin].complete;

	return whole < oldest && node->tick - whole <= CARRY_TICKS ? whole : oldest;
}

/* A: the oldest, over the origins with cells of this key, of the newest tick each is held whole. */
static uint64_t oldest_whole_tick(const struct node *node, const struct entry *entry, const struct past_view *view, uint32_t *ret_origins)
{
	const struct ledger_cell *cells = node->ledger.cells;
	uint64_t oldest = node->tick;
	uint32_t origins = 0;

	for (uint32_t w = 0; w < view->words; w++) {
		for (uint64_t left = view->counted[w]; left; left &= left - 1, origins++)
			oldest = older_whole_tick(node, w * 64 + (uint32_t)__builtin_ctzll(left), oldest);
		for (uint64_t left = view->left_out[w]; left; left &= left - 1)
			origins++;
	}
	for (uint32_t at = entry->cells; at != INDEX_NONE && cells[at].slot == cells[entry->cells].slot; at = cells[at].next) {
		const uint16_t origin = cells[at].origin;

		if ((view->counted[origin / 64] | view->left_out[origin / 64]) >> origin % 64 & 1)
			continue;
		origins++;
		if (!node->excluded[origin])
			oldest = older_whole_tick(node, origin, oldest);
	}
	*ret_origins = origins;
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
	v->carry = carry_of(&entry->recent, oldest_whole_tick(node, entry, &past, &v->origins), tick_seconds(node));
	v->floor = v->m.count > v->carry.known_after ? v->m.count - v->carry.known_after : 0;
	lag_s = (double)duration_between(mesh_tick_start(&node->mesh, v->carry.tick), now.mesh).ns / NS_PER_S;
	lag_s = fmin(fmax(lag_s, 0), CARRY_TICKS * tick_seconds(node));
	v->count = fmax((double)v->m.count, (double)v->floor + v->carry.rho * lag_s);
	window_ns = (double)duration_between(v->m.ts1, now.mesh).ns;
	v->window_s = fmax(window_ns, (double)min_window.ns) / NS_PER_S;
	v->rate = v->m.count == 0 || v->window_s <= 0 ? 0 : v->count / v->window_s;
	v->offered = offered_rate(node, entry, v, min_window, now);
}
