/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cells of a key: their stack of blocks, the join, and their sums. A new cell goes on top of the stack, below the
 * cells of newer slots. When cells are removed, the others move down into their places, so that a key never has more
 * blocks than its cells need.
 */
#include "told.h"

/* Slots held are never 2^15 apart. */
static bool slot_is_before(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b) < 0;
}

/* How many slots a cell is behind its key's newest. */
static uint16_t slots_behind(const struct entry *entry, const struct ledger_cell *cell)
{
	return (uint16_t)(entry->newest - cell->slot) % SLOTS_SPAN;
}

static unsigned int extra_of(const struct ledger_cell *cell)
{
	return cell_is_extra(cell) ? cell->last : CELL_PACKETS;
}

uint32_t cell_find(const struct ledger *ledger, const struct entry *entry, uint16_t origin, uint16_t slot,
		   unsigned int extra)
{
	const uint16_t behind = (uint16_t)(entry->newest - slot);
	uint32_t at = behind < SLOTS_SPAN ? entry->stack : INDEX_NONE;

	for (; at != INDEX_NONE; at = stack_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell->origin == origin && cell->slot == slot % SLOTS_SPAN && extra_of(cell) == extra)
			return at;
		if (slots_behind(entry, cell) > behind)
			return INDEX_NONE;
	}
	return INDEX_NONE;
}

const struct ledger_cell *ledger_cell_of(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot)
{
	const uint32_t place = cell_find(ledger, &ledger->entries[entry], origin, (uint16_t)slot,
					 CELL_PACKETS);

	return place == INDEX_NONE ? NULL : ledger_at(ledger, place);
}

/* ---- blocks ---- */

bool cells_have_room(const struct ledger *ledger, uint16_t member, enum key_kind kind, bool block)
{
	const uint32_t cells = ledger_open_to(kind, ledger->cells_max),
		       blocks = ledger_open_to(kind, ledger->blocks_max);

	if (ledger->cells_held >= cells / 2 && ledger->member_cells[member] >= ledger_guarantee(ledger, member, cells))
		return false;
	if (!block)
		return true;
	return ledger->blocks_free != INDEX_NONE &&
	       (ledger->blocks_held < blocks / 2 ||
		ledger->member_blocks[member] < ledger_guarantee(ledger, member, blocks));
}

static uint32_t block_take(struct ledger *ledger, uint16_t member, uint32_t below)
{
	const uint32_t number = ledger->blocks_free;

	ledger->blocks_free = ledger->blocks[number].below;
	ledger->blocks[number].below = below;
	ledger->block_makers[number] = member;
	ledger->member_blocks[member]++;
	ledger->blocks_held++;
	return number;
}

static void block_free(struct ledger *ledger, uint32_t number)
{
	ledger->member_blocks[ledger->block_makers[number]]--;
	ledger->blocks_held--;
	ledger->blocks[number].below = ledger->blocks_free;
	ledger->blocks_free = number;
}

static bool needs_block(const struct entry *entry)
{
	return entry->stack == INDEX_NONE || entry->stack % BLOCK_PLACES == BLOCK_CELLS - 1;
}

/* Lists a key's blocks in ledger->chain, topmost first; returns the number of its cells. */
static uint32_t chain_list(struct ledger *ledger, const struct entry *entry)
{
	uint32_t blocks = 0;

	if (entry->stack == INDEX_NONE)
		return 0;
	for (uint32_t at = entry->stack; at != INDEX_NONE; at = ledger->blocks[at / BLOCK_PLACES].below)
		ledger->chain[blocks++] = at / BLOCK_PLACES;
	return (blocks - 1) * BLOCK_CELLS + entry->stack % BLOCK_PLACES + 1;
}

/* The place of a key's cell i, 0 being the lowest of `cells`. */
static uint32_t chain_place(const struct ledger *ledger, uint32_t cells, uint32_t i)
{
	const uint32_t top = (cells - 1) / BLOCK_CELLS;

	return ledger->chain[top - i / BLOCK_CELLS] * BLOCK_PLACES + i % BLOCK_CELLS;
}

