/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the files of the kernel's model: records and their places, and on whose word they stand. */
#ifndef SIM_KERNEL_TABLE_H
#define SIM_KERNEL_TABLE_H

#include "kernel.h"

void table_open(struct kernel *kernel);
void table_close(struct kernel *kernel);

struct kernel_record *table_find(const struct kernel *kernel, uint32_t key);

/* The number of a key's record, made when missing. RECORD_NONE: its table is full, or its client has all its pairs. */
uint32_t table_make(struct kernel *kernel, uint32_t key, bool pair, int64_t window_start_ns);

/* The same on a member's word. RECORD_NONE: that member has its part of the table, too. */
uint32_t table_claim(struct kernel *kernel, uint32_t key, bool pair, int claimant, int64_t window_start_ns);

void table_free(struct kernel *kernel, uint32_t number);

/* The record was counted here: from now on it is this proxy's own. */
void table_own(struct kernel *kernel, struct kernel_record *record);

/* A daemon that does not know on whose word a record stands, nor what was told of those that left. */
void table_forget(struct kernel *kernel);

/* Records that are to be free in a bounded table after a harvest. */
uint32_t table_spare(const struct kernel_table *table);

/*
 * Frees the newest record on the word of the member with most of them. False: nobody has more than `keep`, or a packet
 * has come for each since.
 */
bool table_give_back(struct kernel *kernel, enum table_kind kind, uint32_t keep);

/* Records give way until an eighth of each bounded table is free. */
void table_give_way(struct kernel *kernel, int64_t now_ns);

/* Is a packet of the pair beyond the limit of its client, or of its network? It counts as one that came to it. */
bool hot_drops(struct kernel *kernel, uint32_t pair, enum hot_kind kind, int64_t now_ns);
/* Has the client or the network of the pair a limit? */
bool hot_holds(const struct kernel *kernel, uint32_t pair);
/* At a harvest: limits that the core tells no more of end; records are told that there is one. */
void hot_tick(struct kernel *kernel, int64_t now_ns);
void hot_scan(struct kernel *kernel);
/* A daemon starts: limits stay until it knows as much as the one before. */
void hot_inherit(struct kernel *kernel, int64_t now_ns);
void hot_shift(struct kernel *kernel, int64_t by_ns);

/*
 * Counts a packet of the key in both rows, and returns the entry with the smaller rate, which decides. What passes by
 * one takes from the bucket of the other, too, or a flood would have both.
 */
struct kernel_coarse *coarse_count(struct kernel *kernel, enum coarse_of kind, uint32_t key, int64_t now_ns,
				   struct kernel_coarse **ret_other);
bool coarse_has_counted(const struct kernel *kernel, enum coarse_of kind, uint32_t key, int64_t now_ns);
/*
 * Does a bucket that fills by a packet every `packet_ns` and holds a second of them have one? Every packet that passes
 * asks, so that the bucket is empty when the rate has been exceeded for a second.
 */
bool bucket_grants(int64_t *full_ns, double packet_ns, int64_t now_ns);
void coarse_shift(struct kernel *kernel, int64_t by_ns);

#endif
