// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames: equal to the vectors both ways; any ordered set of cells comes back as it was, read by us and by msgpack-c alike; every
 * other form of a body, and every other proof, is refused with its own reason.
 */
#include <msgpack.h>

#include "frame.h"
#include "seal.h"
#include "vector.h"

#define TICK 8500000000
#define SLOT 425000000
#define MESSAGE_TYPE_BYTES 1 /* in front of a frame inside the seal */
#define BODY_BYTES (DATAGRAM_BYTES_DEFAULT - SEAL_BYTES - MESSAGE_TYPE_BYTES - FRAME_PROOF_BYTES_MAX)

static struct frame_head head_make(uint64_t sequence, enum frame_kind kind)
{
	return (struct frame_head){ .origin = member_id_of(keys_a().public_key),
				    .incarnation = 3,
				    .sequence = 5ULL << 40 | sequence,
				    .tick = TICK,
				    .kind = kind };
}

static struct address ipv4(uint32_t address)
{
	const uint8_t bytes[4] = { (uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
				   (uint8_t)address };

	return address_of_ipv4(bytes);
}

/* 2001:db8::tail */
static struct address ipv6(uint16_t tail)
{
	return (struct address){ { 0x20, 0x01, 0x0d, 0xb8, [14] = (uint8_t)(tail >> 8), [15] = (uint8_t)tail } };
}

/* The cells of body.hex. */
static size_t cells_of_the_vector(struct cell ret_cells[8])
{
	const struct address one = ipv4(0xc6336401), two = ipv4(0xc6336402);
	const struct cell cells[] = {
		{ key_of_destination(&one), SLOT - 1, 0, 255, 90000 }, { key_of_destination(&one), SLOT, 0, 200, 300 },
		{ key_of_destination(&two), SLOT, 7, 7, 1 },	       { { .destination = ipv6(0x80) }, SLOT, 0, 199, 16384 },
		{ { ipv4(0x0a000001), one }, SLOT, 0, 200, 127 },      { { ipv4(0x0a000002), one }, SLOT, 3, 180, 128 },
		{ { ipv4(0x0a000001), two }, SLOT, 7, 7, 1 },	       { { ipv6(1), ipv6(0x80) }, SLOT, 0, 199, UINT64_MAX },
	};

	memcpy(ret_cells, cells, sizeof(cells));
	return ROWS(cells);
}

static size_t body_write(const struct frame_head *head, const struct cell *cells, size_t count, uint8_t *ret_body)
{
	static struct frame_writer writer;

	frame_begin(&writer, head, BODY_BYTES);
	for (size_t i = 0; i < count; i++)
		assert_true(frame_add(&writer, &cells[i]));
	return frame_finish(&writer, ret_body);
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return key_equal(&a->key, &b->key) && a->slot == b->slot && a->first == b->first && a->last == b->last &&
	       a->packets == b->packets;
}

static void a_body_is_the_vector_both_ways(void **state)
{
	const struct frame_head head = head_make(1, FRAME_TICK);
	struct cell cells[8], cell;
	struct frame_reader reader;
	uint8_t body[BODY_BYTES];
	size_t count = cells_of_the_vector(cells), size = body_write(&head, cells, count, body);

	(void)state;
	assert_is_vector("body", body, size);
	size = vector_read("body", body, sizeof(body));
	assert_int_equal(frame_check(body, size), REJECT_NONE);
	frame_read(&reader, body, size);
	assert_true(reader.head.origin == head.origin && reader.head.incarnation == 3 && reader.head.sequence == head.sequence);
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
		struct cell cells[8] = { { { .destination = ipv4(0xcb007100 + i + 1) }, SLOT, 0, i + 1, i + 1 } };
		size_t count = i == 0 ? cells_of_the_vector(cells) : 1;

		five->body_bytes[i] = body_write(&head, cells, count, five->frame[i]);
		frame_leaf(five->frame[i], five->body_bytes[i], five->leaves[i]);
	}
	five->root = (struct frame_root){
		.origin = member_id_of(keys_a().public_key), .incarnation = 3, .tick = TICK, .tick_frames = 5, .leaves = 5
	};
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
		assert_int_equal(frame_check(claim.body, claim.body_bytes), REJECT_NONE);
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
	struct frame_root root = {
		.origin = head.origin, .incarnation = 3, .tick = TICK, .kind = FRAME_CLOSING, .tick_frames = 1, .leaves = 1
	};
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
	assert_int_equal(frame_check(claim.body, claim.body_bytes), REJECT_NONE);
}

