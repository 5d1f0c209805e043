/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "counters.h"

#include <stdlib.h>
#include <string.h>

#include <xpro/record.h>

#define INDEX_SIZE (2 * COUNTERS_MAX)

uint64_t key_hash(const struct key *key, uint64_t salt)
{
	uint64_t words[4];

	memcpy(words, key, sizeof(words));
	for (unsigned int i = 0; i < 4; i++)
		salt = mix64(salt ^ words[i]) + i;
	return salt;
}

/* Where the number of a key's counter stands in the index, or belongs. */
static size_t index_of(const struct counters *counters, const struct key *key)
{
	size_t at = key_hash(key, 0) % INDEX_SIZE;

	while (counters->index[at] && !key_equal(&counters->places[counters->index[at] - 1].key, key))
		at = (at + 1) % INDEX_SIZE;
	return at;
}

const struct counter *counters_find(const struct counters *counters, const struct key *key)
{
	const size_t at = index_of(counters, key);

	return counters->index[at] ? &counters->places[counters->index[at] - 1] : NULL;
}

static struct counter *counter_make(struct counters *counters, const struct key *key, struct instant now)
{
	struct counter *counter;

	if (counters->count == COUNTERS_MAX)
		abort();
	counter = &counters->places[counters->count];
	counters->index[index_of(counters, key)] = (uint16_t)++counters->count;
	*counter = (struct counter){ .key = *key, .window_start = now, .last = now };
	return counter;
}

void counters_add(struct counters *counters, const struct key *key, struct instant now, struct duration idle_reset)
{
	const size_t at = index_of(counters, key);
	struct counter *counter =
		counters->index[at] ? &counters->places[counters->index[at] - 1] : counter_make(counters, key, now);

	if (duration_exceeds(duration_between(counter->last, now), idle_reset)) {
		counter->window_start = now;
		counter->window_packets = (uint32_t)counter->packets;
	}
	counter->packets++;
	counter->last = now;
}

/*
 * What a restarted daemon does first: the cell as it stood at the last harvest, since the ledger that knew it is
 * gone.
 */
static void tell_again(const struct counters *counters, const struct counter *counter, struct node *node,
		       const struct mesh *mesh, struct now now)
{
	const uint64_t slot_now = mesh_slot_at(mesh, now.mesh),
		       slot = slot_now - (uint16_t)(slot_now - counter->words.slot);
	const uint32_t packets = counter->words.harvested_packets - counter->words.slot_start_packets;
	struct instant first = mesh_slot_start(mesh, slot),
		       last = instant_before(mesh_slot_start(mesh, slot + 1), (struct duration){ 1 });

	if (packets == 0 || slot + SLOTS_HELD <= slot_now)
		return;
	if (instant_is_before(first, counter->window_start) && instant_is_before(counter->window_start, last))
		first = counter->window_start;
	if (instant_is_before(counters->harvested_at, last))
		last = counters->harvested_at;
	if (instant_is_before(counter->last, last))
		last = counter->last;
	node_observe(node, now, &counter->key, slot, first, instant_is_before(last, first) ? first : last, packets);
}

void counters_harvest(struct counters *counters, struct node *node, const struct mesh *mesh, struct now now,
		      struct duration idle_reset)
{
	const struct harvest_times times = harvest_times_of(counters->harvested_at, now.mesh, mesh_slot_length(mesh));

	for (unsigned int i = 0; i < counters->count; i++) {
		struct counter *counter = &counters->places[i];
		const struct harvest_counter counted = {
			.packets = counter->packets,
			.last = counter->last,
			.window_start = counter->window_start,
			.window_packets = counter->window_packets,
			.idle_reset = idle_reset,
		};
		struct harvest_cell cells[SLOTS_HELD];
		size_t cells_count;

		if (counters->resuming)
			tell_again(counters, counter, node, mesh, now);
		cells_count = harvest_divide(&counter->words, &times, &counted, cells);
		for (size_t c = 0; c < cells_count; c++)
			node_observe(node, now, &counter->key, cells[c].slot, cells[c].first, cells[c].last,
				     cells[c].packets);
	}
	counters->harvested_at = now.mesh;
	counters->resuming = false;
}

void counters_renew(struct counters *counters)
{
	for (unsigned int i = 0; i < counters->count; i++)
		counters->places[i].words.slot_start_packets = counters->places[i].words.harvested_packets;
}
