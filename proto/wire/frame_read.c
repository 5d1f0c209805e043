// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reads frame bodies: takes exactly what frame_write.c writes and nothing else, so that one logical frame has one
 * byte form. What the cells mean to the ledger is left to it.
 */
#include "frame.h"

#define HEAD_FIELDS 7
#define GROUP_FIELDS 7

static struct address address_from_wire(const uint8_t *bytes, size_t size, bool ipv4)
{
	struct address address = { { 0 } };

	if (!ipv4) {
		memcpy(address.bytes, bytes, size);
		return address;
	}
	if (size == 4)
		return address_of_ipv4(bytes);
	address = address_of_ipv4((const uint8_t[4]){ 0 });
	memcpy(address.bytes + 12, bytes, size);
	return address;
}

static bool stop(struct frame_reader *reader, enum reject reason)
{
	reader->reject = reason;
	reader->groups_left = reader->cells_left = 0;
	return false;
}

void frame_read(struct frame_reader *reader, const struct widths *widths, const uint8_t *body, size_t size)
{
	struct unpack *u = &reader->body;

	*reader = (struct frame_reader){ .reject = REJECT_NONE, .widths = widths };
	if (size > DATAGRAM_BYTES_MAX) {
		stop(reader, REJECT_BODY);
		return;
	}
	unpack_begin(u, body, size);
	unpack_array_of(u, HEAD_FIELDS);
	reader->head.origin = unpack_uint(u);
	reader->head.incarnation = unpack_uint(u);
	reader->head.sequence = unpack_uint(u);
	reader->head.tick = unpack_uint(u);
	reader->head.epoch = (uint32_t)unpack_uint_max(u, UINT32_MAX);
	reader->head.kind = (enum frame_kind)unpack_uint_max(u, FRAME_CLOSING);
	reader->groups_left = unpack_array(u);
	if (u->failed)
		stop(reader, REJECT_BODY);
}

/* Groups ascend by slot, form and destination, and no two are equal. */
static bool group_ascends(const struct frame_reader *reader, uint64_t slot, enum frame_form form,
			  const struct address *destination)
{
	if (!reader->has_group)
		return true;
	if (slot != reader->slot)
		return slot > reader->slot;
	if (form != reader->form)
		return form > reader->form;
	return memcmp(destination, &reader->destination, sizeof(*destination)) > 0;
}

/*
 * The packets and extras of each cell, one behind the other. How many extras each has shows in how many numbers there
 * are: those behind the last one that any cell of the group needs are not written.
 */
static bool open_counts(struct frame_reader *reader, const uint8_t *counts, size_t size, size_t cells,
			unsigned int extras_most)
{
	size_t numbers = 0;

	for (size_t i = 0; i < size; i++)
		numbers += counts[i] < 0x80;
	if (numbers < cells || numbers % cells != 0 || numbers / cells - 1 > extras_most)
		return false;
	unpack_begin(&reader->counts, counts, size);
	reader->extras = (uint32_t)(numbers / cells - 1);
	reader->last_extra = reader->extras == 0;
	return true;
}

/* Takes the columns of the next group. Only that of the counts is of a length that its cells tell. */
static bool open_group(struct frame_reader *reader)
{
	struct unpack *u = &reader->body;
	const struct frame_layout *layout;
	struct address destination = { { 0 } };
	enum frame_form form;
	uint64_t slot;
	size_t keys_size, counts_size, cells;
	const uint8_t *wire, *counts;

	unpack_array_of(u, GROUP_FIELDS);
	form = (enum frame_form)unpack_uint_max(u, FORM_COUNT - 1);
	layout = &frame_layouts[form];
	slot = unpack_uint(u);
	wire = unpack_bin_of(u, layout->destination_bytes);
	reader->keys = unpack_bin(u, &keys_size);
	cells = keys_size / layout->key_bytes;
	reader->firsts = unpack_bin_of(u, cells);
	reader->lasts = unpack_bin_of(u, cells);
	counts = unpack_bin(u, &counts_size);
	if (u->failed || cells == 0 || keys_size % layout->key_bytes != 0)
		return stop(reader, REJECT_BODY);
	if (frame_form_is_pair(form))
		destination = address_from_wire(wire, layout->destination_bytes, layout->ipv4);
	if (!group_ascends(reader, slot, form, &destination))
		return stop(reader, REJECT_BODY);
	if (!open_counts(reader, counts, counts_size, cells, kind_extras(layout->kind)))
		return stop(reader, REJECT_BODY);
	reader->has_group = true;
	reader->form = form;
	reader->slot = slot;
	reader->destination = destination;
	reader->previous_key = NULL;
	reader->cells_left = (uint32_t)cells;
	reader->groups_left--;
	return true;
}

