/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Source routes: a packet to the proxy itself may bear a route on from it (RFC 791 section 3.1; RFC 8200 section 4.4).
 * Where the host is told to follow it (accept_source_route, seg6_enabled), the kernel sends the packet on to an address
 * that the packet's pair does not name. So such a packet drops. The kernel drops it as well unless it is told to.
 */
#ifndef XDP_ONWARD_H
#define XDP_ONWARD_H

#include "account.h"
#include "transport.h"

#define IPV4_OPTIONS_MAX 40 /* bytes */
#define OPTIONS_INDEX_MAX 63
#define OPTION_END 0
#define OPTION_NONE 1
#define OPTION_LOOSE_ROUTE 131
#define OPTION_STRICT_ROUTE 137
#define HEADERS_MAX 12 /* extension headers that are looked through; behind more of them a packet is taken for routed */

/*
 * Has one of the options a route that is not used up? Its pointer is then within it. The options are copied: an index
 * that stays within the copy is one state to the verifier, however it came about.
 */
static __always_inline bool has_route4(struct xdp_md *ctx, __u32 offset)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const struct iphdr *ip = data + offset;
	__u8 options[OPTIONS_INDEX_MAX + 3] = { 0 };
	__u32 at = 0, bytes, i;

	if ((void *)(ip + 1) > data_end || ip->ihl <= 5)
		return false;
	bytes = (ip->ihl - 5) * 4U;
	if (bytes > IPV4_OPTIONS_MAX || bpf_xdp_load_bytes(ctx, offset + sizeof(*ip), options, bytes))
		return false;
	for (i = 0; i < IPV4_OPTIONS_MAX; i++) {
		__u8 kind, length, pointer;

		at &= OPTIONS_INDEX_MAX;
		OPAQUE(at);
		if (at >= bytes)
			return false;
		kind = options[at & OPTIONS_INDEX_MAX];
		length = options[(at & OPTIONS_INDEX_MAX) + 1];
		pointer = options[(at & OPTIONS_INDEX_MAX) + 2];
		if (kind == OPTION_LOOSE_ROUTE || kind == OPTION_STRICT_ROUTE)
			return pointer <= length;
		if (kind == OPTION_END || (kind != OPTION_NONE && length < 2))
			return false;
		at += kind == OPTION_NONE ? 1 : length;
	}
	return false;
}

static __always_inline bool is_extension(__u32 protocol)
{
	return protocol == IPV6_HOP_BY_HOP || protocol == IPV6_ROUTING || protocol == IPV6_DESTINATION_OPTIONS ||
	       protocol == IPV6_AUTHENTICATION || protocol == IPV6_FRAGMENT;
}

/* Has a routing header segments left? */
static __always_inline bool has_route6(struct xdp_md *ctx, __u32 offset)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const struct ipv6hdr *ip = data + offset;
	__u32 protocol, bytes, i;

	if ((void *)(ip + 1) > data_end)
		return false;
	protocol = ip->nexthdr;
	offset += sizeof(*ip);
	for (i = 0; i < HEADERS_MAX; i++) {
		const __u8 *header = data + (offset & 0x3fff);

		if (!is_extension(protocol))
			return false;
		if (offset > OFFSET_MAX || (void *)(header + 8) > data_end)
			return true; /* cut: what follows is not seen */
		if (protocol == IPV6_ROUTING && header[3])
			return true;
		if (protocol == IPV6_FRAGMENT && (header[2] || header[3] & 0xf8))
			return false; /* a later fragment: the first one has the headers, and drops */
		bytes = (header[1] + 1) * 8;
		if (__builtin_expect(protocol == IPV6_AUTHENTICATION, 0))
			bytes = (header[1] + 2) * 4;
		if (__builtin_expect(protocol == IPV6_FRAGMENT, 0))
			bytes = 8;
		protocol = header[0];
		offset += bytes;
	}
	return true;
}

/*
 * REASON_PASS_LOCAL: the packet, which is to the proxy itself, ends here. Else it drops. A global function.
 */
__noinline int onward(struct xdp_md *ctx, struct packet *packet)
{
	bool routed;

	if (!packet || packet->offset > OFFSET_MAX)
		return REASON_PASS_LOCAL;
	routed = packet->ipv6 ? has_route6(ctx, packet->offset) : has_route4(ctx, packet->offset);
	return routed ? unreadable(REASON_DROP_SOURCE_ROUTE) : REASON_PASS_LOCAL;
}

#endif
