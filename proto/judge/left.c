/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the rules before fair leave of a client's packets, and the least that local evidence guarantees it. share.c
 * divides what is left.
 */
#include "judging.h"

/*
 * Does the pair's own rule drop it now? ENTRY_OVER alone does not show this: by the hysteresis of events it stays set
 * while the rate is just below T_F1.
 */
static bool is_over_now(const struct node *node, struct now now, uint32_t number)
{
	struct verdict v;

	if (!(node->count->ledger.entries[number].flags & ENTRY_OVER))
		return false;
	verdict_of(node, now, number, &v);
	return v.limit > 0 && v.rate > v.limit;
}

/*
 * The rate that the pair's own rule leaves: 0 when a block drops it, or as it is outside; at most the floors of local
 * evidence of all proxies together when its rate does; else all of it.
 */
static double rate_left(const struct node *node, struct now now, uint32_t number, double rate)
{
	const struct entry *entry = &node->count->ledger.entries[number];
	const struct policy_effective *policy = entry_policy(node, entry);

	if (policy->listing == POLICY_BLOCKED || policy->listing == POLICY_OUTSIDE)
		return 0;
	if (!is_over_now(node, now, number))
		return rate;
	if (policy->thresholds.police)
		return fmin(rate, policy->thresholds.pair_rate);
	return entry->flags & ENTRY_FLOOR ? fmin(rate, policy->thresholds.pair_rate / (double)EVIDENCE_SHARE) : 0;
}

/* The rate that a pair counts with: what its own rule and then the limit of its client leave. */
double left_rate(const struct node *node, struct now now, uint32_t number, double rate)
{
	double here;

	return rate_left(node, now, number, rate) *
	       aggregate_leaves(node, &node->count->ledger.entries[number], &here);
}

struct evidence left_evidence(const struct node *node, struct now now, const struct entry *pair)
{
	struct evidence own = verdict_evidence(node, now, pair);
	double here;

	aggregate_leaves(node, pair, &here);
	own.rate *= here;
	return own;
}

/*
 * What others say of a client that was seen here takes it no lower than its floor: the level of what is seen here, or
 * level / (kappa n) of the level that all would share alike.
 */
uint16_t left_floor(const struct node *node, struct now now, const struct entry *client)
{
	const struct share_walk *walk = &node->judge->share;
	double least = walk->least;
	struct evidence own;

	if (!(client->flags & ENTRY_OWN))
		return 0;
	own = left_evidence(node, now, client);
	if (own.rate <= 0)
		return 0; /* nothing was seen here lately that could speak for it */
	if (client->flags & ENTRY_SHARED && own.members > 1)
		least = fmax(least, walk->levels.alike / (EVIDENCE_SHARE * own.members));
	return fair_share(own.rate, least);
}

double left_at_kernel(const struct node *node, const struct entry *client, double counted)
{
	double here;

	if (!entry_policy(node, client)->thresholds.police)
		return counted;
	return offered_of(node, client, node->judge->share.tick).counted * aggregate_leaves(node, client, &here);
}
