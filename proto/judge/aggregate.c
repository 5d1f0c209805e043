/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which clients and networks are limited here, and to what.
 */
#include "judging.h"

#define DEBT_S 4 /* a debt is paid back over so many seconds: between two windows of Algorithm 1 at their shortest */
#define GRANT_PART 8 /* however large the debt is, this part of the quota is granted */
/* by then every other proxy's counts of a tick have come, or will not: a second */
#define SETTLED_AFTER (RECENT_TICKS - 2)
#define CHOSEN 1.05
#define LENT(max) ((max) / 4 * 3) /* places that a key may have whose limit would drop nothing here */
#define INDEX_PER_PLACE 2 /* so that a search in the index looks at two places on average */

_Static_assert(HOT_LIMITS_MAX < UINT16_MAX, "a place in the list fits the index");

static uint32_t list_max(const struct node_limits *limits)
{
	return limits->keys_max < HOT_LIMITS_MAX ? limits->keys_max : HOT_LIMITS_MAX;
}

void aggregates_take_memory(struct aggregates *aggregates, struct arena *arena, const struct node_limits *limits)
{
	aggregates->max = list_max(limits);
	aggregates->index_size = 1;
	while (aggregates->index_size < INDEX_PER_PLACE * aggregates->max)
		aggregates->index_size *= 2;
	aggregates->list = arena_take(arena, aggregates->max, sizeof(*aggregates->list));
	aggregates->index = arena_take(arena, aggregates->index_size, sizeof(*aggregates->index));
}

/* ---- the list ---- */

/* The entry's place in the index, or the empty one where it would be. */
static uint16_t *index_at(const struct aggregates *aggregates, uint32_t entry)
{
	uint32_t at = entry * 2654435761U;

	for (;; at++) {
		uint16_t *place = &aggregates->index[at & (aggregates->index_size - 1)];

		if (*place == 0 || aggregates->list[*place - 1].entry == entry)
			return place;
	}
}

static struct aggregate *aggregate_of(const struct node *node, uint32_t entry)
{
	const struct aggregates *aggregates = &node->judge->aggregates;
	const uint16_t place = aggregates->count > 0 ? *index_at(aggregates, entry) : 0;

	return place > 0 && !aggregates->list[place - 1].gone ? &aggregates->list[place - 1] : NULL;
}

/* Packets of the cells of the running slot and the one before: all, and this proxy's own. */
static double part_of_cells(const struct node *node, const struct entry *entry)
{
	const struct ledger *ledger = &node->count->ledger;
	uint64_t all = 0, own = 0;

	for (uint32_t at = ledger_first(ledger, entry); at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell_slot(entry, cell, node->slot) + 1 < node->slot)
			break;
		if (node->count->excluded[cell->origin])
			continue;
		all += ledger_packets_read(ledger, entry, cell, node->count->excluded);
		if (!node->count->others[cell->origin])
			own += cell->packets;
	}
	return all > 0 ? fmin((double)own / (double)all, 1) : 0;
}

/* What was counted here before the key was listed: of each of the recent ticks, as large a part as of its cells. */
static void fill_past(const struct node *node, struct aggregate *aggregate, const struct entry *entry)
{
	double left = 0;

	aggregate->part = part_of_cells(node, entry);
	for (uint64_t tick = node->tick - RECENT_TICKS + 1; tick <= node->tick; tick++) {
		left += (double)recent_sum(&entry->recent, tick - 1, tick) * aggregate->part;
		recent_add(&aggregate->own, tick - 1, tick, (uint64_t)left);
		left -= floor(left);
	}
}

/*
 * Of a key of which less comes here than its floor of local evidence, a limit drops nothing. So others' word alone
 * fills no place that a key needs of which more comes. A floor of 0 does not apply.
 */
static bool is_below_floor(const struct node *node, const struct recent *recent, double part, double floor)
{
	const double own = (double)recent_sum(recent, node->tick - RECENT_TICKS, node->tick) * part;

	return floor > 0 && own < floor * RECENT_TICKS * tick_seconds(node);
}

/* Floor of local evidence, in packets per second; 0: it does not apply. (Limits of clients and networks, 2) */
static double floor_of(const struct node *node, struct now now, uint32_t number, const struct verdict *v)
{
	return v->members > 1 && !verdict_is_own(node, now, number, v) ? v->limit / (EVIDENCE_SHARE * v->members) : 0;
}

