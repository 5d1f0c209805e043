/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the ledger back to the kernel: writes a change of a key into its record as a fold, by which the next packet is
 * judged. Also the reverse view: a record as it is now, for `explain`.
 */
#include <errno.h>
#include <stdlib.h>

#include "table_internal.h"

/*
 * Did the last harvest see the kernel's present window? A window that started afterwards is not in the ledger yet, and
 * the old count must not be judged as the new window's. A record never harvested has only its first window, which
 * continues what other members counted, unless they were silent for T_T1 before it.
 */
static bool window_is_known(const struct words *words, uint32_t ts2)
{
	uint32_t harvested = WORD_HIGH(*words->harvest), before = WORD_HIGH(words->window);

	if ((int32_t)(harvested - before) > 0)
		return true;
	return harvested == 0 && before == 0 &&
	       jiffies_since(ts2, WORD_LOW(words->window)) <= (int32_t)words->policy->idle_reset;
}

/*
 * Does M lack what this record counted before M's only slot? The ledger had no room for it then. M's window begins with
 * the slot. Until that window is as long as the shortest over which a rate is taken (T_T2, T_T3), a key over its rate
 * would seem to be within it. So long the kernel judges by its own window.
 */
static bool begins_late(const struct table *table, const struct words *words, const struct change *change, uint32_t ts1,
			uint32_t min_window)
{
	const int64_t slot_ns = table->pass.slot_length.ns, slot = slot_ns > 0 ? change->ts2.ns / slot_ns : -1;
	const uint32_t slot_began = WORD_LOW(*words->harvest), window_began = WORD_HIGH(words->window);

	return slot >= 0 && change->ts1.ns / slot_ns == slot && *words->slot == (uint16_t)slot &&
	       (int32_t)(slot_began - window_began) > 0 &&
	       jiffies_since(ts1, table->clock.jiffies) < (int32_t)min_window;
}

static size_t pair_places(const struct table *table)
{
	return ((size_t)table->pairs4.count + table->pairs6.count) * SET_WAYS;
}

int young_start(struct table *table)
{
	table->young_until = table->clock.jiffies +
			     table->policies[POLICY_OF_PAIR(BANK_OF(table->state->active), 0)].window_max;
	table->young = !table->is_new;
	if (table->young)
		table->bounds = calloc(pair_places(table) + table->destinations_max, sizeof(*table->bounds));
	return table->young && !table->bounds ? -ENOMEM : 0;
}

void young_end(struct table *table)
{
	table->young = false;
	free(table->bounds);
	table->bounds = NULL;
}

/*
 * Should the fold that the previous daemon wrote be kept? Yes for the first T_T4 after a start, while it is in force
 * and its count is larger than this daemon's: this daemon's ledger is not complete yet. (Life of a table, 3)
 */
static bool is_wiser(struct table *table, const struct words *words, const struct change *change)
{
	uint32_t count = WORD_HIGH(*words->harvest) + WORD_HIGH(*words->base);

	if (table->young && jiffies_since(table->young_until, table->clock.jiffies) > 0)
		young_end(table);
	if (!table->young || !FOLD_IS_OF(*words->fold, WORD_LOW(words->window)))
		return false;
	return count > change->count;
}

static uint32_t saturate32(double value)
{
	return value >= 4294967295.0 ? 0xffffffff : value > 0 ? (uint32_t)(value + 0.5) : 0;
}

/* The times of a change in jiffies: a change has mesh time. */
struct change_jiffies {
	uint32_t ts1, ts2, carry_from;
};

static struct change_jiffies jiffies_of(const struct table *table, const struct change *change)
{
	return (struct change_jiffies){
		.ts1 = table_jiffies_of(table, change->ts1),
		.ts2 = table_jiffies_of(table, change->ts2),
		.carry_from = table_jiffies_of(table, change->carry_from),
	};
}

/* Writes in the order that the kernel's reading relies on: xdp/window.h, measure_fold. */
static void words_fold(const struct words *words, const struct change *change, const struct change_jiffies *at)
{
	uint32_t generation = WORD_LOW(words->window);

	if (!FOLD_IS_OF(*words->fold, generation) || WORD_LOW(*words->base) != at->ts1)
		store64(words->carry, 0);
	store64(words->base, WORD(at->ts1, (uint32_t)change->count - WORD_HIGH(*words->harvest)));
	store64(words->fold,
		FOLD(generation, change->members ? change->members : 1, at->carry_from, at->ts2 >> TS2_SHIFT));
	store64(words->carry,
		WORD(change->known > 0xffffffff ? 0xffffffff : change->known, saturate32(change->rho * RHO_SCALE)));
}

