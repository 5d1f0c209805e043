/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers: packets from a pair's destination back to its client, counted beside the pair's record. Each is counted in
 * exactly one place, where it leaves for the client: by egress.h when the kernel's stack forwards it, by forward.h when
 * XDP does. An answer makes no record, and the answers of pairs without one are counted by a hash.
 *
 * Answers are evidence that a client is no spoofed address. So what any victim sends to spoofed addresses is none: a
 * SYN-ACK, a RST, an ICMP error. An answer counts only when a packet of the pair was there at the last harvest, and
 * there are never more answers than packets: whoever sends to a client that did not ask earns it nothing.
 */
#ifndef XDP_ANSWERS_H
#define XDP_ANSWERS_H

#include "pairs.h"
#include "sides.h"

#define TCP_FLAGS_AT 13 /* byte of the TCP header */
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define ICMPV6 58
#define ICMPV6_QUERIES 128 /* types below it are errors */
#define ANSWER_TRIES 8	   /* after losing to so many other CPUs, an answer is not counted */

/* Beside pairs4 and pairs6, one set each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_set);
} answers4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_set);
} answers6 SEC(".maps");

/* Answers to pairs that have no record here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, STRAYS);
	__type(key, __u32);
	__type(value, __u64);
} strays SEC(".maps");

/* Does a byte of the transport header tell whether it is an answer? */
static __always_inline bool is_told_by_a_byte(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_ICMP || protocol == ICMPV6;
}

static __always_inline __u32 telling_byte_at(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? TCP_FLAGS_AT : 0;
}

static __always_inline bool is_icmp_error(__u8 type)
{
	/* unreachable, source quench, redirect, time exceeded, parameter problem (RFC 792) */
	return (type >= 3 && type <= 5) || type == 11 || type == 12;
}

/* (Answers, 1) */
static __always_inline bool is_answer(__u8 protocol, __u8 byte)
{
	if (protocol == IPPROTO_TCP)
		return !(byte & (TCP_SYN | TCP_RST));
	if (protocol == IPPROTO_ICMP)
		return !is_icmp_error(byte);
	return protocol != ICMPV6 || byte >= ICMPV6_QUERIES;
}

/*
 * Is it proof that the client got what the destination sent? A segment with data or an end is: they come once the
 * handshake is through, and PSH marks the last data of each write. A bare ACK is none: a destination also sends it to
 * whoever repeats a SYN with another sequence number.
 */
static __always_inline __u32 proof_of(__u8 protocol, __u8 byte)
{
	return protocol == IPPROTO_TCP && byte & (TCP_PSH | TCP_FIN) ? ANSWERS_TCP : 0;
}

/* A word after so many answers more. */
static __always_inline __u32 answers_after(__u32 before, __u32 added, __u32 tcp)
{
	return ANSWERS_OF(before + added) | (before & ANSWERS_TCP) | tcp;
}

/* Adds up to `count` answers to a word, as many as the record's packets allow. A global function. */
__noinline int answers_add(__u32 *word, __u32 packets, __u32 count, __u32 tcp)
{
	int i;

	for (i = 0; word && i < ANSWER_TRIES; i++) {
		__u32 before = READ_ONCE(*word), room = ANSWERS_OF(packets - before);
		__u32 added = count < room ? count : room;

		if (!added || __sync_val_compare_and_swap(word, before, answers_after(before, added, tcp)) == before)
			return 1;
	}
	return 0;
}

/* An answer to a pair without a record. The latest pair of a hash has the word. (Answers, 4) */
static __always_inline void stray_add(__u64 hash, __u32 count, __u32 tcp)
{
	__u64 *word = element(&strays, STRAY_OF(hash)), before;

	if (!word)
		return; /* cannot happen */
	before = READ_ONCE(*word);
	if (WORD_HIGH(before) != STRAY_CHECK(hash))
		before = 0;
	/* Two CPUs that count at the same time count one of their answers. */
	WRITE_ONCE(*word, WORD(answers_after(WORD_LOW(before), count, tcp), STRAY_CHECK(hash)));
}

/* Counts answers to the pair in one of its two candidate sets. 0: it has no record there. A global function. */
__noinline int answers_add_in(const struct packet *pair, __u32 choice, __u32 count, __u32 tcp)
{
	__u64 hash;
	__u32 index, way;
	struct pair4_set *set;
	struct answer_set *answers;
	const struct pair_record *record;

	if (!pair)
		return 0; /* cannot happen */
	hash = tag_hash(pair->tag, seed, pair->ipv6);
	index = set_of(hash, pair->ipv6 ? sets6 : sets4, choice);
	set = pair->ipv6 ? element(&pairs6, index) : element(&pairs4, index);
	answers = pair->ipv6 ? element(&answers6, index) : element(&answers4, index);
	if (!set || !answers)
		return 0;
	way = way_with(set->tags, pair->tag, way_of(hash, choice, 0));
	if (way >= SET_WAYS)
		return 0;
	if (pair->ipv6) {
		const struct pair6_set *set6 = element(&pairs6, index);

		if (!set6 || is_other_key((const void *)set6, way, pair))
			return 0;
	}
	record = &set->records[within(way)];
	if (!READ_ONCE(record->packets))
		return 0; /* others count the pair. Its packets are known there, as those of a pair without a record */
	/* A packet of an earlier tick: the last harvest has met it. (Answers, 2) */
	if (WORD_HIGH(READ_ONCE(record->harvest)))
		answers_add(&answers->words[within(way)], READ_ONCE(record->packets), count, tcp);
	return 1;
}

/*
 * Counts answers where they leave for the client. (Answers, 3) `pair`: as a packet of the client is, with its tag; from
 * its destination comes what is counted. `tcp`: as proof_of says. A global function.
 */
__noinline int answers_count(const struct packet *pair, __u32 count, __u32 tcp)
{
	if (!pair || (!pair->ipv6 && is_reserved(pair->tag)))
		return 0;
	if (!answers_add_in(pair, 0, count, tcp) && !answers_add_in(pair, 1, count, tcp))
		stray_add(tag_hash(pair->tag, seed, pair->ipv6), count, tcp);
	return 0;
}

#endif
