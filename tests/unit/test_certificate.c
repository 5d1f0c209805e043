// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Certificates: equal to the vector both ways; every other form is refused even when the authority signed it. */
#include <errno.h>

#include "certificate.h"
#include "vector.h"

#define DOMAIN "xpro-mesh certificate v2"

/* What certificate.hex says. */
static struct certificate certificate_make(void)
{
	const uint8_t ipv4[4] = { 192, 0, 2, 10 };
	struct certificate certificate = {
		.name = "node-a", .region = "eu-west", .line_rate = 1488095, .serial = 1, .endpoints = 2
	};

	memcpy(certificate.public_key, keys_a().public_key, PUBLIC_KEY_BYTES);
	certificate.id = member_id_of(certificate.public_key);
	certificate.endpoint[0].address = address_of_ipv4(ipv4);
	certificate.endpoint[0].port = certificate.endpoint[1].port = 7946;
	hex_read("20010db8 00000000 00000000 00000010", certificate.endpoint[1].address.bytes, 16);
	return certificate;
}

static struct certificate certificate_longest(void)
{
	struct certificate certificate = certificate_make();

	memset(certificate.name, 'n', NAME_BYTES_MAX);
	memset(certificate.region, 'r', REGION_BYTES_MAX);
	certificate.line_rate = certificate.serial = certificate.id = UINT64_MAX;
	certificate.has_previous = true;
	memcpy(certificate.previous_key, keys_b().public_key, PUBLIC_KEY_BYTES);
	certificate.endpoints = ENDPOINTS_MAX;
	for (int i = 0; i < ENDPOINTS_MAX; i++)
		certificate.endpoint[i] = certificate.endpoint[1];
	return certificate;
}

static void assert_same(const struct certificate *a, const struct certificate *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->region, b->region);
	assert_memory_equal(a->public_key, b->public_key, sizeof(a->public_key));
	assert_true(a->line_rate == b->line_rate && a->serial == b->serial && a->id == b->id);
	assert_int_equal(a->has_previous, b->has_previous);
	assert_memory_equal(a->previous_key, b->previous_key, sizeof(a->previous_key));
	assert_int_equal(a->endpoints, b->endpoints);
	assert_memory_equal(a->endpoint, b->endpoint, sizeof(a->endpoint));
}

static void a_certificate_is_the_vector_both_ways(void **state)
{
	const struct certificate certificate = certificate_make();
	const struct mesh mesh = mesh_make();
	struct certificate opened;
	struct mesh stated;
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	size_t size;

	(void)state;
	assert_int_equal(certificate_issue(&certificate, &mesh, keys_authority().secret, bytes, &size), 0);
	assert_is_vector("certificate", bytes, size);
	assert_int_equal(certificate_open(bytes, size, &mesh, &opened), REJECT_NONE);
	assert_same(&opened, &certificate);
	assert_int_equal(certificate_mesh(bytes, size, &mesh.widths, &stated), 0);
	assert_memory_equal(&stated, &mesh, sizeof(stated));
}

static void the_shortest_and_the_longest_come_back_as_they_were(void **state)
{
	struct certificate rows[] = { certificate_longest(), certificate_make() };
	const struct mesh mesh = mesh_make();
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	size_t size;

	(void)state;
	rows[1] = (struct certificate){ .name = "a", .id = 1 };
	memcpy(rows[1].public_key, keys_b().public_key, PUBLIC_KEY_BYTES);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct certificate opened;

		assert_int_equal(certificate_issue(&rows[i], &mesh, keys_authority().secret, bytes, &size), 0);
		assert_int_equal(certificate_open(bytes, size, &mesh, &opened), REJECT_NONE);
		assert_same(&opened, &rows[i]);
	}
}

static void every_bit_and_every_length_is_signed(void **state)
{
	const struct mesh mesh = mesh_make();
	uint8_t bytes[CERTIFICATE_BYTES_MAX + 64] = { 0 };
	size_t size = vector_read("certificate", bytes, sizeof(bytes));

	(void)state;
	for (size_t bit = 0; bit < size * 8; bit++) {
		struct certificate opened = { .serial = 4711 };
		enum reject reject;

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		reject = certificate_open(bytes, size, &mesh, &opened);
		if (reject != REJECT_CERTIFICATE && reject != REJECT_MESH)
			fail_msg("bit %zu: %s", bit, reject_names[reject]);
		assert_int_equal(opened.serial, 4711);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t other = 0; other < sizeof(bytes); other++) {
		struct certificate opened;
		uint8_t *exact = malloc(other ? other : 1);

		memcpy(exact, bytes, other);
		if (other != size && certificate_open(exact, other, &mesh, &opened) != REJECT_CERTIFICATE)
			fail_msg("%zu bytes instead of %zu", other, size);
		free(exact);
	}
}

