/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ledger: this proxy's replica of every origin's cells. The join of two versions of a cell is (min first, max
 * last, max packets, max of each extra), so loss, duplication, reordering and relaying are harmless. Fixed pools;
 * nothing is allocated after ledger_init.
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

#define INDEX_NONE UINT32_MAX
/* what entry.destination says of an entry that is no pair */
#define INDEX_DESTINATION INDEX_NONE
#define INDEX_CLIENT (UINT32_MAX - 1)
#define INDEX_NETWORK (UINT32_MAX - 2)
#define ORIGINS_MAX (MEMBERS_MAX * INCARNATIONS_MAX) /* (member, incarnation) */
#define ORIGIN_BITS 13
_Static_assert(ORIGINS_MAX <= 1 << ORIGIN_BITS, "an origin's number fits a cell");
_Static_assert(ORIGINS_MAX % 64 == 0, "sets of origins are whole words");

/*
 * A key's cells lie in SLOTS_SPAN slots that follow each other, so three bits tell them apart: those held, and the
 * one to come.
 */
#define SLOTS_SPAN 8
_Static_assert(SLOTS_SPAN == SLOTS_HELD + 1, "a cell may be one slot ahead");

/*
 * One origin's total of one key in one slot. There are millions. What a cell counts beside packets has a place of its
 * own in the same stack, told by a `first` behind its `last`. So extras cost nothing where there are none, and 8 bytes
 * each where there are. Who reads packets never meets one: ledger_first and ledger_below pass over them.
 */
struct ledger_cell {
	union {
		uint32_t packets; /* saturates */
		uint32_t extra; /* the value of an extra */
	};
	uint16_t origin : ORIGIN_BITS; /* number of (member, incarnation): see origin.h */
	uint16_t slot : 16 - ORIGIN_BITS; /* modulo SLOTS_SPAN */
	uint8_t first, last; /* in slot / SLOT_FRACTIONS; extra: EXTRA_MARK, enum extra */
};
_Static_assert(sizeof(struct ledger_cell) == 8, "a cell is 8 bytes");
#define EXTRA_MARK (SLOT_FRACTIONS - 1)
_Static_assert(EXTRAS_MAX <= EXTRA_MARK, "an extra's last is below its first");

/*
 * Cells of one key, in a stack: the newest slot on top, and all blocks but the topmost full. A block has seven cells,
 * so that a client that one proxy sees in every slot needs one block. A cell's place is the number of its block times
 * BLOCK_PLACES, plus its index in the block.
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
	ENTRY_THIN = 0x04, /* destination: fair is in force; client, network: its limit is */
	/* destination: in the list that fair walks; client, network: in that of aggregate.c */
	ENTRY_LISTED = 0x08,
	ENTRY_CACHED = 0x10, /* no cell below the newest slot has changed since replay_cache.c looked */
	ENTRY_OWN = 0x20, /* has cells of this proxy */
	ENTRY_SHARED = 0x40, /* has cells of another member */
	/* other members counted it, and own counts alone are not over the rate: the floor applies */
	ENTRY_FLOOR = 0x80,
	ENTRY_NEAR = 0x100, /* no pair: it was at half of a rate that somebody set, or above, when last judged */
	ENTRY_ANSWERED = 0x100, /* pair: has answers that this proxy counted */
};

/* A key and its state. */
struct entry {
	struct address address; /* pair: of its client; destination, client: its own; network: its prefix */
	uint32_t destination; /* pair: entry of its destination; others: INDEX_DESTINATION and so on, see entry_kind */
	/* destination: its first pair; pair: the next pair of the same destination; others: INDEX_NONE */
	uint32_t group;
	uint32_t group_previous; /* pair: the one before, or the destination itself */
	uint32_t stack; /* place of the newest cell or extra, or INDEX_NONE; free: the next free entry */
	struct recent recent;
	uint32_t flags : 9; /* enum entry_flag */
	uint32_t maker : 11; /* number of the member to whom the key is charged */
	uint32_t policy : 9; /* index of its effective policy (policy_index_of); policy_node.c */
	uint32_t policy_generation : 3; /* of the policy that `policy` is an index into; 0: not looked up yet */
	uint16_t pass_share;
	uint16_t past; /* pair: what it sent before its destination was over its rate; past.c */
	uint16_t newest; /* low bits of the slot of its newest cell or extra */
	uint16_t told; /* what other members know of its own cells: see told.h */
	uint16_t past_here; /* pair: what of `past` this proxy counted */
};
_Static_assert(MEMBERS_MAX <= 1 << 11, "a member's number fits an entry");
_Static_assert(sizeof(struct entry) == 84, "an entry is 84 bytes");

