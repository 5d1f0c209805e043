/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the transport header behind the IP header: its protocol, its offset, and whether the packet is a fragment.
 * Called only for packets to the proxy itself; a pair is two addresses and needs no transport.
 */
#ifndef XDP_TRANSPORT_H
#define XDP_TRANSPORT_H

#include "parse.h"

#define IPV6_FRAGMENT 44

/* Offset, protocol and flags in one word, because a global function can return only 64 bits. */
#define TRANSPORT(offset, protocol) ((__u64)(offset) | (__u64)(protocol) << 16)
#define TRANSPORT_PROTOCOL(transport) ((__u8)((transport) >> 16))
#define TRANSPORT_FIRST (1ULL << 24)   /* the first of several fragments */
#define TRANSPORT_LATER (1ULL << 25)   /* a later fragment, which has no transport header */
#define TRANSPORT_UNKNOWN (1ULL << 26) /* the frame ends before it, or it is behind too many extension headers */

/*
 * The offset, kept in one register: the verifier must see that the value compared with OFFSET_MAX is the value added
 * to a pointer.
 */
static __always_inline __u32 transport_offset(__u64 transport)
{
	__u32 offset = (__u16)transport;

	OPAQUE(offset);
	return offset;
}

static __always_inline __u64 transport_of_ipv4(const struct iphdr *ip, __u32 offset)
{
	__u64 transport = TRANSPORT(offset + ip->ihl * 4U, ip->protocol);

	if (ip->frag_off & bpf_htons(0x1fff))
		return transport | TRANSPORT_LATER;
	return ip->frag_off & bpf_htons(0x2000) ? transport | TRANSPORT_FIRST : transport;
}

static __always_inline __u64 transport_of_ipv6(void *data, void *data_end, __u8 protocol, __u32 offset)
{
	__u64 flags = 0;
	int i;

	for (i = 0; i <= EXTENSIONS_MAX; i++) {
		__u8 *header = data + (offset & 0x3fff);
		__u32 bytes;

		if (offset > OFFSET_MAX || (void *)(header + 8) > data_end)
			return TRANSPORT_UNKNOWN; /* every transport header has at least 8 bytes */
		if (protocol == IPV6_FRAGMENT) {
			__u16 fragment = header[2] << 8 | header[3];

			flags |= fragment & 0xfff8 ? TRANSPORT_LATER : fragment & 1 ? TRANSPORT_FIRST : 0;
			bytes = 8;
		} else {
			bytes = extension_bytes(protocol, header[1]);
		}
		if (!bytes)
			return TRANSPORT(offset, protocol) | flags;
		protocol = header[0];
		offset += bytes;
		if (flags & TRANSPORT_LATER)
			return TRANSPORT(offset, protocol) | flags;
	}
	return TRANSPORT_UNKNOWN;
}

/* The transport of the IP packet at `offset`, which parse.h has read before. A global function. */
__noinline __u64 transport_find(struct xdp_md *ctx, __u32 offset, __u32 ipv6)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (offset > OFFSET_MAX)
		return TRANSPORT_UNKNOWN;
	if (!ipv6) {
		ip = data + offset;
		return (void *)(ip + 1) > data_end ? TRANSPORT_UNKNOWN : transport_of_ipv4(ip, offset);
	}
	ip6 = data + offset;
	if ((void *)(ip6 + 1) > data_end)
		return TRANSPORT_UNKNOWN;
	return transport_of_ipv6(data, data_end, ip6->nexthdr, offset + sizeof(*ip6));
}

#endif
