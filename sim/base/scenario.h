/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is to be simulated: members and where they stand, the network, traffic, faults, what is judged by. Read from
 * a file (libconfig) or drawn from a seed; sim/README.md explains every word.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "../gossipd/base/problem.h"
#include "node.h"
#include "sides.h"

#define GROUPS_MAX 24
#define FAULTS_MAX 64
#define SIM_MEMBERS_MAX MEMBERS_MAX
#define FAULT_NODES_MAX 64
#define LIARS_MAX 8
#define ONSET_LAG_S 4

/* What is measured and reported: a set. */
enum measured {
	MEASURE_VERDICTS = 1, /* beside one proxy that sees all */
	MEASURE_RATES = 2,    /* the same */
	MEASURE_SPREADING = 4,
	MEASURE_CONVERGENCE = 8,
	MEASURE_TRAFFIC = 16,
	MEASURE_ALL = 31
};

enum sharing { SHARING_MESH, SHARING_NONE, SHARING_MASTER_PRINTED, SHARING_MASTER_CORRECTED, SHARING_COUNT };
extern const char *const sharing_names[SHARING_COUNT];

enum placement { PLACE_HOME, PLACE_SPREAD, PLACE_ROAM };

/* Clients that behave alike. Each sends to each of its destinations. */
struct group {
	char name[32];
	bool bot;      /* what should be dropped; else what should pass */
	int placement; /* home: one member; spread: any, packet by packet; roam: another every roam_s */
	int member, members; /* only so many members from this one on see this group; members 0: all from there on */
	int clients, destinations, destination; /* destination: number of the first */
	double rate;				/* packets per second and pair */
	double roam_s;
	double start_s, stop_s;	  /* stop 0: until traffic ends */
	double ramp_s;		  /* its clients begin one after the other, within this time from start on */
	double on_s, off_s;	  /* pulses; off 0: steady */
	double step_s, step_rate; /* from step_s on; 0: no step */
	bool even;		  /* evenly spaced, else Poisson */
	int sources;		  /* spoofed: each packet of a client comes from one of so many addresses; 0: its own */
	bool fresh;		  /* spoofed: each packet comes from an address that no packet had before */
	char impersonates[32];	  /* the group whose clients' addresses these are; empty: made up */
	bool connects;		  /* each client opens one TCP connection: traffic.c */
	int scan; /* packets to each address before the next one, never seen before; 0: to its destinations */
	bool ipv6;
	int rotates; /* each client sends from so many addresses of its /64 in turn; 0: from one */
	bool outside;	 /* its addresses are no client's, though it sends from the clients' side */
	bool replies;	 /* its destinations answer its clients, from the other side */
	bool to_clients; /* its destinations are clients of the proxies, too */
	double churn_s; /* mean life of a client, until a new one takes its place, anywhere; 0: for ever */
};

/* What a liar does, see liar.h; `amount` is what it is done with. */
enum lie {
	LIE_NONE,
	LIE_INFLATE, /* counts of honest pairs: amount times their rate */
	LIE_INVENT, /* clients that do not exist, at a destination: amount times its rate */
	LIE_EQUIVOCATE, /* one half of the mesh is told `inflate`, the other the truth, under the same sequences */
	LIE_REPLAY, /* others' old frames, amount per second */
	LIE_FORGE, /* frames in others' names, amount per second */
	LIE_FLOOD, /* new keys, amount per second */
	LIE_KEYS, /* new keys of each kind, amount per second, each at its rate */
	LIE_DESTINATIONS, /* destinations that do not exist, amount new ones per second, each at its rate */
	LIE_PAIRS, /* the same of pairs of one honest client */
	LIE_PAIRS6, /* the same of pairs in IPv6, each of another client */
	LIE_CALLS, /* one packet of each honest pair, so that all others tell theirs: amount pairs per second */
	LIE_MUTE, /* tells nobody what it counts */
	LIE_CLIENTS, /* as LIE_DESTINATIONS, of clients */
	LIE_NETWORKS, /* the same of networks */
	LIE_SHUN, /* sends nothing to member 0 */
	LIE_HISTORY, /* as LIE_INVENT, of the clients alone: the destination does not seem to be over its rate */
	LIE_COUNT
};
extern const char *const lie_names[LIE_COUNT + 1];

struct liar {
	int node, kind;
	double start_s, amount;
};

/* Defences of the core that a run may do without, to see what they are worth. */
enum defence { DEFENCE_NONE, DEFENCE_SIGNATURES, DEFENCE_QUARANTINE, DEFENCE_QUOTAS, DEFENCE_EVIDENCE, DEFENCE_COUNT };

