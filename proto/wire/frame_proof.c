// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Proves that an origin published a frame: the Merkle tree over the frames of a tick (RFC 6962 section 2.1, with
 * BLAKE2b-256), the signature of its root, and the proof behind each body. Which roots were verified already is
 * remembered by others.
 */
#include <sodium.h>

#include "assertion.h"
#include "frame.h"
#include "bytes.h"

#define LEAF_PREFIX 0
#define NODE_PREFIX 1
#define TRAILER_BYTES 5 /* frames of the tick 2, leaves 1, index 1, depth 1 */

static const char DOMAIN[] = "xpro-mesh root v1";
#define DOMAIN_BYTES (sizeof(DOMAIN) - 1)
#define MESSAGE_BYTES (DOMAIN_BYTES + MESH_ID_BYTES + 3 * 8 + 2 + 1 + 1 + HASH_BYTES)

_Static_assert(FRAME_PROOF_BYTES_MAX == PROOF_DEPTH_MAX * HASH_BYTES + SIGNATURE_BYTES + TRAILER_BYTES, "the longest "
													"proof");

void frame_leaf(const uint8_t *body, size_t size, uint8_t ret_leaf[HASH_BYTES])
{
	static const uint8_t prefix = LEAF_PREFIX;
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, NULL, 0, HASH_BYTES);
	crypto_generichash_update(&hash, &prefix, 1);
	crypto_generichash_update(&hash, body, size);
	crypto_generichash_final(&hash, ret_leaf, HASH_BYTES);
}

static void hash_node(const uint8_t left[HASH_BYTES], const uint8_t right[HASH_BYTES], uint8_t ret_node[HASH_BYTES])
{
	uint8_t input[1 + 2 * HASH_BYTES] = { NODE_PREFIX };

	put_bytes(put_bytes(input + 1, left, HASH_BYTES), right, HASH_BYTES);
	crypto_generichash(ret_node, HASH_BYTES, input, sizeof(input), NULL, 0);
}

/*
 * A level of `width` nodes becomes one of (width + 1) / 2: neighbours are hashed, a last one without neighbour moves
 * up as it is. That is RFC 6962's split at the largest power of two, worked out from below.
 */
static unsigned int climb(uint8_t level[][HASH_BYTES], unsigned int width)
{
	for (unsigned int i = 0; i + 1 < width; i += 2)
		hash_node(level[i], level[i + 1], level[i / 2]);
	if (width % 2)
		memmove(level[width / 2], level[width - 1], HASH_BYTES);
	return (width + 1) / 2;
}

static bool has_sibling(unsigned int index, unsigned int width)
{
	return (index ^ 1) < width;
}

/* The hashes on the path of this leaf. */
static unsigned int depth_of(unsigned int leaves, unsigned int index)
{
	unsigned int depth = 0;

	for (unsigned int width = leaves; width > 1; width = (width + 1) / 2, index /= 2)
		depth += has_sibling(index, width);
	return depth;
}

static void root_from_path(const uint8_t leaf[HASH_BYTES], const uint8_t *path, unsigned int leaves, unsigned int index,
			   uint8_t ret_root[HASH_BYTES])
{
	memcpy(ret_root, leaf, HASH_BYTES);
	for (unsigned int width = leaves; width > 1; width = (width + 1) / 2, index /= 2) {
		if (!has_sibling(index, width))
			continue;
		if (index & 1)
			hash_node(path, ret_root, ret_root);
		else
			hash_node(ret_root, path, ret_root);
		path += HASH_BYTES;
	}
}

static void message_of(const struct frame_root *root, const struct mesh *mesh, uint8_t ret_message[MESSAGE_BYTES])
{
	uint8_t *at = put_bytes(ret_message, DOMAIN, DOMAIN_BYTES);

	at = put_bytes(at, mesh->id, MESH_ID_BYTES);
	at = put_le(at, root->origin, 8);
	at = put_le(at, root->incarnation, 8);
	at = put_le(at, root->tick, 8);
	at = put_le(at, root->tick_frames, 2);
	*at++ = root->leaves;
	*at++ = (uint8_t)root->kind;
	at = put_bytes(at, root->hash, HASH_BYTES);
	ASSERT(at == ret_message + MESSAGE_BYTES);
}

