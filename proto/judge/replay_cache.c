/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A direct-mapped cache of unfinished replays. The newest slot is summed each time: its cells are on top of the
 * stack.
 */
#include "replay_cache.h"

#include "arena.h"

static void cache_take_memory(struct replay_cache *cache, struct arena *arena, uint32_t keys_max, uint32_t members_max)
{
	uint32_t lines = 16;

	while (lines < keys_max && lines < REPLAY_CACHE_LINES_MAX)
		lines *= 2;
	cache->mask = lines - 1;
	cache->words = (members_max * INCARNATIONS_MAX + 63) / 64;
	cache->lines = arena_take(arena, lines, sizeof(*cache->lines));
	cache->origins = arena_take(arena, 2 * (size_t)lines * cache->words, sizeof(*cache->origins));
}

size_t replay_cache_bytes(uint32_t keys_max, uint32_t members_max)
{
	struct arena arena = { .memory = NULL };
	struct replay_cache cache;

	cache_take_memory(&cache, &arena, keys_max, members_max);
	return arena.used;
}

void replay_cache_init(struct replay_cache *cache, struct arena *arena, uint32_t keys_max, uint32_t members_max)
{
	cache_take_memory(cache, arena, keys_max, members_max);
	for (uint32_t i = 0; i <= cache->mask; i++)
		cache->lines[i] = (struct replay_cache_line){ .entry = INDEX_NONE };
}

/* Was an origin of this set excluded, or included again, since the set was made? `side`: what `excluded` was then. */
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

static void sets_make(const struct replay_cache *cache, const struct ledger *ledger, uint32_t place,
		      const bool *excluded, uint64_t *sets)
{
	memset(sets, 0, 2 * (size_t)cache->words * sizeof(*sets));
	for (; place != INDEX_NONE; place = ledger_below(ledger, place)) {
		const uint16_t origin = ledger_at(ledger, place)->origin;

		sets[(excluded[origin] ? cache->words : 0) + origin / 64] |= 1ULL << origin % 64;
	}
}

static uint64_t oldest_of(const struct replay_cache_line *line)
{
	return line->slot < SLOTS_HELD ? 0 : line->slot - (SLOTS_HELD - 1);
}

static struct replay replay_below(const struct ledger *ledger, const struct replay_cache_line *line, uint32_t below,
				  const struct mesh *mesh, const bool *excluded)
{
	struct replay replay = { .previous = 0 };
	struct slot_sums sums;

	ledger_sum(ledger, &ledger->entries[line->entry], below, oldest_of(line), mesh, excluded, &sums);
	for (unsigned int i = 0; i < SLOTS_HELD; i++)
		algorithm1_add(&replay, oldest_of(line) + i, &sums.sum[i], mesh, line->idle_reset);
	return replay;
}

static void sets_count(const struct replay_cache *cache, const uint64_t *sets, struct replay_cache_line *line)
{
	uint32_t last = 0; /* member; a member's origins are neighbours */

	line->origins = 0;
	line->members = 1;
	for (uint32_t w = 0; w < cache->words; w++) {
		for (uint64_t left = sets[cache->words + w]; left; left &= left - 1)
			line->origins++;
		for (uint64_t left = sets[w]; left; left &= left - 1) {
			const uint32_t member = (w * 64 + (uint32_t)__builtin_ctzll(left)) / INCARNATIONS_MAX;

			line->origins++;
			line->members += member != last;
			last = member;
		}
	}
}

/* Of all origins, because this proxy's own may be left out, and its own replay counts them. */
static uint64_t marks_of(const struct replay_cache *cache, const struct ledger *ledger, const uint64_t *sets,
			 const bool *excluded)
{
	return ledger_line_marks(ledger, sets, cache->words, excluded) +
	       ledger_line_marks(ledger, sets + cache->words, cache->words, excluded);
}

