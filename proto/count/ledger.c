/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys, and who may bring how many. Their cells are ledger_cells.c's. Which cells may enter is decided before (receive.c), what they mean after
 * (judge.c).
 *
 * Keys stand in an open-addressing index with linear probing; deletion shifts the following keys back, so there are no tombstones. The
 * pairs of a destination form a list, so that fair can walk them.
 */
#include "ledger.h"

#include "arena.h"

/* Three quarters full at most. */
static uint32_t index_size(uint32_t keys_max)
{
	return keys_max + keys_max / 3 + 1;
}

static uint32_t blocks_for(uint32_t keys_max, uint32_t cells_max)
{
	const uint32_t blocks = cells_max / BLOCK_CELLS + (cells_max % BLOCK_CELLS ? 1 : 0);

	return blocks < keys_max ? keys_max : blocks;
}

static void ledger_place(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max, uint32_t members_max)
{
	const uint32_t blocks = blocks_for(keys_max, cells_max), key_cells = members_max * INCARNATIONS_MAX * SLOTS_SPAN;

	ledger->entries = arena_take(arena, keys_max, sizeof(*ledger->entries));
	ledger->blocks = arena_take(arena, blocks, sizeof(*ledger->blocks));
	ledger->block_makers = arena_take(arena, blocks, sizeof(*ledger->block_makers));
	ledger->index = arena_take(arena, index_size(keys_max), sizeof(*ledger->index));
	ledger->chain = arena_take(arena, key_cells / BLOCK_CELLS + 1, sizeof(*ledger->chain));
}

size_t ledger_bytes(uint32_t keys_max, uint32_t cells_max, uint32_t members_max)
{
	struct arena arena = { .memory = NULL };
	struct ledger ledger;

	ledger_place(&ledger, &arena, keys_max, cells_max, members_max);
	return arena.used;
}

void ledger_init(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max, uint32_t members_max,
		 const uint64_t hash_seed[2])
{
	const uint32_t blocks = blocks_for(keys_max, cells_max);

	*ledger = (struct ledger){
		.index_size = index_size(keys_max),
		.keys_max = keys_max,
		.blocks_max = blocks,
		.cells_max = blocks * BLOCK_CELLS,
		.members_max = members_max,
		.entries_free = INDEX_NONE,
		.blocks_free = INDEX_NONE,
		.hash_seed = { hash_seed[0], hash_seed[1] },
	};
	ledger_place(ledger, arena, keys_max, cells_max, members_max);
	memset(ledger->line_packets, 0xff, sizeof(ledger->line_packets));
	memset(ledger->index, 0xff, (size_t)ledger->index_size * sizeof(*ledger->index));
	for (uint32_t i = keys_max; i-- > 0;) {
		ledger->entries[i] = (struct entry){ .cells = ledger->entries_free };
		ledger->entries_free = i;
	}
	for (uint32_t i = blocks; i-- > 0;) {
		ledger->blocks[i] = (struct cell_block){ .below = ledger->blocks_free };
		ledger->blocks_free = i;
	}
}

void ledger_advance(struct ledger *ledger, uint64_t oldest)
{
	const bool paused = ledger->oldest > 0 && oldest > ledger->oldest + PAUSE_SLOTS;

	for (uint32_t i = 0; paused && i < ledger->entries_high; i++)
		cells_forget_all(ledger, &ledger->entries[i]);
	if (oldest > ledger->oldest)
		ledger->oldest = oldest;
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
	return (uint32_t)((uint64_t)(uint32_t)(h ^ h >> 32) * ledger->index_size >> 32);
}

static uint32_t index_after(const struct ledger *ledger, uint32_t at)
{
	return at + 1 == ledger->index_size ? 0 : at + 1;
}

/* Places from `from` on to `to`. */
static uint32_t index_distance(const struct ledger *ledger, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : to + ledger->index_size - from;
}

