// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The mesh secrets, sealed once under a key drawn for this rotation, and that key in a box of 24 bytes for each
 * member: so there is one for every member of the largest mesh. The key of a box serves once, for one rotation and
 * one member, so it is used as a pad.
 */
#include "rotation.h"

#include <errno.h>
#include <sodium.h>

#include "bytes.h"
#include "pack.h"
#include "seal.h"
#include "unpack.h"

#define FIELDS 6

static const char FINGERPRINT_DOMAIN[] = "xpro-mesh secret id v1";
static const char KEY_DOMAIN[] = "xpro-mesh rotation key v1";
static const char SEAL_DOMAIN[] = "xpro-mesh rotation seal v1";
static const char BOX_DOMAIN[] = "xpro-mesh secret box v2";
static const uint8_t zero_nonce[24]; /* each key is used once */

void rotation_fingerprint(const uint8_t secret[MESH_SECRET_BYTES], uint8_t ret_fingerprint[FINGERPRINT_BYTES])
{
	crypto_generichash(ret_fingerprint, FINGERPRINT_BYTES, (const uint8_t *)FINGERPRINT_DOMAIN,
			   sizeof(FINGERPRINT_DOMAIN) - 1, secret, MESH_SECRET_BYTES);
}

/* Drawn with the ephemeral key and forgotten with it. */
static void wrap_draw(const uint8_t ephemeral_secret[SECRET_KEY_BYTES], uint8_t ret_wrap[WRAP_BYTES])
{
	crypto_generichash(ret_wrap, WRAP_BYTES, (const uint8_t *)KEY_DOMAIN, sizeof(KEY_DOMAIN) - 1, ephemeral_secret,
			   SEED_BYTES);
}

static void wrap_key(const uint8_t wrap[WRAP_BYTES], uint8_t ret_key[SEAL_KEY_BYTES])
{
	crypto_generichash(ret_key, SEAL_KEY_BYTES, (const uint8_t *)SEAL_DOMAIN, sizeof(SEAL_DOMAIN) - 1, wrap,
			   WRAP_BYTES);
}

/*
 * What hides the wrapping key from all but one member: the key two sides share as a pair's is, with a hash of the
 * domain and the mesh's id in the mesh secret's place, and of that a hash over domain, mesh and member.
 */
static bool box_pad(const uint8_t own_secret[SECRET_KEY_BYTES], const uint8_t other_public[PUBLIC_KEY_BYTES],
		    const struct mesh *mesh, uint64_t id, uint8_t ret_pad[WRAP_BYTES])
{
	uint8_t message[sizeof(BOX_DOMAIN) - 1 + MESH_ID_BYTES + 8], salt[MESH_SECRET_BYTES], key[SEAL_KEY_BYTES];
	uint8_t *at = put_bytes(put_bytes(message, BOX_DOMAIN, sizeof(BOX_DOMAIN) - 1), mesh->id, MESH_ID_BYTES);

	crypto_generichash(salt, sizeof(salt), message, (size_t)(at - message), NULL, 0);
	if (seal_key(own_secret, other_public, salt, key) != 0)
		return false;
	put_le(at, id, 8);
	crypto_generichash(ret_pad, WRAP_BYTES, message, sizeof(message), key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	return true;
}

static void hide(const uint8_t wrap[WRAP_BYTES], const uint8_t pad[WRAP_BYTES], uint8_t ret_box[WRAP_BYTES])
{
	for (unsigned int i = 0; i < WRAP_BYTES; i++)
		ret_box[i] = wrap[i] ^ pad[i];
}

static void secrets_seal(const struct mesh *mesh, const uint8_t *plain, size_t size, const uint8_t wrap[WRAP_BYTES],
			 uint8_t *ret_sealed)
{
	uint8_t key[SEAL_KEY_BYTES];

	wrap_key(wrap, key);
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed, NULL, plain, size, mesh->id, MESH_ID_BYTES, NULL,
						   zero_nonce, key);
	sodium_memzero(key, sizeof(key));
}

static size_t sealed_bytes(uint32_t secrets)
{
	return (size_t)secrets * MESH_SECRET_BYTES + SEAL_TAG_BYTES;
}

/* One box after the other, ascending by id. */
static bool boxes_write(const struct mesh *mesh, const struct rotation_member *members, uint32_t count,
			const uint8_t wrap[WRAP_BYTES], const uint8_t ephemeral_secret[SECRET_KEY_BYTES],
			uint8_t *ret_boxes)
{
	uint8_t pad[WRAP_BYTES];

	for (uint32_t i = 0; i < count; i++) {
		if (members[i].id <= (i > 0 ? members[i - 1].id : 0) ||
		    !box_pad(ephemeral_secret, members[i].public_key, mesh, members[i].id, pad))
			return false;
		hide(wrap, pad, put_le(ret_boxes + (size_t)i * BOX_BYTES, members[i].id, 8));
	}
	return true;
}

