/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fair: which share of each client's packets passes when a destination is over its rate. Computed once a tick from
 * offered, mesh-wide rates, so that every proxy computes the same shares and they do not feed back on themselves.
 * PROTOCOL section "Fair". There may be a million clients: they are walked over in pieces, and the old shares
 * hold until the new level is known.
 */
#include "judging.h"

#define REMAINDER_FLOOR 0.1 /* part of T_F2 that the clients without a rate of their own may always use together */
#define CLIENTS_PER_TURN 32768 /* clients looked at in a turn: some 5 ms */
#define CLIENTS_SET_OFF 16 /* cost of a destination besides its clients, in clients */
#define LEVEL_CLIENTS 8 /* rates that the search for the level reads in the time of one client */
#define IDLE_DIFFERS 0.25 /* relative change from which a silent client's share is written */

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

/* The rate that a pair counts with: what its own rule and then the limit of its client leave. (Fair, 1) */
static double effective_rate(const struct node *node, struct now now, uint32_t number, double rate)
{
	double here;

	return rate_left(node, now, number, rate) *
	       aggregate_leaves(node, &node->count->ledger.entries[number], &here);
}

/*
 * Did a share change by more than the noise of a rate? Only then it is written to the table. The bound is a hundredth
 * of SHARE_ALL. In a large attack shares are small, and a hundredth would be as large as the share itself: then the
 * bound is a twentieth of the share.
 */
static bool differs(uint16_t a, uint16_t b)
{
	const double most = fmin(0.01 * SHARE_ALL, 0.05 * (a > b ? a : b));

	return a != b && (a == SHARE_ALL || b == SHARE_ALL || fabs((double)a - b) > most);
}

static void set_share(struct node *node, uint32_t number, uint16_t share)
{
	struct entry *entry = &node->count->ledger.entries[number];

	if (!differs(entry->pass_share, share))
		return;
	entry->pass_share = share;
	judge_dirty(node, number);
}

/* The share of a silent client, written only when it changed by IDLE_DIFFERS: there may be very many such clients. */
static void set_idle_share(struct node *node, uint32_t number, uint16_t share)
{
	const uint16_t was = node->count->ledger.entries[number].pass_share;

	if ((was == SHARE_ALL) != (share == SHARE_ALL) || fabs((double)was - share) > IDLE_DIFFERS * was)
		set_share(node, number, share);
}

static void set_thin(struct node *node, uint32_t number, bool thin)
{
	struct entry *entry = &node->count->ledger.entries[number];

	if (thin == !!(entry->flags & ENTRY_THIN))
		return;
	entry->flags ^= ENTRY_THIN;
	judge_dirty(node, number);
}

/* The least share for packets of the remainder, by the destination's own rate. */
static uint16_t least_left(const struct node *node, struct now now, const struct entry *destination, double capacity)
{
	const struct evidence own = verdict_evidence(node, now, destination);

	return own.rate > 0 ? fair_share(own.rate, REMAINDER_FLOOR * capacity) : 0;
}

/* What was counted here of a pair, less what the limit of its client takes. */
static struct evidence evidence_left(const struct node *node, struct now now, const struct entry *pair)
{
	struct evidence own = verdict_evidence(node, now, pair);
	double here;

	aggregate_leaves(node, pair, &here);
	own.rate *= here;
	return own;
}

/*
 * Above the level a rate counts with one packet more, as those of few packets do already: by 1 / n, the victim of
 * random packets would get a twentieth too many. `least`: the level of what is seen here; what others say of this
 * client pushes it no lower than level / (kappa n). (Fair, 4)
 */
static uint16_t client_share(const struct node *node, struct now now, const struct entry *client, double rate,
			     double level, double least)
{
	const double one = 1 / (FAIR_TICKS * tick_seconds(node)),
		     counted = rate < FEW_PACKETS * one ? rate : rate + one;
	const uint16_t share = fair_share(counted, level);
	struct evidence own;
	uint16_t floor;

	if (!(client->flags & ENTRY_OWN))
		return share;
	own = evidence_left(node, now, client);
	if (own.rate <= 0)
		return share; /* nothing was seen here lately that could speak for it */
	if (client->flags & ENTRY_SHARED && own.members > 1)
		least = fmax(least, level / (EVIDENCE_SHARE * own.members));
	floor = fair_share(own.rate, least);
	return share > floor ? share : floor;
}

