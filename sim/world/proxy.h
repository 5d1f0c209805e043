/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A simulated proxy: the core, a kernel's table, a clock of its own, one processor that is busy for as long as
 * signatures take, and a socket's queue. What gossipd does in a turn, this does in an event.
 */
#ifndef SIM_PROXY_H
#define SIM_PROXY_H

#include "check.h"
#include "kernel.h"
#include "liar.h"
#include "network.h"
#include "node.h"

struct sums_node;
struct world;

/* What work costs (../proto measured on one core): microseconds. */
#define COST_DATAGRAM_NS 3000
#define COST_VERIFY_NS 70000
#define COST_SIGN_NS 26000

#define PROXY_FRAMES_PUT 1024
#define INBOX_SIZE 16384 /* datagrams in the socket's buffer; beyond that they are lost */

/* Over all the lives of a proxy's daemon. */
struct proxy_totals {
	uint64_t received, sent, bytes_received, bytes_sent;
	uint64_t signatures_made, signatures_checked;
	uint64_t frames_received, frames_duplicate, frames_repaired, frames_published, cells_published;
	uint64_t rejects[REJECT_COUNT];
	uint64_t inbox_lost;
};

#define FIRST_INCARNATION 1000 /* of each proxy's table; the next ones count up */

struct proxy {
	struct world *world;
	unsigned int number;
	struct node *node;
	void *memory;
	struct node_config config;
	struct kernel kernel;
	struct sums_node *sums;
	struct contact_wait *waits; /* a ring of CONTACT_WAITS_MAX; the numbers only grow */
	uint32_t waits_next, waits_settled;
	int64_t collected_s; /* the second idle records were last taken out in */
	bool powered;		      /* the host: packets of its clients come through */
	bool running;		      /* the daemon */
	uint64_t life;		      /* lives of the daemon so far, begun and ended */
	uint64_t plans;		      /* what was planned under an earlier number is void */
	int64_t offset_ns, drift_ppm; /* of the clock */
	int64_t first_offset_ns;      /* of the right time, as far as this host is right */
	int64_t host_offset_ns;	      /* of the host's, which the daemon takes over when it starts */
	int64_t suspended_until_ns;   /* the host stands still */
	int64_t busy_until_ns, paused_until_ns;
	int64_t turn_at_ns; /* of the turn that is planned; INT64_MAX: none */
	struct flight *inbox[INBOX_SIZE];
	uint32_t inbox_head, inbox_count;
	bool waking;		  /* a turn for the inbox is planned */
	struct liar_state *liar;  /* NULL until it lies */
	struct proxy_totals gone; /* counted by earlier lives */
	uint64_t events[EVENT_COUNT];
	int64_t scan_named_ns; /* world time of the first EVENT_CONTACTS_OVER; 0: none */
	struct address scanner; /* the client it named */
	bool scanners; /* it has named another, too */
	struct rng rng;
	uint64_t inbox_lost;
	uint32_t frames_put[PROXY_FRAMES_PUT]; /* numbers of the stored frames of this turn, for the trace */
	uint32_t frames_put_count;
	int16_t member_number[MEMBERS_MAX]; /* the core's number of a member -> ours; -1: not asked yet */
	struct check_noted noted;
	int64_t stopped_mesh_ns; /* the latest its clock has shown when its daemon ended; INT64_MIN / 2: never did */
	int64_t ended_mesh_ns;	    /* when it last ended, by the clock as it is now */
};

void proxy_open(struct world *world, unsigned int number, bool gossip);
void proxy_close(struct world *world, unsigned int number);
void proxy_start(struct world *world, unsigned int number);
void proxy_stop(struct world *world, unsigned int number);
void proxy_power_off(struct world *world, unsigned int number);
/* The host stands still until then. */
void proxy_suspend(struct world *world, unsigned int number, int64_t until_ns);
void proxy_pause(struct world *world, unsigned int number, int64_t until_ns);
/* Ends either at once. */
void proxy_free(struct world *world, unsigned int number);

struct now proxy_now(const struct proxy *proxy, int64_t at_ns);
int64_t proxy_mesh_ns(const struct proxy *proxy, int64_t at_ns);
/* The first moment at which the proxy's mesh clock shows at least this. */
int64_t proxy_world_ns_at(const struct proxy *proxy, struct instant mesh);

/* Plans its daemon's next tick, and what its inbox waits for, anew: whatever was planned is void. */
void proxy_plan_anew(struct proxy *proxy);

/* A datagram has come to a proxy's socket. Takes the flight over. */
void proxy_arrive(struct world *world, struct flight *flight);

void proxy_totals_add(const struct node_counters *counters, struct proxy_totals *totals);
void proxy_totals(const struct proxy *proxy, struct proxy_totals *ret_totals);
/* Keys of its ledger; 0 while it does not run. */
uint64_t proxy_keys(const struct proxy *proxy);

/* Our number of the core's member; -1: unknown. */
int proxy_member_of(struct proxy *proxy, uint16_t member);

/* Our number of the member behind an origin of this proxy's core, and its incarnation. -1: unknown. */
int proxy_member_of_origin(struct proxy *proxy, uint16_t origin, uint64_t *ret_incarnation);

#endif
