// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames: equal to the vectors both ways; every other proof is refused with its own reason. Bodies:
 * test_frame_forms.c, test_frame_cells.c.
 */
#include "frame_cast.h"

static void a_body_is_the_vector_both_ways(void **state)
{
	const struct frame_head head = head_make(1, FRAME_TICK);
	struct cell cells[VECTOR_CELLS], cell;
	struct frame_reader reader;
	uint8_t body[BODY_BYTES];
	size_t count = cells_of_the_vector(cells), size = body_write(&head, cells, count, body);

	(void)state;
	assert_is_vector("body", body, size);
	size = vector_read("body", body, sizeof(body));
	assert_int_equal(frame_check(&every_host, body, size), REJECT_NONE);
	frame_read(&reader, &every_host, body, size);
	assert_true(reader.head.origin == head.origin && reader.head.incarnation == 3 &&
		    reader.head.sequence == head.sequence);
	assert_true(reader.head.tick == TICK && reader.head.epoch == 0 && reader.head.kind == FRAME_TICK);
	for (size_t i = 0; i < count; i++) {
		assert_true(frame_next(&reader, &cell));
		assert_true(same_cell(&cell, &cells[i]));
	}
	assert_false(frame_next(&reader, &cell));
	assert_int_equal(reader.reject, REJECT_NONE);
}

/* The five frames of the vectors. */
struct five {
	uint8_t frame[5][DATAGRAM_BYTES_MAX];
	size_t body_bytes[5], bytes[5];
	uint8_t leaves[5][HASH_BYTES];
	struct frame_root root;
};

static void five_make(struct five *five)
{
	const struct mesh mesh = mesh_make();

	for (uint8_t i = 0; i < 5; i++) {
		const struct frame_head head = head_make(i + 1, FRAME_TICK);
		struct cell cells[VECTOR_CELLS] = {
			{ { .destination = ipv4(0xcb007100 + i + 1) }, SLOT, 0, i + 1, i + 1, { 0 } }
		};
		size_t count = i == 0 ? cells_of_the_vector(cells) : 1;

		five->body_bytes[i] = body_write(&head, cells, count, five->frame[i]);
		frame_leaf(five->frame[i], five->body_bytes[i], five->leaves[i]);
	}
	five->root = (struct frame_root){ .origin = member_id_of(keys_a().public_key),
					  .incarnation = 3,
					  .tick = TICK,
					  .tick_frames = 5,
					  .leaves = 5 };
	frame_sign(&five->root, five->leaves, &mesh, keys_a().secret);
	for (unsigned int i = 0; i < 5; i++)
		five->bytes[i] = frame_prove(five->frame[i], five->body_bytes[i], &five->root, five->leaves, i);
}

static void frames_are_the_vectors_both_ways(void **state)
{
	static struct five five;
	const struct mesh mesh = mesh_make();

	(void)state;
	five_make(&five);
	for (int i = 0; i < 5; i++) {
		struct frame_claim claim;
		uint8_t frame[DATAGRAM_BYTES_MAX];
		char name[32];
		size_t size;

		snprintf(name, sizeof(name), "frame_%d_of_5", i);
		assert_is_vector(name, five.frame[i], five.bytes[i]);
		size = vector_read(name, frame, sizeof(frame));
		assert_int_equal(frame_split(frame, size, &claim), REJECT_NONE);
		assert_int_equal(claim.body_bytes, five.body_bytes[i]);
		assert_memory_equal(claim.leaf, five.leaves[i], HASH_BYTES);
		assert_memory_equal(claim.root.hash, five.root.hash, HASH_BYTES);
		assert_true(claim.head.sequence == (5ULL << 40 | (unsigned int)(i + 1)));
		assert_true(frame_verify(&claim.root, &mesh, keys_a().public_key));
		assert_int_equal(frame_check(&every_host, claim.body, claim.body_bytes), REJECT_NONE);
	}
}