/* ---- taking cells out ---- */

/* Cells of origin `value`, or those more than `value` slots behind the newest; -1: all. */
struct selection {
	bool by_slot;
	int value;
};

static bool is_selected(const struct entry *entry, const struct ledger_cell *cell, struct selection which)
{
	return which.by_slot ? slots_behind(entry, cell) > which.value : cell->origin == which.value;
}

static bool any_is_selected(const struct ledger *ledger, const struct entry *entry, struct selection which)
{
	for (uint32_t at = entry->stack; at != INDEX_NONE; at = stack_below(ledger, at)) {
		if (is_selected(entry, ledger_at(ledger, at), which))
			return true;
	}
	return false;
}

static bool has_cell_of(const struct cell_block *block, uint32_t cells, uint16_t member)
{
	for (uint32_t i = 0; i < cells; i++) {
		if (block->cells[i].origin / INCARNATIONS_MAX == member)
			return true;
	}
	return false;
}

/*
 * When a key or block has none of its maker's cells left, the charge moves to a member that has one. Otherwise a member
 * could fill another member's part: by keeping alive the keys that the other one made.
 */
static void makers_settle(struct ledger *ledger, struct entry *entry)
{
	uint32_t cells = entry->stack % BLOCK_PLACES + 1;
	bool kept = false;

	for (uint32_t at = entry->stack; at != INDEX_NONE;
	     at = ledger->blocks[at / BLOCK_PLACES].below, cells = BLOCK_CELLS) {
		const struct cell_block *block = &ledger->blocks[at / BLOCK_PLACES];
		uint16_t *maker = &ledger->block_makers[at / BLOCK_PLACES];

		kept = kept || has_cell_of(block, cells, (uint16_t)entry->maker);
		if (has_cell_of(block, cells, *maker))
			continue;
		ledger->member_blocks[*maker]--;
		*maker = block->cells[0].origin / INCARNATIONS_MAX;
		ledger->member_blocks[*maker]++;
	}
	if (!kept)
		ledger_key_passes(ledger, entry, ledger_at(ledger, entry->stack)->origin / INCARNATIONS_MAX);
}

static uint32_t answered(const struct entry *entry)
{
	return entry_kind(entry) == KEY_PAIR ? ENTRY_ANSWERED : 0;
}

/* Whose the cell is, as a flag. Extras alone make nobody one of those that count the key. */
static uint32_t counter_of(const struct entry *entry, const struct ledger_cell *cell)
{
	const bool is_own = cell->origin < INCARNATIONS_MAX;

	if (cell_is_extra(cell))
		return is_own ? answered(entry) : 0;
	return is_own ? ENTRY_OWN : ENTRY_SHARED;
}

/* Whose cells are left: a key whose own cells are gone rests on the others' word. */
static void counters_settle(const struct ledger *ledger, struct entry *entry)
{
	uint32_t left = 0;

	for (uint32_t at = entry->stack; at != INDEX_NONE; at = stack_below(ledger, at))
		left |= counter_of(entry, ledger_at(ledger, at));
	entry->flags &= left | ~(uint32_t)(ENTRY_OWN | ENTRY_SHARED | answered(entry));
}

/* Leaves the lowest `kept` of `cells` cells. */
static void cells_cut(struct ledger *ledger, struct entry *entry, uint32_t cells, uint32_t kept)
{
	const uint32_t blocks = (cells + BLOCK_CELLS - 1) / BLOCK_CELLS,
		       blocks_kept = (kept + BLOCK_CELLS - 1) / BLOCK_CELLS;
	const uint32_t top = kept == 0 ? INDEX_NONE : chain_place(ledger, cells, kept - 1);

	for (uint32_t i = 0; i < blocks - blocks_kept; i++)
		block_free(ledger, ledger->chain[i]);
	if (kept > 0)
		entry->newest = cell_slot_low(entry, ledger_at(ledger, top));
	entry->stack = top;
	if (kept > 0)
		makers_settle(ledger, entry);
}

