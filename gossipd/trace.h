/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The trace of what the core is given (xpro/trace.h), to repeat what this daemon did. Every call that changes the
 * core passes through here (--wrap in the Makefile), so that none is missed, whoever makes it; without a trace_file
 * that costs one comparison.
 */
#ifndef GOSSIPD_TRACE_H
#define GOSSIPD_TRACE_H

#include "config.h"

/*
 * Creates the file, for root alone, in place of an older one; before privileges go, and before node_init. Nothing
 * when none is set.
 */
int trace_open(const struct config *config, struct problem *ret_problem);

#endif
