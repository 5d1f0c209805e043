/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP program: Algorithm 2 of the paper. A packet goes through these files from top to bottom: parse.h finds
 * its pair, pairs.h the pair's record, judge.h counts and judges the pair, aggregate.h the destination, hot.h the
 * client and the network, coarse.h what finds no room (all by window.h and share.h), account.h counts the verdict. Of a
 * pair without a record sides.h asks first whether it is judged at all. Packets that pass go on to the kernel's
 * routing. xpro/record.h defines the records, which the program shares with gossipd word by word.
 */
#include "maps.h"
#include "account.h"
#include "parse.h"
#include "vlan.h"
#include "destination.h"
#include "hot.h"
#include "pairs.h"
#include "window.h"
#include "size.h"
#include "share.h"
#include "judge.h"
#include "aggregate.h"
#include "coarse.h"
#include "local.h"
#include "sides.h"
#include "answers.h"
#include "egress.h"
#include "forward.h"
#include "capture.h"

char license_text[] SEC("license") = "Dual BSD/GPL";

/* The reason for a pair without a rate: on a list, outside its client's rules, or not limited. (Judging, 4) */
static __always_inline __u32 listed(__u32 flags)
{
	if (flags & POLICY_LISTED_PASS)
		return REASON_PASS_NEVER_DROP;
	if (flags & POLICY_LISTED_BLOCK)
		return REASON_DROP_BLOCKED;
	return flags & POLICY_LISTED_OUTSIDE ? REASON_DROP_OUTSIDE : REASON_PASS;
}

/* Is the pair's client or network known to have a limit, or did it have one lately? */
static __always_inline bool may_be_limited(const struct pair_record *record)
{
	return !(READ_ONCE(record->pass_share) & SHARE_UNLIMITED);
}

/*
 * Lines 14-17, for a pair that is over its rate. Under attack most packets come here, so all that is rare is out of
 * line, and only that.
 */
static __always_inline __u32 over_pair(struct xdp_md *ctx, struct pair_record *record, struct packet *packet,
				       const struct policy *policy, const struct measure *measure, __u32 packets,
				       __u32 now)
{
	struct measure warned;

	if (is_to_warn(record, now)) {
		warned = *measure; /* a copy, as in pair_count */
		packet->unenforced = is_unenforced(ctx);
		warn(record, packet, &warned, packets, policy);
	}
	if (policy->flags & POLICY_POLICE && measure->members) /* without a fold: the paper's rule */
		return is_in_share(&record->thinning, share_of_pair(READ_ONCE(record->pass_share))) ?
			       REASON_PASS_SHARE :
			       REASON_DROP_PAIR_SHARE;
	if (measure->members >= 2 && evidence_grants(&record->evidence, policy->pair_rate, measure->members, now))
		return REASON_PASS_EVIDENCE;
	return REASON_DROP_PAIR;
}

/* The lists, then lines 12-17. REASON_PASS_SHARE: the packet was in the share of a policed pair. (Judging, 5) */
static __always_inline __u32 judge_pair(struct xdp_md *ctx, struct pair_record *record, struct packet *packet,
					const struct policy *policy, const struct measure *measure, __u32 packets,
					__u32 now)
{
	if (!policy->pair_rate)
		return listed(policy->flags);
	if (!is_over(measure, packets, policy->pair_rate, policy->pair_min_window, policy->flags))
		return REASON_PASS;
	return over_pair(ctx, record, packet, policy, measure, packets, now);
}

/*
 * Lines 21-25. `record`: NULL for a pair without one. `folded`: a fold is in force, so the record's pass_share is
 * current. (Judging, 7)
 */
static __always_inline __u32 judge_destination(struct destination_shard *shard, struct pair_record *record, bool folded)
{
	bool in_share;

	if (shard->packets > shard->limit)
		return REASON_DROP_DESTINATION;
	if (!(shard->flags & HEAD_THIN))
		return REASON_PASS;
	in_share = record && folded ? is_in_share(&record->thinning, share_of_pair(READ_ONCE(record->pass_share)))
				    : is_in_share(&shard->thinning, shard->pass_share);
	return in_share ? REASON_PASS_SHARE : REASON_DROP_DESTINATION_SHARE;
}

