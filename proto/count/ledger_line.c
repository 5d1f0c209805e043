/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A member's certified line bounds what its cells are read as. Each packet counts once in each kind of key, so what a
 * member reports of one kind in one slot, together, is at most what its line carries. So is each extra: an answer is a
 * packet that left, a contact and an unanswered packet are packets that came. The cells are kept as they came, so
 * ledgers agree; the bound is a function of the cells held and of the certificate.
 *
 * The sums are kept with every cell that comes, grows and goes: by member, class and slot, and apart for each of its
 * incarnations, because one of them may be left out of verdicts. LINE_SLOTS places hold them, in turn. A cell that a
 * pause left behind is of a slot whose place a newer slot has since: it is in no sum, and nothing is taken off for it.
 */
#include <math.h>
#include <string.h>

#include <xpro/record.h>

#include "ledger.h"

enum line_class line_class_of(const struct entry *entry, const struct ledger_cell *cell)
{
	const enum key_kind kind = entry_kind(entry);

	if (!cell_is_extra(cell))
		return (enum line_class)kind;
	return (enum line_class)((kind == KEY_PAIR ? LINE_ANSWERS : LINE_CONTACTS) + cell->last);
}

uint32_t line_count_of(const struct entry *entry, const struct ledger_cell *cell)
{
	if (cell_is_extra(cell) && entry_kind(entry) == KEY_PAIR)
		return answers_in(cell->extra);
	return cell->packets; /* or an extra that is a plain count */
}

static uint64_t total_of(const struct line_totals *totals, enum line_class class, uint16_t slot, const bool *excluded)
{
	const unsigned int place = slot % LINE_SLOTS;
	uint64_t total = 0;

	if (totals->slots[place] != slot)
		return 0;
	for (unsigned int i = 0; i < INCARNATIONS_MAX; i++)
		total += excluded && excluded[i] ? 0 : totals->counts[class][place][i];
	return total;
}

static bool is_empty(const struct line_totals *totals, unsigned int place)
{
	uint64_t any = 0;

	for (unsigned int class = 0; class < LINE_CLASSES; class ++)
		for (unsigned int i = 0; i < INCARNATIONS_MAX; i++)
			any |= totals->counts[class][place][i];
	return any == 0;
}

static void over_set(struct ledger *ledger, uint16_t member, enum line_class class, uint16_t slot, bool over)
{
	const unsigned int bit = 1U << slot % LINE_SLOTS, before = ledger->line_over[member][class];

	ledger->line_over[member][class] = (uint16_t)(over ? before | bit : before & ~bit);
}

/* Is the place the slot's? It becomes so when the slot before is empty, or older. */
static bool take_place(struct ledger *ledger, uint16_t member, uint16_t slot)
{
	struct line_totals *totals = &ledger->line_totals[member];
	const unsigned int place = slot % LINE_SLOTS;

	if (totals->slots[place] == slot)
		return true;
	if (!is_empty(totals, place) && (int16_t)(uint16_t)(slot - totals->slots[place]) < 0)
		return false;
	totals->slots[place] = slot;
	for (unsigned int class = 0; class < LINE_CLASSES; class ++) {
		memset(totals->counts[class][place], 0, sizeof(totals->counts[class][place]));
		over_set(ledger, member, (enum line_class) class, slot, false);
	}
	return true;
}

/* Sets or clears a member's mark for one class and slot. True: it is set now, or was. */
static bool mark(struct ledger *ledger, uint16_t member, enum line_class class, uint16_t slot)
{
	const uint32_t line = ledger->line_packets[member];
	const bool was = line_is_over(ledger, class, member, slot);
	const bool is = line != UINT32_MAX && total_of(&ledger->line_totals[member], class, slot, NULL) > line;

	over_set(ledger, member, class, slot, is);
	return is || was;
}

void line_note(struct ledger *ledger, enum line_class class, uint16_t origin, uint16_t slot, int64_t count)
{
	const uint16_t member = origin / INCARNATIONS_MAX;

	if (count < 0 ? ledger->line_totals[member].slots[slot % LINE_SLOTS] != slot
		      : !take_place(ledger, member, slot))
		return;
	ledger->line_totals[member].counts[class][slot % LINE_SLOTS][origin % INCARNATIONS_MAX] += (uint64_t)count;
	if ((int16_t)(uint16_t)(slot - ledger->line_newest) > 0)
		ledger->line_newest = slot;
	/* A replay that is remembered holds no cell of the newest slot. */
	if (mark(ledger, member, class, slot) && slot != ledger->line_newest)
		ledger->line_moves[member]++;
}

