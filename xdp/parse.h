/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From frame to pair, the first step of a packet's journey: finds the packet's client and destination. A pair is two
 * addresses; transport headers are not read, so fragments count like any packet. A frame that cannot be parsed goes
 * to the kernel's stack.
 *
 * Plain IPv4 and IPv6 behind an Ethernet header are parsed inline. Global functions parse VLAN tags (vlan.h) and
 * other rare frames: the verifier walks each of them once, and a plain packet does not pay for them.
 */
#ifndef XDP_PARSE_H
#define XDP_PARSE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/in.h>

#include "maps.h"
#include "widths.h"

#define EXTENSIONS_MAX 6
#define OFFSET_MAX 1023 /* of an IP header, also behind VLAN tags, options, extension headers, a tunnel's headers */
#define IPV4_PLAIN 0x45 /* first byte of a header without options */
#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_AUTHENTICATION 51
#define IPV6_DESTINATION_OPTIONS 60

/* A packet on its way through the filter. */
struct packet {
	struct pair6_key key; /* IPv6 only; its client is cut to its width */
	struct address_key source; /* IPv6 only: the client's whole address */
	__u64 tag;	      /* of the pair; for IPv4 it is the key */
	__u32 bytes;	      /* of the frame, for the counters */
	__u32 now;	      /* jiffies, read once */
	__u32 destination_tag; /* IPv6 only */
	__u16 offset;	      /* of the IP header from the frame's start */
	bool ipv6;
	bool partial;	  /* inner packet of a first fragment: may end beyond the frame */
	bool decapsulate; /* XDP is to take off its outer headers */
	bool unenforced;  /* it entered by an interface where nothing drops; set before a warning only */
};

/*
 * Has the frame at least `bytes`? `linear` is the length of its first page, which is all of it unless it has several
 * pages (jumbo, GRO).
 */
static __always_inline bool frame_holds(struct xdp_md *ctx, __u32 linear, __u32 bytes)
{
	return bytes <= linear || bytes <= bpf_xdp_get_buff_len(ctx);
}

/*
 * 0.0.0.0, 127/8, 224/4 and 255.255.255.255 are addresses of no single host, and the kernel forwards nothing from or
 * to them; but from 127/8 where route_localnet is set (ipv4_rename). The rest of 0/8 and of 240/4 is assigned to
 * nobody, but the kernel forwards it: uncounted, it would be a way around every rate. `address` in host order.
 */
static __always_inline bool ipv4_is_unicast(__u32 address)
{
	return address - 1 < 0xfffffffeU && address >> 24 != 127 && address >> 28 != 0xe;
}

/*
 * ::1 and ff00::/8 are addresses of no single host. fe80::/10 names hosts of one link only, so no destination is
 * there; a client may be, because the kernel can route a packet from such an address back out of the interface that
 * received it. Words are as in the packet.
 *
 * Neighbour discovery needs no exception. What is meant for this host goes to a multicast group, a link-local address
 * or an address of this host. To any other address it would be forwarded with a hop limit of 254, which makes it
 * invalid (RFC 4861 section 7.1).
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
 * Are both addresses those of single hosts? Asked of pairs without a record only: it was true when the record was
 * made. (Judging, 1)
 */
static __always_inline bool is_unicast(bool ipv6, const struct packet *packet)
{
	const __u64 *source = packet->source.words, *destination = packet->key.words + 2;

	if (ipv6)
		return ipv6_is_unicast(source[0], source[1]) && ipv6_is_unicast(destination[0], destination[1]) &&
		       !ipv6_is_link_local(destination[0]);
	return ipv4_is_unicast(packet->tag >> 32) && ipv4_is_unicast((__u32)packet->tag);
}

/*
 * With route_localnet the kernel forwards packets from 127.a.b.c, which every host has. Such a client counts as one of
 * 0/8, which is assigned to nobody: 0.a.b.c, or 0.0.0.1 for 127.0.0.0. True: it was one. Called for pairs without a
 * record only: no record has such a client.
 */
