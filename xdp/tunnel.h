/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels that end at this proxy: a packet in such a tunnel is judged by its inner packet's pair. Only packets to the
 * proxy itself are looked at (a tunnel's local address counts as the proxy's own), so other packets do not pay for
 * it. One level of tunnel is opened: a tunnel within a tunnel is judged by the inner tunnel's own outer addresses.
 *
 * Where XDP takes the outer headers off, it does not verify the checksums of GRE and of the outer UDP. RFC 6935 and
 * 6936 allow the same for a checksum of zero, for these reasons. Links have checksums of their own. The inner packet
 * has its own too: the kernel and forward.h verify the one of the IPv4 header, and the receiver verifies those of
 * TCP, UDP and ICMPv6, which cover addresses and payload. Only the payload of IPv4 UDP without a checksum, and of
 * protocols without one, is then unprotected.
 *
 * Fragments of an outer packet are reassembled by the kernel. The first fragment is judged by the pair it shows. A
 * first fragment that is too short to show its pair drops: if it passed, small fragments would be a way around every
 * rate.
 */
#ifndef XDP_TUNNEL_H
#define XDP_TUNNEL_H

#include <xpro/plane.h>

#include "transport.h"
#include "vlan.h"

#define GRE_CHECKSUM 0x8000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_ETHERNET 0x6558
#define GUE_CONTROL 0x20
#define VXLAN_ID 0x08000000 /* the I flag (RFC 7348): there is a network identifier, and an Ethernet frame behind it */
#define VXLAN_PROTOCOL 0x04000000 /* the P flag (draft-ietf-nvo3-vxlan-gpe): the last byte says what is behind it */
#define VXLAN_IPV4 1
#define VXLAN_IPV6 2
#define VXLAN_ETHERNET 3

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TUNNELS_MAX * 2);
	__type(key, struct tunnel_key);
	__type(value, struct tunnel);
} tunnels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TUNNELS_MAX *TUNNEL_SOURCES_MAX);
	__type(key, struct tunnel_source);
	__type(value, __u8);
} tunnel_sources SEC(".maps");

/* The inner packet: its ethertype, 0 when it is of no known kind, and its offset in the frame. */
struct inner {
	__u32 type;
	__u32 offset;
};

static __always_inline __u32 type_of_protocol(__u8 protocol)
{
	return protocol == IPPROTO_IPIP ? ETH_P_IP : protocol == IPPROTO_IPV6 ? ETH_P_IPV6 : 0;
}

static __always_inline __u32 type_of_first(__u8 first)
{
	return first >> 4 == 4 ? ETH_P_IP : first >> 4 == 6 ? ETH_P_IPV6 : 0;
}

static __always_inline void inner_ethernet(struct xdp_md *ctx, __u32 offset, struct inner *ret_inner)
{
	ret_inner->type = ethertype_at(ctx, offset, &ret_inner->offset);
}

static __always_inline void inner_gre(struct xdp_md *ctx, __u32 offset, struct inner *ret_inner)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__be16 *header_be = data + offset;
	__u32 flags, type;

	if ((void *)(header_be + 2) > data_end)
		return;
	flags = bpf_ntohs(header_be[0]);
	type = bpf_ntohs(header_be[1]);
	if (flags & ~(GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE))
		return; /* routing, version 1 (PPTP), reserved bits */
	offset += 4 + (flags & GRE_CHECKSUM ? 4 : 0) + (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQUENCE ? 4 : 0);
	if (type == GRE_ETHERNET) {
		inner_ethernet(ctx, offset, ret_inner);
	} else {
		ret_inner->type = type;
		ret_inner->offset = offset;
	}
}

static __always_inline void inner_gue(const __u8 *header, __u32 offset, struct inner *ret_inner)
{
	__u8 variant = header[0] >> 6;

	if (variant == 1) { /* the inner IP header itself: its version bits are read as the variant */
		ret_inner->type = type_of_first(header[0]);
		ret_inner->offset = offset;
	} else if (variant == 0 && !(header[0] & GUE_CONTROL)) {
		ret_inner->type = type_of_protocol(header[1]);
		ret_inner->offset = offset + 4 + (header[0] & 0x1f) * 4;
	}
}

/*
 * Reserved bits are not looked at: which of them a tunnel device of the kernel takes is its configuration's to say
 * (group policy, remote checksum offload), and a packet that it drops may count all the same.
 */
static __always_inline void inner_vxlan(struct xdp_md *ctx, __u32 flags, __u32 offset, struct inner *ret_inner)
{
	__u32 protocol = flags & VXLAN_PROTOCOL ? flags & 0xff : VXLAN_ETHERNET;

	if (!(flags & VXLAN_ID))
		return;
	if (protocol == VXLAN_ETHERNET) {
		inner_ethernet(ctx, offset, ret_inner);
		return;
	}
	ret_inner->type = protocol == VXLAN_IPV4 ? ETH_P_IP : protocol == VXLAN_IPV6 ? ETH_P_IPV6 : 0;
	ret_inner->offset = offset;
}

static __always_inline void inner_udp(struct xdp_md *ctx, __u32 type, __u32 offset, struct inner *ret_inner)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u8 *header = data + offset;
	__be32 *vxlan_be = data + offset;

	if ((void *)(header + 8) > data_end)
		return;
	if (type == TUNNEL_GUE) {
		inner_gue(header, offset, ret_inner);
	} else if (type == TUNNEL_FOU) {
		ret_inner->type = type_of_first(header[0]);
		ret_inner->offset = offset;
	} else {
		inner_vxlan(ctx, bpf_ntohl(vxlan_be[0]), offset + 8, ret_inner);
	}
}

/*
 * Finds the inner packet: its ethertype in the upper 32 bits, its offset in the lower; an ethertype of 0: of no known
 * kind. A global function.
 */
