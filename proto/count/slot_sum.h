/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROTO_SLOT_SUM_H
#define PROTO_SLOT_SUM_H

#include <stdint.h>

#include <xpro/time.h>

/*
 * All cells of one key in one slot, joined over origins: (min first, max last, sum of packets). packets = 0: the
 * slot holds nothing.
 */
struct slot_sum {
	struct instant first, last;
	uint64_t packets;
};

#endif