/* Every loop that takes cells out is this one: the others move down, the lowest first. */
static void cells_remove(struct ledger *ledger, struct entry *entry, struct selection which)
{
	uint32_t cells, kept = 0;

	if (!any_is_selected(ledger, entry, which))
		return;
	cells = chain_list(ledger, entry);
	for (uint32_t i = 0; i < cells; i++) {
		const struct ledger_cell cell = *ledger_at(ledger, chain_place(ledger, cells, i));

		if (!is_selected(entry, &cell, which)) {
			*ledger_at(ledger, chain_place(ledger, cells, kept++)) = cell;
			continue;
		}
		line_note(ledger, line_class_of(entry, &cell), cell.origin, cell_slot_low(entry, &cell),
			  -(int64_t)line_count_of(entry, &cell));
		if (cell.origin == 0)
			told_set(entry, cell.slot, TOLD_NOT);
		ledger->origin_cells[cell.origin]--;
		ledger->member_cells[cell.origin / INCARNATIONS_MAX]--;
		ledger->cells_held--;
	}
	cells_cut(ledger, entry, cells, kept);
	counters_settle(ledger, entry);
	entry->flags &= ~(uint32_t)ENTRY_CACHED;
}

bool cells_forget(struct ledger *ledger, struct entry *entry, uint16_t oldest)
{
	const uint16_t span = (uint16_t)(entry->newest - oldest);

	if (slot_is_before(entry->newest, oldest))
		cells_remove(ledger, entry, (struct selection){ .by_slot = true, .value = -1 });
	else if (span < SLOTS_SPAN)
		cells_remove(ledger, entry, (struct selection){ .by_slot = true, .value = span });
	return entry->stack == INDEX_NONE;
}

void cells_forget_all(struct ledger *ledger, struct entry *entry)
{
	if (entry->flags & ENTRY_USED)
		cells_remove(ledger, entry, (struct selection){ .by_slot = true, .value = -1 });
}

void cells_forget_origin(struct ledger *ledger, struct entry *entry, uint16_t origin)
{
	cells_remove(ledger, entry, (struct selection){ .value = origin });
}

/* ---- the join ---- */

/* Puts a cell on top, or under those of newer slots; returns its place. There is room. */
static uint32_t cell_push(struct ledger *ledger, struct entry *holder, const struct ledger_cell *cell)
{
	const uint16_t behind = slots_behind(holder, cell);
	uint32_t at, below = holder->stack;

	if (needs_block(holder))
		holder->stack = block_take(ledger, cell->origin / INCARNATIONS_MAX, below) * BLOCK_PLACES;
	else
		holder->stack++;
	for (at = holder->stack; below != INDEX_NONE && slots_behind(holder, ledger_at(ledger, below)) < behind;) {
		*ledger_at(ledger, at) = *ledger_at(ledger, below);
		at = below;
		below = stack_below(ledger, below);
	}
	*ledger_at(ledger, at) = *cell;
	return at;
}

static bool is_newest(const struct entry *holder, uint16_t slot)
{
	return holder->stack == INDEX_NONE || slot_is_before(holder->newest, slot);
}

uint32_t cell_new(struct ledger *ledger, struct entry *holder, uint16_t slot, const struct ledger_cell *cell)
{
	const uint16_t origin = cell->origin;

	if (!is_newest(holder, slot) && (uint16_t)(holder->newest - slot) >= SLOTS_SPAN)
		return INDEX_NONE; /* nobody holds it any more */
	if (is_newest(holder, slot))
		cells_forget(ledger, holder, (uint16_t)(slot - (SLOTS_SPAN - 1)));
	if (needs_block(holder) && ledger->oldest > 0)
		cells_forget(ledger, holder, (uint16_t)ledger->oldest); /* the sweep of this slot has not come by yet */
	if (!cells_have_room(ledger, origin / INCARNATIONS_MAX, entry_kind(holder), needs_block(holder)))
		return INDEX_NONE;
	if (is_newest(holder, slot))
		holder->newest = slot;
	ledger->cells_held++;
	ledger->origin_cells[origin]++;
	ledger->member_cells[origin / INCARNATIONS_MAX]++;
	line_note(ledger, line_class_of(holder, cell), origin, slot, line_count_of(holder, cell));
	return cell_push(ledger, holder, cell);
}

