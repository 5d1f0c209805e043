/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From who spoke to whom to rules that a policy has room for. Rules name prefixes: clients and destinations are first
 * whole, and wider where there are too many of them. The bounds are those of policy.h.
 */
#ifndef CTL_LEARNING_H
#define CTL_LEARNING_H

#include <stddef.h>
#include <stdint.h>

#include "policy.h"

/* What the clients of a prefix sent to the destinations of another. */
struct flow {
	struct prefix client, destination;
	uint32_t peak; /* packets per second of one of its pairs, the highest */
	uint32_t pairs; /* that it stands for */
	uint32_t looks; /* at which one of them was there, of the pair with the most */
};

struct learning {
	struct flow *flows; /* in ascending order once they fit: by client, then by destination */
	size_t count, room;
	unsigned int client_level, destination_level; /* how often each was widened */
};

/* -ENOMEM. A flow of the same prefixes is joined when they are made to fit. */
int learning_add(struct learning *learning, const struct flow *flow);

/*
 * Widens prefixes until a policy has room for one rule of each flow and one of each client. -ENOSPC: it has none even
 * for the widest, /16 of clients and /8 of destinations (/32 in IPv6).
 */
int learning_fit(struct learning *learning);

/* Is a client of a flow in the prefix? */
bool learning_holds_client(const struct learning *learning, const struct prefix *prefix);

size_t learning_clients(const struct learning *learning);

/* The peak and so many hundredths more, rounded up to 1, 2 or 5 times a power of ten: few rates, so few policies. */
uint32_t learning_rate(uint32_t peak, uint32_t margin_percent);

void learning_free(struct learning *learning);

#endif
