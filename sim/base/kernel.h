/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A model of the kernel's tables and of the XDP program that judges by them: the words of include/xpro/record.h with
 * the same writers and the same rules, but in nanoseconds of mesh time instead of jiffies. Packets of a pair come in on
 * one CPU; each CPU thins a destination's lot by an accumulator of its own. Shared by nobody; each proxy has one,
 * and it outlives the proxy's daemon.
 *
 * Each table may be bounded. What finds no record counts in coarse entries. Records made on other members' word take at
 * most a quarter of a table. At a harvest that finds less than an eighth of a table free, records give way: first those
 * on others' word, then the slowest destinations. Records idle for COLLECT_IDLE_NS leave.
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include <xpro/record.h>

#include "harvest.h"
#include "keys.h"
#include "node.h"
#include "sides.h"

#define KERNEL_CPUS_MAX 16
#define COLLECT_IDLE_NS (60 * NS_PER_S) /* as gossipd */
#define CLAIM_NONE (-1)
#define RECORD_NONE UINT32_MAX

enum table_kind { TABLE_PAIRS4, TABLE_PAIRS6, TABLE_HEADS, TABLE_KINDS };

struct kernel_record {
	/* K: written by packets */
	uint64_t packets;
	int64_t window_start_ns, last_ns;
	uint64_t window_packets;
	uint32_t thinning[KERNEL_CPUS_MAX]; /* a pair uses the first */
	/* D: written by the daemon */
	bool folded;
	int64_t fold_window_ns; /* the generation */
	int64_t ts1_ns, ts2_ns, carry_from_ns;
	int64_t base_count; /* M.c - packets at the last harvest */
	double known, rho;
	uint16_t pass_share;
	uint8_t members; /* with counts of the key; 1: no floor of local evidence */
	bool thin;
	uint16_t bound; /* what pass_share may be at most while the daemon is young; 0: not looked at */
	int64_t evidence_full_ns; /* K: when the bucket of local evidence will be full */
	struct harvest_words harvest;
	/* not words of the table */
	uint32_t key;
	bool changed; /* since the last harvest */
	bool dead;    /* its place is free */
	bool pair;
	bool limited; /* D, and K when it is made: its client or network may have a limit */
	uint8_t table;	    /* enum table_kind */
	bool forgot;	    /* made again by a daemon that does not know what was told of slot `forgot_slot` */
	uint16_t forgot_slot;
	int16_t claimant; /* the member on whose word it stands; limits.members: forgotten; CLAIM_NONE: counted here */
	int64_t made_ns;    /* when it was made */
	uint64_t slot;	    /* of the last harvest that gave anything */
	uint64_t gained[2]; /* packets of that slot, and of the one before */
	uint64_t harvested; /* sum over all slots of what harvests gave */
};

/* How full a table is, and on whose word. */
struct kernel_table {
	uint32_t max, held; /* records; max 0: no bound */
	uint32_t claims;    /* of them, on others' word alone; counted only with a bound */
	uint32_t *claims_of; /* [member]; the last: of whoever a daemon before knew */
};

/* What was told of a destination whose record gave way: its successor goes on from there. */
struct kernel_left {
	bool any, lost; /* lost: the daemon that knew has ended */
	uint16_t slot;
	uint32_t told;
};

struct kernel_coarse {
	uint64_t owner; /* hash of the prefix that holds the majority */
	uint32_t votes;
	int64_t window_start_ns, last_ns, full_ns;
	uint64_t packets, owned; /* in the window; of them, the owner's */
	struct address prefix; /* of the owner */
	uint64_t gained; /* packets of the owner since the last harvest, or since it became it */
	bool changed; /* since the last harvest */
};

enum coarse_of { COARSE_OF_NETWORKS, COARSE_OF_CLIENTS, COARSE_OF_KINDS };
#define KERNEL_COARSE_ROWS 2

/* What a client, or all clients to a network, may send through this proxy. */
struct kernel_hot {
	bool limited, inherited; /* inherited: from a daemon before, which knew more */
	uint16_t share; /* of the packets */
	double granted; /* packets per second */
	int64_t full_ns, told_ns; /* when the bucket will be full; when the core last told of the limit */
	uint64_t reached; /* packets that came to it */
};

/* What a kernel's tables are made for. */
struct kernel_limits {
	uint32_t pairs, heads; /* records; 0: no bound. Pairs: of each family */
	uint32_t client_pairs; /* records of one client's pairs that were counted here; 0: no bound */
	uint32_t coarse;       /* entries of a row */
	uint32_t cpus, members;
	uint64_t seed;	       /* of the coarse entries */
	struct client_sides sides;
};

