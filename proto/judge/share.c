/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fair: which share of each client's packets passes when a destination is over its rate. Computed once a tick from
 * offered, mesh-wide rates, so that every proxy computes the same shares and they do not feed back on themselves.
 * PROTOCOL section "Fair". There may be a million clients: they are walked over in pieces, and the old shares
 * hold until the new level is known.
 */
#include "judging.h"

#define LEFT_FLOOR 0.1 /* part of the destination's floor of local evidence that is for the lot */
#define CLIENTS_PER_TURN 32768 /* clients looked at in a turn: some 5 ms */
#define CLIENTS_SET_OFF 16 /* cost of a destination besides its clients, in clients */
#define LEVEL_CLIENTS 4 /* clients that the searches for the levels read in the time of one */
#define IDLE_DIFFERS 0.25 /* relative change from which a silent client's share is written */

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

/* The least share for packets of the lot, by the destination's own rate. */
static uint16_t least_left(const struct node *node, struct now now, const struct entry *destination, double capacity)
{
	const struct evidence own = verdict_evidence(node, now, destination);

	return own.rate > 0 ? fair_share(own.rate, LEFT_FLOOR * capacity) : 0;
}

/* ---- the walk over the clients of every destination that is listed, in pieces ---- */

static struct entry *destination_walked(struct node *node)
{
	return &node->count->ledger.entries[node->judge->over[node->judge->share.place].entry];
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

/* Since when the destination is over its rate, and what is known of the time before. (Fair, 1) */
static void past_begin(struct node *node, struct listed *listed, const struct entry *destination)
{
	struct share_walk *walk = &node->judge->share;
	const bool is_new = listed->from == 0;

	if (is_new) /* the ticks by which a burst is found may hold a part of it */
		listed->from = walk->whole - BURST_TICKS_MAX;
	past_window_of(node, destination, listed->from, walk->limit, &walk->past);
	walk->past.span = listed->span = fmax(listed->span, walk->past.span);
	walk->past.anew = is_new && walk->past.over == 0;
	walk->past.steady = listed->busy > 0 ? listed->levels.steady : INFINITY;
}

static void destination_begin(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	struct listed *listed = &node->judge->over[walk->place];
	const struct entry *destination = destination_walked(node);
	struct verdict v;

	/* forgotten, and its place perhaps taken */
	if (!(destination->flags & ENTRY_LISTED) || entry_kind(destination) != KEY_DESTINATION) {
		walk->place++;
		return;
	}
	verdict_of(node, now, listed->entry, &v);
	walk->first = destination->group;
	walk->limit = v.limit;
	walk->whole = v.carry.tick;
	walk->tick = offered_busiest(destination, walk->whole);
	walk->over = verdict_is_over(&v, UNDER_AGAIN);
	walk->members = v.members;
	walk->floor = v.members > 1 ? v.limit / (EVIDENCE_SHARE * v.members) : 0;
	walk->recent = walk->effective = walk->newcomers = walk->untouchable = walk->least = 0;
	past_begin(node, listed, destination);
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
	struct part *part = &node->judge->parts[node->judge->share.clients++];
	const double rate = entry->flags & ENTRY_OWN ? left_evidence(node, now, entry).rate : 0;

	*part = (struct part){ .offered = (float)rate, .judged = (float)rate };
}

/*
 * Local evidence: other members' counts reduce a destination here to T_F2 / (kappa n) at the lowest, n being the
 * members that count it, even if some invent clients. Computes the level that divides this floor among the clients
 * seen here, by their own rates.
 */
static void least_end(struct node *node, struct now now)
{
	const struct parts parts = { .list = node->judge->parts, .count = node->judge->share.clients };

	(void)now;
	node->judge->share.least = fair_level(&parts, node->judge->share.floor);
	stage_begin(node, SHARE_RATES);
}

/* A client that is known has a record at every proxy, wherever it sends: without one it would be a stranger there. */
static void known_begins(struct node *node, uint32_t client, bool is_new)
{
	if (is_new || (node->judge->share.past.anew && past_of(node, &node->count->ledger.entries[client]) > 0))
		judge_dirty(node, client);
}

static void rate_look(struct node *node, struct now now, uint32_t client)
{
	struct entry *entry = &node->count->ledger.entries[client];
	struct share_walk *walk = &node->judge->share;
	const struct offer offer = offered_of(node, entry, walk->tick);
	const bool is_new = past_note(node, entry, &walk->past);
	struct part *part = &node->judge->parts[walk->clients++];
	double counted;

	*part = (struct part){ .kind = PART_LOT };
	walk->recent += offer.recent;
	known_begins(node, client, is_new);
	if (entry_policy(node, entry)->listing == POLICY_PASSES) {
		walk->untouchable += offer.recent;
		return;
	}
	counted = left_rate(node, now, client, offer.counted);
	if (counted <= 0)
		return;
	*part = (struct part){ .counted = (float)counted,
			       .judged = (float)(offer.judged * counted / offer.counted),
			       .offered = (float)(offer.recent * counted / offer.counted),
			       .past = (float)past_of(node, entry),
			       .is_sparse = offer.is_sparse,
			       .kind = PART_KNOWN,
			       .was = PART_KNOWN,
			       .here = offer.here > 0 ? (float)(past_here(entry) / offer.here) : 1 };
	walk->effective += (double)part->offered;
	if (part->past <= 0) {
		part->kind = (uint8_t)offer.is;
		part->was = (uint8_t)(offer.is_sparse ? offer.was : offer.is); /* who sends many goes on */
		walk->newcomers += offer.was < PART_STEADY ? (double)part->offered : 0;
	}
	part->is_held = !is_new && offer.is != PART_AWAITED &&
			offered_is_amid_pulse(entry, walk->whole, BURST_TICKS_MAX) &&
			!duration_exceeds(offered_silence(node, entry, now),
					  entry_policy(node, entry)->thresholds.idle_reset);
}

/*
 * While the destination is offered less than its rate, or a pulse begins or stops there, levels do not grow above what
 * they were when more was offered, for T_T1: the next pulse meets them. (Fair, 8)
 */
static struct levels levels_held(struct node *node, struct listed *listed, double all)
{
	struct share_walk *walk = &node->judge->share;
	const struct entry *destination = destination_walked(node);
	const struct duration kept = entry_policy(node, destination)->thresholds.idle_reset,
			      since = duration_between(mesh_tick_end(&node->mesh, listed->busy),
						       mesh_tick_end(&node->mesh, walk->tick));
	const bool is_busy = all > walk->limit, is_kept = listed->busy > 0 && !duration_exceeds(since, kept),
		   is_held = is_kept && !(is_busy && !offered_is_amid_pulse(destination, walk->tick, FAIR_TICKS));
	const struct division division = {
		.list = node->judge->parts,
		.count = walk->clients,
		.limit = walk->limit,
		.offered = all,
		.members = walk->members,
		.first = walk->newcomers + fmax(0, all - walk->effective),
	};
	struct levels levels = levels_of(&division, is_held ? &listed->levels : &levels_none);

