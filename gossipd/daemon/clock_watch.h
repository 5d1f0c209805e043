/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When mesh time is wrong and the host's clock knows it. Mesh time goes on from what the clock said at the start, so a clock that
 * is set while gossipd runs changes nothing, and need not: it may be the clock that is wrong. But when most members differ from
 * mesh time by just as much as the clock does, the clock is right: the host slept (a suspended virtual machine, whose monotonic
 * clock stood still), or started with a wrong clock that was put right since.
 */
#ifndef GOSSIPD_CLOCK_WATCH_H
#define GOSSIPD_CLOCK_WATCH_H

#include <stdbool.h>

#include <xpro/time.h>

struct daemon;

struct clock_watch {
	unsigned int agreed; /* seconds in a row that members and the host's clock agreed against mesh time */
	bool told;	     /* that it takes a new start */
	bool later;	     /* members know a later start: the next one goes on as a fresh incarnation */
	bool start_anew;     /* the loop ends, for the service manager to start gossipd again */
};

#define CLOCK_AGREED_S 2
#define CLOCK_SLEPT_DAYS_MAX 31 /* what the core takes for one long stall; longer is a wrong clock */

/* Once a second. A host that slept goes on at the right time, as after a stall of that length. Mesh time that is ahead, or very
 * far behind, takes a new start, because it never goes back: where a service manager waits for it the loop is told to end,
 * elsewhere the log says so. */
void clock_second(struct daemon *daemon, struct now now);

/* Once a second. A host that lost its table, its state and the time is told by members which incarnation it had come to
 * (node_later_incarnation). That is made durable, and it takes a new start above it, as with a clock that was set back. */
void clock_look_for_later(struct daemon *daemon);

#endif
