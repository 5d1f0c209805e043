/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Algorithm 2 for a destination: all its packets, from every client. Each CPU counts in a shard of its own and
 * computes how many packets it may still count before the destination is over T_F2. A busy destination therefore
 * costs no cache line that CPUs share.
 *
 * With total = the sum of the shards, own = this CPU's shard, W = the judged window and c = the count in W when the
 * sum is `total`:
 *
 *	over at k packets from now  iff  (c + k) x hz > T_F2 x W  iff  c + k > allowed,  allowed = floor(T_F2 x W / hz)
 *	own will then be own + k:   limit = own + allowed - c,  over iff own > limit
 *
 * so on one CPU the verdict is exact for every packet of the jiffy. The carry does not grow with this proxy's
 * packets: when the carry alone is over the rate, every packet of this jiffy is over.
 *
 * Reading the head and all shards costs more than the rest of a packet. So a limit is kept beyond its jiffy, up to
 * 1/32 s, while the verdict cannot change:
 *
 *	within the rate: until this CPU has counted its part of the room that is left, one in `cpus`. `allowed` only
 *	grows with time, and CPUs that keep to their parts cannot together count more than it. When one CPU counts
 *	more than its part in a jiffy, another sees that once it has used its own part, or when the limit ends.
 *
 *	over the rate: if `allowed` cannot reach c before the limit ends, even though nothing more is counted.
 *
 * A limit ends earlier when the window is aged, when a minimum window or the daemon's life ends, when the carry could
 * be over the rate, and when the daemon has written a head or changed the policy (table_state.written).
 */
#ifndef XDP_AGGREGATE_H
#define XDP_AGGREGATE_H

#include "destination.h"
#include "window.h"

#define NO_LIMIT (~0ULL)

static __always_inline struct destination_shard *shard_at(__u32 destination, __u32 cpu)
{
	return element(&shards, destination * cpus + cpu);
}

/*
 * A cache that guesses a destination's index from its address alone. The pair's record has the index, but with many
 * pairs and destinations both the record and the shard are cache misses. With a guess the shard is fetched while the
 * record is still looked up. A wrong guess costs time and changes no verdict; addresses with the same hash overwrite
 * each other's guess.
 */
#define GUESS_BITS 14	  /* 64 kB: most of a few thousand busy destinations keep their guess */
#define FORESEE_SETS 1024 /* so few sets (512 kB) stay in a CPU's cache, and a guess costs more than it saves */
__u32 guesses[1U << GUESS_BITS];

static __always_inline __u32 *guess_at(__u64 address)
{
	/* 2^64 / golden ratio: spreads neighbouring addresses. */
	return &guesses[address * 0x9e3779b97f4a7c15ULL >> (64 - GUESS_BITS)];
}

/* Both halves of an IPv6 address in one word. */
static __always_inline __u64 both_halves(const __u64 words[2])
{
	return bpf_be64_to_cpu(words[0] ^ words[1]);
}

/* Fetches the shard of the guessed destination, so that it is in the cache when the packet is counted. */
static __always_inline void shard_foresee(bool ipv6, const struct packet *packet, __u64 tag)
{
	const struct destination_shard *shard;
	const __u32 *guess;

	if ((ipv6 ? sets6 : sets4) <= FORESEE_SETS)
		return; /* the sets are constants of the loaded program, so this costs nothing */
	guess = guess_at(ipv6 ? both_halves(&packet->key.words[2]) : (__u32)tag);
	shard = shard_at(READ_ONCE(*guess), bpf_get_smp_processor_id());
	if (shard)
		(void)READ_ONCE(shard->packets);
}

/* Remembers a destination's index. */
static __always_inline void guess_note(const struct destination_head *head, __u32 destination)
{
	const struct address_key *address = (const void *)head->address;
	__u64 halves = both_halves(address->words);
	__u32 *guess = guess_at(address->words[0] == 0 && halves >> 32 == 0xffff ? (__u32)halves : halves);

	if (READ_ONCE(*guess) != destination)
		WRITE_ONCE(*guess, destination);
}

/*
 * Lines 19 and 20: the sum over all CPUs (low half) and the jiffy of the latest packet (high half), which is at least
 * `last`. A global function, so that the loop over CPUs is verified once.
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

/*
 * How far a shard may count, and for how long that is valid: limit, certain, limit_span and members of struct
 * destination_shard.
 */
