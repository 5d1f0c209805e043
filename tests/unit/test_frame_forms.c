// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The one form of a body: every other is refused with its own reason, and no byte behind the end is read. */
#include "frame.h"
#include "vector.h"

#define HEAD "97 01 02 03 04 00 00"
#define GROUP "97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40101"

#define ONE "c40100 c40101 c40101" /* columns of one cell: first 0, last 1, one packet */

/* clang-format off */
static const struct {
	const char *hex;
	enum reject reject;
} forms[] = {
	/*   0 */ { HEAD "90", REJECT_NONE },
	/*   1 */ { HEAD "91" GROUP, REJECT_NONE },
	/*   2 */ { "", REJECT_BODY },
	/*   3 */ { "97", REJECT_BODY },
	/*   4 */ { HEAD, REJECT_BODY },
	/*   5 */ { HEAD "90 00", REJECT_BODY }, /* trailing */
	/*   6 */ { HEAD "90 c1", REJECT_BODY },
	/*   7 */ { HEAD "91" GROUP "00", REJECT_BODY },
	/*   8 */ { HEAD "90" GROUP, REJECT_BODY },
	/*   9 */ { HEAD "92" GROUP, REJECT_BODY },
	/*  10 */ { "96 01 02 03 04 00 90", REJECT_BODY }, /* six fields */
	/*  11 */ { "98 01 02 03 04 00 00 90 00", REJECT_BODY }, /* eight */
	/*  12 */ { "dc0007 01 02 03 04 00 00 90", REJECT_BODY }, /* array header not minimal */
	/*  13 */ { "97 cc01 02 03 04 00 00 90", REJECT_BODY },
	/*  14 */ { "97 cf0000000000000001 02 03 04 00 00 90", REJECT_BODY },
	/*  15 */ { "97 cfffffffffffffffff cfffffffffffffffff cfffffffffffffffff cfffffffffffffffff ceffffffff 01 90", REJECT_NONE },
	/*  16 */ { "97 01 02 03 04 cf0000000100000000 00 90", REJECT_BODY }, /* epoch of 33 bits */
	/*  17 */ { "97 01 02 03 04 00 02 90", REJECT_BODY }, /* kind */
	/*  18 */ { "97 ff 02 03 04 00 00 90", REJECT_BODY }, /* -1 */
	/*  19 */ { "97 d001 02 03 04 00 00 90", REJECT_BODY }, /* signed */
	/*  20 */ { "97 ca3f800000 02 03 04 00 00 90", REJECT_BODY }, /* float */
	/*  21 */ { "97 c0 02 03 04 00 00 90", REJECT_BODY }, /* nil */
	/*  22 */ { "97 a101 02 03 04 00 00 90", REJECT_BODY }, /* str */
	/*  23 */ { "87 01 02 03 04 00 00 90", REJECT_BODY }, /* map */
	/*  24 */ { "ddff000000", REJECT_BODY },
	/*  25 */ { "dfff000000", REJECT_BODY },
	/*  26 */ { HEAD "ddff000000", REJECT_BODY },
	/*  27 */ { HEAD "ddffffffff", REJECT_BODY },
	/*  28 */ { HEAD "dc0001" GROUP, REJECT_BODY },
	/*  29 */ { HEAD "80", REJECT_BODY },
	/*  30 */ { HEAD "c0", REJECT_BODY },
	/*  31 */ { HEAD "91 90", REJECT_BODY },
	/*  32 */ { HEAD "91 96 02 05 c404c6336401 c4040a000001 c40100 c40101", REJECT_BODY }, /* a column short */
	/*  33 */ { HEAD "91 98 02 05 c404c6336401 c4040a000001 c40100 c40101 c40101 00", REJECT_BODY },
	/*  34 */ { HEAD "91 97 04 05 c404c6336401 c4040a000001 " ONE, REJECT_BODY }, /* form */
	/*  35 */ { HEAD "91 97 02 cc05 c404c6336401 c4040a000001 " ONE, REJECT_BODY }, /* slot not minimal */
	/*  36 */ { HEAD "91 97 02 05 c400 c4040a000001 " ONE, REJECT_BODY }, /* pairs without destination */
	/*  37 */ { HEAD "91 97 02 05 c403c63364 c4040a000001 " ONE, REJECT_BODY },
	/*  38 */ { HEAD "91 97 02 05 c41020010db8000000000000000000000080 c4040a000001 " ONE, REJECT_BODY },
	/*  39 */ { HEAD "91 97 00 05 c404c6336401 c4040a000001 " ONE, REJECT_BODY }, /* destinations with one */
	/*  40 */ { HEAD "91 97 00 05 c400 c404c6336401 " ONE, REJECT_NONE },
	/*  41 */ { HEAD "91 97 02 05 c404c6336401 c400 c400 c400 c400", REJECT_BODY }, /* empty group */
	/*  42 */ { HEAD "91 97 02 05 c404c6336401 c400 c400 c400 c40101", REJECT_BODY }, /* and packets */
	/*  43 */ { HEAD "91 97 02 05 c404c6336401 c4030a0000 " ONE, REJECT_BODY }, /* three quarters of a key */
	/*  44 */ { HEAD "91 97 02 05 c404c6336401 c4050a00000100 " ONE, REJECT_BODY },
	/*  45 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c400 c40101 c40101", REJECT_BODY }, /* columns of other lengths */
	/*  46 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c4020000 c40101 c40101", REJECT_BODY },
	/*  47 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c400 c40101", REJECT_BODY },
	/*  48 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c4020101 c40101", REJECT_BODY },
	/*  49 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c400", REJECT_BODY },
	/*  50 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c4020101", REJECT_BODY }, /* packets left over */
	/*  51 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c4028100", REJECT_BODY }, /* varint not minimal */
	/*  52 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40181", REJECT_BODY }, /* varint not ended */
	/*  53 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40affffffffffffffffff01", REJECT_NONE }, /* 2^64 - 1 */
	/*  54 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40affffffffffffffffff02", REJECT_BODY }, /* 65 bits */
	/*  55 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40b8080808080808080808001", REJECT_BODY },
	/*  56 */ { HEAD "91 97 02 05 c404c6336401 a40a000001 " ONE, REJECT_BODY }, /* str for bin */
	/*  57 */ { HEAD "91 97 02 05 c404c6336401 d6000a000001 " ONE, REJECT_BODY }, /* ext for bin */
	/*  58 */ { HEAD "91 97 02 05 c404c6336401 c500040a000001 " ONE, REJECT_BODY }, /* bin not minimal */
	/*  59 */ { HEAD "91 97 02 05 c404c6336401 c4ff0a000001 " ONE, REJECT_BODY }, /* beyond the end */
	/*  60 */ { HEAD "91 97 02 05 c404c6336401 c6ffffffff", REJECT_BODY },
	/* groups out of order */
	/*  61 */ { HEAD "92" GROUP GROUP, REJECT_BODY },
	/*  62 */ { HEAD "92" GROUP "97 02 05 c404c6336401 c4040a000002 " ONE, REJECT_BODY }, /* one group in two */
	/*  63 */ { HEAD "92" GROUP "97 02 05 c404c6336402 c4040a000001 " ONE, REJECT_NONE },
	/*  64 */ { HEAD "92" GROUP "97 02 05 c404c6336400 c4040a000001 " ONE, REJECT_BODY },
	/*  65 */ { HEAD "92" GROUP "97 02 04 c404c6336402 c4040a000001 " ONE, REJECT_BODY },
	/*  66 */ { HEAD "92" GROUP "97 02 06 c404c6336401 c4040a000001 " ONE, REJECT_NONE },
	/*  67 */ { HEAD "92" GROUP "97 00 05 c400 c404c6336401 " ONE, REJECT_BODY },
	/*  68 */ { HEAD "92" GROUP "97 00 06 c400 c404c6336401 " ONE, REJECT_NONE },
	/*  69 */ { HEAD "92 97 00 05 c400 c404c6336401 c40100 c40101 c40101 97 00 05 c400 c404c6336402 " ONE, REJECT_BODY },
	/* cells */
	/*  70 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020101 c4020101", REJECT_NONE },
	/*  71 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000010a000001 c4020000 c4020101 c4020101", REJECT_CELL }, /* repeated */
	/*  72 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000020a000001 c4020000 c4020101 c4020101", REJECT_CELL }, /* descending */
	/*  73 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40102 c40101 c40101", REJECT_CELL }, /* last before first */
	/*  74 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40102 c40102 c40101", REJECT_NONE },
	/*  75 */ { HEAD "91 97 02 05 c404c6336401 c4040a000001 c40100 c40101 c40100", REJECT_CELL }, /* no packets */
	/*  76 */ { HEAD "91 97 02 05 c404c6336401 c4080a0000010a000002 c4020000 c4020101 c4020100", REJECT_CELL }, /* in the second */
	/*  77 */ { HEAD "92" GROUP "97 02 06 c404c6336401 c4040a000001 c40102 c40101 c40101", REJECT_CELL }, /* in the second group */
	/* addresses */
	/*  78 */ { HEAD "91 97 02 05 c404c6336401 c40400000000 " ONE, REJECT_CELL },
	/*  79 */ { HEAD "91 97 02 05 c404c6336401 c40400ffffff " ONE, REJECT_NONE },
	/*  80 */ { HEAD "91 97 02 05 c404c6336401 c40401000000 " ONE, REJECT_NONE },
	/*  81 */ { HEAD "91 97 02 05 c404c6336401 c4047effffff " ONE, REJECT_NONE },
	/*  82 */ { HEAD "91 97 02 05 c404c6336401 c4047f000000 " ONE, REJECT_CELL },
	/*  83 */ { HEAD "91 97 02 05 c404c6336401 c4047fffffff " ONE, REJECT_CELL },
	/*  84 */ { HEAD "91 97 02 05 c404c6336401 c40480000000 " ONE, REJECT_NONE },
	/*  85 */ { HEAD "91 97 02 05 c404c6336401 c404dfffffff " ONE, REJECT_NONE },
	/*  86 */ { HEAD "91 97 02 05 c404c6336401 c404e0000000 " ONE, REJECT_CELL },
	/*  87 */ { HEAD "91 97 02 05 c404c6336401 c404f0000000 " ONE, REJECT_NONE },
	/*  88 */ { HEAD "91 97 02 05 c404c6336401 c404ffffffff " ONE, REJECT_CELL },
	/*  89 */ { HEAD "91 97 02 05 c4047f000001 c4040a000001 " ONE, REJECT_CELL }, /* as destination of a pair */
	/*  90 */ { HEAD "91 97 00 05 c400 c404e0000001 " ONE, REJECT_CELL }, /* as a destination */
	/*  91 */ { HEAD "91 97 01 05 c400 c41020010db8000000000000000000000080 " ONE, REJECT_NONE },
	/*  92 */ { HEAD "91 97 01 05 c400 c41000000000000000000000000000000000 " ONE, REJECT_CELL }, /* :: */
	/*  93 */ { HEAD "91 97 01 05 c400 c41000000000000000000000000000000001 " ONE, REJECT_CELL }, /* ::1 */
	/*  94 */ { HEAD "91 97 01 05 c400 c41000000000000000000000000000000002 " ONE, REJECT_NONE },
	/*  95 */ { HEAD "91 97 01 05 c400 c41000000000000000000000ffff0a000001 " ONE, REJECT_CELL }, /* mapped */
	/*  96 */ { HEAD "91 97 01 05 c400 c410ff000000000000000000000000000001 " ONE, REJECT_CELL },
	/*  97 */ { HEAD "91 97 01 05 c400 c410feffffffffffffffffffffffffffffff " ONE, REJECT_NONE },
	/*  98 */ { HEAD "91 97 01 05 c400 c410fe800000000000000000000000000001 " ONE, REJECT_CELL },
	/*  99 */ { HEAD "91 97 01 05 c400 c410febfffffffffffffffffffffffffffff " ONE, REJECT_CELL },
	/* 100 */ { HEAD "91 97 01 05 c400 c410fe7fffffffffffffffffffffffffffff " ONE, REJECT_NONE },
	/* 101 */ { HEAD "91 97 01 05 c400 c410fec00000000000000000000000000001 " ONE, REJECT_NONE },
	/* a client of :: would read as a destination */
	/* 102 */ { HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41000000000000000000000000000000000 " ONE, REJECT_CELL },
	/* 103 */ { HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41000000000000000000000ffff0a000001 " ONE, REJECT_CELL },
	/* 104 */ { HEAD "91 97 03 05 c41000000000000000000000ffffc6336401 c41020010db8000000000000000000000001 " ONE, REJECT_CELL },
	/* 105 */ { HEAD "91 97 03 05 c41020010db8000000000000000000000080 c41020010db8000000000000000000000001 " ONE, REJECT_NONE },
};
/* clang-format on */

static void a_body_has_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(forms); i++) {
		uint8_t bytes[256], *exact;
		size_t size = hex_read(forms[i].hex, bytes, sizeof(bytes));
		enum reject reject;

		exact = malloc(size ? size : 1); /* so that a sanitizer sees a read behind the end */
		memcpy(exact, bytes, size);
		reject = frame_check(exact, size);
		if (reject != forms[i].reject)
			fail_msg("row %zu: %s", i, reject_names[reject]);
		for (size_t cut = 0; cut < size; cut++) {
			uint8_t *shorter = malloc(cut ? cut : 1);

			memcpy(shorter, bytes, cut);
			if (frame_check(shorter, cut) == REJECT_NONE && forms[i].reject == REJECT_NONE)
				fail_msg("row %zu cut to %zu bytes", i, cut);
			free(shorter);
		}
		free(exact);
	}
}