__noinline __u64 tunnel_inner(struct xdp_md *ctx, __u32 type, __u64 transport)
{
	__u32 offset = transport_offset(transport);
	struct inner inner = { 0 };

	if (offset > OFFSET_MAX)
		return 0;
	if (type == TUNNEL_IPIP) {
		inner.type = type_of_protocol(TRANSPORT_PROTOCOL(transport));
		inner.offset = offset;
	} else if (type == TUNNEL_GRE) {
		inner_gre(ctx, offset, &inner);
	} else {
		inner_udp(ctx, type, offset + 8, &inner);
	}
	return (__u64)inner.type << 32 | inner.offset;
}

/*
 * The tunnel that a packet to the proxy belongs to. NULL: none, or the packet's source is not one of the tunnel's
 * sources.
 */
static __always_inline struct tunnel *tunnel_find(struct xdp_md *ctx, const struct packet *packet, __u64 transport)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct tunnel_key key = { .protocol = TRANSPORT_PROTOCOL(transport) };
	struct tunnel_source source = { .prefix_bits = 160 };
	struct address_key address; /* aligned to 8 bytes, as source_of writes it; the arrays in both keys are not */
	struct tunnel *tunnel;
	__be16 *port_be;

	destination_of(packet, &address);
	__builtin_memcpy(key.local, &address, sizeof(key.local));
	if (key.protocol == IPPROTO_UDP) {
		port_be = data + (transport_offset(transport) & 0x7ff) + 2;
		if ((void *)(port_be + 1) > data_end)
			return NULL;
		key.port_be = *port_be;
	}
	tunnel = bpf_map_lookup_elem(&tunnels, &key);
	if (!tunnel)
		return NULL;
	source.id = tunnel->id;
	source_of(packet, &address);
	__builtin_memcpy(source.source, &address, sizeof(source.source));
	return bpf_map_lookup_elem(&tunnel_sources, &source) ? tunnel : NULL;
}

/*
 * Makes *packet describe the inner packet. REASON_PASS: the inner packet is to be judged. REASON_PASS_LOCAL: the
 * packet belongs to no tunnel, or the inner packet is of no known kind. Any other reason is the verdict.
 * *ret_decapsulate: XDP is to take off the outer headers.
 */
static __always_inline __u32 tunnel_open(struct xdp_md *ctx, struct packet *packet, __u64 transport,
					 bool *ret_decapsulate)
{
	bool first = transport & TRANSPORT_FIRST;
	__u32 outer_bytes = packet->bytes, reason, type;
	struct tunnel *tunnel;
	__u64 inner;

	if (transport & (TRANSPORT_UNKNOWN | TRANSPORT_LATER))
		return REASON_PASS_LOCAL;
	tunnel = tunnel_find(ctx, packet, transport);
	if (!tunnel)
		return REASON_PASS_LOCAL;
	inner = tunnel_inner(ctx, tunnel->type, transport);
	type = inner >> 32;
	if (is_tag(type))
		return unreadable(REASON_DROP_TAGS);
	if (type != ETH_P_IP && type != ETH_P_IPV6)
		return !first			 ? REASON_PASS_LOCAL
		       : type && type != NO_TYPE ? REASON_PASS_LOCAL
						 : unreadable(REASON_DROP_TUNNEL);
	packet->partial = first;
	reason = parse_ip_at(ctx, packet, (__u32)inner, type);
	if (reason == REASON_PASS && !first && packet->bytes > outer_bytes)
		reason = REASON_PASS_MALFORMED; /* it would end beyond the outer packet */
	packet->bytes = outer_bytes;
	*ret_decapsulate = tunnel->decapsulate && !first;
	return first && reason == REASON_PASS_MALFORMED ? unreadable(REASON_DROP_TUNNEL) : reason;
}

#define LINK_BYTES_MAX (sizeof(struct ethhdr) + 2 * TAG_BYTES)

/*
 * Takes the outer headers off: moves the link's header, with up to two VLAN tags, in front of the inner packet. The
 * frame is unchanged when that is not possible; then the kernel's tunnel device takes them off. `link_bytes`: length
 * of the link's header, 0 on an interface without one, where the frame is left to the kernel. A global function.
 */
__noinline int decapsulate(struct xdp_md *ctx, struct packet *packet, __u32 link_bytes)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u8 link[LINK_BYTES_MAX];
	__be16 type_be;

	if (!packet || link_bytes < sizeof(struct ethhdr) || link_bytes > LINK_BYTES_MAX ||
	    packet->offset < link_bytes || packet->offset > OFFSET_MAX || data + LINK_BYTES_MAX > data_end)
		return 0;
	__builtin_memcpy(link, data, LINK_BYTES_MAX);
	type_be = packet->ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (link_bytes == sizeof(struct ethhdr))
		__builtin_memcpy(link + 12, &type_be, 2);
	else if (link_bytes == sizeof(struct ethhdr) + TAG_BYTES)
		__builtin_memcpy(link + 16, &type_be, 2);
	else
		__builtin_memcpy(link + 20, &type_be, 2);
	if (bpf_xdp_adjust_head(ctx, packet->offset - link_bytes))
		return 0;
	packet->offset = link_bytes;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + LINK_BYTES_MAX > data_end)
		return 0; /* cannot happen: the inner IP header follows, but the verifier does not know */
	__builtin_memcpy(data, link, sizeof(struct ethhdr));
	if (link_bytes > sizeof(struct ethhdr))
		__builtin_memcpy(data + 14, link + 14, TAG_BYTES);
	if (link_bytes > sizeof(struct ethhdr) + TAG_BYTES)
		__builtin_memcpy(data + 18, link + 18, TAG_BYTES);
	return 1;
}

#endif
