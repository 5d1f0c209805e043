/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The room of counts: every origin's cells, and what is held of each origin's frames.
 */
#ifndef PROTO_COUNTING_H
#define PROTO_COUNTING_H

#include "ledger.h"
#include "node_core.h"
#include "origin.h"

struct counting {
	struct ledger ledger;
	struct origin *origins; /* members_max * INCARNATIONS_MAX */
	struct track *tracks; /* theirs. First of all members' first incarnations: most members never have another, whose pages stay untouched */
	bool others[ORIGINS_MAX]; /* all but our own: who is left out where local evidence alone counts */
	bool excluded[ORIGINS_MAX]; /* skewed, quarantined or revoked: left out of verdicts. Set by member/, trust/ and spread/ */
};

/* When `part` of its slot had passed, as a cell's first and last are told. */
static inline struct instant node_cell_instant(const struct node *node, const struct entry *entry, const struct ledger_cell *cell, uint32_t part)
{
	const struct instant begins = mesh_slot_start(&node->mesh, cell_slot(entry, cell, node->slot));

	return (struct instant){ begins.ns + part * mesh_slot_length(&node->mesh).ns / SLOT_FRACTIONS };
}

static inline uint16_t origin_member(uint32_t origin)
{
	return (uint16_t)(origin / INCARNATIONS_MAX);
}

#endif
