/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * VLAN tags between the Ethernet header and the packet: 802.1Q and 802.1ad. A tagged packet is judged like any other:
 * its pair is its two addresses, whatever its VLAN. The tags are not changed.
 *
 * The kernel removes any number of tags of VLAN 0 (priority tags), even without a VLAN device, and then routes the
 * packet inside. A frame with more than TAGS_MAX tags therefore drops: if it passed uncounted, such frames would be a
 * way around every rate. No network makes them.
 */
#ifndef XDP_VLAN_H
#define XDP_VLAN_H

#include "account.h"
#include "parse.h"

#define TAGS_MAX 8
#define TAG_BYTES 4
#define NO_TYPE (~0U) /* the frame ends before the ethertype */

static __always_inline bool is_tag(__u32 type)
{
	return type == ETH_P_8021Q || type == ETH_P_8021AD;
}

/*
 * Returns the ethertype (host order) behind the Ethernet header at `offset` and its tags; *ret_offset is where the
 * packet begins. NO_TYPE when the frame ends before the ethertype. After TAGS_MAX tags the next tag is returned as
 * the ethertype.
 */
static __always_inline __u32 ethertype_at(struct xdp_md *ctx, __u32 offset, __u32 *ret_offset)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__be16 *type_be = data + offset + ETH_ALEN * 2;
	__u32 type;
	int i;

	if ((void *)(type_be + 1) > data_end)
		return NO_TYPE;
	type = bpf_ntohs(*type_be);
	*ret_offset = offset + sizeof(struct ethhdr);
	for (i = 0; i < TAGS_MAX && is_tag(type); i++) {
		type_be += 2;
		if ((void *)(type_be + 1) > data_end)
			return NO_TYPE;
		type = bpf_ntohs(*type_be);
		*ret_offset += TAG_BYTES;
	}
	return type;
}

/* A frame whose first ethertype is neither IPv4 nor IPv6. */
__noinline int parse_tagged(struct xdp_md *ctx, struct packet *packet)
{
	__u32 offset = 0, type = ethertype_at(ctx, 0, &offset);

	if (type == NO_TYPE)
		return REASON_PASS_MALFORMED;
	if (!is_tag(type))
		return parse_ip_at(ctx, packet, offset, type);
	if (packet)
		packet->now = clock_now(); /* capture.h needs the time if it samples this frame */
	return unreadable(REASON_DROP_TAGS);
}

#endif
