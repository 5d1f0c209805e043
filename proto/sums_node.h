/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums of clients and networks (count/sums.h) beside a node: by which thresholds they begin, which of them other
 * members' cells ask for, and how they become the node's own cells. Whoever harvests calls, once per tick:
 *
 *	sums_node_tick		before the harvest
 *	sums_add		for every gain
 *	sums_node_open		true: pass over the records (sum_begin_of), each found one to sums_node_found
 *	sums_node_close		before node_tick
 */
#ifndef PROTO_SUMS_NODE_H
#define PROTO_SUMS_NODE_H

#include "node.h"
#include "sums.h"

struct sums_node {
	struct sums sums;
	struct node *node;
	uint32_t members; /* n of the call rule */
	uint64_t slot; /* of the last tick */
};

/* See sums_init. The node outlives `ret_sums`. */
void sums_node_init(struct node *node, struct now now, struct kept_sum *cells, const uint64_t seed[2],
		    struct sums_node *ret_sums);

void sums_node_tick(struct sums_node *sums, struct now now);

/* Publishes what has changed. True: keys begin, and the pass over the records is due. */
bool sums_node_open(struct sums_node *sums, struct now now);

/*
 * A record of a key that begins: its cell as this tick's harvest left it, of whichever slot. What the record had in
 * the slot before comes from the ledger, where there was room for its pair.
 */
void sums_node_found(struct sums_node *sums, struct sum_begin *begin, const struct cell *counted);

/* Makes the sums, and publishes them. */
void sums_node_close(struct sums_node *sums, struct now now);

#endif
