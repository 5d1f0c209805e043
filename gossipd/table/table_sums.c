/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums of clients and networks: the map they are kept in, and the pass over the records for those that begin. Of a
 * client's pairs the tags alone are read, which are their keys, until one of a key that begins is met. A network's sum
 * is that of its destinations: a head counts every packet to its address, also of pairs that have no record.
 */
#include <string.h>

#include "sums.h"
#include "table_internal.h"

#define TAGS_AHEAD 16 /* sets */
#define KEYS_BYTES 64 /* of an IPv6 set's keys, to be prefetched at a time */

struct passing {
	struct table *table;
	struct sums *sums;
	void (*each)(void *user, struct sum_begin *begin, const struct cell *counted);
	void *user;
	uint32_t work, work_max; /* sets and other places looked at in this part */
};

struct kept_sum *table_sums(const struct table *table)
{
	return table->sums;
}

/* ---- gains ---- */

#define NETWORK_MASK4 htobe64(UINT64_MAX << (32 - NETWORK_BITS_IPV4)) /* of the second word of an IPv4 address */
#define NETWORK_MASK6 htobe64(UINT64_MAX << (64 - NETWORK_BITS_IPV6)) /* of the first word of an IPv6 address */

static inline bool is_of_client(const struct harvested *cell)
{
	return cell->kind == KEY_PAIR || cell->kind == KEY_CLIENT;
}

/* A pair counts for its client, a destination for its network. By words: see spot_key. */
static inline void place_of(const struct harvested *cell, uint64_t ret_words[2])
{
	const bool client = is_of_client(cell);

	memcpy(ret_words, client ? &cell->key.client : &cell->key.destination, sizeof(uint64_t[2]));
	if (client)
		return;
	if (words_are_ipv4((const __u64 *)ret_words)) {
		ret_words[1] &= NETWORK_MASK4;
	} else {
		ret_words[0] &= NETWORK_MASK6;
		ret_words[1] = 0;
	}
}

static inline void add(struct sums *sums, const uint64_t words[2], uint64_t hash, const struct harvested *cell)
{
	const enum key_kind kind = is_of_client(cell) ? KEY_CLIENT : KEY_NETWORK;
	const struct sum_gain gain = {
		.slot = cell->slot,
		.first = cell->first,
		.last = cell->last,
		.packets = cell->gain,
		.size = cell->size,
		.fresh = cell->gain == cell->packets,
	};

	if (gain.packets > 0)
		sums_add(sums, kind, words, hash, &gain);
	else
		sums_meet(sums, kind, words, hash, cell->slot, (uint32_t)cell->packets);
}

void table_sums_add(struct sums *sums, const struct harvested *cells, size_t count)
{
	uint64_t words[HARVESTED_AT_ONCE][2], hashes[HARVESTED_AT_ONCE];

	for (size_t i = 0; i < count; i++) {
		place_of(&cells[i], words[i]);
		hashes[i] = sum_hash(sums, words[i]);
		__builtin_prefetch(sum_bucket_of(sums, !is_of_client(&cells[i]), hashes[i]));
	}
	for (size_t i = 0; i < count; i++)
		add(sums, words[i], hashes[i], &cells[i]);
}

/* ---- the pass for the keys that begin ---- */

/* The cell of a record as it was harvested last. */
static struct cell cell_of(const struct passing *passing, const struct key *key, const struct words *words)
{
	const uint64_t slot_now = passing->sums->slot, slot = slot_now - (uint16_t)(slot_now - *words->slot);
	const struct instant begins = { (int64_t)slot * passing->sums->slot_ns };
	const struct instant started = table_mesh_of(passing->table, WORD_LOW(words->window)),
			     last = table_mesh_of(passing->table, words->last);
	const bool inside = !instant_is_before(started, begins) && started.ns - begins.ns < passing->sums->slot_ns;

	return (struct cell){
		.key = *key,
		.slot = slot,
		.first = inside ? slot_fraction_of(begins, passing->sums->slot_ns, started) : 0,
		.last = slot_fraction_of(begins, passing->sums->slot_ns, last),
		.packets = WORD_HIGH(*words->harvest) - WORD_LOW(*words->harvest),
	};
}

