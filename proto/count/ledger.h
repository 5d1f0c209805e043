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

#include "cell.h"
#include "mesh.h"
#include "recent.h"
#include "slot_sum.h"

#ifndef INDEX_NONE
#define INDEX_NONE UINT32_MAX
#endif
#define ORIGINS_MAX (MEMBERS_MAX * INCARNATIONS_MAX) /* (member, incarnation) */
#define ORIGIN_BITS 13
_Static_assert(ORIGINS_MAX <= 1 << ORIGIN_BITS, "an origin's number fits a cell");
_Static_assert(ORIGINS_MAX % 64 == 0, "sets of origins are whole words");

/* A key's cells lie in SLOTS_SPAN slots that follow each other, so three bits tell them apart: those held, and the one to come. */
#define SLOTS_SPAN 8
_Static_assert(SLOTS_SPAN == SLOTS_HELD + 1, "a cell may be one slot ahead");

/* One origin's total of one key in one slot. There are millions. */
struct ledger_cell {
	uint32_t packets; /* saturates */
	uint16_t origin : ORIGIN_BITS; /* number of (member, incarnation), see membership.h */
	uint16_t slot : 16 - ORIGIN_BITS; /* modulo SLOTS_SPAN */
	uint8_t first, last; /* in slot / SLOT_FRACTIONS */
};
_Static_assert(sizeof(struct ledger_cell) == 8, "a cell is 8 bytes");

/*
 * Cells of one key, in a stack: the newest slot on top, and all blocks but the topmost full. Seven, so that a client that one proxy sees in every
 * slot takes one block. A cell's place is the number of its block times BLOCK_PLACES, plus where it stands in it.
 */
#define BLOCK_CELLS 7
#define BLOCK_PLACES 8
struct cell_block {
	struct ledger_cell cells[BLOCK_CELLS];
	uint32_t below; /* place of the cell below the first, or INDEX_NONE; free: the next free block */
};
_Static_assert(sizeof(struct cell_block) == 60, "cells and one link");

enum entry_flag {
	ENTRY_USED = 0x01,
	ENTRY_OVER = 0x02, /* over its rate when last judged */
	ENTRY_THIN = 0x04, /* destination: fair is in force */
	ENTRY_LISTED = 0x08, /* destination: in the list that fair walks */
	ENTRY_CACHED = 0x10, /* no cell below the newest slot has changed since replay_cache.c looked */
	ENTRY_OWN = 0x20, /* was counted here */
	ENTRY_SHARED = 0x40, /* was counted by another member */
	ENTRY_FLOOR = 0x80, /* over its rate by others' counts: the floor of local evidence holds */
};

/* A key and what hangs on it. */
struct entry {
	struct address address; /* pair: of its client; destination: its own */
	uint32_t destination; /* pair: entry of its destination; destination: INDEX_NONE */
	uint32_t group; /* destination: its first pair; pair: the next pair of the same destination */
	uint32_t group_previous; /* pair: the one before, or the destination itself */
	uint32_t cells; /* place of the newest cell, or INDEX_NONE */
	struct recent recent;
	uint32_t flags : 8; /* enum entry_flag */
	uint32_t maker : 11; /* number of the member on whose account it is */
	uint32_t policy : 9; /* what it is judged by, */
	uint32_t policy_generation : 4; /* and by which generation of the policy; 0: it was not looked up. policy_node.c */
	uint16_t pass_share;
	uint16_t peak; /* pair of a destination over its rate: upper half of a float, the rate it is expected back with after a pause */
	uint16_t newest; /* low bits of the slot of its newest cell */
	uint8_t waiting, late; /* own cells to be published, by slot modulo SLOTS_SPAN; publish.c */
};
_Static_assert(MEMBERS_MAX <= 1 << 11, "a member's number fits an entry");
_Static_assert(sizeof(struct entry) == 80, "an entry is 80 bytes");

struct ledger {
	struct entry *entries;
	struct cell_block *blocks;
	uint16_t *block_makers; /* number of the member on whose account each block is */
	uint32_t *index; /* open addressing: entry numbers */
	uint32_t *chain; /* scratch: the blocks of one key */
	uint32_t index_size;
	uint32_t keys_max, blocks_max, cells_max; /* cells_max: if every block were full */
	uint32_t entries_free, blocks_free; /* list heads, through entry.cells and block.below */
	uint32_t keys_held, blocks_held, cells_held;
	uint32_t entries_high; /* entries ever used: no walk goes beyond */
	uint32_t members_max;
	uint64_t oldest; /* slot that is still held: cells below it give way when their key needs another block */
	uint32_t origin_cells[ORIGINS_MAX];
	uint32_t member_cells[MEMBERS_MAX], member_keys[MEMBERS_MAX]; /* brought by each member, over its incarnations */
	uint32_t member_blocks[MEMBERS_MAX]; /* on its account */
	uint32_t line_packets[MEMBERS_MAX]; /* what its certified line carries in a slot: a key's cells of more are read as that; UINT32_MAX: not stated */
	uint64_t hash_seed[2];
};

struct arena;

/* There are blocks for cells_max cells, and one for each key at least. */
size_t ledger_bytes(uint32_t keys_max, uint32_t cells_max, uint32_t members_max);
void ledger_init(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max, uint32_t members_max,
		 const uint64_t hash_seed[2]);

