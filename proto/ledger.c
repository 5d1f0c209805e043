/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys, their cells, and the join. Which cells may enter is decided before (receive.c), what they mean after (judge.c).
 *
 * Keys stand in an open-addressing index with linear probing; deletion shifts the following keys back, so there are no tombstones. The
 * pairs of a destination form a list, so that fair can walk them.
 */
#include "ledger.h"

#include "arena.h"

static uint32_t index_size(uint32_t keys_max)
{
	uint32_t size = 64;

	while (size < keys_max + keys_max / 3)
		size *= 2;
	return size;
}

static void ledger_place(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max)
{
	ledger->entries = arena_take(arena, keys_max, sizeof(*ledger->entries));
	ledger->cells = arena_take(arena, cells_max, sizeof(*ledger->cells));
	ledger->index = arena_take(arena, index_size(keys_max), sizeof(*ledger->index));
}

size_t ledger_bytes(uint32_t keys_max, uint32_t cells_max)
{
	struct arena arena = { .memory = NULL };
	struct ledger ledger;

	ledger_place(&ledger, &arena, keys_max, cells_max);
	return arena.used;
}

void ledger_init(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max, uint32_t members_max,
		 const uint64_t hash_seed[2])
{
	*ledger = (struct ledger){
		.index_mask = index_size(keys_max) - 1,
		.keys_max = keys_max,
		.cells_max = cells_max,
		.members_max = members_max,
		.entries_free = INDEX_NONE,
		.cells_free = INDEX_NONE,
		.hash_seed = { hash_seed[0], hash_seed[1] },
	};
	ledger_place(ledger, arena, keys_max, cells_max);
	memset(ledger->line_packets, 0xff, sizeof(ledger->line_packets));
	memset(ledger->index, 0xff, ((size_t)ledger->index_mask + 1) * sizeof(*ledger->index));
	for (uint32_t i = keys_max; i-- > 0;) {
		ledger->entries[i] = (struct entry){ .cells = ledger->entries_free };
		ledger->entries_free = i;
	}
	for (uint32_t i = cells_max; i-- > 0;) {
		ledger->cells[i] = (struct ledger_cell){ .next = ledger->cells_free };
		ledger->cells_free = i;
	}
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

static uint32_t key_home(const struct ledger *ledger, const struct key *key)
{
	uint64_t words[4], h = ledger->hash_seed[0];

	memcpy(words, key, sizeof(words));
	for (unsigned int i = 0; i < 4; i++)
		h = mix(h ^ words[i]) + ledger->hash_seed[1];
	return (uint32_t)(h ^ h >> 32) & ledger->index_mask;
}

/* The index slot of a key, or the empty one where it belongs. The index is never more than 3/4 full, so there is one. */
static uint32_t index_probe(const struct ledger *ledger, const struct key *key)
{
	uint32_t at = key_home(ledger, key);

	while (ledger->index[at] != INDEX_NONE && !key_equal(&ledger->entries[ledger->index[at]].key, key))
		at = (at + 1) & ledger->index_mask;
	return at;
}

static void index_remove(struct ledger *ledger, const struct key *key)
{
	uint32_t hole = index_probe(ledger, key);

	for (uint32_t at = (hole + 1) & ledger->index_mask; ledger->index[at] != INDEX_NONE; at = (at + 1) & ledger->index_mask) {
		const uint32_t home = key_home(ledger, &ledger->entries[ledger->index[at]].key);

		/* Move back what could not stand at its home because of the hole. */
		if (((at - home) & ledger->index_mask) >= ((at - hole) & ledger->index_mask)) {
			ledger->index[hole] = ledger->index[at];
			hole = at;
		}
	}
	ledger->index[hole] = INDEX_NONE;
}

uint32_t ledger_find(const struct ledger *ledger, const struct key *key)
{
	return ledger->index[index_probe(ledger, key)];
}

static uint32_t entry_new(struct ledger *ledger, uint16_t origin, const struct key *key)
{
	const uint32_t number = ledger->entries_free;

	if (number == INDEX_NONE)
		return INDEX_NONE;
	ledger->entries_free = ledger->entries[number].cells;
	ledger->entries[number] = (struct entry){
		.key = *key,
		.cells = INDEX_NONE,
		.group = INDEX_NONE,
		.group_previous = INDEX_NONE,
		.pass_share = UINT16_MAX,
		.flags = ENTRY_USED,
		.maker = (uint16_t)(origin / INCARNATIONS_MAX),
	};
	ledger->member_keys[origin / INCARNATIONS_MAX]++;
	ledger->index[index_probe(ledger, key)] = number;
	ledger->keys_held++;
	if (number >= ledger->entries_high)
		ledger->entries_high = number + 1;
	return number;
}

uint32_t ledger_make(struct ledger *ledger, uint16_t origin, const struct key *key)
{
	uint32_t number = ledger_find(ledger, key), destination;
	struct key destination_key;

	if (number != INDEX_NONE)
		return number;
	destination_key = key_of_destination(&key->destination);
	destination = key_is_destination(key) ? INDEX_NONE : ledger_find(ledger, &destination_key);
	if (!ledger_has_room(ledger, origin, key_is_destination(key) || destination != INDEX_NONE ? 1 : 2))
		return INDEX_NONE;
	if (key_is_destination(key))
		return entry_new(ledger, origin, key);
	if (destination == INDEX_NONE)
		destination = entry_new(ledger, origin, &destination_key);
	if (destination == INDEX_NONE)
		return INDEX_NONE;
	number = entry_new(ledger, origin, key);
	if (number == INDEX_NONE)
		return INDEX_NONE;

	struct entry *entry = &ledger->entries[number], *head = &ledger->entries[destination];

	entry->group = head->group;
	entry->group_previous = destination;
	if (head->group != INDEX_NONE)
		ledger->entries[head->group].group_previous = number;
	head->group = number;
	return number;
}

static void entry_free(struct ledger *ledger, uint32_t number)
{
	struct entry *entry = &ledger->entries[number];

	index_remove(ledger, &entry->key);
	ledger->member_keys[entry->maker]--;
	if (!key_is_destination(&entry->key)) {
		ledger->entries[entry->group_previous].group = entry->group;
		if (entry->group != INDEX_NONE)
			ledger->entries[entry->group].group_previous = entry->group_previous;
	}
	*entry = (struct entry){ .cells = ledger->entries_free };
	ledger->entries_free = number;
	ledger->keys_held--;
}

/* Slots held are never 2^15 apart. */
static bool slot_is_before(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b) < 0;
}