static void meet_record(struct passing *passing, struct sum_begin *begin, const struct key *key,
			const struct words *words)
{
	const struct cell cell = cell_of(passing, key, words);

	if (*words->harvest != 0 && cell.packets > 0 && cell.slot + 1 >= passing->sums->slot)
		passing->each(passing->user, begin, &cell);
}

/* ---- pairs ---- */

static __attribute__((noinline)) void meet_pair(struct passing *passing, const struct pairs *pairs,
						const struct spot *spot)
{
	const uint64_t tag = load64(&spot->set->tags[spot->way]);
	struct sum_begin *begin;
	struct words words;
	struct key key;

	if (tag == TAG_EMPTY || tag >= TAG_DEAD)
		return;
	key = spot_key(pairs, spot, tag);
	begin = sum_begin_of(passing->sums, KEY_CLIENT, &key.client);
	if (!begin)
		return;
	words = words_of_pair(passing->table, spot_record(spot));
	meet_record(passing, begin, &key, &words);
}

/* Which ways of a set have perhaps the record of a client that begins. Without branches: most have none. */
static inline unsigned int ways_of4(const struct sums *sums, const struct pair4_set *set)
{
	unsigned int ways = 0;

#pragma GCC unroll 8
	for (unsigned int way = 0; way < SET_WAYS; way++) {
		const uint32_t client = (uint32_t)(load64(&set->tags[way]) >> 32);

		ways |= (unsigned int)sum_may_begin(sums, 0, ipv4_mapped(client)) << way;
	}
	return ways;
}

static inline unsigned int ways_of6(const struct sums *sums, const struct pair6_set *set)
{
	unsigned int ways = 0;

#pragma GCC unroll 8
	for (unsigned int way = 0; way < SET_WAYS; way++)
		ways |= (unsigned int)sum_may_begin(sums, set->keys[way].words[0], set->keys[way].words[1]) << way;
	return ways;
}

static inline void pass_set(struct passing *passing, const struct pairs *pairs, uint32_t set_index)
{
	struct pair4_set *set = set_of_index(pairs, set_index);
	unsigned int ways = pairs->ipv6 ? ways_of6(passing->sums, (const struct pair6_set *)(const void *)set)
					: ways_of4(passing->sums, set);

	for (; ways; ways &= ways - 1)
		meet_pair(passing, pairs, &(struct spot){ set, set_index, (unsigned int)__builtin_ctz(ways) });
}

static inline void foresee_set(const struct pairs *pairs, uint32_t set_index)
{
	const struct pair4_set *set = set_of_index(pairs, set_index & (pairs->count - 1));
	const uint8_t *keys = (const uint8_t *)((const struct pair6_set *)(const void *)set)->keys;

	__builtin_prefetch(set->tags);
	for (size_t at = 0; pairs->ipv6 && at < SET_WAYS * sizeof(struct pair6_key); at += KEYS_BYTES)
		__builtin_prefetch(keys + at);
}

static void pass_pairs(struct passing *passing, const struct pairs *pairs)
{
	uint32_t *next = &passing->table->sums_pass.next, set_index = *next;
	const uint32_t left = passing->work_max - passing->work,
		       end = pairs->count - set_index < left ? pairs->count : set_index + left;

	passing->work += end - set_index;
	for (; set_index < end; set_index++) {
		foresee_set(pairs, set_index + TAGS_AHEAD);
		pass_set(passing, pairs, set_index);
	}
	*next = set_index;
}

/* ---- destinations ---- */

static struct sum_begin *network_begins(struct passing *passing, const struct address *destination)
{
	const struct address network = network_of(destination);

	return sum_begin_of(passing->sums, KEY_NETWORK, &network);
}

static void pass_head(struct passing *passing, uint32_t destination)
{
	const struct destination_head *head = &passing->table->heads[destination];
	struct sum_begin *begin;
	struct address address;
	struct words words;
	struct key key;

	memcpy(&address, head->address, sizeof(address));
	if (address_is_zero(&address) || head->flags & HEAD_LEAVING)
		return; /* what one that leaves has counted is among the departed */
	begin = network_begins(passing, &address);
	if (!begin)
		return;
	words = words_of_destination(passing->table, destination);
	key = key_of_destination(&address);
	meet_record(passing, begin, &key, &words);
}

