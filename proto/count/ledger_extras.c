/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the ledger holds of a key beside packets: its join and its sums. It lies in the key's stack of cells
 * (ledger_cells.c), and says nothing of how many packets there were, nor of who counted them.
 */
#include "ledger.h"

static enum join join_one(struct ledger *ledger, struct entry *holder, uint16_t origin, const struct cell *version,
			  unsigned int extra)
{
	const uint16_t slot = (uint16_t)version->slot;
	const uint32_t place = cell_find(ledger, holder, origin, slot, extra);
	const struct ledger_cell joined = { .extra = version->extras[extra],
					    .origin = origin,
					    .slot = slot % SLOTS_SPAN,
					    .first = EXTRA_MARK,
					    .last = (uint8_t)extra };
	struct ledger_cell *cell;

	if (place == INDEX_NONE)
		return cell_new(ledger, holder, slot, &joined) == INDEX_NONE ? JOIN_QUOTA : JOIN_NEW;
	cell = ledger_at(ledger, place);
	if (joined.extra <= cell->extra)
		return JOIN_SAME;
	line_note(ledger, line_class_of(holder, cell), origin, slot,
		  (int64_t)line_count_of(holder, &joined) - line_count_of(holder, cell));
	cell->extra = joined.extra;
	return JOIN_GREW;
}

enum join ledger_join_extras(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version)
{
	struct entry *holder = &ledger->entries[entry];
	enum join all = JOIN_SAME;

	for (unsigned int i = 0; i < kind_extras(entry_kind(holder)); i++) {
		enum join one = JOIN_SAME;

		if (version->extras[i] > 0)
			one = join_one(ledger, holder, origin, version, i);
		if (one == JOIN_QUOTA)
			return JOIN_QUOTA;
		if (one == JOIN_NEW || all == JOIN_SAME)
			all = one;
	}
	return all;
}

uint32_t ledger_extra_of(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot, enum extra extra)
{
	const uint32_t place = cell_find(ledger, &ledger->entries[entry], origin, (uint16_t)slot, extra);

	return place == INDEX_NONE ? 0 : ledger_at(ledger, place)->extra;
}

struct cell ledger_version(const struct ledger *ledger, uint32_t entry, uint16_t origin, uint64_t slot)
{
	const struct entry *holder = &ledger->entries[entry];
	const struct ledger_cell *cell = ledger_cell_of(ledger, entry, origin, slot);
	struct cell version = { .key = ledger_key(ledger, holder), .slot = slot };

	if (cell) {
		version.first = cell->first;
		version.last = cell->last;
		version.packets = cell->packets;
	}
	for (unsigned int i = 0; i < kind_extras(entry_kind(holder)); i++)
		version.extras[i] = ledger_extra_of(ledger, entry, origin, slot, (enum extra)i);
	return version;
}

/* What an extra counts for, within its member's line. */
static uint32_t read_as(const struct ledger *ledger, const struct entry *entry, const struct ledger_cell *cell,
			const bool *excluded)
{
	const uint16_t member = cell->origin / INCARNATIONS_MAX;

	if (!line_is_over(ledger, line_class_of(entry, cell), member, cell_slot_low(entry, cell)))
		return line_count_of(entry, cell);
	return line_read_as(ledger, entry, cell, 0, excluded);
}

struct answers ledger_answers(const struct ledger *ledger, const struct entry *entry, uint64_t oldest,
			      const bool *excluded)
{
	struct answers answers = { .count = 0 };

	for (uint32_t at = entry->stack; at != INDEX_NONE && entry_kind(entry) == KEY_PAIR;
	     at = stack_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);
		uint32_t count;

		if ((int16_t)(uint16_t)(cell_slot_low(entry, cell) - (uint16_t)oldest) < 0)
			break;
		if (!cell_is_extra(cell) || excluded[cell->origin])
			continue;
		count = read_as(ledger, entry, cell, excluded);
		answers.count += count;
		answers.tcp |= count > 0 && answers_have_tcp(cell->extra);
	}
	return answers;
}

static uint64_t sum_of(const struct ledger *ledger, const struct entry *entry, enum extra extra, uint64_t slot,
		       const bool *excluded)
{
	uint64_t sum = 0;

	for (uint32_t at = entry->stack; at != INDEX_NONE && entry_kind(entry) == KEY_CLIENT;
	     at = stack_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell_is_extra(cell) && cell->last == extra && cell_slot_low(entry, cell) == (uint16_t)slot &&
		    !excluded[cell->origin])
			sum += read_as(ledger, entry, cell, excluded);
	}
	return sum;
}

uint64_t ledger_contacts(const struct ledger *ledger, const struct entry *entry, uint64_t slot, const bool *excluded)
{
	return sum_of(ledger, entry, EXTRA_CONTACTS, slot, excluded);
}

uint64_t ledger_unanswered(const struct ledger *ledger, const struct entry *entry, uint64_t slot, const bool *excluded)
{
	return sum_of(ledger, entry, EXTRA_UNANSWERED, slot, excluded);
}