#define LINE_SLOTS 16 /* more than SLOTS_SPAN: a slot's cells are gone before its place is used anew, but for a pause */

/*
 * What a line bounds, each by itself: the packets of each kind of key, which come first and have the kind's number, and
 * each extra. Were the kinds added, an honest member would be held to a part of its line.
 */
enum line_class {
	LINE_ANSWERS = KEY_KINDS,
	LINE_CONTACTS,
	LINE_UNANSWERED,
	LINE_CLASSES
};

/* What a member's cells of one class and slot come to, by its incarnations. */
struct line_totals {
	uint16_t slots[LINE_SLOTS]; /* low bits of the slot that each place is of */
	uint64_t counts[LINE_CLASSES][LINE_SLOTS][INCARNATIONS_MAX];
};

struct ledger {
	struct entry *entries;
	struct cell_block *blocks;
	uint16_t *block_makers; /* number of the member to whom each block is charged */
	uint32_t *index; /* open addressing: entry numbers */
	uint32_t *chain; /* scratch: the blocks of one key */
	uint32_t index_size;
	uint32_t keys_max, blocks_max, cells_max; /* cells_max: if every block were full */
	uint32_t entries_free, blocks_free; /* list heads, through entry.stack and block.below */
	uint32_t keys_held, blocks_held, cells_held;
	uint32_t entries_high; /* entries ever used: no walk goes beyond */
	uint32_t members_max;
	uint64_t oldest; /* slot that is still held: older cells are removed when their key needs another block */
	uint32_t origin_cells[ORIGINS_MAX];
	/* cells of each member, over its incarnations; keys and blocks charged to it */
	uint32_t member_cells[MEMBERS_MAX], member_keys[MEMBERS_MAX];
	uint32_t member_blocks[MEMBERS_MAX]; /* on its account */
	/* ledger_line.c: what a member's certified line carries in a slot; UINT32_MAX: not stated */
	uint32_t line_packets[MEMBERS_MAX];
	struct line_totals *line_totals; /* of members_max members */
	uint64_t *line_above; /* scratch of a sum, by member: packets of its cells of the slot so far; 0 between sums */
	/* one bit for each of LINE_SLOTS: slots of which a member's cells come to more */
	uint16_t line_over[MEMBERS_MAX][LINE_CLASSES];
	uint32_t line_moves[MEMBERS_MAX]; /* goes up when that changed for a slot before line_newest */
	uint16_t line_newest; /* low bits of the newest slot of which there was a cell */
	uint64_t hash_seed[2];
};

struct arena;

/* There are blocks for cells_max cells, and one for each key at least. */
size_t ledger_bytes(uint32_t keys_max, uint32_t cells_max, uint32_t members_max);
void ledger_init(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max,
		 uint32_t members_max, const uint64_t hash_seed[2]);

/*
 * Slots below `oldest` are not held any more. The bits of a cell's slot come round again, so after a pause of
 * PAUSE_SLOTS every cell goes at once.
 */
#define PAUSE_SLOTS (1 << 14)
void ledger_advance(struct ledger *ledger, uint64_t oldest);

/* The entry of a key, or INDEX_NONE. */
uint32_t ledger_find(const struct ledger *ledger, const struct key *key);

/*
 * These cells come next: asks the memory for their places, all at once. A cell's index, entry and block depend on each
 * other, and each may lie in main memory.
 */
#define LEDGER_EXPECT_MAX 16
void ledger_expect(const struct ledger *ledger, const struct cell *cells, size_t count);

