/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fair: of a destination over its rate, which share of each client's packets passes. Worked out once a tick from offered, mesh-wide rates,
 * so that every proxy comes to the same shares and they do not feed back on themselves. PROTOCOL.md section "Fair". There may be a million
 * clients: they are walked over in pieces, and the old shares hold until the new level is known.
 */
#include "judging.h"

#define REMAINDER_FLOOR 0.1 /* of T_F2: what clients without a rate of their own may always have together */
#define FEW_PACKETS 8 /* over FAIR_TICKS: fewer tell no rate, 1 packet in 0.6 s may be 1.7 a second or one a minute */
#define PEAK_DECAY 0.9 /* of a peak: with each tick of packets enough to tell a rate, or each short pulse: halved in 1.4 s, or in seven pulses */
#define PEAK_DECAY_FEW 0.8 /* the same with fewer: a client that came down to a trickle is not held to its past for long */
#define PAUSE_PART 4 /* a tick with less than a quarter of the mean tick is a pause; one packet in each does not hide it */
#define CLIENTS_PER_TURN 32768 /* looked at: some 5 ms */
#define CLIENTS_SET_OFF 16 /* what a destination costs beside its clients, in clients */
#define LEVEL_CLIENTS 8 /* whose rates the search for the level passes over in the time of a look at one */
#define IDLE_DIFFERS 0.25 /* of a share that only the next packet of a client that is silent may meet */

/* Packets per second over the FAIR_TICKS ticks up to `tick`. The destination's A serves all its clients: one time for one sum. */
static double offered(const struct node *node, const struct entry *entry, uint64_t tick)
{
	return (double)recent_sum(&entry->recent, tick - FAIR_TICKS, tick) / (FAIR_TICKS * tick_seconds(node));
}

/* A client's packets of the running slot and the one before, and when they began; the cells of the newest slot come first. */
static uint64_t packets_lately(const struct node *node, const struct entry *entry, struct instant *ret_begins)
{
	uint64_t packets = 0;

	*ret_begins = (struct instant){ INT64_MAX };
	for (uint32_t at = entry->cells; at != INDEX_NONE; at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
		const struct instant first = node_cell_instant(node, entry, cell, cell->first);

		if (cell_slot(entry, cell, node->slot) + 1 < node->slot)
			break;
		if (node->count->excluded[cell->origin])
			continue;
		packets += ledger_within_line(&node->count->ledger, cell->origin, cell->packets);
		if (instant_is_before(first, *ret_begins))
			*ret_begins = first;
	}
	return packets;
}

static double peak_of(const struct entry *entry)
{
	const uint32_t bits = (uint32_t)entry->peak << 16;
	float peak;

	memcpy(&peak, &bits, sizeof(peak));
	return (double)peak;
}

static void set_peak(struct entry *entry, double rate)
{
	const float peak = (float)rate;
	uint32_t bits;

	memcpy(&bits, &peak, sizeof(bits));
	entry->peak = (uint16_t)(bits >> 16);
}

/* Did it send in a part of these FAIR_TICKS only? Then their mean says little of what it sends while it does. */
static bool paused(const struct entry *entry, uint64_t tick, uint64_t recent)
{
	uint64_t least = recent;

	for (uint64_t t = tick - FAIR_TICKS; t < tick; t++) {
		const uint64_t packets = recent_sum(&entry->recent, t, t + 1);

		least = packets < least ? packets : least;
	}
	return least * FAIR_TICKS * PAUSE_PART < recent;
}

/* Is a pulse under way: did it begin in these FAIR_TICKS, or stop but not yet leave them? Its rate is not to be seen yet, or no more. */
static bool is_amid_pulse(const struct entry *entry, uint64_t tick, uint64_t recent)
{
	return paused(entry, tick, recent) && recent_sum(&entry->recent, tick - FAIR_TICKS, tick - FAIR_TICKS + 1) < recent;
}

/* The highest recent rate, fading while the client is heard, held while it is silent: who sends in pulses is met by each at the rate of the
 * pulse before, not at its mean. The end of a pulse makes it fade once. */
