/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The last step of a packet that passes, when the config says `forward = "fast"`: XDP sends the packet to its next
 * hop without the kernel's stack. The next hop is what the kernel's routing gave for the destination at most a second
 * ago. All other packets go to the kernel, which answers, fragments, resolves or refuses as it would without XDP.
 * These are packets
 *
 *	- without a neighbour entry, with a TTL of 1 or less, or larger than the MTU;
 *	- with a wrong header checksum, IPv4 options, a hop-by-hop header or VLAN tags, or in several pages;
 *	- with an IPv6 address that is counted under a substitute (parse.h, ipv6_rename);
 *	- not addressed to this interface's own MAC address, or routed to an interface that XDP cannot send to.
 *
 * Next hops are kept per CPU, so that one CPU writes each, by a hash of the destination. The route is assumed to
 * depend on the destination alone.
 */
#ifndef XDP_FORWARD_H
#define XDP_FORWARD_H

#include <xpro/plane.h>

#include "account.h"
#include "answers.h"
#include "transport.h"

const volatile bool forward_fast = false;

#define FAMILY_IPV4 2
#define FAMILY_IPV6 10

/* One CPU's next hop for one destination. */
struct next_hop {
	struct address_key destination;
	__u32 at;      /* jiffies of the kernel's answer; 0: never asked */
	__u32 ifindex; /* 0: packets to this destination go to the kernel */
	__u32 mtu;
	__u8 link[12]; /* destination and source MAC */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* NEXT_HOPS when forwarding */
	__type(key, __u32);
	__type(value, struct next_hop);
} next_hops SEC(".maps");

/* Interfaces that XDP can send frames out of; filled by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, PORTS_MAX);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} ports_out SEC(".maps");

/* Interfaces that frames are received on, at index ifindex mod PORTS_MAX; filled by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PORTS_MAX);
	__type(key, __u32);
	__type(value, struct port);
} ports_in SEC(".maps");

/* Is the frame addressed to this interface? A switch also floods frames to other hosts. */
static __always_inline bool is_for_us(const struct ethhdr *ethernet, __u32 ifindex)
{
	struct port *port = element(&ports_in, ifindex % PORTS_MAX);
	__u64 to = 0;

	if (!port || port->ifindex != ifindex)
		return false;
	__builtin_memcpy(&to, ethernet->h_dest, ETH_ALEN);
	return to == port->mac;
}

/* Asks the kernel's routing for the next hop of this packet's addresses. */
static __always_inline void next_hop_ask(struct xdp_md *ctx, const struct packet *packet, struct next_hop *hop)
{
	struct bpf_fib_lookup fib = { .ifindex = ctx->ingress_ifindex };
	__u32 out;

	if (packet->ipv6) {
		fib.family = FAMILY_IPV6;
		__builtin_memcpy(fib.ipv6_src, packet->source.words, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, packet->key.words + 2, sizeof(fib.ipv6_dst));
	} else {
		fib.family = FAMILY_IPV4;
		fib.ipv4_src = bpf_htonl(packet->tag >> 32);
		fib.ipv4_dst = bpf_htonl((__u32)packet->tag);
	}
	hop->ifindex = 0;
	hop->at = packet->now;
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return;
	out = fib.ifindex;
	if (!bpf_map_lookup_elem(&ports_out, &out))
		return;
	hop->ifindex = out;
	hop->mtu = fib.mtu_result;
	__builtin_memcpy(hop->link, fib.dmac, ETH_ALEN);
	__builtin_memcpy(hop->link + ETH_ALEN, fib.smac, ETH_ALEN);
}

static __always_inline struct next_hop *next_hop_of(struct xdp_md *ctx, const struct packet *packet)
{
	struct address_key destination;
	struct next_hop *hop;

	destination_of(packet, &destination);
	hop = element(&next_hops,
		      (__u32)mix64(destination.words[0] + mix64(destination.words[1] ^ seed)) & (NEXT_HOPS - 1));
	if (!hop)
		return NULL;
	if (hop->at && packet->now - hop->at < hz && hop->destination.words[0] == destination.words[0] &&
	    hop->destination.words[1] == destination.words[1])
		return hop;
	hop->destination = destination;
	next_hop_ask(ctx, packet, hop);
	return hop;
}

/*
 * Decrements the TTL and updates the checksum (RFC 1624). The TTL is the upper byte of its 16-bit word, so the
 * checksum grows by 0x0100.
 */
static __always_inline void ipv4_age(struct iphdr *ip)
{
	__u32 check = ip->check;

	check += bpf_htons(0x0100);
	ip->check = (__u16)(check + (check >= 0xffff));
	ip->ttl--;
}

/*
 * Is the header checksum right? A router drops a packet whose header is damaged (RFC 1812 section 5.2.2); the kernel
 * does so and counts it.
 */