/*
 * The same, made when missing (and its destination's entry, for a pair) and charged to the origin's member. INDEX_NONE
 * when that member may add no more.
 */
uint32_t ledger_make(struct ledger *ledger, uint16_t origin, const struct key *key);

enum join {
	JOIN_NEW, /* the cell is new. *ret_gain: its packets, as read within the member's line */
	JOIN_GREW, /* the cell has more packets: *ret_gain of them, read so */
	JOIN_SAME, /* nothing new in packets */
	JOIN_SHRUNK, /* fewer packets than are held: kept */
	JOIN_QUOTA, /* a new cell, and the origin may have no more */
};

/*
 * Is there room for `new_keys` new keys of this origin, with one cell each? A quarter of the keys, cells and blocks is
 * reserved for this proxy (member 0), and a quarter for the other members in equal parts. Half is shared, first come,
 * first served. So a member that floods takes nothing from the part reserved for another. Of each part a sixteenth is
 * for keys of clients and networks alone (ledger_open_to). A block is charged to the
 * member whose cell needed it; a cell that fits an existing block is free. When the charged member has no cell left in
 * a key or block, the charge moves to a member that has one.
 */
bool ledger_has_room(const struct ledger *ledger, uint16_t origin, enum key_kind kind, uint32_t new_keys);

/*
 * Joins a version of (origin, entry, slot) into the ledger: its packets, of which there are some. *ret_place, the
 * cell's until the next call that changes the key, is written unless JOIN_QUOTA.
 */
enum join ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version,
		      uint64_t *ret_gain, uint32_t *ret_place);

/* The cell of (origin, entry, slot), or NULL. */
const struct ledger_cell *ledger_cell_of(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot);

static inline struct ledger_cell *ledger_at(const struct ledger *ledger, uint32_t place)
{
	return &ledger->blocks[place / BLOCK_PLACES].cells[place % BLOCK_PLACES];
}

static inline bool cell_is_extra(const struct ledger_cell *cell)
{
	return cell->first > cell->last;
}

/* The place below in a key's stack, whatever is there. From entry->stack on these are its cells and extras. */
static inline uint32_t stack_below(const struct ledger *ledger, uint32_t place)
{
	return place % BLOCK_PLACES ? place - 1 : ledger->blocks[place / BLOCK_PLACES].below;
}

/* This place, or the next one below that has packets. */
static inline uint32_t stack_cell(const struct ledger *ledger, uint32_t place)
{
	while (place != INDEX_NONE && cell_is_extra(ledger_at(ledger, place)))
		place = stack_below(ledger, place);
	return place;
}

/*
 * A key's cells, newest slot first, without its extras:
 * for (at = ledger_first(ledger, entry); at != INDEX_NONE; at = ledger_below(ledger, at))
 */
static inline uint32_t ledger_first(const struct ledger *ledger, const struct entry *entry)
{
	return stack_cell(ledger, entry->stack);
}

static inline uint32_t ledger_below(const struct ledger *ledger, uint32_t place)
{
	return stack_cell(ledger, stack_below(ledger, place));
}

/* Low bits of a cell's slot. */
static inline uint16_t cell_slot_low(const struct entry *entry, const struct ledger_cell *cell)
{
	return (uint16_t)(entry->newest - ((uint16_t)(entry->newest - cell->slot) % SLOTS_SPAN));
}

static inline uint64_t cell_slot(const struct entry *entry, const struct ledger_cell *cell, uint64_t slot_now)
{
	/* a cell may be one slot ahead */
	return slot_now + 1 - (uint16_t)((uint16_t)(slot_now + 1) - cell_slot_low(entry, cell));
}

static inline bool cell_is_newest(const struct entry *entry, const struct ledger_cell *cell)
{
	return cell->slot == entry->newest % SLOTS_SPAN;
}

static inline enum key_kind entry_kind(const struct entry *entry)
{
	switch (entry->destination) {
	case INDEX_DESTINATION:
		return KEY_DESTINATION;
	case INDEX_CLIENT:
		return KEY_CLIENT;
	case INDEX_NETWORK:
		return KEY_NETWORK;
	default:
		return KEY_PAIR;
	}
}

