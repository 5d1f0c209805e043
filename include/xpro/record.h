/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record table: what the XDP program and gossipd share, byte by byte. The only header both sides see.
 *
 * One writer per word. (K) words are written by the kernel alone, (D) words by the daemon alone, (I) words once by whoever inserts the
 * record, before its tag is published. Nothing is ever cleared: differences are taken against words the reader owns, so no count is lost
 * or doubled while both sides run, nor across a crash of either. Words that must be read together are one aligned 8-byte store.
 *
 * Times are jiffies of the running kernel, 32 bits, never compared but by signed difference (jiffies_since). 0 is never a start.
 */
#ifndef XPRO_RECORD_H
#define XPRO_RECORD_H

#include <linux/types.h>
#include <stdbool.h>

#define TABLE_LAYOUT 6 /* changes whenever anything in this file does: pins of another layout are recognised, never misread */

#define SET_WAYS 8
#define SETS_MAX (1U << 28) /* the three bits above their number tell a way */
#define TAG_EMPTY 0ULL
#define TAG_BUSY (~0ULL) /* somebody is filling this slot */
#define TAG_DEAD (~0ULL - 1) /* deleted, waiting for the grace period; matches nothing and is not reused */

#define DESTINATION_NONE 0x3fffffU /* 22 bits: the destination has no record */
#define SHARE_ALL 0xffffU /* pass_share of a key whose packets all pass */
#define CPUS_MAX 128
#define CLIENT_BUCKETS 65536 /* counts of live pairs, by hash of the client */
#define RHO_SCALE 16 /* rho is in packets per second x 16 */
#define TS2_SHIFT 4 /* ts2 in the fold word is in 16 jiffies */

/* Halves of the packed words. */
#define WORD(low, high) ((__u64)(__u32)(low) | (__u64)(__u32)(high) << 32)
#define WORD_LOW(word) ((__u32)(word))
#define WORD_HIGH(word) ((__u32)((word) >> 32))
#define FOLD(generation, members, carry_from, ts2) \
	((__u64)((__u32)(generation) & 0xffffffU) | (__u64)(__u8)(members) << 24 | (__u64)(__u16)(carry_from) << 32 | (__u64)(__u16)(ts2) << 48)
#define FOLD_MEMBERS(fold) ((__u8)((fold) >> 24))
/* Was it folded from the window that starts so? 24 bits of jiffies are hours; a fold is written each tick while its key counts. */
#define FOLD_IS_OF(fold, start) ((fold) && (((__u32)(fold) ^ (__u32)(start)) & 0xffffffU) == 0)
#define FOLD_CARRY_FROM(fold) ((__u16)((fold) >> 32))
#define FOLD_TS2(fold) ((__u16)((fold) >> 48))
#define PLACE(destination, policy) ((__u32)(destination) | (__u32)(policy) << 22)
#define PLACE_DESTINATION(place) ((place) & 0x3fffffU)
#define PLACE_POLICY(place) ((place) >> 22)

/*
 * The policies stand twice, in two banks: one is in force, in the other the daemon writes the next. A single word, table_state.active,
 * switches; records and heads keep the bank their number is of, and look themselves up again when it is not the active one. So no packet is
 * judged by half a policy.
 */
#define BANK_BIT 0x80000000U /* of place, and of table_state.active */
#define BANK_OF(active) ((active) >> 31)
#define PAIR_POLICIES 512 /* per bank: 9 bits of place; POLICY_EFFECTIVE_MAX */
#define CLASSES_MAX 128 /* of clients, and of destinations; POLICY_CLASSES_MAX */
#define POLICY_OF_PAIR(bank, number) ((__u32)(bank) << 9 | (number)) /* as in place */
#define POLICY_OF_DESTINATION(bank, class) (2U * PAIR_POLICIES + ((__u32)(bank) << 7 | (class)))
#define DESTINATION_POLICY_BANK(policy) ((policy) >> 7 & 1)
#define POLICIES_MAX (2 * PAIR_POLICIES + 2 * CLASSES_MAX)
_Static_assert(PAIR_POLICIES == 1 << 9 && CLASSES_MAX == 1 << 7, "the numbers' widths");

