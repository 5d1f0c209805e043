/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Documents: messages of the mesh authority to all members. An envelope in canonical msgpack, the same for every kind,
 * then the authority's signature; layout in PROTOCOL. revocation.h, rotation.h and policy_wire.h have the contents.
 */
#ifndef PROTO_DOCUMENT_H
#define PROTO_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include <xpro/bounds.h>

#include "mesh.h"
#include "node_types.h"
#include "reject.h"

/* As files and for people. */
extern const char *const document_names[DOCUMENT_KINDS];

/* Of the content's form, the only one that is read: another form, another version. */
extern const uint8_t document_versions[DOCUMENT_KINDS];

struct document {
	enum document_kind kind;
	uint64_t serial; /* of its kind; grows, never 0 */
	const uint8_t *content; /* inside the document's bytes */
	size_t content_bytes;
};

#define DOCUMENT_ENVELOPE_BYTES_MAX (1 + 1 + 2 + MESH_ID_BYTES + 1 + 9 + 5 + SIGNATURE_BYTES)
#define DOCUMENT_CONTENT_BYTES_MAX (DOCUMENT_BYTES_MAX - DOCUMENT_ENVELOPE_BYTES_MAX)

/*
 * Signs a document for `mesh` with the authority's secret key. -EINVAL: serial 0, too long, or another authority's
 * key.
 */
int document_issue(const struct document *document, const struct mesh *mesh,
		   const uint8_t authority_secret[SECRET_KEY_BYTES], uint8_t ret_bytes[DOCUMENT_BYTES_MAX],
		   size_t *ret_size);

/*
 * Checks form, mesh and signature, in that order: REJECT_DOCUMENT, REJECT_MESH, REJECT_AUTHORITY. The content is not
 * looked at.
 */
enum reject document_open(const uint8_t *bytes, size_t size, const struct mesh *mesh, struct document *ret_document);

/* The version an envelope states, or 0 when it is none: a later one is a later program's. */
unsigned int document_version(const uint8_t *bytes, size_t size);

/* BLAKE2b-256 of a whole document, signature included: what it is announced by. */
void document_hash(const uint8_t *bytes, size_t size, uint8_t ret_hash[HASH_BYTES]);

/* A document as it is announced. serial 0: none. */
struct news {
	uint64_t serial;
	uint32_t size;
	uint8_t hash[HASH_BYTES];
};

#endif
