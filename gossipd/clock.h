/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mesh time: the host's UTC as it was when the daemon started, carried on by the monotonic clock. It never jumps while the daemon
 * runs; a step of the host's clock shows as drift, in status, until the next start takes the new time over.
 */
#ifndef GOSSIPD_CLOCK_H
#define GOSSIPD_CLOCK_H

#include <xpro/time.h>

struct clock {
	struct duration offset; /* mesh less monotonic, fixed by clock_start */
};

#define CLOCK_DRIFT_MS_MAX 250 /* half of what peers tolerate (SKEW_MS_MAX): told before they leave us out */

void clock_start(struct clock *clock);

/* Both clocks, from one reading. Once per callback. */
struct now clock_read(const struct clock *clock);

/* Mesh time less the host's UTC now: what a step of the host's clock left behind. */
struct duration clock_drift(const struct clock *clock);

/* Milliseconds since 1970 by the host's clock, for a fresh incarnation. */
uint64_t clock_unix_ms(void);

#endif