static void peak_tick(struct entry *entry, uint64_t tick, uint64_t recent, double rate)
{
	if (recent >= FEW_PACKETS && rate > peak_of(entry))
		set_peak(entry, rate);
	else if (recent > 0 && !is_amid_pulse(entry, tick, recent))
		set_peak(entry, fmax(recent < FEW_PACKETS ? 0 : rate, (recent < FEW_PACKETS ? PEAK_DECAY_FEW : PEAK_DECAY) * peak_of(entry)));
}

/* Since its last packet that is known. */
static struct duration silence(const struct node *node, const struct entry *entry, struct now now)
{
	const struct ledger *ledger = &node->count->ledger;
	uint32_t last = 0;

	if (entry->cells == INDEX_NONE)
		return (struct duration){ INT64_MAX };
	for (uint32_t at = entry->cells, below = ledger_below_newest(ledger, entry); at != below; at = ledger_below(ledger, at))
		last = ledger_at(ledger, at)->last > last ? ledger_at(ledger, at)->last : last;
	return duration_between(node_cell_instant(node, entry, ledger_at(ledger, entry->cells), last), now.mesh);
}

/* What it is known to have sent up to `tick`, of the running slot and the one before. */
static uint64_t packets_before(const struct node *node, const struct entry *entry, uint64_t tick, struct instant *ret_begins)
{
	const uint64_t known = packets_lately(node, entry, ret_begins), after = recent_sum(&entry->recent, tick, entry->recent.newest);

	return known > after ? known - after : 0;
}

/* Packets per second that a settled client is met at: its recent rate, or its peak if it paused; when its packets are too few to tell, its
 * mean since the slot before this one, or its peak if that is more. */
static double rate_met(const struct node *node, const struct entry *entry, uint64_t tick)
{
	const uint64_t recent = recent_sum(&entry->recent, tick - FAIR_TICKS, tick);
	const double rate = (double)recent / (FAIR_TICKS * tick_seconds(node));
	struct instant begins;
	uint64_t packets;

	if (recent >= FEW_PACKETS)
		return paused(entry, tick, recent) ? fmax(rate, peak_of(entry)) : rate;
	packets = packets_before(node, entry, tick, &begins);
	if (packets == 0)
		return peak_of(entry);
	/* One more than were counted: shares go by 1 / rate, and the mean of 1 / (n + 1) is 1 / rate, that of 1 / n is more. */
	return fmax(peak_of(entry),
		    (double)(packets + 1) / fmax(1, (double)duration_between(begins, mesh_tick_start(&node->mesh, tick)).ns / NS_PER_S));
}

/*
 * The same of a client that was heard before these FAIR_TICKS began, and its peak brought up to date. 0: it is new, or was silent for so long
 * that it is again; its next packet, and those that made it known, belong to the remainder. *ret_listed is what it was heard with lately, if it
 * is not new.
 */
static double settled_rate(const struct node *node, struct now now, struct entry *entry, uint64_t tick, double *ret_listed)
{
	const uint64_t recent = recent_sum(&entry->recent, tick - FAIR_TICKS, tick);
	const struct instant from = mesh_tick_start(&node->mesh, tick - FAIR_TICKS);
	const double rate = (double)recent / (FAIR_TICKS * tick_seconds(node));
	struct instant begins;
	const uint64_t packets = packets_before(node, entry, tick, &begins);
	bool is_new = packets == 0 || !instant_is_before(begins, from);

	if (packets == 0 && duration_exceeds(silence(node, entry, now), entry_policy(node, entry)->thresholds.idle_reset))
		set_peak(entry, 0);
	if (is_new && peak_of(entry) > 0)
		is_new = false; /* it has been silent for long, but may be back any moment */
	peak_tick(entry, tick, recent, rate);
	*ret_listed = is_new ? 0 : rate;
	return is_new ? 0 : rate_met(node, entry, tick);
}

/* Does its own rule drop it now? Marked as over it may pass again: marks outlast a rate just below T_F1, so that events do not flutter. */
static bool is_over_now(const struct node *node, struct now now, uint32_t number)
{
	struct verdict v;

	if (!(node->count->ledger.entries[number].flags & ENTRY_OVER))
		return false;
	verdict_of(node, now, number, &v);
	return v.limit > 0 && v.rate > v.limit;
}

/* What a client counts for: when its own rule drops it no more than the floor of local evidence, which all proxies together let through;
 * nothing when a block drops it; else its rate. */