static void the_signature_covers_the_vectors_message(void **state)
{
	static struct five five;
	uint8_t message[256];
	size_t size = vector_read("root_message", message, sizeof(message));

	(void)state;
	five_make(&five);
	assert_int_equal(crypto_sign_verify_detached(five.root.signature, message, size, keys_a().public_key), 0);
}

static void a_closing_frame_without_cells_is_the_vector(void **state)
{
	const struct frame_head head = head_make(6, FRAME_CLOSING);
	const struct mesh mesh = mesh_make();
	struct frame_root root = { .origin = head.origin,
				   .incarnation = 3,
				   .tick = TICK,
				   .kind = FRAME_CLOSING,
				   .tick_frames = 1,
				   .leaves = 1 };
	struct frame_claim claim;
	uint8_t frame[DATAGRAM_BYTES_MAX], leaf[1][HASH_BYTES];
	size_t size = body_write(&head, NULL, 0, frame);

	(void)state;
	frame_leaf(frame, size, leaf[0]);
	frame_sign(&root, leaf, &mesh, keys_a().secret);
	size = frame_prove(frame, size, &root, leaf, 0);
	assert_is_vector("frame_closing", frame, size);
	assert_int_equal(frame_split(frame, size, &claim), REJECT_NONE);
	assert_int_equal(claim.head.kind, FRAME_CLOSING);
	assert_int_equal(claim.root.kind, FRAME_CLOSING);
	assert_true(frame_verify(&claim.root, &mesh, keys_a().public_key));
	assert_int_equal(frame_check(&every_host, claim.body, claim.body_bytes), REJECT_NONE);
}

static void every_leaf_of_every_tree_is_proved(void **state)
{
	const struct mesh mesh = mesh_make();

	(void)state;
	for (uint8_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
		struct frame_root root = {
			.origin = 1, .incarnation = 2, .tick = 3, .tick_frames = leaves, .leaves = leaves
		};
		static uint8_t frame[LEAVES_MAX][DATAGRAM_BYTES_MAX], hash[LEAVES_MAX][HASH_BYTES];
		size_t size[LEAVES_MAX];

		for (uint8_t i = 0; i < leaves; i++) {
			const struct frame_head head = { .origin = 1, .incarnation = 2, .tick = 3, .sequence = i };

			size[i] = body_write(&head, NULL, 0, frame[i]);
			frame_leaf(frame[i], size[i], hash[i]);
		}
		frame_sign(&root, hash, &mesh, keys_a().secret);
		for (uint8_t i = 0; i < leaves; i++) {
			size_t proved = frame_prove(frame[i], size[i], &root, hash, i);
			struct frame_claim claim;

			assert_true(proved - size[i] <= frame_proof_bytes(leaves));
			assert_true(i > 0 || proved - size[i] == frame_proof_bytes(leaves));
			assert_int_equal(frame_split(frame[i], proved, &claim), REJECT_NONE);
			assert_memory_equal(claim.root.hash, root.hash, HASH_BYTES);
			assert_int_equal(claim.root.leaves, leaves);
		}
	}
	assert_int_equal(frame_proof_bytes(LEAVES_MAX), FRAME_PROOF_BYTES_MAX);
}

/* What stops a frame on its way in, by the order of the checks. */
static enum reject frame_reject(const uint8_t *frame, size_t size)
{
	const struct mesh mesh = mesh_make();
	static struct keys keys;
	struct frame_claim claim = { .body_bytes = 4711 };
	enum reject reject = frame_split(frame, size, &claim);

	if (reject != REJECT_NONE) {
		assert_int_equal(claim.body_bytes, 4711);
		return reject;
	}
	if (keys.public_key[0] == 0)
		keys = keys_a();
	if (!frame_verify(&claim.root, &mesh, keys.public_key))
		return REJECT_SIGNATURE;
	return frame_check(&every_host, claim.body, claim.body_bytes);
}

