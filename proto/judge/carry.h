/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The carry. Why: the newest counts of other members have not come yet. How: they are estimated from the key's recent
 * mesh-wide rate. PROTOCOL section "Carry". The error is at most CARRY_TICKS ticks times the change of the total
 * rate, and 0 while the total is constant, wherever the client moves.
 */
#ifndef PROTO_CARRY_H
#define PROTO_CARRY_H

#include "recent.h"

struct carry {
	double rho; /* packets per second, over the two ticks up to `tick` */
	uint64_t tick; /* A */
	uint64_t known_after; /* packets known of the ticks after A */
};

struct carry carry_of(const struct recent *recent, uint64_t tick, double tick_s);

#endif
