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

int answers_map(struct table *table)
{
	const struct xpro *skeleton = table->skeleton;
	const int both = PROT_READ | PROT_WRITE;

	table->answers4 = map_in(skeleton->maps.answers4, bytes_beside(&table->pairs4), both);
	table->answers6 = map_in(skeleton->maps.answers6, bytes_beside(&table->pairs6), both);
	table->strays = map_in(skeleton->maps.strays, STRAYS_BYTES, PROT_READ);
	return table->answers4 && table->answers6 && table->strays ? 0 : -ENOMEM;
}

void answers_unmap(struct table *table)
{
	if (table->answers4)
		munmap(table->answers4, bytes_beside(&table->pairs4));
	if (table->answers6)
		munmap(table->answers6, bytes_beside(&table->pairs6));
	if (table->strays)
		munmap((void *)(uintptr_t)table->strays, STRAYS_BYTES);
}

static uint32_t *word_of(const struct table *table, bool ipv6, uint32_t set_index, unsigned int way)
{
	return &(ipv6 ? table->answers6 : table->answers4)[set_index].words[way];
}

void answers_forget(struct table *table, const struct pairs *pairs, uint32_t set_index, unsigned int way)
{
	__atomic_store_n(word_of(table, pairs->ipv6, set_index, way), 0, __ATOMIC_RELEASE);
}

struct answers_view table_answers(const struct table *table, const struct key *key)
{
	uint32_t word = 0;
	struct spot spot;
	uint64_t hash, stray;
	bool ipv6 = false;

	if (key_kind(key) != KEY_PAIR)
		return (struct answers_view){ .recorded = false };
	hash = tag_of_key(table, key, &ipv6);
	hash = tag_hash(hash, table->state->seed, ipv6);
	if (spot_find(table, key, &spot)) {
		word = load32(word_of(table, ipv6, spot.set_index, spot.way));
		return (struct answers_view){ .recorded = true, .tcp = word & ANSWERS_TCP, .count = ANSWERS_OF(word) };
	}
	stray = load64(&table->strays[STRAY_OF(hash)]);
	if (WORD_HIGH(stray) == STRAY_CHECK(hash))
		word = WORD_LOW(stray);
	return (struct answers_view){ .tcp = word & ANSWERS_TCP, .count = ANSWERS_OF(word) };
}
