/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Places by an index of open addressing. Taking one off every count costs a walk over all places. It is paid for by
 * the items that brought these counts, so an item costs the same on average whatever the stream is.
 */
#include "heavy.h"

#include <string.h>

#include <xpro/record.h>

_Static_assert(HEAVY_BUCKETS >= 4 * HEAVY_PLACES && (HEAVY_BUCKETS & (HEAVY_BUCKETS - 1)) == 0,
	       "probes are short, and a mask wraps them");

/* The bucket of the client, or the free one where it belongs. */
static uint32_t bucket_of(const struct heavy *heavy, const struct address *client)
{
	uint64_t words[2];
	uint32_t bucket;

	memcpy(words, client->bytes, sizeof(words));
	bucket = (uint32_t)mix64(mix64(words[0] ^ heavy->seed) ^ words[1]) % HEAVY_BUCKETS;
	while (heavy->index[bucket] && !address_equal(&heavy->places[heavy->index[bucket] - 1].client, client))
		bucket = (bucket + 1) % HEAVY_BUCKETS;
	return bucket;
}

/* Places that count nothing are free; the others move together. */
static void settle(struct heavy *heavy)
{
	uint32_t used = 0;

	memset(heavy->index, 0, sizeof(heavy->index));
	for (uint32_t i = 0; i < heavy->used; i++) {
		if (heavy->places[i].count == 0)
			continue;
		heavy->places[used] = heavy->places[i];
		heavy->index[bucket_of(heavy, &heavy->places[used].client)] = (uint16_t)(used + 1);
		used++;
	}
	heavy->used = used;
}

static void take_one_off(struct heavy *heavy)
{
	bool empty = false;

	for (uint32_t i = 0; i < heavy->used; i++)
		empty |= --heavy->places[i].count == 0;
	heavy->lost++;
	if (empty)
		settle(heavy);
}

void heavy_add(struct heavy *heavy, const struct address *client)
{
	const uint32_t bucket = bucket_of(heavy, client);

	heavy->total++;
	if (heavy->index[bucket]) {
		heavy->places[heavy->index[bucket] - 1].count++;
		return;
	}
	if (heavy->used == HEAVY_PLACES) {
		take_one_off(heavy); /* also the one of this item */
		return;
	}
	heavy->places[heavy->used] = (struct heavy_place){ *client, 1 };
	heavy->index[bucket] = (uint16_t)++heavy->used;
}

void heavy_halve(struct heavy *heavy)
{
	for (uint32_t i = 0; i < heavy->used; i++)
		heavy->places[i].count /= 2;
	heavy->total = (heavy->total + 1) / 2;
	heavy->lost = (heavy->lost + 2) / 2; /* what rounding takes included */
	settle(heavy);
}

uint32_t heavy_count(const struct heavy *heavy, const struct address *client)
{
	const uint16_t number = heavy->index[bucket_of(heavy, client)];

	return number ? heavy->places[number - 1].count : 0;
}

const struct heavy_place *heavy_top(const struct heavy *heavy)
{
	const struct heavy_place *top = NULL;

	for (uint32_t i = 0; i < heavy->used; i++) {
		if (!top || heavy->places[i].count > top->count)
			top = &heavy->places[i];
	}
	return top;
}
