/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of clients and networks that a policy gives a rate. Such a key is listed from half of its rate on, so that
 * what passes here is known when the key goes over it. While it is over, it is limited: each proxy grants it a part of
 * its rate, by what the proxy counted of it, and so all grants together are the rate. PROTOCOL section "Limits of
 * clients and networks".
 */
#ifndef PROTO_AGGREGATE_H
#define PROTO_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>

#include "recent.h"

struct node;
struct verdict;
struct entry;
struct arena;
struct node_limits;

/* A client or network that is listed. */
struct aggregate {
	uint32_t entry; /* its number in the ledger */
	bool gone; /* no longer listed: its place is free with the next tick */
	uint64_t tick; /* the newest that `net` tells of */
	uint64_t settled; /* the newest that `owed` tells of */
	uint64_t enforced; /* the last tick before the kernel holds it to its grant; UINT64_MAX: there is no limit */
	struct recent own; /* packets counted at this proxy */
	float net[RECENT_TICKS]; /* by tick modulo RECENT_TICKS, after `enforced`: packets that passed less its quota */
	double owed; /* the debt at the end of tick `settled` */
	double part; /* of the mesh-wide packets, that this proxy counts */
	double floor; /* of local evidence: packets per second; 0: it does not apply */
	double quota; /* packets per second that may pass here in the long run: part x rate, or the floor */
	double debt; /* packets that passed here beyond the quota */
	double granted, most; /* packets per second that may pass here now, and at most since `tick` */
	double leaves; /* part of its packets that its limit leaves, mesh-wide */
};

struct aggregates {
	struct aggregate *list;
	uint16_t *index; /* open addressing by number of the entry: place in the list + 1; 0: none */
	uint32_t max, count, index_size; /* index_size: a power of two */
	uint32_t limited_clients;
};

void aggregates_take_memory(struct aggregates *aggregates, struct arena *arena, const struct node_limits *limits);

#endif