/* Has this proxy counted anything of the key, answers included? */
static inline bool entry_has_own(const struct entry *entry)
{
	return entry->flags & ENTRY_OWN || (entry_kind(entry) == KEY_PAIR && entry->flags & ENTRY_ANSWERED);
}

/* Own cells of this kind are sums (sums.h); there is no record of such a key. */
static inline bool kind_has_sums(enum key_kind kind)
{
	return kind == KEY_CLIENT || kind == KEY_NETWORK;
}

static inline struct key ledger_key(const struct ledger *ledger, const struct entry *entry)
{
	switch (entry_kind(entry)) {
	case KEY_DESTINATION:
		return key_of_destination(&entry->address);
	case KEY_CLIENT:
		return key_of_client(&entry->address);
	case KEY_NETWORK:
		return key_of_network(&entry->address);
	case KEY_PAIR:
		break;
	}
	return (struct key){ .client = entry->address, .destination = ledger->entries[entry->destination].address };
}

/*
 * Sums cells per slot for the replay, from `place` down and from slot `oldest` on; origins for which `excluded` is
 * true are left out. A member's cells of one kind and slot, of all its incarnations that are not left out, count
 * together as no more than its line carries: when they come to more, each counts as its part of the line. At `place`
 * the cells of a slot begin.
 */
struct slot_sums {
	struct slot_sum sum[SLOTS_HELD];
};
void ledger_sum(const struct ledger *ledger, const struct entry *entry, uint32_t place, uint64_t oldest,
		const struct mesh *mesh, const bool *excluded, struct slot_sums *ret_sums);

/* The same of the newest slot alone, which is `slot`. */
struct slot_sum ledger_sum_newest(const struct ledger *ledger, const struct entry *entry, uint64_t slot,
				  const struct mesh *mesh, const bool *excluded);

/* The topmost place below the cells of the newest slot, or INDEX_NONE. */
uint32_t ledger_below_newest(const struct ledger *ledger, const struct entry *entry);

/* Takes out a key's cells below slot `oldest`; frees the entry when none is left and says so. */
bool ledger_forget(struct ledger *ledger, uint32_t entry, uint64_t oldest);

/* Takes out every cell of an origin. */
void ledger_forget_origin(struct ledger *ledger, uint16_t origin);

/* ---- ledger_extras.c: what is counted beside packets ---- */

/*
 * Joins the extras of a version that are not 0. JOIN_NEW: at least one is new; JOIN_GREW: one has grown; JOIN_SAME;
 * JOIN_QUOTA: one is new, and its origin may have no more. An extra takes a cell's room.
 */
enum join ledger_join_extras(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version);

/* The extra of (origin, entry, slot); 0: none. */
uint32_t ledger_extra_of(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot,
			 enum extra extra);

/* The version of a cell that is held of (origin, entry, slot). Packets 0 and no extra: nothing is held. */
struct cell ledger_version(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot);

/*
 * Mesh-wide answers to a pair in the slots from `oldest` on: of all origins but those for which `excluded` is true,
 * each within its member's line. Answers that nobody knows the packets of are among them.
 */
struct answers {
	uint64_t count;
	bool tcp; /* some were of TCP */
};
struct answers ledger_answers(const struct ledger *ledger, const struct entry *entry, uint64_t oldest,
			      const bool *excluded);

/* The same of a client's extras in one slot. */
uint64_t ledger_contacts(const struct ledger *ledger, const struct entry *entry, uint64_t slot, const bool *excluded);
uint64_t ledger_unanswered(const struct ledger *ledger, const struct entry *entry, uint64_t slot,
			   const bool *excluded);

/* ---- ledger_line.c: what a member's certified line leaves of its cells ---- */

/* So much is what the member's line carries in a slot. */
void ledger_set_line(struct ledger *ledger, uint16_t member, uint32_t packets);

/* What it reports in a slot, of the class it reports most of, as a multiple of its line; NAN: no line is stated. */
double ledger_line_used(const struct ledger *ledger, uint16_t member, uint16_t slot);