	walk->is_held = is_held;
	if (is_held)
		levels.lot = fmin(levels.lot, listed->levels.strangers);
	walk->least = is_held ? fmin(walk->least, listed->least) : walk->least;
	walk->over |= is_busy || (is_kept && destination->flags & ENTRY_OWN);
	if (is_busy) {
		listed->levels = levels;
		listed->least = walk->least;
		listed->busy = walk->tick;
	}
	return levels;
}

/* All rates are known: what is there to be shared? */
static void rates_end(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	const struct entry *destination = destination_walked(node);
	const double all = walk->effective + fmax(0, offered_recent(node, destination, walk->tick) - walk->recent);
	uint16_t left_least;

	walk->limit = fmax(0, walk->limit - walk->untouchable); /* they are taken from T_F2 first */
	walk->levels = levels_held(node, &node->judge->over[walk->place], all);
	walk->left = fair_share(1, walk->levels.lot);
	left_least = least_left(node, now, destination, walk->floor);
	walk->left = walk->left > left_least ? walk->left : left_least;
	if (walk->is_held && walk->left > destination->pass_share)
		walk->left = destination->pass_share;
	stage_begin(node, SHARE_GIVE);
}

/* A client's share of all that comes of it, at least its floor. (Fair, 9) */
static uint16_t part_share(const struct node *node, struct now now, const struct entry *client, const struct part *part)
{
	const double passes = levels_pass(&node->judge->share.levels, part, 1 / (FAIR_TICKS * tick_seconds(node))),
		     all = (double)part->counted / (1 - (double)part->granted);
	uint16_t share, least;

	if (part->kind == PART_LOT)
		return node->judge->share.left;
	if (passes >= 1)
		return SHARE_ALL;
	share = fair_share(left_at_kernel(node, client, all), passes * all);
	least = left_floor(node, now, client);
	return share > least ? share : least;
}

static void share_give(struct node *node, struct now now, uint32_t client)
{
	const struct part *part = &node->judge->parts[node->judge->share.clients++];
	const struct entry *entry = &node->count->ledger.entries[client];
	const uint16_t share = part_share(node, now, entry, part);

	if (part->is_held && share >= entry->pass_share)
		return;
	if (part->kind == PART_LOT && part->offered <= 0)
		set_idle_share(node, client, share);
	else
		set_share(node, client, share);
}

static void give_end(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	const uint32_t number = node->judge->over[walk->place].entry;

	(void)now;
	if (!walk->over) {
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
	const uint32_t number = node->judge->over[node->judge->share.place].entry;

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
	node->judge->over[node->judge->over_count++] = (struct listed){ .entry = number };
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
