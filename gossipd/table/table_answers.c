/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts of answers (xdp/answers.h), beside the records. The kernel adds to them; here they are read, and begin at 0
 * again when a way is given free. That is after the grace period, so no answer in flight may still add to the word.
 */
#include <errno.h>
#include <sys/mman.h>

#include "table_internal.h"
#include "xpro.skel.h"

#define STRAYS_BYTES (STRAYS * sizeof(__u64))

static size_t bytes_beside(const struct pairs *pairs)
{
	return pairs->count * sizeof(struct answer_set);
}

/* NULL: it cannot be mapped */
static void *map_in(const struct bpf_map *map, size_t bytes, int protection)
{
	void *memory = mmap(NULL, bytes, protection, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* A word as it was when it was last looked at. */
struct answers_seen {
	uint32_t count, check; /* check: of a stray, whose it is */
	uint32_t second; /* of the look, and 1 more; 0: none yet */
};

/* One for each way of both tables and each stray. Pages that nothing is noted in take no memory. */
static size_t seen_bytes(const struct table *table)
{
	return (((size_t)table->pairs4.count + table->pairs6.count) * SET_WAYS + STRAYS) * sizeof(struct answers_seen);
}

int answers_map(struct table *table)
{
	const struct xpro *skeleton = table->skeleton;
	const int both = PROT_READ | PROT_WRITE;

	table->answers4 = map_in(skeleton->maps.answers4, bytes_beside(&table->pairs4), both);
	table->answers6 = map_in(skeleton->maps.answers6, bytes_beside(&table->pairs6), both);
	table->strays = map_in(skeleton->maps.strays, STRAYS_BYTES, PROT_READ);
	table->answers_seen = mmap(NULL, seen_bytes(table), both, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table->answers_seen == MAP_FAILED)
		table->answers_seen = NULL;
	return table->answers4 && table->answers6 && table->strays && table->answers_seen ? 0 : -ENOMEM;
}

void answers_unmap(struct table *table)
{
	if (table->answers4)
		munmap(table->answers4, bytes_beside(&table->pairs4));
	if (table->answers6)
		munmap(table->answers6, bytes_beside(&table->pairs6));
	if (table->strays)
		munmap((void *)(uintptr_t)table->strays, STRAYS_BYTES);
	if (table->answers_seen)
		munmap(table->answers_seen, seen_bytes(table));
}

static uint32_t *word_of(const struct table *table, bool ipv6, uint32_t set_index, unsigned int way)
{
	return &(ipv6 ? table->answers6 : table->answers4)[set_index].words[way];
}

static struct answers_seen *seen_of_way(const struct table *table, bool ipv6, uint32_t set_index, unsigned int way)
{
	return &table->answers_seen[((ipv6 ? (size_t)table->pairs4.count : 0) + set_index) * SET_WAYS + way];
}

void answers_forget(struct table *table, const struct pairs *pairs, uint32_t set_index, unsigned int way)
{
	__atomic_store_n(word_of(table, pairs->ipv6, set_index, way), 0, __ATOMIC_RELEASE);
	*seen_of_way(table, pairs->ipv6, set_index, way) = (struct answers_seen){ .second = 0 };
}

/* ---- what is new ---- */

/* The answers to a pair, and where the last look at them is noted. */
struct place {
	uint32_t word, check;
	struct answers_seen *seen;
	bool recorded;
	bool is_new; /* all packets of the record, and so all its answers, are of the last ANSWERS_LOOK_SECONDS_MAX */
};

static bool is_new(const struct table *table, const struct pair_record *record)
{
	const uint64_t window = load64(&record->window);

	return WORD_HIGH(window) == 0 && jiffies_since(WORD_LOW(window), table->clock.jiffies) <=
						 (int32_t)(ANSWERS_LOOK_SECONDS_MAX * table->clock.hz);
}

/* A record that counted no packet here stands for others' counts: answers to its pair are strays. */
static struct place place_of(const struct table *table, const struct key *key)
{
	const size_t ways = ((size_t)table->pairs4.count + table->pairs6.count) * SET_WAYS;
	struct place place = { .recorded = false };
	bool ipv6 = false;
	const uint64_t tag = tag_of_key(table, key, &ipv6), hash = tag_hash(tag, table->state->seed, ipv6);
	struct spot spot;
	uint64_t stray;

	if (spot_find(table, key, &spot) && load32(&spot_record(&spot)->packets) != 0) {
		place.recorded = true;
		place.word = load32(word_of(table, ipv6, spot.set_index, spot.way));
		place.seen = seen_of_way(table, ipv6, spot.set_index, spot.way);
		place.is_new = is_new(table, spot_record(&spot));
		return place;
	}
	stray = load64(&table->strays[STRAY_OF(hash)]);
	place.check = STRAY_CHECK(hash);
	if (WORD_HIGH(stray) == place.check)
		place.word = WORD_LOW(stray);
	place.seen = &table->answers_seen[ways + STRAY_OF(hash)];
	return place;
}

uint32_t table_answers_gained(struct table *table, const struct key *key, struct instant mono, bool *ret_tcp)
{
	const uint32_t second = (uint32_t)(mono.ns / NS_PER_S) + 1;
	const struct place place = place_of(table, key);
	const struct answers_seen before = *place.seen;
	const bool was_seen = before.second != 0 && before.check == place.check,
		   is_recent = was_seen && second - before.second <= ANSWERS_LOOK_SECONDS_MAX;
	const uint32_t gained = ANSWERS_OF(ANSWERS_OF(place.word) - (was_seen ? before.count : 0));

	*place.seen = (struct answers_seen){ ANSWERS_OF(place.word), place.check, second };
	*ret_tcp = place.word & ANSWERS_TCP;
	/* What came before the first look belongs to no slot; a word that is another pair's since began at 0. */
	return (is_recent || place.is_new) && place.word ? gained : 0;
}

struct answers_view table_answers(const struct table *table, const struct key *key)
{
	struct place place;

	if (key_kind(key) != KEY_PAIR)
		return (struct answers_view){ .recorded = false };
	place = place_of(table, key);
	return (struct answers_view){ .recorded = place.recorded,
				      .tcp = place.word & ANSWERS_TCP,
				      .count = ANSWERS_OF(place.word) };
}

/* ---- all of them ---- */

static void answered_in(struct table *table, const struct pairs *pairs, uint32_t set_index,
			void (*each)(void *user, const struct key *key, bool tcp), void *user)
{
	const struct pair4_set *set = set_of_index(pairs, set_index);

	for (unsigned int way = 0; way < SET_WAYS; way++) {
		const uint32_t word = load32(word_of(table, pairs->ipv6, set_index, way));
		const uint64_t tag = load64(&set->tags[way]);
		const struct spot spot = { (struct pair4_set *)(uintptr_t)set, set_index, way };
		struct key key;

		if (ANSWERS_OF(word) == 0 || tag == TAG_EMPTY || tag >= TAG_DEAD)
			continue;
		key = spot_key(pairs, &spot, tag);
		each(user, &key, word & ANSWERS_TCP);
	}
}

void table_answered(struct table *table, uint32_t sets,
		    void (*each)(void *user, const struct key *key, bool tcp), void *user)
{
	const uint32_t all = table->pairs4.count + table->pairs6.count;

	for (; sets > 0; sets--) {
		const uint32_t at = table->answered_next, four = table->pairs4.count;

		answered_in(table, at < four ? &table->pairs4 : &table->pairs6, at < four ? at : at - four, each, user);
		table->answered_next = at + 1 < all ? at + 1 : 0;
	}
}

uint32_t table_pair_sets(const struct table *table)
{
	return table->pairs4.count + table->pairs6.count;
}
