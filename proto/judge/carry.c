/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The carry's rate, from the packets of the last ticks. count/origin.c records which ticks are whole; verdict.c
 * computes A from them.
 */
#include "carry.h"

/* The rate of the two ticks up to A, and what is known of the ticks after A. (Carry, 4) */
struct carry carry_of(const struct recent *recent, uint64_t tick, double tick_s)
{
	return (struct carry){
		.rho = (double)recent_sum(recent, tick - 2, tick) / (2 * tick_s),
		.tick = tick,
		.known_after = recent_is_after(recent, tick) ? recent_sum(recent, tick, recent->newest) : 0,
	};
}
