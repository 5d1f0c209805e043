/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The network between members: delay by distance, loss, duplication, reordering, corruption, cuts in one or both
 * directions, clogs, and an outsider who sends old datagrams again and makes up new ones.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "node.h"
#include "rng.h"

struct world;

/* A datagram under way; shared by its copies. */
struct parcel {
	uint32_t references;
	uint32_t opened; /* times a member took it as new: once at the most */
	uint16_t from;	 /* member who sent it */
	uint16_t size;
	uint8_t pool; /* network.c's */
	bool forged; /* never sent by any member, or changed since */
	uint8_t bytes[];
};

/* One copy on its way to one member. */
struct flight {
	struct parcel *parcel;
	struct endpoint from;
	uint16_t to;
};

#define REPLAY_KEPT 512

struct network {
	void (*deliver)(struct world *world, struct flight *flight); /* takes the flight over */
	unsigned int members;
	int64_t *delay_ns; /* one way, [from * members + to] */
	uint8_t *cut;	   /* the same */
	int64_t *clogged_until_ns;
	double loss, duplication, reordering, corruption, jitter;
	double replay_per_s, forge_per_s;
	struct rng rng, outsider_rng;
	struct parcel *kept[REPLAY_KEPT]; /* what the outsider has overheard */
	uint16_t kept_to[REPLAY_KEPT];
	uint64_t overheard;
	FILE *capture; /* NULL: none */
	uint64_t sent, bytes, lost, doubled, corrupted, delivered;
};

void network_open(struct world *world);
void network_close(struct world *world);
/* Frees what an event that will not happen any more holds, if it is one of the network's. */
struct event;
bool network_forget(const struct event *event);

/* Hands a datagram to the network at `at_ns`, not before now. */
void network_send(struct world *world, unsigned int from, const struct endpoint *to, int64_t at_ns,
		  const uint8_t *bytes, size_t size);

/* Lets go of a flight. */
void flight_free(struct flight *flight);

/* a cannot reach b. */
void network_cut(struct network *network, unsigned int a, unsigned int b, bool cut);
void network_heal(struct network *network);

#endif
