/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums of clients and networks (proto/count/sums.h): from what a harvest finds to own cells of the core. A tick calls
 * summing_tick, the harvest with summing_add, summing_go_on until it is through, then node_tick.
 */
#ifndef GOSSIPD_SUMMING_H
#define GOSSIPD_SUMMING_H

#include "sums_node.h"
#include "table.h"

struct summing {
	struct sums_node sums;
	struct table *table;
	bool open; /* the pass for the keys that begin is under way */
};

/* NULL: no memory. The table has been opened, and the node is there; both outlive it. */
struct summing *summing_start(struct table *table, struct node *node, struct now now);
void summing_stop(struct summing *summing);

void summing_tick(struct summing *summing, struct now now);

/* A batch of the harvest. Each gain stands in the pinned sums when this returns. */
void summing_add(struct summing *summing, const struct harvested *cells, size_t count);

/* After the harvest, once: contacts that nobody answered. */
void summing_contacts(struct summing *summing);

/* After that, a part at a time: true when all that changed has become own cells. */
bool summing_go_on(struct summing *summing, struct now now);

/* The mean size of a key's frames at this proxy, in bytes; 0: not known. */
double summing_size(const struct summing *summing, const struct key *key);

#endif
