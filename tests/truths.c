/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "truths.h"

#include <stdlib.h>

#include "counters.h"

/* Where the truth of a key in a slot stands, or belongs. */
static struct truth *truth_at(const struct truths *truths, const struct key *key, uint64_t slot)
{
	size_t at = key_hash(key, slot) & (truths->size - 1);

	while (truths->places[at].packets > 0 &&
	       (truths->places[at].slot != slot || !key_equal(&truths->places[at].key, key)))
		at = (at + 1) & (truths->size - 1);
	return &truths->places[at];
}

static void truths_double(struct truths *truths)
{
	const struct truths old = *truths;

	truths->size = old.size ? 2 * old.size : 1024;
	truths->places = calloc(truths->size, sizeof(*truths->places));
	if (!truths->places)
		abort();
	for (size_t i = 0; i < old.size; i++) {
		if (old.places[i].packets > 0)
			*truth_at(truths, &old.places[i].key, old.places[i].slot) = old.places[i];
	}
	free(old.places);
}

void truths_add(struct truths *truths, const struct key *key, uint64_t slot)
{
	struct truth *truth;

	if (2 * truths->count >= truths->size)
		truths_double(truths);
	truth = truth_at(truths, key, slot);
	truths->count += truth->packets == 0;
	*truth = (struct truth){ *key, slot, truth->packets + 1 };
}

uint64_t truths_packets(const struct truths *truths, const struct key *key, uint64_t slot)
{
	return truths->size ? truth_at(truths, key, slot)->packets : 0;
}

void truths_free(struct truths *truths)
{
	free(truths->places);
	*truths = (struct truths){ .count = 0 };
}