/* Slots below `oldest` are not held any more. The bits of a cell's slot come round again, so after a pause of PAUSE_SLOTS every cell goes at once. */
#define PAUSE_SLOTS (1 << 14)
void ledger_advance(struct ledger *ledger, uint64_t oldest);

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
 * May this origin bring so many new keys, each with a cell? A quarter of the keys, the cells and the blocks is guaranteed to this proxy itself
 * (member 0), a quarter to the other members in equal parts, and half is lent to whoever comes first: who floods takes nothing from another's part.
 * A block is on the account of the member whose cell made it needed; a cell that finds room in one needs none. A key or a block that holds
 * none of that member's cells any more passes to one whose cell it holds.
 */
bool ledger_has_room(const struct ledger *ledger, uint16_t origin, uint32_t new_keys);

/* Joins a version of (origin, entry, slot) into the ledger. *ret_place, the cell's until the next call that changes the key, is written unless
 * JOIN_QUOTA. */
enum join ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version, uint64_t *ret_gain,
		      uint32_t *ret_place);

/* The cell of (origin, entry, slot), or NULL. */
const struct ledger_cell *ledger_cell_of(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot);

/* A key's cells, newest slot first: for (at = entry->cells; at != INDEX_NONE; at = ledger_below(ledger, at)) */
static inline struct ledger_cell *ledger_at(const struct ledger *ledger, uint32_t place)
{
	return &ledger->blocks[place / BLOCK_PLACES].cells[place % BLOCK_PLACES];
}

static inline uint32_t ledger_below(const struct ledger *ledger, uint32_t place)
{
	return place % BLOCK_PLACES ? place - 1 : ledger->blocks[place / BLOCK_PLACES].below;
}

/* Low bits of a cell's slot. */
static inline uint16_t cell_slot_low(const struct entry *entry, const struct ledger_cell *cell)
{
	return (uint16_t)(entry->newest - ((uint16_t)(entry->newest - cell->slot) % SLOTS_SPAN));
}

static inline uint64_t cell_slot(const struct entry *entry, const struct ledger_cell *cell, uint64_t slot_now)
{
	return slot_now + 1 - (uint16_t)((uint16_t)(slot_now + 1) - cell_slot_low(entry, cell)); /* a cell may be one slot ahead */
}

static inline bool cell_is_newest(const struct entry *entry, const struct ledger_cell *cell)
{
	return cell->slot == entry->newest % SLOTS_SPAN;
}

static inline bool entry_is_destination(const struct entry *entry)
{
	return entry->destination == INDEX_NONE;
}

static inline struct key ledger_key(const struct ledger *ledger, const struct entry *entry)
{
	if (entry_is_destination(entry))
		return key_of_destination(&entry->address);
	return (struct key){ .client = entry->address, .destination = ledger->entries[entry->destination].address };
}

/* Sums cells per slot for the replay, from `place` down and from slot `oldest` on; origins for which `excluded` is true are left out, and a
 * member's cells of one slot count as no more than its line carries, over all its incarnations. At `place` the cells of a slot begin. */
struct slot_sums {
	struct slot_sum sum[SLOTS_HELD];
};
void ledger_sum(const struct ledger *ledger, const struct entry *entry, uint32_t place, uint64_t oldest, const struct mesh *mesh,
		const bool *excluded, struct slot_sums *ret_sums);

/* The same of the newest slot alone, which is `slot`. */
struct slot_sum ledger_sum_newest(const struct ledger *ledger, const struct entry *entry, uint64_t slot, const struct mesh *mesh,
				  const bool *excluded);

/* The topmost place below the cells of the newest slot, or INDEX_NONE. */
uint32_t ledger_below_newest(const struct ledger *ledger, const struct entry *entry);

/* Takes out a key's cells below slot `oldest`; frees the entry when none is left and says so. */
bool ledger_forget(struct ledger *ledger, uint32_t entry, uint64_t oldest);

/* Takes out every cell of an origin. */
void ledger_forget_origin(struct ledger *ledger, uint16_t origin);

/* What so many packets of one cell count for. */
static inline uint32_t ledger_within_line(const struct ledger *ledger, uint16_t origin, uint32_t packets)
{
	const uint32_t line = ledger->line_packets[origin / INCARNATIONS_MAX];

	return packets < line ? packets : line;
}

/* ---- between ledger.c and ledger_cells.c ---- */

/* How much of a pool of this size a member may always have. */
static inline uint32_t ledger_guarantee(const struct ledger *ledger, uint16_t member, uint32_t pool)
{
	return member == 0 ? pool / 4 : pool / 4 / ledger->members_max;
}

static inline void ledger_key_passes(struct ledger *ledger, struct entry *entry, uint16_t member)
{
	ledger->member_keys[entry->maker]--;
	entry->maker = member;
	ledger->member_keys[member]++;
}

bool cells_have_room(const struct ledger *ledger, uint16_t member, bool block);
bool cells_forget(struct ledger *ledger, struct entry *entry, uint16_t oldest);
void cells_forget_all(struct ledger *ledger, struct entry *entry);
void cells_forget_origin(struct ledger *ledger, struct entry *entry, uint16_t origin);

#endif
