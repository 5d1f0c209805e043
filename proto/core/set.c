/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two levels of bits: of a million numbers, the search for the next one looks at 256 words at the most. */
#include "set.h"

#include <string.h>

#include "arena.h"

static uint32_t words_for(uint32_t bits)
{
	return bits / 64 + 1;
}

void set_take_memory(struct set *set, struct arena *arena, uint32_t size)
{
	set->size = size;
	set->words = arena_take(arena, words_for(size), sizeof(*set->words));
	set->filled = arena_take(arena, words_for(words_for(size)), sizeof(*set->filled));
}

void set_clear(struct set *set)
{
	memset(set->words, 0, words_for(set->size) * sizeof(*set->words));
	memset(set->filled, 0, words_for(words_for(set->size)) * sizeof(*set->filled));
	set->count = set->next = 0;
}

void set_add(struct set *set, uint32_t number)
{
	uint64_t *word = &set->words[number / 64];
	const uint64_t bit = 1ULL << number % 64;

	set->count += !(*word & bit);
	*word |= bit;
	set->filled[number / 64 / 64] |= 1ULL << number / 64 % 64;
}

/* The first number from `from` on among `bits` bits that is set, or `bits`. */
static uint32_t first_from(const uint64_t *words, uint32_t bits, uint32_t from)
{
	uint64_t word = words[from / 64] & UINT64_MAX << from % 64;

	for (uint32_t w = from / 64; w < words_for(bits); word = words[++w]) {
		if (word)
			return w * 64 + (uint32_t)__builtin_ctzll(word);
		if (w + 1 == words_for(bits))
			break;
	}
	return bits;
}

/* By way of the words that are not empty. */
static uint32_t set_from(const struct set *set, uint32_t from)
{
	const uint64_t word = set->words[from / 64] & UINT64_MAX << from % 64;
	uint32_t w;

	if (word)
		return from / 64 * 64 + (uint32_t)__builtin_ctzll(word);
	w = first_from(set->filled, words_for(set->size), from / 64 + 1);
	return w == words_for(set->size) ? set->size : w * 64 + (uint32_t)__builtin_ctzll(set->words[w]);
}

uint32_t set_take(struct set *set)
{
	uint32_t number = set_from(set, set->next);

	if (number >= set->size)
		number = set_from(set, 0);
	set->words[number / 64] &= ~(1ULL << number % 64);
	if (!set->words[number / 64])
		set->filled[number / 64 / 64] &= ~(1ULL << number / 64 % 64);
	set->count--;
	set->next = number + 1;
	return number;
}
