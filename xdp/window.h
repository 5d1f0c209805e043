/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The window of a key, pair or destination: its packets since a start, over which its rate is compared. It begins
 * anew after a silence and is aged when it gets long. While the daemon's fold is in force, count and start are the
 * mesh's; else they are this proxy's own. record.h explains the words above struct pair_record. judge.h uses this for
 * pairs, aggregate.h for destinations.
 */
#ifndef XDP_WINDOW_H
#define XDP_WINDOW_H

#include "maps.h"

/* In 16 jiffies: another proxy's ts2 may be this far ahead of this clock; a larger lead is an old ts2 that wrapped. */
#define TS2_AHEAD_MAX 64

/*
 * What a key is judged by. Its count is the larger of counter + offset (mod 2^32) and carried_hz / hz, what the carry
 * expects by now.
 */
struct measure {
	__u64 carried_hz; /* packets x hz */
	__u32 rho;	  /* carried_hz grows by at most this in a jiffy */
	__u32 offset;
	__u32 window; /* jiffies */
	__u32 members; /* members that counted the key; 0: no fold is in force */
};

/* Jiffies since `then`; 0 when `then` is in the future, since another proxy's clock may be ahead of this one. */
static __always_inline __u32 age(__u32 then, __u32 now)
{
	__s32 since = jiffies_since(then, now);

	return since > 0 ? since : 0;
}

/* The age of M.ts2 in jiffies, from the 16 bits that the fold has of it. */
static __always_inline __u32 ts2_age(__u64 fold, __u32 now)
{
	__u16 units = (__u16)(now >> TS2_SHIFT) - FOLD_TS2(fold);

	return units > 0xffff - TS2_AHEAD_MAX ? 0 : (__u32)units << TS2_SHIFT;
}

/*
 * Is the daemon alive? Compared unsigned: by signed difference a daemon that died half the clock's range ago would
 * count as alive again. A second is added to both sides because the daemon may have read a later jiffy than `now`.
 */
static __always_inline bool is_alive(const struct table_state *table, __u32 now)
{
	const __u32 second = hz;

	return now - READ_ONCE(table->heartbeat) + second <= table->heartbeat_stale + second;
}

/* Is the daemon alive, and was the fold made from this very window? */
static __always_inline bool fold_in_force(const struct table_state *table, __u64 fold, __u64 window, __u32 now)
{
	return FOLD_IS_OF(fold, WORD_LOW(window)) && is_alive(table, now);
}

/*
 * Packets x hz that are expected by now: those known up to A (carry_from), plus those at rate rho since A, for at
 * most carry_span.
 */
static __always_inline __u64 carried(const struct table_state *table, __u64 carry, __u64 fold, __u32 now)
{
	__s16 since = (__s16)((__u16)now - FOLD_CARRY_FROM(fold));
	__u32 elapsed = since > 0 ? since : 0;

	if (elapsed > table->carry_span)
		elapsed = table->carry_span;
	return (__u64)WORD_LOW(carry) * hz + (__u64)WORD_HIGH(carry) * elapsed / RHO_SCALE;
}

/*
 * The measure while a fold is in force: M.c, the packets counted here since, and the carry. The daemon may write at
 * the same time, in the order [carry = 0 when ts1 changes,] base, fold, carry. This function reads fold, base, carry
 * and then fold again. When the second reading differs, the carry may belong to a later fold and is left out.
 */
static __always_inline void measure_fold(const struct table_state *table, const __u64 *base_word,
					 const __u64 *carry_word, const __u64 *fold_word, __u64 fold, __u32 now,
					 struct measure *ret_measure)
{
	__u64 base = READ_ONCE(*base_word), carry = READ_ONCE(*carry_word);

	if (READ_ONCE(*fold_word) != fold)
		carry = 0;
	ret_measure->carried_hz = carried(table, carry, fold, now);
	ret_measure->rho = WORD_HIGH(carry) / RHO_SCALE + 1;
	ret_measure->offset = WORD_HIGH(base);
	ret_measure->window = age(WORD_LOW(base), now);
	ret_measure->members = FOLD_MEMBERS(fold);
}

/* The measure while no fold is in force: this proxy's own count over its own window. */
static __always_inline void measure_own(__u64 window, __u32 now, struct measure *ret_measure)
{
	ret_measure->carried_hz = 0;
	ret_measure->rho = 0;
	ret_measure->offset = -WORD_HIGH(window);
	ret_measure->window = age(WORD_LOW(window), now);
	ret_measure->members = 0;
}

/*
 * Ages a window longer than T_T4 as the paper ages M. Without this, a long window at a low rate would hide a burst
 * while the daemon is dead. `seen`: the window as it was read. Returns the window in force.
 */
static __noinline __u64 aged(__u64 *window, __u64 seen, __u32 packets, __u32 now, const struct policy *policy)
{
	__u32 length = age(WORD_LOW(seen), now), start;
	__u64 next, found;

	if (length <= policy->window_max)
		return seen;
	start = now - length / policy->decay;
	next = WORD(start ? start : 1, packets - (packets - WORD_HIGH(seen)) / policy->decay);
	found = __sync_val_compare_and_swap(window, seen, next);
	return found == seen ? next : found;
}

/*
 * The window to compare a rate over, given the minimum window (the paper's T_T2 or T_T3); 0: too short for a verdict.
 * With POLICY_EARLY a shorter window counts as the minimum.
 */
static __always_inline __u32 judged_window(__u32 window, __u32 window_min, __u32 flags)
{
	if (window > window_min)
		return window;
	if (!(flags & POLICY_EARLY))
		return 0;
	return window_min ? window_min : 1;
}

/*
 * Lines 2-5: restarts the window of a key that was silent for longer than T_T1; this packet is its first. Returns the
 * window in force.
 */
static __noinline __u64 restarted(__u64 *window, __u64 fold, __u32 packets, __u32 now, __u32 idle_reset)
{
	__u64 seen = READ_ONCE(*window), next = WORD(now, packets), found;
	const struct table_state *table = &state;

	if (age(WORD_LOW(seen), now) <= idle_reset)
		return seen; /* another CPU has restarted it */
	if (fold_in_force(table, fold, seen, now) && ts2_age(fold, now) <= idle_reset)
		return seen; /* silent at this proxy only: another one has counted the key since */
	found = __sync_val_compare_and_swap(window, seen, next);
	return found == seen ? next : found;
}

#endif
