/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which policy a key is judged by: the trie gives the class of each address, and the class matrix gives the policy of
 * two classes. It is looked up when a record is made, and again when the record's policy number belongs to a bank
 * that is no longer active. Other packets of a known pair cause no look-up.
 */
#ifndef XDP_POLICY_H
#define XDP_POLICY_H

#include "parse.h"

static __always_inline __u64 ipv4_mapped(__u32 address)
{
	return (__u64)bpf_htonl(0xffff) | (__u64)bpf_htonl(address) << 32;
}

/* The client that the packet is counted by. */
static __always_inline void client_of(const struct packet *packet, struct address_key *ret_address)
{
	ret_address->words[0] = packet->ipv6 ? packet->key.words[0] : 0;
	ret_address->words[1] = packet->ipv6 ? packet->key.words[1] : ipv4_mapped(packet->tag >> 32);
}

/* The address that it is from. */
static __always_inline void source_of(const struct packet *packet, struct address_key *ret_address)
{
	ret_address->words[0] = packet->ipv6 ? packet->source.words[0] : 0;
	ret_address->words[1] = packet->ipv6 ? packet->source.words[1] : ipv4_mapped(packet->tag >> 32);
}

static __always_inline void destination_of(const struct packet *packet, struct address_key *ret_address)
{
	ret_address->words[0] = packet->ipv6 ? packet->key.words[2] : 0;
	ret_address->words[1] = packet->ipv6 ? packet->key.words[3] : ipv4_mapped((__u32)packet->tag);
}

/* The class of an address; 0 when no prefix contains it. A global function, so the verifier walks it once. */
__noinline __u32 class_of(const struct address_key *address, __u32 bank, __u32 side)
{
	struct prefix_key key = { .bits = 8 + 128, .space = PREFIX_SPACE(bank, side) };
	__u32 *class;

	if (!address)
		return 0; /* cannot happen */
	__builtin_memcpy(key.address, address, sizeof(key.address));
	class = bpf_map_lookup_elem(&prefixes, &key);
	return class ? *class & (CLASSES_MAX - 1) : 0;
}

static __always_inline __u32 destination_policy(const struct address_key *address, __u32 active)
{
	return POLICY_OF_DESTINATION(BANK_OF(active), class_of(address, BANK_OF(active), 1));
}

/*
 * Masks a class. The verifier takes the result of a global function for any number; clang looks into the function and
 * would remove the mask.
 */
static __always_inline __u32 class_within(__u32 class)
{
	OPAQUE(class);
	return class & (CLASSES_MAX - 1);
}

/* The number of the pair's policy, bank included: the upper bits of its record's `place`. A global function. */
__noinline __u32 pair_policy(const struct packet *packet, __u32 active)
{
	struct class_matrix *matrix = element(&classes, 0);
	__u32 client, destination, bank = BANK_OF(active) & 1;
	struct address_key address;

	if (!matrix || !packet)
		return POLICY_OF_PAIR(bank, 0); /* cannot happen */
	client_of(packet, &address);
	client = class_within(class_of(&address, bank, 0));
	destination_of(packet, &address);
	destination = class_within(class_of(&address, bank, 1));
	return POLICY_OF_PAIR(bank, matrix->policy[bank][client][destination] & (PAIR_POLICIES - 1));
}

/*
 * Looks the policy up again after a change of bank. If the daemon writes the place's destination meanwhile, the swap
 * fails and the next packet tries again.
 */
static __noinline __u32 place_refresh(__u32 *place_word, const struct packet *packet, __u32 active)
{
	__u32 place = READ_ONCE(*place_word), next = PLACE(PLACE_DESTINATION(place), pair_policy(packet, active));

	__sync_val_compare_and_swap(place_word, place, next);
	return next;
}

static __always_inline __u32 active_bank(void)
{
	return READ_ONCE(state.active);
}

#endif