static void every_leaf_of_every_tree_is_proved(void **state)
{
	const struct mesh mesh = mesh_make();

	(void)state;
	for (uint8_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
		struct frame_root root = { .origin = 1, .incarnation = 2, .tick = 3, .tick_frames = leaves, .leaves = leaves };
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
	return frame_check(claim.body, claim.body_bytes);
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

/* ---- forms of a body ---- */

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
	/*  79 */ { HEAD "91 97 02 05 c404c6336401 c40400ffffff " ONE, REJECT_CELL },
	/*  80 */ { HEAD "91 97 02 05 c404c6336401 c40401000000 " ONE, REJECT_NONE },
	/*  81 */ { HEAD "91 97 02 05 c404c6336401 c4047effffff " ONE, REJECT_NONE },
	/*  82 */ { HEAD "91 97 02 05 c404c6336401 c4047f000000 " ONE, REJECT_CELL },
	/*  83 */ { HEAD "91 97 02 05 c404c6336401 c4047fffffff " ONE, REJECT_CELL },
	/*  84 */ { HEAD "91 97 02 05 c404c6336401 c40480000000 " ONE, REJECT_NONE },
	/*  85 */ { HEAD "91 97 02 05 c404c6336401 c404dfffffff " ONE, REJECT_NONE },
	/*  86 */ { HEAD "91 97 02 05 c404c6336401 c404e0000000 " ONE, REJECT_CELL },
	/*  87 */ { HEAD "91 97 02 05 c404c6336401 c404f0000000 " ONE, REJECT_CELL },
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
		const bool is_ipv4 = draw_below(random, 2), pair = draw_below(random, 3);

		*cell = (struct cell){ .slot = SLOT + draw_below(random, 3),
				       .packets = (draw(random) >> draw_below(random, 64)) | 1 };
		cell->last = (uint8_t)draw(random);
		cell->first = (uint8_t)draw_below(random, cell->last + 1u);
		cell->key.destination = is_ipv4 ? ipv4(destination) : ipv6((uint16_t)destination);
		if (pair)
			cell->key.client = is_ipv4 ? ipv4(client) : ipv6((uint16_t)(client + 1));
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

static struct address object_address(const char *bytes, size_t size)
{
	struct address address;

	if (size == 4)
		return address_of_ipv4((const uint8_t *)bytes);
	memcpy(address.bytes, bytes, 16);
	return address;
}

/* The cells of a group as msgpack-c reads it. */
static size_t group_by_msgpack_c(const msgpack_object *group, struct cell *ret_cells)
{
	uint32_t fields;
	const msgpack_object *field = object_array(group, &fields);
	const uint64_t form = object_uint(&field[0]);
	const size_t size = form % 2 ? 16 : 4;
	const msgpack_object_bin destination = object_bin(&field[2]), keys = object_bin(&field[3]),
				 packets = object_bin(&field[6]);
	size_t at = 0;

	assert_int_equal(fields, 7);
	assert_int_equal(destination.size, form < 2 ? 0 : size);
	for (size_t i = 0; i < keys.size / size; i++) {
		struct cell cell = { .slot = object_uint(&field[1]) };
		const struct address key = object_address(keys.ptr + i * size, size);
		unsigned int shift = 0;

		cell.key = form < 2 ? key_of_destination(&key) : (struct key){ key, object_address(destination.ptr, size) };
		cell.first = (uint8_t)object_bin(&field[4]).ptr[i];
		cell.last = (uint8_t)object_bin(&field[5]).ptr[i];
		do {
			assert_true(at < packets.size);
			cell.packets |= (uint64_t)(packets.ptr[at] & 0x7f) << shift;
			shift += 7;
		} while (packets.ptr[at++] & 0x80);
		ret_cells[i] = cell;
	}
	assert_int_equal(at, packets.size);
	return keys.size / size;
}

static void assert_msgpack_c_reads(const uint8_t *body, size_t size, const struct frame_head *head, const struct cell *cells,
				   size_t count)
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

	assert_int_equal(frame_check(body, size), REJECT_NONE);
	frame_read(&reader, body, size);
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
		if (frame_check(body, size) != REJECT_NONE)
			continue;
		frame_read(&reader, body, size);
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

static size_t fill(uint64_t packets, bool own_destinations, size_t *ret_cells)
{
	static struct frame_writer writer;
	const struct frame_head head = head_make(123456, FRAME_TICK);
	uint8_t body[BODY_BYTES];

	frame_begin(&writer, &head, BODY_BYTES);
	for (uint32_t i = 0;; i++) {
		const struct key key = { ipv4(0x0a000001 + i), ipv4(0xc6336401 + (own_destinations ? i : 0)) };

		if (!frame_add(&writer, &(struct cell){ key, SLOT, 0, 200, packets }))
			break;
	}
	*ret_cells = writer.cells;
	return datagram_bytes(frame_finish(&writer, body));
}

static void a_full_datagram_holds_pairs_of_ten_bytes(void **state)
{
	static const struct {
		uint64_t packets; /* of each cell */
		bool own_destinations;
		double bytes_max; /* of a cell, everything counted */
	} rows[] = {
		{ 127, false, 10.0 },	/* one destination: the packets column takes a byte */
		{ 16383, false, 11.4 }, /* two */
		{ 127, true, 38.0 },	/* each pair a destination of its own: a group of one cell */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t cells, bytes = fill(rows[i].packets, rows[i].own_destinations, &cells);

		print_message("# %zu cells in %zu bytes: %.2f bytes per cell\n", cells, bytes, (double)bytes / (double)cells);
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
		cmocka_unit_test(a_body_has_one_form),
		cmocka_unit_test(hostile_bodies_of_full_size_end_at_once),
		cmocka_unit_test(a_body_longer_than_any_datagram_is_refused),
		cmocka_unit_test(any_cells_come_back_as_they_were),
		cmocka_unit_test(a_changed_body_is_refused_or_canonical),
		cmocka_unit_test(a_full_datagram_holds_pairs_of_ten_bytes),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