/* Leaves a group whose cells were all read for the next; false at the end. */
static bool next_group(struct frame_reader *reader)
{
	if (reader->reject != REJECT_NONE)
		return false;
	if (reader->has_group && (!unpack_done(&reader->counts) || !reader->last_extra))
		return stop(reader, REJECT_BODY);
	if (reader->groups_left > 0)
		return open_group(reader);
	if (!unpack_done(&reader->body))
		return stop(reader, REJECT_BODY);
	return false;
}

static struct key key_from_wire(const struct frame_reader *reader)
{
	const struct frame_layout *layout = &frame_layouts[reader->form];
	const struct address address = address_from_wire(reader->keys, layout->key_bytes, layout->ipv4);

	switch (layout->kind) {
	case KEY_DESTINATION:
		return key_of_destination(&address);
	case KEY_CLIENT:
		return key_of_client(&address);
	case KEY_NETWORK:
		return key_of_network(&address);
	case KEY_PAIR:
		break;
	}
	return (struct key){ .client = address, .destination = reader->destination };
}

/*
 * Does the cell say the same when it is written? A mapped address in a form of IPv6, a pair with a reserved address, or
 * a client with all bytes of a low half that is 0, would not.
 */
static bool cell_is_of_form(const struct frame_reader *reader, const struct cell *cell)
{
	return frame_form_of(&cell->key) == reader->form && frame_cell_is_valid(cell);
}

/* False: a number is not in its shortest form, or beyond its bound. */
static bool read_counts(struct frame_reader *reader, struct cell *cell)
{
	bool fits = true;

	cell->packets = unpack_varint(&reader->counts);
	for (uint32_t i = 0; i < reader->extras; i++) {
		const uint64_t extra = unpack_varint(&reader->counts);

		fits = fits && extra <= UINT32_MAX;
		cell->extras[i] = (uint32_t)extra;
	}
	if (reader->extras > 0 && cell->extras[reader->extras - 1] > 0)
		reader->last_extra = true;
	return fits && !reader->counts.failed;
}

bool frame_next(struct frame_reader *reader, struct cell *ret_cell)
{
	struct cell cell;

	if (reader->cells_left == 0 && !next_group(reader))
		return false;

	const size_t size = frame_layouts[reader->form].key_bytes;

	cell = (struct cell){
		.key = key_from_wire(reader), .slot = reader->slot, .first = *reader->firsts, .last = *reader->lasts
	};
	if (!read_counts(reader, &cell))
		return stop(reader, REJECT_BODY);
	if (reader->previous_key && memcmp(reader->previous_key, reader->keys, size) >= 0)
		return stop(reader, REJECT_CELL);
	if (!cell_is_of_form(reader, &cell))
		return stop(reader, REJECT_CELL);
	if (!frame_client_is_whole(reader->widths, &cell))
		return stop(reader, REJECT_CLIENT);
	reader->previous_key = reader->keys;
	reader->keys += size;
	reader->firsts++;
	reader->lasts++;
	reader->cells_left--;
	*ret_cell = cell;
	return true;
}

enum reject frame_check(const struct widths *widths, const uint8_t *body, size_t size)
{
	struct frame_reader reader;
	struct cell cell;

	frame_read(&reader, widths, body, size);
	while (frame_next(&reader, &cell))
		;
	return reader.reject;
}