/* What a policed client offers, less what the limit of all its pairs together takes. */
static double policed_rate(const struct node *node, const struct entry *client, uint64_t tick)
{
	double here;

	return offered_met(node, client, tick) * aggregate_leaves(node, client, &here);
}

/*
 * What it counts for is within the level: all passes. If not, the kernel has one share of a policed client for both
 * rules, and takes it of all that comes: T_F1 / rate by police, level / T_F1 by fair of what police leaves, level /
 * rate in all.
 */
static uint16_t settled_share(const struct node *node, struct now now, const struct entry *client, double effective)
{
	const struct share_walk *walk = &node->judge->share;
	const bool police = entry_policy(node, client)->thresholds.police;

	if (effective <= walk->water)
		return SHARE_ALL;
	return client_share(node, now, client, police ? policed_rate(node, client, walk->tick) : effective,
			    walk->water, walk->least);
}

/* ---- the walk over the clients of every destination that is listed, in pieces ---- */

static struct entry *destination_walked(struct node *node)
{
	return &node->count->ledger.entries[node->judge->over[node->judge->share.place]];
}

/*
 * Begins a pass over the destination's clients. A new client is inserted before walk->first, so it is not part of the
 * pass. When a client is removed, the walk begins the destination anew (share_anew).
 */
static void stage_begin(struct node *node, enum share_stage stage)
{
	struct share_walk *walk = &node->judge->share;

	walk->stage = stage;
	walk->next = walk->first;
	walk->clients = 0;
}

static void destination_begin(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	const struct entry *destination = destination_walked(node);
	struct verdict v;

	if (!(destination->flags & ENTRY_LISTED)) { /* forgotten, and its place perhaps taken */
		walk->place++;
		return;
	}
	verdict_of(node, now, node->judge->over[walk->place], &v);
	walk->first = destination->group;
	walk->limit = v.limit;
	walk->tick = v.carry.tick;
	walk->over = verdict_is_over(&v, UNDER_AGAIN);
	walk->floor = v.members > 1 ? v.limit / (EVIDENCE_SHARE * v.members) : 0;
	walk->listed = walk->listed_effective = walk->untouchable = walk->least = 0;
	if (v.limit <= 0 || !v.policy->thresholds.fair)
		stage_begin(node, SHARE_LIFT); /* no rate any more */
	else
		stage_begin(node, walk->floor > 0 ? SHARE_LEAST : SHARE_RATES);
}

static void destination_end(struct node *node, bool keep)
{
	struct share_walk *walk = &node->judge->share;

	if (keep)
		node->judge->over[walk->kept++] = node->judge->over[walk->place];
	walk->place++;
	walk->stage = SHARE_BEGIN;
}

static void least_look(struct node *node, struct now now, uint32_t client)
{
	const struct entry *entry = &node->count->ledger.entries[client];

	if (entry->flags & ENTRY_OWN)
		node->judge->rates[node->judge->share.clients++] = (float)evidence_left(node, now, entry).rate;
}

/*
 * Local evidence: other members' counts reduce a destination here to T_F2 / (kappa n) at the lowest, n being the
 * members that count it, even if some invent clients. Computes the level that divides this floor among the clients
 * seen here, by their own rates.
 */
static void least_end(struct node *node, struct now now)
{
	(void)now;
	node->judge->share.least = fair_level(node->judge->rates, node->judge->share.clients, node->judge->share.floor);
	stage_begin(node, SHARE_RATES);
}

static void rate_look(struct node *node, struct now now, uint32_t client)
{
	struct entry *entry = &node->count->ledger.entries[client];
	struct share_walk *walk = &node->judge->share;
	float *effective = &node->judge->rates[walk->clients++];
	double heard;
	const double rate = offered_settled(node, now, entry, walk->tick, &heard);

	walk->listed += heard;
	*effective = 0;
	if (entry_policy(node, entry)->listing == POLICY_PASSES)
		walk->untouchable += rate;
	else
		*effective = (float)effective_rate(node, now, client, rate);
	walk->listed_effective += *effective;
}

