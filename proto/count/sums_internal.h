/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sums.c and sums_begin.c share: places of exact sums. */
#ifndef PROTO_SUMS_INTERNAL_H
#define PROTO_SUMS_INTERNAL_H

#include "sums.h"

static inline bool sum_is_used(const struct sums *sums, uint16_t number)
{
	const uint32_t kind = sums->cells[number - 1].kind;

	return kind == SUM_CLIENT || kind == SUM_NETWORK;
}

/* Packets of a slot that is kept. */
uint64_t sum_packets(const struct sums *sums, uint16_t number, uint64_t slot);

/* Takes a free place, of which there must be one. It is nobody's after a crash until sum_publish. */
uint16_t sum_take(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash);
void sum_publish(struct sums *sums, uint16_t number, enum key_kind kind);

/* The cell of a slot becomes this one; its key and slot are not looked at. */
void sum_set(struct sums *sums, uint16_t number, uint64_t slot, const struct cell *cell);

/* One more contact in the running slot. */
void sum_contact(struct sums *sums, uint16_t number);

void sum_wanted(struct sums *sums, uint16_t number);
void sum_free(struct sums *sums, uint16_t number);

#endif
