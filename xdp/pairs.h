/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pair tables from the kernel's side: finds a pair's record in its two candidate sets, and makes it when there is none.
 *
 * Look-ups go through set choice 0 before 1 and through each set's ways in the key's own order (way_of), so that when two CPUs have inserted one
 * key at the same time every look-up finds the same one of the two. The daemon folds the other into it.
 */
#ifndef XDP_PAIRS_H
#define XDP_PAIRS_H

#include "destination.h"

#define CLAIM_TRIES 4 /* ways lost to other CPUs before the table counts as full */

/* 1 when the words differ, without a branch. */
static __always_inline __u64 differ(__u64 a, __u64 b)
{
	__u64 x = a ^ b, minus = -x;

	OPAQUE(minus);
	return (x | minus) >> 63;
}

/* A way that was compared with SET_WAYS, masked: clang would drop the mask as needless, the verifier does not see why it is. */
static __always_inline __u32 within(__u32 way)
{
	OPAQUE(way);
	return way & (SET_WAYS - 1);
}

/* The first way with this tag in the order that starts with way `own`, SET_WAYS or more when there is none. By branching: the CPU guesses
 * the way and goes on to the record. */
static __always_inline __u32 way_with(const __u64 tags[SET_WAYS], __u64 tag, __u32 own)
{
	__u32 step;

#pragma unroll
	for (step = 0; step < SET_WAYS; step++)
		if (READ_ONCE(tags[(own ^ step) & (SET_WAYS - 1)]) == tag)
			break;
	OPAQUE(step);
	step += READ_ONCE(always_zero);
	return step >= SET_WAYS ? SET_WAYS : own ^ step;
}

/* Without a branch: eight comparisons here would be 256 paths for the verifier. */
static __always_inline __u32 used_ways(const __u64 tags[SET_WAYS])
{
	__u64 used = 0;
	int i;

#pragma unroll
	for (i = 0; i < SET_WAYS; i++)
		used += differ(READ_ONCE(tags[i]), TAG_EMPTY);
	return used;
}

/* A set of either family: both begin with the tags and the records. */
static __always_inline struct pair4_set *set_at(bool ipv6, __u64 hash, unsigned int choice)
{
	__u32 index = set_of(hash, ipv6 ? sets6 : sets4, choice);

	return ipv6 ? element(&pairs6, index) : element(&pairs4, index);
}

/* Another IPv6 pair with the same 64-bit hash: it has the record, this one gets none. */
static __always_inline bool is_other_key(const struct pair4_set *set, __u32 way, const struct packet *packet)
{
	const struct pair6_set *set6 = (const void *)set;
	const __u64 *words = set6->keys[within(way)].words;

	return ((words[0] ^ packet->key.words[0]) | (words[1] ^ packet->key.words[1]) | (words[2] ^ packet->key.words[2]) |
		(words[3] ^ packet->key.words[3])) != 0;
}

static __always_inline struct pair_record *find_in(bool ipv6, struct pair4_set *set, const struct packet *packet, __u32 own)
{
	__u32 way = way_with(set->tags, packet->tag, own);

	if (way >= SET_WAYS || (ipv6 && is_other_key(set, way, packet)))
		return NULL;
	return &set->records[within(way)];
}

/* A packet without a pair: its tag would be found in an empty slot, or one nobody may touch. IPv6 tags are never one of these. */
static __always_inline bool is_reserved(__u64 tag)
{
	return tag + 2 <= TAG_EMPTY + 2; /* TAG_DEAD and TAG_BUSY wrap around to below */
}

static __always_inline struct pair_record *pair_find(bool ipv6, const struct packet *packet, __u64 tag)
{
	__u64 hash = tag_hash(tag, seed, ipv6);
	struct pair4_set *set = set_at(ipv6, hash, 0);
	__u32 own = way_of(hash, 0, 0);
	struct pair_record *record;

	if (!set || (!ipv6 && is_reserved(tag)))
		return NULL;
	if (READ_ONCE(set->tags[own]) == tag && !(ipv6 && is_other_key(set, own, packet))) {
		record = &set->records[own]; /* where most stand */
		OPAQUE(record);
		return record;
	}
	record = find_in(ipv6, set, packet, own);
	if (record)
		return record;
	set = set_at(ipv6, hash, 1);
	return set ? find_in(ipv6, set, packet, way_of(hash, 1, 0)) : NULL;
}

