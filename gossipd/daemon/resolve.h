/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Peers by name. Addresses from the resolver are only greeted: the host there must still prove that it is a member. */
#ifndef GOSSIPD_RESOLVE_H
#define GOSSIPD_RESOLVE_H

#include "resolver.h"

#define RESOLVE_GREETED_MAX 48 /* addresses by all names, ever: the core has room for 64 peers beyond its members */
#define RESOLVE_RETRY_MS 1000 /* after an answer with no member at its address; doubled up to the next */
#define RESOLVE_RETRY_MS_MAX 60000

struct daemon;

struct resolve {
	int fd; /* the resolver's; meaningful while running */
	bool running;
	struct resolve_name {
		struct resolver_answer last;
		bool asked, resolved, told; /* asked: its answer is awaited; told: its failure is in the log */
		struct instant due; /* mono */
		int64_t retry_ms;
	} names[CONFIG_NAMES_MAX];
	struct endpoint greeted[RESOLVE_GREETED_MAX];
	uint32_t greeted_count;
	bool full_told;
};

/* Starts the thread when the config has names. */
int resolve_start(struct daemon *daemon, struct problem *ret_problem);

/* Reads the answers that have come. Their addresses are greeted with the next daemon_drain. */
void resolve_read(struct daemon *daemon, struct now now);

/* Call it once a second. Asks the resolver again for names at whose addresses no member is near. */
void resolve_second(struct daemon *daemon, struct now now);

/* A name that never had an address, or NULL. */
const char *resolve_missing(const struct daemon *daemon);

void resolve_stop(struct daemon *daemon);

#endif
