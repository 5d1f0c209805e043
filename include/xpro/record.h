/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record table, byte by byte, as the XDP program and gossipd share it. plane.h has the rest of what they share.
 *
 * Each word has one writer: K, the kernel (the XDP program); D, the daemon; or I, whoever inserts the record, once,
 * before its tag is published. Two words have both: `place` is changed by compare-and-swap, and to a head's `policy`
 * both sides write the same value. Counters are never cleared while their key is in the table: a reader takes the
 * difference to a word of its own. So no count is lost or doubled, neither while both sides run nor across a crash of
 * either. Fields that must be read together are one aligned 8-byte store.
 *
 * Times are jiffies of the running kernel, 32 bits, compared only by signed difference (jiffies_since). No window
 * starts at 0.
 */
#ifndef XPRO_RECORD_H
#define XPRO_RECORD_H

#include <linux/types.h>
#include <stdbool.h>

/* changes whenever anything in this file does: pins of another layout are recognised, never misread */
#define TABLE_LAYOUT 10

#define SET_WAYS 8
#define SETS_MAX (1U << 28) /* the three bits above their number tell a way */
#define TAG_EMPTY 0ULL
#define TAG_BUSY (~0ULL) /* a record is being inserted at this way */
#define TAG_DEAD (~0ULL - 1) /* deleted, waiting for the grace period; matches nothing and is not reused */

#define DESTINATION_NONE 0x3fffffU /* 22 bits: the destination has no record */
#define SHARE_ALL 0xffffU /* pass_share of a key whose packets all pass */
/*
 * A bit of a pair's pass_share; set: neither its client nor its network is known to have a limit (struct hot_limit), so
 * its packets look for none.
 */
#define SHARE_UNLIMITED 0x1U
static inline __u16 share_of_pair(__u16 pass_share)
{
	return (pass_share | SHARE_UNLIMITED) == SHARE_ALL ? SHARE_ALL : pass_share & ~SHARE_UNLIMITED;
}
/* The share to write into a record, which goes on saying what it says of limits. */
static inline __u16 share_beside(__u16 found, __u16 share)
{
	return (share & ~SHARE_UNLIMITED) | (found & SHARE_UNLIMITED);
}
#define CPUS_MAX 128
#define CLIENT_BUCKETS 65536 /* counts of live pairs, by hash of the client */
#define RHO_SCALE 16 /* rho is in packets per second x 16 */
#define TS2_SHIFT 4 /* ts2 in the fold word is in 16 jiffies */

/* Halves of the packed words. */
#define WORD(low, high) ((__u64)(__u32)(low) | (__u64)(__u32)(high) << 32)
#define WORD_LOW(word) ((__u32)(word))
#define WORD_HIGH(word) ((__u32)((word) >> 32))
#define FOLD(generation, members, carry_from, ts2)                                                                  \
	((__u64)((__u32)(generation)&0xffffffU) | (__u64)(__u8)(members) << 24 | (__u64)(__u16)(carry_from) << 32 | \
	 (__u64)(__u16)(ts2) << 48)
#define FOLD_MEMBERS(fold) ((__u8)((fold) >> 24))
/*
 * Does the fold belong to the window that starts at `start`? 24 bits of jiffies wrap after hours, and a key that is
 * counted gets a new fold each tick.
 */
#define FOLD_IS_OF(fold, start) ((fold) && (((__u32)(fold) ^ (__u32)(start)) & 0xffffffU) == 0)
#define FOLD_CARRY_FROM(fold) ((__u16)((fold) >> 32))
#define FOLD_TS2(fold) ((__u16)((fold) >> 48))
#define PLACE(destination, policy) ((__u32)(destination) | (__u32)(policy) << 22)
#define PLACE_DESTINATION(place) ((place) & 0x3fffffU)
#define PLACE_POLICY(place) ((place) >> 22)

/*
 * There are two banks of policies: one is in force, into the other the daemon writes the next. A single word,
 * table_state.active, switches between them. The policy number in a record or head includes its bank; when that bank
 * is not the active one, the number is looked up again. So no packet is judged by half a policy.
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
 * A fold is what the daemon writes into a record from the ledger: base, fold, carry and pass_share. Its generation is
 * the start of the kernel's window for which it was made; the last harvest saw that window. A fold is in force while
 * its generation equals the start of the present window and the daemon is alive.
 *
 * A pair's record, one cache line. The count judged is
 *   c = max(packets + base.count, carry.known + rho * (min(now, carry_from + 3 ticks) - carry_from))    since base.ts1,
 * while the fold is in force; else packets - window.packets since window.start.
 */
