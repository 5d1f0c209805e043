/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The event loop: when each turn of the daemon is taken. The only user of libev. */
#ifndef GOSSIPD_LOOP_H
#define GOSSIPD_LOOP_H

#include "daemon.h"

/*
 * Runs until SIGTERM or SIGINT, then takes one last turn at the next tick, so that nothing counted waits. -ENOMEM
 * when there is no loop.
 */
int loop_run(struct daemon *daemon);

#endif
