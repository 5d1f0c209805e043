/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The small programs on the egress (clsact) of the interfaces that answers leave by. There a packet bears the client's
 * own address, whatever a NAT did, and one packet may be many segments. They count and do nothing else: another filter
 * on the interface has its turn, whatever they find.
 */
#ifndef XDP_EGRESS_H
#define XDP_EGRESS_H

#include "answers.h"
#include "transport.h"
#include "vlan.h"

#define TC_ACT_UNSPEC (-1) /* the next filter decides */

/* An IP packet that leaves: the pair that it may answer, and its transport. */
struct leaving {
	struct packet pair;
	__u32 transport; /* offset */
	__u8 protocol;
};

static __always_inline bool leaving4(struct __sk_buff *skb, __u32 offset, struct leaving *ret_leaving)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return false;
	if (ip.frag_off & bpf_htons(0x1fff))
		return false; /* its first fragment counts */
	ret_leaving->pair.tag = (__u64)bpf_ntohl(ip.daddr) << 32 | bpf_ntohl(ip.saddr);
	ret_leaving->transport = offset + ip.ihl * 4U;
	ret_leaving->protocol = ip.protocol;
	return true;
}

/* Walks extension headers. False: a later fragment, or too many of them. */
static __always_inline bool leaving_transport6(struct __sk_buff *skb, struct leaving *leaving)
{
	int i;

	for (i = 0; i <= EXTENSIONS_MAX; i++) {
		__u8 header[4];
		__u32 bytes = extension_bytes(leaving->protocol, 0);

		if (!bytes && leaving->protocol != IPV6_FRAGMENT)
			return true;
		if (bpf_skb_load_bytes(skb, leaving->transport, header, sizeof(header)))
			return false;
		if (leaving->protocol == IPV6_FRAGMENT && (header[2] || header[3] & 0xf8))
			return false;
		leaving->transport += bytes ? extension_bytes(leaving->protocol, header[1]) : 8;
		leaving->protocol = header[0];
	}
	return false;
}

static __always_inline bool leaving6(struct __sk_buff *skb, __u32 offset, struct leaving *ret_leaving)
{
	struct packet *pair = &ret_leaving->pair;
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	__builtin_memcpy(pair->source.words, &ip.daddr, sizeof(pair->source.words));
	__builtin_memcpy(pair->key.words + 2, &ip.saddr, sizeof(pair->source.words));
	client_cut(&pair->source, pair->key.words);
	pair->ipv6 = true;
	tags_of_key6(pair);
	ret_leaving->transport = offset + sizeof(ip);
	ret_leaving->protocol = ip.nexthdr;
	return leaving_transport6(skb, ret_leaving);
}

static __always_inline bool leaving_read(struct __sk_buff *skb, __u32 offset, __u32 type, struct leaving *ret_leaving)
{
	if (type == ETH_P_IP)
		return leaving4(skb, offset, ret_leaving);
	return type == ETH_P_IPV6 && leaving6(skb, offset, ret_leaving);
}

/* From elsewhere, not from the proxy itself, to a client. */
static __always_inline bool is_from_elsewhere(struct __sk_buff *skb, const struct packet *pair)
{
	struct outside outside = pair->ipv6 ? outside6(pair) : outside4(pair);
	struct address_key server;

	if (outside.source || !outside.destination)
		return false;
	destination_of(pair, &server);
	if (is_local(&server))
		return false;
	/* One that entered from the clients' side is no answer, whatever its source. */
	return !skb->ingress_ifindex || side_of(skb->ingress_ifindex) & (SIDE_OUTER | SIDE_UNKNOWN);
}

/* Packets that this one is on the wire. */
static __always_inline __u32 segments_of(struct __sk_buff *skb, __u32 header_bytes)
{
	if (skb->gso_segs)
		return skb->gso_segs;
	if (!skb->gso_size || skb->len <= header_bytes)
		return 1;
	return (skb->len - header_bytes + skb->gso_size - 1) / skb->gso_size;
}

/* `offset`: of what follows the link header. `type`: its ethertype (host order). */
static __always_inline void leave_by(struct __sk_buff *skb, __u32 offset, __u32 type)
{
	struct leaving leaving = {};
	__u8 byte = 0;

	if (!(side_of(skb->ifindex) & SIDE_ANSWERS))
		return;
	if (!leaving_read(skb, offset, type, &leaving) || !is_from_elsewhere(skb, &leaving.pair))
		return;
	if (is_told_by_a_byte(leaving.protocol) &&
	    bpf_skb_load_bytes(skb, leaving.transport + telling_byte_at(leaving.protocol), &byte, sizeof(byte)))
		return;
	if (is_answer(leaving.protocol, byte))
		answers_count(&leaving.pair, segments_of(skb, leaving.transport), proof_of(leaving.protocol, byte));
}

/* For interfaces with an Ethernet header. VLAN tags that the device does not add by itself are in the frame. */
SEC("tc")
int xpro_answers(struct __sk_buff *skb)
{
	__u32 offset = sizeof(struct ethhdr), type = bpf_ntohs(skb->protocol);
	int i;

	for (i = 0; i < TAGS_MAX && (type == ETH_P_8021Q || type == ETH_P_8021AD); i++) {
		__be16 next;

		if (bpf_skb_load_bytes(skb, offset + 2, &next, sizeof(next)))
			break;
		type = bpf_ntohs(next);
		offset += 4;
	}
	leave_by(skb, offset, type);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int xpro_answers_l3(struct __sk_buff *skb)
{
	leave_by(skb, 0, bpf_ntohs(skb->protocol));
	return TC_ACT_UNSPEC;
}

#endif
