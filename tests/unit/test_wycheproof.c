// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Signatures that a lax verifier takes: the classes of Project Wycheproof's eddsa_test.json and of "Taming the many
 * EdDSAs" (Chalkias, Garillot, Nikolaenko 2020, section 5), made here from the curve's own arithmetic (RFC 8032
 * section 5.1) instead of copied: scalars with L added, points with a torsion point added, encodings that are not
 * canonical, signatures for another domain. Held against the root of a frame and against a certificate.
 */
#include "vector.h"

#include "frame.h"

#define SCALAR_BYTES 32

/* L = 2^252 + 27742317777372353535851937790883648493 */
static const uint8_t group_order[SCALAR_BYTES] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,	 0xd6,
						   0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };

/* A point of order 8; that it is one is the first test. */
static const uint8_t torsion[PUBLIC_KEY_BYTES] = { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
						   0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
						   0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a };

struct signer {
	uint8_t secret[SECRET_KEY_BYTES], public_key[PUBLIC_KEY_BYTES];
	uint8_t scalar[SCALAR_BYTES]; /* a, with A = aB */
};

static struct signer signer_make(uint8_t n)
{
	uint8_t seed[32] = { n }, hash[64], wide[64] = { 0 };
	struct signer signer;

	crypto_sign_seed_keypair(signer.public_key, signer.secret, seed);
	crypto_hash_sha512(hash, seed, sizeof(seed));
	hash[0] &= 0xf8;
	hash[31] = (uint8_t)((hash[31] & 0x7f) | 0x40);
	memcpy(wide, hash, 32);
	crypto_core_ed25519_scalar_reduce(signer.scalar, wide);
	return signer;
}

/* k = H(R | A | M) mod L */
static void challenge(const uint8_t r[32], const uint8_t a[32], const uint8_t *message, size_t size,
		      uint8_t ret_k[SCALAR_BYTES])
{
	crypto_hash_sha512_state hash;
	uint8_t wide[64];

	crypto_hash_sha512_init(&hash);
	crypto_hash_sha512_update(&hash, r, 32);
	crypto_hash_sha512_update(&hash, a, 32);
	crypto_hash_sha512_update(&hash, message, size);
	crypto_hash_sha512_final(&hash, wide);
	crypto_core_ed25519_scalar_reduce(ret_k, wide);
}

/*
 * Signs as RFC 8032 does, with a torsion point added to R or stated in A, each of which a verifier that multiplies
 * by the cofactor forgives.
 */
static void sign_mixed(const struct signer *signer, bool mix_r, const uint8_t public_key[32], uint8_t nonce,
		       const uint8_t *message, size_t size, uint8_t ret_signature[SIGNATURE_BYTES])
{
	uint8_t r[SCALAR_BYTES] = { nonce, 7 }, k[SCALAR_BYTES], ka[SCALAR_BYTES];

	assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(ret_signature, r), 0);
	if (mix_r)
		assert_int_equal(crypto_core_ed25519_add(ret_signature, ret_signature, torsion), 0);
	challenge(ret_signature, public_key, message, size, k);
	crypto_core_ed25519_scalar_mul(ka, k, signer->scalar);
	crypto_core_ed25519_scalar_add(ret_signature + 32, r, ka);
}

static void add_order(uint8_t scalar[SCALAR_BYTES], unsigned int times)
{
	for (; times > 0; times--) {
		unsigned int carry = 0;

		for (unsigned int i = 0; i < SCALAR_BYTES; i++) {
			carry += scalar[i] + group_order[i];
			scalar[i] = (uint8_t)carry;
			carry >>= 8;
		}
	}
}

/* ---- the root of a frame ---- */

static struct mesh mesh_of_tests(void)
{
	struct mesh mesh = { .tick_ms = TICK_MS_DEFAULT,
			     .window_max_ms = WINDOW_MAX_MS_DEFAULT,
			     .decay = DECAY_DEFAULT,
			     .widths = WIDTHS_DEFAULT };

	memset(mesh.id, 0x3a, sizeof(mesh.id));
	return mesh;
}

