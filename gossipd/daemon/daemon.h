/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon: the core, the table and the sockets, and the turns that connect them. A turn moves counts from the table
 * into the core, datagrams in both directions, and changes of records back into the table. loop.c calls the turns.
 */
#ifndef GOSSIPD_DAEMON_H
#define GOSSIPD_DAEMON_H

#include "accounts.h"
#include "answers.h"
#include "clock_watch.h"
#include "mesh_clock.h"
#include "config.h"
#include "events.h"
#include "gate.h"
#include "health.h"
#include "identity.h"
#include "load.h"
#include "local_addresses.h"
#include "resolve.h"
#include "scans.h"
#include "sides.h"
#include "state.h"
#include "summing.h"
#include "table.h"
#include "udp.h"
#include "watch.h"

#define CHANGES_PER_TURN 4096  /* records written per turn: about a millisecond */
#define CHANGES_AHEAD 16	       /* records fetched while those before are judged */
#define DATAGRAMS_PER_TURN 256 /* datagrams sent per turn: a few milliseconds, sealing included */
#define EVENTS_PER_TURN 512
#define COLLECT_IDLE_MS 60000 /* a record silent for a minute may leave the table */
#define LOCALS_EVERY_S 1
#define ROUTES_EVERY_S 3 /* a default route that comes or goes shows after it */
#define LEAVE_MS 1000 /* from node_leave to the end: five ticks, in which a member that missed it can request it */

struct control;

struct daemon_counters {
	uint64_t cells_harvested, cells_unheld; /* out of the table; those the core did not take */
	uint64_t records_written, records_refused;
	uint64_t requests_refused; /* at the control socket, for want of privilege */
	uint64_t filters_restored; /* times that a filter, or pins, taken off by hand were put back */
	double tick_ms_worst, tick_late_ms_worst;
	double turn_ms_worst, turn_cpu_ms_worst; /* for how long the loop was held by a turn; of this, computed */
};

struct daemon {
	struct config config;
	struct identity identity;
	struct mesh_clock clock;
	struct clock_watch clock_watch;
	struct state state;
	struct table *table;
	struct summing *summing;
	struct udp *udp; /* NULL with gossip = false */
	struct control *control;
	void *node_memory;
	size_t node_bytes;
	struct node *node;
	uint32_t *hints; /* by number of the core's key: where its record is in the table (table_apply_hinted) */
	struct events events;
	struct health health;
	struct accounts accounts;
	struct scans scans;
	struct watch *watch;
	struct answers_state answers;
	struct sides_view sides;
	struct daemon_counters counters;
	struct instant started; /* mono */
	uint64_t boot;
	uint64_t seconds;		   /* calls of daemon_second */
	struct address locals[LOCAL_ADDRESSES_MAX]; /* addresses of this host that the table has */
	uint32_t local_count;
	struct gate gate;
	uint32_t documents_unkept; /* kinds of documents, as bits, that could not be written to disk */
	uint32_t policy_taken; /* node_policy_generation of what the kernel has */
	struct load load;
	struct resolve resolve;
	struct instant leave_at; /* mono: when the daemon ends after `gossipctl leave`; 0: it stays */
	bool ticking; /* a tick is under way: its harvest and its sums are not through */
	bool harvested; /* the harvest is */
	struct instant tick_begun; /* mono */
	bool pending; /* datagrams or records wait for the next turn */
};

/* In monitor mode, by the configuration or by the policy in force: drops are counted, not made. */
static inline bool daemon_monitors(const struct daemon *daemon)
{
	return daemon->config.monitor || node_policy(daemon->node)->defaults.monitor;
}

/* Puts the configuration's policy into force, here alone; a policy of the mesh stays in force above it. */
int daemon_set_policy(struct daemon *daemon, struct now now, struct problem *ret_problem);

/* Tries the configuration's shadow policy from now on, or none. */
void daemon_set_shadow(struct daemon *daemon, struct now now);

/*
 * Reads the configuration again and puts into force what may change while running: log level, policy, shadow policy,
 * mode. Changes
 * nothing unless all of it is valid.
 */
int daemon_reload(struct daemon *daemon, struct now now, struct problem *ret_problem);

/*
 * A part of a tick: harvest, a bounded number of records at a time; then publish. True when it is through; sending
 * and writing back follow with daemon_drain.
 */
bool daemon_tick(struct daemon *daemon, struct now now);

/* One batch of datagrams from a socket, and what follows from them. */
void daemon_receive(struct daemon *daemon, struct now now, unsigned int socket);

/* The end of every turn. daemon->pending: the bounds left work for the next turn. */
void daemon_drain(struct daemon *daemon, struct now now);

/* The XDP program's warnings. */
void daemon_warnings(struct daemon *daemon, struct now now);

/* A document of the mesh authority, from the control socket: see node_command. */
enum reject daemon_command(struct daemon *daemon, struct now now, const uint8_t *bytes, size_t size);

/* Announces that this proxy leaves for good, and ends the loop LEAVE_MS later. */
void daemon_leave(struct daemon *daemon, struct now now);

/* Once a second: local addresses and health are looked at. */
void daemon_second(struct daemon *daemon, struct now now);

/* Tells the table every address of this host (of this network namespace). */
void daemon_tell_locals(struct daemon *daemon);

#endif
