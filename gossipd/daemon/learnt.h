/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who speaks to whom, and how fast at most: what a policy is learnt from. A fixed array of clients, each with room for
 * the destinations of one thing. A client with more destinations than that is marked: nothing can be learnt of it.
 * Nothing is forgotten until learnt_clear, so a client that finds no room is counted instead.
 */
#ifndef GOSSIPD_LEARNT_H
#define GOSSIPD_LEARNT_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/key.h>

#define LEARNT_CLIENTS 4096
/* A thing speaks to some 20 addresses in all (bounds.h, SCAN_CONTACTS_PER_S). */
#define LEARNT_DESTINATIONS 32
#define LEARNT_BUCKETS (2 * LEARNT_CLIENTS)

struct learnt_destination {
	struct address address;
	uint32_t peak; /* packets per second, rounded up */
	uint32_t looks; /* at which the pair was there */
};

struct learnt_client {
	struct address address;
	uint32_t count; /* of destinations */
	bool more; /* it spoke to others besides */
	struct learnt_destination destinations[LEARNT_DESTINATIONS]; /* the first `count` */
};

/* Ready when all zero but for the seed. */
struct learnt {
	uint64_t seed; /* of the index: nobody outside can aim at one bucket */
	uint64_t missed; /* looks at a pair whose client found no room */
	uint32_t used; /* clients */
	uint16_t index[LEARNT_BUCKETS]; /* number of a client, from 1; 0: none */
	struct learnt_client clients[LEARNT_CLIENTS]; /* those in use come first */
};

/* A pair was seen at this rate, in packets per second. */
void learnt_note(struct learnt *learnt, const struct key *pair, double rate);

void learnt_clear(struct learnt *learnt);

#endif
