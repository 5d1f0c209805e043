/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mesh authority's documents on disk: one file per kind in the state directory, as the authority signed it. Read
 * before anything is sent and written before the first datagram that follows from it.
 */
#ifndef GOSSIPD_DOCUMENTS_H
#define GOSSIPD_DOCUMENTS_H

#include "node.h"
#include "state.h"

/*
 * Gives the core the documents of the state directory. A file that is damaged or of another mesh is renamed to
 * NAME.damaged and logged; the core fetches the document again from the mesh. -EPROTO: written by a newer version.
 */
int documents_restore(const struct state *state, struct node *node, struct now now, struct problem *ret_problem);

/*
 * Writes the documents that the core has accepted since. A document that could not be written is logged once and set in
 * *unkept, one bit per kind; it is in force nevertheless.
 */
void documents_keep(const struct state *state, struct node *node, uint32_t *unkept);

/* Tries to write the documents in *unkept again, and logs each that was written. */
void documents_keep_again(const struct state *state, const struct node *node, uint32_t *unkept);

#endif
