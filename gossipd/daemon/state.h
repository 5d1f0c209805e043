/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state directory: a lock that keeps two daemons apart, and the file `state` with the two numbers that must
 * never go back: the highest incarnation ever used and the count of starts. Both are durable before anything is
 * signed with them.
 */
#ifndef GOSSIPD_STATE_H
#define GOSSIPD_STATE_H

#include <stdint.h>

#include "files.h"

struct state {
	char path[FILES_PATH_BYTES];
	int directory_fd, lock_fd; /* -1 when closed */
	uint64_t incarnation;	   /* highest ever used; 0 = none */
	uint64_t boot;		   /* starts so far */
	bool damaged; /* the file could not be read and was put aside: the numbers start from the clock and the table */
};

#define STATE_CLOSED                              \
	(struct state)                            \
	{                                         \
		.directory_fd = -1, .lock_fd = -1 \
	}

/*
 * Makes and locks the directory and reads the file. -EBUSY: another daemon holds it. -EPROTO: written by a newer
 * version. A damaged file is renamed to state.damaged and reads as none: a fresh incarnation comes from the clock,
 * and the table keeps its own.
 */
int state_open(const char *path, struct state *ret_state, struct problem *ret_problem);

/* Stores both numbers durably. Neither may go back. */
int state_store(struct state *state, uint64_t incarnation, uint64_t boot, struct problem *ret_problem);

/* Gives the lock back. */
void state_close(struct state *state);

/* The incarnation a new table gets: above every one used, and above those of a state directory that was lost. */
uint64_t state_fresh_incarnation(const struct state *state, uint64_t unix_ms);

#endif