static __always_inline bool ipv4_is_whole(const struct iphdr *ip)
{
	const __u16 *halves = (const void *)ip;
	__u32 sum = 0;
	int i;

	for (i = 0; i < 10; i++)
		sum += halves[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)(sum + (sum >> 16)) == 0xffff;
}

static __always_inline bool ipv4_age_if_plain(void *data, void *data_end, __u32 mtu)
{
	struct iphdr *ip = data + sizeof(struct ethhdr);

	if ((void *)(ip + 1) > data_end || ip->ihl != 5 || ip->ttl <= 1 || bpf_ntohs(ip->tot_len) > mtu ||
	    !ipv4_is_whole(ip))
		return false;
	ipv4_age(ip);
	return true;
}

/*
 * Are both addresses the packet's own, none a substitute (parse.h, ipv6_rename)? The route to a substitute is not the
 * packet's route, and some packets with such addresses the kernel does not forward.
 */
static __always_inline bool ipv6_is_named_so(const struct ipv6hdr *ip, const struct packet *packet)
{
	const __u64 *in_packet = (const void *)&ip->saddr, *source = packet->source.words;
	const __u64 *destination = packet->key.words + 2;

	return ((in_packet[0] ^ source[0]) | (in_packet[1] ^ source[1]) | (in_packet[2] ^ destination[0]) |
		(in_packet[3] ^ destination[1])) == 0;
}

static __always_inline bool ipv6_age_if_plain(void *data, void *data_end, const struct packet *packet, __u32 mtu)
{
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);

	if ((void *)(ip + 1) > data_end || !ipv6_is_named_so(ip, packet) || ip->nexthdr == IPV6_HOP_BY_HOP ||
	    ip->hop_limit <= 1 || sizeof(*ip) + bpf_ntohs(ip->payload_len) > mtu)
		return false;
	ip->hop_limit--;
	return true;
}

/* Counts an answer that XDP sends on, and the stack will not see. A global function. */
__noinline int answer_forwarded(struct xdp_md *ctx, const struct packet *packet)
{
	struct packet pair = {};
	__u64 transport;
	__u8 byte = 0;

	if (!packet)
		return 0; /* cannot happen */
	transport = transport_find(ctx, packet->offset, packet->ipv6);
	if (transport & (TRANSPORT_LATER | TRANSPORT_UNKNOWN))
		return 0;
	if (is_told_by_a_byte(TRANSPORT_PROTOCOL(transport)) &&
	    bpf_xdp_load_bytes(ctx, transport_offset(transport) + telling_byte_at(TRANSPORT_PROTOCOL(transport)), &byte,
			       sizeof(byte)))
		return 0;
	if (!is_answer(TRANSPORT_PROTOCOL(transport), byte))
		return 0;
	pair.tag = packet->tag << 32 | packet->tag >> 32;
	if (packet->ipv6) {
		pair.ipv6 = true;
		pair.source.words[0] = packet->key.words[2];
		pair.source.words[1] = packet->key.words[3];
		pair.key.words[2] = packet->source.words[0];
		pair.key.words[3] = packet->source.words[1];
		client_cut(&pair.source, pair.key.words);
		tags_of_key6(&pair);
	}
	return answers_count(&pair, 1, proof_of(TRANSPORT_PROTOCOL(transport), byte));
}

/*
 * The verdict of a packet that passes for `reason`: XDP_REDIRECT, or XDP_PASS with the frame as it was. A global
 * function.
 */
__noinline int forward(struct xdp_md *ctx, struct packet *packet, __u32 reason)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct next_hop *hop;

	if (!packet || packet->offset != sizeof(*ethernet) || (void *)(ethernet + 1) > data_end)
		return XDP_PASS; /* tagged, or without Ethernet header: another device may be the one to route it */
	if (bpf_xdp_get_buff_len(ctx) > (__u64)(data_end - data))
		return XDP_PASS; /* the frame is in several pages, which not every interface can send */
	if (!is_for_us(ethernet, ctx->ingress_ifindex))
		return XDP_PASS;
	hop = next_hop_of(ctx, packet);
	if (!hop || !hop->ifindex)
		return XDP_PASS;
	if (packet->ipv6 ? !ipv6_age_if_plain(data, data_end, packet, hop->mtu)
			 : !ipv4_age_if_plain(data, data_end, hop->mtu))
		return XDP_PASS;
	__builtin_memcpy(ethernet, hop->link, sizeof(hop->link));
	account(REASON_FORWARDED, packet->bytes);
	if (reason == REASON_PASS_ANSWER && side_of(hop->ifindex) & SIDE_ANSWERS)
		answer_forwarded(ctx, packet);
	return bpf_redirect_map(&ports_out, hop->ifindex, XDP_PASS);
}

#endif
