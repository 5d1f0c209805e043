/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keys of the ledger, and how many keys each member may add. ledger_cells.c has their cells. spread/frames.c and
 * spread/cells.c decide which cells enter the ledger; judge/verdict.c computes what they mean.
 *
 * Keys are in an open-addressing index with linear probing; deletion shifts the following keys back, so there are
 * no tombstones. The pairs of a destination form a list, so that fair can walk them.
 */
#include "ledger.h"

#include "arena.h"
#include "assertion.h"

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

static void ledger_take_memory(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max,
			       uint32_t members_max)
{
	const uint32_t blocks = blocks_for(keys_max, cells_max),
		       key_cells = members_max * INCARNATIONS_MAX * SLOTS_SPAN * (1 + EXTRAS_MAX);

	ledger->entries = arena_take(arena, keys_max, sizeof(*ledger->entries));
	ledger->blocks = arena_take(arena, blocks, sizeof(*ledger->blocks));
	ledger->block_makers = arena_take(arena, blocks, sizeof(*ledger->block_makers));
	ledger->index = arena_take(arena, index_size(keys_max), sizeof(*ledger->index));
	ledger->line_totals = arena_take(arena, members_max, sizeof(*ledger->line_totals));
	ledger->line_above = arena_take(arena, members_max, sizeof(*ledger->line_above));
	ledger->chain = arena_take(arena, key_cells / BLOCK_CELLS + 1, sizeof(*ledger->chain));
}

size_t ledger_bytes(uint32_t keys_max, uint32_t cells_max, uint32_t members_max)
{
	struct arena arena = { .memory = NULL };
	struct ledger ledger;

	ledger_take_memory(&ledger, &arena, keys_max, cells_max, members_max);
	return arena.used;
}

