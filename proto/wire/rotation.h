/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The content of a rotation document: a new mesh secret and older ones, sealed under one key, and that key in a box for
 * each member that may have it. A member opens its box with its node key. Others learn only which members have a box.
 */
#ifndef PROTO_ROTATION_H
#define PROTO_ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xpro/bounds.h>

#include "mesh.h"

#define FINGERPRINT_BYTES 16
#define WRAP_BYTES 16 /* of the key the secrets are sealed under: as strong as X25519, which brings it */
#define BOX_BYTES (8 + WRAP_BYTES) /* member id, and that key, hidden from all others */
#define SEALED_BYTES_MAX (SECRETS_MAX * MESH_SECRET_BYTES + SEAL_TAG_BYTES)
_Static_assert(ROTATION_MEMBERS_MAX *BOX_BYTES + SEALED_BYTES_MAX + 512 <= DOCUMENT_BYTES_MAX, "the longest rotation "
											       "fits");

struct rotation {
	uint64_t effective_slot; /* from its start on the newest secret is used for sending */
	uint64_t grace_slots; /* so long after it, frames under the one before are still taken */
	uint32_t secrets; /* 1..SECRETS_MAX */
	uint8_t fingerprint[SECRETS_MAX][FINGERPRINT_BYTES]; /* newest first */
	uint8_t ephemeral[PUBLIC_KEY_BYTES]; /* Ed25519 key of this rotation alone */
	const uint8_t *sealed; /* the secrets, inside the content */
	const uint8_t *box; /* the reader's, behind its id, inside the content, or NULL */
	uint64_t box_id; /* member id it is for */
};

struct rotation_member {
	uint64_t id;
	uint8_t public_key[PUBLIC_KEY_BYTES];
};

/* What a secret is recognised by: BLAKE2b-128 keyed with it over a domain. */
void rotation_fingerprint(const uint8_t secret[MESH_SECRET_BYTES], uint8_t ret_fingerprint[FINGERPRINT_BYTES]);

/*
 * Writes the content for these members, ascending by id. `ephemeral_secret` is fresh and forgotten afterwards.
 * -EINVAL.
 */
int rotation_write(const struct rotation *rotation, const struct mesh *mesh,
		   const uint8_t (*secrets)[MESH_SECRET_BYTES], const struct rotation_member *members,
		   uint32_t members_count, const uint8_t ephemeral_secret[SECRET_KEY_BYTES], uint8_t *ret_content,
		   size_t bytes_max, size_t *ret_size);

/* Reads the whole content and finds the box of member `id`. False: not in canonical form or out of bounds. */
bool rotation_read(const uint8_t *content, size_t size, uint64_t id, struct rotation *ret_rotation);

/* Opens the box with a node's key. False: it is for another key, or does not hold what the fingerprints say. */
bool rotation_open(const struct rotation *rotation, const struct mesh *mesh, const uint8_t own_secret[SECRET_KEY_BYTES],
		   uint8_t ret_secrets[SECRETS_MAX][MESH_SECRET_BYTES]);

#endif
