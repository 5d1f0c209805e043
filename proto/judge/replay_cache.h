/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why: under attack a key is judged once per frame of every origin, but only the cells of its newest slot change. How:
 * this cache keeps the replay of the older slots. The result equals a replay of all cells. The size of the cache does
 * not depend on the ledger's.
 */
#ifndef PROTO_REPLAY_CACHE_H
#define PROTO_REPLAY_CACHE_H

#include "algorithm1.h"
#include "ledger.h"

#define REPLAY_CACHE_LINES_MAX 4096 /* keys in the cache at once; 1.2 MB at 256 members */

/*
 * One key's cached replay. Valid while the entry has ENTRY_CACHED and top, slot, idle_reset and the excluded origins
 * are unchanged. ledger_cells.c clears ENTRY_CACHED when it changes a cell below the newest slot.
 */
struct replay_cache_line {
	uint32_t entry;
	uint16_t top; /* slot of the key's newest cells, which are not in the replay */
	uint64_t slot; /* the running slot when the line was made: slots older than SLOTS_HELD are left out */
	struct duration idle_reset;
	struct replay replay; /* over the held slots below top */
	uint64_t marks; /* ledger_line_marks of its origins */
	bool own_known; /* `own` is valid; it is computed when first needed */
	struct replay own; /* the replay of this proxy's own cells alone */
	uint32_t origins; /* with cells below top, excluded ones included */
	uint32_t members; /* with cells below top, excluded ones not included, this proxy always */
};

struct replay_cache {
	struct replay_cache_line *lines; /* of entry e at e % REPLAY_CACHE_LINES_MAX */
	uint64_t *origins; /* two sets for each line, of origins with cells below top: counted ones, excluded ones */
	uint32_t mask; /* number of lines - 1 */
	uint32_t words; /* 64-bit words of a set */
};

size_t replay_cache_bytes(uint32_t keys_max, uint32_t members_max);
void replay_cache_init(struct replay_cache *cache, struct arena *arena, uint32_t keys_max, uint32_t members_max);

/* A key's M now, and the origins whose cells it was computed from. */
struct replay_cache_view {
	struct paper_m m; /* over all slots held, equal to algorithm1_replay's */
	const uint64_t *counted, *left_out; /* sets of origins with cells below top */
	uint32_t words;
	uint32_t origins; /* in both sets */
	uint32_t members; /* of the origins counted, this proxy included whether or not it is among them */
};

/*
 * Writes the view of a key that has cells. `excluded`: origins to be left out. The sets stay as they are until the
 * next call.
 */
void replay_cache_view_of(const struct replay_cache *cache, const struct ledger *ledger, uint32_t entry,
			  uint64_t slot_now, const struct mesh *mesh, const bool *excluded, struct duration idle_reset,
			  struct replay_cache_view *ret_view);

/* M of this proxy's own cells alone: those of origins for which `others` is false. */
struct paper_m replay_cache_own(const struct replay_cache *cache, const struct ledger *ledger, uint32_t entry,
				uint64_t slot_now, const struct mesh *mesh, const bool *excluded, const bool *others,
				struct duration idle_reset);

#endif
