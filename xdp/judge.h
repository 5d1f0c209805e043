/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Algorithm 2 for one pair: counts the packet, restarts an idle window, and compares the pair's rate with T_F1. What is counted
 * and over which window stands in record.h above struct pair_record. Rates are compared without division: c x hz > rate x window.
 */
#ifndef XDP_JUDGE_H
#define XDP_JUDGE_H

#include "account.h"
#include "pairs.h"

#define TS2_AHEAD_MAX 64 /* x 16 jiffies: a merged ts2 may be this far ahead of our clock; any further is an old one */

/* What a key is judged by: packets counted + offset (mod 2^32), or what the carry expects by now if that is more. */
struct measure {
	__u64 carried_hz; /* packets x hz */
	__u32 rho;	  /* what that grows by in a jiffy, at most */
	__u32 offset;
	__u32 window; /* jiffies */
	__u32 members; /* with counts of the key; 0: the daemon's words are not in force */
};

/* Jiffies since `then`, 0 when it lies ahead: another proxy's clock may be ahead of ours. */
static __always_inline __u32 age(__u32 then, __u32 now)
{
	__s32 since = jiffies_since(then, now);

	return since > 0 ? since : 0;
}

/* M.ts2's age out of its 16 bits. */
static __always_inline __u32 ts2_age(__u64 fold, __u32 now)
{
	__u16 units = (__u16)(now >> TS2_SHIFT) - FOLD_TS2(fold);

	return units > 0xffff - TS2_AHEAD_MAX ? 0 : (__u32)units << TS2_SHIFT;
}

/* Unsigned, or a daemon dead for half the clock's range would come alive. One second of grace: it may have read a later jiffy. */
static __always_inline bool is_alive(const struct table_state *table, __u32 now)
{
	const __u32 second = hz;

	return now - READ_ONCE(table->heartbeat) + second <= table->heartbeat_stale + second;
}

static __always_inline bool fold_in_force(const struct table_state *table, __u64 fold, __u64 window, __u32 now)
{
	return FOLD_IS_OF(fold, WORD_LOW(window)) && is_alive(table, now);
}

/* Packets x hz that are expected by now, of those known up to A plus what came since at the rate of then. */
static __always_inline __u64 carried(const struct table_state *table, __u64 carry, __u64 fold, __u32 now)
{
	__s16 since = (__s16)((__u16)now - FOLD_CARRY_FROM(fold));
	__u32 elapsed = since > 0 ? since : 0;

	if (elapsed > table->carry_span)
		elapsed = table->carry_span;
	return (__u64)WORD_LOW(carry) * hz + (__u64)WORD_HIGH(carry) * elapsed / RHO_SCALE;
}

/*
 * The daemon's count: M.c, what was counted here since, and the carry. Reads fold, base, carry and fold again, while the daemon
 * writes [carry = 0 when ts1 changes,] base, fold, carry: a carry that belongs to a later fold shows by the second reading and is
 * left out.
 */
static __always_inline void measure_fold(const struct table_state *table, const __u64 *base_word, const __u64 *carry_word,
					 const __u64 *fold_word, __u64 fold, __u32 now, struct measure *ret_measure)
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

static __always_inline void measure_own(__u64 window, __u32 now, struct measure *ret_measure)
{
	ret_measure->carried_hz = 0;
	ret_measure->rho = 0;
	ret_measure->offset = -WORD_HIGH(window);
	ret_measure->window = age(WORD_LOW(window), now);
	ret_measure->members = 0;
}

static __always_inline __u64 count_hz(const struct measure *measure, __u32 packets)
{
	__u64 counted_hz = (__u64)(packets + measure->offset) * hz;

	return counted_hz > measure->carried_hz ? counted_hz : measure->carried_hz;
}

/* A window older than T_T4 is aged like the paper's M, or a long slow past would hide a burst from a proxy without its daemon. */
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

/* The window a rate is compared over; 0: too short for a verdict (the paper's T_T2 and T_T3, without POLICY_EARLY). */
static __always_inline __u32 judged_window(__u32 window, __u32 window_min, __u32 flags)
{
	if (window > window_min)
		return window;
	if (!(flags & POLICY_EARLY))
		return 0;
	return window_min ? window_min : 1;
}

static __always_inline bool is_over(const struct measure *measure, __u32 packets, __u32 rate, __u32 window_min, __u32 flags)
{
	__u32 window = judged_window(measure->window, window_min, flags);

	return rate && window && count_hz(measure, packets) > (__u64)rate * window;
}

/*
 * Exact thinning: each packet adds its share of 1 to an accumulator and passes when that overflows. The low half of the word is
 * not touched, since nothing is added to it.
 */
