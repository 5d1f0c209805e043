/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: what happened, told twice: as a log line, limited per kind, and as a record in a ring of the last EVENTS_KEPT, which
 * the control socket hands out.
 */
#ifndef GOSSIPD_EVENTS_H
#define GOSSIPD_EVENTS_H

#include <xpro/control.h>

#include "log.h"
#include "node.h"

#define EVENTS_KEPT 1024
#define OVERLOADS_PER_S \
	64 /* more overload warnings in a second are counted, not kept: they would wash everything else out of the ring */

struct events {
	struct control_event ring[EVENTS_KEPT];
	uint64_t next;				  /* number of the next event; the oldest kept is next - EVENTS_KEPT, or 0 */
	struct log_limit limits[EVENT_COUNT + 1]; /* per kind; the last is for overload */
	int64_t overload_second;
	unsigned int overloads;
	uint64_t warnings; /* of the XDP program, in all */
	bool monitor; /* the mode now, for the events of the core */
};

/* An event of the core. */
void events_tell(struct events *events, struct now now, const struct node_event *event);

/* A warning of the XDP program (Algorithm 2 line 15): `packets` of a pair, judged over window_s seconds, are more than `limit` a
 * second. `enforced`: they were dropped; false in monitor mode. */
void events_overload(struct events *events, struct now now, const struct key *key, uint64_t packets, double window_s,
		     uint32_t limit, bool enforced);

/* Clients have reached their quota of pairs, where none had before. */
void events_client_quota(struct events *events, struct now now, uint32_t clients, uint32_t pairs_max);

/* The table had no room for so many packets' pairs, and their destinations, since the last look. */
void events_table_full(struct events *events, struct now now, uint64_t pairs, uint64_t destinations);

/* The floor of local evidence let so many packets pass that others' counts would have dropped: an attack spread over proxies, or a member that lies. */
void events_evidence(struct events *events, struct now now, uint64_t packets);

/* The daemon was silent, and the kernel filtered alone: `packets` were judged without what the mesh knew. */
void events_silence(struct events *events, struct now now, struct duration silence, uint64_t packets);

/* The host slept, and mesh time with it: both go on at the right time. */
void events_slept(struct events *events, struct now now, struct duration slept);

/* The filter, or pins, that somebody took off by hand are back; once a second at most for each interface. */
void events_filter(struct events *events, struct now now, const char *text);

/* What has become of an interface; once for each change. */
void events_interface(struct events *events, struct now now, const char *text, bool good);

/* The number of the oldest event kept. */
uint64_t events_first(const struct events *events);

/* Event `number`, or NULL when it is no longer, or not yet, kept. */
const struct control_event *events_get(const struct events *events, uint64_t number);

#endif
