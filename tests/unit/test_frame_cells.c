// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any ordered set of cells comes back as it was, read by us and by msgpack-c alike; and how many a datagram holds. */
#include <msgpack.h>

#include "frame_cast.h"

/* ---- any cells ---- */

static int compare(const void *a, const void *b)
{
	return frame_cell_compare(a, b);
}

/* Ordered cells, each once, out of few addresses, so that groups are of every size. */
static size_t cells_draw(uint64_t *random, struct cell *ret_cells, size_t cells_max)
{
	const size_t count = draw_below(random, cells_max) + 1, clients = draw_below(random, 300) + 1,
		     destinations = draw_below(random, 8) + 1;
	size_t unique = 0;

	for (size_t i = 0; i < count; i++) {
		struct cell *cell = &ret_cells[i];
		const uint32_t client = 0x0a000000 + (uint32_t)draw_below(random, clients);
		const uint32_t destination = 0xc6336400 + (uint32_t)draw_below(random, destinations);
		const bool is_ipv4 = draw_below(random, 2);
		const struct address host = is_ipv4 ? ipv4(client) : ipv6((uint16_t)(client + 1));
		const struct address network = is_ipv4 ? ipv4(destination << 8) : ipv6_site((uint16_t)destination);
		const struct address site = ipv6_site((uint16_t)client);

		*cell = (struct cell){ .slot = SLOT + draw_below(random, 3),
				       .packets = (draw(random) >> draw_below(random, 64)) | 1 };
		if (draw_below(random, 4) == 0) {
			for (unsigned int extra = 0; extra < EXTRAS_MAX; extra++)
				cell->extras[extra] = (uint32_t)draw(random) >> draw_below(random, 32);
		}
		cell->last = (uint8_t)draw(random);
		cell->first = (uint8_t)draw_below(random, cell->last + 1u);
		cell->key.destination = is_ipv4 ? ipv4(destination) : ipv6((uint16_t)destination);
		switch (draw_below(random, 6)) {
		case 0:
			break; /* a destination */
		case 1:
			cell->key = key_of_client(draw_below(random, 2) ? &host : &site);
			break;
		case 2:
			cell->key = key_of_network(&network);
			break;
		default:
			cell->key.client = host;
			cell->extras[EXTRA_ANSWERS] &= answers_in(cell->extras[EXTRA_ANSWERS]) ? UINT32_MAX : 0;
			if (cell->extras[EXTRA_ANSWERS] && draw_below(random, 4) == 0)
				cell->packets = cell->first = cell->last = 0;
			break;
		}
		for (unsigned int extra = kind_extras(key_kind(&cell->key)); extra < EXTRAS_MAX; extra++)
			cell->extras[extra] = 0;
	}
	qsort(ret_cells, count, sizeof(*ret_cells), compare);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || compare(&ret_cells[unique - 1], &ret_cells[i]) != 0)
			ret_cells[unique++] = ret_cells[i];
	}
	return unique;
}

