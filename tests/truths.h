/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was really counted, by key and slot, at all nodes together: what ledgers are held against. */
#ifndef TESTS_TRUTHS_H
#define TESTS_TRUTHS_H

#include <stddef.h>

#include <xpro/key.h>

struct truth {
	struct key key;
	uint64_t slot, packets;
};

/* All zero is an empty one. It grows as it must. */
struct truths {
	struct truth *places; /* by hash of key and slot; packets 0 is empty */
	size_t count, size;
};

/* One packet more. */
void truths_add(struct truths *truths, const struct key *key, uint64_t slot);

/* Packets of a key in a slot so far. */
uint64_t truths_packets(const struct truths *truths, const struct key *key, uint64_t slot);

void truths_free(struct truths *truths);

#endif
