/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Coarse entries: what a packet is judged by when its destination has no head. It counts with all others of its
 * destination's network, as if the network were one destination, by this proxy's own count alone. So full tables cost
 * fineness, never the rule. A packet without a head, or whose pair has no record, also counts by its client; that
 * count names who fills the tables, and drops nothing.
 *
 * Other prefixes share an entry by chance. A packet counts in one entry of each row, by two hashes, and is judged by
 * the one that is less over its rate: with a hundred networks under attack at once, 0.015 % of the others share both
 * entries with one of them.
 *
 * The count is an atomic addition on lines that CPUs share. It is exact, for an undercount would be a way around the
 * rate; and it costs only packets that already look in vain for a head, for as long as there is none. The owner is a
 * guess: its words are plain, and a vote that two CPUs give at once may be lost. Packets of the owner that no record
 * counts go to the sum of its prefix at harvest, so that nobody is blamed for a neighbour.
 */
#ifndef XDP_COARSE_H
#define XDP_COARSE_H

#include "account.h"
#include "policy.h"
#include "share.h"
#include "window.h"

/* What entry_count is told of a packet. */
#define COUNT_RECORDED 1 /* its pair's record counts it, too */

/*
 * Boyer and Moore's majority vote: whoever sends more than half of the entry's packets ends as its owner. Is the packet
 * the owner's?
 */
static __always_inline bool owner_vote(struct coarse_entry *entry, const struct address_key *prefix)
{
	__u32 votes = READ_ONCE(entry->votes);
	__u64 high = READ_ONCE(entry->owner[0]) ^ prefix->words[0], low = READ_ONCE(entry->owner[1]) ^ prefix->words[1];
	bool owners = !(high | low);

	if (!votes) {
		if (!owners)
			WRITE_ONCE(entry->owned_from, READ_ONCE(entry->owned));
		WRITE_ONCE(entry->owner[0], prefix->words[0]);
		WRITE_ONCE(entry->owner[1], prefix->words[1]);
		WRITE_ONCE(entry->votes, 1);
		return true;
	}
	if (!owners)
		WRITE_ONCE(entry->votes, votes - 1);
	else if (votes < COARSE_VOTES)
		WRITE_ONCE(entry->votes, votes + 1);
	return owners;
}

/* The window in force, begun or restarted by this packet if need be; `last` first, as pair_touch does. */
static __always_inline __u64 entry_touch(struct coarse_entry *entry, __u32 now, const struct policy *policy)
{
	__u32 packets = READ_ONCE(entry->packets), last = READ_ONCE(entry->last);
	__u64 window = READ_ONCE(entry->window), found;

	if (!window) {
		found = __sync_val_compare_and_swap(&entry->window, 0, WORD(now, packets));
		window = found ? found : WORD(now, packets);
	} else if (now - last + hz > policy->idle_reset + hz) {
		/* Unsigned, as in is_alive: an entry may rest for longer than half of the clock's range. */
		found = __sync_val_compare_and_swap(&entry->window, window, WORD(now, packets));
		window = found == window ? WORD(now, packets) : found;
		WRITE_ONCE(entry->votes, 0);
	}
	if (last != now)
		WRITE_ONCE(entry->last, now);
	return window;
}

/*
 * The share of an entry's packets that T_F2 allows, from the count in its window: SHARE_ALL while the count is
 * within the rate.
 */
static __always_inline __u32 entry_share(__u64 window, __u32 packets, __u32 now, const struct policy *policy)
{
	__u32 length = age(WORD_LOW(window), now), rate = policy->destination_rate;
	__u32 judged = judged_window(length, policy->destination_min_window, policy->flags);
	__u64 count = (__u32)(packets - WORD_HIGH(window));

	if (!rate || !judged || count * hz <= (__u64)rate * judged)
		return SHARE_ALL;
	return share_of_count(rate, hz, length, policy->destination_min_window, count);
}

/*
 * Counts a packet of the prefix in its entry of a row; returns its share, SHARE_ALL at most. `flags`: COUNT_. A global
 * function.
 */
__noinline int entry_count(__u32 index, const struct address_key *prefix, __u32 flags, __u32 now, __u32 number)
{
	struct coarse_entry *entry = element(&coarse, index);
	const struct policy *policy = policy_at(number);
	__u32 packets;
	__u64 window;

	if (!entry || !prefix)
		return SHARE_ALL; /* cannot happen */
	if (owner_vote(entry, prefix) && !(flags & COUNT_RECORDED))
		__sync_fetch_and_add(&entry->owned, 1);
	window = entry_touch(entry, now, policy);
	packets = __sync_fetch_and_add(&entry->packets, 1) + 1;
	if (age(WORD_LOW(window), now) > policy->window_max)
		window = aged(&entry->window, window, packets, now, policy);
	return entry_share(window, packets, now, policy);
}

static __always_inline __u32 policy_of_destination(const struct packet *packet)
{
	struct address_key destination;

	destination_of(packet, &destination);
	return destination_policy(&destination, active_bank());
}

/*
 * Counts the packet by its client, which drops nothing. `recorded`: the pair has a record. `number`: the policy whose
 * times its windows have.
 */
static __always_inline void coarse_client(const struct packet *packet, bool recorded, __u32 number)
{
	__u32 flags = recorded ? COUNT_RECORDED : 0;
	struct address_key client;

	client_of(packet, &client);
	entry_count(coarse_index(COARSE_CLIENTS, 0, client.words, seed), &client, flags, packet->now, number);
	entry_count(coarse_index(COARSE_CLIENTS, 1, client.words, seed), &client, flags, packet->now, number);
}

/* Is this packet in the share of an entry? */
static __always_inline bool entry_lets_pass(__u32 index, __u32 share)
{
	struct coarse_entry *entry = element(&coarse, index);

	return !entry || is_in_share(&entry->thinning, share);
}

/*
 * Counts the packet by its destination's network and by its client, and judges it by the network, with the policy of
 * the destination: with `fair` thinned to T_F2, else dropped while the network is over it. `recorded`: the pair has a
 * record.
 */
static __always_inline __u32 coarse_judge(const struct packet *packet, bool recorded)
{
	__u32 number, first, second, share, other;
	struct address_key network;
	const struct policy *policy;

	number = policy_of_destination(packet);
	policy = policy_at(number);
	coarse_client(packet, recorded, number);
	account(REASON_COARSE, packet->bytes);
	destination_of(packet, &network);
	coarse_cut(COARSE_NETWORKS, network.words);
	first = coarse_index(COARSE_NETWORKS, 0, network.words, seed);
	second = coarse_index(COARSE_NETWORKS, 1, network.words, seed);
	share = entry_count(first, &network, 0, packet->now, number);
	other = entry_count(second, &network, 0, packet->now, number);
	if (other > share) { /* the smaller count judges */
		share = other;
		first = second;
	}
	if (share == SHARE_ALL)
		return REASON_PASS;
	if (policy->flags & POLICY_FAIR && entry_lets_pass(first, share))
		return REASON_PASS_SHARE;
	return enforced(REASON_DROP_COARSE, policy->flags);
}

#endif