struct limit {
	__u64 packets, certain;
	__u32 span, members;
	__u32 share; /* what the kernel alone lets through of a destination that the daemon has no fold of */
};

#define SPANS_PER_S 32

static __always_inline __u32 shorter(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

/* No limit: the window is shorter than the minimum, or there is no rate. */
static __always_inline void limit_none(struct limit *limit)
{
	limit->packets = NO_LIMIT;
	limit->certain = NO_LIMIT;
}

static __always_inline void limit_within(struct limit *limit, const struct measure *measure, __u64 own, __u64 room,
					 __u64 allowed_hz)
{
	limit->packets = own + room;
	limit->certain = own + room / cpus;
	if (measure->carried_hz + (__u64)measure->rho * limit->span > allowed_hz)
		limit->span = 1;
}

static __always_inline void limit_over(struct limit *limit, __u64 own, __u64 excess, __u32 rate)
{
	limit->packets = own > excess ? own - excess : 0;
	limit->certain = NO_LIMIT;
	if (excess * hz < (__u64)rate * limit->span + hz)
		limit->span = 1;
}

/*
 * With `fair` the daemon's shares decide. While a destination has no fold, because it is new or because the ledger has
 * no room for it, the kernel thins it to T_F2 by its own count. Pairs that have a fold keep their own shares.
 */
static __always_inline __u32 share_alone(const struct measure *measure, const struct policy *policy, __u64 count)
{
	return measure->members ? SHARE_ALL
				: share_of_count(policy->destination_rate, hz, measure->window,
						 policy->destination_min_window, count);
}

/* The limit for a measure. limit->span holds span_of on entry and is shortened here. */
static __always_inline void limit_of(const struct measure *measure, __u32 total, __u64 own, const struct policy *policy,
				     struct limit *limit)
{
	__u32 window = judged_window(measure->window, policy->destination_min_window, policy->flags);
	__u64 allowed_hz = (__u64)policy->destination_rate * window, allowed = allowed_hz / hz,
	      count = (__u32)(total + measure->offset);

	limit->share = SHARE_ALL;
	if (!policy->destination_rate || !window) {
		limit_none(limit);
	} else if (measure->carried_hz > allowed_hz) {
		limit->packets = limit->certain = 0;
		limit->span = 1;
	} else if (count <= allowed) {
		limit_within(limit, measure, own, allowed - count, allowed_hz);
	} else {
		limit->share = share_alone(measure, policy, count);
		limit_over(limit, own, count - allowed, policy->destination_rate);
	}
}

/*
 * The number of jiffies, from now on, in which the measure stays one over the same window; at most 1/SPANS_PER_S
 * seconds.
 */
static __always_inline __u32 span_of(const struct measure *measure, const struct table_state *table, __u32 now,
				     const struct policy *policy)
{
	__u32 span = hz / SPANS_PER_S + 1;

	if (measure->window <= policy->destination_min_window)
		span = shorter(span, policy->destination_min_window - measure->window + 1);
	if (!measure->members && measure->window <= policy->window_max)
		span = shorter(span, policy->window_max - measure->window + 1);
	return is_alive(table, now) ? shorter(span, table->heartbeat_stale - (now - READ_ONCE(table->heartbeat)) + 1)
				    : span;
}

static __always_inline void destination_limit(struct destination_head *head, const struct table_state *table,
					      __u32 destination, __u64 own, __u32 now, const struct policy *policy,
					      struct limit *ret_limit)
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
	ret_limit->members = measure.members;
	ret_limit->span = span_of(&measure, table, now, policy);
	limit_of(&measure, total, own, policy, ret_limit);
}

/*
 * Copies into this CPU's shard what it needs of its destination, before a packet is counted. A global function: the
 * verifier walks it once.
 */
