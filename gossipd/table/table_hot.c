/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of clients and networks (xdp/hot.h): puts what the core grants into the kernel, takes it out again, and tells
 * records of known pairs to look for it.
 *
 * A record may have been made before its client or network had a limit. So after a limit came on, the next two harvests
 * look at every record (HOT_SCANS): one alone could go past a record that the kernel was just making when it came.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "table_internal.h"
#include "xpro.skel.h"

#define HOT_SCANS 2
/* the core tells of a limit in each tick: one that it has not told of for so long is none any more */
#define HOT_STALE_MS 2000
#define HOT_JIFFY 4294967296.0 /* HOT_TIME(1) */
#define RATE_MIN 1e-4 /* a packet in three hours: less is nothing */

/* ---- which keys have a limit ---- */

static uint32_t index_of(const struct hot_key *key)
{
	return (uint32_t)mix64(mix64(key->words[0] + key->kind) ^ key->words[1]) % HOT_INDEX;
}

/* Where the key's number stands in the index, or would. */
static uint32_t index_find(const struct hot_table *hot, const struct hot_key *key)
{
	uint32_t at = index_of(key);

	while (hot->index[at] && memcmp(&hot->places[hot->index[at] - 1].key, key, sizeof(*key)) != 0)
		at = (at + 1) % HOT_INDEX;
	return at;
}

/* The number of the key's limit, or HOT_NONE. */
static uint32_t number_of(const struct hot_table *hot, const struct hot_key *key)
{
	const uint16_t number = hot->count > 0 ? hot->index[index_find(hot, key)] : 0;

	return number > 0 ? number - 1U : HOT_NONE;
}

static void index_add(struct hot_table *hot, uint32_t number)
{
	const struct hot_key *key = &hot->places[number].key;
	const uint32_t bit = hot_filter_bit(key);

	hot->index[index_find(hot, key)] = (uint16_t)(number + 1);
	hot->filter[bit / 64] |= 1ULL << bit % 64;
	hot->count++;
}

/* Keys behind it that would not be found any more move up. Its bit of the filter stays until nobody has a limit. */
static void index_remove(struct hot_table *hot, uint32_t number)
{
	uint32_t hole = index_find(hot, &hot->places[number].key), at = hole;

	for (;;) {
		at = (at + 1) % HOT_INDEX;
		if (!hot->index[at])
			break;
		if ((at - index_of(&hot->places[hot->index[at] - 1].key)) % HOT_INDEX < (at - hole) % HOT_INDEX)
			continue;
		hot->index[hole] = hot->index[at];
		hole = at;
	}
	hot->index[hole] = 0;
	if (--hot->count == 0)
		memset(hot->filter, 0, sizeof(hot->filter));
}

/* False: it is no client's or network's key. */
static bool key_of_limit(const struct table *table, const struct key *key, struct hot_key *ret_key)
{
	const enum key_kind kind = key_kind(key);
	const struct address whole = kind == KEY_CLIENT ? widths_client(&table->widths, &key->client)
							: network_of(&key->destination);
	__u64 words[2];

	memcpy(words, &whole, sizeof(words));
	*ret_key = hot_key_of(kind == KEY_CLIENT ? HOT_CLIENTS : HOT_NETWORKS, words);
	return (kind == KEY_CLIENT && address_equal(&whole, &key->client)) ||
	       (kind == KEY_NETWORK && address_equal(&whole, &key->destination));
}

/* ---- limits come and go ---- */

/* 0: nothing passes. */
static uint64_t packet_time(const struct table *table, double rate)
{
	return rate < RATE_MIN ? 0 : (uint64_t)((double)table->clock.hz * HOT_JIFFY / rate);
}

static void grant(struct table *table, uint32_t number, const struct change *change)
{
	struct hot_limit *limit = &table->hot->limits[number];
	struct hot_place *place = &table->hot->places[number];
	uint64_t packet = packet_time(table, change->granted);

	/* This daemon's ledger is not complete yet: what the one before granted is a bound. */
	if (place->inherited && packet > 0 && (limit->packet == 0 || packet < limit->packet))
		packet = limit->packet;
	place->told = table->clock.jiffies;
	store64(&limit->burst, HOT_TIME(table->clock.hz * HOT_BURST_MS / 1000));
	store64(&limit->packet, packet);
	store32(&limit->share, change->pass_share);
}

static uint32_t number_free(struct hot_table *hot)
{
	for (uint32_t i = 0; i < HOT_LIMITS_MAX; i++) {
		const struct hot_place *place = &hot->places[hot->next];

		if (!place->used && !place->leaving)
			return hot->next;
		hot->next = (hot->next + 1) % HOT_LIMITS_MAX;
	}
	return HOT_NONE;
}

static int limit_begin(struct table *table, const struct hot_key *key, const struct change *change)
{
	struct hot_table *hot = table->hot;
	const uint32_t number = number_free(hot);

	if (number == HOT_NONE)
		return -ENOSPC;
	hot->places[number] = (struct hot_place){ .key = *key, .used = true };
	for (uint32_t cpu = 0; cpu < table->cpus; cpu++)
		hot->counts[cpu * HOT_LIMITS_MAX + number] = (struct hot_count){ .reached = 0 };
	grant(table, number, change);
	/* The bucket begins empty: what passed before the limit came on has used it up. */
	store64(&hot->limits[number].full, HOT_TIME(table_now(table)) + hot->limits[number].burst);
	if (bpf_map_update_elem(hot->fd, key, &number, BPF_ANY)) {
		hot->places[number].used = false;
		return -errno;
	}
	index_add(hot, number);
	store32(&table->state->hot_count, hot->count);
	hot->scans = HOT_SCANS;
	hot->begun++;
	return 0;
}

