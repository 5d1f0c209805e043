/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The second part of record.h, which includes it: what is kept of clients, networks and addresses beside the records of
 * pairs and destinations. Coarse entries, limits, heads that left, sums.
 */
#ifndef XPRO_COARSE_H
#define XPRO_COARSE_H

/*
 * What finds no destination's head, or no pair's record, counts in coarse entries: by the network of the destination,
 * and by the client. Each kind has two rows, and a packet counts in one entry of both; the smaller of the two is the
 * estimate for its prefix. Which entries are a prefix's is told by the table's own seed, so that nobody outside can
 * aim at one. Entries stay at this proxy: other tables have other entries.
 */
enum coarse_kind { COARSE_NETWORKS, COARSE_CLIENTS, COARSE_KINDS };
#define COARSE_ROWS 2
#define COARSE_ENTRIES 8192 /* of a row */
#define COARSE_VOTES 0xffff /* the votes end there */

struct coarse_entry {
	__u64 window; /* K: as in pair_record; 0: never used */
	__u64 owner[2]; /* K: the prefix most packets were of, a guess by majority vote (coarse_cut) */
	__u32 packets; /* K: only grows, modulo 2^32 */
	__u32 last; /* K */
	__u32 votes; /* K: packets of the owner less those of others since it became it */
	__u32 thinning; /* K: as in pair_record, for packets judged by this entry */
	/*
	 * K: packets of owners, of whoever was one when they came; modulo 2^32. By client: those alone that no pair's
	 * record counted. So neither kind counts what a record counts, and a sum may add both
	 */
	__u32 owned;
	__u32 owned_from; /* K: `owned` when the present owner became it */
	__u64 harvest; /* D: of `owned`, as in pair_record; of the owner in `told` alone */
	__u16 slot; /* D: as in pair_record */
	__u16 reserved;
	__u32 told; /* D: coarse_mark of the owner at the last harvest; 0: none */
};
_Static_assert(sizeof(struct coarse_entry) == 64, "an entry is one cache line");

/* An IPv4-mapped address, as its words stand in memory. */
static inline bool words_are_ipv4(const __u64 words[2])
{
	return words[0] == 0 && (__u32)words[1] == 0xffff0000U;
}

/*
 * Cuts an address, as it stands in the packet, to the prefix that its coarse entries are of: a network's /24 or /48. A
 * client is cut already.
 */
static inline void coarse_cut(enum coarse_kind kind, __u64 words[2])
{
	if (kind != COARSE_NETWORKS)
		return;
	if (words_are_ipv4(words)) {
		words[1] &= 0x00ffffffffffffffULL;
	} else {
		words[0] &= 0x0000ffffffffffffULL;
		words[1] = 0;
	}
}
#define COARSE_NETWORK_BITS4 24
#define COARSE_NETWORK_BITS6 48

/* A short name of a prefix, never 0: two prefixes have the same once in 2^32. */
static inline __u32 coarse_mark(const __u64 prefix[2])
{
	return (__u32)(mix64(mix64(prefix[0]) ^ prefix[1]) >> 32) | 1;
}

/* The prefix's entry in a row: an index over all kinds and rows. */
static inline __u32 coarse_index(enum coarse_kind kind, __u32 row, const __u64 prefix[2], __u64 seed)
{
	const __u64 h = mix64(mix64(mix64(prefix[0] ^ seed) ^ prefix[1]) + (__u64)kind);

	return (kind * COARSE_ROWS + row) * COARSE_ENTRIES + ((__u32)(row ? h >> 32 : h) & (COARSE_ENTRIES - 1));
}

/*
 * Limits of clients and networks: what a client, or all clients to a network, may send through this proxy. A hash from
 * the key to the number of its limit says which there are; the daemon alone inserts and removes. A packet that finds or
 * makes no record that it knows looks there, and so does one whose record has not SHARE_UNLIMITED.
 *
 * A limit is a share and a token bucket. The bucket bounds what passes. The share is the part of the packets that it
 * should come to; without it the first packets of every burst would pass, and with a client that sends to its
 * destinations in turn they would all be to the same ones. The bucket's level is stored as the time at which it will be
 * full, in 2^-32 jiffies modulo 2^64.
 */
enum hot_kind { HOT_CLIENTS, HOT_NETWORKS };
struct hot_key {
	__u64 words[2]; /* as they stand in the packet: a client's key in the ledger, or a network's prefix */
	__u32 kind, reserved;
};
_Static_assert(sizeof(struct hot_key) == 24, "layout");

struct hot_limit {
	__u64 packet; /* D: time in which a packet's worth flows in: 2^32 x hz / rate; 0: nothing passes */
	__u64 burst; /* D: time in which the empty bucket fills */
	__u64 full; /* D before the key is inserted, then K */
	__u32 share; /* D: of the packets, in 1/65535; SHARE_ALL = all */
	__u32 reserved;
};
_Static_assert(sizeof(struct hot_limit) == 32, "two limits are one cache line");
#define HOT_TIME(jiffies) ((__u64)(__u32)(jiffies) << 32)

/* One CPU's part of what came to a limit. K; D sets both to 0 before the key is inserted. */
struct hot_count {
	__u64 reached, dropped;
};

/* The key of the client or network that an address belongs to. */
static inline struct hot_key hot_key_of(enum hot_kind kind, const __u64 words[2])
{
	struct hot_key key = { .words = { words[0], words[1] }, .kind = kind };

	if (kind == HOT_NETWORKS)
		coarse_cut(COARSE_NETWORKS, key.words);
	return key;
}

/*
 * What heads that left had counted in their last slot, for the head that their address gets next: its count goes on
 * from there. Eight-way sets by the address; the daemon alone reads and writes them.
 */
struct departed {
	__u8 address[16]; /* all zero: none */
	__u64 slot;
	__u32 packets; /* of the slot */
	__u32 last; /* jiffies, of its latest packet */
};
#define DEPARTED_WAYS 8
#define DEPARTED_PER_HEAD 4 /* in one slot of 20 ticks 2.5 times the heads may leave */
struct departed_set {
	struct departed ways[DEPARTED_WAYS];
};
_Static_assert(sizeof(struct departed_set) == 256, "layout");

/*
 * Exact sums of clients and networks, by slot of time. The daemon alone reads and writes them. They stand in a map so
 * that they outlive it: a daemon that starts again never publishes less than the one before it did.
 *
 * A cell is one word, so that it is stored at once: packets of the slot (bits 0-31), low 16 bits of the slot, `first`
 * and `last` in slot / SLOT_FRACTIONS (8 bits each). 0: none.
 */
#define SUMS_MAX 16384
#define SUM_SLOTS 4 /* the running slot and those before it that a late harvest may still add to */
#define SUM_FREE 0 /* values of `kind` */
#define SUM_CLIENT 1
#define SUM_NETWORK 2
struct kept_sum {
	__u64 address[2]; /* as it stands in memory: of the client; of the network, its host bits 0 */
	__u64 cells[SUM_SLOTS]; /* by slot modulo SUM_SLOTS */
	__u32 kind; /* stored last when a sum begins, and first when it ends */
	__u32 reserved[3];
};
_Static_assert(sizeof(struct kept_sum) == 64, "a sum is one cache line");

#endif