static double effective_rate(const struct node *node, struct now now, uint32_t number, double rate)
{
	const struct entry *entry = &node->count->ledger.entries[number];
	const struct policy_effective *policy = entry_policy(node, entry);

	if (policy->listing == POLICY_BLOCKED)
		return 0;
	if (!is_over_now(node, now, number))
		return rate;
	if (policy->thresholds.police)
		return fmin(rate, policy->thresholds.pair_rate);
	return entry->flags & ENTRY_FLOOR ? fmin(rate, policy->thresholds.pair_rate / (double)EVIDENCE_SHARE) : 0;
}

/* A share that moved by less than the rate's own noise is left alone: every change is a write to the table. Of a large attack the shares are
 * small, and a hundredth of all would be as much again: they move by a twentieth of themselves. */
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

/* There may be very many who are silent: theirs is written only when it has moved much. */
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

/* The same for packets whose clients have no rate of their own yet: they are among the destination's. */
static uint16_t least_left(const struct node *node, struct now now, const struct entry *destination, double capacity)
{
	const struct evidence own = verdict_evidence(node, now, destination);

	return own.rate > 0 ? fair_share(own.rate, REMAINDER_FLOOR * capacity) : 0;
}

/*
 * Above the level a rate counts with one packet more, as those of few packets do already: by 1 / n, the victim of random packets would get a
 * twentieth too many. `least`: the level of what is seen here; what others say of this client pushes it no lower than level / (kappa n).
 */
static uint16_t client_share(const struct node *node, struct now now, const struct entry *client, double rate, double level, double least)
{
	const double one = 1 / (FAIR_TICKS * tick_seconds(node)), counted = rate < FEW_PACKETS * one ? rate : rate + one;
	const uint16_t share = fair_share(counted, level);
	struct evidence own;
	uint16_t floor;

	if (!(client->flags & ENTRY_OWN))
		return share;
	own = verdict_evidence(node, now, client);
	if (own.rate <= 0)
		return share; /* nothing was seen here lately that could speak for it */
	if (client->flags & ENTRY_SHARED && own.members > 1)
		least = fmax(least, level / (EVIDENCE_SHARE * own.members));
	floor = fair_share(own.rate, least);
	return share > floor ? share : floor;
}

/*
 * What it counts for is within the level: all passes. If not, the kernel has one share of a policed client for both rules, and takes it of all
 * that comes: T_F1 / rate by police, level / T_F1 by fair of what police leaves, level / rate in all.
 */
static uint16_t settled_share(const struct node *node, struct now now, const struct entry *client, double effective)
{
	const struct share_walk *walk = &node->judge->share;
	const bool police = entry_policy(node, client)->thresholds.police;

	if (effective <= walk->water)
		return SHARE_ALL;
	return client_share(node, now, client, police ? rate_met(node, client, walk->tick) : effective, walk->water, walk->least);
}

/* ---- the walk over the clients of every destination that is listed, in pieces ---- */

static struct entry *destination_walked(struct node *node)
{
	return &node->count->ledger.entries[node->judge->over[node->judge->share.place]];
}

/* The clients there are now, in their order: who comes later stands before the first, and who goes ends the walk (share_anew). */
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
		node->judge->rates[node->judge->share.clients++] = (float)verdict_evidence(node, now, entry).rate;
}

/*
 * Local evidence: others' counts push a destination here no lower than T_F2 / (kappa n), n being the members that count it, whoever they
 * invent: the level that shares so much among the clients seen here, by their own rates.
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
	const double rate = settled_rate(node, now, entry, walk->tick, &heard);

	walk->listed += heard;
	*effective = 0;
	if (entry_policy(node, entry)->listing == POLICY_PASSES)
		walk->untouchable += rate;
	else
		*effective = (float)effective_rate(node, now, client, rate);
	walk->listed_effective += *effective;
}

/* All rates are known: what is there to be shared? */
static void rates_end(struct node *node, struct now now)
{
	struct share_walk *walk = &node->judge->share;
	const struct entry *destination = destination_walked(node);
	uint16_t left_least;
	double reserve;

	walk->limit = fmax(0, walk->limit - walk->untouchable); /* they are taken from T_F2 first */
	walk->remainder = fmax(0, offered(node, destination, walk->tick) - walk->listed);
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
