/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open addressing; when it is half full it is built anew without the slots nobody asks for any more. */
#include "tally.h"

#include <stdlib.h>

#include "crypto.h"

static struct tally_entry *place_of(const struct tally *tally, struct tally_name name)
{
	size_t at = crypto_mix(name.who, &name.when, sizeof(name.when)) & tally->mask;

	for (;; at = (at + 1) & tally->mask) {
		struct tally_entry *entry = &tally->entries[at];

		if (entry->packets == 0 || (entry->name.who == name.who && entry->name.when == name.when))
			return entry;
	}
}

uint64_t tally_get(const struct tally *tally, struct tally_name name)
{
	return tally->entries ? place_of(tally, name)->packets : 0;
}

static void rebuild(struct tally *tally, uint64_t oldest)
{
	const struct tally old = *tally;
	size_t kept = 0, size = 1024;

	for (size_t i = 0; old.entries && i <= old.mask; i++)
		kept += old.entries[i].packets && tally_slot(&old.entries[i].name) >= oldest;
	while (size < kept * 4)
		size *= 2;
	*tally = (struct tally){ .entries = calloc(size, sizeof(*tally->entries)), .count = kept, .mask = size - 1 };
	if (!tally->entries)
		abort();
	for (size_t i = 0; old.entries && i <= old.mask; i++) {
		if (old.entries[i].packets && tally_slot(&old.entries[i].name) >= oldest)
			*place_of(tally, old.entries[i].name) = old.entries[i];
	}
	free(old.entries);
}

void tally_set(struct tally *tally, struct tally_name name, uint64_t packets, uint64_t oldest)
{
	struct tally_entry *entry;

	if (packets == 0)
		return;
	if (!tally->entries || tally->count * 2 > tally->mask)
		rebuild(tally, oldest);
	entry = place_of(tally, name);
	tally->count += entry->packets == 0;
	*entry = (struct tally_entry){ name, packets };
}

void tally_free(struct tally *tally)
{
	free(tally->entries);
}