static void fields_out_of_bounds_are_not_issued(void **state)
{
	const uint8_t multicast[4] = { 224, 0, 0, 1 }, nowhere[4] = { 0, 0, 0, 0 };
	struct certificate rows[16];
	struct mesh mesh = mesh_make();
	struct keys other = keys_b();
	uint8_t bad[8][PUBLIC_KEY_BYTES], bytes[CERTIFICATE_BYTES_MAX];
	size_t size, bad_count = bad_keys(bad), count = 0;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		rows[i] = certificate_make();
	rows[count++].name[0] = '\0';
	strcpy(rows[count++].name, "Node-a");
	strcpy(rows[count++].name, "node a");
	strcpy(rows[count++].name, "node\n");
	strcpy(rows[count++].name, "n\xc3\xb6"
				   "de");
	memset(rows[count++].name, 'n', NAME_BYTES_MAX + 1); /* not ended */
	strcpy(rows[count++].region, "eu_west");
	memset(rows[count++].region, 'r', REGION_BYTES_MAX + 1);
	rows[count++].endpoints = ENDPOINTS_MAX + 1;
	rows[count++].endpoints = 3; /* the third is all zero */
	rows[count++].endpoint[0].port = 0;
	rows[count++].endpoint[0].address = address_of_ipv4(multicast);
	rows[count++].endpoint[0].address = address_of_ipv4(nowhere);
	rows[count++].endpoint[1].address.bytes[0] = 0xff;
	for (size_t i = 0; i < count; i++) {
		if (certificate_issue(&rows[i], &mesh, keys_authority().secret, bytes, &size) != -EINVAL)
			fail_msg("row %zu", i);
	}
	for (size_t i = 0; i < bad_count; i++) {
		struct certificate certificate = certificate_make();

		memcpy(certificate.public_key, bad[i], PUBLIC_KEY_BYTES);
		if (certificate_issue(&certificate, &mesh, keys_authority().secret, bytes, &size) != -EINVAL)
			fail_msg("key %zu", i);
	}
	assert_int_equal(certificate_issue(&rows[15], &mesh, other.secret, bytes, &size), -EINVAL);
	mesh.decay = 1;
	assert_int_equal(certificate_issue(&rows[15], &mesh, keys_authority().secret, bytes, &size), -EINVAL);
	mesh = mesh_make();
	mesh.id[0] ^= 1;
	assert_int_equal(certificate_issue(&rows[15], &mesh, keys_authority().secret, bytes, &size), -EINVAL);
}

static void a_certificate_of_another_mesh_is_told_apart(void **state)
{
	struct mesh rows[6];
	struct certificate opened;
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	size_t size = vector_read("certificate", bytes, sizeof(bytes));

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		rows[i] = mesh_make();
	rows[0].id[15] ^= 1;
	memcpy(rows[1].authority, keys_b().public_key, PUBLIC_KEY_BYTES);
	rows[2].tick_ms = 400;
	rows[3].window_max_ms = 16000;
	rows[4].decay = 4;
	memcpy(rows[5].authority, keys_b().public_key, PUBLIC_KEY_BYTES);
	mesh_id_of(rows[5].authority, rows[5].id);
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (certificate_open(bytes, size, &rows[i], &opened) != REJECT_MESH)
			fail_msg("row %zu", i);
	}
}

/* Signs a body whatever it says: what a careless or hostile authority could do. */
static size_t sign_body(const uint8_t *body, size_t size, uint8_t *ret_bytes)
{
	uint8_t message[512];

	memcpy(message, DOMAIN, strlen(DOMAIN));
	memcpy(message + strlen(DOMAIN), body, size);
	memmove(ret_bytes, body, size);
	crypto_sign_detached(ret_bytes + size, NULL, message, strlen(DOMAIN) + size, keys_authority().secret);
	return size + SIGNATURE_BYTES;
}

static const char *const AUTHORITY_HEX = "c4 20 03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
static const char *const KEY_HEX = "c4 20 29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7";
static const char *const ID_HEX = "c4 10 9d24e2eeaf27c2a088a564a32fc03a88";

