/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room judge/: what a key's counts mean by the policy in force, and which share of its packets passes.
 */
#ifndef PROTO_JUDGING_H
#define PROTO_JUDGING_H

#include "aggregate.h"
#include "algorithm1.h"
#include "carry.h"
#include "contacts.h"
#include "counting.h"
#include "fair.h"
#include "replay_cache.h"
#include "policy.h"

/* listed for fair at a time; any further one is filtered by its pairs' rates alone */
#define OVER_DESTINATIONS_MAX 4096

/* The policy in force, and the one that waits for its slot. policy_node.c. */
struct policy_state {
	struct policy_document document, next;
	struct policy_table table; /* of document */
	bool waits; /* next waits for its slot */
	uint32_t generation; /* grows with each new `table`; entries keep a few bits of it (policy_node.c) */
};

/* A destination that is over its rate, or was so less than T_T1 ago. */
struct listed {
	uint32_t entry;
	uint64_t from; /* the last tick of the time before; 0: not known yet */
	uint64_t busy; /* tick in which more than its rate was last offered */
	double span; /* the longest of its windows so far, in seconds */
	struct levels levels; /* of tick `busy` */
	double least; /* the same of the walk's */
};

/* The time before a destination was over its rate, as far as its cells are held. past.c */
struct past_window {
	uint64_t from; /* its last tick */
	uint64_t oldest; /* the oldest slot held */
	unsigned int last; /* the slot of `from`, counted from the oldest */
	unsigned int over, slots; /* bits of slots, the oldest first: over the rate; of that time */
	double span; /* seconds of these since the destination's first packet */
	bool anew; /* pasts that were noted before do not count */
	double steady; /* packets per second of a steady stranger that passed last; INFINITY: all of them */
};

/*
 * fair's walk over the destinations that are listed, and over the clients of each, in three passes. share.c.
 */
enum share_stage { SHARE_BEGIN,
		   SHARE_LEAST,
		   SHARE_RATES,
		   SHARE_GIVE,
		   SHARE_LIFT };
struct share_walk {
	uint32_t place; /* index of the destination in `over`; equal to over_count when the walk has ended */
	uint32_t kept; /* destinations before `place` that stay listed */
	enum share_stage stage;
	bool over; /* the destination's own verdict is over its rate */
	uint32_t first, next; /* entries of clients: the destination's first, and the next one to look at */
	size_t clients; /* in `parts` so far */
	uint64_t whole; /* A of the destination */
	uint64_t tick; /* up to which its clients' rates are taken */
	uint32_t members; /* that count the destination */
	double limit, floor; /* T_F2, and the floor of local evidence */
	double recent, effective; /* packets per second of all its clients: as they came, and as they count */
	double newcomers, untouchable; /* of strangers that were not steady yet; of clients that nothing drops */
	struct past_window past;
	struct levels levels;
	bool is_held; /* they do not exceed what they were: a pulse ended, or begins */
	double least; /* max-min level of the rates seen at this proxy */
	uint16_t left; /* the share of the lot */
};

struct judging {
	struct policy_state policy; /* policy_node.c */
	struct replay_cache replay_cache;
	struct set dirty; /* pairs and destinations to be judged */
	struct set dirty_aggregates; /* clients and networks: after those, whose verdicts tell what reaches them */
	struct set warm; /* keys to be judged again at the next tick */
	uint32_t sweep; /* next entry to look at for cells of slots no longer held */
	uint32_t sweep_left; /* entries still to look at in this tick */
	bool sweeping;
	struct listed over[OVER_DESTINATIONS_MAX]; /* destinations over their rate, for fair; share.c */
	uint32_t over_count;
	struct share_walk share; /* share.c */
	uint64_t counted[MEMBERS_MAX]; /* counted_by: packets of a key by member; all zero between its calls */
	struct part *parts; /* the clients of the destination at which the walk is, in their order */
	struct aggregates aggregates; /* aggregate.c */
	struct watches watches; /* contacts.c */
	/* keys that are no pairs and came to half of their rate (ENTRY_NEAR): how many so far */
	uint32_t nears;
	uint32_t crowd_left; /* pairs that may still be looked at in this tick for events: crowd.c */
	uint64_t near_tick[KEY_KINDS]; /* in which one of the kind was last judged to be there; 0: none was */
};

