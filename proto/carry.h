/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The carry: what others counted since we last heard of them all is estimated by the key's own recent mesh-wide rate. PROTOCOL.md section
 * "Carry". The error is at most CARRY_TICKS ticks times the change of the total rate, and 0 while the total is constant, wherever the
 * client moves.
 */
#ifndef PROTO_CARRY_H
#define PROTO_CARRY_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>

/* A key's mesh-wide packets of the last RECENT_TICKS ticks, as known. */
struct recent {
	uint32_t newest; /* low 32 bits of the newest tick in the ring; 0: none yet */
	uint32_t packets[RECENT_TICKS]; /* of tick t at t % RECENT_TICKS */
};

/* Adds packets that were counted evenly over the ticks (from, to]. What falls before the ring is left out: it is no recent rate. */
void recent_add(struct recent *recent, uint64_t from, uint64_t to, uint64_t packets);

/* Packets of the ticks (from, to] that are in the ring. */
uint64_t recent_sum(const struct recent *recent, uint64_t from, uint64_t to);

/* Did anything happen in the ticks after `tick`? */
bool recent_is_after(const struct recent *recent, uint64_t tick);

struct carry {
	double rho; /* packets per second, over the two ticks up to `tick` */
	uint64_t tick; /* A */
	uint64_t known_after; /* packets known of the ticks after A */
};

struct carry carry_of(const struct recent *recent, uint64_t tick, double tick_s);

#endif