static __always_inline bool ipv4_rename(struct packet *packet)
{
	__u32 client = packet->tag >> 32;

	if (client >> 24 != 127)
		return false;
	client &= 0xffffff;
	packet->tag = (__u64)(client ? client : 1) << 32 | (__u32)packet->tag;
	return true;
}

/*
 * Some IPv6 addresses have another meaning in a key, although the kernel forwards packets with them. They are counted
 * under a substitute in 0000::/8, which is assigned to nobody:
 *
 *	::ffff:a.b.c.d	means an IPv4 address in a key		counts as ::fffe:a.b.c.d
 *	::		means no address in a key		counts as ::fffe:0.0.0.0
 *	::fffd:0.0.0.0	means a network's key			counts as ::fffe:0.0.0.0
 *	fe80::/10	is another host at every proxy		counts as 80::/10
 *
 * Of a client all of ::/64 is one client, unless it is listed, and counts as ::fffe:0.0.0.0.
 *
 * Replaces such an address. True: it was one.
 */
static __always_inline bool ipv6_rename(__u64 words[2])
{
	const __u64 low = 0xffffffff; /* as in the packet: bytes 8 to 11 of the address */
	const __u64 network_mark = bpf_htonl(0xfffd); /* KEY_NETWORK_MARK */

	if (ipv6_is_link_local(words[0])) {
		words[0] &= ~0xffULL;
		return true;
	}
	if (words[0] || (words[1] && words[1] != network_mark && (words[1] & low) != bpf_htonl(0xffff)))
		return false;
	words[1] = (words[1] & ~low) | bpf_htonl(0xfffe);
	return true;
}

/* The tags of an IPv6 packet's pair and of its destination; 0 is the tag of no destination. */
static __always_inline void tags_of_key6(struct packet *packet)
{
	const __u64 *words = packet->key.words, own_seed = seed; /* read once: then the two share their work */
	__u32 half = destination_hash6(words, own_seed);

	packet->tag = tag_of_pair6(words, own_seed);
	packet->destination_tag = half | !half;
}

/*
 * The same for both addresses of an IPv6 packet. Called for pairs without a record only: no record has such an
 * address in its key.
 */
static __always_inline bool rename(struct packet *packet)
{
	bool source = ipv6_rename(packet->source.words), destination = ipv6_rename(packet->key.words + 2);
	__u64 *client = packet->key.words;

	if (!source && !destination && packet->source.words[0])
		return false;
	client_cut(&packet->source, client);
	if (!client[0] && !client[1])
		ipv6_rename(client);
	tags_of_key6(packet);
	return true;
}

/* Is it what ipv6_rename makes of a link-local address? */
static __always_inline bool ipv6_was_link_local(__u64 first_be)
{
	return ((__u16)first_be & bpf_htons(0xffc0)) == bpf_htons(0x0080);
}

/* The length of an IPv4 header; longer than any packet when the header is not valid. */
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

/* The length of an extension header; 0 when `protocol` is not an extension header that can be skipped. */
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
	const __u64 *in_packet = (void *)&ip->saddr; /* client and destination are adjacent */

	if ((void *)(ip + 1) > data_end || ip->version != 6)
		return REASON_PASS_MALFORMED;
	packet->bytes = offset + sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (!frame_holds(ctx, data_end - data, packet->bytes)) {
		packet->bytes = data_end - data;
		if (!packet->partial)
			return REASON_PASS_MALFORMED;
	}
	packet->source.words[0] = in_packet[0];
	packet->source.words[1] = in_packet[1];
	packet->key.words[2] = in_packet[2];
	packet->key.words[3] = in_packet[3];
	client_cut(&packet->source, packet->key.words);
	packet->ipv6 = true;
	tags_of_key6(packet);
	return REASON_PASS;
}

/*
 * Parses an IP packet anywhere in the frame. `type`: its ethertype (host order). A global function, for all packets
 * but plain ones.
 */
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