static uint64_t object_uint(const msgpack_object *object)
{
	assert_int_equal(object->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
	return object->via.u64;
}

static const msgpack_object *object_array(const msgpack_object *object, uint32_t *ret_size)
{
	assert_int_equal(object->type, MSGPACK_OBJECT_ARRAY);
	*ret_size = object->via.array.size;
	return object->via.array.ptr;
}

static msgpack_object_bin object_bin(const msgpack_object *object)
{
	assert_int_equal(object->type, MSGPACK_OBJECT_BIN);
	return object->via.bin;
}

/* The forms once more, as PROTOCOL has them: bytes of a key, and how many extras its cells may have. */
static const struct {
	size_t bytes;
	enum key_kind kind;
	bool ipv4;
	uint32_t extras;
} wire_forms[] = {
	{ 4, KEY_DESTINATION, true, 0 },
	{ 16, KEY_DESTINATION, false, 0 },
	{ 4, KEY_PAIR, true, 1 },
	{ 16, KEY_PAIR, false, 1 },
	{ 4, KEY_CLIENT, true, 2 },
	{ 16, KEY_CLIENT, false, 2 },
	{ 8, KEY_CLIENT, false, 2 },
	{ 3, KEY_NETWORK, true, 0 },
	{ 6, KEY_NETWORK, false, 0 },
};

static struct address object_address(const char *bytes, uint64_t form)
{
	struct address address = { { 0 } };
	uint8_t four[4] = { 0 };

	memcpy(wire_forms[form].ipv4 ? four : address.bytes, bytes, wire_forms[form].bytes);
	return wire_forms[form].ipv4 ? address_of_ipv4(four) : address;
}

static struct key object_key(const char *bytes, const char *destination, uint64_t form)
{
	const struct address address = object_address(bytes, form);

	switch (wire_forms[form].kind) {
	case KEY_PAIR:
		return (struct key){ address, object_address(destination, form) };
	case KEY_DESTINATION:
		return key_of_destination(&address);
	case KEY_CLIENT:
		return key_of_client(&address);
	default:
		return key_of_network(&address);
	}
}

/* The varint at *at of a column, and moves on. */
static uint64_t object_varint(const msgpack_object_bin *column, size_t *at)
{
	uint64_t number = 0;
	unsigned int shift = 0;

	do {
		assert_true(*at < column->size);
		number |= (uint64_t)(column->ptr[*at] & 0x7f) << shift;
		shift += 7;
	} while (column->ptr[(*at)++] & 0x80);
	return number;
}

/* The cells of a group as msgpack-c reads it. */
static size_t group_by_msgpack_c(const msgpack_object *group, struct cell *ret_cells)
{
	uint32_t fields;
	const msgpack_object *field = object_array(group, &fields);
	const uint64_t form = object_uint(&field[0]);
	const msgpack_object_bin destination = object_bin(&field[2]), keys = object_bin(&field[3]),
				 packets = object_bin(&field[6]);
	size_t at = 0, size, numbers = 0;
	uint32_t extras;
	bool any = false;

	assert_int_equal(fields, 7);
	assert_true(form < ROWS(wire_forms));
	size = wire_forms[form].bytes;
	assert_int_equal(destination.size, wire_forms[form].kind == KEY_PAIR ? size : 0);
	for (size_t i = 0; i < packets.size; i++)
		numbers += !(packets.ptr[i] & 0x80);
	assert_int_equal(numbers % (keys.size / size), 0);
	extras = (uint32_t)(numbers / (keys.size / size)) - 1;
	assert_true(extras <= wire_forms[form].extras);
	for (size_t i = 0; i < keys.size / size; i++) {
		struct cell cell = { .slot = object_uint(&field[1]) };

		cell.key = object_key(keys.ptr + i * size, destination.ptr, form);
		cell.first = (uint8_t)object_bin(&field[4]).ptr[i];
		cell.last = (uint8_t)object_bin(&field[5]).ptr[i];
		cell.packets = object_varint(&packets, &at);
		for (uint32_t e = 0; e < extras; e++)
			cell.extras[e] = (uint32_t)object_varint(&packets, &at);
		any = any || extras == 0 || cell.extras[extras - 1] > 0;
		ret_cells[i] = cell;
	}
	assert_int_equal(at, packets.size);
	assert_true(any);
	return keys.size / size;
}

static void assert_msgpack_c_reads(const uint8_t *body, size_t size, const struct frame_head *head,
				   const struct cell *cells, size_t count)
{
	msgpack_unpacked result;
	static struct cell found[CELLS_PER_FRAME_MAX];
	uint32_t fields, groups;
	const msgpack_object *field, *group;
	size_t offset = 0, read = 0;

	msgpack_unpacked_init(&result);
	assert_int_equal(msgpack_unpack_next(&result, (const char *)body, size, &offset), MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(offset, size);
	field = object_array(&result.data, &fields);
	assert_int_equal(fields, 7);
	assert_true(object_uint(&field[0]) == head->origin && object_uint(&field[1]) == head->incarnation);
	assert_true(object_uint(&field[2]) == head->sequence && object_uint(&field[3]) == head->tick);
	assert_true(object_uint(&field[4]) == head->epoch && object_uint(&field[5]) == head->kind);
	group = object_array(&field[6], &groups);
	for (uint32_t i = 0; i < groups; i++)
		read += group_by_msgpack_c(&group[i], found + read);
	assert_int_equal(read, count);
	for (size_t i = 0; i < count; i++)
		assert_true(same_cell(&found[i], &cells[i]));
	msgpack_unpacked_destroy(&result);
}

static void assert_we_read(const uint8_t *body, size_t size, const struct cell *cells, size_t count)
{
	struct frame_reader reader;
	struct cell cell;

	assert_int_equal(frame_check(&every_host, body, size), REJECT_NONE);
	frame_read(&reader, &every_host, body, size);
	for (size_t i = 0; i < count; i++) {
		assert_true(frame_next(&reader, &cell));
		assert_true(same_cell(&cell, &cells[i]));
	}
	assert_false(frame_next(&reader, &cell));
	assert_int_equal(reader.reject, REJECT_NONE);
}

/* A frame of exactly this size takes the same cells, and one of a byte less does not. */
static void assert_size_is_exact(const struct frame_head *head, const struct cell *cells, size_t count, size_t size)
{
	static struct frame_writer writer;

	for (size_t less = 0; less <= 1 && size - less >= FRAME_HEAD_BYTES_MAX; less++) {
		size_t added = 0;

		frame_begin(&writer, head, size - less);
		while (added < count && frame_add(&writer, &cells[added]))
			added++;
		assert_int_equal(added, count - less);
	}
}

static void any_cells_come_back_as_they_were(void **state)
{
	const char *given = getenv("XPRO_SEED");
	const uint64_t seed = given ? strtoull(given, NULL, 0) : 1;
	static struct frame_writer writer;
	static struct cell cells[1000];
	uint64_t random = seed;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 300; round++) {
		const size_t count = cells_draw(&random, cells, ROWS(cells));
		const size_t bytes_max =
			draw_below(&random, 10) ? FRAME_HEAD_BYTES_MAX + 64 + draw_below(&random, 1300) : BODY_BYTES;
		struct frame_head head = head_make(draw_below(&random, 1 << 20), draw_below(&random, 2));

		head.origin = draw(&random) >> draw_below(&random, 64);
		for (size_t at = 0, added; at < count; at += added) {
			uint8_t body[DATAGRAM_BYTES_MAX];
			size_t size;

			frame_begin(&writer, &head, bytes_max);
			for (added = 0; at + added < count && frame_add(&writer, &cells[at + added]); added++)
				;
			assert_true(added > 0);
			size = frame_finish(&writer, body);
			assert_true(size == writer.estimate && size <= bytes_max);
			assert_we_read(body, size, cells + at, added);
			assert_msgpack_c_reads(body, size, &head, cells + at, added);
			assert_size_is_exact(&head, cells + at, added, size);
		}
	}
}

/* Whatever bit or byte of a body changes: it is refused, or it is another frame in its only form. */
static void a_changed_body_is_refused_or_canonical(void **state)
{
	static struct frame_writer writer;
	static struct cell cells[40];
	uint64_t random = 2;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		const struct frame_head head = head_make(1, FRAME_TICK);
		uint8_t body[DATAGRAM_BYTES_MAX], again[DATAGRAM_BYTES_MAX];
		struct frame_reader reader;
		struct cell cell;
		size_t count = cells_draw(&random, cells, ROWS(cells)), size, at = 0;

		frame_begin(&writer, &head, BODY_BYTES);
		while (at < count && frame_add(&writer, &cells[at]))
			at++;
		size = frame_finish(&writer, body);
		for (uint64_t changes = draw_below(&random, 3) + 1; changes > 0; changes--)
			body[draw_below(&random, size)] ^= (uint8_t)(1 << draw_below(&random, 8));
		if (frame_check(&every_host, body, size) != REJECT_NONE)
			continue;
		frame_read(&reader, &every_host, body, size);
		frame_begin(&writer, &reader.head, DATAGRAM_BYTES_MAX);
		while (frame_next(&reader, &cell))
			assert_true(frame_add(&writer, &cell));
		assert_int_equal(frame_finish(&writer, again), size);
		assert_memory_equal(again, body, size);
	}
}

