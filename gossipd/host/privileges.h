/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Giving up privileges once everything is open: what a peer's bytes could reach afterwards is a process that may do
 * nothing special.
 */
#ifndef GOSSIPD_PRIVILEGES_H
#define GOSSIPD_PRIVILEGES_H

#include "problem.h"

/*
 * Drops every capability of the calling thread, also from its bounding set, and sets no_new_privs; then checks that
 * it is so. Threads started later inherit this; no thread may run yet.
 */
int privileges_drop(struct problem *ret_problem);

#endif
