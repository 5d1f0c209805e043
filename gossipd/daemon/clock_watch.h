/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Detects wrong mesh time. Mesh time ignores steps of the host's clock, because the step may be the error. But if most
 * members differ from mesh time by the same amount as the host's clock, mesh time is wrong. Either the host was
 * suspended (its monotonic clock stood still), or it started with a wrong clock that was corrected since.
 */
#ifndef GOSSIPD_CLOCK_WATCH_H
#define GOSSIPD_CLOCK_WATCH_H

#include <stdbool.h>

#include <xpro/time.h>

struct daemon;

struct clock_watch {
	unsigned int agreed; /* seconds in a row that members and the host's clock agreed against mesh time */
	bool told;	     /* a restart is needed */
	char why[128];	     /* and for what */
	bool later;	     /* members know a later incarnation: the next start uses a fresh one */
	bool start_anew;     /* the loop ends, so that the service manager starts gossipd again */
};

#define CLOCK_AGREED_S 2
#define CLOCK_SLEPT_DAYS_MAX 31 /* longest time that the core treats as one stall; longer: the clock is wrong */

/*
 * Call it once a second. After a suspension it moves mesh time forward, as after a stall of that length. Mesh time
 * that is ahead, or very far behind, needs a restart, because mesh time never goes back. If a service manager will
 * restart gossipd, the loop ends; otherwise the log asks for a restart.
 */
void clock_second(struct daemon *daemon, struct now now);

/*
 * Call it once a second. Members may know a later incarnation of this host (node_later_incarnation), because it lost
 * its table, its state and the time. This makes that incarnation durable. Then the daemon must restart with a higher
 * one, as after a clock that was set back.
 */
void clock_look_for_later(struct daemon *daemon);

#endif
