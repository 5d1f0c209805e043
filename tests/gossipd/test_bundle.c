// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A bundle: what is put in comes out, and nothing else is a bundle: no bit changed, no byte more or less. */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include <sodium.h>

#include "bundle.h"
#include "keys.h"

#define MADE_S 1800000000
#define CONFIG "name = \"ams\";\n"

static struct mesh mesh;
static uint8_t authority[SECRET_KEY_BYTES], stranger[SECRET_KEY_BYTES];
static char certificate_text[1024], key_text[64], secret_text[64], signature_text[BUNDLE_SIGNATURE_TEXT_BYTES];
static char archive[BUNDLE_BYTES_MAX + 1], changed[BUNDLE_BYTES_MAX + 1];
static size_t archive_size;
static struct problem problem;
static struct bundle opened;

static const char *line_of(const uint8_t *bytes, size_t size, char *ret_text, size_t text_bytes)
{
	sodium_bin2base64(ret_text, text_bytes - 1, bytes, size, sodium_base64_VARIANT_ORIGINAL);
	return strcat(ret_text, "\n");
}

static void make_mesh(void)
{
	uint8_t seed[crypto_sign_SEEDBYTES] = { 1 }, other[PUBLIC_KEY_BYTES];

	mesh = (struct mesh){ .tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT };
	mesh.widths.client_bits = 56; /* none that a reader would assume */
	crypto_sign_seed_keypair(mesh.authority, authority, seed);
	mesh_id_of(mesh.authority, mesh.id);
	seed[0] = 2;
	crypto_sign_seed_keypair(other, stranger, seed);
}

/* A node's files. `number` is of its key; the certificate is for key 3. */
static struct bundle files_of(const char *name, uint8_t number)
{
	struct certificate certificate = { .serial = 7, .endpoints = 1, .endpoint = { { { { 9 } }, 7946 } } };
	uint8_t seed[crypto_sign_SEEDBYTES] = { 3 }, secret_key[SECRET_KEY_BYTES], bytes[CERTIFICATE_BYTES_MAX];
	uint8_t secret[MESH_SECRET_BYTES] = { 4 };
	struct bundle bundle = { .made_s = MADE_S };
	size_t size;

	snprintf(certificate.name, sizeof(certificate.name), "%s", name);
	snprintf(bundle.name, sizeof(bundle.name), "ams");
	crypto_sign_seed_keypair(certificate.public_key, secret_key, seed);
	assert_int_equal(certificate_issue(&certificate, &mesh, authority, bytes, &size), 0);
	seed[0] = number;
	bundle.part[BUNDLE_CONFIG].bytes = CONFIG;
	bundle.part[BUNDLE_KEY].bytes = line_of(seed, sizeof(seed), key_text, sizeof(key_text));
	bundle.part[BUNDLE_CERTIFICATE].bytes = line_of(bytes, size, certificate_text, sizeof(certificate_text));
	bundle.part[BUNDLE_SECRET].bytes = line_of(secret, sizeof(secret), secret_text, sizeof(secret_text));
	for (unsigned int part = 0; part < BUNDLE_SIGNATURE; part++)
		bundle.part[part].size = strlen(bundle.part[part].bytes);
	return bundle;
}

static void seal(struct bundle *bundle, const uint8_t *signer)
{
	size_t size;

	assert_true(bundle_put(bundle, BUNDLE_SIGNATURE, archive, sizeof(archive), &size));
	bundle_sign(archive, size, signer, signature_text);
	bundle->part[BUNDLE_SIGNATURE].bytes = signature_text;
	bundle->part[BUNDLE_SIGNATURE].size = strlen(signature_text);
	assert_true(bundle_put(bundle, BUNDLE_PARTS, archive, sizeof(archive), &archive_size));
}

static int open_it(const char *bytes, size_t size)
{
	problem.text[0] = '\0';
	return bundle_open("ams.xpro", bytes, size, &opened, &problem);
}

