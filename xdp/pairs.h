/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's side of the pair tables: finds a pair's record in its two candidate sets, or makes one.
 *
 * A look-up scans the first candidate set before the second, and the ways of each set in the key's own order
 * (way_of). Two CPUs may insert one key at the same time; because of the fixed order every look-up then finds the
 * same of the two records. The daemon adds the other record's counts to it.
 */
#ifndef XDP_PAIRS_H
#define XDP_PAIRS_H

#include "destination.h"
#include "hot.h"

#define CLAIM_TRIES 4 /* after losing this many ways to other CPUs, the table counts as full */

/*
 * Masks a way that was compared with SET_WAYS. Clang would remove the mask, since the way is in range; the verifier
 * cannot see that it is.
 */
static __always_inline __u32 within(__u32 way)
{
	OPAQUE(way);
	return way & (SET_WAYS - 1);
}

/*
 * The first way with this tag, in the order that starts with way `own`; SET_WAYS when there is none. It branches, so
 * that the CPU can predict the way and fetch the record early.
 */
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

/* The number of ways in use. Without branches: eight of them would give the verifier 256 paths. */
static __always_inline __u32 used_ways(const __u64 tags[SET_WAYS])
{
	__u64 used = 0;
	int i;

#pragma unroll
	for (i = 0; i < SET_WAYS; i++)
		used += differ(READ_ONCE(tags[i]), TAG_EMPTY);
	return used;
}

/* A candidate set, of IPv4 or IPv6 pairs: both kinds of set begin with tags and records. */
static __always_inline struct pair4_set *set_at(bool ipv6, __u64 hash, unsigned int choice)
{
	__u32 index = set_of(hash, ipv6 ? sets6 : sets4, choice);

	return ipv6 ? element(&pairs6, index) : element(&pairs4, index);
}

/* Is the record that of another IPv6 pair with the same 64-bit tag? Then this packet's pair gets no record. */
static __always_inline bool is_other_key(const struct pair4_set *set, __u32 way, const struct packet *packet)
{
	const struct pair6_set *set6 = (const void *)set;
	const __u64 *words = set6->keys[within(way)].words;

	return ((words[0] ^ packet->key.words[0]) | (words[1] ^ packet->key.words[1]) |
		(words[2] ^ packet->key.words[2]) | (words[3] ^ packet->key.words[3])) != 0;
}

static __always_inline struct pair_record *find_in(bool ipv6, struct pair4_set *set, const struct packet *packet,
						   __u32 own)
{
	__u32 way = way_with(set->tags, packet->tag, own);

	if (way >= SET_WAYS || (ipv6 && is_other_key(set, way, packet)))
		return NULL;
	return &set->records[within(way)];
}

/*
 * Has the tag a reserved value (TAG_EMPTY, TAG_BUSY, TAG_DEAD)? Looking for it would match a way that holds no
 * record. IPv6 tags never have.
 */
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
		record = &set->records[own]; /* where most records are */
		OPAQUE(record);
		return record;
	}
	record = find_in(ipv6, set, packet, own);
	if (record)
		return record;
	set = set_at(ipv6, hash, 1);
	return set ? find_in(ipv6, set, packet, way_of(hash, 1, 0)) : NULL;
}

/* pair_find out of line, for the few pairs that are looked up a second time. */
static __noinline struct pair_record *pair4_find(const struct packet *packet)
{
	return pair_find(false, packet, packet->tag);
}

static __noinline struct pair_record *pair6_find(const struct packet *packet)
{
	return pair_find(true, packet, packet->tag);
}

/*
 * May the client have records of more pairs? Only a client whose two buckets are both full may not: one that shares a
 * single bucket with a client of many pairs still may. A global function.
 */
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
	return !first || !second || READ_ONCE(*first) < table->client_pairs_max ||
	       READ_ONCE(*second) < table->client_pairs_max;
}

/* Counts one more live pair of the client. A global function. */
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

/* Takes an empty way for this CPU by marking it TAG_BUSY; SET_WAYS when there is none. */
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

/*
 * Writes every word, because the way may have held another record. The daemon recognises a new record by its harvest
 * words, which are 0.
 */
static __always_inline void record_fill(struct pair_record *record, const struct packet *packet, __u32 place,
					__u32 share)
{
	__u32 now = packet->now;

	record->packets = 0;
	record->evidence = EVIDENCE_AT(now);
	record->window = WORD(now, 0);
	record->last = now;
	record->thinning = thinning_start(packet->tag, seed) | SAMPLED(packet->bytes, 0);
	record->base = 0;
	record->fold = 0;
	record->carry = 0;
	record->harvest = 0;
	record->slot = 0;
	record->pass_share = share;
	record->place = place;
}

static __always_inline void key_fill(struct pair4_set *set, __u32 way, const struct packet *packet)
{
	struct pair6_set *set6 = (void *)set;

	__builtin_memcpy(&set6->keys[within(way)], &packet->key, sizeof(packet->key));
}

/* Publishes a tag by an atomic exchange: whoever sees the tag also sees everything that was written before it. */
static __always_inline void publish(struct pair4_set *set, __u32 way, __u64 tag)
{
	__sync_lock_test_and_set(&set->tags[within(way)], tag);
}

/*
 * Makes a record for a pair without one; false when both candidate sets are full. Two CPUs may do so for one key at
 * the same time. A CPU that sees the other's record before it publishes its own gives up its way and uses the
 * other's. When both have published, both use the first record in the order of the scan.
 */
static __always_inline bool pair_make(bool ipv6, const struct packet *packet, __u32 place)
{
	__u64 hash = tag_hash(packet->tag, seed, ipv6);
	struct pair4_set *set = set_at(ipv6, hash, 0), *other = set_at(ipv6, hash, 1);
	unsigned int choice;
	__u32 way;

	if (!set || !other)
		return false;
	choice = takes_second_set(used_ways(set->tags), used_ways(other->tags));
	if (choice)
		set = other;
	way = claim(set, way_of(hash, choice, 0));
	if (way >= SET_WAYS)
		return false;
	record_fill(&set->records[within(way)], packet, place, hot_share(packet));
	if (ipv6)
		key_fill(set, way, packet);
	if (pair_find(ipv6, packet, packet->tag)) {
		publish(set, way, TAG_EMPTY);
		return true;
	}
	client_add(packet);
	publish(set, way, packet->tag);
	return true;
}

/* One function per map. Global functions. */
__noinline int pair4_make(const struct packet *packet, __u32 place)
{
	return packet && pair_make(false, packet, place);
}

__noinline int pair6_make(const struct packet *packet, __u32 place)
{
	return packet && pair_make(true, packet, place);
}

#endif