/* ---- sizes ---- */

static size_t datagram_bytes(size_t body_bytes)
{
	return SEAL_BYTES + MESSAGE_TYPE_BYTES + body_bytes + frame_proof_bytes(LEAVES_MAX);
}

static size_t fill(uint64_t packets, uint32_t answers, bool own_destinations, size_t *ret_cells)
{
	static struct frame_writer writer;
	const struct frame_head head = head_make(123456, FRAME_TICK);
	uint8_t body[BODY_BYTES];

	frame_begin(&writer, &head, BODY_BYTES);
	for (uint32_t i = 0;; i++) {
		const struct key key = { ipv4(0x0a000001 + i), ipv4(0xc6336401 + (own_destinations ? i : 0)) };

		if (!frame_add(&writer, &(struct cell){ key, SLOT, 0, 200, packets, { answers_word(answers, true) } }))
			break;
	}
	*ret_cells = writer.cells;
	return datagram_bytes(frame_finish(&writer, body));
}

static void a_full_datagram_holds_pairs_of_ten_bytes(void **state)
{
	static const struct {
		uint64_t packets; /* of each cell */
		uint32_t answers;
		bool own_destinations;
		double bytes_max; /* of a cell, everything counted */
	} rows[] = {
		{ 127, 0, false, 10.0 }, /* one destination: the packets column takes a byte */
		{ 127, 63, false, 11.0 }, /* so does that of the answers */
		{ 127, 64, false, 12.6 }, /* two */
		{ 16383, 0, false, 11.4 }, /* two */
		{ 127, 0, true, 41.0 }, /* each pair a destination of its own: a group of one cell */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t cells, bytes = fill(rows[i].packets, rows[i].answers, rows[i].own_destinations, &cells);

		print_message("# %zu cells in %zu bytes: %.2f bytes per cell\n", cells, bytes,
			      (double)bytes / (double)cells);
		assert_true(bytes <= DATAGRAM_BYTES_DEFAULT);
		assert_true((double)bytes <= rows[i].bytes_max * (double)cells);
	}
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_cells_come_back_as_they_were),
		cmocka_unit_test(a_changed_body_is_refused_or_canonical),
		cmocka_unit_test(a_full_datagram_holds_pairs_of_ten_bytes),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