static void what_is_put_in_comes_out(void **state)
{
	struct bundle bundle = files_of("ams", 3);

	(void)state;
	seal(&bundle, authority);
	if (open_it(archive, archive_size))
		fail_msg("%s", problem.text);
	assert_string_equal(opened.name, "ams");
	assert_int_equal(opened.made_s, MADE_S);
	assert_int_equal(opened.certificate.serial, 7);
	assert_memory_equal(opened.mesh.id, mesh.id, sizeof(mesh.id));
	for (unsigned int part = 0; part < BUNDLE_PARTS; part++) {
		assert_int_equal(opened.part[part].size, bundle.part[part].size);
		assert_memory_equal(opened.part[part].bytes, bundle.part[part].bytes, bundle.part[part].size);
	}
}

static void widths_are_those_of_the_certificate(void **state)
{
	struct bundle bundle = files_of("ams", 3);
	struct widths others = mesh.widths;

	(void)state;
	seal(&bundle, authority);
	assert_int_equal(open_it(archive, archive_size), 0);
	others.client_bits = 64;
	assert_int_equal(bundle_take_widths("ams.xpro", &opened, &others, &problem), -EDOM);
	assert_int_equal(bundle_take_widths("ams.xpro", &opened, &mesh.widths, &problem), 0);
	assert_memory_equal(&opened.mesh, &mesh, sizeof(mesh));
}

static void no_bit_of_it_may_change(void **state)
{
	struct bundle bundle = files_of("ams", 3);

	(void)state;
	seal(&bundle, authority);
	for (size_t i = 0; i < archive_size; i++) {
		memcpy(changed, archive, archive_size);
		changed[i] = (char)(changed[i] ^ 1 << i % 8);
		if (open_it(changed, archive_size) == 0)
			fail_msg("bit %zu of byte %zu was changed, and it opened", i % 8, i);
		assert_true(problem.text[0]);
	}
}

static void it_ends_where_it_ends(void **state)
{
	struct bundle bundle = files_of("ams", 3);

	(void)state;
	seal(&bundle, authority);
	archive[archive_size] = '\0';
	assert_int_equal(open_it(archive, archive_size + 1), -EBADMSG);
	for (size_t size = 0; size < archive_size; size++) {
		char *exact = malloc(size + 1); /* a read beyond its end is seen */

		assert_non_null(exact);
		memcpy(exact, archive, size);
		if (open_it(exact, size) != -EBADMSG)
			fail_msg("%zu of %zu bytes were a bundle", size, archive_size);
		free(exact);
	}
}

