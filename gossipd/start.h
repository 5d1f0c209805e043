/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Starting and stopping the daemon: everything is opened, allocated and checked here, so that nothing is while it
 * runs.
 */
#ifndef GOSSIPD_START_H
#define GOSSIPD_START_H

#include "daemon.h"

/* What can be known to be wrong without touching anything: the config, the keys, the certificate. */
int start_check(const char *path, struct config *ret_config, struct identity *ret_identity,
		struct problem *ret_problem);

/*
 * Opens everything, in the order in which failing costs least: whatever fails, the host's filter is as it was or
 * better. On failure nothing stays open. The daemon must be zero.
 */
int start_daemon(struct daemon *daemon, const char *path, struct problem *ret_problem);

/* Closes what is open; the table, its pins and the attached program stay. */
void start_undo(struct daemon *daemon);

#endif