static struct ledger_cell *cell_find(const struct ledger *ledger, const struct entry *entry, uint16_t origin, uint16_t slot)
{
	for (uint32_t at = entry->cells; at != INDEX_NONE && !slot_is_before(ledger->cells[at].slot, slot); at = ledger->cells[at].next) {
		if (ledger->cells[at].origin == origin && ledger->cells[at].slot == slot)
			return &ledger->cells[at];
	}
	return NULL;
}

const struct ledger_cell *ledger_cell_of(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot)
{
	return cell_find(ledger, &ledger->entries[entry], origin, (uint16_t)slot);
}

static uint32_t guarantee(const struct ledger *ledger, uint16_t member, uint32_t pool)
{
	return member == 0 ? pool / 4 : pool / 4 / ledger->members_max;
}

bool ledger_has_room(const struct ledger *ledger, uint16_t origin, uint32_t new_keys)
{
	const uint16_t member = origin / INCARNATIONS_MAX;

	if (ledger->cells_free == INDEX_NONE)
		return false;
	if (ledger->cells_held >= ledger->cells_max / 2 && ledger->member_cells[member] >= guarantee(ledger, member, ledger->cells_max))
		return false;
	return new_keys == 0 || ledger->keys_held + new_keys <= ledger->keys_max / 2 ||
	       ledger->member_keys[member] + new_keys <= guarantee(ledger, member, ledger->keys_max);
}

static uint32_t cell_new(struct ledger *ledger, struct entry *holder, uint16_t origin, const struct cell *version, uint32_t packets)
{
	const uint32_t number = ledger->cells_free;
	struct ledger_cell *cell = &ledger->cells[number];
	uint32_t *link = &holder->cells;

	ledger->cells_free = cell->next;
	while (*link != INDEX_NONE && slot_is_before((uint16_t)version->slot, ledger->cells[*link].slot))
		link = &ledger->cells[*link].next;
	*cell = (struct ledger_cell){ .packets = packets,
				      .next = *link,
				      .origin = origin,
				      .slot = (uint16_t)version->slot,
				      .first = version->first,
				      .last = version->last };
	*link = number;
	ledger->cells_held++;
	ledger->origin_cells[origin]++;
	ledger->member_cells[origin / INCARNATIONS_MAX]++;
	return number;
}

/* What is remembered of a key's older slots no longer holds, unless it was only its newest that changed. */
static void past_changes(const struct ledger *ledger, struct entry *holder, uint16_t slot)
{
	if (ledger->cells[holder->cells].slot != slot)
		holder->flags &= (uint16_t)~ENTRY_PAST;
}

enum join ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version, uint64_t *ret_gain, uint32_t *ret_cell)
{
	const uint32_t packets = version->packets > UINT32_MAX ? UINT32_MAX : (uint32_t)version->packets;
	struct entry *holder = &ledger->entries[entry];
	struct ledger_cell *cell = cell_find(ledger, holder, origin, (uint16_t)version->slot);

	*ret_gain = 0;
	if (!cell) {
		if (!ledger_has_room(ledger, origin, 0))
			return JOIN_QUOTA;
		*ret_cell = cell_new(ledger, holder, origin, version, packets);
		past_changes(ledger, holder, (uint16_t)version->slot);
		*ret_gain = ledger_within_line(ledger, origin, packets);
		return JOIN_GREW;
	}
	past_changes(ledger, holder, cell->slot);
	*ret_cell = (uint32_t)(cell - ledger->cells);
	if (version->first < cell->first)
		cell->first = version->first;
	if (version->last > cell->last)
		cell->last = version->last;
	if (packets < cell->packets)
		return JOIN_SHRUNK;
	if (packets == cell->packets)
		return JOIN_SAME;
	*ret_gain = ledger_within_line(ledger, origin, packets) - ledger_within_line(ledger, origin, cell->packets);
	cell->packets = packets;
	return JOIN_GREW;
}

