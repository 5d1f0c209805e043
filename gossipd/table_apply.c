/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the ledger back to the kernel: what the mesh knows of a key becomes the daemon's words of its record, and so the next
 * packet's verdict. Also the reverse view, a record as it stands.
 */
#include <errno.h>

#include "table_internal.h"

/*
 * The window the fold speaks of: the one the last harvest saw. A window that started afterwards is not in the ledger yet, and the
 * old count must not be judged as the new window's. A record never harvested has only its first window, which continues what
 * others counted unless they were silent for T_T1 before it.
 */
static bool window_is_known(const struct words *words, uint32_t ts2)
{
	uint32_t harvested = WORD_HIGH(*words->harvest), before = WORD_HIGH(words->window);

	if ((int32_t)(harvested - before) > 0)
		return true;
	return harvested == 0 && before == 0 &&
	       jiffies_since(ts2, WORD_LOW(words->window)) <= (int32_t)words->policy->idle_reset;
}

/* A daemon just started knows less than the one before it wrote: for T_T4 a larger count in force is kept. */
static bool is_wiser(struct table *table, const struct words *words, const struct fold *fold)
{
	uint32_t count = WORD_HIGH(*words->harvest) + WORD_HIGH(*words->base);

	if (table->young && jiffies_since(table->young_until, table->clock.jiffies) > 0)
		table->young = false;
	if (!table->young || !FOLD_IS_OF(*words->fold, WORD_LOW(words->window)))
		return false;
	return count > fold->count;
}

static uint32_t saturate32(double value)
{
	return value >= 4294967295.0 ? 0xffffffff : value > 0 ? (uint32_t)(value + 0.5) : 0;
}

/* The order the kernel's reading relies on: judge.h, measure_fold. */
static void words_fold(const struct table *table, const struct words *words, const struct fold *fold, uint32_t ts2)
{
	uint32_t generation = WORD_LOW(words->window), ts1 = table_jiffies_of(table, fold->ts1);
	uint32_t carry_from = table_jiffies_of(table, fold->carry_from);

	if (!FOLD_IS_OF(*words->fold, generation) || WORD_LOW(*words->base) != ts1)
		store64(words->carry, 0);
	store64(words->base, WORD(ts1, (uint32_t)fold->count - WORD_HIGH(*words->harvest)));
	store64(words->fold, FOLD(generation, fold->members ? fold->members : 1, carry_from, ts2 >> TS2_SHIFT));
	store64(words->carry, WORD(fold->floor > 0xffffffff ? 0xffffffff : fold->floor, saturate32(fold->rho * RHO_SCALE)));
	store16(words->pass_share, fold->pass_share);
}

static int apply_destination(struct table *table, const struct key *key, const struct fold *fold, bool insert)
{
	uint32_t destination = insert ? destination_make(table, &key->destination) : destination_find(table, &key->destination);
	uint32_t ts2 = table_jiffies_of(table, fold->ts2);
	struct destination_head *head;
	struct words words;

	if (destination == DESTINATION_NONE)
		return insert ? -ENOSPC : -ENOENT;
	head = &table->heads[destination];
	words = words_of_destination(table, destination);
	if (!window_is_known(&words, ts2) || is_wiser(table, &words, fold))
		return 0;
	words_fold(table, &words, fold, ts2);
	__atomic_store_n(&head->flags, fold->thin ? head->flags | HEAD_THIN : head->flags & ~HEAD_THIN, __ATOMIC_RELEASE);
	heads_written(table);
	return 0;
}

int table_apply_hinted(struct table *table, const struct key *key, const struct fold *fold, bool insert, uint32_t *hint)
{
	uint32_t ts2 = table_jiffies_of(table, fold->ts2);
	struct words words;
	struct spot spot;
	int err;

	if (!spot_find_at(table, key, *hint, &spot)) {
		if (insert && !key_names_hosts(key))
			return -EINVAL;
		if (key_is_destination(key))
			return apply_destination(table, key, fold, insert);
		if (!spot_find(table, key, &spot)) {
			if (!insert)
				return -ENOENT;
			err = spot_make(table, key, destination_make(table, &key->destination), ts2, &spot);
			if (err)
				return err;
		}
		*hint = spot_hint(&spot);
	}
	words = words_of_pair(table, spot_record(&spot));
	if (window_is_known(&words, ts2) && !is_wiser(table, &words, fold))
		words_fold(table, &words, fold, ts2);
	return 0;
}

int table_apply(struct table *table, const struct key *key, const struct fold *fold, bool insert)
{
	uint32_t hint = 0;

	return table_apply_hinted(table, key, fold, insert, &hint);
}

static uint32_t age(uint32_t then, uint32_t now)
{
	int32_t since = jiffies_since(then, now);

	return since > 0 ? (uint32_t)since : 0;
}

/* The carry, as judge.h has it. */
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
		.pass_share = *words->pass_share,
	};
	view->count = view->window_packets;
	view->judged_window_s = view->window_s;
	if (FOLD_IS_OF(*words->fold, WORD_LOW(words->window)) &&
	    now - table->state->heartbeat + hz <= table->state->heartbeat_stale + hz)
		view_fold(table, words, now, view);
}

bool table_find(const struct table *table, const struct key *key, struct record_view *ret_view)
{
	uint32_t destination;
	struct words words;
	struct spot spot;

	if (key_is_destination(key)) {
		destination = destination_find(table, &key->destination);
		if (destination == DESTINATION_NONE)
			return false;
		words = words_of_destination(table, destination);
	} else {
		if (!spot_find(table, key, &spot))
			return false;
		words = words_of_pair(table, spot_record(&spot));
	}
	view_words(table, &words, ret_view);
	return true;
}