/* A key as it is judged now. */
struct verdict {
	const struct policy_effective *policy;
	struct paper_m m;
	struct carry carry;
	uint64_t known; /* packets counted up to A: M.c without those known of later ticks */
	double count; /* M.c, or what the carry expects if that is more */
	double window_s, rate, limit;
	bool shadow; /* no policy sets the limit: it is the default of its kind, client or network, and only reported */
	/* packets per second over FAIR_TICKS complete ticks; a young client's count over the minimum window */
	double offered;
	/* packets per second over the last T_T3 (client: T_T2), of a key that is thinned when it is over; else 0 */
	double burst;
	uint32_t origins; /* with cells of the key */
	uint32_t members; /* with cells of the key and not excluded; this one always included */
};
void verdict_of(const struct node *node, struct now now, uint32_t entry, struct verdict *ret_verdict);
#define UNDER_AGAIN 0.8 /* a key that was over its limit is under again below this part of it: hysteresis of events */
#define NOTABLE 0.5 /* from this part of its limit on, a key is judged each tick and has a record on every proxy */
bool verdict_is_near(const struct verdict *v);
/* Is the key over this part of its limit (1: over the limit)? */
bool verdict_is_over(const struct verdict *v, double part);
/*
 * Are this proxy's own counts alone over the rate? Then the floor of local evidence does not apply: the drop does not
 * depend on other members' counts.
 */
bool verdict_is_own(const struct node *node, struct now now, uint32_t entry, const struct verdict *v);
/* A key's rate by this proxy's own cells, and the number of members with cells of it. */
struct evidence {
	/*
	 * over the running slot and the one before; or within one cell of the last T_T1, if that is more, so that a
	 * client that paused does not seem slow
	 */
	double rate;
	uint32_t members;
};
struct evidence verdict_evidence(const struct node *node, struct now now, const struct entry *entry);
/* Marks a key to be judged. */
static inline void judge_dirty(struct node *node, uint32_t entry)
{
	const enum key_kind kind = entry_kind(&node->count->ledger.entries[entry]);

	set_add(kind == KEY_PAIR || kind == KEY_DESTINATION ? &node->judge->dirty : &node->judge->dirty_aggregates,
		entry);
}
/* Keys that wait to be judged. */
static inline uint32_t judge_waiting(const struct node *node)
{
	return node->judge->dirty.count + node->judge->dirty_aggregates.count;
}
/* Call it when a tick of an origin became whole. */
void judge_whole_tick(struct node *node);
/* Takes the memory; judge_start makes the sets in it. */
void judge_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits);
void judge_start(struct node *node);
/* A slot has begun: every key is to be judged. */
void judge_slot(struct node *node);
/*
 * Starts the work of a tick: the sweep over all entries, and the walk over destinations for `fair`. judge_turn does one
 * bounded piece of it.
 */
void judge_tick(struct node *node);
void judge_turn(struct node *node, struct now now);
bool judge_is_under_way(const struct node *node);

/* ---- offered.c: rates that fair divides ---- */
/* Two packets so far apart come from somebody who goes on: less than a second, after which TCP sends a SYN again. */
#define STEADY_MS 900
/* packets in FAIR_TICKS, below which they give no rate: 1 packet in 0.6 s may be 1.7 per second or one per minute */
#define FEW_PACKETS 8
/*
 * Packets per second over the FAIR_TICKS ticks up to `tick`. `tick` is the destination's A for all its clients, so that
 * their rates are of the same time and can be added.
 */
double offered_recent(const struct node *node, const struct entry *entry, uint64_t tick);
/* Of the last FAIR_TICKS ticks up to `tick`, the one up to which most was offered. The ring holds that much. */
uint64_t offered_busiest(const struct entry *entry, uint64_t tick);
/* What a client of a destination offers, mesh-wide. */
struct offer {
	double recent; /* packets per second over the FAIR_TICKS */
	/*
	 * the same; with fewer than FEW_PACKETS its mean since the slot before the running one, with one packet more.
	 * Above 0
	 */
	double counted;
	double here; /* the part of its packets of these two slots that this proxy counted */
	double judged; /* the same, as it was before the packets of the FAIR_TICKS came */
	bool is_sparse; /* fewer than FEW_PACKETS, and it did not pause */
	/* of a stranger: when the first of the packets of the FAIR_TICKS came; and now */
	enum part_kind was, is;
};
struct offer offered_of(const struct node *node, const struct entry *entry, uint64_t tick);
/*
 * Is it silent in the FAIR_TICKS up to `tick`, or did it begin or stop in BURST_TICKS_MAX? Then they do not tell its
 * rate. Of few packets only the first is known.
 */
