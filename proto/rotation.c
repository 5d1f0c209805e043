// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Boxes of mesh secrets. The key of a box serves once, for one rotation and one member, so its nonce is zero. */
#include "rotation.h"

#include <errno.h>
#include <sodium.h>

#include "bytes.h"
#include "pack.h"
#include "seal.h"
#include "unpack.h"

#define FIELDS 5
#define DATA_BYTES (MESH_ID_BYTES + 8)

static const char FINGERPRINT_DOMAIN[] = "xpro-mesh secret id v1";
static const char BOX_DOMAIN[] = "xpro-mesh secret box v1";

void rotation_fingerprint(const uint8_t secret[MESH_SECRET_BYTES], uint8_t ret_fingerprint[FINGERPRINT_BYTES])
{
	crypto_generichash(ret_fingerprint, FINGERPRINT_BYTES, (const uint8_t *)FINGERPRINT_DOMAIN, sizeof(FINGERPRINT_DOMAIN) - 1, secret,
			   MESH_SECRET_BYTES);
}

/* The key two sides share as a pair's is, with a hash of the domain and the mesh's id in the mesh secret's place. */
static bool box_key(const uint8_t own_secret[SECRET_KEY_BYTES], const uint8_t other_public[PUBLIC_KEY_BYTES], const struct mesh *mesh,
		    uint8_t ret_key[SEAL_KEY_BYTES])
{
	uint8_t message[sizeof(BOX_DOMAIN) - 1 + MESH_ID_BYTES], salt[MESH_SECRET_BYTES];

	put_bytes(put_bytes(message, BOX_DOMAIN, sizeof(BOX_DOMAIN) - 1), mesh->id, MESH_ID_BYTES);
	crypto_generichash(salt, sizeof(salt), message, sizeof(message), NULL, 0);
	return seal_key(own_secret, other_public, salt, ret_key) == 0;
}

static void box_data(const struct mesh *mesh, uint64_t id, uint8_t ret_data[DATA_BYTES])
{
	put_le(put_bytes(ret_data, mesh->id, MESH_ID_BYTES), id, 8);
}

static bool box_write(const struct mesh *mesh, const struct rotation_member *member, const uint8_t *plain, size_t size,
		      const uint8_t ephemeral_secret[SECRET_KEY_BYTES], uint8_t ret_box[BOX_BYTES_MAX])
{
	static const uint8_t nonce[24];
	uint8_t key[SEAL_KEY_BYTES], data[DATA_BYTES];

	if (!box_key(ephemeral_secret, member->public_key, mesh, key))
		return false;
	box_data(mesh, member->id, data);
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret_box, NULL, plain, size, data, sizeof(data), NULL, nonce, key);
	sodium_memzero(key, sizeof(key));
	return true;
}

int rotation_write(const struct rotation *rotation, const struct mesh *mesh, const uint8_t (*secrets)[MESH_SECRET_BYTES],
		   const struct rotation_member *members, uint32_t members_count, const uint8_t ephemeral_secret[SECRET_KEY_BYTES],
		   uint8_t *ret_content, size_t bytes_max, size_t *ret_size)
{
	const size_t plain_bytes = (size_t)rotation->secrets * MESH_SECRET_BYTES, box_bytes = plain_bytes + SEAL_TAG_BYTES;
	uint8_t fingerprint[FINGERPRINT_BYTES], box[BOX_BYTES_MAX];
	struct pack p;

	if (rotation->secrets < 1 || rotation->secrets > SECRETS_MAX || members_count > ROTATION_MEMBERS_MAX ||
	    bytes_max < 256 + members_count * (1 + 9 + 2 + box_bytes))
		return -EINVAL;
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
	pack_array(&p, members_count);
	for (uint32_t i = 0; i < members_count; i++) {
		if ((i > 0 && members[i - 1].id >= members[i].id) ||
		    !box_write(mesh, &members[i], secrets[0], plain_bytes, ephemeral_secret, box))
			return -EINVAL;
		pack_array(&p, 2);
		pack_uint(&p, members[i].id);
		pack_bin(&p, box, box_bytes);
	}
	*ret_size = (size_t)(p.at - ret_content);
	return 0;
}

static void unpack_copy(struct unpack *u, uint8_t *ret_bytes, size_t size)
{
	const uint8_t *bytes = unpack_bin_of(u, size);

	if (bytes)
		memcpy(ret_bytes, bytes, size);
}

bool rotation_read(const uint8_t *content, size_t size, uint64_t id, struct rotation *ret_rotation)
{
	struct rotation *r = ret_rotation;
	uint64_t previous = 0;
	uint32_t members;
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
	members = unpack_array(&u);
	if (members > ROTATION_MEMBERS_MAX)
		return false;
	for (uint32_t i = 0; i < members && !u.failed; i++) {
		uint64_t member;
		const uint8_t *box;

		unpack_array_of(&u, 2);
		member = unpack_uint(&u);
		box = unpack_bin_of(&u, (size_t)r->secrets * MESH_SECRET_BYTES + SEAL_TAG_BYTES);
		if (member <= previous)
			return false;
		previous = member;
		if (member == id)
			r->box = box;
	}
	return unpack_done(&u) && r->effective_slot <= UINT32_MAX * 1024ULL;
}

bool rotation_open(const struct rotation *rotation, const struct mesh *mesh, const uint8_t own_secret[SECRET_KEY_BYTES],
		   uint8_t ret_secrets[SECRETS_MAX][MESH_SECRET_BYTES])
{
	static const uint8_t nonce[24];
	const size_t box_bytes = (size_t)rotation->secrets * MESH_SECRET_BYTES + SEAL_TAG_BYTES;
	uint8_t key[SEAL_KEY_BYTES], data[DATA_BYTES], fingerprint[FINGERPRINT_BYTES];
	bool opened;

	if (!rotation->box || !box_key(own_secret, rotation->ephemeral, mesh, key))
		return false;
	box_data(mesh, rotation->box_id, data);
	opened = crypto_aead_xchacha20poly1305_ietf_decrypt(ret_secrets[0], NULL, NULL, rotation->box, box_bytes, data, sizeof(data), nonce,
							    key) == 0;
	sodium_memzero(key, sizeof(key));
	for (uint32_t i = 0; opened && i < rotation->secrets; i++) {
		rotation_fingerprint(ret_secrets[i], fingerprint);
		opened = memcmp(fingerprint, rotation->fingerprint[i], FINGERPRINT_BYTES) == 0;
	}
	return opened;
}