__noinline int shard_refresh(__u32 destination, __u32 now)
{
	struct destination_shard *shard = shard_at(destination, bpf_get_smp_processor_id());
	struct destination_head *head = element(&destinations, destination);
	const struct table_state *table = &state;
	const struct policy *policy;
	struct limit limit;
	__u32 active;
	bool fair;

	if (!head || !shard)
		return 0;
	guess_note(head, destination);
	shard->written = READ_ONCE(table->written); /* first: a change that follows shows as another number */
	active = READ_ONCE(table->active);
	if (DESTINATION_POLICY_BANK(head->policy) != BANK_OF(active))
		head->policy = destination_policy((const struct address_key *)head->address, active);
	policy = policy_at(head->policy);
	fair = policy->flags & POLICY_FAIR && is_alive(table, now);
	destination_limit(head, table, destination, shard->packets, now, policy,
			  &limit); /* also restarts and ages the window, which is needed with `fair` too */
	if (fair)
		limit_none(&limit); /* with `fair` the shares decide (HEAD_THIN) */
	shard->limit = limit.packets;
	shard->certain = limit.certain;
	shard->limit_span = limit.span;
	shard->members = limit.members;
	shard->flags = fair ? head->flags : head->flags & ~HEAD_THIN;
	shard->pass_share = head->pass_share;
	if (fair && limit.share < SHARE_ALL) {
		shard->flags |= HEAD_THIN;
		shard->pass_share = limit.share;
	}
	if (policy->flags & POLICY_UNPROTECTED)
		shard->flags |= HEAD_UNPROTECTED;
	if (policy->flags & POLICY_MONITOR)
		shard->flags |= HEAD_MONITOR;
	shard->limit_at = now;
	return 0;
}

/* Is the shard's limit still valid? */
static __always_inline bool is_fresh(const struct destination_shard *shard, __u32 now)
{
	if (now == shard->limit_at)
		return true;
	return now - shard->limit_at < shard->limit_span && shard->packets < shard->certain &&
	       shard->written == READ_ONCE(state.written);
}

/* What a shard is compared with: an IPv4 address itself, or a seeded hash of an IPv6 address. Never 0. */
static __always_inline __u32 destination_tag(bool ipv6, const struct packet *packet, __u64 tag)
{
	return ipv6 ? packet->destination_tag : (__u32)tag;
}

/*
 * Makes this CPU's shard the packet's: pairs may count in it without another look-up. The daemon takes a head out
 * by setting HEAD_LEAVING and then each shard's tag to 0. This function writes the tag and then reads the flag, by a
 * fully ordered exchange: so either it sees the flag, or the daemon's 0 comes after its tag.
 */
static __always_inline void shard_claim(__u32 destination, __u32 tag)
{
	struct destination_shard *shard = shard_at(destination, bpf_get_smp_processor_id());
	struct destination_head *head = element(&destinations, destination);

	if (!shard || !head)
		return;
	__sync_lock_test_and_set(&shard->tag, tag);
	if (READ_ONCE(head->flags) & HEAD_LEAVING)
		WRITE_ONCE(shard->tag, 0); /* this packet alone counts here: the head is cleared once it is through */
}

/*
 * The destination of a pair whose place names none, or one that is another's by now: looked up by its address, or
 * made. Also when this CPU meets a destination for the first time. Returns what destination_find does. A global
 * function.
 */
__noinline int destination_seek(const struct packet *packet, __u32 *place_word)
{
	__u32 place, destination;

	if (!packet || !place_word)
		return DESTINATION_NONE; /* cannot happen */
	destination = destination_find(packet, true);
	if (destination == DESTINATION_LOCAL || destination == DESTINATION_UNPROTECTED)
		return destination;
	shard_claim(destination, destination_tag(packet->ipv6, packet, packet->tag));
	place = READ_ONCE(*place_word);
	if (PLACE_DESTINATION(place) != destination) /* fails when the policy is looked up meanwhile: next time */
		__sync_val_compare_and_swap(place_word, place, PLACE(destination, PLACE_POLICY(place)));
	return destination;
}

/* This CPU's shard of the destination, with a limit that is valid now; NULL: the destination has none. */
static __always_inline struct destination_shard *shard_of(__u32 destination, __u32 now)
{
	struct destination_shard *shard = shard_at(destination, bpf_get_smp_processor_id());

	if (shard && !is_fresh(shard, now))
		shard_refresh(destination, now);
	return shard;
}

/* Lines 18-20: counts the packet in its destination; writes `last` first, as pair_touch does. */
static __always_inline void shard_count(struct destination_shard *shard, __u32 bytes, __u32 now)
{
	if (shard->last != now)
		WRITE_ONCE(shard->last, now);
	/* No other CPU writes these, and the daemon only reads them. */
	WRITE_ONCE(shard->bytes, shard->bytes + bytes);
	WRITE_ONCE(shard->packets, shard->packets + 1);
}

#endif
