/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Behind the IP header: which transport protocol, where, and whether the packet is a fragment. Asked only for packets to the
 * proxy itself; a pair needs no transport.
 */
#ifndef XDP_TRANSPORT_H
#define XDP_TRANSPORT_H

#include "parse.h"

#define IPV6_FRAGMENT 44

/* One word, since a global function returns nothing wider: offset, protocol, flags. */
#define TRANSPORT(offset, protocol) ((__u64)(offset) | (__u64)(protocol) << 16)
#define TRANSPORT_PROTOCOL(transport) ((__u8)((transport) >> 16))
#define TRANSPORT_FIRST (1ULL << 24)   /* the first of several fragments */
#define TRANSPORT_LATER (1ULL << 25)   /* another one: there is no transport header */
#define TRANSPORT_UNKNOWN (1ULL << 26) /* cut short, or behind too many extension headers */

/* One register from here on: the one that is compared with OFFSET_MAX must be the one that is added to a pointer. */
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
			return TRANSPORT_UNKNOWN; /* no transport header is shorter */
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

/* Of the IP packet at `offset`, which was parsed already. A global function. */
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
