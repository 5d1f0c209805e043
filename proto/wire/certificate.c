// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Node certificates on the wire: the body in canonical msgpack, then the authority's signature over a domain and the
 * body. Who may join, and revocation, is decided elsewhere.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "certificate.h"
#include "bytes.h"
#include "pack.h"
#include "unpack.h"

#define VERSION 2
#define FIELDS 15

static const char DOMAIN[] = "xpro-mesh certificate v2";
#define DOMAIN_BYTES (sizeof(DOMAIN) - 1)

/*
 * Every field at its longest: heads of array and version, mesh id, authority, name, region, key, endpoints, four
 * numbers, widths, serial, id, previous key.
 */
#define BODY_BYTES_MAX                                                                                  \
	(2 + 2 + MESH_ID_BYTES + 2 + PUBLIC_KEY_BYTES + 2 + NAME_BYTES_MAX + 2 + REGION_BYTES_MAX + 2 + \
	 PUBLIC_KEY_BYTES + 1 + ENDPOINTS_MAX * (1 + 2 + 16 + 3) + 9 + 3 + 5 + 1 + 2 +                  \
	 WIDTHS_DIGEST_BYTES + 9 + 9 + 2 + PUBLIC_KEY_BYTES)
_Static_assert(BODY_BYTES_MAX + SIGNATURE_BYTES <= CERTIFICATE_BYTES_MAX, "the longest certificate fits");
_Static_assert(BODY_BYTES_MAX + DOMAIN_BYTES <= CERTIFICATE_BYTES_MAX, "and so does what is signed");

