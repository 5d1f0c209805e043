/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Node certificates: what the mesh authority certifies of a member. Canonical msgpack followed by an Ed25519 signature;
 * layout in PROTOCOL.
 */
#ifndef PROTO_CERTIFICATE_H
#define PROTO_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

#include <xpro/bounds.h>
#include <xpro/key.h>

#include "mesh.h"
#include "reject.h"

struct certificate {
	char name[NAME_BYTES_MAX + 1]; /* [a-z0-9-], not empty */
	char region[REGION_BYTES_MAX + 1]; /* [a-z0-9-], may be empty */
	uint64_t id; /* the member's, for all its keys. Issued as 0: its first, member_id_of(public_key) */
	uint8_t public_key[PUBLIC_KEY_BYTES];
	bool has_previous;
	uint8_t previous_key[PUBLIC_KEY_BYTES]; /* the one replaced: frames signed by it stay the member's */
	uint64_t line_rate; /* packets per second the node can see at most; 0 = not stated */
	uint64_t serial; /* of issue; grows */
	uint32_t endpoints;
	struct {
		struct address address;
		uint16_t port;
	} endpoint[ENDPOINTS_MAX];
};

/* Signs a certificate for `mesh` with the authority's secret key. -EINVAL: a field is out of bounds or does not fit. */
int certificate_issue(const struct certificate *certificate, const struct mesh *mesh,
		      const uint8_t authority_secret[SECRET_KEY_BYTES], uint8_t ret_bytes[CERTIFICATE_BYTES_MAX],
		      size_t *ret_size);

/*
 * Checks form, mesh, parameters, signature and widths, in that order. REJECT_CERTIFICATE, REJECT_MESH or REJECT_WIDTHS
 * on failure; *ret_certificate is written on success, and with REJECT_WIDTHS, when it is known whose it is. Keys of
 * small order or not canonical are refused.
 */
enum reject certificate_open(const uint8_t *bytes, size_t size, const struct mesh *mesh,
			     struct certificate *ret_certificate);

/*
 * Reads the mesh parameters a certificate states, unverified: for the one who holds it as his own. Of the widths it has
 * a digest alone, so they are given. -EBADMSG: no certificate. -EDOM: it is of other widths.
 */
int certificate_mesh(const uint8_t *bytes, size_t size, const struct widths *widths, struct mesh *ret_mesh);

/*
 * The same where the widths are not known yet, and default widths are in their place: certificate_open then answers
 * REJECT_WIDTHS, or nothing, when the issuer did sign it.
 */
int certificate_issuer(const uint8_t *bytes, size_t size, struct mesh *ret_mesh);

/* A member's id as it is first issued: the first 8 bytes of BLAKE2b-256 of its first public key, little-endian. */
uint64_t member_id_of(const uint8_t public_key[PUBLIC_KEY_BYTES]);

#endif
