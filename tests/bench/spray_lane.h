/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one CPU sprays; shared by spray.bpf.c and spray.h. Addresses in host order; of an IPv6 destination the last four
 * bytes, of a client the last four of its /64.
 */
#ifndef TESTS_BENCH_SPRAY_LANE_H
#define TESTS_BENCH_SPRAY_LANE_H

#include <linux/types.h>

struct spray_lane {
	__u64 state; /* of the generator; while in_order, the next pair */
	__u32 pairs_mask, destinations_mask;
	__u32 client, destination; /* the first of each */
	__u32 in_order;		   /* pairs 0, 1, 2 ... instead of random ones */
	__u32 header_sum;	   /* of the IPv4 header's other words, for a checksum; 0: none is written */
	__u32 client_shift; /* a client has so many bits of pairs */
	__u32 reserved[7];
};
_Static_assert(sizeof(struct spray_lane) == 64, "CPUs share no line");

#endif