static inline __s32 jiffies_since(__u32 then, __u32 now)
{
	return (__s32)(now - then);
}

/*
 * A pair's record, one cache line. The count judged is
 *   c = max(packets + base.count, carry.floor + rho * (min(now, carry_from + 3 ticks) - carry_from))    since base.ts1,
 * while fold.generation equals window.start and the daemon is alive; else packets - window.packets since window.start.
 */
struct pair_record {
	__u32 packets; /* K: only grows, modulo 2^32: every reader takes differences */
	__u32 evidence; /* I (EVIDENCE_AT), then K: when the bucket of local evidence will be full again */
	__u64 window; /* K: {start, packets just before the packet that started it}; start is the generation */
	__u32 last; /* K: the latest packet */
	__u32 thinning; /* I (thinning_start), then K: high half the accumulator of pass_share, low half the second (mod 65536) of the last warning */
	__u64 base; /* D: {M.ts1, M.c - packets at the fold} */
	__u64 fold; /* D: 0 = never; {generation it was folded from 24, members 8; carry_from: low 16 bits of A; ts2 >> TS2_SHIFT}. members: with
		       * counts of the key, self included; 1 also while the own counts alone are over the rate */
	__u64 carry; /* D: {floor: packets known up to A, as part of M.c; rho x RHO_SCALE} */
	__u64 harvest; /* D: {packets when `slot` began, packets when last harvested} */
	__u16 slot; /* D: low 16 bits of the slot that `harvest` speaks of */
	__u16 pass_share; /* D: share of packets let through, in 1/65535; SHARE_ALL = all. Inserted as SHARE_ALL */
	__u32 place; /* I, then K and D, by compare-and-swap: {destination index 22, policy 9, its bank 1} */
};
_Static_assert(sizeof(struct pair_record) == 64, "a pair's record is one cache line");
_Static_assert(__builtin_offsetof(struct pair_record, base) == 24 && __builtin_offsetof(struct pair_record, place) == 60, "layout");

/*
 * The pair tables: 8-way sets, two candidate sets per key (set_of). IPv4: the tag is the key (client << 32 | destination, host order of
 * the 32-bit numbers). IPv6: the tag is a seeded 64-bit hash and the key stands beside it, written before the tag is published.
 */
struct pair4_set {
	__u64 tags[SET_WAYS]; /* I, then D (TAG_DEAD, TAG_EMPTY) */
	struct pair_record records[SET_WAYS];
};
_Static_assert(sizeof(struct pair4_set) == 576, "layout");

struct pair6_key {
	__u64 words[4]; /* client 16 bytes, destination 16 bytes, as they stand in the packet */
};

struct pair6_set {
	__u64 tags[SET_WAYS];
	struct pair_record records[SET_WAYS];
	struct pair6_key keys[SET_WAYS]; /* I */
};
_Static_assert(sizeof(struct pair6_set) == 832, "layout");

