/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which clients make more contacts than they may. Nothing drops for it: it is reported. */
#include "contacts.h"

#include "judging.h"

#define INDEX_PER_PLACE 2 /* so that a search in the index looks at two places on average */
#define LENT(max) ((max) / 4 * 3) /* places of clients of which other members alone count contacts, at most */

void watches_take_memory(struct watches *watches, struct arena *arena, const struct node_limits *limits)
{
	watches->max = limits->keys_max < WATCHES_MAX ? limits->keys_max : WATCHES_MAX;
	watches->index_size = 1;
	while (watches->index_size < INDEX_PER_PLACE * watches->max)
		watches->index_size *= 2;
	watches->list = arena_take(arena, watches->max, sizeof(*watches->list));
	watches->index = arena_take(arena, watches->index_size, sizeof(*watches->index));
}

/* The entry's place in the index, or the empty one where it would be. */
static uint16_t *index_at(const struct watches *watches, uint32_t entry)
{
	uint32_t at = entry * 2654435761U;

	for (;; at++) {
		uint16_t *place = &watches->index[at & (watches->index_size - 1)];

		if (*place == 0 || watches->list[*place - 1].entry == entry)
			return place;
	}
}

/* Is the entry still that of the client? Entries are freed, and used for other keys. */
static bool is_of_client(const struct node *node, const struct contact_watch *watch)
{
	const struct entry *entry = &node->count->ledger.entries[watch->entry];

	return entry->flags & ENTRY_USED && entry_kind(entry) == KEY_CLIENT &&
	       address_equal(&entry->address, &watch->client);
}

/* NULL: there is no room. Others' word alone leaves a quarter of the places to what this proxy counts. */
static struct contact_watch *watch_of(struct node *node, uint32_t number, bool is_own)
{
	struct watches *watches = &node->judge->watches;
	uint16_t *place = index_at(watches, number);
	const uint32_t max = is_own ? watches->max : LENT(watches->max);

	if (*place > 0 && is_of_client(node, &watches->list[*place - 1]))
		return &watches->list[*place - 1];
	if (*place == 0 && watches->count >= max)
		return NULL;
	if (*place == 0)
		*place = (uint16_t)++watches->count;
	watches->list[*place - 1] =
		(struct contact_watch){ .client = node->count->ledger.entries[number].address, .entry = number };
	return &watches->list[*place - 1];
}

/*
 * Contacts per second over the minimum window, up to the tick that runs. Ticks of which other proxies' counts have not
 * come yet are among them: so the rate is at least this. (Contacts, 4)
 */
static double rate_of(const struct node *node, const struct contact_watch *watch, struct duration window)
{
	const int64_t tick_ns = mesh_tick_length(&node->mesh).ns, wanted = (window.ns + tick_ns - 1) / tick_ns;
	const uint64_t ticks = wanted < 1 ? 1 : wanted < RECENT_TICKS ? (uint64_t)wanted : RECENT_TICKS;
	const double seconds = fmax((double)ticks * tick_seconds(node), (double)window.ns / NS_PER_S);

	return (double)recent_sum(&watch->recent, node->tick + 1 - ticks, node->tick + 1) / seconds;
}

/* Who counted most of the client's contacts in the running slot and the one before. */
static void contacts_by(struct node *node, const struct entry *entry, struct event_counter counters[EVENT_COUNTERS])
{
	const struct ledger *ledger = &node->count->ledger;
	uint64_t *counted = node->judge->counted, all = 0;

	for (uint32_t at = entry->stack; at != INDEX_NONE; at = stack_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell_slot(entry, cell, node->slot) + 1 < node->slot)
			break;
		if (cell_is_extra(cell) && cell->last == EXTRA_CONTACTS && !node->count->excluded[cell->origin])
			counted[origin_member(cell->origin)] += cell->extra;
	}
	for (uint32_t at = entry->stack; at != INDEX_NONE; at = stack_below(ledger, at)) {
		const uint16_t member = origin_member(ledger_at(ledger, at)->origin);

		if (counted[member])
			event_counter_rank(counters, member, (double)counted[member]);
		all += counted[member];
		counted[member] = 0;
	}
	for (unsigned int i = 0; i < EVENT_COUNTERS && all > 0; i++)
		counters[i].part /= (double)all;
}

static void report(struct node *node, struct contact_watch *watch, double rate, double limit, bool shadow)
{
	const struct entry *entry = &node->count->ledger.entries[watch->entry];
	struct node_event event = { .kind = watch->over ? EVENT_CONTACTS_OVER : EVENT_CONTACTS_UNDER,
				    .at = mesh_tick_end(&node->mesh, node->tick),
				    .key = ledger_key(&node->count->ledger, entry),
				    .rate = rate,
				    .limit = limit,
				    .shadow = shadow };

	if (watch->over)
		contacts_by(node, entry, event.counters);
	node_report(node, &event);
}

/* Is it over its limit, or again within it? (Contacts, 5) */
static void judge(struct node *node, struct contact_watch *watch)
{
	const struct entry *entry = &node->count->ledger.entries[watch->entry];
	const struct policy_effective *policy = entry_policy(node, entry);
	bool shadow;
	const struct duration recent = { RECENT_TICKS * mesh_tick_length(&node->mesh).ns };
	const double limit = policy_contact_limit(policy, &shadow);
	double rate = rate_of(node, watch, policy_min_window(policy, KEY_CLIENT));
	bool is;

	/* Others' newest ticks are missing, and a scan has its pauses: it has ended when both rates have. */
	if (watch->over)
		rate = fmax(rate, rate_of(node, watch, recent));
	is = limit > 0 && rate > (watch->over ? UNDER_AGAIN : 1) * limit;
	if (is == watch->over)
		return;
	watch->over = is;
	report(node, watch, rate, limit, shadow);
}

void contacts_counted(struct node *node, uint32_t number, uint64_t from_tick, uint64_t tick, uint32_t contacts,
		      bool is_own)
{
	struct contact_watch *watch = contacts > 0 ? watch_of(node, number, is_own) : NULL;

	if (!watch)
		return;
	watch->own |= is_own;
	recent_add(&watch->recent, from_tick < tick ? from_tick : tick - 1, tick, contacts);
	policy_refresh(node, number);
	if (!watch->over)
		judge(node, watch);
}

void contacts_tick(struct node *node)
{
	struct watches *watches = &node->judge->watches;
	uint32_t kept = 0;

	if (watches->count == 0)
		return;
	memset(watches->index, 0, watches->index_size * sizeof(*watches->index));
	for (uint32_t i = 0; i < watches->count; i++) {
		struct contact_watch *watch = &watches->list[i];

		if (!is_of_client(node, watch))
			continue;
		policy_refresh(node, watch->entry);
		if (watch->over)
			judge(node, watch);
		if (!watch->over && !recent_is_after(&watch->recent, node->tick - RECENT_TICKS))
			continue;
		watches->list[kept++] = *watch;
		*index_at(watches, watch->entry) = (uint16_t)kept;
	}
	watches->count = kept;
}