/* [a-z0-9-], at least `least` of them. */
static bool is_label(const uint8_t *bytes, size_t size, size_t least, size_t most)
{
	if (size < least || size > most)
		return false;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = bytes[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

/* A place a datagram can be sent to: one host, loopback included. */
static bool is_endpoint(const struct address *address, uint16_t port)
{
	if (port == 0 || address_is_zero(address))
		return false;
	if (address_is_ipv4(address))
		return address->bytes[12] != 0 && address->bytes[12] < 224;
	return address->bytes[0] != 0xff;
}

/* A previous key is a key, and another one. */
static bool is_other_key(const struct certificate *certificate)
{
	return memcmp(certificate->previous_key, certificate->public_key, PUBLIC_KEY_BYTES) != 0 &&
	       crypto_core_ed25519_is_valid_point(certificate->previous_key);
}

static bool is_valid(const struct certificate *certificate)
{
	const uint8_t *name = (const uint8_t *)certificate->name, *region = (const uint8_t *)certificate->region;

	if (!is_label(name, strnlen(certificate->name, sizeof(certificate->name)), 1, NAME_BYTES_MAX))
		return false;
	if (!is_label(region, strnlen(certificate->region, sizeof(certificate->region)), 0, REGION_BYTES_MAX))
		return false;
	if (!crypto_core_ed25519_is_valid_point(certificate->public_key))
		return false;
	if (certificate->has_previous && !is_other_key(certificate))
		return false;
	if (certificate->endpoints > ENDPOINTS_MAX)
		return false;
	for (uint32_t i = 0; i < certificate->endpoints; i++) {
		if (!is_endpoint(&certificate->endpoint[i].address, certificate->endpoint[i].port))
			return false;
	}
	return true;
}

static bool is_authority(const struct mesh *mesh)
{
	uint8_t id[MESH_ID_BYTES];

	mesh_id_of(mesh->authority, id);
	return memcmp(id, mesh->id, sizeof(id)) == 0 && crypto_core_ed25519_is_valid_point(mesh->authority);
}

/* What the authority signs: the domain, then the body. */
static size_t put_message(const uint8_t *body, size_t size, uint8_t ret_message[CERTIFICATE_BYTES_MAX])
{
	uint8_t *at = put_bytes(ret_message, DOMAIN, DOMAIN_BYTES);

	return (size_t)(put_bytes(at, body, size) - ret_message);
}

static void pack_endpoints(struct pack *p, const struct certificate *certificate)
{
	pack_array(p, certificate->endpoints);
	for (uint32_t i = 0; i < certificate->endpoints; i++) {
		const struct address *address = &certificate->endpoint[i].address;

		pack_array(p, 2);
		if (address_is_ipv4(address))
			pack_bin(p, address->bytes + 12, 4);
		else
			pack_bin(p, address->bytes, 16);
		pack_uint(p, certificate->endpoint[i].port);
	}
}

static size_t pack_body(const struct certificate *certificate, const struct mesh *mesh,
			uint8_t ret_body[BODY_BYTES_MAX])
{
	uint8_t widths[WIDTHS_DIGEST_BYTES];
	struct pack p;

	widths_digest(&mesh->widths, widths);
	pack_begin(&p, ret_body, BODY_BYTES_MAX);
	pack_array(&p, FIELDS);
	pack_uint(&p, VERSION);
	pack_bin(&p, mesh->id, MESH_ID_BYTES);
	pack_bin(&p, mesh->authority, PUBLIC_KEY_BYTES);
	pack_str(&p, certificate->name, strlen(certificate->name));
	pack_str(&p, certificate->region, strlen(certificate->region));
	pack_bin(&p, certificate->public_key, PUBLIC_KEY_BYTES);
	pack_endpoints(&p, certificate);
	pack_uint(&p, certificate->line_rate);
	pack_uint(&p, mesh->tick_ms);
	pack_uint(&p, mesh->window_max_ms);
	pack_uint(&p, mesh->decay);
	pack_bin(&p, widths, sizeof(widths));
	pack_uint(&p, certificate->serial);
	pack_uint(&p, certificate->id ? certificate->id : member_id_of(certificate->public_key));
	pack_bin(&p, certificate->previous_key, certificate->has_previous ? PUBLIC_KEY_BYTES : 0);
	return (size_t)(p.at - ret_body);
}

int certificate_issue(const struct certificate *certificate, const struct mesh *mesh,
		      const uint8_t authority_secret[SECRET_KEY_BYTES], uint8_t ret_bytes[CERTIFICATE_BYTES_MAX],
		      size_t *ret_size)
{
	const char *problem;
	uint8_t message[CERTIFICATE_BYTES_MAX];

	if (mesh_check(mesh, &problem) != 0 || !is_authority(mesh) || !is_valid(certificate))
		return -EINVAL;
	if (memcmp(authority_secret + SECRET_KEY_BYTES - PUBLIC_KEY_BYTES, mesh->authority, PUBLIC_KEY_BYTES) != 0)
		return -EINVAL;

	size_t size = pack_body(certificate, mesh, ret_bytes);

	crypto_sign_detached(ret_bytes + size, NULL, message, put_message(ret_bytes, size, message), authority_secret);
	*ret_size = size + SIGNATURE_BYTES;
	return 0;
}

static void unpack_label(struct unpack *u, size_t least, size_t most, char *ret_label)
{
	size_t size;
	const uint8_t *bytes = unpack_str(u, &size);

	if (!bytes || !is_label(bytes, size, least, most)) {
		unpack_fail(u);
		return;
	}
	memcpy(ret_label, bytes, size);
	ret_label[size] = '\0';
}

static void unpack_bytes(struct unpack *u, size_t size, uint8_t *ret_bytes)
{
	const uint8_t *bytes = unpack_bin_of(u, size);

	if (bytes)
		memcpy(ret_bytes, bytes, size);
}

static void unpack_endpoint(struct unpack *u, struct address *ret_address, uint16_t *ret_port)
{
	size_t size;
	const uint8_t *bytes;

	unpack_array_of(u, 2);
	bytes = unpack_bin(u, &size);
	*ret_port = (uint16_t)unpack_uint_max(u, UINT16_MAX);
	if (size == 4)
		*ret_address = address_of_ipv4(bytes);
	else if (size == 16)
		memcpy(ret_address->bytes, bytes, 16);
	else
		unpack_fail(u);
	if (size == 16 && address_is_ipv4(ret_address))
		unpack_fail(u); /* has a shorter form */
	if (!u->failed && !is_endpoint(ret_address, *ret_port))
		unpack_fail(u);
}

/* 32 bytes, or none. */
static void unpack_previous(struct unpack *u, struct certificate *ret_certificate)
{
	size_t size;
	const uint8_t *bytes = unpack_bin(u, &size);

	ret_certificate->has_previous = bytes && size == PUBLIC_KEY_BYTES;
	if (ret_certificate->has_previous)
		memcpy(ret_certificate->previous_key, bytes, PUBLIC_KEY_BYTES);
	else if (size != 0)
		unpack_fail(u);
}

/* What a certificate states of the mesh. */
struct stated {
	struct mesh mesh; /* without the widths */
	uint8_t widths[WIDTHS_DIGEST_BYTES];
};

/* The whole form; nothing is verified yet. */
static bool unpack_body(const uint8_t *body, size_t size, struct stated *ret_stated,
			struct certificate *ret_certificate)
{
	struct mesh *mesh = &ret_stated->mesh;
	struct unpack u;

	*ret_stated = (struct stated){ .widths = { 0 } };
	*ret_certificate = (struct certificate){ 0 };
	unpack_begin(&u, body, size);
	unpack_array_of(&u, FIELDS);
	if (unpack_uint(&u) != VERSION)
		return false;
	unpack_bytes(&u, MESH_ID_BYTES, mesh->id);
	unpack_bytes(&u, PUBLIC_KEY_BYTES, mesh->authority);
	unpack_label(&u, 1, NAME_BYTES_MAX, ret_certificate->name);
	unpack_label(&u, 0, REGION_BYTES_MAX, ret_certificate->region);
	unpack_bytes(&u, PUBLIC_KEY_BYTES, ret_certificate->public_key);
	ret_certificate->endpoints = unpack_array(&u);
	if (ret_certificate->endpoints > ENDPOINTS_MAX)
		return false;
	for (uint32_t i = 0; i < ret_certificate->endpoints; i++)
		unpack_endpoint(&u, &ret_certificate->endpoint[i].address, &ret_certificate->endpoint[i].port);
	ret_certificate->line_rate = unpack_uint(&u);
	mesh->tick_ms = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	mesh->window_max_ms = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	mesh->decay = (uint32_t)unpack_uint_max(&u, UINT32_MAX);
	unpack_bytes(&u, WIDTHS_DIGEST_BYTES, ret_stated->widths);
	ret_certificate->serial = unpack_uint(&u);
	ret_certificate->id = unpack_uint(&u);
	unpack_previous(&u, ret_certificate);
	if (ret_certificate->id == 0)
		return false;
	return unpack_done(&u);
}

static bool is_same_mesh(const struct mesh *a, const struct mesh *b)
{
	return memcmp(a->id, b->id, sizeof(a->id)) == 0 &&
	       memcmp(a->authority, b->authority, sizeof(a->authority)) == 0 && a->tick_ms == b->tick_ms &&
	       a->window_max_ms == b->window_max_ms && a->decay == b->decay;
}

static bool states_widths(const struct stated *stated, const struct widths *widths)
{
	uint8_t digest[WIDTHS_DIGEST_BYTES];

	widths_digest(widths, digest);
	return memcmp(stated->widths, digest, sizeof(digest)) == 0;
}

enum reject certificate_open(const uint8_t *bytes, size_t size, const struct mesh *mesh,
			     struct certificate *ret_certificate)
{
	struct certificate certificate;
	struct stated stated;
	uint8_t message[CERTIFICATE_BYTES_MAX];

	if (size <= SIGNATURE_BYTES || size > BODY_BYTES_MAX + SIGNATURE_BYTES)
		return REJECT_CERTIFICATE;

	size_t body_size = size - SIGNATURE_BYTES;

	if (!unpack_body(bytes, body_size, &stated, &certificate))
		return REJECT_CERTIFICATE;
	if (!is_same_mesh(&stated.mesh, mesh))
		return REJECT_MESH;
	if (crypto_sign_verify_detached(bytes + body_size, message, put_message(bytes, body_size, message),
					mesh->authority) != 0)
		return REJECT_CERTIFICATE;
	if (!crypto_core_ed25519_is_valid_point(certificate.public_key) ||
	    (certificate.has_previous && !is_other_key(&certificate)))
		return REJECT_CERTIFICATE;
	*ret_certificate = certificate;
	return states_widths(&stated, &mesh->widths) ? REJECT_NONE : REJECT_WIDTHS;
}

static bool read_stated(const uint8_t *bytes, size_t size, struct stated *ret_stated)
{
	struct certificate certificate;

	return size > SIGNATURE_BYTES && size <= BODY_BYTES_MAX + SIGNATURE_BYTES &&
	       unpack_body(bytes, size - SIGNATURE_BYTES, ret_stated, &certificate) && is_authority(&ret_stated->mesh);
}

int certificate_issuer(const uint8_t *bytes, size_t size, struct mesh *ret_mesh)
{
	struct stated stated;

	if (!read_stated(bytes, size, &stated))
		return -EBADMSG;
	*ret_mesh = stated.mesh;
	ret_mesh->widths = (struct widths)WIDTHS_DEFAULT;
	return 0;
}

int certificate_mesh(const uint8_t *bytes, size_t size, const struct widths *widths, struct mesh *ret_mesh)
{
	struct stated stated;

	if (!read_stated(bytes, size, &stated))
		return -EBADMSG;
	if (!states_widths(&stated, widths))
		return -EDOM;
	*ret_mesh = stated.mesh;
	ret_mesh->widths = *widths;
	return 0;
}

uint64_t member_id_of(const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	uint8_t hash[HASH_BYTES];

	crypto_generichash(hash, sizeof(hash), public_key, PUBLIC_KEY_BYTES, NULL, 0);
	return le_at(hash, 8);
}