struct pair_record {
	__u32 packets; /* K: only grows, modulo 2^32: every reader takes differences */
	__u32 evidence; /* I (EVIDENCE_AT), then K: when the bucket of local evidence will be full again */
	__u64 window; /* K: {start, packets just before the packet that started it}; start is the generation */
	__u32 last; /* K: the latest packet */
	/*
	 * I (thinning_start), then K: high half the accumulator of pass_share; the low half is `sampled` (SAMPLED)
	 */
	union {
		__u32 thinning;
		struct {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			__u16 sampled, accumulator;
#else
			__u16 accumulator, sampled;
#endif
		};
	};
	/* D: {M.ts1, M.c - packets at the last harvest}; so packets + base.count is M.c plus what was counted since */
	__u64 base;
	/*
	 * D: 0: never written. Bits 0-23: generation. 24-31: members that counted the key, this proxy included; 1 also
	 * while this proxy's counts alone are over the rate. 32-47: low bits of the jiffy at which tick A ended
	 * (carry_from). 48-63: low bits of ts2 >> TS2_SHIFT
	 */
	__u64 fold;
	__u64 carry; /* D: {known: packets known up to A, as part of M.c; rho x RHO_SCALE} */
	__u64 harvest; /* D: {packets when `slot` began, packets at the last harvest} */
	__u16 slot; /* D: low 16 bits of the slot (of time) that `harvest` is about */
	/*
	 * D: share of packets let through, in 1/65535, even (share_of_pair); and SHARE_UNLIMITED. Inserted as
	 * SHARE_ALL, without the bit when there is a limit
	 */
	__u16 pass_share;
	__u32 place; /* I, then K and D, by compare-and-swap: {destination index 22, policy 9, its bank 1} */
};
_Static_assert(sizeof(struct pair_record) == 64, "a pair's record is one cache line");
_Static_assert(__builtin_offsetof(struct pair_record, base) == 24 &&
		       __builtin_offsetof(struct pair_record, place) == 60,
	       "layout");

/*
 * Of the low half of `thinning`: the size of one of the pair's frames, in bytes, as good as drawn at random
 * (xdp/size.h), to four bytes; 0: none was drawn yet. Beside it stands the second of the last warning: modulo
 * WARNED_SECONDS, and 1 more; 0: there was none.
 */
#define WARNED_SECONDS 15
#define WARNED(low) ((low)&0xfU)
#define SAMPLED_MAX 0xfffU
#define SAMPLED(bytes, low) \
	((__u16)(((bytes) < 4 * SAMPLED_MAX ? (bytes) / 4 : SAMPLED_MAX) << 4 | WARNED(low)))
static inline __u32 pair_size(__u32 thinning)
{
	return (thinning >> 4 & SAMPLED_MAX) * 4;
}

/*
 * The pair tables: 8-way sets, two candidate sets per key (set_of). IPv4: the tag is the key (client << 32 |
 * destination, host order of the 32-bit numbers). IPv6: the tag is a seeded 64-bit hash and the key stands beside
 * it, written before the tag is published.
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

/*
 * Answers to pairs (xdp/answers.h), in maps of their own beside those of the sets: only answers touch them. A word is
 * for the record of the same set and way: the number of answers modulo 2^31, never more than the record's packets; and
 * ANSWERS_TCP once one of them was of an open TCP connection, where a spoofer cannot draw any.
 */
#define ANSWERS_TCP 0x80000000U
#define ANSWERS_OF(word) ((word) & ~ANSWERS_TCP)
struct answer_set {
	__u32 words[SET_WAYS]; /* K; D sets it to 0 when the way is given free */
};
_Static_assert(sizeof(struct answer_set) == 32, "layout");

/*
 * Answers to pairs without a record: {a word as above, STRAY_CHECK} at STRAY_OF, by the hash of the pair's tag. The
 * number of packets is known elsewhere, so it bounds nothing here.
 */
#define STRAYS 65536
#define STRAY_OF(hash) ((__u32)(hash) & (STRAYS - 1))
#define STRAY_CHECK(hash) ((__u32)((hash) >> 32) | 1) /* 0: nothing is there */

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

