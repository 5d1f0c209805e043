/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers, from the table to the core, and the memory of a day on disk. The answers of pairs that are called go into
 * the ledger about once a second. All pairs that were answered are noted about once a minute.
 */
#ifndef GOSSIPD_ANSWERS_H
#define GOSSIPD_ANSWERS_H

#include <stdint.h>

#include <xpro/time.h>

struct daemon;

struct answers_state {
	uint32_t cursor; /* key of the core that the look goes on with */
	struct instant stored; /* mono: when the memory was last written */
};

/* Before each tick of the core. */
void answers_tick(struct daemon *daemon, struct now now);

/* Reads what was remembered when the daemon before ended. A damaged file is as none. */
void answers_load(struct daemon *daemon);

/* Once a second; and at the end, `all`. */
void answers_store(struct daemon *daemon, struct now now, bool all);

#endif
