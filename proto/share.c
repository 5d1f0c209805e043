/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fair: of a destination over its rate, which share of each client's packets passes. Worked out once a tick from offered, mesh-wide rates,
 * so that every proxy comes to the same shares and they do not feed back on themselves. PROTOCOL.md section "Fair".
 */
#include "node_internal.h"

#define REMAINDER_FLOOR 0.1 /* of T_F2: what clients without a published record may always have together */

/* Packets per second over the FAIR_TICKS ticks up to `tick`. The destination's A serves all its clients: one time for one sum. */
static double offered(const struct node *node, const struct entry *entry, uint64_t tick)
{
	return (double)recent_sum(&entry->recent, tick - FAIR_TICKS, tick) / (FAIR_TICKS * tick_seconds(node));
}

/* What a client counts for: nothing when its own rule or a block drops it all, its rate otherwise. */
static double effective_rate(const struct node *node, const struct entry *entry, double rate)
{
	const struct policy_effective *policy = entry_policy(node, entry);

	if (policy->listing == POLICY_BLOCKED)
		return 0;
	if (!(entry->flags & ENTRY_OVER))
		return rate;
	return policy->thresholds.police ? fmin(rate, policy->thresholds.pair_rate) : 0;
}

/* A share that moved by less than the rate's own noise is left alone: every change is a write to the table. */
static bool differs(uint16_t a, uint16_t b)
{
	return a != b && (a == SHARE_ALL || b == SHARE_ALL || fabs((double)a - b) > 0.01 * SHARE_ALL);
}

static void set_share(struct node *node, uint32_t number, uint16_t share)
{
	struct entry *entry = &node->ledger.entries[number];

	if (!differs(entry->pass_share, share))
		return;
	entry->pass_share = share;
	judge_dirty(node, number);
}

static void set_thin(struct node *node, uint32_t number, bool thin)
{
	struct entry *entry = &node->ledger.entries[number];

	if (thin == !!(entry->flags & ENTRY_THIN))
		return;
	entry->flags ^= ENTRY_THIN;
	judge_dirty(node, number);
}

static void lift(struct node *node, uint32_t number)
{
	for (uint32_t at = node->ledger.entries[number].group; at != INDEX_NONE; at = node->ledger.entries[at].group)
		set_share(node, at, SHARE_ALL);
	set_share(node, number, SHARE_ALL);
	set_thin(node, number, false);
}

void share_level(struct node *node, struct now now, uint32_t number)
{
	const struct entry *destination = &node->ledger.entries[number];
	double listed = 0, listed_effective = 0, untouchable = 0, remainder, reserve, water;
	struct verdict v;
	size_t clients = 0;

	verdict_of(node, now, number, &v);
	for (uint32_t at = destination->group; at != INDEX_NONE; at = node->ledger.entries[at].group) {
		const struct entry *client = &node->ledger.entries[at];
		const double rate = offered(node, client, v.carry.tick);

		listed += rate;
		node->rates[clients] = 0;
		if (entry_policy(node, client)->listing == POLICY_PASSES)
			untouchable += rate;
		else
			node->rates[clients] = (float)effective_rate(node, client, rate);
		listed_effective += node->rates[clients++];
	}
	v.limit = fmax(0, v.limit - untouchable); /* they are taken from T_F2 first */
	remainder = fmax(0, offered(node, destination, v.carry.tick) - listed);
	reserve = fmin(remainder, REMAINDER_FLOOR * v.limit);
	water = fair_level(node->rates, clients, v.limit - reserve);
	clients = 0;
	for (uint32_t at = destination->group; at != INDEX_NONE; at = node->ledger.entries[at].group)
		set_share(node, at, fair_share(node->rates[clients++], water));
	set_share(node, number, fair_share(remainder, fmax(reserve, v.limit - listed_effective)));
	set_thin(node, number, true);
}

void share_tick(struct node *node, struct now now)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < node->over_count; i++) {
		const uint32_t number = node->over[i];
		struct entry *entry = &node->ledger.entries[number];

		if (!(entry->flags & ENTRY_LISTED))
			continue; /* forgotten, and its place perhaps taken */
		if (!(entry->flags & ENTRY_OVER) || !entry_policy(node, entry)->thresholds.fair) {
			entry->flags &= (uint8_t)~ENTRY_LISTED;
			lift(node, number);
			continue;
		}
		share_level(node, now, number);
		node->over[kept++] = number;
	}
	node->over_count = kept;
}
