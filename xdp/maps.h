/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program shares with the daemon: its maps, the constants that are set before it is loaded, and the
 * clock. xpro/record.h defines the layout of the records and the writer of each word. The daemon chooses the sizes of
 * the maps: it replaces each 1 below before it loads the program.
 */
#ifndef XDP_MAPS_H
#define XDP_MAPS_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include <xpro/bounds.h>
#include <xpro/locals.h>
#include <xpro/record.h>

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
/*
 * Hides from clang how a value was computed. Otherwise clang turns arithmetic back into branches, and the verifier
 * has more paths to walk.
 */
#define OPAQUE(x) asm volatile("" : "+r"(x))

/* 1 when the words differ, without a branch. */
static __always_inline __u64 differ(__u64 a, __u64 b)
{
	__u64 x = a ^ b, minus = -x;

	OPAQUE(minus);
	return (x | minus) >> 63;
}

/* Fixed while the program lives. */
const volatile __u32 sets4 = 1; /* sets of pairs4, a power of two */
const volatile __u32 sets6 = 1;
const volatile __u32 cpus = 1;		    /* shards per destination: possible CPUs */
const volatile __u64 seed = 0;		    /* of the hash; equal to table_state.seed */
const volatile __u32 hz = 250;		    /* jiffies per second; equal to table_state.hz */
const volatile bool clock_injected = false; /* tests: time is injected_jiffies */

__u32 injected_jiffies = 1;
/*
 * Always 0, but unknown to the verifier. Added to a number that was found by branching, it makes the number unknown
 * on every path, so the verifier can merge the paths.
 */
__u32 always_zero = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pair4_set);
} pairs4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pair6_set);
} pairs6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct destination_head);
} destinations SEC(".maps");

/* Index: destination x cpus + cpu. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct destination_shard);
} shards SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, COARSE_KINDS * COARSE_ROWS * COARSE_ENTRIES);
	__type(key, __u32);
	__type(value, struct coarse_entry);
} coarse SEC(".maps");

/* The daemon's alone. It is a map so that it outlives the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct departed_set);
} departed SEC(".maps");

/* The same. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SUMS_MAX);
	__type(key, __u32);
	__type(value, struct kept_sum);
} sums SEC(".maps");

struct address_key {
	__u64 words[2]; /* 16 bytes as they stand in the packet; IPv4 is IPv4-mapped */
};

/* Address -> index in destinations. Kernel and daemon insert, with BPF_NOEXIST; the daemon alone deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct address_key);
	__type(value, __u32);
} destination_index SEC(".maps");

/*
 * Indices in destinations that are free, their heads and shards cleared. First in, first out, so an index is reused
 * as late as possible.
 */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u32));
} destination_free SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address_key);
	__type(value, __u8);
} local_addresses SEC(".maps");

/* Prefix -> class of the addresses in it, for both policy banks. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * (2 * POLICY_RULES_MAX + 2)); /* rules of two prefixes, and both families */
	__uint(key_size, PREFIX_KEY_BYTES);
	__uint(value_size, sizeof(__u32));
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct class_matrix);
} classes SEC(".maps");

/* Number of live pairs per client_bucket. Kernel and daemon change it, by atomic addition. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CLIENT_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} client_pairs SEC(".maps");

/* Global variables, each in a section and so in a map of its own. The program reads them without a map look-up. */
struct table_state state SEC(".data.state");
struct policy policies[POLICIES_MAX] SEC(".data.policies");
struct reason_counter reasons[CPUS_MAX][REASONS_MAX] SEC(".data.reasons");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} warnings SEC(".maps");

/*
 * The policy of this number. A number outside the array counts as 0, which proves to the verifier that the access is
 * within bounds.
 */
static __always_inline const struct policy *policy_at(__u32 number)
{
	OPAQUE(number);
	if (number >= POLICIES_MAX)
		number = 0;
	OPAQUE(number);
	return &policies[number];
}

static __always_inline void *element(void *map, __u32 index)
{
	return bpf_map_lookup_elem(map, &index);
}

/* The time in jiffies. Never 0, because no window starts at 0 (xpro/record.h). */
static __always_inline __u32 clock_now(void)
{
	__u32 now = clock_injected ? READ_ONCE(injected_jiffies) : (__u32)bpf_jiffies64();

	return now ? now : 1;
}

#endif
