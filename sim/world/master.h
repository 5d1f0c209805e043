/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The paper's system, to compare with: Algorithms 1 and 2 with one master database, a network between it and the
 * proxies, and a period. `printed` follows the listing line by line: the proxy reads the master's records, computes,
 * and writes them back, so that two proxies may overwrite each other. `corrected` has the errata of the design (line
 * 22 read as ts1' = ts1, line 32 as "not in", destinations over clients heard within T_T1) and the master joins each
 * proxy's part in one step.
 */
#ifndef SIM_MASTER_H
#define SIM_MASTER_H

#include <stdint.h>

#include "kernel.h"
#include "rng.h"

struct world;

struct master_record {
	int64_t ts1_ns, ts2_ns;
	int64_t count, delta;
	bool held, mark;
};

struct master {
	uint32_t pairs_max;
	struct master_record *records; /* M_DB: [pair] */
	struct master_record *locals;  /* L_DB: [member * pairs_max + pair] */
	uint32_t *destination_of;      /* [pair] */
	struct rng rng;
	uint64_t messages, bytes;
};

void master_open(struct world *world);
void master_close(struct world *world);
struct event;
void master_forget(const struct event *event);
enum ruling master_packet(struct world *world, unsigned int member, uint32_t pair, uint32_t destination);

#endif
