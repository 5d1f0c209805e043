/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Destinations by address: the way to a destination's index when a pair is met for the first time, or has no record. Later
 * packets find the index in their pair's record.
 */
#ifndef XDP_DESTINATION_H
#define XDP_DESTINATION_H

#include "parse.h"

#define DESTINATION_LOCAL 0xfffffeU /* the proxy itself; never stored in a record */

static __always_inline __u64 ipv4_mapped(__u32 address)
{
	return (__u64)bpf_htonl(0xffff) | (__u64)bpf_htonl(address) << 32;
}

static __always_inline void client_of(const struct packet *packet, struct address_key *ret_address)
{
	ret_address->words[0] = packet->ipv6 ? packet->key.words[0] : 0;
	ret_address->words[1] = packet->ipv6 ? packet->key.words[1] : ipv4_mapped(packet->tag >> 32);
}

static __always_inline void destination_of(const struct packet *packet, struct address_key *ret_address)
{
	ret_address->words[0] = packet->ipv6 ? packet->key.words[2] : 0;
	ret_address->words[1] = packet->ipv6 ? packet->key.words[3] : ipv4_mapped((__u32)packet->tag);
}

static __always_inline void head_fill(struct destination_head *head, const struct address_key *address, __u32 now)
{
	head->pass_share = SHARE_ALL;
	head->policy = 0;
	head->flags = 0;
	head->window = WORD(now, 0);
	__builtin_memcpy(head->address, address, sizeof(head->address)); /* last: from here on the daemon sees it */
}

/* Gives an index back that lost the race to be its address's. */
static __always_inline void destination_release(struct destination_head *head, __u32 index)
{
	__builtin_memset(head, 0, sizeof(*head));
	bpf_map_push_elem(&destination_free, &index, 0);
}

static __noinline __u32 destination_make(const struct address_key *address, __u32 now)
{
	struct destination_head *head;
	__u32 index, *winner;

	if (bpf_map_pop_elem(&destination_free, &index))
		return DESTINATION_NONE;
	head = element(&destinations, index);
	if (!head)
		return DESTINATION_NONE;
	head_fill(head, address, now);
	if (!bpf_map_update_elem(&destination_index, address, &index, BPF_NOEXIST))
		return index;
	destination_release(head, index);
	winner = bpf_map_lookup_elem(&destination_index, address);
	return winner ? *winner : DESTINATION_NONE;
}

/* The index of the packet's destination, made when missing; DESTINATION_LOCAL or DESTINATION_NONE. */
static __noinline __u32 destination_find(const struct packet *packet)
{
	struct destination_head *head;
	struct address_key address;
	__u32 *index;

	destination_of(packet, &address);
	index = bpf_map_lookup_elem(&destination_index, &address);
	if (index) {
		head = element(&destinations, *index);
		return head && head->flags & HEAD_PASS ? DESTINATION_LOCAL : *index;
	}
	if (bpf_map_lookup_elem(&local_addresses, &address))
		return DESTINATION_LOCAL; /* costs two look-ups a packet and no destination: the proxy's own traffic is small */
	return destination_make(&address, packet->now);
}

#endif
