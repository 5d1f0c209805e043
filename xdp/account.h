/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last step of every packet: it is counted under one reason, and the reason decides its verdict.
 */
#ifndef XDP_ACCOUNT_H
#define XDP_ACCOUNT_H

#include "maps.h"

static __always_inline void account(__u32 reason, __u32 bytes)
{
	struct reason_counter *counter =
		&reasons[bpf_get_smp_processor_id() & (CPUS_MAX - 1)][reason & (REASONS_MAX - 1)];

	counter->packets++; /* this CPU's own */
	counter->bytes += bytes;
}

static __always_inline bool reason_is_drop(__u32 reason)
{
	return reason - REASON_DROP_BLOCKED <= REASON_DROP_TAGS - REASON_DROP_BLOCKED;
}

/* The reason in force: in monitor mode a drop becomes REASON_WOULD_DROP, which passes. */
static __always_inline __u32 enforced(__u32 reason, __u32 flags)
{
	return flags & POLICY_MONITOR && reason_is_drop(reason) ? REASON_WOULD_DROP : reason;
}

/*
 * The verdict of a packet whose pair cannot be read, and therefore its policy neither. Monitor mode is the same in
 * all policies; in monitor mode the packet passes.
 */
static __always_inline __u32 unreadable(__u32 reason)
{
	return policies[POLICY_OF_PAIR(BANK_OF(state.active), 0)].flags & POLICY_MONITOR ? REASON_WOULD_DROP : reason;
}

/*
 * Counts the packet and returns its XDP action. Never XDP_ABORTED: a packet that the filter cannot judge goes to the
 * kernel's stack.
 */
static __always_inline int leave(__u32 reason, __u32 bytes)
{
	account(reason, bytes);
	return reason_is_drop(reason) ? XDP_DROP : XDP_PASS;
}

#endif