static void every_bit_and_every_length_is_proved(void **state)
{
	static const char *const rows[] = { "frame_0_of_5", "frame_3_of_5", "frame_4_of_5", "frame_closing" };

	(void)state;
	for (size_t row = 0; row < ROWS(rows); row++) {
		uint8_t frame[DATAGRAM_BYTES_MAX + 1] = { 0 };
		size_t size = vector_read(rows[row], frame, sizeof(frame));

		assert_int_equal(frame_reject(frame, size), REJECT_NONE);
		for (size_t bit = 0; bit < size * 8; bit++) {
			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (frame_reject(frame, size) == REJECT_NONE)
				fail_msg("%s bit %zu", rows[row], bit);
			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t other = 0; other < sizeof(frame); other++) {
			uint8_t *exact = malloc(other ? other : 1);

			memcpy(exact, frame, other);
			if (other != size && frame_reject(exact, other) == REJECT_NONE)
				fail_msg("%s: %zu bytes instead of %zu", rows[row], other, size);
			free(exact);
		}
	}
}

static void a_proof_must_be_exactly_its_leafs(void **state)
{
	static const struct {
		const char *trailer; /* frames of the tick, leaves, index, depth */
		enum reject reject;
	} rows[] = {
		/* of frame_4_of_5, whose path is one hash */
		/*  0 */ { "0500 05 04 01", REJECT_NONE },
		/*  1 */ { "0500 05 03 01", REJECT_PATH }, /* another leaf has a longer path */
		/*  2 */ { "0500 05 04 00", REJECT_PATH },
		/*  3 */ { "0500 05 04 02", REJECT_PATH },
		/*  4 */ { "0500 05 04 ff", REJECT_PATH },
		/*  5 */ { "0500 05 05 01", REJECT_PATH }, /* no such leaf */
		/*  6 */ { "0500 05 ff 01", REJECT_PATH },
		/*  7 */ { "0500 00 00 00", REJECT_PATH }, /* no leaves */
		/*  8 */ { "2100 21 20 01", REJECT_PATH }, /* 33 leaves */
		/*  9 */ { "0400 05 04 01", REJECT_PATH }, /* fewer frames than leaves */
		/* 10 */ { "0000 05 04 01", REJECT_PATH },
		/* 11 */ { "0104 05 04 01", REJECT_PATH },	/* 1025 frames */
		/* 12 */ { "0004 05 04 01", REJECT_SIGNATURE }, /* 1024, not signed so */
		/* 13 */ { "0500 02 01 01", REJECT_SIGNATURE }, /* the same path in a tree of two */
		/* 14 */ { "0500 02 00 01", REJECT_SIGNATURE }, /* on the other side */
		/* 15 */ { "0500 03 02 01", REJECT_SIGNATURE },
		/* 16 */ { "0500 09 08 01", REJECT_PATH }, /* more leaves than frames */
		/* 17 */ { "0900 09 08 01", REJECT_SIGNATURE },
		/* 18 */ { "2000 20 1f 05", REJECT_FRAME_SIZE }, /* a path longer than all there is */
		/* 19 */ { "0500 04 03 02", REJECT_BODY },	 /* one hash more: the body's end is lost */
		/* 20 */ { "0500 01 00 00", REJECT_SIGNATURE },	 /* no path: its bytes count as body */
	};
	uint8_t frame[DATAGRAM_BYTES_MAX];
	size_t size = vector_read("frame_4_of_5", frame, sizeof(frame));

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		enum reject reject;

		hex_read(rows[i].trailer, frame + size - 5, 5);
		reject = frame_reject(frame, size);
		if (reject != rows[i].reject)
			fail_msg("row %zu: %s", i, reject_names[reject]);
	}
}