static uint16_t *bound_of_pair(const struct table *table, const struct key *key, const struct spot *spot)
{
	const bool ipv4 = address_is_ipv4(&key->client) && address_is_ipv4(&key->destination);

	return &table->bounds[((ipv4 ? 0 : (size_t)table->pairs4.count) + spot->set_index) * SET_WAYS + spot->way];
}

/*
 * The share to write while the previous daemon's count is kept. An attack that grows after the start must meet this
 * daemon's share. But that share may be too large until other members' counts have come, so it is bounded by the share
 * that the previous daemon wrote (`found`). The bound is stored apart from the record, so that this daemon's own
 * smaller shares do not become bounds.
 */
static uint16_t bounded(uint16_t *bound, uint16_t found, uint16_t share)
{
	if (*bound == 0)
		*bound = found ? found : 2; /* the least that a record holds */
	return share < *bound ? share : *bound;
}

static void destination_write(struct table *table, uint32_t destination, const struct words *words,
			      const struct change *change, const struct change_jiffies *at)
{
	struct destination_head *head = &table->heads[destination];
	const bool wiser = is_wiser(table, words, change);
	uint16_t *bound = table->young ? &table->bounds[pair_places(table) + destination] : NULL;
	bool thin = change->thin;

	if (wiser) {
		/* One that was not thinned has no bound; the share of one that was is below SHARE_ALL as a bound. */
		const uint16_t below = head->pass_share < SHARE_ALL ? head->pass_share : SHARE_ALL - 1;
		const uint16_t found = head->flags & HEAD_THIN ? below : SHARE_ALL;

		store16(words->pass_share, bounded(bound, found, change->pass_share));
		thin = thin || *bound < SHARE_ALL;
	} else {
		words_fold(words, change, at);
		store16(words->pass_share, change->pass_share);
		if (bound)
			*bound = SHARE_ALL; /* the record is this daemon's */
	}
	__atomic_store_n(&head->flags, thin ? head->flags | HEAD_THIN : head->flags & ~HEAD_THIN, __ATOMIC_RELEASE);
	heads_written(table);
}

static void pair_write(struct table *table, const struct spot *spot, const struct change *change,
		       const struct change_jiffies *at)
{
	const struct words words = words_of_pair(table, spot_record(spot));
	uint16_t *bound;
	bool wiser;

	if (!window_is_known(&words, at->ts2) ||
	    begins_late(table, &words, change, at->ts1, words.policy->pair_min_window))
		return;
	wiser = is_wiser(table, &words, change);
	bound = table->young ? bound_of_pair(table, &change->key, spot) : NULL;
	if (wiser) {
		const uint16_t found = share_of_pair(*words.pass_share);

		store16(words.pass_share,
			share_beside(*words.pass_share, bounded(bound, found, change->pass_share)));
		return;
	}
	words_fold(&words, change, at);
	store16(words.pass_share, share_beside(*words.pass_share, change->pass_share));
	if (bound)
		*bound = SHARE_ALL; /* the record is this daemon's */
}

static int apply_destination(struct table *table, const struct change *change, const struct change_jiffies *at)
{
	const struct address *address = &change->key.destination;
	uint32_t destination = change->notable ? quota_destination(table, change) : destination_find(table, address);
	struct words words;

	if (destination == DESTINATION_NONE)
		return change->notable ? -ENOSPC : -ENOENT;
	words = words_of_destination(table, destination);
	if (*words.harvest == 0)
		quota_vouch_destination(table, destination, change);
	if (window_is_known(&words, at->ts2) &&
	    !begins_late(table, &words, change, at->ts1, words.policy->destination_min_window))
		destination_write(table, destination, &words, change, at);
	return 0;
}

