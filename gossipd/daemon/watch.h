/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is watched in monitor mode, and while a shadow policy is tried. Each tick looks at a part of the ledger's keys,
 * so that every key is looked at about once a slot. A key counted since the look before is a sample, if this proxy
 * counted some of it: what members invent takes no room here. In monitor mode the sample's rate enters the histogram of
 * its kind, and of a pair of the clients it is noted who speaks to whom.
 *
 * The rate of a sample is the higher of two: that of the verdict now, and that at its last packet. The first alone
 * would fall with the time between a burst and the look.
 */
#ifndef GOSSIPD_WATCH_H
#define GOSSIPD_WATCH_H

#include <xpro/time.h>

#include "learnt.h"
#include "rates.h"
#include "shadow.h"

/* keys looked at in a tick at most: about 2 ms. With more than 80,000 keys a round takes longer than a slot. */
#define WATCH_KEYS_PER_TICK 4096

struct daemon;

struct watch {
	bool running; /* in monitor mode */
	struct instant since, until; /* mesh; since 0: nothing was watched yet. until: of the last look */
	uint64_t rounds; /* over all keys, in monitor mode */
	bool walking; /* in monitor mode, or with a shadow policy */
	bool resting; /* this round is at its end; the next begins a slot after it began */
	uint32_t cursor; /* of node_next_key */
	struct instant round_begun, round_before; /* mesh: begin of this round, of the one before; 0: there was none */
	struct rates rates[KEY_KINDS]; /* by enum key_kind */
	struct learnt learnt;
	struct shadow shadow;
};

/* NULL: no memory. */
struct watch *watch_start(void);
void watch_stop(struct watch *watch);

/* Looks at the keys of a tick. When monitor mode begins, what was watched before is forgotten. It stays at the end. */
void watch_tick(struct daemon *daemon, struct now now);

#endif
