/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mesh time: the host's UTC at the daemon's start, continued by the monotonic clock. A step of the host's clock does
 * not change it; the status shows the step as drift. Only a time that the host was suspended is added, to both clocks
 * (clock_watch.h): to their readers it looks as if the daemon had stalled for that time.
 */
#ifndef GOSSIPD_MESH_CLOCK_H
#define GOSSIPD_MESH_CLOCK_H

#include <xpro/time.h>

struct mesh_clock {
	struct duration offset; /* mesh less mono, fixed by mesh_clock_start */
	struct duration slept; /* mono less the kernel's monotonic clock */
};

#define CLOCK_DRIFT_MS_MAX 250 /* half of what peers tolerate (SKEW_MS_MAX): reported before they exclude this proxy */

void mesh_clock_start(struct mesh_clock *clock);

/* Both clocks, from one reading. Once per callback. */
struct now mesh_clock_read(const struct mesh_clock *clock);

/* Adds a time that the host was suspended, in which the monotonic clock stood still. */
void mesh_clock_slept(struct mesh_clock *clock, struct duration slept);

/* The same moment with `mono` of the kernel's monotonic clock, which is the clock of the table's time stamps. */
struct now mesh_clock_of_kernel(const struct mesh_clock *clock, struct now now);

/* Mesh time less the host's UTC now: what a step of the host's clock left behind. */
struct duration mesh_clock_drift(const struct mesh_clock *clock);

/* Milliseconds since 1970 by the host's clock, for a fresh incarnation. */
uint64_t mesh_clock_unix_ms(void);

#endif
