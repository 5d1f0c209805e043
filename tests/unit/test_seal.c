// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The seal: equal to the vectors both ways, and open to nothing else: no bit, byte, session, receiver or key may
 * differ.
 */
#include <errno.h>

#include "seal.h"
#include "vector.h"

/* What sealed.hex was made with. */
static struct seal_context context_make(void)
{
	struct seal_context context = {
		.sender_incarnation = 3, .receiver_incarnation = 4, .sender_boot = 5, .receiver_boot = 6
	};

	memcpy(context.mesh_id, mesh_make().id, sizeof(context.mesh_id));
	context.sender = member_id_of(keys_a().public_key);
	context.receiver = member_id_of(keys_b().public_key);
	return context;
}

static struct datagram_header header_make(enum datagram_type type, uint64_t counter)
{
	struct datagram_header header = { .type = type, .sender = member_id_of(keys_a().public_key) };
	uint8_t random[16];

	for (uint8_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(128 + i);
	nonce_make(counter, random, header.nonce);
	return header;
}

static void pair_key_make(uint8_t ret_key[SEAL_KEY_BYTES])
{
	uint8_t secret[MESH_SECRET_BYTES];

	mesh_secret_make(secret);
	assert_int_equal(seal_key(keys_a().secret, keys_b().public_key, secret, ret_key), 0);
}

static void hello_key_make(uint8_t ret_key[SEAL_KEY_BYTES])
{
	uint8_t secret[MESH_SECRET_BYTES];

	mesh_secret_make(secret);
	seal_hello_key(secret, ret_key);
}

static void both_sides_derive_the_key_of_the_vector(void **state)
{
	uint8_t secret[MESH_SECRET_BYTES], a[SEAL_KEY_BYTES], b[SEAL_KEY_BYTES], hello[SEAL_KEY_BYTES],
		other[SEAL_KEY_BYTES];

	(void)state;
	mesh_secret_make(secret);
	assert_int_equal(seal_key(keys_a().secret, keys_b().public_key, secret, a), 0);
	assert_int_equal(seal_key(keys_b().secret, keys_a().public_key, secret, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_is_vector("pair_key", a, sizeof(a));
	seal_hello_key(secret, hello);
	assert_is_vector("hello_key", hello, sizeof(hello));

	secret[0] ^= 1;
	assert_int_equal(seal_key(keys_a().secret, keys_b().public_key, secret, other), 0);
	assert_memory_not_equal(a, other, sizeof(a));
	seal_hello_key(secret, other);
	assert_memory_not_equal(hello, other, sizeof(hello));
}

static void keys_nobody_may_have_give_no_key(void **state)
{
	uint8_t secret[MESH_SECRET_BYTES], bad[8][PUBLIC_KEY_BYTES], key[SEAL_KEY_BYTES] = { 1, 2, 3 };
	const uint8_t untouched[SEAL_KEY_BYTES] = { 1, 2, 3 };
	size_t count = bad_keys(bad);

	(void)state;
	mesh_secret_make(secret);
	for (size_t i = 0; i < count; i++) {
		if (seal_key(keys_a().secret, bad[i], secret, key) != -EINVAL)
			fail_msg("row %zu", i);
		assert_memory_equal(key, untouched, sizeof(key));
	}
}

static void the_member_ids_are_the_vectors(void **state)
{
	const uint64_t ids[] = { member_id_of(keys_a().public_key), member_id_of(keys_b().public_key) };
	uint8_t bytes[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		bytes[i] = (uint8_t)(ids[i / 8] >> 8 * (i % 8));
	assert_is_vector("member_ids", bytes, sizeof(bytes));
}

static void a_sealed_datagram_is_the_vector_both_ways(void **state)
{
	const struct seal_context context = context_make();
	const struct datagram_header header = header_make(DATAGRAM_SEALED, 7);
	struct datagram_header read;
	uint8_t key[SEAL_KEY_BYTES], datagram[SEAL_BYTES + 4];
	size_t size = 0;

	(void)state;
	pair_key_make(key);
	assert_int_equal(seal_close(&header, &context, key, (const uint8_t *)"xpro", 4, datagram), sizeof(datagram));
	assert_is_vector("sealed", datagram, sizeof(datagram));

	assert_int_equal(vector_read("sealed", datagram, sizeof(datagram)), sizeof(datagram));
	assert_int_equal(seal_header(datagram, sizeof(datagram), &read), REJECT_NONE);
	assert_int_equal(read.type, DATAGRAM_SEALED);
	assert_true(read.sender == context.sender);
	assert_memory_equal(read.nonce, header.nonce, sizeof(read.nonce));
	assert_int_equal(nonce_counter(read.nonce), 7);
	assert_int_equal(seal_open(datagram, sizeof(datagram), &context, key, &size), REJECT_NONE);
	assert_int_equal(size, 4);
	assert_memory_equal(datagram + SEAL_HEADER_BYTES, "xpro", 4);
}

static void a_hello_is_the_vector_both_ways(void **state)
{
	struct seal_context context = { 0 };
	const struct datagram_header header = header_make(DATAGRAM_HELLO, 1);
	struct datagram_header read;
	uint8_t key[SEAL_KEY_BYTES], datagram[HELLO_BYTES];
	size_t size = 0;

	(void)state;
	memcpy(context.mesh_id, mesh_make().id, sizeof(context.mesh_id));
	hello_key_make(key);
	for (size_t i = 0; i < HELLO_BYTES - SEAL_BYTES; i++)
		datagram[SEAL_HEADER_BYTES + i] = (uint8_t)i;
	assert_int_equal(seal_close(&header, &context, key, datagram + SEAL_HEADER_BYTES, HELLO_BYTES - SEAL_BYTES,
				    datagram),
			 HELLO_BYTES);
	assert_is_vector("hello", datagram, sizeof(datagram));
	assert_int_equal(seal_header(datagram, sizeof(datagram), &read), REJECT_NONE);
	assert_int_equal(read.type, DATAGRAM_HELLO);
	assert_int_equal(seal_open(datagram, sizeof(datagram), &context, key, &size), REJECT_NONE);
	assert_int_equal(size, HELLO_BYTES - SEAL_BYTES);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(datagram[SEAL_HEADER_BYTES + i], (uint8_t)i);
}

static void headers_of_the_wrong_size_or_version_are_refused(void **state)
{
	static const struct {
		const char *word;
		size_t size;
		enum reject reject;
	} rows[] = {
		/*  0 */ { "58 4d 02 02", 0, REJECT_SIZE },
		/*  1 */ { "58 4d 02 02", 1, REJECT_SIZE },
		/*  2 */ { "58 4d 02 02", SEAL_HEADER_BYTES, REJECT_SIZE }, /* header only */
		/*  3 */ { "58 4d 02 02", SEAL_BYTES, REJECT_SIZE },	    /* nothing inside */
		/*  4 */ { "58 4d 02 02", SEAL_BYTES + 1, REJECT_NONE },
		/*  5 */ { "58 4d 02 02", DATAGRAM_BYTES_MAX, REJECT_NONE },
		/*  6 */ { "58 4d 02 02", DATAGRAM_BYTES_MAX + 1, REJECT_SIZE },
		/*  7 */ { "58 4d 02 02", 65507, REJECT_SIZE },
		/*  8 */ { "58 4d 02 01", HELLO_BYTES, REJECT_NONE },
		/*  9 */ { "58 4d 02 01", HELLO_BYTES - 1, REJECT_SIZE },
		/* 10 */ { "58 4d 02 01", HELLO_BYTES + 1, REJECT_SIZE },
		/* 11 */ { "58 4d 02 02", HELLO_BYTES, REJECT_NONE },
		/* 12 */ { "58 4d 02 00", 100, REJECT_VERSION },
		/* 13 */ { "58 4d 02 03", 100, REJECT_VERSION },
		/* 14 */ { "58 4d 02 ff", 100, REJECT_VERSION },
		/* 15 */ { "58 4d 00 02", 100, REJECT_OTHER_VERSION },
		/* 16 */ { "58 4d 01 02", 100, REJECT_OTHER_VERSION },
		/* 17 */ { "58 4e 02 02", 100, REJECT_VERSION },
		/* 18 */ { "59 4d 02 02", 100, REJECT_VERSION },
		/* 19 */ { "00 00 00 00", 100, REJECT_VERSION },
		/* 20 */ { "58 4d 03 02", 100, REJECT_OTHER_VERSION },
		/* 21 */ { "58 4d 00 ff", 100, REJECT_OTHER_VERSION }, /* its types may be others */
		/* 22 */ { "58 4d ff 02", SEAL_BYTES, REJECT_SIZE },
		/* 23 */ { "58 4d 00 01", HELLO_BYTES + 1, REJECT_OTHER_VERSION }, /* and its sizes */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t *datagram = calloc(1, rows[i].size ? rows[i].size : 1), word[4];
		struct datagram_header header = { .sender = 4711 };
		enum reject reject;

		hex_read(rows[i].word, word, sizeof(word));
		memcpy(datagram, word, rows[i].size < 4 ? rows[i].size : 4);
		reject = seal_header(datagram, rows[i].size, &header);
		free(datagram);
		if (reject != rows[i].reject)
			fail_msg("row %zu: %s", i, reject_names[reject]);
		if (reject != REJECT_NONE && reject != REJECT_OTHER_VERSION && header.sender != 4711)
			fail_msg("row %zu wrote a header", i);
		if (reject == REJECT_OTHER_VERSION && (header.sender != 0 || header.version != word[2]))
			fail_msg("row %zu: sender %llu, version %u", i, (unsigned long long)header.sender,
				 header.version);
	}
}

/* Refused, and the datagram still as it was, so that another session may be tried. */
static void assert_stays_shut(const uint8_t *bytes, size_t size, const struct seal_context *context,
			      const uint8_t key[SEAL_KEY_BYTES], const char *what, size_t at)
{
	uint8_t *datagram = malloc(size ? size : 1);
	size_t plain_size = 4711;

	memcpy(datagram, bytes, size);
	if (seal_open(datagram, size, context, key, &plain_size) != REJECT_SEAL)
		fail_msg("%s %zu opens", what, at);
	assert_int_equal(plain_size, 4711);
	assert_memory_equal(datagram, bytes, size);
	free(datagram);
}

static void every_bit_and_every_length_is_sealed(void **state)
{
	const struct seal_context context = context_make();
	uint8_t key[SEAL_KEY_BYTES], datagram[SEAL_BYTES + 4 + 64] = { 0 };
	size_t size = vector_read("sealed", datagram, sizeof(datagram));

	(void)state;
	pair_key_make(key);
	for (size_t bit = 0; bit < size * 8; bit++) {
		datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_stays_shut(datagram, size, &context, key, "bit", bit);
		datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < size; cut++)
		assert_stays_shut(datagram, cut, &context, key, "cut to", cut);
	for (size_t more = 1; more <= 64; more++)
		assert_stays_shut(datagram, size + more, &context, key, "longer by", more);
}

static void a_full_datagram_is_sealed_to_its_last_bit(void **state)
{
	const struct seal_context context = context_make();
	const struct datagram_header header = header_make(DATAGRAM_SEALED, 1);
	static uint8_t plain[DATAGRAM_BYTES_MAX - SEAL_BYTES], datagram[DATAGRAM_BYTES_MAX + 1];
	uint8_t key[SEAL_KEY_BYTES];
	size_t size;

	(void)state;
	pair_key_make(key);
	assert_int_equal(seal_close(&header, &context, key, plain, sizeof(plain), datagram), DATAGRAM_BYTES_MAX);
	for (size_t bit = 0; bit < DATAGRAM_BYTES_MAX * 8; bit++) {
		datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_stays_shut(datagram, DATAGRAM_BYTES_MAX, &context, key, "bit", bit);
		datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_stays_shut(datagram, DATAGRAM_BYTES_MAX + 1, &context, key, "longer by", 1);
	assert_int_equal(seal_open(datagram, DATAGRAM_BYTES_MAX, &context, key, &size), REJECT_NONE);
	assert_int_equal(size, sizeof(plain));
}

static void it_opens_for_one_receiver_in_one_session_of_one_mesh(void **state)
{
	const struct seal_context good = context_make();
	struct seal_context rows[8];
	uint8_t key[SEAL_KEY_BYTES], datagram[SEAL_BYTES + 4];
	size_t size = vector_read("sealed", datagram, sizeof(datagram));

	(void)state;
	pair_key_make(key);
	for (size_t i = 0; i < ROWS(rows); i++)
		rows[i] = good;
	rows[0].mesh_id[15] ^= 1;
	rows[1].sender ^= 1;
	rows[2].receiver ^= 1;
	rows[3].sender_incarnation++;
	rows[4].receiver_incarnation--;
	rows[5].sender_boot++;
	rows[6].receiver_boot++;
	rows[7].sender = good.receiver; /* reflected to its sender */
	rows[7].receiver = good.sender;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_stays_shut(datagram, size, &rows[i], key, "context", i);
	hello_key_make(key);
	assert_stays_shut(datagram, size, &good, key, "the hello key", 0);
}

static void a_nonce_holds_its_counter(void **state)
{
	static const uint64_t rows[] = { 0, 1, 255, 256, 1ULL << 40, UINT64_MAX };
	const uint8_t random[16] = { 9, 8, 7 };
	uint8_t nonce[24];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		nonce_make(rows[i], random, nonce);
		assert_true(nonce_counter(nonce) == rows[i]);
		assert_memory_equal(nonce + 8, random, sizeof(random));
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
		cmocka_unit_test(both_sides_derive_the_key_of_the_vector),
		cmocka_unit_test(keys_nobody_may_have_give_no_key),
		cmocka_unit_test(the_member_ids_are_the_vectors),
		cmocka_unit_test(a_sealed_datagram_is_the_vector_both_ways),
		cmocka_unit_test(a_hello_is_the_vector_both_ways),
		cmocka_unit_test(headers_of_the_wrong_size_or_version_are_refused),
		cmocka_unit_test(every_bit_and_every_length_is_sealed),
		cmocka_unit_test(a_full_datagram_is_sealed_to_its_last_bit),
		cmocka_unit_test(it_opens_for_one_receiver_in_one_session_of_one_mesh),
		cmocka_unit_test(a_nonce_holds_its_counter),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
