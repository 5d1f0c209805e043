/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: each is reported twice, as a log line, limited per kind, and as a row of the ring of its class
 * (event_rings.h), which the control socket reads.
 */
#ifndef GOSSIPD_EVENTS_H
#define GOSSIPD_EVENTS_H

#include <xpro/control.h>

#include "conditions.h"
#include "event_rings.h"
#include "log.h"
#include "node.h"

/* More overload warnings in a second are counted, not kept: they would wash other rates out of their ring. */
#define OVERLOADS_PER_S 64

struct events {
	struct event_rings rings;
	struct log_limit limits[EVENT_COUNT + 1]; /* per kind; the last is for overload */
	struct log_limit conditions, scans;
	int64_t overload_second;
	unsigned int overloads;
	uint64_t warnings; /* of the XDP program, in all */
	bool monitor; /* the mode now, for the events of the core */
	struct widths widths; /* of the mesh: what a client is */
};

_Static_assert(CONTROL_COUNTERS == EVENT_COUNTERS, "as many in a row");

/* An event of the core. `size`: mean size of its key's frames here, in bytes; 0: not known, or it has no key. */
void events_tell(struct events *events, struct now now, const struct node_event *event, double size);

/*
 * A warning of the XDP program (Algorithm 2 line 15): `packets` of a pair, judged over window_s seconds, are more
 * than `limit` a second. `enforced`: they were dropped; false in monitor mode.
 */
void events_overload(struct events *events, struct now now, const struct key *key, uint64_t packets, double window_s,
		     uint32_t limit, bool enforced);

/* A condition is raised, or cleared. */
void events_condition(struct events *events, struct now now, const struct condition *condition, bool raised);

/* Clients have reached their quota of pairs, where none had before; `client` is one of them, or NULL. */
void events_client_quota(struct events *events, struct now now, const struct address *client, uint32_t clients,
			 uint32_t pairs_max);

/* A client begins to scan: with so many contacts a second, which are this part of all new records. */
void events_scan(struct events *events, struct now now, const struct address *client, double contacts, double part);

/*
 * In the last second the table had no room for the pairs of `pairs` packets and the destinations of `destinations`;
 * `client` sends most of what finds no record, or is NULL.
 */
void events_table_full(struct events *events, struct now now, const struct address *client, uint64_t pairs,
		       uint64_t destinations);

/*
 * The floor of local evidence let `packets` packets pass that other members' counts alone would have dropped. Either an
 * attack is spread over proxies, or a member publishes false counts.
 */
void events_evidence(struct events *events, struct now now, uint64_t packets);

/* The daemon was silent, and the kernel filtered alone: `packets` of folded pairs were judged without their fold. */
void events_silence(struct events *events, struct now now, struct duration silence, uint64_t packets);

/* The host slept, and mesh time with it: both go on at the right time. */
void events_slept(struct events *events, struct now now, struct duration slept);

/* The filter, or pins, that somebody took off by hand are back; once a second at most for each interface. */
void events_filter(struct events *events, struct now now, const char *text);

/* What has become of an interface; once for each change. */
void events_interface(struct events *events, struct now now, const char *text, bool good);

#endif
