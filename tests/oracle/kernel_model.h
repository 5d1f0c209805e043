/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of one proxy as the kernel and the daemon leave it, in plain C: records laid out as record.h says,
 * counted and judged like the XDP program does (xdp/judge.h), written back like the daemon does
 * (gossipd/table/table_apply.c). Destinations have records of the same form. Times are jiffies of KERNEL_HZ, cut
 * from mesh time.
 */
#ifndef TESTS_KERNEL_MODEL_H
#define TESTS_KERNEL_MODEL_H

#include <xpro/key.h>
#include <xpro/record.h>

#include "node.h"

#define KERNEL_HZ 250
#define KERNEL_KEYS_MAX 1024

struct kernel_record {
	struct key key;
	struct pair_record words;
};

struct kernel {
	struct kernel_record records[KERNEL_KEYS_MAX];
	unsigned int records_count;
	uint16_t index[2 * KERNEL_KEYS_MAX]; /* of records, by hash of the key; + 1, 0 is empty */
	struct thresholds thresholds;
	uint32_t window_max, decay, carry_span; /* T_T4 and three ticks, in jiffies */
};

void kernel_init(struct kernel *kernel, const struct mesh *mesh, const struct thresholds *thresholds);

struct kernel_verdict {
	bool over, over_early; /* the rate's rule without and with POLICY_EARLY */
	bool floor; /* over_early, but the floor of local evidence lets it pass */
};

/* One packet of a key (a pair, or its destination): counted, then judged. */
struct kernel_verdict kernel_packet(struct kernel *kernel, const struct key *key, struct instant mesh);

/* A record of the daemon's; `harvested` packets of the key had been read from this table when it was worked out. */
void kernel_apply(struct kernel *kernel, const struct change *change, uint32_t harvested, struct instant mesh);

/* A key's record; NULL: it has none. Holds until the next one is made. */
struct pair_record *kernel_record_of(struct kernel *kernel, const struct key *key);

#endif
