/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The size of a pair's frames (pair_size in xpro/record.h). A counter of bytes has no room in the record and would cost
 * every packet; so one packet in 64 leaves its own size there, for the packets of the next harvest. The first one
 * does; the table's seed decides about the others, which is as good as random.
 */
#ifndef XDP_SIZE_H
#define XDP_SIZE_H

#include "parse.h"

#define SAMPLED_BITS 6
#define GOLDEN 0x9e3779b1U /* 2^32 / golden ratio */

/*
 * Leaves the packet's size in the record, if the packet of this number is sampled. The high half of `thinning` began
 * with what the seed makes of the pair. A warning's second that another CPU writes at the same time may be lost.
 */
static __always_inline void size_sample(struct pair_record *record, const struct packet *packet, __u32 packets)
{
	__u32 thinning = READ_ONCE(record->thinning);

	if (packets * GOLDEN + thinning < 1U << (32 - SAMPLED_BITS))
		WRITE_ONCE(record->sampled, SAMPLED(packet->bytes, thinning));
}

#endif
