/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* table_hot.c: limits of clients and networks. */
#ifndef TABLE_HOT_H
#define TABLE_HOT_H

#include <xpro/bounds.h>
#include <xpro/record.h>

#include "table.h"

/* What the daemon knows of the limit of one number. */
struct hot_place {
	struct hot_key key;
	uint32_t told; /* jiffies: when the core last told of it */
	bool used, leaving; /* leaving: taken out, not free before a grace period has passed */
	bool inherited; /* from an earlier daemon, and this one is young */
};

#define HOT_INDEX 8192 /* twice as many as limits */
#define HOT_FILTER_BITS 16 /* 8 kB: in a CPU's nearest cache, and mostly empty */
#define HOT_NONE UINT32_MAX
_Static_assert(HOT_INDEX >= 2 * HOT_LIMITS_MAX && HOT_LIMITS_MAX < UINT16_MAX, "numbers in the index, and room");
#define HOT_LIMITS_BYTES (HOT_LIMITS_MAX * sizeof(struct hot_limit))
#define HOT_COUNTS_BYTES(table) ((table)->cpus * HOT_LIMITS_MAX * sizeof(struct hot_count))
/* with the hash: its key, its value, and the kernel's own */
#define HOT_BYTES(table) \
	(HOT_LIMITS_BYTES + HOT_COUNTS_BYTES(table) + HOT_LIMITS_MAX * (sizeof(struct hot_key) + 8 + 48))
struct hot_table {
	int fd;
	struct hot_limit *limits;
	struct hot_count *counts; /* cpu x HOT_LIMITS_MAX + number */
	struct hot_place places[HOT_LIMITS_MAX];
	uint32_t count, next; /* next: where the search for a free number begins */
	uint32_t begun; /* limits that came on so far */
	uint32_t scans; /* harvests that are to look at every record */
	uint16_t index[HOT_INDEX]; /* open addressing by key: number + 1; 0: none */
	uint64_t filter[(1 << HOT_FILTER_BITS) / 64]; /* by hash of the key; a bit that is not set: it has no limit */
};

static inline uint32_t hot_filter_bit(const struct hot_key *key)
{
	const uint64_t folded = key->words[0] ^ (key->words[1] << 32 | key->words[1] >> 32) ^ key->kind;

	return (uint32_t)(folded * 0x9e3779b97f4a7c15ULL >> (64 - HOT_FILTER_BITS));
}

/* False: the key has no limit. True for a few keys in a thousand that have none, too. */
static inline bool hot_may_hold(const struct hot_table *hot, const struct hot_key *key)
{
	const uint32_t bit = hot_filter_bit(key);

	return hot->filter[bit / 64] >> bit % 64 & 1;
}

int hot_map(struct table *table); /* their maps into memory */
void hot_unmap(struct table *table);
void hot_start(struct table *table);
int hot_apply(struct table *table, const struct change *change);
void hot_tick(struct table *table); /* once a harvest */
void hot_free(struct table *table, uint32_t number); /* a grace period after the limit ended */
bool hot_holds(const struct hot_table *hot, const struct key *pair); /* has its client or its network a limit? */

#endif
