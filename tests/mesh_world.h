/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A small world for tests of the node: some nodes, a clock, and a network that delivers after a delay unless it is
 * told to lose, double, cut or keep datagrams. Packets are given to it one by one; each node counts its own like the
 * table would.
 */
#ifndef TESTS_MESH_WORLD_H
#define TESTS_MESH_WORLD_H

#include "certificate.h"
#include "node.h"

#define WORLD_NODES_MAX 16

struct world;

struct world_options {
	unsigned int nodes;
	uint64_t seed;
	double delay_ms; /* one way; each datagram's is drawn from half of it to one and a half times it */
	double (*delay_ms_between)(unsigned int from,
				   unsigned int to); /* NULL, or the delay of this link, which then varies by a tenth */
	double loss, duplication;		     /* shares */
	struct thresholds thresholds;
	uint8_t last_client_bits; /* the last node is of a mesh with other widths; 0: of the same */
	enum publish publish;
};

extern const struct thresholds world_thresholds; /* 100 packets/s per pair, 1000 per destination, fair, drop */

struct world *world_make(const struct world_options *options);
void world_free(struct world *world);

struct node *world_node(struct world *world, unsigned int n);
struct now world_now(const struct world *world);
const struct mesh *world_mesh(const struct world *world);

/* Both directions between a and b; b = -1: everything of a. */
void world_cut(struct world *world, int a, int b, bool cut);

/* One direction alone. */
void world_cut_one_way(struct world *world, unsigned int from, unsigned int to, bool cut);

/* Kills a node and starts it again: counts (the table) are kept, all else is gone. */
void world_restart(struct world *world, unsigned int n);

/* The mesh authority's secret key. */
const uint8_t *world_authority(const struct world *world);

/* The certificate a node runs with; and another key for it with a successor certificate, taken over by a restart. */
const struct certificate *world_certificate(const struct world *world, unsigned int n);
void world_rekey(struct world *world, unsigned int n, const uint8_t *mesh_secret); /* NULL: it keeps its own */

/*
 * Kills a node and starts it on a host that lost everything but its keys: no counts, no clock, so a first start
 * under this incarnation. Whoever is told of a later start of his (node_later_incarnation) is started anew above it,
 * like a daemon.
 */
void world_lose(struct world *world, unsigned int n, uint64_t incarnation);

/* Kills a node and starts a clone of another in its place: same key, incarnation and certificate, one start more. */
void world_clone(struct world *world, unsigned int n, unsigned int of);

/* How often a node was started anew because it was told of a later start. */
unsigned int world_told(const struct world *world, unsigned int n);

/* Kills a node until world_restart. */
void world_stop(struct world *world, unsigned int n);

/* One packet of this pair at this node, now. */
void world_packet(struct world *world, unsigned int n, const struct key *pair);

/* One packet of this key alone, of any kind. */
void world_count(struct world *world, unsigned int n, const struct key *key);

/* Lets time pass: ticks, datagrams, changes. */
void world_run(struct world *world, double seconds);

/* Counted at all nodes since the start, of a key in a slot. */
uint64_t world_truth(const struct world *world, const struct key *key, uint64_t slot);

/* Counted of a key at one node since the start. */
uint64_t world_counted(struct world *world, unsigned int n, const struct key *key);

/* Called after everything that happened to a node: a tick, a datagram. */
void world_set_after(struct world *world, void (*after)(void *user, unsigned int n), void *user);

/* Every datagram handed to a node, in order, for replaying. */
struct world_datagram {
	unsigned int to;
	struct endpoint from;
	size_t size;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
};
/* Called for every datagram before delivery, which it may change; false: swallow it. */
void world_set_tap(struct world *world, bool (*tap)(void *user, struct world_datagram *datagram), void *user);
void world_deliver(struct world *world, const struct world_datagram *datagram);

/*
 * Called for every record that a node would write to its table, with the packets it had harvested of the key by then
 * (0: it never counted any). What a table does with it: tests/oracle/kernel_model.h.
 */
void world_set_changes(struct world *world,
		       void (*changed)(void *user, unsigned int n, const struct change *change, uint32_t harvested),
		       void *user);

struct key world_key(unsigned int client, unsigned int destination);

#endif