static void a_body_with_another_frames_proof_is_refused(void **state)
{
	static struct five five;

	(void)state;
	five_make(&five);
	for (int body = 0; body < 5; body++) {
		for (int proof = 0; proof < 5; proof++) {
			uint8_t frame[DATAGRAM_BYTES_MAX];
			size_t proof_bytes = five.bytes[proof] - five.body_bytes[proof];

			memcpy(frame, five.frame[body], five.body_bytes[body]);
			memcpy(frame + five.body_bytes[body], five.frame[proof] + five.body_bytes[proof], proof_bytes);
			assert_int_equal(frame_reject(frame, five.body_bytes[body] + proof_bytes),
					 body == proof ? REJECT_NONE : REJECT_SIGNATURE);
		}
	}
}

static void a_root_is_signed_for_one_origin_tick_kind_and_mesh(void **state)
{
	static struct five five;
	struct mesh mesh = mesh_make();
	struct frame_root rows[10];

	(void)state;
	five_make(&five);
	assert_true(frame_verify(&five.root, &mesh, keys_a().public_key));
	assert_false(frame_verify(&five.root, &mesh, keys_b().public_key));
	for (size_t i = 0; i < ROWS(rows); i++)
		rows[i] = five.root;
	rows[0].origin ^= 1;
	rows[1].incarnation++;
	rows[2].tick++;
	rows[3].kind = FRAME_CLOSING;
	rows[4].tick_frames++;
	rows[5].leaves--;
	rows[6].hash[31] ^= 1;
	rows[7].signature[0] ^= 1;
	rows[8].signature[63] ^= 1;
	rows[9].tick -= 1ULL << 32;
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (frame_verify(&rows[i], &mesh, keys_a().public_key))
			fail_msg("row %zu", i);
	}
	mesh.id[0] ^= 1;
	assert_false(frame_verify(&five.root, &mesh, keys_a().public_key));
}

static void signatures_have_one_form_and_keys_full_order(void **state)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,	 0xd6,
					   0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	static struct five five;
	const struct mesh mesh = mesh_make();
	struct frame_root root;
	uint8_t bad[8][PUBLIC_KEY_BYTES];
	size_t count = bad_keys(bad);

	(void)state;
	five_make(&five);
	root = five.root;
	for (unsigned int i = 0, carry = 0; i < 32; i++) { /* S + L: the same signature to who does not look */
		carry += root.signature[32 + i] + order[i];
		root.signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_false(frame_verify(&root, &mesh, keys_a().public_key));
	root = five.root;
	memcpy(root.signature + 32, order, 32); /* S = L */
	assert_false(frame_verify(&root, &mesh, keys_a().public_key));
	for (size_t r = 0; r < count; r++) { /* with A and R of small order and S = 0 anything would verify */
		root = five.root;
		memcpy(root.signature, bad[r], 32);
		assert_false(frame_verify(&root, &mesh, keys_a().public_key));
		memset(root.signature + 32, 0, 32);
		assert_false(frame_verify(&root, &mesh, keys_a().public_key));
		for (size_t a = 0; a < count; a++) {
			if (frame_verify(&root, &mesh, bad[a]))
				fail_msg("R of row %zu, A of row %zu", r, a);
		}
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
		cmocka_unit_test(a_body_is_the_vector_both_ways),
		cmocka_unit_test(frames_are_the_vectors_both_ways),
		cmocka_unit_test(the_signature_covers_the_vectors_message),
		cmocka_unit_test(a_closing_frame_without_cells_is_the_vector),
		cmocka_unit_test(every_leaf_of_every_tree_is_proved),
		cmocka_unit_test(every_bit_and_every_length_is_proved),
		cmocka_unit_test(a_proof_must_be_exactly_its_leafs),
		cmocka_unit_test(a_body_with_another_frames_proof_is_refused),
		cmocka_unit_test(a_root_is_signed_for_one_origin_tick_kind_and_mesh),
		cmocka_unit_test(signatures_have_one_form_and_keys_full_order),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