/* Signed by the authority, so that only what the row names is wrong. */
static void what_does_not_belong_together_is_refused(void **state)
{
	static const struct {
		const char *certified; /* name in the certificate */
		uint8_t key;
		const uint8_t *signer;
		const char *secret;
		const char *says;
	} rows[] = {
		{ "fra", 3, authority, NULL, "ams.xpro: the certificate is for a node of another name" },
		{ "ams", 5, authority, NULL, "ams.xpro: the certificate was issued for another key than node.key" },
		{ "ams", 3, stranger, NULL, "ams.xpro: the signature of the bundle does not verify" },
		{ "ams", 3, authority, "AAAA\n", "ams.xpro: node.key or mesh.secret has the wrong length" },
		{ "ams", 3, authority, "", "ams.xpro: ams/mesh.secret: is empty" },
		{ "ams", 3, authority, "a\nb\n", "ams.xpro: ams/mesh.secret: holds more than one line" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bundle bundle = files_of(rows[i].certified, rows[i].key);

		if (rows[i].secret) {
			bundle.part[BUNDLE_SECRET].bytes = rows[i].secret;
			bundle.part[BUNDLE_SECRET].size = strlen(rows[i].secret);
		}
		seal(&bundle, rows[i].signer);
		if (open_it(archive, archive_size) == 0)
			fail_msg("row %u opened", i);
		assert_says(i, problem.text, rows[i].says);
	}
}

/* A header field set anew, with a checksum that fits. */
static void set_field(char *header, size_t at, const void *bytes, size_t size)
{
	unsigned int sum = 0;
	char text[8];

	memcpy(header + at, bytes, size);
	memset(header + 148, ' ', 8);
	for (unsigned int i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += (unsigned char)header[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(header + 148, text, 7);
}

static void a_header_has_one_form(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		const char *bytes;
		size_t size;
	} rows[] = {
		{ "the checksum as it was", 0, "ams.conf", 8 }, /* the one row that opens */
		{ "a path upwards", 0, "../x.conf", 9 },
		{ "an absolute path", 0, "/a.conf\0", 8 },
		{ "no name", 0, "\0", 1 },
		{ "a capital letter", 0, "Ams.conf", 8 },
		{ "another mode", 100, "0000666", 7 },
		{ "another owner", 108, "0000001", 7 },
		{ "a size in blanks", 124, "         16", 11 },
		{ "a size of base 256", 124, "\x80\0\0\0\0\0\0\0\0\0\0\x10", 12 },
		{ "a size beyond the end", 124, "00000077777", 11 },
		{ "a size beyond the bound", 124, "77777777777", 11 },
		{ "another time than the others", 136, "00000000001", 11 },
		{ "a symbolic link", 156, "2", 1 },
		{ "a link's target", 157, "x", 1 },
		{ "GNU's magic", 257, "ustar  ", 7 },
		{ "a prefix", 345, "x", 1 },
	};
	struct bundle bundle = files_of("ams", 3), taken;

	(void)state;
	seal(&bundle, authority);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(changed, archive, archive_size);
		set_field(changed, rows[i].at, rows[i].bytes, rows[i].size);
		if (bundle_take(changed, archive_size, &taken) != (i == 0))
			fail_msg("row %u, %s: %s", i, rows[i].what, i ? "was taken" : "was refused");
	}
}

static void parts_have_bounds(void **state)
{
	static char config[BUNDLE_CONFIG_BYTES_MAX + 1], key[BUNDLE_KEY_BYTES_MAX + 1];
	static const struct {
		size_t config, key;
		bool taken;
	} rows[] = {
		{ BUNDLE_CONFIG_BYTES_MAX, BUNDLE_KEY_BYTES_MAX, true },
		{ BUNDLE_CONFIG_BYTES_MAX - 1, BUNDLE_KEY_BYTES_MAX - 1, true },
		{ 0, 0, true },
		{ BUNDLE_CONFIG_BYTES_MAX + 1, 16, false },
		{ 16, BUNDLE_KEY_BYTES_MAX + 1, false },
	};

	(void)state;
	memset(config, 'x', sizeof(config));
	memset(key, 'x', sizeof(key));
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bundle bundle = files_of("ams", 3), taken;
		bool put;

		bundle.part[BUNDLE_CONFIG].bytes = config;
		bundle.part[BUNDLE_CONFIG].size = rows[i].config;
		bundle.part[BUNDLE_KEY].bytes = key;
		bundle.part[BUNDLE_KEY].size = rows[i].key;
		bundle.part[BUNDLE_SIGNATURE] = bundle.part[BUNDLE_SECRET];
		put = bundle_put(&bundle, BUNDLE_PARTS, archive, BUNDLE_BYTES_MAX, &archive_size);
		if ((put && bundle_take(archive, archive_size, &taken)) != rows[i].taken)
			fail_msg("row %u: expected %s", i, rows[i].taken ? "taken" : "refused");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_in_comes_out),
		cmocka_unit_test(widths_are_those_of_the_certificate),
		cmocka_unit_test(no_bit_of_it_may_change),
		cmocka_unit_test(it_ends_where_it_ends),
		cmocka_unit_test(what_does_not_belong_together_is_refused),
		cmocka_unit_test(a_header_has_one_form),
		cmocka_unit_test(parts_have_bounds),
	};

	if (sodium_init() < 0)
		return 1;
	make_mesh();
	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