void ledger_set_line(struct ledger *ledger, uint16_t member, uint32_t packets)
{
	ledger->line_packets[member] = packets;
	for (unsigned int class = 0; class < LINE_CLASSES; class ++)
		for (unsigned int place = 0; place < LINE_SLOTS; place++)
			mark(ledger, member, (enum line_class) class, ledger->line_totals[member].slots[place]);
	ledger->line_moves[member]++;
}

double ledger_line_used(const struct ledger *ledger, uint16_t member, uint16_t slot)
{
	uint64_t most = 0;

	for (unsigned int class = 0; class < LINE_CLASSES; class ++) {
		const uint64_t total = total_of(&ledger->line_totals[member], (enum line_class) class, slot, NULL);

		most = total > most ? total : most;
	}
	if (ledger->line_packets[member] == UINT32_MAX)
		return NAN;
	return (double)most / ledger->line_packets[member];
}

bool ledger_extras_are_over_line(const struct ledger *ledger, const struct entry *entry, uint16_t member, uint16_t slot)
{
	const enum key_kind kind = entry_kind(entry);
	const enum line_class first = kind == KEY_PAIR ? LINE_ANSWERS : LINE_CONTACTS;

	for (unsigned int i = 0; i < kind_extras(kind); i++) {
		if (line_is_over(ledger, (enum line_class)(first + i), member, slot))
			return true;
	}
	return false;
}

/* The part of the line that so many packets of the total are read as. */
static uint32_t part_of(uint64_t packets, uint64_t total, uint32_t line)
{
	if (packets > UINT32_MAX)
		packets = UINT32_MAX;
	return (uint32_t)(total <= line ? packets : packets * line / total);
}

uint32_t line_read_as(const struct ledger *ledger, const struct entry *entry, const struct ledger_cell *cell,
		      uint64_t above, const bool *excluded)
{
	const uint16_t member = cell->origin / INCARNATIONS_MAX, slot = cell_slot_low(entry, cell);
	const uint32_t line = ledger->line_packets[member];
	const uint64_t total = total_of(&ledger->line_totals[member], line_class_of(entry, cell), slot,
					excluded ? &excluded[member * INCARNATIONS_MAX] : NULL);

	/* Of a member's cells of one key and slot the sum is rounded, not each: what is above is taken off again. */
	return part_of(above + line_count_of(entry, cell), total, line) - part_of(above, total, line);
}

uint32_t ledger_packets_read(const struct ledger *ledger, const struct entry *entry, const struct ledger_cell *cell,
			     const bool *excluded)
{
	if (!ledger_is_over_line(ledger, entry, cell->origin / INCARNATIONS_MAX, cell_slot_low(entry, cell)))
		return cell->packets;
	return line_read_as(ledger, entry, cell, 0, excluded);
}

uint64_t ledger_line_room(const struct ledger *ledger, const struct entry *entry, uint16_t origin, uint16_t slot)
{
	const uint16_t member = origin / INCARNATIONS_MAX;
	const uint32_t line = ledger->line_packets[member];
	const uint64_t total = total_of(&ledger->line_totals[member], (enum line_class)entry_kind(entry), slot, NULL);

	if (line == UINT32_MAX)
		return UINT64_MAX;
	return total < line ? line - total : 0;
}

static bool any_packets_are_over(const struct ledger *ledger, uint16_t member)
{
	unsigned int any = 0;

	for (unsigned int kind = 0; kind < KEY_KINDS; kind++)
		any |= ledger->line_over[member][kind];
	return any != 0;
}

uint64_t ledger_line_marks(const struct ledger *ledger, const uint64_t *origins, uint32_t words, const bool *excluded)
{
	uint64_t marks = 0;

	for (uint32_t w = 0; w < words; w++) {
		for (uint64_t left = origins[w]; left; left &= left - 1) {
			const uint32_t origin = w * 64 + (uint32_t)__builtin_ctzll(left),
				       member = origin / INCARNATIONS_MAX;
			uint64_t sides = 1;

			if (!any_packets_are_over(ledger, member))
				continue;
			for (unsigned int i = 0; i < INCARNATIONS_MAX; i++)
				sides = sides << 1 | excluded[member * INCARNATIONS_MAX + i];
			marks += mix64((uint64_t)ledger->line_moves[member] << 32 | origin << 8 | sides);
		}
	}
	return marks;
}
