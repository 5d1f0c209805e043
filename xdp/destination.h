/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Destinations by address: finds a destination's index, or makes its head. Later packets of the pair read the index
 * from the pair's record, and look the address up again when the head has left the table meanwhile (aggregate.h).
 */
#ifndef XDP_DESTINATION_H
#define XDP_DESTINATION_H

#include "policy.h"

/* Answers of destination_find that are no index; never stored in a record. */
#define DESTINATION_LOCAL 0x3ffffeU /* the proxy itself */
#define DESTINATION_UNPROTECTED 0x3ffffdU /* not counted by policy */

struct locals locals; /* in .bss */

/* May the address be one of the proxy's own? */
static __always_inline bool may_be_local(const struct address_key *address)
{
	__u32 bit = locals_bit(address->words);

	return READ_ONCE(locals.words[bit / 64 & (LOCALS_BITS / 64 - 1)]) >> (bit & 63) & 1;
}

static __always_inline bool is_local(const struct address_key *address)
{
	return may_be_local(address) && bpf_map_lookup_elem(&local_addresses, address);
}

static __always_inline void head_fill(struct destination_head *head, const struct address_key *address, __u32 policy,
				      __u32 now)
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

/*
 * The jiffy in which no free head was found. Until the next one nobody asks again: the queue has one lock for all
 * CPUs.
 */
__u32 heads_empty_at;

/* Takes a free head's index. */
static __always_inline bool index_take(__u32 *ret_index, __u32 now)
{
	if (READ_ONCE(heads_empty_at) == now)
		return false;
	if (bpf_map_pop_elem(&destination_free, ret_index) == 0)
		return true;
	WRITE_ONCE(heads_empty_at, now);
	return false;
}

static __noinline __u32 destination_make(const struct address_key *address, bool make, __u32 now)
{
	__u32 index, *winner, number = destination_policy(address, active_bank());
	const struct policy *policy = policy_at(number);
	struct destination_head *head;

	if (policy->flags & POLICY_UNPROTECTED)
		return DESTINATION_UNPROTECTED;
	if (!make || !index_take(&index, now))
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
	if (is_local(&address))
		return DESTINATION_LOCAL; /* two look-ups per packet, but no head is used up */
	return destination_make(&address, make, packet->now);
}

#endif