/* A packet in flight may still use the limit: its number is free after a grace period. */
static void limit_end(struct table *table, uint32_t number)
{
	struct hot_table *hot = table->hot;

	bpf_map_delete_elem(hot->fd, &hot->places[number].key);
	index_remove(hot, number);
	store32(&table->state->hot_count, hot->count);
	hot->places[number].used = false;
	hot->places[number].leaving = true;
	table->marked.limits[table->marked.limit_count++] = (uint16_t)number;
}

void hot_free(struct table *table, uint32_t number)
{
	table->hot->places[number].leaving = false;
}

int hot_apply(struct table *table, const struct change *change)
{
	struct hot_key key;
	uint32_t number;

	if (!key_of_limit(table, &change->key, &key) || change->notable)
		return -EINVAL;
	number = number_of(table->hot, &key);
	if (number == HOT_NONE)
		return change->limited ? limit_begin(table, &key, change) : -ENOENT;
	if (change->limited)
		grant(table, number, change);
	else if (!table->hot->places[number].inherited)
		limit_end(table, number);
	return 0;
}

/* Once a harvest: limits that the core tells no more of. */
void hot_tick(struct table *table)
{
	const uint32_t stale = (uint32_t)((uint64_t)table->clock.hz * HOT_STALE_MS / 1000);
	const bool young = !table->is_new && jiffies_since(table->young_until, table->clock.jiffies) <= 0;

	for (uint32_t i = 0; table->hot->count > 0 && i < HOT_LIMITS_MAX; i++) {
		struct hot_place *place = &table->hot->places[i];

		place->inherited = place->inherited && young;
		if (place->used && !place->inherited &&
		    jiffies_since(place->told, table->clock.jiffies) > (int32_t)stale)
			limit_end(table, i);
	}
}

/* ---- records ---- */

bool hot_holds(const struct hot_table *hot, const struct key *pair)
{
	__u64 words[4];

	if (hot->count == 0)
		return false;
	memcpy(words, pair, sizeof(words));
	for (enum hot_kind kind = HOT_CLIENTS; kind <= HOT_NETWORKS; kind++) {
		const struct hot_key key = hot_key_of(kind, kind == HOT_CLIENTS ? words : words + 2);

		if (hot_may_hold(hot, &key) && number_of(hot, &key) != HOT_NONE)
			return true;
	}
	return false;
}

/* ---- at the start ---- */

static int map_in(const struct bpf_map *map, size_t bytes, void **ret_memory)
{
	*ret_memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (*ret_memory != MAP_FAILED)
		return 0;
	*ret_memory = NULL;
	return -errno;
}

int hot_map(struct table *table)
{
	void *limits, *counts = NULL;
	int err = map_in(table->skeleton->maps.hot_limits, HOT_LIMITS_BYTES, &limits);

	if (!err)
		err = map_in(table->skeleton->maps.hot_counts, HOT_COUNTS_BYTES(table), &counts);
	table->hot->limits = limits;
	table->hot->counts = counts;
	table->hot->fd = bpf_map__fd(table->skeleton->maps.hot);
	return err;
}

void hot_unmap(struct table *table)
{
	if (table->hot->limits)
		munmap(table->hot->limits, HOT_LIMITS_BYTES);
	if (table->hot->counts)
		munmap(table->hot->counts, HOT_COUNTS_BYTES(table));
}

/* The limits that an earlier daemon left stay in force until this one knows as much. */
void hot_start(struct table *table)
{
	struct hot_table *hot = table->hot;
	struct hot_key key, *before = NULL;
	uint32_t number;

	if (table->is_new)
		return;
	while (!bpf_map_get_next_key(hot->fd, before, &key)) {
		before = &key;
		if (bpf_map_lookup_elem(hot->fd, &key, &number) || number >= HOT_LIMITS_MAX || hot->places[number].used)
			continue; /* nobody wrote that */
		hot->places[number] = (struct hot_place){
			.key = key, .used = true, .inherited = true, .told = table->clock.jiffies
		};
		index_add(hot, number);
	}
	hot->scans = hot->count > 0 ? HOT_SCANS : 0;
	store32(&table->state->hot_count, hot->count);
}

/* ---- for people ---- */

bool table_limit_of(const struct table *table, const struct key *key, struct limit_view *ret_view)
{
	const struct hot_table *hot = table->hot;
	struct hot_key of_limit;
	uint32_t number;

	if (!key_of_limit(table, key, &of_limit))
		return false;
	number = number_of(hot, &of_limit);
	if (number == HOT_NONE)
		return false;
	*ret_view = (struct limit_view){ .granted = 0 };
	if (hot->limits[number].packet > 0)
		ret_view->granted = (double)table->clock.hz * HOT_JIFFY / (double)hot->limits[number].packet;
	for (uint32_t cpu = 0; cpu < table->cpus; cpu++) {
		ret_view->reached += load64(&hot->counts[cpu * HOT_LIMITS_MAX + number].reached);
		ret_view->dropped += load64(&hot->counts[cpu * HOT_LIMITS_MAX + number].dropped);
	}
	return true;
}