int rotation_write(const struct rotation *rotation, const struct mesh *mesh,
		   const uint8_t (*secrets)[MESH_SECRET_BYTES], const struct rotation_member *members,
		   uint32_t members_count, const uint8_t ephemeral_secret[SECRET_KEY_BYTES], uint8_t *ret_content,
		   size_t bytes_max, size_t *ret_size)
{
	const size_t boxes_bytes = (size_t)members_count * BOX_BYTES;
	uint8_t fingerprint[FINGERPRINT_BYTES], wrap[WRAP_BYTES], sealed[SEALED_BYTES_MAX];
	struct pack p;
	bool made;

	if (rotation->secrets < 1 || rotation->secrets > SECRETS_MAX || members_count > ROTATION_MEMBERS_MAX ||
	    bytes_max < 512 + boxes_bytes)
		return -EINVAL;
	wrap_draw(ephemeral_secret, wrap);
	secrets_seal(mesh, secrets[0], (size_t)rotation->secrets * MESH_SECRET_BYTES, wrap, sealed);
	pack_begin(&p, ret_content, bytes_max);
	pack_array(&p, FIELDS);
	pack_uint(&p, rotation->effective_slot);
	pack_uint(&p, rotation->grace_slots);
	pack_bin(&p, ephemeral_secret + SECRET_KEY_BYTES - PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES);
	pack_array(&p, rotation->secrets);
	for (uint32_t i = 0; i < rotation->secrets; i++) {
		rotation_fingerprint(secrets[i], fingerprint);
		pack_bin(&p, fingerprint, sizeof(fingerprint));
	}
	pack_bin(&p, sealed, sealed_bytes(rotation->secrets));
	pack_bin_header(&p, boxes_bytes);
	*ret_size = (size_t)(p.at - ret_content) + boxes_bytes;
	made = boxes_write(mesh, members, members_count, wrap, ephemeral_secret, p.at);
	sodium_memzero(wrap, sizeof(wrap));
	return made ? 0 : -EINVAL;
}

static void unpack_copy(struct unpack *u, uint8_t *ret_bytes, size_t size)
{
	const uint8_t *bytes = unpack_bin_of(u, size);

	if (bytes)
		memcpy(ret_bytes, bytes, size);
}

/* Ascending by id, none 0; the reader's own, or NULL. */
static bool boxes_read(const uint8_t *boxes, size_t size, uint64_t id, const uint8_t **ret_box)
{
	struct cursor c = { boxes, boxes + size, false };
	uint64_t previous = 0;

	*ret_box = NULL;
	while (!cursor_done(&c)) {
		const uint64_t member = get_le(&c, 8);
		uint8_t box[WRAP_BYTES];

		if (member <= previous)
			return false;
		previous = member;
		if (member == id)
			*ret_box = c.at;
		get_bytes(&c, box, sizeof(box));
	}
	return true;
}

bool rotation_read(const uint8_t *content, size_t size, uint64_t id, struct rotation *ret_rotation)
{
	struct rotation *r = ret_rotation;
	const uint8_t *boxes;
	size_t boxes_bytes;
	struct unpack u;

	*r = (struct rotation){ .box_id = id };
	unpack_begin(&u, content, size);
	unpack_array_of(&u, FIELDS);
	r->effective_slot = unpack_uint(&u);
	r->grace_slots = unpack_uint_max(&u, UINT32_MAX);
	unpack_copy(&u, r->ephemeral, PUBLIC_KEY_BYTES);
	r->secrets = unpack_array(&u);
	if (r->secrets < 1 || r->secrets > SECRETS_MAX)
		return false;
	for (uint32_t i = 0; i < r->secrets; i++)
		unpack_copy(&u, r->fingerprint[i], FINGERPRINT_BYTES);
	r->sealed = unpack_bin_of(&u, sealed_bytes(r->secrets));
	boxes = unpack_bin(&u, &boxes_bytes);
	if (!unpack_done(&u) || boxes_bytes % BOX_BYTES != 0 || boxes_bytes > ROTATION_MEMBERS_MAX * BOX_BYTES)
		return false;
	return boxes_read(boxes, boxes_bytes, id, &r->box) && r->effective_slot <= UINT32_MAX * 1024ULL;
}

bool rotation_open(const struct rotation *rotation, const struct mesh *mesh, const uint8_t own_secret[SECRET_KEY_BYTES],
		   uint8_t ret_secrets[SECRETS_MAX][MESH_SECRET_BYTES])
{
	uint8_t pad[WRAP_BYTES], wrap[WRAP_BYTES], key[SEAL_KEY_BYTES], fingerprint[FINGERPRINT_BYTES];
	bool opened;

	if (!rotation->box || !box_pad(own_secret, rotation->ephemeral, mesh, rotation->box_id, pad))
		return false;
	hide(rotation->box, pad, wrap);
	wrap_key(wrap, key);
	opened = crypto_aead_xchacha20poly1305_ietf_decrypt(ret_secrets[0], NULL, NULL, rotation->sealed,
							    sealed_bytes(rotation->secrets), mesh->id, MESH_ID_BYTES,
							    zero_nonce, key) == 0;
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(wrap, sizeof(wrap));
	sodium_memzero(key, sizeof(key));
	for (uint32_t i = 0; opened && i < rotation->secrets; i++) {
		rotation_fingerprint(ret_secrets[i], fingerprint);
		opened = memcmp(fingerprint, rotation->fingerprint[i], FINGERPRINT_BYTES) == 0;
	}
	return opened;
}
