/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mesh time: the host's UTC as it was when the daemon started, carried on by the monotonic clock. A step of the host's clock does not
 * move it and shows as drift, in status; only a time that the host slept is added, to both clocks alike (clock_watch.h): for whoever reads
 * them the daemon stood still so long.
 */
#ifndef GOSSIPD_MESH_CLOCK_H
#define GOSSIPD_MESH_CLOCK_H

#include <xpro/time.h>

struct mesh_clock {
	struct duration offset; /* mesh less mono, fixed by mesh_clock_start */
	struct duration slept; /* mono less the kernel's monotonic clock */
};

#define CLOCK_DRIFT_MS_MAX 250 /* half of what peers tolerate (SKEW_MS_MAX): told before they leave us out */

void mesh_clock_start(struct mesh_clock *clock);

/* Both clocks, from one reading. Once per callback. */
struct now mesh_clock_read(const struct mesh_clock *clock);

/* The host slept so long, and the monotonic clock with it. */
void mesh_clock_slept(struct mesh_clock *clock, struct duration slept);

/* The same moment, mono as the kernel's monotonic clock has it: for the table, whose stamps are the kernel's. */
struct now mesh_clock_of_kernel(const struct mesh_clock *clock, struct now now);

/* Mesh time less the host's UTC now: what a step of the host's clock left behind. */
struct duration mesh_clock_drift(const struct mesh_clock *clock);

/* Milliseconds since 1970 by the host's clock, for a fresh incarnation. */
uint64_t mesh_clock_unix_ms(void);

#endif