/* What is remembered of a key's older slots no longer holds, unless it was only its newest that changed. */
static void past_changes(struct entry *holder, uint16_t slot)
{
	if (holder->newest != slot)
		holder->flags &= ~(uint32_t)ENTRY_CACHED;
}

enum join ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version,
		      uint64_t *ret_gain, uint32_t *ret_place)
{
	const uint32_t packets = version->packets > UINT32_MAX ? UINT32_MAX : (uint32_t)version->packets;
	struct entry *holder = &ledger->entries[entry];
	uint32_t place = cell_find(ledger, holder, origin, (uint16_t)version->slot, CELL_PACKETS);
	struct ledger_cell *cell;
	const uint64_t room = ledger_line_room(ledger, holder, origin, (uint16_t)version->slot);
	uint32_t growth;

	*ret_gain = 0;
	if (place == INDEX_NONE) {
		place = cell_new(ledger, holder, (uint16_t)version->slot,
				 &(struct ledger_cell){ .packets = packets,
							.origin = origin,
							.slot = version->slot % SLOTS_SPAN,
							.first = version->first,
							.last = version->last });
		if (place == INDEX_NONE)
			return JOIN_QUOTA;
		*ret_place = place;
		past_changes(holder, (uint16_t)version->slot);
		*ret_gain = packets < room ? packets : room;
		return JOIN_NEW;
	}
	past_changes(holder, (uint16_t)version->slot);
	*ret_place = place;
	cell = ledger_at(ledger, place);
	if (version->first < cell->first)
		cell->first = version->first;
	if (version->last > cell->last)
		cell->last = version->last;
	if (packets < cell->packets)
		return JOIN_SHRUNK;
	if (packets == cell->packets)
		return JOIN_SAME;
	growth = packets - cell->packets;
	line_note(ledger, (enum line_class)entry_kind(holder), origin, (uint16_t)version->slot, growth);
	cell->packets = packets;
	*ret_gain = growth < room ? growth : room;
	return JOIN_GREW;
}

/* ---- sums ---- */

/* A sum under way: first and last in fractions, each cell cheap. */
struct slot_fractions {
	uint64_t packets;
	uint8_t first, last;
	bool is_cut; /* some cell was of a member over its line */
};

static const struct slot_fractions no_fractions = { .first = SLOT_FRACTIONS - 1 };

/*
 * Adds a cell: with its member's others of the kind and slot it counts no more than the member's line carries. What the
 * cells of such a member above this one have stands in `line_above`: looked for cell by cell, it would make the sum
 * quadratic.
 */
static inline void fractions_add(const struct ledger *ledger, const struct entry *entry, const bool *excluded,
				 const struct ledger_cell *cell, struct slot_fractions *sum)
{
	const uint16_t member = cell->origin / INCARNATIONS_MAX;
	uint32_t packets = cell->packets;

	if (ledger_is_over_line(ledger, entry, member, cell_slot_low(entry, cell))) {
		packets = line_read_as(ledger, entry, cell, ledger->line_above[member], excluded);
		ledger->line_above[member] += cell->packets;
		sum->is_cut = true;
	}
	sum->first = cell->first < sum->first ? cell->first : sum->first;
	sum->last = cell->last > sum->last ? cell->last : sum->last;
	sum->packets += packets;
}

static void above_forget(const struct ledger *ledger, uint32_t at, uint32_t end)
{
	for (; at != end; at = ledger_below(ledger, at))
		ledger->line_above[ledger_at(ledger, at)->origin / INCARNATIONS_MAX] = 0;
}