/* All rates are known: what is there to be shared? (Fair, 2 and 3) */
static void rates_end(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	const struct entry *destination = destination_walked(node);
	uint16_t left_least;
	double reserve;

	walk->limit = fmax(0, walk->limit - walk->untouchable); /* they are taken from T_F2 first */
	walk->remainder = fmax(0, offered_recent(node, destination, walk->tick) - walk->listed);
	reserve = fmin(walk->remainder, REMAINDER_FLOOR * walk->limit);
	walk->water = fair_level(node->judge->rates, walk->clients, walk->limit - reserve);
	walk->left = fair_share(walk->remainder, fmax(reserve, walk->limit - walk->listed_effective));
	left_least = least_left(node, now, destination, walk->floor);
	walk->left = walk->left > left_least ? walk->left : left_least;
	stage_begin(node, SHARE_GIVE);
}

static void share_give(struct node *node, struct now now, uint32_t client)
{
	struct share_walk *walk = &node->judge->share;
	const double effective = node->judge->rates[walk->clients++];

	if (effective > 0)
		set_share(node, client, settled_share(node, now, &node->count->ledger.entries[client], effective));
	else
		set_idle_share(node, client, walk->left);
}

static void give_end(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	const uint32_t number = node->judge->over[walk->place];
	/* Between two pulses it is not over, but will be with the next. */
	const bool keep = walk->over || walk->listed_effective + walk->remainder > walk->limit;

	(void)now;
	if (!keep) {
		stage_begin(node, SHARE_LIFT);
		return;
	}
	set_share(node, number, walk->left);
	set_thin(node, number, true);
	destination_end(node, true);
}

static void lift_look(struct node *node, struct now now, uint32_t client)
{
	(void)now;
	set_share(node, client, SHARE_ALL);
}

static void lift_end(struct node *node, struct now now)
{
	const uint32_t number = node->judge->over[node->judge->share.place];

	(void)now;
	node->count->ledger.entries[number].flags &= ~(uint32_t)ENTRY_LISTED;
	set_share(node, number, SHARE_ALL);
	set_thin(node, number, false);
	judge_dirty(node, number); /* which tells that it is under again */
	destination_end(node, false);
}

static const struct {
	void (*look)(struct node *node, struct now now, uint32_t client);
	void (*end)(struct node *node, struct now now);
} stages[] = {
	[SHARE_LEAST] = { least_look, least_end },
	[SHARE_RATES] = { rate_look, rates_end },
	[SHARE_GIVE] = { share_give, give_end },
	[SHARE_LIFT] = { lift_look, lift_end },
};

/* Of at most `most` clients; returns how many. */
static uint32_t clients_look(struct node *node, struct now now, uint32_t most)
{
	struct share_walk *walk = &node->judge->share;
	uint32_t looked = 0;

	for (; looked < most && walk->next != INDEX_NONE; looked++) {
		const uint32_t client = walk->next;

		walk->next = node->count->ledger.entries[client].group;
		stages[walk->stage].look(node, now, client);
	}
	return looked;
}

bool share_is_under_way(const struct node *node)
{
	return node->judge->share.place < node->judge->over_count;
}

void share_turn(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	uint32_t done = 0;

	for (; done < CLIENTS_PER_TURN && share_is_under_way(node); done += CLIENTS_SET_OFF) {
		if (walk->stage == SHARE_BEGIN) {
			destination_begin(node, now);
			continue;
		}
		done += clients_look(node, now, CLIENTS_PER_TURN - done);
		if (walk->next != INDEX_NONE)
			return;
		done += (uint32_t)walk->clients / LEVEL_CLIENTS;
		stages[walk->stage].end(node, now);
	}
	if (!share_is_under_way(node))
		node->judge->over_count = walk->place = walk->kept;
}

void share_list(struct node *node, struct now now, uint32_t number, bool idle)
{
	node->judge->over[node->judge->over_count++] = number;
	if (idle) /* else the walk comes by */
		share_turn(node, now);
}

void share_anew(struct node *node)
{
	node->judge->share.stage = SHARE_BEGIN;
}

void share_tick(struct node *node)
{
	if (!share_is_under_way(node))
		node->judge->share.place = node->judge->share.kept = 0;
}
