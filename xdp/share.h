/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets of a key pass although the key is over its rate: those in its share, when the key is thinned, and
 * those that the floor of local evidence grants (record.h, EVIDENCE_SHARE).
 */
#ifndef XDP_SHARE_H
#define XDP_SHARE_H

#include "maps.h"

/*
 * Exact thinning: each packet adds `share` to a 16-bit accumulator and passes when the accumulator overflows. The
 * accumulator is the high half of the word; the low half keeps its value, since 0 is added to it.
 */
static __always_inline bool is_in_share(__u32 *thinning, __u32 share)
{
	__u32 add = share << 16;

	if (share == SHARE_ALL)
		return true;
	return (__u32)(__sync_fetch_and_add(thinning, add) + add) < add;
}

/*
 * The floor of local evidence: takes a packet from the key's token bucket, true when it had one. The bucket's level
 * is stored as the time at which it will be full. A time further ahead than a bucket can be is an old one that
 * wrapped, hours ago: the bucket is full. A global function.
 */
__noinline int evidence_grants(__u32 *evidence, __u32 rate, __u32 members, __u32 now)
{
	__u32 at = EVIDENCE_AT(now), second = hz * EVIDENCE_SCALE, full, ahead;
	__u64 packet;

	if (!evidence || members < 2 || !rate)
		return false; /* no other member's counts, or no rate */
	full = READ_ONCE(*evidence);
	ahead = full - at;
	packet = (__u64)second * EVIDENCE_SHARE * members / rate;
	if (!packet)
		packet = 1;
	if (ahead > second + packet)
		ahead = 0;
	if (ahead + packet > (second > packet ? second : packet))
		return false;
	return __sync_val_compare_and_swap(evidence, full, at + ahead + (__u32)packet) == full;
}

#endif
