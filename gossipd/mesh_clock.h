/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mesh time: the host's UTC as it was when the daemon started, carried on by the monotonic clock. It never jumps while the daemon
 * runs; a step of the host's clock shows as drift, in status, until the next start takes the new time over.
 */
#ifndef GOSSIPD_MESH_CLOCK_H
#define GOSSIPD_MESH_CLOCK_H

#include <xpro/time.h>

struct mesh_clock {
	struct duration offset; /* mesh less monotonic, fixed by mesh_clock_start */
};

#define CLOCK_DRIFT_MS_MAX 250 /* half of what peers tolerate (SKEW_MS_MAX): told before they leave us out */

void mesh_clock_start(struct mesh_clock *clock);

/* Both clocks, from one reading. Once per callback. */
struct now mesh_clock_read(const struct mesh_clock *clock);

/* Mesh time less the host's UTC now: what a step of the host's clock left behind. */
struct duration mesh_clock_drift(const struct mesh_clock *clock);

/* Milliseconds since 1970 by the host's clock, for a fresh incarnation. */
uint64_t mesh_clock_unix_ms(void);

#endif
