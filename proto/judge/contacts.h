/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clients that make contacts: the rate at which all proxies together count them, against contact_rate. A client is
 * watched from the first contact on that this node holds of it. PROTOCOL section "Contacts".
 */
#ifndef PROTO_CONTACTS_H
#define PROTO_CONTACTS_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/key.h>

#include "recent.h"

struct arena;
struct node;
struct node_limits;

#define WATCHES_MAX 4096 /* clients watched at a time; any further one is not judged by its contacts */

struct contact_watch {
	struct address client;
	uint32_t entry; /* its number in the ledger */
	bool own; /* this proxy counted contacts of it */
	bool over; /* and it was reported */
	struct recent recent; /* contacts */
};

struct watches {
	struct contact_watch *list;
	uint16_t *index; /* open addressing by number of the entry: place in the list + 1; 0: none */
	uint32_t max, count, index_size; /* index_size: a power of two */
};

void watches_take_memory(struct watches *watches, struct arena *arena, const struct node_limits *limits);

/*
 * An origin has counted so many more contacts of a client in the ticks (from_tick, tick]; `is_own`: this proxy has.
 * Reports EVENT_CONTACTS_OVER when all together are above the client's limit.
 */
void contacts_counted(struct node *node, uint32_t entry, uint64_t from_tick, uint64_t tick, uint32_t contacts,
		      bool is_own);

/* Reports EVENT_CONTACTS_UNDER of those that are within their limit again; clients without contacts go. Once a tick. */
void contacts_tick(struct node *node);

#endif
