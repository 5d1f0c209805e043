/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last step of every packet: it is counted under one reason, and the reason is its verdict.
 */
#ifndef XDP_ACCOUNT_H
#define XDP_ACCOUNT_H

#include "maps.h"

static __always_inline void account(__u32 reason, __u32 bytes)
{
	struct reason_counter *counter = &reasons[bpf_get_smp_processor_id() & (CPUS_MAX - 1)][reason & (REASONS_MAX - 1)];

	counter->packets++; /* this CPU's own */
	counter->bytes += bytes;
}

static __always_inline bool reason_is_drop(__u32 reason)
{
	return reason - REASON_DROP_BLOCKED <= REASON_DROP_TAGS - REASON_DROP_BLOCKED;
}

/* Of a packet whose pair, and so whose policy, is not to be seen: in monitor mode, which all policies share, it passes. */
static __always_inline __u32 unreadable(__u32 reason)
{
	return policies[POLICY_OF_PAIR(BANK_OF(state.active), 0)].flags & POLICY_MONITOR ? REASON_WOULD_DROP : reason;
}

/* Never XDP_ABORTED: what the filter cannot judge is the stack's to judge. */
static __always_inline int leave(__u32 reason, __u32 bytes)
{
	account(reason, bytes);
	return reason_is_drop(reason) ? XDP_DROP : XDP_PASS;
}

#endif
