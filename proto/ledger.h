/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ledger: this proxy's replica of every origin's cells. The join of two versions of a cell is (min first, max last, max packets), so
 * loss, duplication, reordering and relaying are harmless. Fixed pools; nothing is allocated after ledger_init.
 */
#ifndef PROTO_LEDGER_H
#define PROTO_LEDGER_H

#include <stddef.h>

#include <xpro/bounds.h>
#include <xpro/key.h>
#include <xpro/time.h>

#include "algorithm1.h"
#include "carry.h"
#include "frame.h"

#define INDEX_NONE UINT32_MAX
#define ORIGINS_MAX (MEMBERS_MAX * INCARNATIONS_MAX) /* (member, incarnation) */
_Static_assert(ORIGINS_MAX <= UINT16_MAX, "an origin's number fits a cell");
_Static_assert(ORIGINS_MAX % 64 == 0, "sets of origins are whole words");

/* One origin's total of one key in one slot. 16 bytes: there are millions. */
struct ledger_cell {
	uint32_t packets; /* saturates */
	uint32_t next; /* of the same key, or INDEX_NONE */
	uint16_t origin; /* number of (member, incarnation), see membership.h */
	uint16_t slot; /* low 16 bits */
	uint8_t first, last; /* in slot / SLOT_FRACTIONS */
	uint8_t waiting; /* own cell, queued for publishing */
	uint8_t reserved;
};
_Static_assert(sizeof(struct ledger_cell) == 16, "a cell is 16 bytes");

enum entry_flag {
	ENTRY_USED = 0x01,
	ENTRY_DIRTY = 0x02, /* in the queue of changed keys */
	ENTRY_WARM = 0x04, /* to be judged again at the next tick */
	ENTRY_OVER = 0x08, /* over its rate when last judged */
	ENTRY_THIN = 0x10, /* destination: fair is in force */
	ENTRY_LISTED = 0x20, /* destination: in the list that fair walks */
	ENTRY_PAST = 0x40, /* no cell below the newest slot has changed since past.c looked */
	ENTRY_OWN = 0x80, /* was counted here */
	ENTRY_SHARED = 0x100, /* was counted by another member */
	ENTRY_FLOOR = 0x200, /* over its rate by others' counts: the floor of local evidence holds */
};

/* A key and what hangs on it. */
struct entry {
	struct key key;
	uint32_t cells; /* list head; newest slot first */
	uint32_t group; /* destination: its first pair; pair: the next pair of the same destination */
	uint32_t group_previous; /* pair: the one before, or the destination itself */
	uint16_t pass_share;
	uint16_t flags;
	uint16_t maker; /* number of the member whose cell made the entry */
	uint16_t policy; /* what it is judged by, see policy_node.c */
	uint16_t policy_generation; /* low bits of the policy's that this was looked up in; 0: never */
	uint16_t peak; /* pair of a destination over its rate: upper half of a float, the rate it is expected back with after a pause */
	struct recent recent;
};

struct ledger {
	struct entry *entries;
	struct ledger_cell *cells;
	uint32_t *index; /* open addressing: entry numbers */
	uint32_t index_mask;
	uint32_t keys_max, cells_max;
	uint32_t entries_free, cells_free; /* list heads, through entry.cells and cell.next */
	uint32_t keys_held, cells_held;
	uint32_t entries_high; /* entries ever used: no walk goes beyond */
	uint32_t members_max;
	uint32_t origin_cells[ORIGINS_MAX];
	uint32_t member_cells[MEMBERS_MAX], member_keys[MEMBERS_MAX]; /* brought by each member, over its incarnations */
	uint32_t line_packets[MEMBERS_MAX]; /* what its certified line carries in a slot: a key's cells of more are read as that; UINT32_MAX: not stated */
	uint64_t hash_seed[2];
};

struct arena;

size_t ledger_bytes(uint32_t keys_max, uint32_t cells_max);
void ledger_init(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max, uint32_t members_max,
		 const uint64_t hash_seed[2]);

/* The entry of a key, or INDEX_NONE. */
uint32_t ledger_find(const struct ledger *ledger, const struct key *key);

/* The same, made when missing (and its destination's entry, for a pair), on the account of the origin's member. INDEX_NONE when it may bring
 * no more. */
uint32_t ledger_make(struct ledger *ledger, uint16_t origin, const struct key *key);

enum join {
	JOIN_GREW, /* the cell is new or has more packets: *ret_gain of them, none of them beyond the member's line */
	JOIN_SAME, /* nothing new in packets */
	JOIN_SHRUNK, /* fewer packets than are held: kept */
	JOIN_QUOTA, /* a new cell, and the origin may have no more */
};

/*
 * May this origin bring so many new keys and a new cell? A quarter of the pools is guaranteed to this proxy itself (member 0), a quarter to
 * the other members in equal parts, and half is lent to whoever comes first: who floods takes nothing from another's part.
 */
bool ledger_has_room(const struct ledger *ledger, uint16_t origin, uint32_t new_keys);

/* Joins a version of (origin, entry, slot) into the ledger. *ret_cell is written unless JOIN_QUOTA. */
enum join ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version, uint64_t *ret_gain,
		      uint32_t *ret_cell);

/* The cell of (origin, entry, slot), or NULL. */
const struct ledger_cell *ledger_cell_of(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot);

/* Sums cells per slot for the replay, along the list from `cell` and from slot `oldest` on; origins for which `excluded` is true are left
 * out, and a member's cells of one slot count as no more than its line carries, over all its incarnations. `cell` is the first of its slot. */
struct slot_sums {
	struct slot_sum sum[SLOTS_HELD];
};
void ledger_sum(const struct ledger *ledger, uint32_t cell, uint64_t oldest, const struct mesh *mesh, const bool *excluded,
		struct slot_sums *ret_sums);

/* The same of one slot alone, whose cells begin at `cell`. */
struct slot_sum ledger_sum_slot(const struct ledger *ledger, uint32_t cell, uint64_t slot, const struct mesh *mesh, const bool *excluded);

/* Takes out a key's cells below slot `oldest`; frees the entry when none is left and says so. */
bool ledger_forget(struct ledger *ledger, uint32_t entry, uint64_t oldest);

/* Takes out every cell of an origin. */
void ledger_forget_origin(struct ledger *ledger, uint16_t origin);

static inline uint64_t cell_slot(const struct ledger_cell *cell, uint64_t slot_now)
{
	return slot_now + 1 - (uint16_t)((uint16_t)(slot_now + 1) - cell->slot); /* a cell may be one slot ahead */
}

/* What so many packets of one cell count for. */
static inline uint32_t ledger_within_line(const struct ledger *ledger, uint16_t origin, uint32_t packets)
{
	const uint32_t line = ledger->line_packets[origin / INCARNATIONS_MAX];

	return packets < line ? packets : line;
}

#endif