static __always_inline bool is_in_share(__u32 *thinning, __u32 share)
{
	__u32 add = share << 16;

	if (share == SHARE_ALL)
		return true;
	return (__u32)(__sync_fetch_and_add(thinning, add) + add) < add;
}

/* Lines 2-5: the window of a key silent longer than T_T1 starts anew with this packet. Returns the window in force. */
static __noinline __u64 restarted(__u64 *window, __u64 fold, __u32 packets, __u32 now, __u32 idle_reset)
{
	__u64 seen = READ_ONCE(*window), next = WORD(now, packets), found;
	const struct table_state *table = &state;

	if (age(WORD_LOW(seen), now) <= idle_reset)
		return seen; /* another CPU was first */
	if (fold_in_force(table, fold, seen, now) && ts2_age(fold, now) <= idle_reset)
		return seen; /* silent here, not elsewhere */
	found = __sync_val_compare_and_swap(window, seen, next);
	return found == seen ? next : found;
}

/*
 * Lines 2-11 but for the count itself. `last` before `packets`, so that whoever reads the new count and then `last` never finds
 * it older than a packet counted. Returns the window in force.
 */
static __always_inline __u64 pair_touch(struct pair_record *record, __u32 now, const struct policy *policy)
{
	__u64 window = READ_ONCE(record->window);
	__u32 last = READ_ONCE(record->last);

	if (jiffies_since(last, now) > (__s32)policy->idle_reset)
		window = restarted(&record->window, READ_ONCE(record->fold), READ_ONCE(record->packets), now, policy->idle_reset);
	if (last != now)
		WRITE_ONCE(record->last, now);
	return window;
}

/* The same of a pair the daemon has no word of that is in force, out of the way of those it has. `window` as it was seen. */
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
 * Counts the packet and says what the pair is judged by. The daemon's words are read before the atomic addition, which nothing
 * that follows can overtake; offsets are taken against the counter itself, so a fold written in between changes nothing.
 */
static __always_inline __u32 pair_count(struct pair_record *record, const struct table_state *table, __u64 window, __u32 now,
					const struct policy *policy, struct measure *ret_measure)
{
	__u64 fold = READ_ONCE(record->fold);
	struct measure own;
	__u32 packets;

	if (fold_in_force(table, fold, window, now)) {
		measure_fold(table, &record->base, &record->carry, &record->fold, fold, now, ret_measure);
		return __sync_fetch_and_add(&record->packets, 1) + 1;
	}
	packets = pair_count_own(record, window, now, policy, &own);
	*ret_measure = own; /* a copy, or the measure of every packet would have to stand in memory */
	return packets;
}

/*
 * The floor of local evidence: does the bucket hold one packet? Its level is kept as the moment it will be full. A moment further ahead
 * than any that was written is one of hours ago.
 */
__noinline int evidence_grants(__u32 *evidence, __u32 rate, __u32 members, __u32 now)
{
	__u32 at = EVIDENCE_AT(now), second = hz * EVIDENCE_SCALE, full, ahead;
	__u64 packet;

	if (!evidence || members < 2 || !rate)
		return false; /* nobody else's counts, or no rate */
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

static __always_inline __u32 warning_second(__u32 now)
{
	return (now / hz) & 0xffff;
}

/* Was there none in this second? */
static __always_inline bool is_to_warn(const struct pair_record *record, __u32 now)
{
	return (READ_ONCE(record->thinning) & 0xffff) != warning_second(now);
}

/* Line 15, at most once per pair and second: whoever changes the second kept in `thinning` sends it. */
static __noinline void warn(struct pair_record *record, const struct packet *packet, const struct measure *measure, __u32 packets,
			    const struct policy *policy)
{
	__u32 thinning = READ_ONCE(record->thinning), second = warning_second(packet->now);
	struct warning *warning;

	if ((thinning & 0xffff) == second)
		return;
	if (__sync_val_compare_and_swap(&record->thinning, thinning, (thinning & 0xffff0000) | second) != thinning)
		return; /* another CPU has warned or thinned: the next packet tries again */
	warning = bpf_ringbuf_reserve(&warnings, sizeof(*warning), 0);
	if (!warning)
		return; /* nobody reads: the counters tell */
	client_of(packet, (struct address_key *)warning->client);
	destination_of(packet, (struct address_key *)warning->destination);
	warning->at = packet->now;
	warning->reason = policy->flags & POLICY_MONITOR ? REASON_WOULD_DROP : REASON_DROP_PAIR;
	warning->packets = count_hz(measure, packets) / hz;
	warning->window = measure->window;
	warning->rate = policy->pair_rate;
	bpf_ringbuf_submit(warning, 0);
}

#endif
