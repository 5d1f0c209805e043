// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The replay window of RFC 6479: a ring of 64-bit words over the counters; moving on clears whole words, never bits.
 */
#include "anti_replay.h"

#define COUNTER_MAX (UINT64_MAX - (1 << 16)) /* nothing near the end, so that no sum of counters wraps */

_Static_assert(REPLAY_WINDOW % 64 == 0, "the window is whole words");

static uint64_t *word_of(struct anti_replay *window, uint64_t counter)
{
	return &window->bits[counter / 64 % WINDOW_WORDS];
}

bool anti_replay_is_new(const struct anti_replay *window, uint64_t counter)
{
	if (counter == 0 || counter > COUNTER_MAX)
		return false;
	if (counter > window->highest)
		return true;
	if (window->highest - counter >= REPLAY_WINDOW)
		return false;
	return !(window->bits[counter / 64 % WINDOW_WORDS] >> counter % 64 & 1);
}

static void move_on(struct anti_replay *window, uint64_t counter)
{
	uint64_t words = counter / 64 - window->highest / 64;

	if (words > WINDOW_WORDS)
		words = WINDOW_WORDS;
	for (uint64_t i = 0; i < words; i++)
		*word_of(window, counter - 64 * i) = 0;
	window->highest = counter;
}

bool anti_replay_mark(struct anti_replay *window, uint64_t counter)
{
	if (!anti_replay_is_new(window, counter))
		return false;
	if (counter > window->highest)
		move_on(window, counter);
	*word_of(window, counter) |= 1ULL << counter % 64;
	return true;
}