#define SAME_HEX "c4 20 29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7"
#define PREVIOUS_HEX "c4 20 03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
#define WIDTHS "c4 10 7504e5326889d05d23269e00295fe421" /* /24, /48, /64, no hosts */
#define REST "ccc8 cd1f40 02 " WIDTHS " 01 07 c400" /* tick, window, decay, widths, serial, id, no other key */

/* clang-format off */
static const struct {
	const char *start, *middle, *key, *end; /* key NULL: the good one */
	enum reject reject;
} signed_forms[] = {
	/*  0 */ { "9f 02", "a1 61 a0", NULL, "90 00 " REST, REJECT_NONE },
	/*  1 */ { "9e 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 " WIDTHS " 01 07",
		REJECT_CERTIFICATE }, /* a field short */
	/*  2 */ { "dc 0010 02", "a1 61 a0", NULL, "90 00 " REST " 00", REJECT_CERTIFICATE }, /* one more */
	/*  3 */ { "9f 02", "a1 61 a0", NULL, "90 00 " REST " 00", REJECT_CERTIFICATE }, /* trailing byte */
	/*  4 */ { "dc 000f 02", "a1 61 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* long array */
	/*  5 */ { "9f 01", "a1 61 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* version */
	/*  6 */ { "9f cc02", "a1 61 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* long integer */
	/*  7 */ { "9f 02", "d901 61 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* long str */
	/*  8 */ { "9f 02", "c401 61 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* bin for str */
	/*  9 */ { "9f 02", "a0 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* no name */
	/* 10 */ { "9f 02", "a1 41 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* "A" */
	/* 11 */ { "9f 02", "a2 6100 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* NUL */
	/* 12 */ { "9f 02", "a2 1b61 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* escape */
	/* 13 */ { "9f 02", "a1 61 a1 5f", NULL, "90 00 " REST, REJECT_CERTIFICATE }, /* region "_" */
	/* 14 */ { "9f 02", "a1 61 b1 6161616161616161 6161616161616161 61", NULL, "90 00 " REST, REJECT_CERTIFICATE },
	/* 15 */ { "9f 02", "a1 61 a0", "c4 1f 29", "90 00 " REST, REJECT_CERTIFICATE }, /* short key */
	/* 16: five endpoints */
	{ "9f 02", "a1 61 a0", NULL,
	  "95 92c4040a0000010592c4040a0000010592c4040a0000010592c4040a0000010592c4040a00000105 00 " REST,
	  REJECT_CERTIFICATE },
	/* 17 */ { "9f 02", "a1 61 a0", NULL, "91 92 c404 0a000001 05 00 " REST, REJECT_NONE },
	/* 18 */ { "9f 02", "a1 61 a0", NULL, "91 92 c404 7f000001 05 00 " REST, REJECT_NONE }, /* loopback */
	/* 19 */ { "9f 02", "a1 61 a0", NULL, "91 91 c404 0a000001 00 " REST, REJECT_CERTIFICATE }, /* no port */
	/* 20 */ { "9f 02", "a1 61 a0", NULL, "91 92 c404 0a000001 00 00 " REST, REJECT_CERTIFICATE }, /* port 0 */
	/* 21 */ { "9f 02", "a1 61 a0", NULL, "91 92 c404 0a000001 ce00010000 00 " REST, REJECT_CERTIFICATE },
	/* 22 */ { "9f 02", "a1 61 a0", NULL, "91 92 c403 0a0000 05 00 " REST, REJECT_CERTIFICATE }, /* 3 bytes */
	/* 23 */ { "9f 02", "a1 61 a0", NULL, "91 92 c400 05 00 " REST, REJECT_CERTIFICATE },
	/* 24: mapped */
	{ "9f 02", "a1 61 a0", NULL, "91 92 c410 00000000000000000000ffff0a000001 05 00 " REST, REJECT_CERTIFICATE },
	/* 25 */
	{ "9f 02", "a1 61 a0", NULL, "91 92 c410 ff020000000000000000000000000001 05 00 " REST, REJECT_CERTIFICATE },
	/* 26 */
	{ "9f 02", "a1 61 a0", NULL, "91 92 c410 00000000000000000000000000000000 05 00 " REST, REJECT_CERTIFICATE },
	/* 27 */ { "9f 02", "a1 61 a0", NULL, "91 92 c404 e0000001 05 00 " REST, REJECT_CERTIFICATE },
	/* 28 */ { "9f 02", "a1 61 a0", NULL, "90 c0 " REST, REJECT_CERTIFICATE }, /* nil line rate */
	/* 29 */ { "9f 02", "a1 61 a0", NULL, "90 ff " REST, REJECT_CERTIFICATE }, /* -1 */
	/* 30: tick of 2^32 + 200 */
	{ "9f 02", "a1 61 a0", NULL, "90 00 cf00000001000000c8 cd1f40 02 " WIDTHS " 01 07 c400", REJECT_CERTIFICATE },
	/* 31: a tick of 400 */
	{ "9f 02", "a1 61 a0", NULL, "90 00 cd0190 cd1f40 02 " WIDTHS " 01 07 c400", REJECT_MESH },
	/* 32: a key of small order */
	{ "9f 02", "a1 61 a0",
	  "c4 20 0100000000000000 0000000000000000 0000000000000000 0000000000000000",
	  "90 00 " REST, REJECT_CERTIFICATE },
	/* 33: not canonical */
	{ "9f 02", "a1 61 a0",
	  "c4 20 eeffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffff7f",
	  "90 00 " REST, REJECT_CERTIFICATE },
	/* 34 */ { "dd ff000000", "a1 61 a0", NULL, "90 00 " REST, REJECT_CERTIFICATE },
	/* 35 */ { "9f 02", "a1 61 a0", NULL, "ddff000000 00 " REST, REJECT_CERTIFICATE },
	/* 36: id 0 */
	{ "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 " WIDTHS " 01 00 c400", REJECT_CERTIFICATE },
	/* 37: a previous key of one byte */
	{ "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 " WIDTHS " 01 07 c401ff", REJECT_CERTIFICATE },
	/* 38 */ { "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 " WIDTHS " 01 07 " PREVIOUS_HEX, REJECT_NONE },
	/* 39: itself */
	{ "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 " WIDTHS " 01 07 " SAME_HEX, REJECT_CERTIFICATE },
	/* 40 */
	{ "9f 02", "a1 61 a0", NULL,
	  "90 00 ccc8 cd1f40 02 " WIDTHS " 01 07 c4200100000000000000000000000000000000000000000000000000000000000000",
	  REJECT_CERTIFICATE },
	/* widths of 15 bytes, of 17, of none, and of others */
	/* 41 */ { "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 c4 0f 7504e5326889d05d23269e00295fe4 01 07 c400",
		REJECT_CERTIFICATE },
	/* 42 */
	{ "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 c4 11 7504e5326889d05d23269e00295fe42100 01 07 c400",
		REJECT_CERTIFICATE },
	/* 43 */ { "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 c400 01 07 c400", REJECT_CERTIFICATE },
	/* 44 */ { "9f 02", "a1 61 a0", NULL, "90 00 ccc8 cd1f40 02 c4 10 7504e5326889d05d23269e00295fe420 01 07 c400",
		REJECT_WIDTHS },
	/* 45: the fault of the key comes first */
	{ "9f 02", "a1 61 a0",
	  "c4 20 0100000000000000 0000000000000000 0000000000000000 0000000000000000",
	  "90 00 ccc8 cd1f40 02 c4 10 7504e5326889d05d23269e00295fe420 01 07 c400", REJECT_CERTIFICATE },
};
/* clang-format on */

static void only_one_form_is_taken_though_it_be_signed(void **state)
{
	const struct mesh mesh = mesh_make();

	(void)state;
	for (size_t i = 0; i < ROWS(signed_forms); i++) {
		struct certificate opened;
		uint8_t bytes[512];
		size_t size = 0;
		enum reject reject;

		size += hex_read(signed_forms[i].start, bytes + size, 64);
		size += hex_read(ID_HEX, bytes + size, 64);
		size += hex_read(AUTHORITY_HEX, bytes + size, 64);
		size += hex_read(signed_forms[i].middle, bytes + size, 64);
		size += hex_read(signed_forms[i].key ? signed_forms[i].key : KEY_HEX, bytes + size, 64);
		size += hex_read(signed_forms[i].end, bytes + size, 128);
		size = sign_body(bytes, size, bytes);
		reject = certificate_open(bytes, size, &mesh, &opened);
		if (reject != signed_forms[i].reject)
			fail_msg("row %zu: %s", i, reject_names[reject]);
	}
}

static void an_authority_nobody_may_have_states_no_mesh(void **state)
{
	uint8_t bad[8][PUBLIC_KEY_BYTES], bytes[CERTIFICATE_BYTES_MAX];
	size_t count = bad_keys(bad), size = vector_read("certificate", bytes, sizeof(bytes));
	const struct widths widths = WIDTHS_DEFAULT;
	struct mesh mesh;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		memcpy(bytes + 22, bad[i], PUBLIC_KEY_BYTES);
		mesh_id_of(bad[i], bytes + 4);
		if (certificate_mesh(bytes, size, &widths, &mesh) != -EBADMSG)
			fail_msg("key %zu", i);
		assert_int_equal(certificate_issuer(bytes, size, &mesh), -EBADMSG);
	}
	vector_read("certificate", bytes, sizeof(bytes));
	bytes[4] ^= 1; /* an id that is not the authority's */
	assert_int_equal(certificate_mesh(bytes, size, &widths, &mesh), -EBADMSG);
	assert_int_equal(certificate_mesh(bytes, SIGNATURE_BYTES, &widths, &mesh), -EBADMSG);
	assert_int_equal(certificate_mesh(bytes, 0, &widths, &mesh), -EBADMSG);
	assert_int_equal(certificate_mesh(bytes, CERTIFICATE_BYTES_MAX + 1, &widths, &mesh), -EBADMSG);
}

static void a_signature_for_something_else_does_not_serve(void **state)
{
	const struct mesh mesh = mesh_make();
	struct certificate opened;
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	size_t size = vector_read("certificate", bytes, sizeof(bytes));

	(void)state;
	/* The authority's, over the body without the domain. */
	crypto_sign_detached(bytes + size - SIGNATURE_BYTES, NULL, bytes, size - SIGNATURE_BYTES,
			     keys_authority().secret);
	assert_int_equal(certificate_open(bytes, size, &mesh, &opened), REJECT_CERTIFICATE);
	/* A member's own. */
	vector_read("certificate", bytes, sizeof(bytes));
	{
		uint8_t message[512];

		memcpy(message, DOMAIN, strlen(DOMAIN));
		memcpy(message + strlen(DOMAIN), bytes, size - SIGNATURE_BYTES);
		crypto_sign_detached(bytes + size - SIGNATURE_BYTES, NULL, message,
				     strlen(DOMAIN) + size - SIGNATURE_BYTES, keys_a().secret);
	}
	assert_int_equal(certificate_open(bytes, size, &mesh, &opened), REJECT_CERTIFICATE);
}

static void a_certificate_of_other_widths_is_told_apart_and_named(void **state)
{
	const struct prefix hosts = { { { 0x20, 0x01, 0x0d, 0xb8 } }, 32 };
	const struct mesh mesh = mesh_make();
	struct mesh other = mesh, stated;
	struct certificate opened = { .serial = 4711 };
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	size_t size = vector_read("certificate", bytes, sizeof(bytes));

	(void)state;
	other.widths.client_bits = 56;
	assert_int_equal(certificate_open(bytes, size, &other, &opened), REJECT_WIDTHS);
	assert_string_equal(opened.name, "node-a"); /* its signature is good */
	assert_int_equal(certificate_issuer(bytes, size, &stated), 0);
	assert_memory_equal(&stated, &mesh, sizeof(stated)); /* default widths */
	assert_int_equal(certificate_mesh(bytes, size, &other.widths, &stated), -EDOM);
	other = mesh;
	assert_int_equal(widths_add_hosts(&other.widths, &hosts), 0);
	assert_int_equal(certificate_open(bytes, size, &other, &opened), REJECT_WIDTHS);
	assert_int_equal(certificate_mesh(bytes, size, &other.widths, &stated), -EDOM);
	/* With another fault nobody is named. */
	opened.serial = 4711;
	bytes[size - 1] ^= 1;
	assert_int_equal(certificate_open(bytes, size, &other, &opened), REJECT_CERTIFICATE);
	assert_int_equal(opened.serial, 4711);
	bytes[size - 1] ^= 1;
	other.tick_ms = 400;
	assert_int_equal(certificate_open(bytes, size, &other, &opened), REJECT_MESH);
	assert_int_equal(opened.serial, 4711);
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_is_the_vector_both_ways),
		cmocka_unit_test(the_shortest_and_the_longest_come_back_as_they_were),
		cmocka_unit_test(every_bit_and_every_length_is_signed),
		cmocka_unit_test(fields_out_of_bounds_are_not_issued),
		cmocka_unit_test(a_certificate_of_another_mesh_is_told_apart),
		cmocka_unit_test(a_certificate_of_other_widths_is_told_apart_and_named),
		cmocka_unit_test(only_one_form_is_taken_though_it_be_signed),
		cmocka_unit_test(an_authority_nobody_may_have_states_no_mesh),
		cmocka_unit_test(a_signature_for_something_else_does_not_serve),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
