/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The room of judging: what a key's counts mean by the policy in force, and which share of its packets passes.
 */
#ifndef PROTO_JUDGING_H
#define PROTO_JUDGING_H

#include "algorithm1.h"
#include "carry.h"
#include "counting.h"
#include "fair.h"
#include "replay_cache.h"
#include "policy.h"

#define OVER_DESTINATIONS_MAX 4096 /* victims at one time; one more is filtered by its pairs' rates alone */

/* What is judged by, and what will be. policy_node.c. */
struct policy_state {
	struct policy_document document, next;
	struct policy_table table; /* of document */
	bool waits; /* next waits for its slot */
	uint32_t generation; /* of table; 0 is none, so that an entry just made has none */
};

/* fair's walk over the destinations that are over their rate, and over the clients of each, in three passes. share.c. */
enum share_stage { SHARE_BEGIN, SHARE_LEAST, SHARE_RATES, SHARE_GIVE, SHARE_LIFT };
struct share_walk {
	uint32_t place; /* of the destination, in `over`; over_count: the walk is through */
	uint32_t kept; /* destinations that stay, of those before */
	enum share_stage stage;
	bool over; /* the destination is, by its own verdict */
	uint32_t first, next; /* client: of the destination, and to be looked at */
	size_t clients; /* in `rates`, by now */
	uint64_t tick; /* A of the destination */
	double limit, floor; /* T_F2, and what local evidence leaves of it at least */
	double listed, listed_effective, untouchable, remainder; /* packets per second */
	double water, least; /* levels: of all, and of what is seen here */
	uint16_t left; /* the remainder's share */
};

struct judging {
	struct policy_state policy; /* policy_node.c */
	struct replay_cache replay_cache;
	struct set dirty; /* keys to be judged */
	struct set warm; /* to be judged again at the next tick */
	uint32_t sweep; /* next entry to look at for cells of forgotten slots */
	uint32_t sweep_left; /* entries of this tick's stretch */
	bool sweeping;
	uint32_t over[OVER_DESTINATIONS_MAX]; /* destinations over their rate, for fair; share.c */
	uint32_t over_count;
	struct share_walk share; /* share.c */
	float *rates; /* of the clients of the destination that is walked over, in their order */
};

/* A key as it is judged now. */
struct verdict {
	const struct policy_effective *policy;
	struct record m;
	struct carry carry;
	uint64_t floor; /* M.c less what is known after A */
	double count; /* M.c or what the carry expects, whichever is more */
	double window_s, rate, limit;
	double offered; /* packets per second over FAIR_TICKS complete ticks; a young client's count over the minimum window */
	double burst; /* packets per second of a destination over the last T_T3, where fair judges it by that too; else 0 */
	uint32_t origins;
	uint32_t members; /* with cells of the key, ourselves included even without any */
};
void verdict_of(const struct node *node, struct now now, uint32_t entry, struct verdict *ret_verdict);
/* Is the key over its rate, or over this part of it? */
#define UNDER_AGAIN 0.8 /* a key that was over is under again below this part: its events must not flutter */
bool verdict_is_over(const struct verdict *v, double part);
/* Are our own counts alone over the rate? Then no floor of local evidence holds: nobody else's word is needed. */
bool verdict_is_own(const struct node *node, struct now now, uint32_t entry, const struct verdict *v);
/* What this proxy saw of a key itself, and how many members have cells of it. */
struct evidence {
	double rate; /* over the running slot and the one before, or within one cell of the last T_T1, if that is more: who pauses is not slow */
	uint32_t members;
};
struct evidence verdict_evidence(const struct node *node, struct now now, const struct entry *entry);
/* The key is to be judged anew. */
static inline void judge_dirty(struct node *node, uint32_t entry)
{
	set_add(&node->judge->dirty, entry);
}
void judge_whole_tick(struct node *node);
/* Sets about what a tick has to look at; judge_turn does the next piece of it: of the sweep, or of the walk for fair. */
void judge_tick(struct node *node);
void judge_turn(struct node *node, struct now now);
bool judge_is_under_way(const struct node *node);
/* Lists a destination over its rate; `idle`: and works out its shares at once, not with the next tick. */
void share_list(struct node *node, struct now now, uint32_t number, bool idle);
/* Begins the walk over all that are listed, if the last one is through; share_turn does the next piece of it. */
void share_tick(struct node *node);
void share_turn(struct node *node, struct now now);
bool share_is_under_way(const struct node *node);
/* Keys were forgotten: the destination that was being walked over is begun anew. */
void share_anew(struct node *node);

/* ---- policy_node.c ---- */
int policy_start(struct node *node, struct now now);
void policy_tick(struct node *node, struct now now);
/* Brings the entry's number of what it is judged by up to date; entry_policy reads it. */
void policy_refresh(struct node *node, uint32_t entry);
const struct policy_effective *entry_policy(const struct node *node, const struct entry *entry);

#endif
