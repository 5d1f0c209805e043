/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Algorithm 2 for a destination: all its packets, whoever sent them. Each CPU counts in a shard of its own and works out once a
 *jiffy how many packets it may still count before the destination is over T_F2, so that a hot destination costs no shared cache
 *line.
 *
 * With total = the sum of the shards, own = this CPU's, W = the window judged over and c = the count in it as `total` stands now:
 *
 *	over at k packets from now   iff   (c + k) x hz > T_F2 x W   iff   c + k > allowed,   allowed = floor(T_F2 x W / hz)
 *	own will then be own + k:          limit = own + allowed - c,   over iff own > limit
 *
 * so on one CPU the verdict is exact for every packet; what other CPUs count within the jiffy is seen in the next one. The carry
 *does not grow with our own packets: when it alone is over, so is every packet of this jiffy.
 */
#ifndef XDP_AGGREGATE_H
#define XDP_AGGREGATE_H

#include "judge.h"

#define NO_LIMIT (~0ULL)

static __always_inline struct destination_shard *shard_at(__u32 destination, __u32 cpu)
{
	return element(&shards, destination * cpus + cpu);
}

/*
 * Lines 19 and 20: the sum over all CPUs (low half) and the latest packet (high half), `last` being the earliest it can be. A
 * global function, so that the loop over CPUs is verified once.
 */
__noinline __u64 shards_sum(__u32 destination, __u32 last)
{
	struct destination_shard *shard;
	__u32 total = 0, packets, cpu;

	for (cpu = 0; cpu < cpus && cpu < CPUS_MAX; cpu++) {
		shard = shard_at(destination, cpu);
		if (!shard)
			break; /* cannot happen */
		packets = READ_ONCE(shard->packets);
		if (packets && jiffies_since(last, READ_ONCE(shard->last)) > 0)
			last = READ_ONCE(shard->last);
		total += packets;
	}
	return WORD(total, last);
}

static __always_inline __u64 limit_of(const struct measure *measure, __u32 total, __u64 own, const struct policy *policy)
{
	__u32 window = judged_window(measure->window, policy->destination_min_window, policy->flags);
	__u64 allowed_hz = (__u64)policy->destination_rate * window, allowed = allowed_hz / hz,
	      count = (__u32)(total + measure->offset);

	if (!policy->destination_rate || !window)
		return NO_LIMIT;
	if (measure->carried_hz > allowed_hz)
		return 0;
	if (count <= allowed)
		return own + (allowed - count);
	return own > count - allowed ? own - (count - allowed) : 0;
}

static __always_inline __u64 destination_limit(struct destination_head *head, const struct table_state *table, __u32 destination,
					       __u64 own, __u32 now, const struct policy *policy, __u32 *ret_members)
{
	__u64 window = READ_ONCE(head->window), fold = READ_ONCE(head->fold);
	__u64 sum = shards_sum(destination, WORD_LOW(window));
	__u32 total = WORD_LOW(sum);
	struct measure measure;

	if (age(WORD_HIGH(sum), now) > policy->idle_reset)
		window = restarted(&head->window, fold, total, now, policy->idle_reset);
	if (fold_in_force(table, fold, window, now))
		measure_fold(table, &head->base, &head->carry, &head->fold, fold, now, &measure);
	else
		measure_own(aged(&head->window, window, total, now, policy), now, &measure);
	*ret_members = measure.members;
	return limit_of(&measure, total, own, policy);
}

/* The first packet of a jiffy on this CPU, before it is counted. */
static __noinline void shard_refresh(struct destination_shard *shard, __u32 destination, __u32 now)
{
	struct destination_head *head = element(&destinations, destination);
	const struct table_state *table = &state;
	const struct policy *policy;
	__u32 active;
	bool fair;

	if (!head)
		return;
	active = READ_ONCE(table->active);
	if (DESTINATION_POLICY_BANK(head->policy) != BANK_OF(active))
		head->policy = destination_policy((const struct address_key *)head->address, active);
	policy = policy_at(head->policy);
	fair = policy->flags & POLICY_FAIR && is_alive(table, now);
	shard->limit = destination_limit(head, table, destination, shard->packets, now, policy,
					 &shard->members); /* restarts and ages the window, whoever judges */
	if (fair)
		shard->limit = NO_LIMIT; /* the daemon thins by share instead */
	shard->flags = fair ? head->flags : head->flags & ~HEAD_THIN;
	shard->pass_share = head->pass_share;
	if (policy->flags & POLICY_UNPROTECTED)
		shard->flags |= HEAD_UNPROTECTED;
	shard->limit_at = now;
}

/* Of all destinations without a record, of which nothing is known and nothing judged. */
struct destination_shard nowhere[CPUS_MAX] = { 0 };

/* This CPU's shard with its limit for this jiffy. */
static __always_inline struct destination_shard *shard_of(__u32 destination, __u32 now)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct destination_shard *shard;

	shard = destination == DESTINATION_NONE ? NULL : shard_at(destination, cpu);
	if (!shard) {
		shard = &nowhere[cpu & (CPUS_MAX - 1)];
		shard->limit = NO_LIMIT;
	} else if (shard->limit_at != now) {
		shard_refresh(shard, destination, now);
	}
	return shard;
}

/* Lines 18-20: counts the packet in its destination; `last` first, as in pair_count. */
static __always_inline void shard_count(struct destination_shard *shard, __u32 now)
{
	if (shard->last != now)
		WRITE_ONCE(shard->last, now);
	WRITE_ONCE(shard->packets, shard->packets + 1); /* this CPU's own: the daemon only reads it */
}

#endif
