/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For tests of wire formats: reads hex, from rows of a table and from tests/vectors (run from the top of the tree),
 * and the cast of generate.py: one authority, two nodes, one mesh secret.
 */
#ifndef TESTS_VECTOR_H
#define TESTS_VECTOR_H

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "certificate.h"
#include "mesh.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Hex digits, blanks anywhere; a # hides the rest of its line. */
static inline size_t hex_read(const char *text, uint8_t *ret_bytes, size_t bytes_max)
{
	size_t size = 0;

	while (*text) {
		unsigned int byte;

		if (isspace((unsigned char)*text)) {
			text++;
		} else if (*text == '#') {
			text += strcspn(text, "\n");
		} else {
			assert_int_equal(sscanf(text, "%2x", &byte), 1);
			assert_true(size < bytes_max && isxdigit((unsigned char)text[1]));
			ret_bytes[size++] = (uint8_t)byte;
			text += 2;
		}
	}
	return size;
}

static inline size_t vector_read(const char *name, uint8_t *ret_bytes, size_t bytes_max)
{
	char path[256], text[16384];
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "tests/vectors/%s.hex", name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: cannot be opened; run from the top of the tree", path);
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	assert_true(size < sizeof(text) - 1);
	text[size] = '\0';
	return hex_read(text, ret_bytes, bytes_max);
}

static inline void assert_is_vector(const char *name, const uint8_t *bytes, size_t size)
{
	uint8_t expected[2048];
	size_t expected_size = vector_read(name, expected, sizeof(expected));

	if (size != expected_size || memcmp(bytes, expected, size) != 0) {
		print_message("# differs from tests/vectors/%s.hex\n", name);
		assert_int_equal(size, expected_size);
		assert_memory_equal(bytes, expected, size);
	}
}

struct keys {
	uint8_t public_key[PUBLIC_KEY_BYTES], secret[SECRET_KEY_BYTES];
};

/* Keys of the seed {first, first + 1, ...}. */
static inline struct keys keys_from(uint8_t first)
{
	struct keys keys;
	uint8_t seed[32];

	for (uint8_t i = 0; i < 32; i++)
		seed[i] = (uint8_t)(first + i);
	crypto_sign_seed_keypair(keys.public_key, keys.secret, seed);
	return keys;
}

static inline struct keys keys_authority(void)
{
	return keys_from(0);
}

static inline struct keys keys_a(void)
{
	return keys_from(32);
}

static inline struct keys keys_b(void)
{
	return keys_from(64);
}

static inline void mesh_secret_make(uint8_t ret_secret[MESH_SECRET_BYTES])
{
	for (uint8_t i = 0; i < MESH_SECRET_BYTES; i++)
		ret_secret[i] = (uint8_t)(96 + i);
}

/* By these every address is a client: for tests of bytes, in which clients of every length occur. */
static const struct widths every_host = { .client_bits = CLIENT_BITS_DEFAULT, .hosts_count = 1 };

static inline struct mesh mesh_make(void)
{
	struct mesh mesh = { .tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT };

	memcpy(mesh.authority, keys_authority().public_key, sizeof(mesh.authority));
	mesh_id_of(mesh.authority, mesh.id);
	return mesh;
}

/*
 * Public keys that nobody may have: of small order, not canonical, not on the curve, or outside the group that is
 * used.
 */
static inline size_t bad_keys(uint8_t ret_keys[8][PUBLIC_KEY_BYTES])
{
	static const char *const rows[] = {
		"0100000000000000000000000000000000000000000000000000000000000000", /* order 1 */
		"0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* y = p + 1: not canonical */
		"0200000000000000000000000000000000000000000000000000000000000000", /* not on the curve */
	};
	unsigned int borrow = 0;
	uint8_t *mixed = ret_keys[ROWS(rows)];
	struct keys keys = keys_a();

	for (size_t i = 0; i < ROWS(rows); i++)
		hex_read(rows[i], ret_keys[i], PUBLIC_KEY_BYTES);
	/*
	 * A good key plus the point of order 2, (0, -1): (-x, -y). libsodium before 1.0.20-1 / 1.0.18-1+deb12u1 took
	 * it.
	 */
	for (unsigned int i = 0; i < 32; i++) {
		unsigned int p = i == 0	   ? 0xed
				 : i == 31 ? 0x7f
					   : 0xff,
			     y = keys.public_key[i] & (i == 31 ? 0x7f : 0xff);
		unsigned int difference = p - y - borrow;

		mixed[i] = (uint8_t)difference;
		borrow = difference >> 8 & 1;
	}
	mixed[31] = (uint8_t)(mixed[31] | (~keys.public_key[31] & 0x80));
	return ROWS(rows) + 1;
}

/* splitmix64: a seed gives the same rows everywhere. */
static inline uint64_t draw(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static inline uint64_t draw_below(uint64_t *state, uint64_t bound)
{
	return draw(state) % bound;
}

#endif
