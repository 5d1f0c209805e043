// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The bounded msgpack reader: one row for each form it takes and each it must not, then every truncation, then
 * against our packer.
 */
#include "pack.h"
#include "unpack.h"
#include "vector.h"

enum kind { UINT, ARRAY, BIN, STR, VARINT };

/* The number read, or the size of what was; done is false on any error or leftover. */
static bool read_one(enum kind kind, const uint8_t *bytes, size_t size, uint64_t *ret_value)
{
	struct unpack u;
	size_t found = 0;

	unpack_begin(&u, bytes, size);
	switch (kind) {
	case UINT:
		*ret_value = unpack_uint(&u);
		break;
	case ARRAY:
		*ret_value = unpack_array(&u);
		break;
	case BIN:
		unpack_bin(&u, &found);
		*ret_value = found;
		break;
	case STR:
		unpack_str(&u, &found);
		*ret_value = found;
		break;
	case VARINT:
		*ret_value = unpack_varint(&u);
		break;
	}
	return unpack_done(&u);
}

static const struct {
	enum kind kind;
	const char *hex;
	bool taken;
	uint64_t value;
} rows[] = {
	/*  0 */ { UINT, "00", true, 0 },
	/*  1 */ { UINT, "7f", true, 127 },
	/*  2 */ { UINT, "cc 80", true, 128 },
	/*  3 */ { UINT, "cc 7f", false, 0 }, /* not minimal */
	/*  4 */ { UINT, "cc ff", true, 255 },
	/*  5 */ { UINT, "cd 01 00", true, 256 },
	/*  6 */ { UINT, "cd 00 ff", false, 0 },
	/*  7 */ { UINT, "cd ff ff", true, 65535 },
	/*  8 */ { UINT, "ce 00 01 00 00", true, 65536 },
	/*  9 */ { UINT, "ce 00 00 ff ff", false, 0 },
	/* 10 */ { UINT, "ce ff ff ff ff", true, UINT32_MAX },
	/* 11 */ { UINT, "cf 00 00 00 01 00 00 00 00", true, 1ULL << 32 },
	/* 12 */ { UINT, "cf 00 00 00 00 ff ff ff ff", false, 0 },
	/* 13 */ { UINT, "cf ff ff ff ff ff ff ff ff", true, UINT64_MAX },
	/* 14 */ { UINT, "d0 05", false, 0 }, /* signed, though positive */
	/* 15 */ { UINT, "d3 00 00 00 00 00 00 00 05", false, 0 },
	/* 16 */ { UINT, "ff", false, 0 }, /* -1 */
	/* 17 */ { UINT, "e0", false, 0 },
	/* 18 */ { UINT, "ca 3f 80 00 00", false, 0 }, /* 1.0 */
	/* 19 */ { UINT, "cb 3f f0 00 00 00 00 00 00", false, 0 },
	/* 20 */ { UINT, "c0", false, 0 }, /* nil */
	/* 21 */ { UINT, "c1", false, 0 }, /* never used */
	/* 22 */ { UINT, "c3", false, 0 }, /* true */
	/* 23 */ { UINT, "90", false, 0 },
	/* 24 */ { UINT, "", false, 0 },
	/* 25 */ { UINT, "00 00", false, 0 }, /* something behind */
	/* 26 */ { ARRAY, "90", true, 0 },
	/* 27 */ { ARRAY, "9f", true, 15 },
	/* 28 */ { ARRAY, "dc 00 10", true, 16 },
	/* 29 */ { ARRAY, "dc 00 0f", false, 0 },
	/* 30 */ { ARRAY, "dd 00 01 00 00", true, 65536 },
	/* 31 */ { ARRAY, "dd 00 00 ff ff", false, 0 },
	/* 32 */ { ARRAY, "dd ff ff ff ff", true, UINT32_MAX }, /* a number, nothing is allocated for it */
	/* 33 */ { ARRAY, "80", false, 0 },			/* map */
	/* 34 */ { ARRAY, "df ff 00 00 00", false, 0 },
	/* 35 */ { ARRAY, "01", false, 0 },
	/* 36 */ { BIN, "c4 00", true, 0 },
	/* 37 */ { BIN, "c4 02 aa bb", true, 2 },
	/* 38 */ { BIN, "c4 02 aa", false, 0 },	      /* beyond the end */
	/* 39 */ { BIN, "c5 00 02 aa bb", false, 0 }, /* not minimal */
	/* 40 */ { BIN, "c6 ff ff ff ff", false, 0 },
	/* 41 */ { BIN, "c6 00 00 00 02 aa bb", false, 0 },
	/* 42 */ { BIN, "a2 aa bb", false, 0 },	   /* str */
	/* 43 */ { BIN, "d5 00 aa bb", false, 0 }, /* ext */
	/* 44 */ { BIN, "c7 02 00 aa bb", false, 0 },
	/* 45 */ { STR, "a0", true, 0 },
	/* 46 */ { STR, "a2 68 69", true, 2 },
	/* 47 */ { STR, "a2 68", false, 0 },
	/* 48 */ { STR, "d9 02 68 69", false, 0 },
	/* 49 */ { STR, "da 00 02 68 69", false, 0 },
	/* 50 */ { STR, "db ff ff ff ff", false, 0 },
	/* 51 */ { STR, "c4 02 68 69", false, 0 }, /* bin */
	/* 52 */ { VARINT, "00", true, 0 },
	/* 53 */ { VARINT, "7f", true, 127 },
	/* 54 */ { VARINT, "80 01", true, 128 },
	/* 55 */ { VARINT, "80 00", false, 0 }, /* not minimal */
	/* 56 */ { VARINT, "ff ff ff ff ff ff ff ff ff 01", true, UINT64_MAX },
	/* 57 */ { VARINT, "80 80 80 80 80 80 80 80 80 01", true, 1ULL << 63 },
	/* 58 */ { VARINT, "ff ff ff ff ff ff ff ff ff 02", false, 0 }, /* 65 bits */
	/* 59 */ { VARINT, "ff ff ff ff ff ff ff ff ff 81 00", false, 0 },
	/* 60 */ { VARINT, "80 80 80 80 80 80 80 80 80 80 01", false, 0 }, /* 11 bytes */
	/* 61 */ { VARINT, "80", false, 0 },
	/* 62 */ { VARINT, "", false, 0 },
};

