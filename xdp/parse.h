/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From frame to pair: finds the client and the destination of a packet, the first step of its journey. Transport headers are left
 * alone: a pair is two addresses, so fragments count like any packet. Frames it cannot read are left to the stack.
 *
 * Plain IPv4 and IPv6 behind an Ethernet header are read inline; tags (vlan.h) and whatever else is rare by global functions,
 * which the verifier walks once each and which cost the plain packet nothing.
 */
#ifndef XDP_PARSE_H
#define XDP_PARSE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/in.h>

#include "maps.h"

#define EXTENSIONS_MAX 6
#define OFFSET_MAX 1023 /* of an IP header: behind tags, and options, extension headers and a tunnel's own */
#define IPV4_PLAIN 0x45 /* first byte of a header without options */
#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_AUTHENTICATION 51
#define IPV6_DESTINATION_OPTIONS 60

/* A packet on its way through the filter. */
struct packet {
	struct pair6_key key; /* IPv6 only */
	__u64 tag;	      /* of the pair; for IPv4 it is the key */
	__u32 bytes;	      /* of the frame, for the counters */
	__u32 now;	      /* jiffies, read once */
	__u16 offset;	      /* of the IP header from the frame's start */
	bool ipv6;
	bool partial;	  /* a first fragment's inside: may end beyond the frame */
	bool decapsulate; /* its outer headers are ours to take off */
};

/* The whole frame's length. The linear part alone is too short to tell when a frame has fragments (jumbo, GRO). */
static __always_inline bool frame_holds(struct xdp_md *ctx, __u32 linear, __u32 bytes)
{
	return bytes <= linear || bytes <= bpf_xdp_get_buff_len(ctx);
}

/*
 * 0.0.0.0, 127/8, 224/4 and 255.255.255.255 name no single host, and the kernel forwards nothing from or to them. The rest of 0/8
 * and of 240/4 names nobody either, but the kernel does forward it: left uncounted it would be a way around every rate. Host
 * order.
 */
static __always_inline bool ipv4_is_unicast(__u32 address)
{
	return address - 1 < 0xfffffffeU && address >> 24 != 127 && address >> 28 != 0xe;
}

/*
 * ::1 and ff00::/8 name no single host, and fe80::/10 none beyond the link, but for a client: the kernel sends what comes from there back out
 * of the interface it came by. Words as they stand in the packet. Neighbour discovery that means this host goes to a group, a link-local
 * address or one of its own; towards any other it would be forwarded, with a hop limit of 254, and be none any more (RFC 4861 section
 * 7.1): so nothing needs to look for it.
 */
static __always_inline bool ipv6_is_unicast(__u64 first_be, __u64 second_be)
{
	return (first_be & 0xff) != 0xff && (first_be || second_be != bpf_cpu_to_be64(1));
}

static __always_inline bool ipv6_is_link_local(__u64 first_be)
{
	return ((__u16)first_be & bpf_htons(0xffc0)) == bpf_htons(0xfe80);
}

/*
 * Are both addresses those of single hosts? A pair with a record has been asked when the record was made, so this is asked of the
 * others alone.
 */
static __always_inline bool is_unicast(bool ipv6, const struct packet *packet)
{
	const __u64 *words = packet->key.words;

	if (ipv6)
		return ipv6_is_unicast(words[0], words[1]) && ipv6_is_unicast(words[2], words[3]) && !ipv6_is_link_local(words[2]);
	return ipv4_is_unicast(packet->tag >> 32) && ipv4_is_unicast((__u32)packet->tag);
}

/*
 * Addresses that the kernel forwards though they are nobody's count under names that nobody has either, in 0000::/8: ::ffff:a.b.c.d, which
 * stands for IPv4 in a key, as ::fffe:a.b.c.d; ::, which stands there for no address at all, as ::fffe:0.0.0.0; fe80::/10, which is
 * another host at every proxy, as 80::/10. Was it one of these?
 */
