/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gate at the gossip port. What is addressed to the proxy itself there passes when it bears a member's mark, the part of its nonces
 * that a member draws when it starts: from a bucket of that member, far above what it sends, wherever it comes from. Who only knows a
 * member's address and id does not know the mark, so a flood in its name leaves that bucket alone. Else, or when that bucket is empty,
 * it takes from the bucket of a member's address, if it comes from one: every member knows the marks of those that send to it, and
 * must not keep them out by a flood from elsewhere. From any other address a greeting (HELLO, one exact length) takes from one small bucket, and
 * anything else from one of many by its source, so that a member that has moved is heard even while others make noise; the seal then
 * tells who it is. gossipd sends no fragments, so none is taken.
 */
#ifndef XDP_GATE_H
#define XDP_GATE_H

#include <linux/udp.h>

#include <xpro/bounds.h>
#include <xpro/plane.h>

#include "destination.h"
#include "transport.h"

const volatile __u16 gate_ports_be[GATE_PORTS_MAX] = { 0 }; /* 0: none */

/* Of both the daemon inserts and deletes, the kernel writes the values. Marks stand apart: a sender and a mark may read like an address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_PEERS_MAX);
	__type(key, struct address_key);
	__type(value, struct gate_bucket);
} gate_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_MARKS_MAX);
	__type(key, struct gate_marked);
	__type(value, struct gate_bucket);
} gate_marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_STRANGERS + 1);
	__type(key, __u32);
	__type(value, struct gate_bucket);
} gate_buckets SEC(".maps");

/* A bucket of one second's worth. An empty one (all zero) counts as full. */
static __always_inline bool bucket_take(struct gate_bucket *bucket, __u32 now, __u32 per_s)
{
	__u32 elapsed = now - bucket->at, full = per_s * hz, left = bucket->left;

	if (elapsed + hz < hz)
		elapsed = 0; /* another CPU is a jiffy ahead */
	left = elapsed >= hz || left + elapsed * per_s > full ? full : left + elapsed * per_s;
	if (elapsed)
		bucket->at = now;
	if (left < hz) {
		bucket->left = left;
		return false;
	}
	bucket->left = left - hz;
	return true;
}

static __always_inline bool gate_is_port(__u16 port_be)
{
	int i;

#pragma unroll
	for (i = 0; i < GATE_PORTS_MAX; i++)
		if (port_be && port_be == gate_ports_be[i])
			return true;
	return false;
}

/* One bucket per IPv4 address or IPv6 /64: a single host has a great many of the latter's addresses. */
static __always_inline __u32 stranger_of(const struct address_key *source, bool ipv6)
{
	__u64 word = source->words[0];

	if (!ipv6)
		word = source->words[1];
	return (__u32)mix64(word ^ seed) % GATE_STRANGERS;
}

/* Whether a datagram of `bytes` (0: something else that might be one) may come in that no mark lets pass. */
static __always_inline __u32 gate(const struct packet *packet, __u32 bytes)
{
	struct gate_bucket *bucket;
	struct address_key source;
	__u32 per_s = GATE_MEMBER_PER_S;

	client_of(packet, &source);
	bucket = bpf_map_lookup_elem(&gate_peers, &source);
	if (!bucket && bytes == HELLO_BYTES + sizeof(struct udphdr)) {
		bucket = element(&gate_buckets, GATE_HELLO);
		per_s = GATE_HELLO_PER_S;
	} else if (!bucket) {
		bucket = element(&gate_buckets, stranger_of(&source, packet->ipv6));
		per_s = GATE_STRANGER_PER_S;
	}
	return bucket && bucket_take(bucket, packet->now, per_s) ? REASON_PASS_LOCAL : REASON_DROP_GOSSIP;
}

/* The bucket of the member whose mark a datagram bears, or NULL. */
static __always_inline struct gate_bucket *bucket_of_mark(const struct gate_head *head, const void *data_end)
{
	struct gate_marked marked;

	if ((const void *)(head + 1) > data_end)
		return NULL;
	marked = (struct gate_marked){ head->sender, head->mark };
	return bpf_map_lookup_elem(&gate_marks, &marked);
}

/* A packet to the proxy itself. REASON_PASS_LOCAL: it is none of the gate's, or may come in. A global function. */
__noinline int gate_pass(struct xdp_md *ctx, struct packet *packet, __u64 transport)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct gate_bucket *bucket;
	struct udphdr *udp;

	if (!packet || !gate_ports_be[0])
		return REASON_PASS_LOCAL;
	if (transport & TRANSPORT_UNKNOWN)
		return gate(packet, 0); /* could hide a datagram behind headers no host sends */
	if (TRANSPORT_PROTOCOL(transport) != IPPROTO_UDP || transport & TRANSPORT_LATER)
		return REASON_PASS_LOCAL; /* without its first fragment a later one never becomes a datagram */
	udp = data + (transport_offset(transport) & 0x7ff);
	if ((void *)(udp + 1) > data_end)
		return gate(packet, 0);
	if (!gate_is_port(udp->dest))
		return REASON_PASS_LOCAL;
	if (transport & TRANSPORT_FIRST)
		return REASON_DROP_GOSSIP;
	bucket = bucket_of_mark((const void *)(udp + 1), data_end);
	if (bucket && bucket_take(bucket, packet->now, GATE_MARKED_PER_S))
		return REASON_PASS_LOCAL;
	return gate(packet, bpf_ntohs(udp->len));
}

#endif