/* A seeded hash of an IPv6 pair's destination, the third and fourth word of its key. */
static inline __u64 destination_hash6(const __u64 words[4], __u64 seed)
{
	return mix64(mix64(words[2] + seed) ^ words[3]);
}

/*
 * The tag of an IPv6 pair; never a reserved value. Client and destination are mixed apart, so that a CPU can do both
 * at once.
 */
static inline __u64 tag_of_pair6(const __u64 words[4], __u64 seed)
{
	__u64 client = mix64(mix64(words[0] ^ seed) ^ words[1]), destination = destination_hash6(words, seed);
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
 * The order in which the ways of a candidate set are tried, both to find a record and to make one: from the key's own
 * way on, by distance in bits. Two of three records are in their own way of their first set, so the branch predictor
 * is right more often than with one order for all keys. The bits are above those of the set's number.
 */
static inline __u32 way_of(__u64 hash, unsigned int choice, __u32 step)
{
	return ((choice ? (__u32)(hash >> 61) : (__u32)hash >> 29) ^ step) & (SET_WAYS - 1);
}

/*
 * A new record goes into the second set only when the first has at least this many used ways and more than the
 * second. At 60 % load seven of eight records are in their first set, and every record finds a way.
 */
#define FIRST_SET_WAYS 5

static inline bool takes_second_set(__u32 first_used, __u32 second_used)
{
	return first_used >= FIRST_SET_WAYS && second_used < first_used;
}

/*
 * Where a new pair's accumulator begins: at a value that depends on the pair and on the table's seed. Accumulators
 * that began with the same value would let their packets through in waves.
 */
static inline __u32 thinning_start(__u64 tag, __u64 seed)
{
	return (__u32)(mix64(tag + seed) >> 32) & 0xffff0000U;
}

#define HEAD_LEAVING 0x10 /* D: out of the hash; no shard is to get its tag back */
#define HEAD_PASS 0x01 /* the proxy's own address: pass, count nothing */
/* set in shards, never in heads: the policy does not protect the destination; its packets pass uncounted */
#define HEAD_UNPROTECTED 0x04
#define HEAD_MONITOR 0x08 /* set in shards, never in heads: monitor mode, drop nothing */
#define HEAD_THIN 0x02 /* D: the destination is over its rate with `fair`: pass_share of its pairs is in force */

/*
 * A destination's head. `packets` and `last` are in its shards, one per CPU. The fields mean what they mean in a
 * pair's record.
 */
struct destination_head {
	__u8 address[16]; /* I; all zero = not in use */
	__u64 window; /* K */
	__u64 base; /* D */
	__u64 fold; /* D */
	__u64 carry; /* D */
	__u64 harvest; /* D */
	__u16 slot; /* D */
	__u16 pass_share; /* D: while HEAD_THIN, the share of packets whose pair has no fold (the lot) */
	__u16 policy; /* I, then K and D, both the same of one bank: POLICY_OF_DESTINATION */
	__u8 flags; /* I, then D */
	__u8 reserved;
};
_Static_assert(sizeof(struct destination_head) == 64, "layout");

/*
 * One CPU's part of a destination. Only that CPU writes it, except `evidence`: the bucket of the whole destination is
 * in the first CPU's shard, and every CPU writes it by compare-and-swap. The copies of the head's fields, and
 * `limit`, which also counts the other shards, were taken in jiffy limit_at.
 */
struct destination_shard {
	__u64 packets; /* K: only grows */
	__u64 limit;   /* K: own packets beyond which the destination is over its rate */
	/*
	 * K: while `packets` is below this, `limit` is valid for limit_span jiffies; otherwise only in jiffy limit_at
	 */
	__u64 certain;
	__u32 last; /* K */
	__u32 limit_at;	  /* K: the jiffy `limit` was computed in */
	__u32 limit_span; /* K */
	__u32 written; /* K: table_state.written when `limit` was computed; another value now: compute it again */
	__u32 thinning;	  /* K: as in pair_record, for packets judged by the head's pass_share */
	__u32 evidence; /* K: as in pair_record; used in the first CPU's shard only */
	__u32 members;	/* K: the fold's; 0 while none is in force */
	__u16 pass_share; /* K: the head's */
	__u16 flags;	  /* K: the head's; HEAD_THIN only while the daemon is alive */
	/*
	 * K, and D who sets it to 0 when the head leaves: the address that pairs may count here by the index in their
	 * place (destination_tag); 0: none, they look their destination up
	 */
	__u32 tag;
	__u32 bytes; /* K: of the frames of its packets, modulo 2^32 */
};
_Static_assert(sizeof(struct destination_shard) == 64, "layout");

#include "coarse.h" /* coarse entries, limits, departed heads, sums: by prefixes and addresses */

/*
 * The share of a key's packets that its rate allows, for a key that the kernel thins by itself: its rate over the rate
 * at which `count` packets, not 0, came in `window` jiffies. The window is the true one. A key counts as over only
 * after what its rate allows in the minimum window: in a steady flood of x times the rate that is (1 - 1/x) of it too
 * many, which is paid back until the window is four times the minimum. Windows that were aged are longer.
 */
#define REPAID_WINDOWS 4
static inline __u16 share_of_count(__u32 rate, __u32 hz, __u32 window, __u32 window_min, __u64 count)
{
	__u64 share = (__u64)rate * window / hz * SHARE_ALL / count;

	if (share >= SHARE_ALL)
		return SHARE_ALL - 1;
	if (window < REPAID_WINDOWS * window_min)
		share -= share * (SHARE_ALL - share) / (REPAID_WINDOWS * SHARE_ALL);
	return share;
}

/* rates compare against max(window, minimum window); else no verdict before the minimum (the paper) */
#define POLICY_EARLY 0x01
#define POLICY_POLICE 0x02 /* a pair over its rate is thinned to it (by pass_share); else all its packets drop */
/* a destination over its rate is thinned per client; else all its packets drop (the paper's strict) */
#define POLICY_FAIR 0x04
#define POLICY_MONITOR 0x08 /* count what would have been dropped, drop nothing */

/* A policy whose pair_rate is 0 may carry one of these; the daemon sets pair_rate to 0 where they are. */
#define POLICY_LISTED_PASS 0x10 /* passes, whatever any rate says */
#define POLICY_LISTED_BLOCK 0x20 /* drops */
#define POLICY_UNPROTECTED 0x40 /* of destinations: pass, count nothing */
#define POLICY_LISTED_OUTSIDE 0x100 /* drops: its client's profile does not hold the destination */
#define POLICY_LISTS 0x80 /* of every pair's policy alike: never_drop or block has an entry */

/* The prefixes of both banks in one trie. Value: the class of the prefix; shorter prefixes are merged into it. */
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
 * Local evidence. Why: a member that publishes false counts must not be able to block a client at every proxy. So the
 * counts of other members can reduce a client only to a floor: a token bucket that fills at rate / (EVIDENCE_SHARE x
 * members) and holds what comes in one second, at least one packet. The bucket is stored as the time at which it will
 * be full, in 1/EVIDENCE_SCALE jiffies modulo 2^32. More than hz x EVIDENCE_SCALE packets a second are never granted.
 */
/* kappa: with 4, a liar takes at most three quarters; the floors of all members together leak a quarter of the rate */
#define EVIDENCE_SHARE 4
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

/* One per table: its identity, its clock, and what holds for all its records. */
struct table_state {
	__u32 layout; /* D: TABLE_LAYOUT */
	__u32 hz; /* D: jiffies per second, measured */
	__u64 incarnation; /* D: of this table; never reused, see PROTOCOL */
	__u64 boot; /* D: starts of the daemon with this table */
	__u64 seed; /* D: of the hash, random, fixed while the table lives */
	__u32 heartbeat; /* D: jiffies, written each tick; older than HEARTBEAT_STALE_MS = the daemon is dead */
	__u32 harvested_at; /* D: jiffies of the last harvest */
	__u32 carry_span; /* D: 3 ticks in jiffies */
	__u32 heartbeat_stale; /* D: HEARTBEAT_STALE_MS in jiffies */
	__u32 active; /* D: the bank in force, 0 or BANK_BIT */
	__u32 client_pairs_max; /* D: pairs one client may have records of; 0 = any number */
	__u32 written;		/* D: goes up after a head was written or the bank changed: shards look again */
	__u32 hot_count; /* D: limits of clients and networks; 0: nobody looks for one */
	__u64 stale_told; /* D: the part of the counter `stale` that was already reported (table_read_silence) */
	__u64 harvested_mesh_ns; /* D: mesh time of the last harvest: counts were published up to here */
	__u64 sides; /* D: digest of the `clients` and sides that every record was looked at by; 0: no clients */
	__u64 widths; /* D: digest of the widths that the keys of its records are cut to */
	__u64 reserved[2];
};

/* Why a packet passed or dropped; one counter each per CPU. REASON_NAMES has the names. */
enum reason {
	REASON_PASS, /* counted and within every rate */
	REASON_PASS_NOT_IP, /* ARP, LLDP, anything but IPv4 and IPv6 */
	REASON_PASS_MALFORMED, /* not parseable as IP: the stack decides */
	REASON_PASS_NOT_UNICAST, /* no single host's address: multicast, loopback, 0.0.0.0; fe80::/10 as destination */
	REASON_PASS_LOCAL, /* to the proxy itself: gossip and management */
	REASON_PASS_SHARE, /* of a key that is thinned: this packet was in its share */
	REASON_PASS_NEVER_DROP, /* its client or destination is on never_drop: counted, never dropped */
	REASON_PASS_UNPROTECTED, /* protected_only, and the destination is not: not counted */
	REASON_PASS_EVIDENCE, /* only other members' counts are over the rate: the floor of local evidence */
	REASON_PASS_ANSWER, /* to a client, from elsewhere: an answer, not counted */
	REASON_PASS_NOT_CLIENT, /* neither from nor to a client: not counted */
	REASON_PASS_OTHER_HOST, /* its frame is not to this proxy's MAC address: the kernel drops it, not counted */
	REASON_DROP_BLOCKED, /* its client or destination is on the block list */
	REASON_DROP_OUTSIDE, /* outside its client's rules, and the policy blocks what is */
	REASON_DROP_PAIR, /* Algorithm 2 line 14: the pair is over T_F1 */
	REASON_DROP_PAIR_SHARE, /* police: the part of the pair above T_F1 */
	REASON_DROP_CLIENT, /* its client sends more than its grant here (struct hot_limit) */
	REASON_DROP_DESTINATION, /* Algorithm 2 line 23: the destination is over T_F2 */
	REASON_DROP_DESTINATION_SHARE, /* fair: above the client's share of T_F2 */
	REASON_DROP_COARSE, /* without a head: its destination's network is over T_F2, by its coarse entries */
	REASON_DROP_NETWORK, /* its destination's network is sent more than its grant here */
	REASON_DROP_FOREIGN_SOURCE, /* from the clients' side, and its source is no client's: spoofed */
	REASON_DROP_GOSSIP, /* to the gossip port, beyond what the gate lets through */
	REASON_DROP_TUNNEL, /* first fragment of a tunnel's packet, too short to contain the inner addresses */
	REASON_DROP_SOURCE_ROUTE, /* to the proxy itself, with a route on from it: counted under no such pair */
	REASON_DROP_TAGS, /* more VLAN tags than the program reads: if it passed, it could be forwarded uncounted */
	/* passed, but would have dropped: mode = monitor, or an interface that is not enforced */
	REASON_WOULD_DROP,
	REASON_TABLE_FULL, /* beside the verdict: no record could be made for the pair */
	REASON_DESTINATIONS_FULL, /* beside the verdict: none for the destination */
	REASON_COARSE, /* beside the verdict: it was judged by coarse entries, for want of a head */
	REASON_FORWARDED, /* beside the verdict: it passed, and XDP sent it on by itself */
	REASON_CLIENT_QUOTA, /* beside the verdict: the client has records of as many pairs as it may */
	REASON_STALE, /* beside the verdict: the daemon is dead, so its fold of the pair is not used */
	REASON_COUNT
};

#define REASONS_MAX 64
_Static_assert(REASON_COUNT <= REASONS_MAX, "every reason has a counter");

#define REASON_NAMES                                                                                          \
	{                                                                                                     \
		"pass", "pass_not_ip", "pass_malformed", "pass_not_unicast", "pass_local",                    \
			"pass_share", "pass_never_drop", "pass_unprotected", "pass_evidence",                 \
			"pass_answer", "pass_not_client", "pass_other_host", "drop_blocked", "drop_outside",  \
			"drop_pair", "drop_pair_share", "drop_client", "drop_destination",                    \
			"drop_destination_share", "drop_coarse", "drop_network",                              \
			"drop_foreign_source", "drop_gossip", "drop_tunnel", "drop_source_route",             \
			"drop_tags", "would_drop", "table_full", "destinations_full", "coarse",               \
			"forwarded", "client_quota", "stale"                                                  \
	}

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
