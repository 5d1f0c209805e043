/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room count/: the cells of every origin (ledger.h), and which of its frames have come (origin.h).
 */
#ifndef PROTO_COUNTING_H
#define PROTO_COUNTING_H

#include "ledger.h"
#include "memory.h"
#include "node_core.h"
#include "origin.h"

struct counting {
	struct ledger ledger;
	struct origin *origins; /* members_max * INCARNATIONS_MAX */
	/*
	 * of all origins. The first incarnations of all members come first: most members never have another, so the
	 * pages behind stay unused
	 */
	struct track *tracks;
	/*
	 * true for every origin that is not this proxy: the origins to exclude when this proxy's own cells alone are
	 * replayed
	 */
	bool others[ORIGINS_MAX];
	struct set wanted; /* entries of clients and networks of which another member's cell has come; sums_node.c */
	bool excluded[ORIGINS_MAX]; /* skewed, quarantined or revoked: left out of verdicts. origin_exclude */
	struct memory memory; /* pairs answered here within a day */
	uint32_t returns; /* of origins that had been left out, so far */
};

/* Takes the memory; counting_start makes the room's part of it. */
void counting_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits);
void counting_start(struct node *node);
/*
 * Puts another incarnation into a place, or none. Whether the place is in the list of gaps stays, or it would be
 * entered twice.
 */
void origin_begin(struct node *node, uint32_t place, bool used, uint64_t incarnation);
static inline void origin_exclude(struct node *node, uint32_t origin, bool excluded)
{
	node->count->returns += node->count->excluded[origin] && !excluded;
	node->count->excluded[origin] = excluded;
}

/* The mesh time of a cell's `first` or `last`, which are parts of its slot. */
static inline struct instant node_cell_instant(const struct node *node, const struct entry *entry,
					       const struct ledger_cell *cell, uint32_t part)
{
	const struct instant begins = mesh_slot_start(&node->mesh, cell_slot(entry, cell, node->slot));

	return (struct instant){ begins.ns + part * mesh_slot_length(&node->mesh).ns / SLOT_FRACTIONS };
}

/* Minutes of mesh time, as notes have them. */
static inline uint32_t node_minute(const struct node *node)
{
	return (uint32_t)(mesh_tick_end(&node->mesh, node->tick).ns / (60 * NS_PER_S));
}

static inline uint16_t origin_member(uint32_t origin)
{
	return (uint16_t)(origin / INCARNATIONS_MAX);
}

#endif
