/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What monitor mode watches. While nothing drops, each tick looks at a part of the ledger's keys, so that every key is
 * looked at about once a slot. A key that was counted since the look before is a sample: its rate enters the histogram
 * of its kind, and of a pair of the clients it is noted who speaks to whom.
 *
 * The rate of a sample is the higher of two: that of the verdict now, and count / max(ts2 - ts1, minimum window), the
 * rate at its last packet. The first alone would fall with the time between a burst and the look.
 */
#ifndef GOSSIPD_WATCH_H
#define GOSSIPD_WATCH_H

#include <xpro/time.h>

#include "learnt.h"
#include "rates.h"

/* keys looked at in a tick at most: about 2 ms. With more than 80,000 keys a round takes longer than a slot. */
#define WATCH_KEYS_PER_TICK 4096

struct daemon;

struct watch {
	bool running; /* in monitor mode */
	struct instant since, until; /* mesh; since 0: nothing was watched yet. until: of the last look */
	uint64_t rounds; /* over all keys */
	uint32_t cursor; /* of node_next_key */
	struct instant round_begun, round_before; /* mesh: begin of this round, of the one before; 0: there was none */
	struct rates rates[KEY_KINDS]; /* by enum key_kind */
	struct learnt learnt;
};

/* NULL: no memory. */
struct watch *watch_start(void);
void watch_stop(struct watch *watch);

/* Looks at the keys of a tick. When monitor mode begins, what was watched before is forgotten. It stays at the end. */
void watch_tick(struct daemon *daemon, struct now now);

#endif
