/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of clients and networks (struct hot_limit): what a client, or all clients to a network, may send through this
 * proxy in all. A client's limit is asked after the pair is judged, a network's after the destination: each judges what
 * those before it let pass.
 *
 * A limit stands once, and not in the records of all its pairs: a scan makes a new pair with every packet. So a packet
 * that makes a record, or finds none, looks for limits; a record that was made while there was one has not
 * SHARE_UNLIMITED, and the daemon takes the bit off older ones. A packet of any other pair looks at that bit alone.
 */
#ifndef XDP_HOT_H
#define XDP_HOT_H

#include "account.h"
#include "policy.h"
#include "window.h"

#define HOT_TRIES 4 /* after losing the bucket to other CPUs so often, a packet counts as beyond the limit */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HOT_LIMITS_MAX);
	__type(key, struct hot_key);
	__type(value, __u32);
} hot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, HOT_LIMITS_MAX);
	__type(key, __u32);
	__type(value, struct hot_limit);
} hot_limits SEC(".maps");

/* Index: cpu x HOT_LIMITS_MAX + number of the limit. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hot_count);
} hot_counts SEC(".maps");

static __always_inline __u32 *hot_find(const struct packet *packet, __u32 kind)
{
	struct address_key address;
	struct hot_key key;

	if (kind == HOT_CLIENTS)
		client_of(packet, &address);
	else
		destination_of(packet, &address);
	key = hot_key_of(kind, address.words);
	return bpf_map_lookup_elem(&hot, &key);
}

/* The bucket's size, in time: at least a packet. */
static __always_inline __u64 bucket_size(const struct hot_limit *limit)
{
	__u64 packet = READ_ONCE(limit->packet), burst = READ_ONCE(limit->burst);

	return burst > packet ? burst : packet;
}

/*
 * Is the packet of this number among the share? Which are is as good as random: the table's seed decides. While the
 * bucket is at least half full, all are: what an earlier level dropped does not reach this one, so less may come here
 * than the share was computed for.
 */
static __always_inline bool is_chosen(const struct hot_limit *limit, __u64 number, __u32 now)
{
	__u32 share = READ_ONCE(limit->share);
	__s64 ahead = READ_ONCE(limit->full) - HOT_TIME(now);

	return share == SHARE_ALL || ahead <= (__s64)(bucket_size(limit) / 2) ||
	       (mix64(number ^ seed) & 0xffff) < share;
}

/* Takes a packet from the bucket. */
static __always_inline bool bucket_takes(struct hot_limit *limit, __u32 now)
{
	__u64 packet = READ_ONCE(limit->packet), most = bucket_size(limit), at = HOT_TIME(now), full, ahead;
	int i;

	for (i = 0; packet && i < HOT_TRIES; i++) {
		full = READ_ONCE(limit->full);
		ahead = (__s64)(full - at) > 0 ? full - at : 0;
		if (ahead > most) { /* from when the grant was smaller: the bucket is empty, and no worse */
			__sync_val_compare_and_swap(&limit->full, full, at + most);
			return false;
		}
		if (ahead + packet > most)
			return false;
		if (__sync_val_compare_and_swap(&limit->full, full, at + ahead + packet) == full)
			return true;
	}
	return false;
}

/* Is the packet beyond the limit of its client, or network? A global function. (Judging, 6 and 8) */
__noinline int hot_drops(const struct packet *packet, __u32 kind)
{
	struct hot_limit *limit;
	struct hot_count *count;
	__u32 *number;
	bool passes;

	if (!packet || !READ_ONCE(state.hot_count) || !is_alive(&state, packet->now))
		return false;
	number = hot_find(packet, kind);
	if (!number)
		return false;
	limit = element(&hot_limits, *number);
	count = element(&hot_counts, bpf_get_smp_processor_id() * HOT_LIMITS_MAX + *number);
	if (!limit || !count)
		return false;
	passes = is_chosen(limit, (__u64)*number << 32 ^ count->reached, packet->now) &&
		 bucket_takes(limit, packet->now);
	WRITE_ONCE(count->reached, count->reached + 1); /* this CPU's own */
	if (!passes)
		WRITE_ONCE(count->dropped, count->dropped + 1);
	return !passes;
}

/* The pass_share of a record that is made now. A global function. */
__noinline int hot_share(const struct packet *packet)
{
	if (!packet || !READ_ONCE(state.hot_count))
		return SHARE_ALL;
	return hot_find(packet, HOT_CLIENTS) || hot_find(packet, HOT_NETWORKS) ? SHARE_ALL & ~SHARE_UNLIMITED
									       : SHARE_ALL;
}

/* The client's verdict on a packet that its pair lets pass with `reason`. */
static __always_inline __u32 through_client(const struct packet *packet, __u32 flags, __u32 reason)
{
	return hot_drops(packet, HOT_CLIENTS) ? enforced(REASON_DROP_CLIENT, flags) : reason;
}

/* The network's verdict on a packet that everybody before lets pass, unless `reason` says that somebody does not. */
static __always_inline __u32 through_network(const struct packet *packet, __u32 flags, __u32 reason)
{
	if (reason_is_drop(reason) || reason == REASON_WOULD_DROP || !hot_drops(packet, HOT_NETWORKS))
		return reason;
	return enforced(REASON_DROP_NETWORK, flags);
}

#endif