enum fault_kind {
	FAULT_ISOLATE,	 /* nodes against all others */
	FAULT_ONE_WAY,	 /* nodes cannot be heard; they hear */
	FAULT_HEAL,	 /* every cut and clog ends */
	FAULT_CLOG,	 /* datagrams towards nodes wait until for_s has passed */
	FAULT_CRASH,	 /* daemon dead; the kernel's table goes on */
	FAULT_POWER_OFF, /* host dead, table lost: its clients' packets go nowhere */
	FAULT_RESTART,
	FAULT_PAUSE, /* for for_s */
	FAULT_LOSS,  /* of every link, from now on */
	FAULT_SWIZZLE, /* nodes are clogged one after the other within for_s, and open in another order */
	FAULT_SUSPEND, /* host and its clocks stand still for for_s; its time is set right at the next start */
	FAULT_JUMP, /* the host's clock steps by jump_ms; the daemon takes it over at its next start */
	FAULT_COUNT
};

struct fault {
	int kind;
	double at_s, for_s, loss, jump_ms;
	int nodes[FAULT_NODES_MAX];
	int nodes_count;
};

struct scenario {
	char name[64];
	int members;
	int regions[SIM_MEMBERS_MAX]; /* of members, in turn */
	int regions_count;
	double duration_s, warmup_s, quiet_s; /* traffic runs from warmup to duration - quiet */
	double start_spread_s;		      /* members start within this time */
	double onset_s; /* an attack begins: victims are measured from ONSET_LAG_S after it; 0: they are not */

	double delay_ms;				  /* one way, between any two members; < 0: by region */
	double jitter;					  /* up to this share of the delay is added */
	double loss, duplication, reordering, corruption; /* shares of datagrams */
	double replay_per_s, forge_per_s;		  /* an outsider sends old and made-up datagrams, mesh-wide */
	double skew_ms, drift_ppm;			  /* clocks are drawn from +- this */
	double skewed_ms;				  /* further off: members from skewed_from on */
	int skewed_from;				  /* 0: none */

	struct thresholds thresholds;
	int tick_ms, window_max_ms, decay;
	int keys_max, cells_max, frames_max, frames_per_tick, datagram_bytes;
	int table_pairs; /* records of pairs in a kernel's table; 0: as many as there are */
	int table_heads; /* records of destinations; 0: as many as there are */
	int client_pairs; /* of one client's pairs that were counted at the proxy; 0: as many as there are */
	int coarse;	 /* entries of a row */
	int cpus;	 /* that packets come in on */
	int line_rate;	 /* packets per second that certificates state; 0: none */
	bool real_signatures;
	bool service; /* time is spent on signatures and datagrams, and queues form */
	bool checks;  /* after every event */
	unsigned int measure;
	bool oracle;  /* one more proxy that sees every packet at once, to compare with */

	struct client_sides sides;
	bool client_hosts; /* in fd00::/8 every address is a client; else each /64 */

	int sharing;
	bool publish_all; /* every own cell, else those that members need */
	int all_from; /* members from this one on publish every own cell in any case; 0: none */
	double master_delay_ms; /* member to master, one way; < 0: by region, the master stands with member 0 */
	double master_period_ms;
	bool master_early;    /* corrected: verdicts before the window is T_T2 long, as the mesh gives them */
	double master_dead_s; /* it dies then; 0: never */

	struct group groups[GROUPS_MAX];
	int groups_count;
	struct fault faults[FAULTS_MAX];
	int faults_count;
	struct liar liars[LIARS_MAX];
	int liars_count;
	int without; /* a defence nobody has; experiments only */
};

void scenario_defaults(struct scenario *ret_scenario);

/* Reads a file over the defaults. False: *ret_problem says file:line, what is wrong, and a hint. */
bool scenario_read(const char *path, struct scenario *ret_scenario, struct problem *ret_problem);

/* Members that see the group. */
int group_members(const struct scenario *scenario, const struct group *group);

/* The group of this name, or -1. */
int scenario_group(const struct scenario *scenario, const char *name);

/* Of its mesh. */
struct widths scenario_widths(const struct scenario *scenario);

/* What can be wrong with one however it was made, and at which word of its file; NULL: nothing. */
#define SCENARIO_WHERE_SIZE 32
const char *scenario_check(const struct scenario *scenario, char ret_where[SCENARIO_WHERE_SIZE]);

#endif