/* NULL: there is no room. */
static struct aggregate *list(struct node *node, uint32_t number, double floor)
{
	struct aggregates *aggregates = &node->judge->aggregates;
	struct entry *entry = &node->count->ledger.entries[number];
	uint16_t *place = index_at(aggregates, number);

	if (*place == 0 && aggregates->count == aggregates->max)
		return NULL;
	if (*place == 0 && aggregates->count >= LENT(aggregates->max) &&
	    is_below_floor(node, &entry->recent, part_of_cells(node, entry), floor))
		return NULL;
	if (*place == 0) /* else another key was listed whose entry this is now */
		*place = (uint16_t)++aggregates->count;
	aggregates->list[*place - 1] =
		(struct aggregate){ .entry = number, .tick = node->tick, .settled = node->tick - RECENT_TICKS,
 .enforced = UINT64_MAX, .leaves = 1 };
	entry->flags |= ENTRY_LISTED;
	fill_past(node, &aggregates->list[*place - 1], entry);
	return &aggregates->list[*place - 1];
}

static void unlist(struct node *node, struct aggregate *aggregate)
{
	aggregate->gone = true;
	node->count->ledger.entries[aggregate->entry].flags &= ~(uint32_t)(ENTRY_LISTED | ENTRY_THIN);
}

static bool is_listed(const struct entry *entry)
{
	return entry->flags & ENTRY_LISTED && entry_kind(entry) != KEY_DESTINATION;
}

void aggregate_counted(struct node *node, uint32_t number, uint64_t from_tick, uint64_t tick, uint64_t packets)
{
	struct aggregate *aggregate =
		is_listed(&node->count->ledger.entries[number]) ? aggregate_of(node, number) : NULL;

	if (aggregate)
		recent_add(&aggregate->own, from_tick, tick, packets);
}

/* ---- what passed here beyond the quota ---- */

/*
 * Packets of a tick that passed here, less its quota. Up to `enforced` all passed, and the quota is the key's part in
 * that very tick, as far as it is known by now; so a tick in which the whole mesh was within the rate adds nothing.
 * Later the kernel lets no more pass than was granted.
 */
static double net_of(const struct node *node, const struct aggregate *aggregate, const struct verdict *v, uint64_t tick)
{
	const struct entry *entry = &node->count->ledger.entries[aggregate->entry];
	const double own = (double)recent_sum(&aggregate->own, tick - 1, tick),
		     all = (double)recent_sum(&entry->recent, tick - 1, tick),
		     part = all > 0 ? fmin(own / all, 1) : aggregate->part;

	if (tick > aggregate->enforced)
		return (double)aggregate->net[tick % RECENT_TICKS];
	return own - fmax(part * v->limit, aggregate->floor) * tick_seconds(node);
}

static void note_net(const struct node *node, struct aggregate *aggregate, uint64_t tick)
{
	const double own = (double)recent_sum(&aggregate->own, tick - 1, tick);

	aggregate->net[tick % RECENT_TICKS] =
		(float)(fmin(own, aggregate->most * tick_seconds(node)) - aggregate->quota * tick_seconds(node));
}

/*
 * The debt: what passed beyond the quotas and is not made up for yet. At an onset it takes some ticks until others'
 * counts of a tick have come. So the last SETTLED_AFTER ticks are computed anew each time.
 * (Limits of clients and networks, 5)
 */
static void update_debt(const struct node *node, struct aggregate *aggregate, const struct verdict *v)
{
	if (node->tick - aggregate->settled > RECENT_TICKS) /* this daemon stood still */
		aggregate->settled = node->tick - RECENT_TICKS;
	for (; aggregate->settled + SETTLED_AFTER < node->tick; aggregate->settled++)
		aggregate->owed = fmax(0, aggregate->owed + net_of(node, aggregate, v, aggregate->settled + 1));
	aggregate->debt = aggregate->owed;
	for (uint64_t tick = aggregate->settled + 1; tick <= node->tick; tick++)
		aggregate->debt = fmax(0, aggregate->debt + net_of(node, aggregate, v, tick));
}

