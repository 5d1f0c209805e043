/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A model of the kernel's record table and of the XDP program that judges by it: the words of include/xpro/record.h with the same
 * writers and the same rules, but in nanoseconds of mesh time instead of jiffies. Full at pairs_max: a pair that has no record then counts in
 * its destination alone; records idle for COLLECT_IDLE_NS leave. Packets of a pair come in on one CPU; each CPU thins a destination's
 * remainder by an accumulator of its own. Shared by nobody; each proxy has one, and it outlives the proxy's daemon.
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include <xpro/record.h>

#include "harvest.h"
#include "node.h"

#define KERNEL_CPUS_MAX 16
#define COLLECT_IDLE_NS (60 * NS_PER_S) /* as gossipd */

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
	int64_t base_count; /* M.c - packets at the fold */
	double floor, rho;
	uint16_t pass_share;
	uint8_t members; /* with counts of the key; 1: no floor of local evidence */
	bool thin;
	uint16_t bound; /* what pass_share may be at most while the daemon is young; 0: not looked at */
	int64_t evidence_full_ns; /* K: when the bucket of local evidence will be full */
	struct harvest_words harvest;
	/* not words of the table */
	uint32_t key, destination; /* numbers: of the key, of its destination's record */
	bool changed;		   /* since the last harvest */
	bool dead;		   /* its place is free */
	bool pair;
	uint64_t harvested;	   /* sum over all slots of what harvests gave */
};

struct kernel {
	struct kernel_record *records;
	uint32_t count, size;
	uint32_t *of_key; /* [key] -> record + 1; 0 = none */
	uint32_t of_key_size;
	uint32_t *changed; /* records */
	uint32_t changed_count;
	uint32_t pairs_held, pairs_max; /* records of pairs; 0: no bound */
	uint32_t free, cpus;		/* free: a dead record + 1, 0 = none; the next one is in its `key` */
	bool no_evidence; /* others' counts are taken at their word */
	uint64_t full; /* packets of pairs that found no room */
	int64_t harvested_at_ns, heartbeat_ns, young_until_ns;
	bool renewed; /* its first harvest leaves what was told to the incarnation before */
	bool resuming; /* a daemon has just started: its first harvest tells everything once more */
	struct thresholds thresholds;
	int64_t window_max_ns, carry_span_ns;
	int decay;
};

void kernel_open(struct kernel *kernel, const struct thresholds *thresholds, const struct mesh *mesh, uint32_t pairs_max, uint32_t cpus,
		 int64_t now_ns);
void kernel_close(struct kernel *kernel);

/* Algorithm 2 for one packet at mesh time `now`. */
enum reason kernel_packet(struct kernel *kernel, int64_t now_ns, uint32_t pair, uint32_t destination);

/* Writes a record of the core into the table, as gossipd's table_apply does. `destination` is the pair's, or the key itself. */
void kernel_apply(struct kernel *kernel, uint32_t key, uint32_t destination, const struct change *change);

/* A daemon starts over this table: its first harvest tells everything once more, and for T_T4 it knows less than the table. */
void kernel_restarted(struct kernel *kernel, int64_t now_ns);

/* The daemon's clock reads `by_ns` more than before for the same moment: all times of the table move with it. */
void kernel_shift(struct kernel *kernel, int64_t by_ns);

/* Takes out what has been idle for COLLECT_IDLE_NS; just after a harvest. */
void kernel_collect(struct kernel *kernel, int64_t now_ns);

/* Hands every cell that changed since the last harvest to `each`. */
void kernel_harvest(struct kernel *kernel, int64_t now_ns, struct duration slot_length,
		    void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell), void *user);

/* What a key is judged by now. False: no record. */
struct judged {
	double count, window_s, rate;
	bool folded;
};
bool kernel_judge(const struct kernel *kernel, int64_t now_ns, uint32_t key, struct judged *ret_judged);

static inline bool reason_drops(enum reason reason)
{
	return reason >= REASON_DROP_BLOCKED && reason <= REASON_DROP_DESTINATION_SHARE;
}

#endif