/* A sum under way: first and last in fractions, each cell cheap. */
struct slot_fractions {
	uint64_t packets;
	uint8_t first, last;
};

/* What a cell counts for: no more than the member's line leaves after its cells before this one in the slot, whose cells begin at `group`.
 * Only a member that ran in several incarnations can have some. */
static uint32_t counted_packets(const struct ledger *ledger, uint32_t group, uint32_t number, const bool *excluded)
{
	const struct ledger_cell *cell = &ledger->cells[number];
	const uint16_t member = cell->origin / INCARNATIONS_MAX;
	uint64_t left = ledger->line_packets[member];

	if (left == UINT32_MAX)
		return cell->packets;
	if (ledger->origin_cells[cell->origin] != ledger->member_cells[member]) {
		for (uint32_t at = group; at != number; at = ledger->cells[at].next) {
			const struct ledger_cell *before = &ledger->cells[at];

			if (before->origin / INCARNATIONS_MAX == member && !excluded[before->origin])
				left -= before->packets < left ? before->packets : left;
		}
	}
	return cell->packets < left ? cell->packets : (uint32_t)left;
}

static void fractions_add(struct slot_fractions *sum, const struct ledger_cell *cell, uint32_t packets)
{
	if (sum->packets == 0 || cell->first < sum->first)
		sum->first = cell->first;
	if (sum->packets == 0 || cell->last > sum->last)
		sum->last = cell->last;
	sum->packets += packets;
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

void ledger_sum(const struct ledger *ledger, uint32_t cell, uint64_t oldest, const struct mesh *mesh, const bool *excluded, struct slot_sums *ret_sums)
{
	struct slot_fractions fractions[SLOTS_HELD] = { { .packets = 0 } };

	for (uint32_t group = cell; cell != INDEX_NONE; cell = ledger->cells[cell].next) {
		const uint16_t place = (uint16_t)(ledger->cells[cell].slot - (uint16_t)oldest);

		if (ledger->cells[cell].slot != ledger->cells[group].slot)
			group = cell;
		if (place < SLOTS_HELD && !excluded[ledger->cells[cell].origin])
			fractions_add(&fractions[place], &ledger->cells[cell], counted_packets(ledger, group, cell, excluded));
	}
	for (unsigned int place = 0; place < SLOTS_HELD; place++)
		ret_sums->sum[place] = slot_sum_of(&fractions[place], oldest + place, mesh);
}

struct slot_sum ledger_sum_slot(const struct ledger *ledger, uint32_t cell, uint64_t slot, const struct mesh *mesh, const bool *excluded)
{
	struct slot_fractions fractions = { .packets = 0 };
	const uint32_t group = cell;

	for (; cell != INDEX_NONE && ledger->cells[cell].slot == (uint16_t)slot; cell = ledger->cells[cell].next) {
		if (!excluded[ledger->cells[cell].origin])
			fractions_add(&fractions, &ledger->cells[cell], counted_packets(ledger, group, cell, excluded));
	}
	return slot_sum_of(&fractions, slot, mesh);
}

/* Takes out a key's cells below slot `value`, or of origin `value`; every loop that removes cells is this one. */
static void cells_remove(struct ledger *ledger, struct entry *entry, bool by_slot, uint16_t value)
{
	uint32_t *link = &entry->cells;

	while (*link != INDEX_NONE) {
		const uint32_t number = *link;
		struct ledger_cell *cell = &ledger->cells[number];
		const bool remove = by_slot ? slot_is_before(cell->slot, value) : cell->origin == value;

		if (!remove) {
			link = &cell->next;
			continue;
		}
		*link = cell->next;
		entry->flags &= (uint16_t)~ENTRY_PAST;
		ledger->origin_cells[cell->origin]--;
		ledger->member_cells[cell->origin / INCARNATIONS_MAX]--;
		cell->next = ledger->cells_free;
		ledger->cells_free = number;
		ledger->cells_held--;
	}
}

bool ledger_forget(struct ledger *ledger, uint32_t entry, uint64_t oldest)
{
	struct entry *holder = &ledger->entries[entry];

	cells_remove(ledger, holder, true, (uint16_t)oldest);
	if (holder->cells != INDEX_NONE)
		return false;
	if (key_is_destination(&holder->key) && holder->group != INDEX_NONE)
		return false; /* its pairs still need it */
	entry_free(ledger, entry);
	return true;
}

void ledger_forget_origin(struct ledger *ledger, uint16_t origin)
{
	for (uint32_t i = 0; i < ledger->entries_high; i++) {
		if (ledger->entries[i].flags & ENTRY_USED)
			cells_remove(ledger, &ledger->entries[i], false, origin);
	}
}