static struct slot_sum slot_sum_of(const struct slot_fractions *fractions, uint64_t slot, const struct mesh *mesh)
{
	const int64_t begins = mesh_slot_start(mesh, slot).ns, slot_ns = mesh_slot_length(mesh).ns;

	if (fractions->packets == 0)
		return (struct slot_sum){ .packets = 0 };
	return (struct slot_sum){
		.first = { begins + fractions->first * slot_ns / SLOT_FRACTIONS },
		.last = { begins + fractions->last * slot_ns / SLOT_FRACTIONS },
		.packets = fractions->packets,
	};
}

/* Adds the cells of one slot, which begin at `at`; returns where those of the next one do. NULL: it is not held. */
static uint32_t slot_add(const struct ledger *ledger, const struct entry *entry, const bool *excluded, uint32_t at,
			 struct slot_fractions *sum)
{
	const uint32_t top = at;
	const uint8_t slot = ledger_at(ledger, at)->slot;

	for (; at != INDEX_NONE && ledger_at(ledger, at)->slot == slot; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (sum && !excluded[cell->origin])
			fractions_add(ledger, entry, excluded, cell, sum);
	}
	if (sum && sum->is_cut)
		above_forget(ledger, top, at);
	return at;
}

void ledger_sum(const struct ledger *ledger, const struct entry *entry, uint32_t place, uint64_t oldest,
		const struct mesh *mesh, const bool *excluded, struct slot_sums *ret_sums)
{
	struct slot_fractions fractions[SLOTS_HELD];

	for (unsigned int slot = 0; slot < SLOTS_HELD; slot++)
		fractions[slot] = no_fractions;
	for (uint32_t at = place; at != INDEX_NONE;) {
		const uint16_t slot = (uint16_t)(cell_slot_low(entry, ledger_at(ledger, at)) - (uint16_t)oldest);

		at = slot_add(ledger, entry, excluded, at, slot < SLOTS_HELD ? &fractions[slot] : NULL);
	}
	for (unsigned int slot = 0; slot < SLOTS_HELD; slot++)
		ret_sums->sum[slot] = slot_sum_of(&fractions[slot], oldest + slot, mesh);
}

/* The cells of a block are looked at in a row: this is what a verdict costs most. Returns where the next slot is. */
static uint32_t newest_add(const struct ledger *ledger, const struct entry *entry, const bool *excluded,
			   struct slot_fractions *sum)
{
	for (uint32_t at = entry->stack; at != INDEX_NONE;) {
		const struct cell_block *block = &ledger->blocks[at / BLOCK_PLACES];
		const uint32_t first = at - at % BLOCK_PLACES;

		for (uint32_t i = at % BLOCK_PLACES + 1; i-- > 0;) {
			const struct ledger_cell *cell = &block->cells[i];

			if (cell_is_extra(cell))
				continue;
			if (!cell_is_newest(entry, cell))
				return first + i;
			if (!excluded[cell->origin])
				fractions_add(ledger, entry, excluded, cell, sum);
		}
		at = block->below;
	}
	return INDEX_NONE;
}

struct slot_sum ledger_sum_newest(const struct ledger *ledger, const struct entry *entry, uint64_t slot,
				  const struct mesh *mesh, const bool *excluded)
{
	struct slot_fractions fractions = no_fractions;
	const uint32_t end = newest_add(ledger, entry, excluded, &fractions);

	if (fractions.is_cut)
		above_forget(ledger, ledger_first(ledger, entry), end);
	return slot_sum_of(&fractions, slot, mesh);
}

uint32_t ledger_below_newest(const struct ledger *ledger, const struct entry *entry)
{
	uint32_t at = ledger_first(ledger, entry);

	while (at != INDEX_NONE && cell_is_newest(entry, ledger_at(ledger, at)))
		at = ledger_below(ledger, at);
	return at;
}
