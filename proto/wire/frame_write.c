// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Writes frame bodies: collects ordered cells while they fit, then turns them into groups of columns. Proofs and
 * sending are left to others.
 */
#include "assertion.h"
#include "frame.h"
#include "pack.h"

#define HEAD_FIELDS 7
#define GROUP_FIELDS 7
#define CELL_BYTES_MIN (NETWORK_BITS_IPV4 / 8 + 1 + 1 + 1)
_Static_assert(DATAGRAM_BYTES_MAX / CELL_BYTES_MIN <= CELLS_PER_FRAME_MAX, "a datagram is full before a writer is");

static const uint8_t *address_on_wire(const struct address *address, enum frame_form form)
{
	return address->bytes + (frame_layouts[form].ipv4 ? 12 : 0);
}

/* The address that is the cell's own, not its group's. */
static const struct address *key_address(const struct key *key, enum frame_form form)
{
	const enum key_kind kind = frame_layouts[form].kind;

	return kind == KEY_PAIR || kind == KEY_CLIENT ? &key->client : &key->destination;
}

static bool same_group(const struct cell *a, const struct cell *b)
{
	enum frame_form form = frame_form_of(&a->key);

	if (a->slot != b->slot || form != frame_form_of(&b->key))
		return false;
	return !frame_form_is_pair(form) || address_equal(&a->key.destination, &b->key.destination);
}

static void counts_add(struct frame_counts *counts, const struct cell *cell)
{
	counts->bytes[0] += pack_varint_bytes(cell->packets);
	for (uint32_t i = 0; i < EXTRAS_MAX; i++) {
		counts->bytes[1 + i] += pack_varint_bytes(cell->extras[i]);
		if (cell->extras[i] > 0 && counts->extras < i + 1)
			counts->extras = i + 1;
	}
}

static size_t counts_bytes(const struct frame_counts *counts)
{
	size_t bytes = counts->bytes[0];

	for (uint32_t i = 0; i < counts->extras; i++)
		bytes += counts->bytes[1 + i];
	return bytes;
}

static size_t group_bytes(const struct cell *cell, uint32_t cells, const struct frame_counts *counts)
{
	enum frame_form form = frame_form_of(&cell->key);
	const struct frame_layout *layout = &frame_layouts[form];

	return pack_array_header_bytes(GROUP_FIELDS) + pack_uint_bytes(form) + pack_uint_bytes(cell->slot) +
	       pack_bin_bytes(layout->destination_bytes) + pack_bin_bytes(cells * layout->key_bytes) +
	       2 * pack_bin_bytes(cells) + pack_bin_bytes(counts_bytes(counts));
}

static size_t head_bytes(const struct frame_head *head, uint32_t groups)
{
	return pack_array_header_bytes(HEAD_FIELDS) + pack_uint_bytes(head->origin) +
	       pack_uint_bytes(head->incarnation) + pack_uint_bytes(head->sequence) + pack_uint_bytes(head->tick) +
	       pack_uint_bytes(head->epoch) + pack_uint_bytes(head->kind) + pack_array_header_bytes(groups);
}

void frame_begin(struct frame_writer *writer, const struct frame_head *head, size_t bytes_max)
{
	ASSERT(bytes_max >= FRAME_HEAD_BYTES_MAX);
	writer->head = *head;
	writer->bytes_max = bytes_max;
	writer->estimate = head_bytes(head, 0);
	writer->closed_bytes = 0;
	writer->groups = writer->cells = writer->group_cells = 0;
	writer->group_counts = (struct frame_counts){ .extras = 0 };
}

bool frame_add(struct frame_writer *writer, const struct cell *cell)
{
	const struct cell *previous = writer->cells ? &writer->cell[writer->cells - 1] : NULL;
	bool opens = !previous || !same_group(previous, cell);
	uint32_t groups = writer->groups + opens, group_cells = opens ? 1 : writer->group_cells + 1;
	struct frame_counts counts = opens ? (struct frame_counts){ .extras = 0 } : writer->group_counts;
	size_t closed_bytes = writer->closed_bytes;

	ASSERT(frame_cell_is_valid(cell));
	ASSERT(!previous || frame_cell_compare(previous, cell) < 0);
	if (opens && previous)
		closed_bytes += group_bytes(previous, writer->group_cells, &writer->group_counts);
	counts_add(&counts, cell);

	size_t estimate = head_bytes(&writer->head, groups) + closed_bytes +
			  group_bytes(cell, group_cells, &counts);

	if (estimate > writer->bytes_max || writer->cells == CELLS_PER_FRAME_MAX)
		return false;
	writer->cell[writer->cells++] = *cell;
	writer->groups = groups;
	writer->group_cells = group_cells;
	writer->group_counts = counts;
	writer->closed_bytes = closed_bytes;
	writer->estimate = estimate;
	return true;
}

static void pack_group(struct pack *p, const struct cell *cell, uint32_t cells)
{
	enum frame_form form = frame_form_of(&cell->key);
	const struct frame_layout *layout = &frame_layouts[form];
	struct frame_counts counts = { .extras = 0 };

	for (uint32_t i = 0; i < cells; i++)
		counts_add(&counts, &cell[i]);
	pack_array(p, GROUP_FIELDS);
	pack_uint(p, form);
	pack_uint(p, cell->slot);
	pack_bin(p, address_on_wire(&cell->key.destination, form), layout->destination_bytes);
	pack_bin_header(p, cells * layout->key_bytes);
	for (uint32_t i = 0; i < cells; i++)
		pack_raw(p, address_on_wire(key_address(&cell[i].key, form), form), layout->key_bytes);
	pack_bin_header(p, cells);
	for (uint32_t i = 0; i < cells; i++)
		pack_raw(p, &cell[i].first, 1);
	pack_bin_header(p, cells);
	for (uint32_t i = 0; i < cells; i++)
		pack_raw(p, &cell[i].last, 1);
	pack_bin_header(p, counts_bytes(&counts));
	for (uint32_t i = 0; i < cells; i++) {
		pack_varint(p, cell[i].packets);
		for (uint32_t extra = 0; extra < counts.extras; extra++)
			pack_varint(p, cell[i].extras[extra]);
	}
}

size_t frame_finish(const struct frame_writer *writer, uint8_t *ret_body)
{
	const struct frame_head *head = &writer->head;
	struct pack p;
	uint32_t cells;

	pack_begin(&p, ret_body, writer->estimate);
	pack_array(&p, HEAD_FIELDS);
	pack_uint(&p, head->origin);
	pack_uint(&p, head->incarnation);
	pack_uint(&p, head->sequence);
	pack_uint(&p, head->tick);
	pack_uint(&p, head->epoch);
	pack_uint(&p, head->kind);
	pack_array(&p, writer->groups);
	for (uint32_t at = 0; at < writer->cells; at += cells) {
		for (cells = 1; at + cells < writer->cells && same_group(&writer->cell[at], &writer->cell[at + cells]);
		     cells++)
			;
		pack_group(&p, &writer->cell[at], cells);
	}
	ASSERT(p.at == p.end); /* the estimate was exact */
	return writer->estimate;
}
