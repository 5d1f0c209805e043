/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mesh authority's documents on disk: one file per kind in the state directory, as the authority signed it. Read before anything is sent
 * and written before the first datagram that follows from it.
 */
#ifndef GOSSIPD_DOCUMENTS_H
#define GOSSIPD_DOCUMENTS_H

#include "node.h"
#include "state.h"

/* Gives the core what the state directory holds. A file that is damaged or of another mesh is renamed to NAME.damaged and told: the mesh
 * brings it again. -EPROTO: written by a newer version. */
int documents_restore(const struct state *state, struct node *node, struct now now, struct problem *ret_problem);

/* Makes durable what the core has taken since. What could not be written is told once and is in *unkept, a bit for each kind; the core goes by it
 * all the same. */
void documents_keep(const struct state *state, struct node *node, uint32_t *unkept);

/* Tries that again, and tells of what is written at last. */
void documents_keep_again(const struct state *state, const struct node *node, uint32_t *unkept);

#endif