static void line_make(const struct replay_cache *cache, const struct ledger *ledger, struct replay_cache_line *line,
		      uint64_t *sets, const struct mesh *mesh, const bool *excluded)
{
	const uint32_t below = ledger_below_newest(ledger, &ledger->entries[line->entry]);

	line->replay = replay_below(ledger, line, below, mesh, excluded);
	sets_make(cache, ledger, below, excluded, sets);
	sets_count(cache, sets, line);
	line->marks = marks_of(cache, ledger, sets, excluded);
	ledger->entries[line->entry].flags |= ENTRY_CACHED;
}

/* A key's line, made anew unless it holds. */
static struct replay_cache_line *line_of(const struct replay_cache *cache, const struct ledger *ledger, uint32_t number,
					 uint64_t slot_now, const struct mesh *mesh, const bool *excluded,
					 struct duration idle_reset, uint64_t **ret_sets)
{
	const struct entry *entry = &ledger->entries[number];
	const struct replay_cache_line wanted = {
		.entry = number, .top = entry->newest, .slot = slot_now, .idle_reset = idle_reset
	};
	struct replay_cache_line *line = &cache->lines[number & cache->mask];
	uint64_t *sets = &cache->origins[2 * (size_t)(number & cache->mask) * cache->words];

	*ret_sets = sets;
	if (entry->flags & ENTRY_CACHED && line->entry == number && line->top == wanted.top && line->slot == slot_now &&
	    line->idle_reset.ns == idle_reset.ns && !has_changed_sides(sets, cache->words, excluded, false) &&
	    !has_changed_sides(sets + cache->words, cache->words, excluded, true) &&
	    line->marks == marks_of(cache, ledger, sets, excluded))
		return line;
	*line = wanted;
	line_make(cache, ledger, line, sets, mesh, excluded);
	return line;
}

/* Adds the newest slot to what the older ones came to, unless it has not begun, or is none of those held. */
static struct paper_m with_newest(struct replay replay, const struct ledger *ledger,
				  const struct replay_cache_line *line, const struct mesh *mesh, const bool *excluded)
{
	/* 1: of the slot to come. Others: how far back, wrapped */
	const uint16_t ahead = (uint16_t)(line->top - (uint16_t)line->slot);

	if (ahead == 0 || ahead > UINT16_MAX - (SLOTS_HELD - 1)) {
		const uint64_t top = line->slot + ahead - (ahead ? UINT16_MAX + 1ULL : 0);
		const struct slot_sum sum = ledger_sum_newest(ledger, &ledger->entries[line->entry], top, mesh,
							      excluded);

		algorithm1_add(&replay, top, &sum, mesh, line->idle_reset);
	}
	return replay.m;
}

void replay_cache_view_of(const struct replay_cache *cache, const struct ledger *ledger, uint32_t number,
			  uint64_t slot_now, const struct mesh *mesh, const bool *excluded, struct duration idle_reset,
			  struct replay_cache_view *ret_view)
{
	uint64_t *sets;
	const struct replay_cache_line *line = line_of(cache, ledger, number, slot_now, mesh, excluded, idle_reset,
						       &sets);

	*ret_view = (struct replay_cache_view){
		.m = with_newest(line->replay, ledger, line, mesh, excluded),
		.counted = sets,
		.left_out = sets + cache->words,
		.words = cache->words,
		.origins = line->origins,
		.members = line->members,
	};
}

struct paper_m replay_cache_own(const struct replay_cache *cache, const struct ledger *ledger, uint32_t number,
				uint64_t slot_now, const struct mesh *mesh, const bool *excluded, const bool *others,
				struct duration idle_reset)
{
	uint64_t *sets;
	struct replay_cache_line *line = line_of(cache, ledger, number, slot_now, mesh, excluded, idle_reset, &sets);

	if (!line->own_known) {
		line->own = replay_below(ledger, line, ledger_below_newest(ledger, &ledger->entries[number]), mesh,
					 others);
		line->own_known = true;
	}
	return with_newest(line->own, ledger, line, mesh, others);
}