static bool counts_fit(const struct frame_root *root)
{
	return root->leaves >= 1 && root->leaves <= LEAVES_MAX && root->tick_frames >= root->leaves &&
	       root->tick_frames <= FRAMES_PER_TICK_MAX;
}

void frame_sign(struct frame_root *root, const uint8_t leaves[][HASH_BYTES], const struct mesh *mesh,
		const uint8_t secret_key[SECRET_KEY_BYTES])
{
	uint8_t level[LEAVES_MAX][HASH_BYTES], message[MESSAGE_BYTES];

	ASSERT(counts_fit(root));
	memcpy(level, leaves, (size_t)root->leaves * HASH_BYTES);
	for (unsigned int width = root->leaves; width > 1;)
		width = climb(level, width);
	memcpy(root->hash, level[0], HASH_BYTES);
	message_of(root, mesh, message);
	crypto_sign_detached(root->signature, NULL, message, sizeof(message), secret_key);
}

bool frame_verify(const struct frame_root *root, const struct mesh *mesh, const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	uint8_t message[MESSAGE_BYTES];

	message_of(root, mesh, message);
	return crypto_sign_verify_detached(root->signature, message, sizeof(message), public_key) == 0;
}

size_t frame_prove(uint8_t *frame, size_t size, const struct frame_root *root, const uint8_t leaves[][HASH_BYTES],
		   unsigned int index)
{
	uint8_t level[LEAVES_MAX][HASH_BYTES], *at = frame + size;
	unsigned int position = index;

	ASSERT(counts_fit(root) && index < root->leaves);
	memcpy(level, leaves, (size_t)root->leaves * HASH_BYTES);
	for (unsigned int width = root->leaves; width > 1; position /= 2) {
		if (has_sibling(position, width))
			at = put_bytes(at, level[position ^ 1], HASH_BYTES);
		width = climb(level, width);
	}
	at = put_bytes(at, root->signature, SIGNATURE_BYTES);
	at = put_le(at, root->tick_frames, 2);
	*at++ = root->leaves;
	*at++ = (uint8_t)index;
	*at++ = (uint8_t)depth_of(root->leaves, index);
	return (size_t)(at - frame);
}

size_t frame_proof_bytes(unsigned int leaves)
{
	/* no path is longer than the first leaf's */
	return depth_of(leaves, 0) * HASH_BYTES + SIGNATURE_BYTES + TRAILER_BYTES;
}

enum reject frame_split(const uint8_t *frame, size_t size, struct frame_claim *ret_claim)
{
	struct frame_claim claim = { .body = frame };
	struct frame_reader reader;

	if (size <= SIGNATURE_BYTES + TRAILER_BYTES || size > DATAGRAM_BYTES_MAX)
		return REJECT_FRAME_SIZE;

	const uint8_t *trailer = frame + size - TRAILER_BYTES, *signature = trailer - SIGNATURE_BYTES;
	const size_t body_and_path = size - TRAILER_BYTES - SIGNATURE_BYTES;
	const unsigned int index = trailer[3], depth = trailer[4];

	claim.root.tick_frames = (uint16_t)le_at(trailer, 2);
	claim.root.leaves = trailer[2];
	if (!counts_fit(&claim.root) || index >= claim.root.leaves || depth != depth_of(claim.root.leaves, index))
		return REJECT_PATH;
	if (body_and_path <= depth * HASH_BYTES)
		return REJECT_FRAME_SIZE;
	claim.body_bytes = body_and_path - depth * HASH_BYTES;
	frame_read(&reader, NULL, frame, claim.body_bytes);
	if (reader.reject != REJECT_NONE)
		return REJECT_BODY;
	claim.head = reader.head;
	claim.root.origin = claim.head.origin;
	claim.root.incarnation = claim.head.incarnation;
	claim.root.tick = claim.head.tick;
	claim.root.kind = claim.head.kind;
	memcpy(claim.root.signature, signature, SIGNATURE_BYTES);
	frame_leaf(frame, claim.body_bytes, claim.leaf);
	root_from_path(claim.leaf, signature - depth * HASH_BYTES, claim.root.leaves, index, claim.root.hash);
	*ret_claim = claim;
	return REJECT_NONE;
}