/* The ticks that ended since the last call. */
static void update_ticks(const struct node *node, struct aggregate *aggregate)
{
	if (node->tick - aggregate->tick > RECENT_TICKS)
		aggregate->tick = node->tick - RECENT_TICKS;
	for (; aggregate->tick < node->tick; aggregate->most = aggregate->granted)
		note_net(node, aggregate, ++aggregate->tick);
}

/* ---- what may pass here ---- */

/* Packets per second over the FAIR_TICKS up to `tick`, of all that reach this level, and of those seen here. */
static double reaching(const struct node *node, const struct aggregate *aggregate, const struct entry *entry,
		       uint64_t tick, double *ret_own)
{
	*ret_own = (double)recent_sum(&aggregate->own, tick - FAIR_TICKS, tick) / (FAIR_TICKS * tick_seconds(node));
	return offered_recent(node, entry, tick);
}

/* The slot that tells how the key's packets are split: the running one, once it is a second old. */
static uint64_t telling_slot(const struct node *node, struct now now)
{
	const struct instant begins = mesh_slot_start(&node->mesh, node->slot);

	return duration_between(begins, now.mesh).ns < NS_PER_S ? node->slot - 1 : node->slot;
}

/*
 * What the rate leaves to proxies that count more than their floors' part. A floor passes beside the quotas: without
 * this an attack that goes through one proxy, and through each other one at its floor, would pass 1 + 1/kappa of the
 * rate. `all`: packets per second, mesh-wide. (Limits of clients and networks, 3)
 */
static double rate_beside_floors(const struct node *node, struct now now, const struct entry *entry,
				 const struct verdict *v, double all)
{
	const double part_min = 1.0 / (EVIDENCE_SHARE * v->members), floor = part_min * v->limit;
	const struct ledger *ledger = &node->count->ledger;
	const bool *excluded = node->count->excluded;
	const uint64_t slot = telling_slot(node, now);
	double packets = 0, floors = 0, beside = 0;

	for (uint32_t at = ledger_first(ledger, entry); at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell_slot(entry, cell, node->slot) == slot && !excluded[cell->origin])
			packets += ledger_packets_read(ledger, entry, cell, excluded);
	}
	for (uint32_t at = ledger_first(ledger, entry); at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);
		double part;

		if (cell_slot(entry, cell, node->slot) != slot || excluded[cell->origin])
			continue;
		part = ledger_packets_read(ledger, entry, cell, excluded) / packets;
		if (part < part_min)
			floors += fmin(part * all, floor);
		else
			beside += part;
	}
	return beside > 0 ? (v->limit - floors) / beside : v->limit;
}

/*
 * The quota: as large a part of the rate as this proxy counts of the packets. So the quotas of all proxies together are
 * the rate, however the key's traffic is split. What others say takes no more of it than down to the floor of local
 * evidence. After a pause the key goes on with the part it had. (Limits of clients and networks, 1 and 4)
 */
static void update_quota(struct node *node, struct now now, struct aggregate *aggregate, const struct verdict *v)
{
	const struct entry *entry = &node->count->ledger.entries[aggregate->entry];
	double own, all = reaching(node, aggregate, entry, v->carry.tick, &own);

	aggregate->floor = floor_of(node, now, aggregate->entry, v);
	if (all > 0) {
		aggregate->part = fmin(own / all, 1);
		aggregate->leaves = fmin(1, v->limit / all);
	}
	aggregate->quota = fmax(aggregate->part * rate_beside_floors(node, now, entry, v, all), aggregate->floor);
}

/* What may pass here now: the quota, less what pays back the debt. (Limits of clients and networks, 6) */
static void update_grant(struct node *node, struct aggregate *aggregate, const struct verdict *v)
{
	struct entry *entry = &node->count->ledger.entries[aggregate->entry];
	double own;

	aggregate->granted = fmax(aggregate->quota / GRANT_PART, aggregate->quota - aggregate->debt / DEBT_S);
	aggregate->most = fmax(aggregate->most, aggregate->granted);
	reaching(node, aggregate, entry, v->carry.tick, &own);
	/* A little more than that, for the kernel's choice is random: what is too much its bucket does not let pass. */
	entry->pass_share = fair_share(own, aggregate->granted * CHOSEN);
}

/* ---- when it is limited ---- */

