/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of one node, as far as it counts: packets by key, and their harvest, as gossipd does it. */
#ifndef TESTS_COUNTERS_H
#define TESTS_COUNTERS_H

#include "harvest.h"
#include "node.h"

#define COUNTERS_MAX 4096

struct counter {
	struct key key;
	uint64_t packets;
	struct instant window_start, last;
	uint32_t window_packets;
	struct harvest_words words;
};

/* All zero is an empty one. */
struct counters {
	struct counter places[COUNTERS_MAX];
	unsigned int count;
	uint16_t index[2 * COUNTERS_MAX]; /* of places, by hash of the key; + 1, 0 is empty */
	struct instant harvested_at;
	bool resuming; /* the next harvest is the first after a restart */
};

uint64_t key_hash(const struct key *key, uint64_t salt);

/* The counter of a key, or NULL. */
const struct counter *counters_find(const struct counters *counters, const struct key *key);

/* One packet more. */
void counters_add(struct counters *counters, const struct key *key, struct instant now, struct duration idle_reset);

/* Tells the node what was counted since the last time. */
void counters_harvest(struct counters *counters, struct node *node, const struct mesh *mesh, struct now now,
		      struct duration idle_reset);

/* What was told so far stays another incarnation's. */
void counters_renew(struct counters *counters);

#endif