static __always_inline bool ipv6_rename(__u64 words[2])
{
	const __u64 low = 0xffffffff; /* as in the packet: bytes 8 to 11 of the address */

	if (ipv6_is_link_local(words[0])) {
		words[0] &= ~0xffULL;
		return true;
	}
	if (words[0] || (words[1] && (words[1] & low) != bpf_htonl(0xffff)))
		return false;
	words[1] = (words[1] & ~low) | bpf_htonl(0xfffe);
	return true;
}

/* Both addresses of an IPv6 packet. None with such a name has a record, so this is asked of pairs without one alone. */
static __always_inline bool rename(struct packet *packet)
{
	bool client = ipv6_rename(packet->key.words), destination = ipv6_rename(packet->key.words + 2);

	if (client || destination)
		packet->tag = tag_of_pair6(packet->key.words, seed);
	return client || destination;
}

/* More than any packet has when it is none. */
static __always_inline __u32 ipv4_header_bytes(const struct iphdr *ip)
{
	return ip->version == 4 && ip->ihl >= 5 ? ip->ihl * 4U : ~0U;
}

static __always_inline __u32 parse_ipv4(struct xdp_md *ctx, struct packet *packet, __u32 offset)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + offset;
	__u32 header_bytes, total_bytes;

	if ((void *)(ip + 1) > data_end)
		return REASON_PASS_MALFORMED;
	total_bytes = bpf_ntohs(ip->tot_len);
	header_bytes = *(__u8 *)ip == IPV4_PLAIN ? sizeof(*ip) : ipv4_header_bytes(ip);
	if (total_bytes < header_bytes)
		return REASON_PASS_MALFORMED;
	packet->bytes = offset + total_bytes;
	if (!frame_holds(ctx, data_end - data, packet->bytes)) {
		packet->bytes = data_end - data;
		if (!packet->partial)
			return REASON_PASS_MALFORMED;
	}
	packet->tag = (__u64)bpf_ntohl(ip->saddr) << 32 | bpf_ntohl(ip->daddr);
	return REASON_PASS;
}

/* The length of an extension header, 0 when `protocol` is none that can be walked. */
static __always_inline __u32 extension_bytes(__u8 protocol, __u8 length)
{
	switch (protocol) {
	case IPV6_HOP_BY_HOP:
	case IPV6_ROUTING:
	case IPV6_DESTINATION_OPTIONS:
		return (length + 1) * 8;
	case IPV6_AUTHENTICATION:
		return (length + 2) * 4;
	default:
		return 0;
	}
}

static __always_inline __u32 parse_ipv6(struct xdp_md *ctx, struct packet *packet, __u32 offset)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = data + offset;
	__u64 *words = packet->key.words;
	const __u64 *in_packet = (void *)&ip->saddr; /* client and destination stand side by side */

	if ((void *)(ip + 1) > data_end || ip->version != 6)
		return REASON_PASS_MALFORMED;
	packet->bytes = offset + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (!frame_holds(ctx, data_end - data, packet->bytes)) {
		packet->bytes = data_end - data;
		if (!packet->partial)
			return REASON_PASS_MALFORMED;
	}
	words[0] = in_packet[0];
	words[1] = in_packet[1];
	words[2] = in_packet[2];
	words[3] = in_packet[3];
	packet->ipv6 = true;
	packet->tag = tag_of_pair6(words, seed);
	return REASON_PASS;
}

/* An IP packet anywhere in the frame, `type` its ethertype (host order). A global function: for all but the plain packet. */
__noinline int parse_ip_at(struct xdp_md *ctx, struct packet *packet, __u32 offset, __u32 type)
{
	__u32 reason;

	if (!packet || offset > OFFSET_MAX)
		return REASON_PASS_MALFORMED;
	packet->offset = offset;
	packet->ipv6 = false;
	if (type == ETH_P_IP)
		reason = parse_ipv4(ctx, packet, offset);
	else if (type == ETH_P_IPV6)
		reason = parse_ipv6(ctx, packet, offset);
	else
		return REASON_PASS_NOT_IP; /* ARP, LLDP: the stack decides */
	return reason == REASON_PASS && !is_unicast(packet->ipv6, packet) ? REASON_PASS_NOT_UNICAST : reason;
}

#endif