static void hostile_bodies_of_full_size_end_at_once(void **state)
{
	static uint8_t body[DATAGRAM_BYTES_MAX + 1];
	static const struct {
		uint8_t fill;
		const char *start;
	} rows[] = {
		{ 0x91, "" }, /* nested arrays all the way */
		{ 0x97, "" },
		{ 0xdd, "" },
		{ 0xdf, "" },
		{ 0xff, "" },
		{ 0x91, HEAD },
		{ 0x97, HEAD "dc ffff" },
		{ 0x00, HEAD "dc ffff" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		memset(body, rows[i].fill, sizeof(body));
		hex_read(rows[i].start, body, sizeof(body));
		assert_int_equal(frame_check(body, DATAGRAM_BYTES_MAX), REJECT_BODY);
	}
}

static size_t put_column(uint8_t *at, uint8_t fill, size_t size)
{
	const uint8_t header[] = { 0xc4, (uint8_t)size };

	memcpy(at, header, sizeof(header));
	memset(at + sizeof(header), fill, size);
	return sizeof(header) + size;
}

static void a_body_longer_than_any_datagram_is_refused(void **state)
{
	(void)state;
	for (size_t cells = 200; cells <= 206; cells++) {
		uint8_t body[2000];
		size_t size = hex_read(HEAD "91 97 00 05 c400 c5", body, sizeof(body));

		body[size++] = (uint8_t)(cells * 4 >> 8);
		body[size++] = (uint8_t)(cells * 4);
		for (size_t i = 0; i < cells; i++, size += 4)
			memcpy(body + size, (const uint8_t[]){ 10, 0, 0, (uint8_t)i }, 4);
		size += put_column(body + size, 0, cells);
		size += put_column(body + size, 1, cells);
		size += put_column(body + size, 1, cells);
		assert_int_equal(frame_check(body, size), size <= DATAGRAM_BYTES_MAX ? REJECT_NONE : REJECT_BODY);
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
		cmocka_unit_test(a_body_has_one_form),
		cmocka_unit_test(hostile_bodies_of_full_size_end_at_once),
		cmocka_unit_test(a_body_longer_than_any_datagram_is_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
