/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A direct-mapped cache of half-done replays. The newest slot is summed anew each time: its cells stand on top. */
#include "past.h"

#include "arena.h"

static void past_place(struct past *past, struct arena *arena, uint32_t keys_max, uint32_t members_max)
{
	uint32_t lines = 16;

	while (lines < keys_max && lines < PAST_LINES_MAX)
		lines *= 2;
	past->mask = lines - 1;
	past->words = (members_max * INCARNATIONS_MAX + 63) / 64;
	past->lines = arena_take(arena, lines, sizeof(*past->lines));
	past->origins = arena_take(arena, 2 * (size_t)lines * past->words, sizeof(*past->origins));
}

size_t past_bytes(uint32_t keys_max, uint32_t members_max)
{
	struct arena arena = { .memory = NULL };
	struct past past;

	past_place(&past, &arena, keys_max, members_max);
	return arena.used;
}

void past_init(struct past *past, struct arena *arena, uint32_t keys_max, uint32_t members_max)
{
	past_place(past, arena, keys_max, members_max);
	past_forget(past);
}

void past_forget(struct past *past)
{
	for (uint32_t i = 0; i <= past->mask; i++)
		past->lines[i] = (struct past_line){ .entry = INDEX_NONE };
}

/* Does one of a set's origins stand otherwise with `excluded` than when it was put there? */
static bool has_changed_sides(const uint64_t *set, uint32_t words, const bool *excluded, bool side)
{
	for (uint32_t w = 0; w < words; w++) {
		for (uint64_t left = set[w]; left; left &= left - 1) {
			if (excluded[w * 64 + (uint32_t)__builtin_ctzll(left)] != side)
				return true;
		}
	}
	return false;
}

static void sets_make(const struct past *past, const struct ledger *ledger, uint32_t place, const bool *excluded, uint64_t *sets)
{
	memset(sets, 0, 2 * (size_t)past->words * sizeof(*sets));
	for (; place != INDEX_NONE; place = ledger_below(ledger, place)) {
		const uint16_t origin = ledger_at(ledger, place)->origin;

		sets[(excluded[origin] ? past->words : 0) + origin / 64] |= 1ULL << origin % 64;
	}
}

static void line_make(const struct past *past, const struct ledger *ledger, struct past_line *line, uint64_t *sets, const struct mesh *mesh,
		      const bool *excluded)
{
	const struct entry *entry = &ledger->entries[line->entry];
	const uint32_t below = ledger_below_newest(ledger, entry);
	const uint64_t oldest = line->slot < SLOTS_HELD ? 0 : line->slot - (SLOTS_HELD - 1);
	struct slot_sums sums;

	ledger_sum(ledger, entry, below, oldest, mesh, excluded, &sums);
	line->replay = (struct replay){ .previous = 0 };
	for (unsigned int i = 0; i < SLOTS_HELD; i++)
		algorithm1_add(&line->replay, oldest + i, &sums.sum[i], mesh, line->idle_reset);
	sets_make(past, ledger, below, excluded, sets);
	ledger->entries[line->entry].flags |= ENTRY_PAST;
}

void past_view_of(const struct past *past, const struct ledger *ledger, uint32_t number, uint64_t slot_now, const struct mesh *mesh,
		  const bool *excluded, struct duration idle_reset, struct past_view *ret_view)
{
	const struct entry *entry = &ledger->entries[number];
	const struct past_line wanted = { .entry = number, .top = entry->newest, .slot = slot_now, .idle_reset = idle_reset };
	struct past_line *line = &past->lines[number & past->mask];
	uint64_t *sets = &past->origins[2 * (size_t)(number & past->mask) * past->words];
	const uint16_t ahead = (uint16_t)(wanted.top - (uint16_t)slot_now); /* 1: a cell of the slot to come. Others: how far back, wrapped */
	struct replay replay;

	if (!(entry->flags & ENTRY_PAST) || line->entry != number || line->top != wanted.top || line->slot != slot_now ||
	    line->idle_reset.ns != idle_reset.ns || has_changed_sides(sets, past->words, excluded, false) ||
	    has_changed_sides(sets + past->words, past->words, excluded, true)) {
		*line = wanted;
		line_make(past, ledger, line, sets, mesh, excluded);
	}
	replay = line->replay;
	if (ahead == 0 || ahead > UINT16_MAX - (SLOTS_HELD - 1)) {
		const uint64_t top = slot_now + ahead - (ahead ? UINT16_MAX + 1ULL : 0);
		const struct slot_sum sum = ledger_sum_newest(ledger, entry, top, mesh, excluded);

		algorithm1_add(&replay, top, &sum, mesh, idle_reset);
	}
	*ret_view = (struct past_view){ replay.m, sets, sets + past->words, past->words };
}