static bool entry_is_of(const struct ledger *ledger, const struct entry *entry, const struct key *key)
{
	if (entry_is_destination(entry))
		return address_equal(&entry->address, &key->destination) && key_is_destination(key);
	return address_equal(&entry->address, &key->client) &&
	       address_equal(&ledger->entries[entry->destination].address, &key->destination);
}

/* The index slot of a key, or the empty one where it belongs. The index is never more than 3/4 full, so there is one. */
static uint32_t index_probe(const struct ledger *ledger, const struct key *key)
{
	uint32_t at = key_home(ledger, key);

	while (ledger->index[at] != INDEX_NONE && !entry_is_of(ledger, &ledger->entries[ledger->index[at]], key))
		at = index_after(ledger, at);
	return at;
}

static void index_remove(struct ledger *ledger, const struct key *key)
{
	uint32_t hole = index_probe(ledger, key);

	for (uint32_t at = index_after(ledger, hole); ledger->index[at] != INDEX_NONE; at = index_after(ledger, at)) {
		const struct key other = ledger_key(ledger, &ledger->entries[ledger->index[at]]);

		/* Move back what could not stand at its home because of the hole. */
		if (index_distance(ledger, key_home(ledger, &other), at) >= index_distance(ledger, hole, at)) {
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

/* `destination`: of a pair, its destination's entry; else INDEX_NONE. */
static uint32_t entry_new(struct ledger *ledger, uint16_t origin, const struct key *key, uint32_t destination)
{
	const uint32_t number = ledger->entries_free;

	if (number == INDEX_NONE)
		return INDEX_NONE;
	ledger->entries_free = ledger->entries[number].cells;
	ledger->entries[number] = (struct entry){
		.address = destination == INDEX_NONE ? key->destination : key->client,
		.destination = destination,
		.cells = INDEX_NONE,
		.group = INDEX_NONE,
		.group_previous = INDEX_NONE,
		.pass_share = UINT16_MAX,
		.flags = ENTRY_USED,
		.maker = origin / INCARNATIONS_MAX,
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
		return entry_new(ledger, origin, key, INDEX_NONE);
	if (destination == INDEX_NONE)
		destination = entry_new(ledger, origin, &destination_key, INDEX_NONE);
	if (destination == INDEX_NONE)
		return INDEX_NONE;
	number = entry_new(ledger, origin, key, destination);
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
	const struct key key = ledger_key(ledger, entry);

	index_remove(ledger, &key);
	ledger->member_keys[entry->maker]--;
	if (!entry_is_destination(entry)) {
		ledger->entries[entry->group_previous].group = entry->group;
		if (entry->group != INDEX_NONE)
			ledger->entries[entry->group].group_previous = entry->group_previous;
	}
	*entry = (struct entry){ .cells = ledger->entries_free };
	ledger->entries_free = number;
	ledger->keys_held--;
}

bool ledger_has_room(const struct ledger *ledger, uint16_t origin, uint32_t new_keys)
{
	const uint16_t member = origin / INCARNATIONS_MAX;

	if (!cells_have_room(ledger, member, new_keys > 0))
		return false;
	return new_keys == 0 || ledger->keys_held + new_keys <= ledger->keys_max / 2 ||
	       ledger->member_keys[member] + new_keys <= ledger_guarantee(ledger, member, ledger->keys_max);
}

bool ledger_forget(struct ledger *ledger, uint32_t number, uint64_t oldest)
{
	struct entry *entry = &ledger->entries[number];

	if (!cells_forget(ledger, entry, (uint16_t)oldest))
		return false;
	if (entry_is_destination(entry) && entry->group != INDEX_NONE) {
		ledger_key_passes(ledger, entry, ledger->entries[entry->group].maker);
		return false; /* its pairs still need it */
	}
	entry_free(ledger, number);
	return true;
}

void ledger_forget_origin(struct ledger *ledger, uint16_t origin)
{
	for (uint32_t i = 0; i < ledger->entries_high; i++) {
		if (ledger->entries[i].flags & ENTRY_USED)
			cells_forget_origin(ledger, &ledger->entries[i], origin);
	}
}
