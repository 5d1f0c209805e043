// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The envelope of documents. The signature covers a domain and the hash of the body, so that nobody needs the body
 * twice.
 */
#include <errno.h>

#include <sodium.h>

#include "bytes.h"
#include "document.h"
#include "pack.h"
#include "unpack.h"

#define FIELDS 5

static const char DOMAIN[] = "xpro-mesh document v1";
#define DOMAIN_BYTES (sizeof(DOMAIN) - 1)
#define MESSAGE_BYTES (DOMAIN_BYTES + HASH_BYTES)

const char *const document_names[DOCUMENT_KINDS] = {
	[DOCUMENT_REVOCATION] = "revocation",
	[DOCUMENT_ROTATION] = "rotation",
	[DOCUMENT_POLICY] = "policy",
};

const uint8_t document_versions[DOCUMENT_KINDS] = {
	[DOCUMENT_REVOCATION] = 1, [DOCUMENT_ROTATION] = 2, [DOCUMENT_POLICY] = 1
};

void document_hash(const uint8_t *bytes, size_t size, uint8_t ret_hash[HASH_BYTES])
{
	crypto_generichash(ret_hash, HASH_BYTES, bytes, size, NULL, 0);
}

static void put_message(const uint8_t *body, size_t size, uint8_t ret_message[MESSAGE_BYTES])
{
	document_hash(body, size, put_bytes(ret_message, DOMAIN, DOMAIN_BYTES));
}

int document_issue(const struct document *document, const struct mesh *mesh,
		   const uint8_t authority_secret[SECRET_KEY_BYTES], uint8_t ret_bytes[DOCUMENT_BYTES_MAX],
		   size_t *ret_size)
{
	uint8_t message[MESSAGE_BYTES];
	struct pack p;
	size_t body;

	if (document->serial == 0 || document->kind >= DOCUMENT_KINDS ||
	    document->content_bytes > DOCUMENT_CONTENT_BYTES_MAX ||
	    memcmp(authority_secret + SECRET_KEY_BYTES - PUBLIC_KEY_BYTES, mesh->authority, PUBLIC_KEY_BYTES) != 0)
		return -EINVAL;
	pack_begin(&p, ret_bytes, DOCUMENT_BYTES_MAX);
	pack_array(&p, FIELDS);
	pack_uint(&p, document_versions[document->kind]);
	pack_bin(&p, mesh->id, MESH_ID_BYTES);
	pack_uint(&p, document->kind + 1);
	pack_uint(&p, document->serial);
	pack_bin(&p, document->content, document->content_bytes);
	body = (size_t)(p.at - ret_bytes);
	put_message(ret_bytes, body, message);
	crypto_sign_detached(ret_bytes + body, NULL, message, sizeof(message), authority_secret);
	*ret_size = body + SIGNATURE_BYTES;
	return 0;
}

unsigned int document_version(const uint8_t *bytes, size_t size)
{
	struct unpack u;

	unpack_begin(&u, bytes, size);
	unpack_array(&u);
	return (unsigned int)unpack_uint_max(&u, UINT16_MAX);
}

static bool unpack_body(const uint8_t *body, size_t size, struct document *ret_document, const uint8_t **ret_mesh_id)
{
	struct unpack u;
	uint64_t version;

	unpack_begin(&u, body, size);
	unpack_array_of(&u, FIELDS);
	version = unpack_uint(&u);
	*ret_mesh_id = unpack_bin_of(&u, MESH_ID_BYTES);
	ret_document->kind = (enum document_kind)(unpack_uint_max(&u, DOCUMENT_KINDS) - 1);
	ret_document->serial = unpack_uint(&u);
	ret_document->content = unpack_bin(&u, &ret_document->content_bytes);
	return unpack_done(&u) && ret_document->kind < DOCUMENT_KINDS &&
	       version == document_versions[ret_document->kind] && ret_document->serial > 0;
}

enum reject document_open(const uint8_t *bytes, size_t size, const struct mesh *mesh, struct document *ret_document)
{
	uint8_t message[MESSAGE_BYTES];
	struct document document;
	const uint8_t *mesh_id;
	size_t body;

	if (size <= SIGNATURE_BYTES || size > DOCUMENT_BYTES_MAX)
		return REJECT_DOCUMENT;
	body = size - SIGNATURE_BYTES;
	if (!unpack_body(bytes, body, &document, &mesh_id))
		return REJECT_DOCUMENT;
	if (memcmp(mesh_id, mesh->id, MESH_ID_BYTES) != 0)
		return REJECT_MESH;
	put_message(bytes, body, message);
	if (crypto_sign_verify_detached(bytes + body, message, sizeof(message), mesh->authority) != 0)
		return REJECT_AUTHORITY;
	*ret_document = document;
	return REJECT_NONE;
}