static void limit(struct node *node, struct aggregate *aggregate)
{
	struct entry *entry = &node->count->ledger.entries[aggregate->entry];

	entry->flags |= ENTRY_THIN;
	aggregate->enforced = node->tick + 1; /* from the next harvest on every record of the key looks at its limit */
	node->judge->aggregates.limited_clients += entry_kind(entry) == KEY_CLIENT;
}

static void limit_end(struct node *node, struct aggregate *aggregate)
{
	struct entry *entry = &node->count->ledger.entries[aggregate->entry];

	entry->flags &= ~(uint32_t)ENTRY_THIN;
	entry->pass_share = SHARE_ALL;
	aggregate->enforced = UINT64_MAX;
	aggregate->leaves = 1;
	node->judge->aggregates.limited_clients -= entry_kind(entry) == KEY_CLIENT;
}

/* A key whose entry was freed is listed no more, even if another key has the entry by now. */
void aggregates_tick(struct node *node)
{
	struct aggregates *aggregates = &node->judge->aggregates;
	const bool crowded = aggregates->count > LENT(aggregates->max);
	uint32_t kept = 0, limited_clients = 0;

	if (aggregates->count == 0)
		return;
	memset(aggregates->index, 0, aggregates->index_size * sizeof(*aggregates->index));
	for (uint32_t i = 0; i < aggregates->count; i++) {
		struct aggregate *aggregate = &aggregates->list[i];
		const struct entry *entry = &node->count->ledger.entries[aggregate->entry];

		if (aggregate->gone || !is_listed(entry))
			continue;
		judge_dirty(node, aggregate->entry);
		if (crowded && is_below_floor(node, &aggregate->own, 1, aggregate->floor)) {
			if (entry->flags & ENTRY_THIN)
				limit_end(node, aggregate);
			unlist(node, aggregate);
			continue;
		}
		aggregates->list[kept++] = *aggregate;
		*index_at(aggregates, aggregate->entry) = (uint16_t)kept;
		limited_clients += entry->flags & ENTRY_THIN && entry_kind(entry) == KEY_CLIENT;
	}
	aggregates->count = kept;
	aggregates->limited_clients = limited_clients;
}

void aggregate_judge(struct node *node, struct now now, uint32_t number, struct verdict *v)
{
	struct entry *entry = &node->count->ledger.entries[number];
	const bool bounded = v->limit > 0 && !v->shadow, limited = entry->flags & ENTRY_THIN;
	struct aggregate *aggregate;

	if (entry_kind(entry) == KEY_PAIR || entry_kind(entry) == KEY_DESTINATION)
		return;
	aggregate = is_listed(entry) ? aggregate_of(node, number) : NULL;
	if (!aggregate && bounded && verdict_is_near(v))
		aggregate = list(node, number, floor_of(node, now, number, v));
	if (!aggregate)
		return;
	update_ticks(node, aggregate);
	update_quota(node, now, aggregate, v);
	update_debt(node, aggregate, v);
	if (!limited && bounded && verdict_is_over(v, 1))
		limit(node, aggregate);
	else if (limited && !(bounded && (verdict_is_over(v, UNDER_AGAIN) || aggregate->debt >= 1)))
		limit_end(node, aggregate);
	if (entry->flags & ENTRY_THIN)
		update_grant(node, aggregate, v);
	else if (!bounded || !verdict_is_near(v))
		unlist(node, aggregate);
}

double aggregate_granted(const struct node *node, uint32_t number)
{
	const struct aggregate *aggregate = aggregate_of(node, number);

	return aggregate ? aggregate->granted : NAN;
}

/* ---- what a client's limit leaves to the destinations of its pairs ---- */

double aggregate_leaves(const struct node *node, const struct entry *pair, double *ret_own)
{
	struct key key;
	uint32_t number;

	*ret_own = 1;
	if (node->judge->aggregates.limited_clients == 0)
		return 1;
	key = key_of_client(&pair->address);
	number = ledger_find(&node->count->ledger, &key);
	if (number == INDEX_NONE || !(node->count->ledger.entries[number].flags & ENTRY_THIN))
		return 1;
	*ret_own = (double)node->count->ledger.entries[number].pass_share / SHARE_ALL;
	return aggregate_of(node, number)->leaves;
}
