/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For people: what the kernel's coarse entries hold, and who fills the table. Nothing here decides anything.
 */
#include <string.h>

#include "table_internal.h"

#define SAMPLED_SETS 2048 /* some ten thousand pairs tell who has many, in a millisecond */
#define QUIET_S 10 /* an entry without a packet for so long tells of the past */

/* A client's, by the widths; its address may be the substitute of ::/64. */
static struct prefix prefix_of(const struct table *table, enum coarse_kind kind, const __u64 words[2])
{
	struct prefix prefix = { .bits = 128 };

	memcpy(&prefix.address, words, sizeof(prefix.address));
	if (kind == COARSE_CLIENTS)
		prefix.bits = (uint8_t)widths_client_bits(&table->widths, &prefix.address);
	else
		prefix.bits = words_are_ipv4(words) ? 96 + COARSE_NETWORK_BITS4 : COARSE_NETWORK_BITS6;
	return prefix;
}

/* ---- coarse entries ---- */

/* As entry_share in xdp/coarse.h. */
static uint16_t share_of(const struct table *table, const struct policy *policy, uint64_t packets, uint32_t window)
{
	const uint64_t rate = policy->destination_rate, hz = table->clock.hz;
	uint64_t judged = window;

	if (window <= policy->destination_min_window)
		judged = policy->flags & POLICY_EARLY ? policy->destination_min_window : 0;
	if (rate == 0 || judged == 0 || packets * hz <= rate * judged)
		return SHARE_ALL;
	return share_of_count(policy->destination_rate, table->clock.hz, window, policy->destination_min_window,
			      packets);
}

/* The prefix's estimate; false: one of its two entries has counted nothing lately. */
static bool estimate(const struct table *table, enum coarse_kind kind, const __u64 words[2],
		     const struct policy *policy, struct coarse_view *ret_view)
{
	const uint32_t now = table_now(table), hz = table->clock.hz;
	double least = 0;

	for (uint32_t row = 0; row < COARSE_ROWS; row++) {
		const struct coarse_entry *entry =
			&table->coarse[coarse_index(kind, row, words, table->state->seed)];
		const uint64_t window = load64(&entry->window);
		const int32_t length = jiffies_since(WORD_LOW(window), now);
		struct coarse_view view = { .prefix = prefix_of(table, kind, words),
					    .packets = load32(&entry->packets) - WORD_HIGH(window),
					    .window_s = length > 0 ? (double)length / hz : 0 };

		if (window == 0 || jiffies_since(load32(&entry->last), now) > (int32_t)(QUIET_S * hz))
			return false;
		view.rate = (double)view.packets / (view.window_s > 1 ? view.window_s : 1);
		view.share = share_of(table, policy, view.packets, length > 0 ? (uint32_t)length : 0);
		if (row == 0 || view.rate < least) {
			*ret_view = view;
			least = view.rate;
		}
	}
	return true;
}

bool table_coarse_of(const struct table *table, enum coarse_kind kind, const struct address *address,
		     struct coarse_view *ret_view)
{
	const uint32_t number = policy_of_destination(table, address);
	__u64 words[2];

	memcpy(words, address, sizeof(words));
	coarse_cut(kind, words);
	return estimate(table, kind, words, &table->policies[number % POLICIES_MAX], ret_view);
}

/* Enters a view among the heaviest, in their order. */
static size_t rank(struct coarse_view heaviest[COARSE_HEAVIEST_MAX], size_t count, const struct coarse_view *view)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		if (memcmp(&heaviest[i].prefix, &view->prefix, sizeof(view->prefix)) == 0)
			return count; /* met in the other row */
	}
	while (at < count && heaviest[at].rate >= view->rate)
		at++;
	if (at == COARSE_HEAVIEST_MAX)
		return count;
	count += count < COARSE_HEAVIEST_MAX;
	memmove(&heaviest[at + 1], &heaviest[at], (count - 1 - at) * sizeof(*view));
	heaviest[at] = *view;
	return count;
}

size_t table_coarse_heaviest(const struct table *table, enum coarse_kind kind,
			     struct coarse_view ret_heaviest[COARSE_HEAVIEST_MAX])
{
	const struct policy *policy = &table->policies[POLICY_OF_DESTINATION(BANK_OF(table->state->active), 0)];
	const struct coarse_entry *entries = &table->coarse[kind * COARSE_ROWS * COARSE_ENTRIES];
	size_t count = 0;

	for (uint32_t i = 0; i < COARSE_ROWS * COARSE_ENTRIES; i++) {
		const __u64 owner[2] = { load64(&entries[i].owner[0]), load64(&entries[i].owner[1]) };
		struct coarse_view view;

		if (load32(&entries[i].votes) && estimate(table, kind, owner, policy, &view))
			count = rank(ret_heaviest, count, &view);
	}
	return count;
}

/* ---- who has most of the pairs' records ---- */

void table_sample_clients(const struct table *table, bool ipv6, struct heavy *ret_clients)
{
	const struct pairs *pairs = ipv6 ? &table->pairs6 : &table->pairs4;
	const uint32_t step = pairs->count > SAMPLED_SETS ? pairs->count / SAMPLED_SETS : 1;

	*ret_clients = (struct heavy){ .seed = table->contacts.seed };
	for (uint32_t set_index = 0; set_index < pairs->count; set_index += step)
		for (unsigned int way = 0; way < SET_WAYS; way++) {
			const struct spot spot = { set_of_index(pairs, set_index), set_index, way };
			const uint64_t tag = load64(&spot.set->tags[way]);
			struct key key;

			if (tag == TAG_EMPTY || tag >= TAG_DEAD)
				continue;
			key = spot_key(pairs, &spot, tag);
			heavy_add(ret_clients, &key.client);
		}
}