/* murmur3's finaliser: every input bit reaches every output bit, so sequential addresses spread. */
static inline __u64 mix64(__u64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

/* The tag of an IPv6 pair; never a reserved value. Client and destination are mixed apart, so that a CPU can do both at once. */
static inline __u64 tag_of_pair6(const __u64 words[4], __u64 seed)
{
	__u64 client = mix64(mix64(words[0] ^ seed) ^ words[1]), destination = mix64(mix64(words[2] + seed) ^ words[3]);
	__u64 h = client ^ (destination << 32 | destination >> 32);

	return h + 2 <= TAG_EMPTY + 2 ? 1 : h; /* TAG_DEAD and TAG_BUSY wrap around to below */
}

/* A tag's seeded hash: what its sets and ways are taken from. An IPv6 tag is one already. */
static inline __u64 tag_hash(__u64 tag, __u64 seed, bool ipv6)
{
	return ipv6 ? tag : mix64(tag ^ seed);
}

/* The two candidate sets; they may coincide. `sets` is a power of two. */
static inline __u32 set_of(__u64 hash, __u32 sets, unsigned int choice)
{
	return (choice ? (__u32)(hash >> 32) : (__u32)hash) & (sets - 1);
}

/*
 * The order in which the ways of a candidate set are tried, when a record is sought as when it is made: from the key's own way on, by
 * distance in bits. Two of three records stand in their own way of their first set, so the branch predictor is right more often than with
 * one order for all. The bits are above those of the set's number.
 */
static inline __u32 way_of(__u64 hash, unsigned int choice, __u32 step)
{
	return ((choice ? (__u32)(hash >> 61) : (__u32)hash >> 29) ^ step) & (SET_WAYS - 1);
}

/* A new record goes into the second set only when the first is this full and fuller: at 60 % load seven of eight stand in the first, and none is left out. */
#define FIRST_SET_WAYS 5

static inline bool takes_second_set(__u32 first_used, __u32 second_used)
{
	return first_used >= FIRST_SET_WAYS && second_used < first_used;
}

/* Where a new pair's accumulator begins: anywhere, another place in every table. Accumulators that began alike would let their packets
 * through in waves. */
static inline __u32 thinning_start(__u64 tag, __u64 seed)
{
	return (__u32)(mix64(tag + seed) >> 32) & 0xffff0000U;
}

#define HEAD_PASS 0x01 /* the proxy's own address: pass, count nothing */
#define HEAD_UNPROTECTED 0x04 /* of a shard alone: its policy says pass, count nothing */
#define HEAD_MONITOR 0x08     /* of a shard alone: its policy says drop nothing */
#define HEAD_THIN 0x02 /* D: the destination is over its rate with `fair`: pass_share of its pairs is in force */

/* A destination's head. packets and last stand in one shard per CPU; the words mean what they mean in a pair's record. */
struct destination_head {
	__u8 address[16]; /* I; all zero = not in use */
	__u64 window; /* K */
	__u64 base; /* D */
	__u64 fold; /* D */
	__u64 carry; /* D */
	__u64 harvest; /* D */
	__u16 slot; /* D */
	__u16 pass_share; /* D: while HEAD_THIN, the share of packets whose pair has no fold (the remainder) */
	__u16 policy; /* I, then K and D, both the same of one bank: POLICY_OF_DESTINATION */
	__u8 flags; /* I, then D */
	__u8 reserved;
};
_Static_assert(sizeof(struct destination_head) == 64, "layout");

/* One CPU's part of a destination, written by that CPU alone. What it knows of the head, and of other CPUs' shards, is as of
 * limit_at. */
struct destination_shard {
	__u64 packets; /* K: only grows */
	__u64 limit;   /* K: own packets beyond which the destination is over its rate */
	__u64 certain; /* K: below so many own packets the verdict by `limit` holds for limit_span jiffies, not only for the one
			  of limit_at */
	__u32 last; /* K */
	__u32 limit_at;	  /* K: the jiffy `limit` was worked out in */
	__u32 limit_span; /* K */
	__u32 written;	  /* K: the table's, then */
	__u32 thinning;	  /* K: as in pair_record, for packets judged by the head's pass_share */
	__u32 evidence; /* K, in the first CPU's shard for all: as in pair_record */
	__u32 members;	/* K: the fold's; 0 while none is in force */
	__u16 pass_share; /* K: the head's */
	__u16 flags;	  /* K: the head's; HEAD_THIN only while the daemon is alive */
	__u64 reserved;
};
_Static_assert(sizeof(struct destination_shard) == 64, "layout");

#define POLICY_EARLY 0x01 /* rates compare against max(window, minimum window); else no verdict before the minimum (the paper) */
#define POLICY_POLICE 0x02 /* a pair over its rate is thinned to it (by pass_share); else all its packets drop */
#define POLICY_FAIR 0x04 /* a destination over its rate is thinned per client; else all its packets drop (the paper's strict) */
#define POLICY_MONITOR 0x08 /* count what would have been dropped, drop nothing */

/* A policy whose pair_rate is 0 may carry one of these; the daemon sets pair_rate to 0 where they are. */
#define POLICY_LISTED_PASS 0x10 /* passes, whatever any rate says */
#define POLICY_LISTED_BLOCK 0x20 /* drops */
#define POLICY_UNPROTECTED 0x40 /* of destinations: pass, count nothing */

/* The prefixes of both banks in one trie. Value: the class of the longest one, in which shorter ones have their say. */
#define PREFIX_SPACE(bank, side) ((__u8)((bank) << 1 | (side))) /* side: 0 clients, 1 destinations */
struct prefix_key {
	__u32 bits; /* 8 + the prefix's; IPv4 is IPv4-mapped */
	__u8 space;
	__u8 address[16];
	__u8 reserved[3];
};
_Static_assert(sizeof(struct prefix_key) == 24, "layout");
#define PREFIX_KEY_BYTES 21 /* what the trie compares */

/* [bank][client's class][destination's class] -> number of the pair's policy. */
struct class_matrix {
	__u16 policy[2][CLASSES_MAX][CLASSES_MAX];
};

/*
 * Local evidence: what others counted may take from a client only so much. A bucket that holds a second's worth of packets, or one, and
 * fills at rate / (EVIDENCE_SHARE x members); kept as the moment it will be full, in 1/EVIDENCE_SCALE jiffies modulo 2^32. More than
 * hz x EVIDENCE_SCALE packets a second are never granted.
 */
#define EVIDENCE_SHARE 4 /* kappa: a liar takes three quarters at the most; all floors together leak one quarter of the rate */
#define EVIDENCE_SCALE 1024
#define EVIDENCE_AT(now) ((__u32)(now) * EVIDENCE_SCALE)

/* Two buckets of a client's live pairs; the smaller one bounds them from above. */
static inline __u32 client_bucket(const __u64 client[2], __u64 seed, unsigned int choice)
{
	__u64 h = mix64(mix64(client[0] ^ seed) ^ client[1]);

	return (choice ? (__u32)(h >> 32) : (__u32)h) & (CLIENT_BUCKETS - 1);
}

/* Written by the daemon, read by the kernel when it judges. A rate of 0 means no limit. Windows are in jiffies. */
struct policy {
	__u32 pair_rate; /* T_F1, packets per second */
	__u32 destination_rate; /* T_F2 */
	__u32 pair_min_window; /* T_T2 */
	__u32 destination_min_window; /* T_T3 */
	__u32 idle_reset; /* T_T1 */
	__u32 window_max; /* T_T4, for windows the kernel ages itself */
	__u32 decay; /* r */
	__u32 flags;
};

/* One per table: who it belongs to and how its clock runs. */
struct table_state {
	__u32 layout; /* D: TABLE_LAYOUT */
	__u32 hz; /* D: jiffies per second, measured */
	__u64 incarnation; /* D: of this table; never reused, see PROTOCOL.md */
	__u64 boot; /* D: starts of the daemon with this table */
	__u64 seed; /* D: of the hash, random, fixed while the table lives */
	__u32 heartbeat; /* D: jiffies, written each tick; older than HEARTBEAT_STALE_MS = the daemon is dead */
	__u32 harvested_at; /* D: jiffies of the last harvest */
	__u32 carry_span; /* D: 3 ticks in jiffies */
	__u32 heartbeat_stale; /* D: HEARTBEAT_STALE_MS in jiffies */
	__u32 active; /* D: the bank in force, 0 or BANK_BIT */
	__u32 client_pairs_max; /* D: pairs one client may have records of; 0 = any number */
	__u32 written;		/* D: goes up after a head was written or the bank changed: shards look again */
	__u32 reserved_word;
	__u64 stale_told; /* D: of the counter `stale`, what was told of as the daemon's silence */
	__u64 harvested_mesh_ns; /* D: mesh time of the last harvest: counts were told up to here */
	__u64 reserved[4];
};

/* Why a packet passed or dropped; one counter each per CPU. The names stand in reason_names. */
enum reason {
	REASON_PASS, /* counted and within every rate */
	REASON_PASS_NOT_IP, /* ARP, LLDP, anything but IPv4 and IPv6 */
	REASON_PASS_MALFORMED, /* not parseable as IP: the stack decides */
	REASON_PASS_NOT_UNICAST, /* an address that names no single host (multicast, link-local, loopback, unspecified) */
	REASON_PASS_LOCAL, /* to the proxy itself: gossip and management */
	REASON_PASS_SHARE, /* of a key that is thinned: this packet was in its share */
	REASON_PASS_NEVER_DROP, /* its client or destination is on never_drop: counted, never dropped */
	REASON_PASS_UNPROTECTED, /* protected_only, and the destination is not: not counted */
	REASON_PASS_EVIDENCE, /* others' counts would have dropped it: the floor of local evidence */
	REASON_DROP_BLOCKED, /* its client or destination is on the block list */
	REASON_DROP_PAIR, /* Algorithm 2 line 14: the pair is over T_F1 */
	REASON_DROP_PAIR_SHARE, /* police: the part of the pair above T_F1 */
	REASON_DROP_DESTINATION, /* Algorithm 2 line 23: the destination is over T_F2 */
	REASON_DROP_DESTINATION_SHARE, /* fair: above the client's share of T_F2 */
	REASON_DROP_GOSSIP, /* to the gossip port, beyond what the gate lets through */
	REASON_DROP_TUNNEL, /* first fragment of a tunnel's packet, too short to show whose it is */
	REASON_DROP_TAGS, /* behind more VLAN tags than are read: the kernel might take them off, so it could be anybody's */
	REASON_WOULD_DROP, /* mode = monitor: passed, but enforce would have dropped it */
	REASON_TABLE_FULL, /* beside the verdict: no record could be made for the pair */
	REASON_DESTINATIONS_FULL, /* beside the verdict: none for the destination */
	REASON_FORWARDED, /* beside the verdict: it passed, and XDP sent it on by itself */
	REASON_CLIENT_QUOTA, /* beside the verdict: the client has records of as many pairs as it may */
	REASON_STALE, /* beside the verdict: the daemon is dead, its words of the pair are not used */
	REASON_COUNT
};

#define REASONS_MAX 32
_Static_assert(REASON_COUNT <= REASONS_MAX, "every reason has a counter");

#define REASON_NAMES                                                                                                                  \
	{ "pass", "pass_not_ip", "pass_malformed", "pass_not_unicast", "pass_local", "pass_share", "pass_never_drop",              \
	  "pass_unprotected", "pass_evidence", "drop_blocked", "drop_pair", "drop_pair_share", "drop_destination",                 \
	  "drop_destination_share", "drop_gossip", "drop_tunnel", "drop_tags", "would_drop", "table_full", "destinations_full",     \
	  "forwarded", "client_quota", "stale" }

struct reason_counter {
	__u64 packets;
	__u64 bytes;
};

/* Ring-buffer event: Algorithm 2 line 15, at most one per pair and second. */
struct warning {
	__u8 client[16];
	__u8 destination[16];
	__u32 at; /* jiffies */
	__u32 reason; /* REASON_DROP_PAIR, or in monitor mode REASON_WOULD_DROP */
	__u64 packets; /* c as judged */
	__u32 window; /* jiffies it was judged over */
	__u32 rate; /* T_F1 */
};
_Static_assert(sizeof(struct warning) == 56, "layout");

#endif
