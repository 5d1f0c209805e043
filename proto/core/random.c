/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random numbers of a node: tokens, choices, jitter. Keys and nonces do not come from here.
 */
#include "node_core.h"

static uint64_t rotate_left(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

/* xoshiro256**: for tokens, choices and jitter. Keys and nonces do not come from here. */
uint64_t node_random(struct node *node)
{
	uint64_t *s = node->random;
	const uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}
