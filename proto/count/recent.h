/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A key's mesh-wide packets in each of the last ticks, from the cells received so far: the carry's and fair's input. */
#ifndef PROTO_RECENT_H
#define PROTO_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>

/* A ring of the last RECENT_TICKS ticks. */
struct recent {
	uint32_t newest; /* low 32 bits of the newest tick in the ring; 0: none yet */
	uint32_t packets[RECENT_TICKS]; /* of tick t at t % RECENT_TICKS */
};

/*
 * Adds packets, spread evenly over the ticks (from, to]. Packets of ticks before the ring are left out.
 */
void recent_add(struct recent *recent, uint64_t from, uint64_t to, uint64_t packets);

/* Packets of the ticks (from, to] that are in the ring. */
uint64_t recent_sum(const struct recent *recent, uint64_t from, uint64_t to);

/* Did anything happen in the ticks after `tick`? */
bool recent_is_after(const struct recent *recent, uint64_t tick);

#endif
