/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thread of its own asks the system's resolver, one name at a time, and hands addresses back over a socket, so that
 * the loop never waits for DNS.
 */
#ifndef GOSSIPD_RESOLVER_H
#define GOSSIPD_RESOLVER_H

#include "config.h"

#define RESOLVER_ADDRESSES_MAX 8 /* taken of one answer */

struct resolver_answer {
	uint32_t name; /* number in the config */
	int32_t error; /* of getaddrinfo; 0: none */
	uint32_t count;
	struct endpoint endpoint[RESOLVER_ADDRESSES_MAX];
};

/* Starts the thread. A name's number, as a uint32_t, that is sent to *ret_fd is answered there. Closing it ends the
 * thread. */
int resolver_start(const struct config *config, int *ret_fd, struct problem *ret_problem);

#endif
