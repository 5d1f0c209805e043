/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Destinations by address: finds a destination's index, or makes its head, for a pair without a record. Later packets
 * of the pair read the index from the pair's record.
 */
#ifndef XDP_DESTINATION_H
#define XDP_DESTINATION_H

#include "policy.h"

/* Answers of destination_find that are no index; never stored in a record. */
#define DESTINATION_LOCAL 0x3ffffeU /* the proxy itself */
#define DESTINATION_UNPROTECTED 0x3ffffdU /* not counted by policy */

static __always_inline void head_fill(struct destination_head *head, const struct address_key *address, __u32 policy, __u32 now)
{
	head->pass_share = SHARE_ALL;
	head->policy = policy;
	head->flags = 0;
	head->window = WORD(now, 0);
	/* Last: the daemon takes a head with an address as in use. */
	__builtin_memcpy(head->address, address, sizeof(head->address));
}

/* Gives an index back after another CPU or the daemon has inserted the same address first. */
static __always_inline void destination_release(struct destination_head *head, __u32 index)
{
	__builtin_memset(head, 0, sizeof(*head));
	bpf_map_push_elem(&destination_free, &index, 0);
}

static __noinline __u32 destination_make(const struct address_key *address, bool make, __u32 now)
{
	__u32 index, *winner, number = destination_policy(address, active_bank());
	const struct policy *policy = policy_at(number);
	struct destination_head *head;

	if (policy->flags & POLICY_UNPROTECTED)
		return DESTINATION_UNPROTECTED;
	if (!make || bpf_map_pop_elem(&destination_free, &index))
		return DESTINATION_NONE;
	head = element(&destinations, index);
	if (!head)
		return DESTINATION_NONE;
	head_fill(head, address, number, now);
	if (!bpf_map_update_elem(&destination_index, address, &index, BPF_NOEXIST))
		return index;
	destination_release(head, index);
	winner = bpf_map_lookup_elem(&destination_index, address);
	return winner ? *winner : DESTINATION_NONE;
}

/*
 * The index of the packet's destination. When there is none and `make` is set, makes one. Else DESTINATION_LOCAL,
 * _UNPROTECTED or _NONE.
 */
static __noinline __u32 destination_find(const struct packet *packet, bool make)
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
		return DESTINATION_LOCAL; /* two look-ups per packet, but no head is used up */
	return destination_make(&address, make, packet->now);
}

#endif
