/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A version of a cell: the packets of a key that one origin counted in a slot so far, and what else it counted of the
 * key. Each is a total of the slot, never an increment.
 */
#ifndef PROTO_CELL_H
#define PROTO_CELL_H

#include <xpro/key.h>

/*
 * What a cell counts beside packets, by the kind of its key. A pair has one such number, a client two, and no other
 * kind has any.
 */
enum extra {
	/* pair: packets back to the client that count as answers, in the form of answers_word */
	EXTRA_ANSWERS = 0,
	/* client: pair records that its own packets made */
	EXTRA_CONTACTS = 0,
	/* client: packets to destinations that did not answer */
	EXTRA_UNANSWERED = 1,
};
#define EXTRAS_MAX 2

struct cell {
	struct key key;
	uint64_t slot;
	uint8_t first, last; /* in slot / SLOT_FRACTIONS; 0 without packets */
	uint64_t packets; /* at least 1, but for a pair of which answers alone were counted */
	uint32_t extras[EXTRAS_MAX]; /* enum extra; 0: none */
};

/* How many extras a cell of this kind has. */
static inline unsigned int kind_extras(enum key_kind kind)
{
	return kind == KEY_PAIR ? 1 : kind == KEY_CLIENT ? 2
							 : 0;
}

static inline bool cell_has_extras(const struct cell *cell)
{
	uint32_t any = 0;

	for (unsigned int i = 0; i < EXTRAS_MAX; i++)
		any |= cell->extras[i];
	return any != 0;
}

/* Does it say nothing? */
static inline bool cell_is_empty(const struct cell *cell)
{
	return cell->packets == 0 && !cell_has_extras(cell);
}

/*
 * Answers, and whether any of them was TCP. Of two words of one cell the larger one is the newer one: an origin's
 * answers only grow, and the mark of TCP stays.
 */
static inline uint32_t answers_word(uint32_t answers, bool tcp)
{
	const uint32_t most = UINT32_MAX / 2;

	return answers == 0 ? 0 : (answers < most ? answers : most) << 1 | (uint32_t)tcp;
}

static inline uint32_t answers_in(uint32_t word)
{
	return word >> 1;
}

static inline bool answers_have_tcp(uint32_t word)
{
	return word & 1;
}

#endif