static void only_the_shortest_form_of_the_right_type_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t bytes[16];
		uint64_t value = 0;
		size_t size = hex_read(rows[i].hex, bytes, sizeof(bytes));
		bool taken = read_one(rows[i].kind, bytes, size, &value);

		if (taken != rows[i].taken || (taken && value != rows[i].value))
			fail_msg("row %zu: taken %d, value %llu", i, taken, (unsigned long long)value);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t bytes[16];
		uint64_t value;
		size_t size = hex_read(rows[i].hex, bytes, sizeof(bytes));

		for (size_t cut = 0; rows[i].taken && cut < size; cut++) {
			uint8_t *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees a read behind the end */

			memcpy(exact, bytes, cut);
			if (read_one(rows[i].kind, exact, cut, &value))
				fail_msg("row %zu cut to %zu bytes", i, cut);
			free(exact);
		}
	}
}

static void an_error_sticks(void **state)
{
	static const uint8_t bytes[] = { 0xc1, 0x01, 0x02 };
	struct unpack u;
	size_t size = 7;

	(void)state;
	unpack_begin(&u, bytes, sizeof(bytes));
	assert_int_equal(unpack_uint(&u), 0);
	assert_true(u.failed);
	assert_int_equal(unpack_uint(&u), 0);
	assert_int_equal(unpack_array(&u), 0);
	assert_int_equal(unpack_varint(&u), 0);
	assert_null(unpack_bin(&u, &size));
	assert_int_equal(size, 0);
	assert_null(unpack_str(&u, &size));
	assert_null(unpack_bin_of(&u, 0));
	assert_false(unpack_done(&u));
}

static void expectations_are_errors_too(void **state)
{
	static const uint8_t five[] = { 0x05 }, array[] = { 0x92 }, bin[] = { 0xc4, 0x02, 0xaa, 0xbb };
	struct unpack u;

	(void)state;
	unpack_begin(&u, five, sizeof(five));
	assert_int_equal(unpack_uint_max(&u, 4), 0);
	assert_true(u.failed);
	unpack_begin(&u, five, sizeof(five));
	assert_int_equal(unpack_uint_max(&u, 5), 5);
	assert_true(unpack_done(&u));
	unpack_begin(&u, array, sizeof(array));
	unpack_array_of(&u, 3);
	assert_true(u.failed);
	unpack_begin(&u, bin, sizeof(bin));
	assert_null(unpack_bin_of(&u, 3));
	assert_true(u.failed);
	unpack_begin(&u, bin, sizeof(bin));
	assert_ptr_equal(unpack_bin_of(&u, 2), bin + 2);
	unpack_fail(&u);
	assert_false(unpack_done(&u));
}

static void what_the_packer_writes_is_read_back(void **state)
{
	uint64_t random = 1;
	static uint8_t buffer[70000];
	static const uint8_t content[66000];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t number = draw(&random) >> draw_below(&random, 64), value;
		size_t length = draw_below(&random, i % 100 ? 300 : sizeof(content)), found;
		struct pack p;
		struct unpack u;

		pack_begin(&p, buffer, sizeof(buffer));
		pack_uint(&p, number);
		assert_int_equal(p.at - buffer, pack_uint_bytes(number));
		assert_true(read_one(UINT, buffer, (size_t)(p.at - buffer), &value) && value == number);

		pack_begin(&p, buffer, sizeof(buffer));
		pack_varint(&p, number);
		assert_int_equal(p.at - buffer, pack_varint_bytes(number));
		assert_true(read_one(VARINT, buffer, (size_t)(p.at - buffer), &value) && value == number);

		pack_begin(&p, buffer, sizeof(buffer));
		pack_array(&p, length);
		assert_int_equal(p.at - buffer, pack_array_header_bytes(length));
		pack_bin(&p, content, length);
		assert_int_equal(p.at - buffer, pack_array_header_bytes(length) + pack_bin_bytes(length));
		pack_str(&p, (const char *)content, length % 300);
		unpack_begin(&u, buffer, (size_t)(p.at - buffer));
		assert_int_equal(unpack_array(&u), length);
		assert_non_null(unpack_bin_of(&u, length));
		assert_non_null(unpack_str(&u, &found));
		assert_int_equal(found, length % 300);
		assert_true(unpack_done(&u));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_shortest_form_of_the_right_type_is_taken),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(an_error_sticks),
		cmocka_unit_test(expectations_are_errors_too),
		cmocka_unit_test(what_the_packer_writes_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
