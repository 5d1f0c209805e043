/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds and makes records: the daemon's side of xdp/pairs.h and xdp/destination.h, by the same rules, on the mapped
 * table.
 */
#include <errno.h>
#include <string.h>

#include "table_internal.h"

static void words_of_key(const struct key *key, __u64 ret_words[4])
{
	memcpy(ret_words, key, sizeof(*key));
}

static uint32_t ipv4_of(const struct address *address)
{
	const uint8_t *b = address->bytes;

	return (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
}

static bool key_is_ipv4(const struct key *key)
{
	return address_is_ipv4(&key->client) && address_is_ipv4(&key->destination);
}

uint64_t tag_of_key(const struct table *table, const struct key *key, bool *ret_ipv6)
{
	__u64 words[4];

	*ret_ipv6 = !key_is_ipv4(key);
	if (!*ret_ipv6)
		return (uint64_t)ipv4_of(&key->client) << 32 | ipv4_of(&key->destination);
	words_of_key(key, words);
	return tag_of_pair6(words, table->state->seed);
}

struct pairs *pairs_of_key(struct table *table, const struct key *key)
{
	return key_is_ipv4(key) ? &table->pairs4 : &table->pairs6;
}

void sets_of_key(const struct table *table, const struct key *key, uint32_t ret_set_index[2])
{
	bool ipv6;
	const uint64_t tag = tag_of_key(table, key, &ipv6), hash = tag_hash(tag, table->state->seed, ipv6);
	const uint32_t sets = ipv6 ? table->pairs6.count : table->pairs4.count;

	ret_set_index[0] = set_of(hash, sets, 0);
	ret_set_index[1] = set_of(hash, sets, 1);
}

static bool spot_holds(const struct pairs *pairs, const struct spot *spot, uint64_t tag, const __u64 words[4])
{
	if (load64(&spot->set->tags[spot->way]) != tag)
		return false;
	return !pairs->ipv6 || memcmp(key_words(spot), words, sizeof(struct pair6_key)) == 0;
}

/* The first in scan order, `skip` left out. */
static bool spot_scan(const struct table *table, const struct pairs *pairs, uint64_t tag, const __u64 words[4],
		      const struct spot *skip, struct spot *ret_spot)
{
	const uint64_t hash = tag_hash(tag, table->state->seed, pairs->ipv6);
	unsigned int choice, step;

	for (choice = 0; choice < 2; choice++) {
		uint32_t set_index = set_of(hash, pairs->count, choice);
		struct pair4_set *set = set_of_index(pairs, set_index);

		for (step = 0; step < SET_WAYS; step++) {
			struct spot spot = { set, set_index, way_of(hash, choice, step) };

			if (skip && skip->set == set && skip->way == spot.way)
				continue;
			if (!spot_holds(pairs, &spot, tag, words))
				continue;
			*ret_spot = spot;
			return true;
		}
	}
	return false;
}

bool spot_find(const struct table *table, const struct key *key, struct spot *ret_spot)
{
	__u64 words[4];
	uint64_t tag;
	bool ipv6;

	tag = tag_of_key(table, key, &ipv6);
	words_of_key(key, words);
	return spot_scan(table, ipv6 ? &table->pairs6 : &table->pairs4, tag, words, NULL, ret_spot);
}

/* A number for a spot, never 0. It says only where a record was: whoever uses it must compare the key there. */
uint32_t spot_hint(const struct spot *spot)
{
	return spot->set_index * SET_WAYS + spot->way + 1;
}

static bool spot_of_hint(const struct pairs *pairs, uint32_t hint, struct spot *ret_spot)
{
	uint32_t slot = hint - 1, set_index = slot / SET_WAYS;

	if (hint == 0 || set_index >= pairs->count)
		return false;
	*ret_spot = (struct spot){ set_of_index(pairs, set_index), set_index, slot % SET_WAYS };
	return true;
}

bool spot_find_at(const struct table *table, const struct key *key, uint32_t hint, struct spot *ret_spot)
{
	const bool ipv4 = key_is_ipv4(key);
	const struct pairs *pairs = ipv4 ? &table->pairs4 : &table->pairs6;
	uint64_t tag;

	if (!spot_of_hint(pairs, hint, ret_spot))
		return false;
	tag = load64(&ret_spot->set->tags[ret_spot->way]);
	if (tag == TAG_EMPTY || tag >= TAG_DEAD)
		return false;
	if (ipv4)
		return tag == ((uint64_t)ipv4_of(&key->client) << 32 | ipv4_of(&key->destination));
	return memcmp(key_words(ret_spot), key, sizeof(*key)) == 0;
}

void table_foresee(const struct table *table, const struct key *key, uint32_t hint)
{
	struct spot spot;

	if (!spot_of_hint(key_is_ipv4(key) ? &table->pairs4 : &table->pairs6, hint, &spot))
		return;
	__builtin_prefetch(&spot.set->tags[spot.way]);
	__builtin_prefetch(spot_record(&spot), 1);
}

/* As xdp/parse.h has it. */
static bool ipv4_names_host(uint32_t address)
{
	return address - 1 < 0xfffffffeU && address >> 24 != 127 && address >> 28 != 0xe;
}

/* The same: IPv4-mapped addresses and the mark of networks are no single host's in an IPv6 packet. */
static bool ipv6_names_host(const struct address *address)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	const struct address mark = KEY_NETWORK_MARK;
	const uint8_t *b = address->bytes;

	return !address_is_zero(address) && !address_equal(address, &mark) &&
	       memcmp(b, loopback, sizeof(loopback)) != 0 && !address_is_ipv4(address) &&
	       b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

/*
 * A record for anything else would be found by packets that are not to be judged: the kernel asks only of pairs
 * without one.
 */
bool key_names_hosts(const struct key *key)
{
	switch (key_kind(key)) {
	case KEY_DESTINATION:
		return address_is_ipv4(&key->destination) ? ipv4_names_host(ipv4_of(&key->destination))
							  : ipv6_names_host(&key->destination);
	case KEY_CLIENT:
	case KEY_NETWORK:
		return false;
	case KEY_PAIR:
		break;
	}
	if (key_is_ipv4(key))
		return ipv4_names_host(ipv4_of(&key->client)) && ipv4_names_host(ipv4_of(&key->destination));
	return ipv6_names_host(&key->client) && ipv6_names_host(&key->destination);
}

/* Another record of the key at `of`, whatever its own tag says now. */
bool spot_find_twin(const struct table *table, const struct pairs *pairs, uint64_t tag, const struct spot *of,
		    struct spot *ret_twin)
{
	__u64 words[4] = { 0 };

	if (pairs->ipv6)
		memcpy(words, key_words(of), sizeof(words));
	return spot_scan(table, pairs, tag, words, of, ret_twin);
}

static unsigned int ways_used(const struct pair4_set *set)
{
	unsigned int way, used = 0;

	for (way = 0; way < SET_WAYS; way++)
		used += load64(&set->tags[way]) != TAG_EMPTY;
	return used;
}

static bool spot_claim(struct spot *spot, uint64_t hash, unsigned int choice)
{
	for (uint32_t step = 0; step < SET_WAYS; step++) {
		__u64 empty = TAG_EMPTY;

		spot->way = way_of(hash, choice, step);
		if (__atomic_compare_exchange_n(&spot->set->tags[spot->way], &empty, TAG_BUSY, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/*
 * Makes a record for a key that has none; its first packet looks the destination up. A twin the kernel makes in the
 * same instant is found at the next harvest.
 */
int spot_make(struct table *table, const struct key *key, uint32_t last, struct spot *ret_spot)
{
	const uint64_t seed = table->state->seed;
	struct pairs *pairs = pairs_of_key(table, key);
	uint32_t now = table_now(table), set_index[2];
	unsigned int choice;
	struct spot spot;
	uint64_t tag, hash;
	bool ipv6;

	tag = tag_of_key(table, key, &ipv6);
	hash = tag_hash(tag, seed, ipv6);
	sets_of_key(table, key, set_index);
	choice = takes_second_set(ways_used(set_of_index(pairs, set_index[0])),
				  ways_used(set_of_index(pairs, set_index[1])));
	spot.set_index = set_index[choice];
	spot.set = set_of_index(pairs, spot.set_index);
	if (!spot_claim(&spot, hash, choice))
		return -ENOSPC;
	*spot_record(&spot) = (struct pair_record){
		.window = WORD(now ? now : 1, 0),
		.last = last,
		.thinning = thinning_start(tag, seed),
		.pass_share = hot_holds(table->hot, key) ? SHARE_ALL & ~SHARE_UNLIMITED : SHARE_ALL,
		.evidence = EVIDENCE_AT(now),
		.place = PLACE(DESTINATION_NONE, policy_of_pair(table, key)),
	};
	if (ipv6)
		memcpy(key_words(&spot), key, sizeof(*key));
	store64(&spot.set->tags[spot.way], tag);
	pairs->used++;
	*ret_spot = spot;
	return 0;
}

/* Phase one of taking a record out: table_collect.c has the others. */
bool spot_retire(struct table *table, const struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	struct dead *dead = &table->marked;
	__u64 expected = tag;

	if (dead->pair_count == COLLECT_PAIRS_MAX)
		return false;
	if (!__atomic_compare_exchange_n(&spot->set->tags[spot->way], &expected, TAG_DEAD, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	dead->pairs[dead->pair_count++] = (struct dead_pair){
		.tag = tag, .set_index = spot->set_index, .way = (uint8_t)spot->way, .ipv6 = pairs->ipv6
	};
	return true;
}

struct words words_of_pair(const struct table *table, struct pair_record *record)
{
	struct words words = {
		.packets = load32(&record->packets),
		.base = &record->base,
		.fold = &record->fold,
		.carry = &record->carry,
		.harvest = &record->harvest,
		.slot = &record->slot,
		.pass_share = &record->pass_share,
		.policy = &table->policies[PLACE_POLICY(load32(&record->place))],
	};

	words.window = load64(&record->window);
	words.last = load32(&record->last);
	return words;
}

struct words words_of_destination(const struct table *table, uint32_t destination)
{
	const struct destination_shard *shards = &table->shards[(size_t)destination * table->cpus];
	struct destination_head *head = &table->heads[destination];
	struct words words = {
		.base = &head->base,
		.fold = &head->fold,
		.carry = &head->carry,
		.harvest = &head->harvest,
		.slot = &head->slot,
		.pass_share = &head->pass_share,
		.policy = &table->policies[head->policy % POLICIES_MAX],
	};
	uint32_t cpu;

	for (cpu = 0; cpu < table->cpus; cpu++) {
		words.packets += load64(&shards[cpu].packets);
		words.bytes += load32(&shards[cpu].bytes);
	}
	words.window = load64(&head->window);
	words.last = WORD_LOW(words.window);
	for (cpu = 0; cpu < table->cpus; cpu++)
		if (shards[cpu].packets && jiffies_since(words.last, load32(&shards[cpu].last)) > 0)
			words.last = shards[cpu].last;
	return words;
}

uint32_t destination_find(const struct table *table, const struct address *address)
{
	uint32_t destination;

	return bpf_map_lookup_elem(table->index_fd, address, &destination) ? DESTINATION_NONE : destination;
}

uint32_t destination_make(struct table *table, const struct address *address)
{
	uint32_t destination = destination_find(table, address), now = table_now(table);
	struct destination_head *head;
	uint8_t local;

	if (destination != DESTINATION_NONE)
		return destination;
	if (!bpf_map_lookup_elem(table->local_fd, address, &local) ||
	    bpf_map_lookup_and_delete_elem(table->free_fd, NULL, &destination))
		return DESTINATION_NONE;
	head = &table->heads[destination];
	*head = (struct destination_head){ .window = WORD(now ? now : 1, 0), .pass_share = SHARE_ALL,
					   .policy = (uint16_t)policy_of_destination(table, address) };
	memcpy(head->address, address, sizeof(head->address));
	if (!bpf_map_update_elem(table->index_fd, address, &destination, BPF_NOEXIST))
		return destination;
	memset(head, 0, sizeof(*head));
	bpf_map_update_elem(table->free_fd, NULL, &destination, BPF_ANY);
	return destination_find(table, address); /* the kernel was first */
}

bool words_are_idle(const struct table *table, const struct words *words, uint32_t idle)
{
	uint32_t now = table->clock.jiffies;
	uint16_t ts2_age = (uint16_t)(now >> TS2_SHIFT) - FOLD_TS2(*words->fold);

	if (jiffies_since(words->last, now) <= (int32_t)idle || (uint32_t)words->packets != WORD_HIGH(*words->harvest))
		return false;
	return *words->fold == 0 ||
	       (uint32_t)ts2_age << TS2_SHIFT > idle; /* active at another proxy: it will want the record here */
}

/*
 * Adds what `leftover` counted to the cells of `into`: by lowering the words its counts are differences to. In the
 * same slot all that the leftover counted in it is added; in an older one only what was not harvested yet; a newer
 * one becomes the slot of `into`, which then had no packets since.
 */
void words_join(const struct words *into, const struct words *leftover)
{
	uint64_t harvest = *into->harvest, theirs = *leftover->harvest;
	uint32_t start = WORD_LOW(harvest), harvested = WORD_HIGH(harvest);
	uint32_t in_slot = (uint32_t)leftover->packets - WORD_LOW(theirs),
		 pending = (uint32_t)leftover->packets - WORD_HIGH(theirs);
	int16_t newer = (int16_t)(*leftover->slot - *into->slot);

	if (theirs == 0 || (newer < 0 && harvest != 0))
		start -= pending;
	else
		start = (newer == 0 && harvest != 0 ? start : harvested) - in_slot;
	store64(into->harvest, WORD(start, harvested - pending));
	if (theirs != 0 && (newer > 0 || harvest == 0))
		store16(into->slot, *leftover->slot);
}