static void pass_departed(struct passing *passing, const struct departed *departed)
{
	const uint64_t slot_now = passing->sums->slot;
	struct sum_begin *begin;
	struct cell cell = { .slot = departed->slot, .packets = departed->packets };
	struct address address;

	if (departed->packets == 0 || departed->slot + 1 < slot_now || departed->slot > slot_now)
		return;
	memcpy(&address, departed->address, sizeof(address));
	begin = network_begins(passing, &address);
	if (!begin)
		return;
	cell.key = key_of_destination(&address);
	cell.last = slot_fraction_of((struct instant){ (int64_t)cell.slot * passing->sums->slot_ns },
				     passing->sums->slot_ns, table_mesh_of(passing->table, departed->last));
	passing->each(passing->user, begin, &cell);
}

static void pass_departed_set(struct passing *passing, uint32_t set)
{
	for (unsigned int way = 0; way < DEPARTED_WAYS; way++)
		pass_departed(passing, &passing->table->departed[set].ways[way]);
}

/* ---- coarse entries ---- */

static void pass_coarse(struct passing *passing, uint32_t index)
{
	const uint64_t slot_now = passing->sums->slot;
	struct harvest_words words;
	struct sum_begin *begin;
	struct cell cell = { .last = 0 };
	const struct address *address;

	if (!coarse_harvested(passing->table, index, &cell.key, &words))
		return;
	cell.slot = slot_now - (uint16_t)(slot_now - words.slot);
	cell.packets = words.harvested_packets - words.slot_start_packets;
	if (cell.packets == 0 || cell.slot + 1 < slot_now)
		return;
	address = key_kind(&cell.key) == KEY_NETWORK ? &cell.key.destination : &cell.key.client;
	begin = sum_begin_of(passing->sums, key_kind(&cell.key), address);
	if (begin)
		passing->each(passing->user, begin, &cell);
}

/* ---- the stages ---- */

enum stage { STAGE_PAIRS4, STAGE_PAIRS6, STAGE_HEADS, STAGE_DEPARTED, STAGE_COARSE, STAGES };

static uint32_t stage_size(const struct table *table, enum stage stage)
{
	switch (stage) {
	case STAGE_PAIRS4:
		return table->pairs4.count;
	case STAGE_PAIRS6:
		return table->pairs6.count;
	case STAGE_HEADS:
		return table->destinations_max;
	case STAGE_DEPARTED:
		return table->departed_sets;
	case STAGE_COARSE:
		return COARSE_KINDS * COARSE_ROWS * COARSE_ENTRIES;
	case STAGES:
		break;
	}
	return 0;
}

static void pass_each(struct passing *passing, uint32_t size, void (*one)(struct passing *passing, uint32_t index))
{
	uint32_t *next = &passing->table->sums_pass.next;

	for (; *next < size && passing->work < passing->work_max; (*next)++, passing->work++)
		one(passing, *next);
}

/* Goes on with a stage; false: there is more of it. */
static bool pass_stage(struct passing *passing, enum stage stage)
{
	struct table *table = passing->table;
	const uint32_t size = stage_size(table, stage);

	if (stage == STAGE_PAIRS4)
		pass_pairs(passing, &table->pairs4);
	else if (stage == STAGE_PAIRS6)
		pass_pairs(passing, &table->pairs6);
	else
		pass_each(passing, size,
			  stage == STAGE_HEADS	    ? pass_head
			  : stage == STAGE_DEPARTED ? pass_departed_set
						    : pass_coarse);
	return table->sums_pass.next == size;
}

bool table_sums_pass(struct table *table, struct sums *sums, uint32_t work_max,
		     void (*each)(void *user, struct sum_begin *begin, const struct cell *counted), void *user)
{
	struct passing passing = { table, sums, each, user, 0, work_max };

	for (; table->sums_pass.stage < STAGES; table->sums_pass.stage++, table->sums_pass.next = 0) {
		if (!pass_stage(&passing, table->sums_pass.stage))
			return false;
	}
	table->sums_pass.stage = 0;
	return true;
}