static struct frame_root root_of_tests(void)
{
	struct frame_root root = { .origin = 0x0102030405060708,
				   .incarnation = 3,
				   .tick = 9,
				   .kind = FRAME_TICK,
				   .tick_frames = 1,
				   .leaves = 1 };

	memset(root.hash, 0x77, sizeof(root.hash));
	return root;
}

static void put_le(uint8_t **at, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		*(*at)++ = (uint8_t)(value >> 8 * i);
}

/* PROTOCOL "Frames": 93 bytes. */
static size_t message_of(const struct frame_root *root, const struct mesh *mesh, const char *domain,
			 uint8_t ret_message[128])
{
	uint8_t *at = ret_message;

	memcpy(at, domain, strlen(domain));
	at += strlen(domain);
	memcpy(at, mesh->id, MESH_ID_BYTES);
	at += MESH_ID_BYTES;
	put_le(&at, root->origin, 8);
	put_le(&at, root->incarnation, 8);
	put_le(&at, root->tick, 8);
	put_le(&at, root->tick_frames, 2);
	put_le(&at, root->leaves, 1);
	put_le(&at, root->kind, 1);
	memcpy(at, root->hash, HASH_BYTES);
	return (size_t)(at + HASH_BYTES - ret_message);
}

static void a_point_of_order_8_is_one(void **state)
{
	const uint8_t identity[32] = { 1 };
	uint8_t sum[32];

	(void)state;
	memcpy(sum, torsion, 32);
	for (int i = 0; i < 3; i++) {
		assert_memory_not_equal(sum, identity, 32);
		assert_int_equal(crypto_core_ed25519_add(sum, sum, sum), 0);
	}
	assert_memory_equal(sum, identity, 32);
}

static void a_signature_worked_out_by_hand_is_good(void **state)
{
	const struct signer signer = signer_make(1);
	const struct mesh mesh = mesh_of_tests();
	struct frame_root root = root_of_tests();
	uint8_t message[128];

	(void)state;
	for (uint8_t nonce = 1; nonce < 20; nonce++) {
		sign_mixed(&signer, false, signer.public_key, nonce, message,
			   message_of(&root, &mesh, "xpro-mesh root v1", message), root.signature);
		assert_true(frame_verify(&root, &mesh, signer.public_key));
	}
}

