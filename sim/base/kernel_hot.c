/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of clients and networks: a share and a token bucket for each. Compare xdp/hot.h and gossipd/table/table_hot.c.
 */
#include "kernel_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOT_SCANS 2 /* harvests that look at every record after a limit came on */
#define HOT_STALE_NS (2 * NS_PER_S)

/* The limit of a client or network, or NULL. */
static struct kernel_hot *find(const struct kernel *kernel, const struct key *key)
{
	const uint32_t number = keys_find(kernel->keys, key);

	return number < kernel->hot_size && kernel->hot[number].limited ? &kernel->hot[number] : NULL;
}

static struct kernel_hot *find_of(const struct kernel *kernel, uint32_t pair, enum hot_kind kind)
{
	const struct key *name = &kernel->keys->keys[pair];
	const struct address network = network_of(&name->destination);
	const struct key key = kind == HOT_CLIENTS ? key_of_client(&name->client) : key_of_network(&network);

	return kernel->hot_count > 0 ? find(kernel, &key) : NULL;
}

bool hot_holds(const struct kernel *kernel, uint32_t pair)
{
	return find_of(kernel, pair, HOT_CLIENTS) || find_of(kernel, pair, HOT_NETWORKS);
}

/* The bucket's size, in time: at least a packet. */
static double bucket_size(const struct kernel_hot *hot)
{
	return fmax(HOT_BURST_MS * NS_PER_MS, hot->granted > 0 ? NS_PER_S / hot->granted : 0);
}

static bool is_chosen(const struct kernel *kernel, const struct kernel_hot *hot, int64_t now_ns)
{
	const uint64_t number = (uint64_t)(hot - kernel->hot) << 32 ^ hot->reached;

	return hot->share == SHARE_ALL || (double)(hot->full_ns - now_ns) <= bucket_size(hot) / 2 ||
	       (mix64(number ^ kernel->limits.seed) & 0xffff) < hot->share;
}

static bool bucket_takes(struct kernel_hot *hot, int64_t now_ns)
{
	const double packet_ns = hot->granted > 0 ? NS_PER_S / hot->granted : INFINITY, most = bucket_size(hot),
		     ahead = fmin(fmax(0, (double)(hot->full_ns - now_ns)), most);

	if (isinf(packet_ns) || ahead + packet_ns > most)
		return false;
	hot->full_ns = now_ns + (int64_t)(ahead + packet_ns);
	return true;
}

bool hot_drops(struct kernel *kernel, uint32_t pair, enum hot_kind kind, int64_t now_ns)
{
	struct kernel_hot *hot = find_of(kernel, pair, kind);
	bool passes;

	if (!hot || now_ns - kernel->heartbeat_ns > HEARTBEAT_STALE_MS * NS_PER_MS)
		return false;
	passes = is_chosen(kernel, hot, now_ns) && bucket_takes(hot, now_ns);
	hot->reached++;
	return !passes;
}

/* ---- the daemon's part ---- */

static void grow(struct kernel *kernel, uint32_t number)
{
	const uint32_t before = kernel->hot_size;

	if (number < before)
		return;
	kernel->hot_size = (number + 1) * 2;
	kernel->hot = realloc(kernel->hot, kernel->hot_size * sizeof(*kernel->hot));
	if (!kernel->hot)
		abort();
	memset(kernel->hot + before, 0, (kernel->hot_size - before) * sizeof(*kernel->hot));
}

static void begin(struct kernel *kernel, struct kernel_hot *hot)
{
	*hot = (struct kernel_hot){ .limited = true, .full_ns = kernel->heartbeat_ns + HOT_BURST_MS * NS_PER_MS };
	kernel->hot_count++;
	kernel->hot_scans = HOT_SCANS;
}

static void end(struct kernel *kernel, struct kernel_hot *hot)
{
	hot->limited = false;
	kernel->hot_count--;
}

void kernel_limit(struct kernel *kernel, uint32_t key, const struct change *change)
{
	struct kernel_hot *hot;

	grow(kernel, key);
	hot = &kernel->hot[key];
	if (!change->limited) {
		if (hot->limited && !hot->inherited)
			end(kernel, hot);
		return;
	}
	if (!hot->limited && kernel->hot_count == HOT_LIMITS_MAX)
		return;
	if (!hot->limited)
		begin(kernel, hot);
	hot->granted = hot->inherited ? fmin(hot->granted, change->granted) : change->granted;
	hot->share = change->pass_share;
	hot->told_ns = kernel->heartbeat_ns;
}

void hot_tick(struct kernel *kernel, int64_t now_ns)
{
	for (uint32_t i = 0; kernel->hot_count > 0 && i < kernel->hot_size; i++) {
		struct kernel_hot *hot = &kernel->hot[i];

		hot->inherited = hot->inherited && now_ns <= kernel->young_until_ns;
		if (hot->limited && !hot->inherited && now_ns - hot->told_ns > HOT_STALE_NS)
			end(kernel, hot);
	}
}

/* A record that was made before its client or network had a limit looks for one from now on. */
void hot_scan(struct kernel *kernel)
{
	if (kernel->hot_scans == 0)
		return;
	kernel->hot_scans--;
	for (uint32_t i = 0; i < kernel->count; i++) {
		struct kernel_record *record = &kernel->records[i];

		if (!record->dead && record->pair)
			record->limited = hot_holds(kernel, record->key);
	}
}

void hot_inherit(struct kernel *kernel, int64_t now_ns)
{
	for (uint32_t i = 0; i < kernel->hot_size; i++) {
		kernel->hot[i].inherited = kernel->hot[i].limited;
		kernel->hot[i].told_ns = now_ns;
	}
}

void hot_shift(struct kernel *kernel, int64_t by_ns)
{
	for (uint32_t i = 0; i < kernel->hot_size; i++) {
		kernel->hot[i].full_ns += by_ns;
		kernel->hot[i].told_ns += by_ns;
	}
}