void ledger_init(struct ledger *ledger, struct arena *arena, uint32_t keys_max, uint32_t cells_max,
		 uint32_t members_max, const uint64_t hash_seed[2])
{
	const uint32_t blocks = blocks_for(keys_max, cells_max);

	ASSERT(keys_max <= INDEX_NETWORK);
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
	ledger_take_memory(ledger, arena, keys_max, cells_max, members_max);
	memset(ledger->line_packets, 0xff, sizeof(ledger->line_packets));
	memset(ledger->line_totals, 0, members_max * sizeof(*ledger->line_totals));
	memset(ledger->line_above, 0, members_max * sizeof(*ledger->line_above));
	memset(ledger->index, 0xff, (size_t)ledger->index_size * sizeof(*ledger->index));
	for (uint32_t i = keys_max; i-- > 0;) {
		ledger->entries[i] = (struct entry){ .stack = ledger->entries_free };
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
	if (oldest <= ledger->oldest)
		return;
	if (ledger->oldest == 0 || paused)
		ledger->line_newest = (uint16_t)oldest;
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
	switch (entry_kind(entry)) {
	case KEY_DESTINATION:
	case KEY_NETWORK:
		return address_equal(&entry->address, &key->destination) && key_kind(key) == entry_kind(entry);
	case KEY_CLIENT:
		return address_equal(&entry->address, &key->client) && key_kind(key) == KEY_CLIENT;
	case KEY_PAIR:
		break;
	}
	return address_equal(&entry->address, &key->client) &&
	       address_equal(&ledger->entries[entry->destination].address, &key->destination);
}

/*
 * The index slot of a key, or the empty one where it belongs. The index is never more than 3/4 full, so there is
 * one.
 */
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

void ledger_expect(const struct ledger *ledger, const struct cell *cells, size_t count)
{
	uint32_t numbers[LEDGER_EXPECT_MAX];

	ASSERT(count <= LEDGER_EXPECT_MAX);
	for (size_t i = 0; i < count; i++) {
		numbers[i] = key_home(ledger, &cells[i].key);
		__builtin_prefetch(&ledger->index[numbers[i]]);
	}
	for (size_t i = 0; i < count; i++) {
		numbers[i] = ledger->index[numbers[i]];
		if (numbers[i] == INDEX_NONE)
			continue;
		__builtin_prefetch(&ledger->entries[numbers[i]]);
		/* an entry lies in two lines */
		__builtin_prefetch((const uint8_t *)&ledger->entries[numbers[i] + 1] - 1);
	}
	for (size_t i = 0; i < count; i++) {
		const uint32_t place = numbers[i] == INDEX_NONE ? INDEX_NONE : ledger->entries[numbers[i]].stack;

		if (place != INDEX_NONE)
			__builtin_prefetch(ledger_at(ledger, place));
	}
}

/* `destination`: of a pair, its destination's entry; of another, what stands for its kind. */
static struct address entry_address(const struct key *key)
{
	const enum key_kind kind = key_kind(key);

	return kind == KEY_PAIR || kind == KEY_CLIENT ? key->client : key->destination;
}

static uint32_t entry_new(struct ledger *ledger, uint16_t origin, const struct key *key, uint32_t destination)
{
	const uint32_t number = ledger->entries_free;

	if (number == INDEX_NONE)
		return INDEX_NONE;
	ledger->entries_free = ledger->entries[number].stack;
	ledger->entries[number] = (struct entry){
		.address = entry_address(key),
		.destination = destination,
		.stack = INDEX_NONE,
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

/* A key that is no pair stands alone; `destination` tells its kind. */
static uint32_t make_alone(struct ledger *ledger, uint16_t origin, const struct key *key, uint32_t destination)
{
	if (!ledger_has_room(ledger, origin, key_kind(key), 1))
		return INDEX_NONE;
	return entry_new(ledger, origin, key, destination);
}

static uint32_t make_pair(struct ledger *ledger, uint16_t origin, const struct key *key)
{
	const struct key destination_key = key_of_destination(&key->destination);
	uint32_t destination = ledger_find(ledger, &destination_key), number;

	if (!ledger_has_room(ledger, origin, KEY_PAIR, destination == INDEX_NONE ? 2 : 1))
		return INDEX_NONE;
	if (destination == INDEX_NONE)
		destination = entry_new(ledger, origin, &destination_key, INDEX_DESTINATION);
	if (destination == INDEX_NONE)
		return INDEX_NONE;
	number = entry_new(ledger, origin, key, destination);
	if (number == INDEX_NONE)
		return INDEX_NONE;

	struct entry *entry = &ledger->entries[number], *head = &ledger->entries[destination];

	entry->group = head->group;
	entry->group_previous = destination;
	entry->pass_share = head->pass_share; /* a newcomer is one of those that no share was computed for */
	if (head->group != INDEX_NONE)
		ledger->entries[head->group].group_previous = number;
	head->group = number;
	return number;
}

uint32_t ledger_make(struct ledger *ledger, uint16_t origin, const struct key *key)
{
	const uint32_t number = ledger_find(ledger, key);

	if (number != INDEX_NONE)
		return number;
	switch (key_kind(key)) {
	case KEY_DESTINATION:
		return make_alone(ledger, origin, key, INDEX_DESTINATION);
	case KEY_CLIENT:
		return make_alone(ledger, origin, key, INDEX_CLIENT);
	case KEY_NETWORK:
		return make_alone(ledger, origin, key, INDEX_NETWORK);
	case KEY_PAIR:
		break;
	}
	return make_pair(ledger, origin, key);
}

static void entry_free(struct ledger *ledger, uint32_t number)
{
	struct entry *entry = &ledger->entries[number];
	const struct key key = ledger_key(ledger, entry);

	index_remove(ledger, &key);
	ledger->member_keys[entry->maker]--;
	if (entry_kind(entry) == KEY_PAIR) {
		ledger->entries[entry->group_previous].group = entry->group;
		if (entry->group != INDEX_NONE)
			ledger->entries[entry->group].group_previous = entry->group_previous;
	}
	*entry = (struct entry){ .stack = ledger->entries_free };
	ledger->entries_free = number;
	ledger->keys_held--;
}

bool ledger_has_room(const struct ledger *ledger, uint16_t origin, enum key_kind kind, uint32_t new_keys)
{
	const uint16_t member = origin / INCARNATIONS_MAX;
	const uint32_t keys = ledger_open_to(kind, ledger->keys_max);

	if (!cells_have_room(ledger, member, kind, new_keys > 0))
		return false;
	return new_keys == 0 || ledger->keys_held + new_keys <= keys / 2 ||
	       ledger->member_keys[member] + new_keys <= ledger_guarantee(ledger, member, keys);
}

bool ledger_forget(struct ledger *ledger, uint32_t number, uint64_t oldest)
{
	struct entry *entry = &ledger->entries[number];

	if (!cells_forget(ledger, entry, (uint16_t)oldest))
		return false;
	if (entry_kind(entry) == KEY_DESTINATION && entry->group != INDEX_NONE) {
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