struct kernel {
	struct kernel_record *records;
	uint32_t count, size;
	uint32_t *of_key; /* [key] -> record + 1; 0 = none */
	struct kernel_left *left; /* [key] */
	uint32_t of_key_size;
	uint32_t *changed; /* records */
	uint32_t changed_count;
	uint32_t free;		/* a dead record + 1, 0 = none; the next one is in its `key` */
	struct kernel_limits limits;
	struct keys *keys;
	struct kernel_table tables[TABLE_KINDS];
	uint32_t *pairs_of; /* [key of a client]: records of its pairs; only with limits.client_pairs */
	uint32_t pairs_of_size;
	struct kernel_coarse *coarse[COARSE_OF_KINDS]; /* both rows; NULL: nothing has counted there */
	bool coarse_changed[COARSE_OF_KINDS];
	struct kept_sum *sums; /* D: exact sums of clients and networks */
	struct kernel_hot *hot; /* [key of a client or network] */
	uint32_t hot_size, hot_count; /* hot_count: limits */
	unsigned int hot_scans; /* harvests that still have to look at every record */
	bool no_evidence; /* others' counts are taken at their word */
	bool nowhere, hoards; /* faults to be found: no coarse entries; others' word takes any room */
	uint64_t full, heads_full; /* packets that found no room for a pair's record, for a destination's */
	uint64_t over_quota, claims_refused, gave_way, coarse_drops;
	int64_t harvested_at_ns, heartbeat_ns, young_until_ns;
	bool renewed; /* its first harvest leaves what was told to the incarnation before */
	bool resuming; /* a daemon has just started: its first harvest tells everything once more */
	struct thresholds thresholds;
	struct duration slot_length;
	int64_t window_max_ns, carry_span_ns;
	int decay;
};

void kernel_open(struct kernel *kernel, const struct thresholds *thresholds, const struct mesh *mesh,
		 const struct kernel_limits *limits, struct keys *keys, int64_t now_ns);
void kernel_close(struct kernel *kernel);

/* Algorithm 2 for one packet at mesh time `now`, which came in where clients are or elsewhere. */
enum ruling kernel_packet(struct kernel *kernel, int64_t now_ns, uint32_t pair, uint32_t destination, bool facing);

/*
 * Does any record show that a packet of the pair was counted at `now`, for its pair and for its destination? Looks at
 * the tables, not at what kernel_packet said.
 */
bool kernel_has_counted(const struct kernel *kernel, int64_t now_ns, uint32_t pair, uint32_t destination);

/*
 * Writes a record of the core into the table, as gossipd's table_apply does. `destination` is the pair's, or the key
 * itself. `claimant`: the member on whose word alone a record would stand; CLAIM_NONE: the key was counted here.
 */
void kernel_apply(struct kernel *kernel, uint32_t key, uint32_t destination, int claimant, const struct change *change);

/* The limit of a client or network, or its end, as gossipd's hot_apply does it. */
void kernel_limit(struct kernel *kernel, uint32_t key, const struct change *change);

/*
 * A daemon starts over this table: its first harvest tells everything once more, and for T_T4 it knows less than the
 * table.
 */
void kernel_restarted(struct kernel *kernel, int64_t now_ns);

/* Mesh time is before the last harvest's: what was told is the incarnation's before (table_time_went_back). */
void kernel_renew(struct kernel *kernel);

/* The daemon's clock reads `by_ns` more than before for the same moment: all times of the table move with it. */
void kernel_shift(struct kernel *kernel, int64_t by_ns);

/* Takes out what has been idle for COLLECT_IDLE_NS; just after a harvest. */
void kernel_collect(struct kernel *kernel, int64_t now_ns);

/*
 * Hands every cell that changed since the last harvest to `each`, with what it gained by this one; then records give
 * way in tables nearly full.
 */
void kernel_harvest(struct kernel *kernel, int64_t now_ns, struct duration slot_length,
		    void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell,
				 uint32_t gain),
		    void *user);

/* The same of what coarse entries counted for the client or network that owns them. Before kernel_harvest. */
void kernel_harvest_coarse(struct kernel *kernel, struct duration slot_length,
			   void (*each)(void *user, const struct key *key, const struct harvest_cell *cell),
			   void *user);

/* What a key is judged by now. False: no record. */
struct judged {
	double count, window_s, rate;
	bool folded;
};
bool kernel_judge(const struct kernel *kernel, int64_t now_ns, uint32_t key, struct judged *ret_judged);

#endif
