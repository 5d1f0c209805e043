/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the older slots of a busy key come to, remembered between verdicts: only cells of the newest slot change from frame to frame, and a
 * key under attack is judged once per frame of every origin. A cache beside the ledger, of the same size whatever the ledger's; what it says
 * is what a replay of the cells would say.
 */
#ifndef PROTO_REPLAY_CACHE_H
#define PROTO_REPLAY_CACHE_H

#include "algorithm1.h"
#include "ledger.h"

#define REPLAY_CACHE_LINES_MAX 4096 /* keys remembered at once; 1.2 MB at 256 members */

/* One key's. Valid while its entry has ENTRY_CACHED, which whatever changes an older cell takes away (ledger.c), and nothing below moved on. */
struct replay_cache_line {
	uint32_t entry;
	uint16_t top; /* slot of its newest cells: they are not in here */
	uint64_t slot; /* which was the running one: older than SLOTS_HELD are left out */
	struct duration idle_reset;
	struct replay replay; /* over the held slots below top */
	bool own_known;
	struct replay own; /* the same of this proxy's own cells alone, once it was asked for */
	uint32_t origins, members; /* with cells below top, the left out included; without them, this proxy included */
};

struct replay_cache {
	struct replay_cache_line *lines; /* of entry e at e % REPLAY_CACHE_LINES_MAX */
	uint64_t *origins; /* two sets for each line: with cells below top, and taken into account; the same, and left out */
	uint32_t mask, words; /* lines - 1; words of a set */
};

size_t replay_cache_bytes(uint32_t keys_max, uint32_t members_max);
void replay_cache_init(struct replay_cache *cache, struct arena *arena, uint32_t keys_max, uint32_t members_max);

/* Whatever is remembered no longer holds. */
void replay_cache_forget(struct replay_cache *cache);

/* A key's record now, and the origins it rests on. */
struct replay_cache_view {
	struct record m; /* over all slots held, as algorithm1_replay says */
	const uint64_t *counted, *left_out; /* sets of origins with cells below top */
	uint32_t words;
	uint32_t origins; /* in both sets */
	uint32_t members; /* of the origins counted, this proxy included whether or not it is among them */
};

/* Writes the view of a key that has cells. `excluded`: origins to be left out. The sets stay as they are until the next call. */
void replay_cache_view_of(const struct replay_cache *cache, const struct ledger *ledger, uint32_t entry, uint64_t slot_now, const struct mesh *mesh,
		  const bool *excluded, struct duration idle_reset, struct replay_cache_view *ret_view);

/* The record that this proxy's own cells alone would make: of origins for which `others` is false. */
struct record replay_cache_own(const struct replay_cache *cache, const struct ledger *ledger, uint32_t entry, uint64_t slot_now, const struct mesh *mesh,
		       const bool *excluded, const bool *others, struct duration idle_reset);

#endif