/*
 * The reason in force for a destination's drop: the floor of local evidence or monitor mode may let the packet pass. A
 * global function.
 */
__noinline __u32 enforced_destination(__u32 reason, __u32 destination, __u32 members, __u32 now)
{
	struct destination_head *head = element(&destinations, destination);
	struct destination_shard *first = shard_at(destination, 0);
	const struct policy *policy;

	if (!head || !first)
		return reason;
	policy = policy_at(head->policy);
	if (reason == REASON_DROP_DESTINATION &&
	    evidence_grants(&first->evidence, policy->destination_rate, members, now))
		return REASON_PASS_EVIDENCE;
	return enforced(reason, policy->flags);
}

/* The destination's verdict. */
static __always_inline __u32 filter_shard(struct destination_shard *shard, struct pair_record *record, bool folded,
					  __u32 destination, __u32 now)
{
	__u32 reason = judge_destination(shard, record, folded);

	if (!reason_is_drop(reason) || (shard->members < 2 && !(shard->flags & HEAD_MONITOR)))
		return reason;
	return enforced_destination(reason, destination, shard->members, now);
}

/*
 * Counts and judges a packet whose destination has no head: by its pair, if that has a record, else by the lists; then
 * by coarse entries. A global function: the verifier walks it once.
 */
__noinline int filter_headless(struct xdp_md *ctx, struct pair_record *record, struct packet *packet, __u32 place)
{
	const struct policy *policy = policy_at(PLACE_POLICY(place));
	__u32 reason, second, packets;
	struct measure measure;
	__u64 window;

	if (!packet)
		return REASON_PASS; /* cannot happen */
	second = coarse_judge(packet, record != NULL);
	if (record) {
		window = pair_touch(record, packet->now, policy);
		packets = pair_count(record, &state, window, packet->now, policy, &measure);
		size_sample(record, packet, packets);
		reason = judge_pair(ctx, record, packet, policy, &measure, packets, packet->now);
	} else {
		reason = policy->pair_rate ? REASON_PASS : listed(policy->flags);
	}
	if (reason_is_drop(reason))
		return enforced(reason, policy->flags);
	if (reason == REASON_PASS_NEVER_DROP)
		return reason;
	reason = through_client(packet, policy->flags, reason);
	if (reason_is_drop(reason) || reason == REASON_WOULD_DROP)
		return reason;
	return through_network(packet, policy->flags, second == REASON_PASS ? reason : second);
}

/*
 * The reason for a packet that is not counted: its destination is the proxy itself, or is not protected. sides.h says
 * it of packets from no client. (Judging, 2)
 */
static __always_inline __u32 uncounted(__u32 flags)
{
	return flags & HEAD_PASS ? REASON_PASS_LOCAL : REASON_PASS_UNPROTECTED;
}

/* The verdict of a pair without a record, for want of room: by the lists and by its destination. */
static __always_inline __u32 filter_destination(const struct packet *packet, __u32 place)
{
	const struct policy *policy = &policies[PLACE_POLICY(place)];
	__u32 destination = PLACE_DESTINATION(place), reason;
	struct destination_shard *shard = shard_of(destination, packet->now);

	if (!shard)
		return REASON_PASS; /* cannot happen: a destination without a head is judged elsewhere */
	if (shard->flags & (HEAD_PASS | HEAD_UNPROTECTED))
		return uncounted(shard->flags);
	coarse_client(packet, false, PLACE_POLICY(place));
	shard_count(shard, packet->bytes, packet->now);
	reason = policy->pair_rate ? REASON_PASS : listed(policy->flags);
	if (reason != REASON_PASS)
		return enforced(reason, policy->flags);
	reason = through_client(packet, policy->flags, reason);
	if (reason != REASON_PASS)
		return reason;
	reason = filter_shard(shard, NULL, false, destination, packet->now);
	return through_network(packet, policy->flags, reason);
}

/* Counts and judges a packet of a pair with a record, then of its destination. Returns the verdict's reason. */
static __always_inline __u32 filter_pair(struct xdp_md *ctx, bool ipv6, struct pair_record *record,
					 struct packet *packet, __u64 tag, __u32 now)
{
	__u32 place = READ_ONCE(record->place), destination = PLACE_DESTINATION(place), packets, reason, second;
	const struct table_state *table = &state;
	struct destination_shard *shard;
	struct measure measure;
	const struct policy *policy;
	__u64 window;

