/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The work load W of this proxy: packets per second its filter saw, as a share of what it can do. Told to the mesh
 * by the core.
 */
#ifndef GOSSIPD_LOAD_H
#define GOSSIPD_LOAD_H

#include <stdint.h>

#include <xpro/time.h>

struct daemon;

struct load {
	uint64_t packets; /* at the last look, over all verdicts */
	struct instant at; /* mono; 0: none yet */
	double packets_per_s; /* between the last two looks */
};

/* Once a second. */
void load_second(struct daemon *daemon, struct now now);

#endif