/* Out of line, for the few pairs that are sought a second time. */
static __noinline struct pair_record *pair6_find(const struct packet *packet)
{
	return pair_find(true, packet, packet->tag);
}

/* May the client have records of more pairs? Two buckets, so that who shares one with a greedy client still gets its own. */
__noinline int client_has_room(const struct packet *packet)
{
	const struct table_state *table = &state;
	struct address_key client;
	__u64 *first, *second;

	if (!packet || !table->client_pairs_max)
		return true;
	client_of(packet, &client);
	first = element(&client_pairs, client_bucket(client.words, seed, 0));
	second = element(&client_pairs, client_bucket(client.words, seed, 1));
	return !first || !second || READ_ONCE(*first) < table->client_pairs_max || READ_ONCE(*second) < table->client_pairs_max;
}

__noinline int client_add(const struct packet *packet)
{
	struct address_key client;
	__u64 *bucket;
	int choice;

	if (!packet)
		return 0; /* cannot happen */
	client_of(packet, &client);
	for (choice = 0; choice < 2; choice++) {
		bucket = element(&client_pairs, client_bucket(client.words, seed, choice));
		if (bucket)
			__sync_fetch_and_add(bucket, 1);
	}
	return 0;
}

/* Takes an empty way for ourselves; SET_WAYS when there is none. */
static __always_inline __u32 claim(struct pair4_set *set, __u32 own)
{
	int i;

	for (i = 0; i < CLAIM_TRIES; i++) {
		__u32 way = way_with(set->tags, TAG_EMPTY, own);

		if (way >= SET_WAYS)
			return SET_WAYS;
		if (__sync_val_compare_and_swap(&set->tags[within(way)], TAG_EMPTY, TAG_BUSY) == TAG_EMPTY)
			return way;
	}
	return SET_WAYS;
}

/* Every word, because a slot may have been used before. Harvest words of zero are how the daemon knows a record as new. */
static __always_inline void record_fill(struct pair_record *record, __u64 tag, __u32 now, __u32 place)
{
	record->packets = 0;
	record->evidence = EVIDENCE_AT(now);
	record->window = WORD(now, 0);
	record->last = now;
	record->thinning = thinning_start(tag, seed);
	record->base = 0;
	record->fold = 0;
	record->carry = 0;
	record->harvest = 0;
	record->slot = 0;
	record->pass_share = SHARE_ALL;
	record->place = place;
}

static __always_inline void key_fill(struct pair4_set *set, __u32 way, const struct packet *packet)
{
	struct pair6_set *set6 = (void *)set;

	__builtin_memcpy(&set6->keys[within(way)], &packet->key, sizeof(packet->key));
}

/* Publishes a tag: an atomic exchange, so that everything written before is seen before it. */
static __always_inline void publish(struct pair4_set *set, __u32 way, __u64 tag)
{
	__sync_lock_test_and_set(&set->tags[within(way)], tag);
}

/*
 * A record for a pair that has none. Two CPUs may get here with one key: who sees the other's before publishing its own steps
 * back; when both have published, the first in scan order is the record from then on. NULL: both sets are full.
 */
static __always_inline struct pair_record *pair_make(bool ipv6, const struct packet *packet, __u32 place)
{
	__u64 hash = tag_hash(packet->tag, seed, ipv6);
	struct pair4_set *set = set_at(ipv6, hash, 0), *other = set_at(ipv6, hash, 1);
	struct pair_record *twin;
	unsigned int choice;
	__u32 way;

	if (!set || !other)
		return NULL;
	choice = takes_second_set(used_ways(set->tags), used_ways(other->tags));
	if (choice)
		set = other;
	way = claim(set, way_of(hash, choice, 0));
	if (way >= SET_WAYS)
		return NULL;
	record_fill(&set->records[within(way)], packet->tag, packet->now, place);
	if (ipv6)
		key_fill(set, way, packet);
	twin = pair_find(ipv6, packet, packet->tag);
	if (twin) {
		publish(set, way, TAG_EMPTY);
		return twin;
	}
	client_add(packet);
	publish(set, way, packet->tag);
	return pair_find(ipv6, packet, packet->tag);
}

/* Two functions, so that each works on one map; out of line, because new pairs are rare. */
static __noinline struct pair_record *pair4_make(const struct packet *packet, __u32 place)
{
	return pair_make(false, packet, place);
}

static __noinline struct pair_record *pair6_make(const struct packet *packet, __u32 place)
{
	return pair_make(true, packet, place);
}

#endif
