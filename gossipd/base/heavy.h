/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Heavy hitters: which clients bring most of a stream, in bounded memory (Misra and Gries, Finding Repeated Elements,
 * 1982). Each item counts one. A client without a place takes a free one, or takes one off every count. With t items of
 * a client and T of all:
 *
 *	t - lost <= count <= t,		lost <= T / (HEAVY_PLACES + 1)
 *
 * So no count is ever too large, and whoever has more than one part in HEAVY_PLACES + 1 of the stream has a place.
 * heavy_halve forgets: afterwards the same holds of halves, but for one item that rounding takes.
 */
#ifndef GOSSIPD_HEAVY_H
#define GOSSIPD_HEAVY_H

#include <stdint.h>

#include <xpro/key.h>

#define HEAVY_PLACES 256
#define HEAVY_BUCKETS 1024 /* of the index: a quarter full at most */

struct heavy_place {
	struct address client;
	uint32_t count;
};

/* Ready when all zero but for the seed. */
struct heavy {
	uint64_t seed; /* of the index: nobody outside can aim at one bucket */
	uint64_t total; /* T */
	uint64_t lost;
	uint32_t used; /* places */
	struct heavy_place places[HEAVY_PLACES]; /* those in use come first */
	uint16_t index[HEAVY_BUCKETS]; /* number of a place, from 1; 0: none */
};

/* One item of this client. */
void heavy_add(struct heavy *heavy, const struct address *client);

/* Everything counts half. */
void heavy_halve(struct heavy *heavy);

/* The client's count; 0: it has no place. */
uint32_t heavy_count(const struct heavy *heavy, const struct address *client);

/* The place with the highest count, or NULL. */
const struct heavy_place *heavy_top(const struct heavy *heavy);

/* Which part of the stream so many items are. */
static inline double heavy_part(const struct heavy *heavy, uint32_t count)
{
	return heavy->total ? (double)count / (double)heavy->total : 0;
}

#endif
