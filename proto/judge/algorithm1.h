/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Algorithm 1 without a master: the paper's record M = (ts1, ts2, c) of a key, replayed over the slots held. M is a
 * pure function of the cells, so two proxies with the same cells have the same M. PROTOCOL section "Replay".
 */
#ifndef PROTO_ALGORITHM1_H
#define PROTO_ALGORITHM1_H

#include <stddef.h>

#include <xpro/bounds.h>

#include "mesh.h"
#include "slot_sum.h"

/* M, the paper's record of a key. count = 0: there is none. */
struct paper_m {
	struct instant ts1, ts2;
	uint64_t count;
};

/*
 * An unfinished replay: M after the slots added so far, and the last of them with packets. All zero: before the
 * first slot.
 */
struct replay {
	struct paper_m m;
	uint64_t previous;
};

/* One synchronisation: the next slot, ascending. A sum without packets changes nothing. */
void algorithm1_add(struct replay *replay, uint64_t slot, const struct slot_sum *sum, const struct mesh *mesh,
		    struct duration idle_reset);

/* Replays sums[0..SLOTS_HELD-1], whose first is of slot `oldest`. */
struct paper_m algorithm1_replay(const struct slot_sum sums[SLOTS_HELD], uint64_t oldest, const struct mesh *mesh,
				 struct duration idle_reset);

#endif