	if ((place ^ READ_ONCE(table->active)) & BANK_BIT)
		place = place_refresh(&record->place, packet, table->active);
	policy = &policies[PLACE_POLICY(place)];
	OPAQUE(policy); /* keeps it in a register; otherwise clang computes it anew at each use */
	shard = shard_at(destination, bpf_get_smp_processor_id());
	if (!shard || shard->tag != destination_tag(ipv6, packet, tag)) {
		destination = destination_seek(packet, &record->place);
		if (destination == DESTINATION_LOCAL || destination == DESTINATION_UNPROTECTED)
			return uncounted(destination == DESTINATION_LOCAL ? HEAD_PASS : HEAD_UNPROTECTED);
		shard = shard_at(destination, bpf_get_smp_processor_id());
		if (!shard)
			return filter_headless(ctx, record, packet, place);
	}
	if (!is_fresh(shard, now))
		shard_refresh(destination, now);
	if (shard->flags & (HEAD_PASS | HEAD_UNPROTECTED))
		return uncounted(shard->flags); /* the destination became so after the record was made */
	/* Counted in the pair and in the destination. (Judging, 3) */
	window = pair_touch(record, now, policy);
	shard_count(shard, packet->bytes, now);
	packets = pair_count(record, table, window, now, policy, &measure);
	size_sample(record, packet, packets);
	reason = judge_pair(ctx, record, packet, policy, &measure, packets, now);
	if (reason_is_drop(reason))
		return enforced(reason, policy->flags);
	if (reason == REASON_PASS_NEVER_DROP)
		return reason;
	if (may_be_limited(record) && hot_drops(packet, HOT_CLIENTS))
		return enforced(REASON_DROP_CLIENT, policy->flags);
	second = REASON_PASS;
	/* Otherwise the daemon's share of a pair covers both rules, and the packet is not thinned again. */
	if (reason != REASON_PASS_SHARE || shard->packets > shard->limit)
		second = filter_shard(shard, record, measure.members, destination, now);
	if (may_be_limited(record))
		second = through_network(packet, policy->flags, second);
	return second == REASON_PASS ? reason : second; /* destination and network let it pass (Judging, 9) */
}

/* No reason, but its absence: no record was there to judge the packet. */
#define UNJUDGED REASONS_MAX

/*
 * Judges a packet whose pair has a record; else returns UNJUDGED. A global function, for all packets that do not come
 * by the quick way (filter): the verifier walks it once.
 */
__noinline int filter_known(struct xdp_md *ctx, struct packet *packet)
{
	struct pair_record *record;

	if (!packet)
		return UNJUDGED; /* never NULL, but the verifier asks */
	shard_foresee(packet->ipv6, packet, packet->tag);
	/* Each kind for itself: the verifier must see that the keys of IPv6 are read from a set of IPv6. */
	record = packet->ipv6 ? pair_find(true, packet, packet->tag) : pair_find(false, packet, packet->tag);
	return record ? filter_pair(ctx, packet->ipv6, record, packet, packet->tag, packet->now) : UNJUDGED;
}

/*
 * Makes the record of a pair that has none; the destination first, so that packets to the proxy itself make no
 * record. False: the pair gets none. Then *ret_reason is the verdict of a packet that is not counted, or REASON_PASS:
 * the packet is judged by the policy and destination in *ret_place.
 */
static __always_inline bool record_make(bool ipv6, const struct packet *packet, __u32 *ret_place, __u32 *ret_reason)
{
	__u32 destination, active = active_bank();
	bool room = client_has_room(packet), made;

	destination = destination_find(packet, room);
	*ret_reason = destination == DESTINATION_LOCAL	     ? REASON_PASS_LOCAL
		      : destination == DESTINATION_UNPROTECTED ? REASON_PASS_UNPROTECTED
							       : REASON_PASS;
	if (*ret_reason != REASON_PASS)
		return false;
	if (destination == DESTINATION_NONE && room)
		account(REASON_DESTINATIONS_FULL, packet->bytes);
	*ret_place = PLACE(destination, pair_policy(packet, active));
	made = room && (ipv6 ? pair6_make(packet, *ret_place) : pair4_make(packet, *ret_place));
	if (!made)
		account(room ? REASON_TABLE_FULL : REASON_CLIENT_QUOTA, packet->bytes);
	return made;
}

