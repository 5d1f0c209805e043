/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Algorithm 2 for one pair: counts the packet, restarts an idle window, and compares the pair's rate with T_F1.
 * window.h gives the count c and the window. Rates are compared without division: c x hz > rate x window.
 */
#ifndef XDP_JUDGE_H
#define XDP_JUDGE_H

#include "account.h"
#include "policy.h"
#include "window.h"

/* The count that is judged, in packets x hz, when the pair's counter stands at `packets`. */
static __always_inline __u64 count_hz(const struct measure *measure, __u32 packets)
{
	__u64 counted_hz = (__u64)(packets + measure->offset) * hz;

	return counted_hz > measure->carried_hz ? counted_hz : measure->carried_hz;
}

static __always_inline bool is_over(const struct measure *measure, __u32 packets, __u32 rate, __u32 window_min,
				    __u32 flags)
{
	__u32 window = judged_window(measure->window, window_min, flags);

	return rate && window && count_hz(measure, packets) > (__u64)rate * window;
}

/*
 * Lines 2-11 without the count itself. `last` is written before `packets`: a reader that reads `packets` and then
 * `last` never finds `last` older than a counted packet. Returns the window in force.
 */
static __always_inline __u64 pair_touch(struct pair_record *record, __u32 now, const struct policy *policy)
{
	__u64 window = READ_ONCE(record->window);
	__u32 last = READ_ONCE(record->last);

	if (jiffies_since(last, now) > (__s32)policy->idle_reset)
		window = restarted(&record->window, READ_ONCE(record->fold), READ_ONCE(record->packets), now,
				   policy->idle_reset);
	if (last != now)
		WRITE_ONCE(record->last, now);
	return window;
}

/*
 * pair_count for a pair without a fold in force. Out of line, to keep the way of the other pairs short. `window`: as
 * pair_touch returned it.
 */
static __noinline __u32 pair_count_own(struct pair_record *record, __u64 window, __u32 now, const struct policy *policy,
				       struct measure *ret_measure)
{
	__u32 packets = __sync_fetch_and_add(&record->packets, 1) + 1;

	measure_own(window, now, ret_measure);
	if (READ_ONCE(record->fold) && !is_alive(&state, now))
		account(REASON_STALE, 0);
	if (ret_measure->window > policy->window_max)
		measure_own(aged(&record->window, window, packets, now, policy), now, ret_measure);
	return packets;
}

/*
 * Counts the packet and measures what the pair is judged by; returns the new count. The daemon's words are read
 * before the atomic addition, so that no later read moves before the count. Offsets are relative to the counter, so a
 * fold that is written in between does no harm.
 */
static __always_inline __u32 pair_count(struct pair_record *record, const struct table_state *table, __u64 window,
					__u32 now, const struct policy *policy, struct measure *ret_measure)
{
	__u64 fold = READ_ONCE(record->fold);
	struct measure own;
	__u32 packets;

	if (fold_in_force(table, fold, window, now)) {
		measure_fold(table, &record->base, &record->carry, &record->fold, fold, now, ret_measure);
		return __sync_fetch_and_add(&record->packets, 1) + 1;
	}
	packets = pair_count_own(record, window, now, policy, &own);
	*ret_measure = own; /* a copy: without it clang keeps every packet's measure in memory, not in registers */
	return packets;
}

/* The current second, as a record keeps it. */
static __always_inline __u32 warning_second(__u32 now)
{
	return now / hz % WARNED_SECONDS + 1;
}

/* Has the pair sent no warning in this second? */
static __always_inline bool is_to_warn(const struct pair_record *record, __u32 now)
{
	return WARNED(READ_ONCE(record->thinning)) != warning_second(now);
}

/* Line 15, at most once per pair and second: the CPU that changes the second in `thinning` sends the warning. */
static __noinline void warn(struct pair_record *record, const struct packet *packet, const struct measure *measure,
			    __u32 packets, const struct policy *policy)
{
	__u32 thinning = READ_ONCE(record->thinning), second = warning_second(packet->now);
	struct warning *warning;

	if (WARNED(thinning) == second)
		return;
	if (__sync_val_compare_and_swap(&record->thinning, thinning, (thinning ^ WARNED(thinning)) | second) !=
	    thinning)
		return; /* another CPU changed the word: the next packet tries again */
	warning = bpf_ringbuf_reserve(&warnings, sizeof(*warning), 0);
	if (!warning)
		return; /* the ring is full: the drop counters still count */
	client_of(packet, (struct address_key *)warning->client);
	destination_of(packet, (struct address_key *)warning->destination);
	warning->at = packet->now;
	warning->reason = policy->flags & POLICY_MONITOR || packet->unenforced ? REASON_WOULD_DROP : REASON_DROP_PAIR;
	warning->packets = count_hz(measure, packets) / hz;
	warning->window = measure->window;
	warning->rate = policy->pair_rate;
	bpf_ringbuf_submit(warning, 0);
}

#endif
