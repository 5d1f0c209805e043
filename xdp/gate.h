/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gate limits the rate of datagrams to the gossip port by token buckets, so that a flood does not reach gossipd.
 * The first bucket with a token lets the datagram in:
 *
 *	1. The bucket of a member's session tag (`mark`), from any source address. The session tag is the first 8 of
 *	   the 16 random bytes of the nonce, drawn when the sender started. The bucket is far larger than what a member
 *	   sends. An attacker who knows only a member's address and id does not know the tag, so a flood in the
 *	   member's name does not empty this bucket.
 *	2. The bucket of the source address, if it is a member's. Every member knows the session tags of the members
 *	   that send to it. With this second bucket a member that floods under another's tag from elsewhere does not
 *	   shut that other member out.
 *	3. From any other address: one small bucket for all handshakes (HELLO has one exact length), and for other
 *	   datagrams one of many buckets by source. A member that has moved is thereby received even while others
 *	   flood; the seal then proves who it is.
 *
 * gossipd sends no fragments, so fragments drop.
 */
#ifndef XDP_GATE_H
#define XDP_GATE_H

#include <linux/udp.h>

#include <xpro/bounds.h>
#include <xpro/plane.h>

#include "destination.h"
#include "transport.h"

const volatile __u16 gate_ports_be[GATE_PORTS_MAX] = { 0 }; /* 0: none */

/*
 * In both maps the daemon inserts and deletes, and the kernel writes the values. There are two maps because the bytes
 * of a sender and its session tag may equal those of an address.
 */
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

/*
 * Takes a token from a bucket that holds one second's worth of tokens. A new bucket (all zero) counts as full. False:
 * no token.
 */
static __always_inline bool bucket_take(struct gate_bucket *bucket, __u32 now, __u32 per_s)
{
	__u32 elapsed = now - bucket->at, full = per_s * hz, left = bucket->left;

	if (elapsed + hz < hz)
		elapsed = 0; /* another CPU, whose clock is a jiffy ahead, wrote it */
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

/* The number of a source's bucket, by its IPv4 address or IPv6 /64: one IPv6 host may use all addresses of its /64. */
static __always_inline __u32 stranger_of(const struct address_key *source, bool ipv6)
{
	__u64 word = source->words[0];

	if (!ipv6)
		word = source->words[1];
	return (__u32)mix64(word ^ seed) % GATE_STRANGERS;
}

/*
 * The verdict of a datagram that no session tag let in, by its source address. `bytes`: of it; 0 when its length
 * cannot be read.
 */
static __always_inline __u32 gate(const struct packet *packet, __u32 bytes)
{
	struct gate_bucket *bucket;
	struct address_key source;
	__u32 per_s = GATE_MEMBER_PER_S;

	source_of(packet, &source);
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

/* The bucket of the member whose session tag is in the datagram, or NULL. */
static __always_inline struct gate_bucket *bucket_of_mark(const struct gate_head *head, const void *data_end)
{
	struct gate_marked marked;

	if ((const void *)(head + 1) > data_end)
		return NULL;
	marked = (struct gate_marked){ head->sender, head->mark };
	return bpf_map_lookup_elem(&gate_marks, &marked);
}

/*
 * The verdict of a packet to the proxy itself. REASON_PASS_LOCAL: it is not for the gossip port, or a bucket had a
 * token. A global function. (Order of checks, 0)
 */
__noinline int gate_pass(struct xdp_md *ctx, struct packet *packet, __u64 transport)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct gate_bucket *bucket;
	struct udphdr *udp;

	if (!packet || !gate_ports_be[0])
		return REASON_PASS_LOCAL;
	if (transport & TRANSPORT_UNKNOWN)
		return gate(packet, 0); /* there may be a gossip datagram behind extension headers that no host sends */
	if (TRANSPORT_PROTOCOL(transport) != IPPROTO_UDP || transport & TRANSPORT_LATER)
		return REASON_PASS_LOCAL; /* the first fragment of gossip drops, so this one is never reassembled */
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