/*
 * Judges a packet whose pair was not found: a new pair, one without room, or one with an address that counts under a
 * substitute. UNJUDGED: the pair has a record, which is to judge the packet (filter_known).
 */
static __always_inline __u32 filter_new(struct xdp_md *ctx, bool ipv6, struct packet *packet)
{
	__u32 place = 0, reason = REASON_PASS;
	struct pair_record *record = NULL;
	bool made;

	if (!ipv6 && ipv4_rename(packet) && is_unicast(ipv6, packet) && pair4_find(packet))
		return UNJUDGED;
	if (!is_unicast(ipv6, packet))
		return REASON_PASS_NOT_UNICAST;
	if (is_reply(ctx, ipv6, packet))
		return REASON_PASS_ANSWER;
	if (is_to_another(ctx))
		return REASON_PASS_OTHER_HOST;
	if (ipv6 && rename(packet) && pair6_find(packet))
		return UNJUDGED;
	reason = side_verdict(ctx, packet);
	if (reason != REASON_PASS)
		return reason;
	made = record_make(ipv6, packet, &place, &reason);
	if (reason != REASON_PASS)
		return reason;
	if (PLACE_DESTINATION(place) == DESTINATION_NONE) { /* it was just looked up, and no head was free */
		if (made)
			record = ipv6 ? pair6_find(packet) : pair4_find(packet);
		return filter_headless(ctx, record, packet, place);
	}
	return made ? UNJUDGED : filter_destination(packet, place);
}

/* filter_new as global functions: the verifier walks each once, not once per path that leads to it. */
__noinline int filter_new4(struct xdp_md *ctx, struct packet *packet)
{
	return packet ? filter_new(ctx, false, packet) : REASON_PASS_MALFORMED; /* never NULL, but the verifier asks */
}

__noinline int filter_new6(struct xdp_md *ctx, struct packet *packet)
{
	return packet ? filter_new(ctx, true, packet) : REASON_PASS_MALFORMED;
}

/* Judges a packet whose pair was not found, by the record that it gets now, if it gets one. */
static __always_inline __u32 filter_unknown(struct xdp_md *ctx, bool ipv6, struct packet *packet)
{
	__u32 reason = ipv6 ? filter_new6(ctx, packet) : filter_new4(ctx, packet);

	if (reason == UNJUDGED)
		reason = filter_known(ctx, packet);
	return reason == UNJUDGED ? REASON_PASS : reason; /* the record is gone again: cannot happen */
}

/*
 * Judges a packet; for a known pair without a function call. Where the kernel guards returns (return thunks), a return
 * costs more than the function it ends.
 */
static __always_inline __u32 filter(struct xdp_md *ctx, bool ipv6, struct packet *packet, __u64 tag, __u32 now)
{
	struct pair_record *record;

	shard_foresee(ipv6, packet, tag);
	record = pair_find(ipv6, packet, tag);
	return record ? filter_pair(ctx, ipv6, record, packet, tag, now) : filter_unknown(ctx, ipv6, packet);
}

/* Judges a packet that was not parsed inline. */
static __always_inline __u32 filter_any(struct xdp_md *ctx, struct packet *packet)
{
	__u32 reason;

	packet->now = clock_now();
	reason = filter_known(ctx, packet);
	return reason == UNJUDGED ? filter_unknown(ctx, packet->ipv6, packet) : reason;
}

/*
 * The verdict of a packet to the proxy itself, by the gate; of a packet in a tunnel, by its inner packet. Inline: the
 * stack of a function of its own would be one too many below filter_any.
 */
