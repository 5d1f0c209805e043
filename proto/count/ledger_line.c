/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A member's certified line bounds what its cells are read as. Each packet counts once in each kind of key, so what a
 * member reports of one kind in one slot, together, is at most what its line carries. The cells are kept as they came,
 * so ledgers agree; the bound is a function of the cells held and of the certificate.
 *
 * The sums are kept with every cell that comes, grows and goes: by member, kind and slot, and apart for each of its
 * incarnations, because one of them may be left out of verdicts. LINE_SLOTS places hold them, in turn. A cell that a
 * pause left behind is of a slot whose place a newer slot has since: it is in no sum, and nothing is taken off for it.
 */
#include <math.h>
#include <string.h>

#include <xpro/record.h>

#include "ledger.h"

static uint64_t over_bit(enum key_kind kind, uint16_t slot)
{
	return 1ULL << (kind * LINE_SLOTS + slot % LINE_SLOTS);
}

static uint64_t total_of(const struct line_totals *totals, enum key_kind kind, uint16_t slot, const bool *excluded)
{
	const unsigned int place = slot % LINE_SLOTS;
	uint64_t total = 0;

	if (totals->slots[place] != slot)
		return 0;
	for (unsigned int i = 0; i < INCARNATIONS_MAX; i++)
		total += excluded && excluded[i] ? 0 : totals->packets[kind][place][i];
	return total;
}

static bool is_empty(const struct line_totals *totals, unsigned int place)
{
	uint64_t any = 0;

	for (unsigned int kind = 0; kind < KEY_KINDS; kind++)
		for (unsigned int i = 0; i < INCARNATIONS_MAX; i++)
			any |= totals->packets[kind][place][i];
	return any == 0;
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
	for (unsigned int kind = 0; kind < KEY_KINDS; kind++) {
		memset(totals->packets[kind][place], 0, sizeof(totals->packets[kind][place]));
		ledger->line_over[member] &= ~over_bit(kind, slot);
	}
	return true;
}

/* Sets or clears a member's mark for one kind and slot. True: it is set now, or was. */
static bool mark(struct ledger *ledger, uint16_t member, enum key_kind kind, uint16_t slot)
{
	const uint32_t line = ledger->line_packets[member];
	const uint64_t bit = over_bit(kind, slot), before = ledger->line_over[member];
	const bool is = line != UINT32_MAX && total_of(&ledger->line_totals[member], kind, slot, NULL) > line;

	ledger->line_over[member] = is ? before | bit : before & ~bit;
	return is || before & bit;
}

void line_note(struct ledger *ledger, const struct entry *entry, uint16_t origin, uint16_t slot, int64_t packets)
{
	const uint16_t member = origin / INCARNATIONS_MAX;
	const enum key_kind kind = entry_kind(entry);

	if (packets < 0 ? ledger->line_totals[member].slots[slot % LINE_SLOTS] != slot
			: !take_place(ledger, member, slot))
		return;
	ledger->line_totals[member].packets[kind][slot % LINE_SLOTS][origin % INCARNATIONS_MAX] += (uint64_t)packets;
	if ((int16_t)(uint16_t)(slot - ledger->line_newest) > 0)
		ledger->line_newest = slot;
	/* A replay that is remembered holds no cell of the newest slot. */
	if (mark(ledger, member, kind, slot) && slot != ledger->line_newest)
		ledger->line_moves[member]++;
}

void ledger_set_line(struct ledger *ledger, uint16_t member, uint32_t packets)
{
	ledger->line_packets[member] = packets;
	for (unsigned int kind = 0; kind < KEY_KINDS; kind++)
		for (unsigned int place = 0; place < LINE_SLOTS; place++)
			mark(ledger, member, kind, ledger->line_totals[member].slots[place]);
	ledger->line_moves[member]++;
}

double ledger_line_used(const struct ledger *ledger, uint16_t member, uint16_t slot)
{
	uint64_t most = 0;

	for (unsigned int kind = 0; kind < KEY_KINDS; kind++) {
		const uint64_t total = total_of(&ledger->line_totals[member], (enum key_kind)kind, slot, NULL);

		most = total > most ? total : most;
	}
	if (ledger->line_packets[member] == UINT32_MAX)
		return NAN;
	return (double)most / ledger->line_packets[member];
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
	const uint64_t total = total_of(&ledger->line_totals[member], entry_kind(entry), slot,
					excluded ? &excluded[member * INCARNATIONS_MAX] : NULL);

	/* Of a member's cells of one key and slot the sum is rounded, not each: what is above is taken off again. */
	return part_of(above + cell->packets, total, line) - part_of(above, total, line);
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
	const uint64_t total = total_of(&ledger->line_totals[member], entry_kind(entry), slot, NULL);

	if (line == UINT32_MAX)
		return UINT64_MAX;
	return total < line ? line - total : 0;
}

uint64_t ledger_line_marks(const struct ledger *ledger, const uint64_t *origins, uint32_t words, const bool *excluded)
{
	uint64_t marks = 0;

	for (uint32_t w = 0; w < words; w++) {
		for (uint64_t left = origins[w]; left; left &= left - 1) {
			const uint32_t origin = w * 64 + (uint32_t)__builtin_ctzll(left),
				       member = origin / INCARNATIONS_MAX;
			uint64_t sides = 1;

			if (!ledger->line_over[member])
				continue;
			for (unsigned int i = 0; i < INCARNATIONS_MAX; i++)
				sides = sides << 1 | excluded[member * INCARNATIONS_MAX + i];
			marks += mix64((uint64_t)ledger->line_moves[member] << 32 | origin << 8 | sides);
		}
	}
	return marks;
}