static inline bool line_is_over(const struct ledger *ledger, enum line_class class, uint16_t member, uint16_t slot)
{
	return ledger->line_over[member][class] >> slot % LINE_SLOTS & 1;
}

/* Do the member's packets of this key's kind and this slot come to more than its line carries? */
static inline bool ledger_is_over_line(const struct ledger *ledger, const struct entry *entry, uint16_t member,
				       uint16_t slot)
{
	return line_is_over(ledger, (enum line_class)entry_kind(entry), member, slot);
}

/* Does one of the extras that a key of its kind has? */
bool ledger_extras_are_over_line(const struct ledger *ledger, const struct entry *entry, uint16_t member,
				 uint16_t slot);

/*
 * The packets that one cell counts for while its member's cells are what they are. Origins for which `excluded` is true
 * are left out; NULL: none is.
 */
uint32_t ledger_packets_read(const struct ledger *ledger, const struct entry *entry, const struct ledger_cell *cell,
			     const bool *excluded);

/* What the line leaves for packets that are still to come of the entry's kind and of the slot. */
uint64_t ledger_line_room(const struct ledger *ledger, const struct entry *entry, uint16_t origin, uint16_t slot);

/*
 * Of the members of these origins that are over their lines: how their cells below the newest slot are read now. While
 * it is the same, so is the reading. 0: none of them is over.
 */
uint64_t ledger_line_marks(const struct ledger *ledger, const uint64_t *origins, uint32_t words, const bool *excluded);

/* What a line bounds of a cell or extra, and how much of it that is. */
enum line_class line_class_of(const struct entry *entry, const struct ledger_cell *cell);
uint32_t line_count_of(const struct entry *entry, const struct ledger_cell *cell);

/* An origin's cells of the class and of the slot have come to so many more, or fewer. */
void line_note(struct ledger *ledger, enum line_class class, uint16_t origin, uint16_t slot, int64_t count);

/*
 * What a cell or extra counts for while its member is over its line. `above`: packets of the member's cells of this key
 * and slot that were read before it. NULL: no origin is left out.
 */
uint32_t line_read_as(const struct ledger *ledger, const struct entry *entry, const struct ledger_cell *cell,
		      uint64_t above, const bool *excluded);

/* ---- between ledger.c, ledger_cells.c and ledger_extras.c ---- */

/* The part of a pool of this size that is reserved for a member. */
static inline uint32_t ledger_guarantee(const struct ledger *ledger, uint16_t member, uint32_t pool)
{
	return member == 0 ? pool / 4 : pool / 4 / ledger->members_max;
}

/*
 * The part of a pool that keys of a kind may take. The rest is set apart for clients and networks: there are few of
 * them, and a scan of new pairs must not leave them without an entry.
 */
#define AGGREGATES_PART 16
static inline uint32_t ledger_open_to(enum key_kind kind, uint32_t pool)
{
	return kind == KEY_CLIENT || kind == KEY_NETWORK ? pool : pool - pool / AGGREGATES_PART;
}

static inline void ledger_key_passes(struct ledger *ledger, struct entry *entry, uint16_t member)
{
	ledger->member_keys[entry->maker]--;
	entry->maker = member;
	ledger->member_keys[member]++;
}

bool cells_have_room(const struct ledger *ledger, uint16_t member, enum key_kind kind, bool block);
bool cells_forget(struct ledger *ledger, struct entry *entry, uint16_t oldest);
void cells_forget_all(struct ledger *ledger, struct entry *entry);
void cells_forget_origin(struct ledger *ledger, struct entry *entry, uint16_t origin);
/* The place of the cell of (origin, slot), or INDEX_NONE. `extra`: of this extra; CELL_PACKETS: of its packets. */
#define CELL_PACKETS EXTRAS_MAX
uint32_t cell_find(const struct ledger *ledger, const struct entry *entry, uint16_t origin, uint16_t slot,
		   unsigned int extra);
/* Puts a new one into its place of the stack. INDEX_NONE: its slot is not held any more, or there is no room. */
uint32_t cell_new(struct ledger *ledger, struct entry *holder, uint16_t slot, const struct ledger_cell *cell);

#endif