static void scalars_of_every_size_above_the_order_are_refused(void **state)
{
	const struct signer signer = signer_make(1);
	const struct mesh mesh = mesh_of_tests();
	struct frame_root good = root_of_tests(), root;
	uint8_t message[128];

	(void)state;
	sign_mixed(&signer, false, signer.public_key, 5, message,
		   message_of(&good, &mesh, "xpro-mesh root v1", message), good.signature);
	for (unsigned int times = 1; times <= 15; times++) { /* up to S + 15 L, which is below 2^256 */
		root = good;
		add_order(root.signature + 32, times);
		assert_false(frame_verify(&root, &mesh, signer.public_key));
	}
	for (unsigned int bit = 253; bit < 256; bit++) { /* bits a verifier may mask off */
		root = good;
		root.signature[32 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(frame_verify(&root, &mesh, signer.public_key));
	}
}

static void edge_scalars_and_rs_are_refused(void **state)
{
	const struct signer signer = signer_make(1);
	const struct mesh mesh = mesh_of_tests();
	uint8_t edges[6][32] = { { 0 }, { 1 }, { 0 }, { 0 }, { 0 }, { 0 } };
	struct frame_root root = root_of_tests();

	(void)state;
	memcpy(edges[2], group_order, 32);
	memcpy(edges[3], group_order, 32);
	edges[3][0]--; /* L - 1 */
	memset(edges[4], 0xff, 32);
	memset(edges[5], 0xff, 32);
	edges[5][31] = 0x7f; /* as a point: y = 2^255 - 1, not canonical */
	for (size_t r = 0; r < ROWS(edges); r++) {
		for (size_t s = 0; s < ROWS(edges); s++) {
			memcpy(root.signature, edges[r], 32);
			memcpy(root.signature + 32, edges[s], 32);
			if (frame_verify(&root, &mesh, signer.public_key))
				fail_msg("R of row %zu, S of row %zu", r, s);
		}
	}
}

static void a_torsion_point_in_r_is_not_forgiven(void **state)
{
	const struct signer signer = signer_make(1);
	const struct mesh mesh = mesh_of_tests();
	struct frame_root root = root_of_tests();
	uint8_t message[128];

	(void)state;
	for (uint8_t nonce = 1; nonce < 20; nonce++) {
		sign_mixed(&signer, true, signer.public_key, nonce, message,
			   message_of(&root, &mesh, "xpro-mesh root v1", message), root.signature);
		assert_false(frame_verify(&root, &mesh, signer.public_key));
	}
}

static void halves_swapped_or_repeated_are_refused(void **state)
{
	const struct signer signer = signer_make(1);
	const struct mesh mesh = mesh_of_tests();
	struct frame_root good = root_of_tests(), root;
	uint8_t message[128];

	(void)state;
	sign_mixed(&signer, false, signer.public_key, 5, message,
		   message_of(&good, &mesh, "xpro-mesh root v1", message), good.signature);
	for (int kind = 0; kind < 4; kind++) {
		root = good;
		memcpy(root.signature, good.signature + (kind & 1 ? 32 : 0), 32);
		memcpy(root.signature + 32, good.signature + (kind & 2 ? 32 : 0), 32);
		assert_int_equal(frame_verify(&root, &mesh, signer.public_key), kind == 2);
	}
}

static void every_bit_of_a_signature_counts(void **state)
{
	const struct signer signer = signer_make(1);
	const struct mesh mesh = mesh_of_tests();
	struct frame_root root = root_of_tests();
	uint8_t message[128];

	(void)state;
	sign_mixed(&signer, false, signer.public_key, 5, message,
		   message_of(&root, &mesh, "xpro-mesh root v1", message), root.signature);
	for (unsigned int bit = 0; bit < 8 * SIGNATURE_BYTES; bit++) {
		root.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(frame_verify(&root, &mesh, signer.public_key));
		root.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(frame_verify(&root, &mesh, signer.public_key));
}

static void signatures_of_other_domains_are_refused(void **state)
{
	static const char *const domains[] = { "", "xpro-mesh root v2", "xpro-mesh hello v2",
					       "xpro-mesh certificate v2", "xpro-mesh root v1 " };
	const struct signer signer = signer_make(1);
	const struct mesh mesh = mesh_of_tests();
	struct frame_root root = root_of_tests();
	uint8_t message[128];

	(void)state;
	for (size_t i = 0; i < ROWS(domains); i++) {
		const size_t size = message_of(&root, &mesh, domains[i], message);

		crypto_sign_detached(root.signature, NULL, message, size, signer.secret);
		assert_false(frame_verify(&root, &mesh, signer.public_key));
	}
	/* Ed25519ph signs a hash of the message: another algorithm under the same key. */
	crypto_sign_state hashed;

	crypto_sign_init(&hashed);
	crypto_sign_update(&hashed, message, message_of(&root, &mesh, "xpro-mesh root v1", message));
	crypto_sign_final_create(&hashed, root.signature, NULL, signer.secret);
	assert_false(frame_verify(&root, &mesh, signer.public_key));
}

/* ---- certificates ---- */

static struct certificate certificate_of(const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	struct certificate certificate = { .name = "node-a", .serial = 1 };

	memcpy(certificate.public_key, public_key, PUBLIC_KEY_BYTES);
	return certificate;
}

/*
 * A key with a torsion point added verifies every eighth signature at who does not multiply by the cofactor: two
 * members of one key.
 */
static void a_key_of_mixed_order_is_nobodys(void **state)
{
	const struct signer authority = signer_make(9), signer = signer_make(1);
	struct mesh mesh = { .tick_ms = TICK_MS_DEFAULT,
			     .window_max_ms = WINDOW_MAX_MS_DEFAULT,
			     .decay = DECAY_DEFAULT,
			     .widths = WIDTHS_DEFAULT };
	struct certificate certificate, read;
	uint8_t bytes[CERTIFICATE_BYTES_MAX], *place = NULL, mixed[PUBLIC_KEY_BYTES];
	size_t size = 0;

	(void)state;
	memcpy(mesh.authority, authority.public_key, PUBLIC_KEY_BYTES);
	mesh_id_of(mesh.authority, mesh.id);
	certificate = certificate_of(signer.public_key);
	assert_int_equal(certificate_issue(&certificate, &mesh, authority.secret, bytes, &size), 0);
	assert_int_equal(certificate_open(bytes, size, &mesh, &read), REJECT_NONE);
	assert_int_equal(crypto_core_ed25519_add(mixed, signer.public_key, torsion), 0);
	certificate = certificate_of(mixed);
	assert_int_not_equal(certificate_issue(&certificate, &mesh, authority.secret, bytes, &size), 0);
	/* An authority that signs it all the same. */
	certificate = certificate_of(signer.public_key);
	assert_int_equal(certificate_issue(&certificate, &mesh, authority.secret, bytes, &size), 0);
	for (size_t i = 0; i + PUBLIC_KEY_BYTES <= size && !place; i++)
		place = memcmp(bytes + i, signer.public_key, PUBLIC_KEY_BYTES) == 0 ? bytes + i : NULL;
	assert_non_null(place);
	memcpy(place, mixed, PUBLIC_KEY_BYTES);
	{
		uint8_t message[512] = "xpro-mesh certificate v2";
		const size_t domain = strlen((char *)message), body = size - SIGNATURE_BYTES;

		memcpy(message + domain, bytes, body);
		crypto_sign_detached(bytes + body, NULL, message, domain + body, authority.secret);
	}
	assert_int_equal(certificate_open(bytes, size, &mesh, &read), REJECT_CERTIFICATE);
}

static void a_certificates_scalar_has_one_form(void **state)
{
	const struct signer authority = signer_make(9), signer = signer_make(1);
	struct mesh mesh = { .tick_ms = TICK_MS_DEFAULT,
			     .window_max_ms = WINDOW_MAX_MS_DEFAULT,
			     .decay = DECAY_DEFAULT,
			     .widths = WIDTHS_DEFAULT };
	const struct certificate certificate = certificate_of(signer.public_key);
	struct certificate read;
	uint8_t bytes[CERTIFICATE_BYTES_MAX], changed[CERTIFICATE_BYTES_MAX];
	size_t size = 0;

	(void)state;
	memcpy(mesh.authority, authority.public_key, PUBLIC_KEY_BYTES);
	mesh_id_of(mesh.authority, mesh.id);
	assert_int_equal(certificate_issue(&certificate, &mesh, authority.secret, bytes, &size), 0);
	for (unsigned int times = 1; times <= 15; times++) {
		memcpy(changed, bytes, size);
		add_order(changed + size - SCALAR_BYTES, times);
		assert_int_equal(certificate_open(changed, size, &mesh, &read), REJECT_CERTIFICATE);
	}
	for (size_t cut = 1; cut <= SIGNATURE_BYTES; cut++)
		assert_int_equal(certificate_open(bytes, size - cut, &mesh, &read), REJECT_CERTIFICATE);
	memcpy(changed, bytes, size);
	changed[size] = 0;
	assert_int_equal(certificate_open(changed, size + 1, &mesh, &read), REJECT_CERTIFICATE);
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_point_of_order_8_is_one),
		cmocka_unit_test(a_signature_worked_out_by_hand_is_good),
		cmocka_unit_test(scalars_of_every_size_above_the_order_are_refused),
		cmocka_unit_test(edge_scalars_and_rs_are_refused),
		cmocka_unit_test(a_torsion_point_in_r_is_not_forgiven),
		cmocka_unit_test(halves_swapped_or_repeated_are_refused),
		cmocka_unit_test(every_bit_of_a_signature_counts),
		cmocka_unit_test(signatures_of_other_domains_are_refused),
		cmocka_unit_test(a_key_of_mixed_order_is_nobodys),
		cmocka_unit_test(a_certificates_scalar_has_one_form),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