int table_apply_hinted(struct table *table, const struct change *change, uint32_t *hint)
{
	const struct change_jiffies at = jiffies_of(table, change);
	const struct key *key = &change->key;
	const enum key_kind kind = key_kind(key);
	struct spot spot;
	int err;

	if (kind != KEY_PAIR && kind != KEY_DESTINATION)
		return hot_apply(table, change);
	if (!spot_find_at(table, key, *hint, &spot)) {
		if (change->notable && !key_names_hosts(key))
			return -EINVAL;
		if (kind == KEY_DESTINATION)
			return apply_destination(table, change, &at);
		if (!spot_find(table, key, &spot)) {
			if (!change->notable || sides_are_foreign(table, &key->client))
				return -ENOENT;
			err = quota_pair(table, change, at.ts2, &spot);
			if (err)
				return err;
		}
		*hint = spot_hint(&spot);
	}
	if (load64(&spot_record(&spot)->harvest) == 0)
		quota_vouch_pair(table, &spot, change);
	pair_write(table, &spot, change, &at);
	return 0;
}

int table_apply(struct table *table, const struct change *change)
{
	uint32_t hint = 0;

	return table_apply_hinted(table, change, &hint);
}

static uint32_t age(uint32_t then, uint32_t now)
{
	int32_t since = jiffies_since(then, now);

	return since > 0 ? (uint32_t)since : 0;
}

/* The carry, as in xdp/window.h. */
static uint64_t carried(const struct table *table, const struct words *words, uint32_t now)
{
	int16_t since = (int16_t)((uint16_t)now - FOLD_CARRY_FROM(*words->fold));
	uint32_t elapsed = since > 0 ? (uint32_t)since : 0;

	if (elapsed > table->state->carry_span)
		elapsed = table->state->carry_span;
	return WORD_LOW(*words->carry) + (uint64_t)WORD_HIGH(*words->carry) * elapsed / RHO_SCALE / table->clock.hz;
}

static void view_fold(const struct table *table, const struct words *words, uint32_t now, struct record_view *view)
{
	uint64_t count = (uint32_t)words->packets + WORD_HIGH(*words->base), expected = carried(table, words, now);

	count = (uint32_t)count;
	view->folded = true;
	view->count = expected > count ? expected : count;
	view->judged_window_s = (double)age(WORD_LOW(*words->base), now) / table->clock.hz;
}

static void view_words(const struct table *table, const struct words *words, struct record_view *view)
{
	uint32_t now = table_now(table), own = age(WORD_LOW(words->window), now), hz = table->clock.hz;

	*view = (struct record_view){
		.packets = words->packets,
		.window_s = (double)own / hz,
		.window_packets = (uint32_t)words->packets - WORD_HIGH(words->window),
	};
	view->count = view->window_packets;
	view->judged_window_s = view->window_s;
	if (FOLD_IS_OF(*words->fold, WORD_LOW(words->window)) &&
	    now - table->state->heartbeat + hz <= table->state->heartbeat_stale + hz)
		view_fold(table, words, now, view);
}

bool table_find(const struct table *table, const struct key *key, struct record_view *ret_view)
{
	uint16_t share = SHARE_ALL;
	uint32_t destination = DESTINATION_NONE;
	struct words words;
	struct spot spot;

	switch (key_kind(key)) {
	case KEY_PAIR:
		if (!spot_find(table, key, &spot))
			return false;
		words = words_of_pair(table, spot_record(&spot));
		share = share_of_pair(*words.pass_share);
		break;
	case KEY_DESTINATION:
		destination = destination_find(table, &key->destination);
		if (destination == DESTINATION_NONE)
			return false;
		words = words_of_destination(table, destination);
		share = *words.pass_share;
		break;
	case KEY_CLIENT:
	case KEY_NETWORK:
		return false;
	}
	view_words(table, &words, ret_view);
	ret_view->pass_share = share;
	ret_view->size = table_size(table, key);
	if (key_kind(key) == KEY_DESTINATION)
		ret_view->bytes = table->paces[destination].bytes;
	return true;
}

double table_size(const struct table *table, const struct key *key)
{
	uint32_t destination;
	struct spot spot;

	switch (key_kind(key)) {
	case KEY_PAIR:
		return spot_find(table, key, &spot) ? pair_size(load32(&spot_record(&spot)->thinning)) : 0;
	case KEY_DESTINATION:
		destination = destination_find(table, &key->destination);
		return destination == DESTINATION_NONE ? 0 : table->paces[destination].size;
	case KEY_CLIENT:
	case KEY_NETWORK:
		break;
	}
	return 0;
}
