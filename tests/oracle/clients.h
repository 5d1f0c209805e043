/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The clients whose packets the tests of the ledgers' properties send: four, to two destinations, by way of any
 * node.
 */
#ifndef TESTS_ORACLE_CLIENTS_H
#define TESTS_ORACLE_CLIENTS_H

#include "mesh_world.h"

#define CLIENTS 4
#define DESTINATIONS 2
#define KEYS (CLIENTS + DESTINATIONS)

static inline struct world_options options_of(unsigned int nodes, uint64_t seed)
{
	return (struct world_options){ .nodes = nodes,
				       .seed = seed,
				       .delay_ms = 20,
				       .thresholds = world_thresholds,
				       .publish = PUBLISH_ALL };
}

static inline struct key pair_of(unsigned int client)
{
	return world_key(1 + client, 1 + client % DESTINATIONS);
}

static inline struct key key_number(unsigned int number)
{
	const struct key pair = pair_of(number < CLIENTS ? number : number - CLIENTS);

	return number < CLIENTS ? pair : key_of_destination(&pair.destination);
}

static inline uint64_t draw(uint64_t *random)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return *random >> 33;
}

/* Each client sends some packets to a node of its choice among [first, nodes), every 20 ms. */
static inline void send(struct world *world, uint64_t *random, unsigned int first, unsigned int nodes, double seconds)
{
	for (int step = 0; step < seconds / 0.02; step++) {
		for (unsigned int client = 0; client < CLIENTS; client++) {
			const struct key pair = pair_of(client);

			for (uint64_t packets = draw(random) % 4; packets > 0; packets--)
				world_packet(world, first + (unsigned int)(draw(random) % (nodes - first)), &pair);
		}
		world_run(world, 0.02);
	}
}

#endif