bool offered_is_amid_pulse(const struct entry *entry, uint64_t tick, unsigned int ticks);
/* Time since the key's last packet, by the cells received so far. */
struct duration offered_silence(const struct node *node, const struct entry *entry, struct now now);

/* ---- left.c: what other rules leave ---- */
/* The rate that a pair counts with: what its own rule and then the limit of its client leave. */
double left_rate(const struct node *node, struct now now, uint32_t number, double rate);
/* What was counted here of a pair, less what the limit of its client takes. */
struct evidence left_evidence(const struct node *node, struct now now, const struct entry *pair);
/* The least share of a client of the destination that is walked, by local evidence. */
uint16_t left_floor(const struct node *node, struct now now, const struct entry *client);
/*
 * What a client offers: of a policed one more than it counts with. The kernel has one share of it for both rules, and
 * takes it of all that comes.
 */
double left_at_kernel(const struct node *node, const struct entry *client, double counted);

/* ---- past.c ---- */
/* What a pair sent before its destination was over its rate: packets per second; 0: nothing, it is a stranger. */
double past_of(const struct node *node, const struct entry *pair);
/* The part of it that this proxy counted: 0 to 1. */
double past_here(const struct entry *pair);
/* The window of a destination that is over `rate` packets per second, whose time before ends with tick `from`. */
void past_window_of(const struct node *node, const struct entry *destination, uint64_t from, double rate,
		    struct past_window *ret_window);
/* Notes the past of a pair from its cells. It only grows, unless `anew`. True when a stranger turns out to be known. */
bool past_note(const struct node *node, struct entry *pair, const struct past_window *window);

/* ---- share.c ---- */
/* Lists a destination over its rate. `idle`: no walk is under way, so compute its shares now, not at the next tick. */
void share_list(struct node *node, struct now now, uint32_t number, bool idle);
/* Begins the walk over all listed destinations, if the last walk has ended; share_turn does one bounded piece of it. */
void share_tick(struct node *node);
void share_turn(struct node *node, struct now now);
bool share_is_under_way(const struct node *node);
/* Keys were removed: the walk begins its present destination anew. */
void share_anew(struct node *node);

/* ---- aggregate.c ---- */
/*
 * Brings the limit of a client or network up to date with its verdict: lists it, limits it, ends that. Lowers the rates
 * of the verdict to what the levels before leave of them. Does nothing for a key that no policy gives a rate.
 */
void aggregate_judge(struct node *node, struct now now, uint32_t number, struct verdict *verdict);
/* Its limit here: packets per second, or NAN when it has none. */
double aggregate_granted(const struct node *node, uint32_t number);
/* This proxy counted so many more packets of a client or network that is listed. */
void aggregate_counted(struct node *node, uint32_t number, uint64_t from_tick, uint64_t tick, uint64_t packets);
/*
 * The part of a pair's packets that the limit of its client leaves, mesh-wide; *ret_own: of those that pass here. Both
 * are 1 when the client has no limit.
 */
double aggregate_leaves(const struct node *node, const struct entry *pair, double *ret_own);
/* Every listed key is to be judged; those that left go. Once a tick. */
void aggregates_tick(struct node *node);

/* ---- crowd.c ---- */
/* `window`: when the destination's began. */
struct event_crowd crowd_of(struct node *node, const struct entry *destination, struct instant window);
void crowd_tick(struct node *node);

/* ---- policy_node.c ---- */
int policy_start(struct node *node, struct now now);
void policy_tick(struct node *node, struct now now);
/* Updates the entry's policy index after a change of policy; entry_policy reads it. */
void policy_refresh(struct node *node, uint32_t entry);
const struct policy_effective *entry_policy(const struct node *node, const struct entry *entry);

/* ---- answered.c ---- */

struct answered {
	uint64_t packets; /* answers of the slots, mesh-wide; never more than the pair's packets in them */
	bool tcp; /* one of them at least was of TCP */
	bool remembered, remembered_tcp; /* it was answered here within a day; by TCP */
};

/* Answers to a pair in the slots from `oldest` on. */
struct answered answered_of(const struct node *node, const struct entry *pair, uint64_t oldest);

/*
 * The past that a pair has by its answers since the destination is over its rate, in packets per second; 0: none. What
 * is not of TCP a spoofer can draw, so it earns no more than the level of steady strangers.
 */
#define REMEMBERED_RATE 0.1 /* of a pair that was answered at all: one packet in ten seconds */
double answered_past(const struct node *node, const struct entry *pair, const struct past_window *window);

#endif