static __always_inline __u32 through_local(struct xdp_md *ctx, struct packet *packet)
{
	__u32 link_bytes, reason;

	link_bytes = packet->offset;
	reason = local(ctx, packet);
	if (reason != REASON_PASS)
		return reason;
	reason = filter_any(ctx, packet);
	if (reason == REASON_PASS_LOCAL)
		reason = local_inner(ctx, packet);
	reason = enforced_here(ctx, reason);
	if (packet->decapsulate && !reason_is_drop(reason))
		decapsulate(ctx, packet, link_bytes);
	return reason;
}

/* Was the packet judged, passed, and not to the proxy itself? */
static __always_inline bool is_to_forward(__u32 reason)
{
	return reason == REASON_PASS || reason >= REASON_PASS_SHARE; /* those between: to the stack */
}

/* Did the packet drop, or would it but for monitor mode? */
static __always_inline bool is_to_capture(__u32 reason)
{
	return reason - REASON_DROP_BLOCKED <= REASON_WOULD_DROP - REASON_DROP_BLOCKED;
}

/*
 * Counts the verdict, samples a drop, sends on what passes. `bare`: the frame has no Ethernet header. Returns the XDP
 * action.
 */
static __always_inline int finish(struct xdp_md *ctx, struct packet *packet, __u32 reason, bool bare)
{
	int verdict;

	if (reason == REASON_PASS && !forward_fast)
		return leave(REASON_PASS, packet->bytes); /* most packets end here */
	if (reason == REASON_PASS_LOCAL)
		reason = onward(ctx, packet);
	if (reason == REASON_PASS_LOCAL && local_watched)
		reason = through_local(ctx, packet);
	reason = enforced_here(ctx, reason);
	verdict = leave(reason, packet->bytes);
	if (is_to_capture(reason) && is_capturing(packet->now))
		capture_frame(ctx, packet, reason, bare);
	if (forward_fast && verdict == XDP_PASS && is_to_forward(reason))
		verdict = forward(ctx, packet, reason);
	return verdict;
}

/* The program for interfaces with an Ethernet header. */
SEC("xdp.frags")
int xpro(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct packet packet = { .bytes = data_end - data, .offset = sizeof(struct ethhdr) };
	const __be16 *type_be = data + 2 * ETH_ALEN; /* struct ethhdr is packed: its field would be read byte by byte */
	__u32 reason;

	if ((void *)(type_be + 1) > data_end)
		return leave(REASON_PASS_NOT_IP, packet.bytes);
	if (*type_be == bpf_htons(ETH_P_IP)) {
		reason = parse_ipv4(ctx, &packet, sizeof(struct ethhdr));
		packet.now = clock_now();
		if (reason == REASON_PASS)
			reason = filter(ctx, false, &packet, packet.tag, packet.now);
	} else if (*type_be == bpf_htons(ETH_P_IPV6)) {
		reason = parse_ipv6(ctx, &packet, sizeof(struct ethhdr));
		packet.now = clock_now();
		if (reason == REASON_PASS)
			reason = filter(ctx, true, &packet, packet.tag, packet.now);
	} else {
		reason = parse_tagged(ctx, &packet);
		if (reason == REASON_PASS)
			reason = filter_any(ctx, &packet);
	}
	return finish(ctx, &packet, reason, false);
}

/* The program for interfaces without one (TUN, WireGuard, PPP): the frame begins with the IP header. */
SEC("xdp.frags")
int xpro_l3(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct packet packet = { .bytes = data_end - data };
	__u8 *first = data;
	__u32 reason = REASON_PASS_NOT_IP;

	if ((void *)(first + 1) > data_end)
		return leave(reason, packet.bytes);
	if (*first >> 4 == 4)
		reason = parse_ip_at(ctx, &packet, 0, ETH_P_IP);
	else if (*first >> 4 == 6)
		reason = parse_ip_at(ctx, &packet, 0, ETH_P_IPV6);
	if (reason == REASON_PASS)
		reason = filter_any(ctx, &packet);
	return finish(ctx, &packet, reason, true);
}

/* Both clocks, read at the same time: table_anchor in gossipd relates jiffies to its own clock by them. */
struct clocks {
	__u64 jiffies;
	__u64 mono_ns;
};

SEC("syscall")
int read_clocks(struct clocks *clocks)
{
	clocks->jiffies = clock_now();
	clocks->mono_ns = bpf_ktime_get_ns();
	return 0;
}
