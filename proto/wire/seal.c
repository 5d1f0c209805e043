// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Seals and opens datagrams. A datagram opens only for its receiver and in the present session of both sides.
 * member/secrets.c chooses the key; receive.c checks the anti-replay window.
 */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "assertion.h"
#include "bytes.h"
#include "seal.h"

#define CONTEXT_BYTES (SEAL_HEADER_BYTES + MESH_ID_BYTES + 6 * 8)

static const char PAIR_DOMAIN[] = "xpro-mesh pair key v1";
static const char HELLO_DOMAIN[] = "xpro-mesh hello key v1";

_Static_assert(SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the seal's key");
_Static_assert(SEAL_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "the seal's tag");
_Static_assert(SEAL_HEADER_BYTES == 4 + 8 + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "the header is word, sender "
											  "and nonce");
_Static_assert(HELLO_BYTES > SEAL_BYTES && HELLO_BYTES <= DATAGRAM_BYTES_MIN, "a HELLO fits every path");

/* The X25519 of two Ed25519 keys: the same number on both sides. */
static int shared_secret(const uint8_t own_secret[SECRET_KEY_BYTES], const uint8_t other_public[PUBLIC_KEY_BYTES],
			 uint8_t ret_shared[crypto_scalarmult_BYTES])
{
	uint8_t scalar[crypto_scalarmult_SCALARBYTES], point[crypto_scalarmult_BYTES];
	int error = -EINVAL;

	if (crypto_sign_ed25519_pk_to_curve25519(point, other_public) != 0)
		return -EINVAL; /* not on the curve or not of prime order; no other form of a key is of prime order */
	crypto_sign_ed25519_sk_to_curve25519(scalar, own_secret);
	if (crypto_scalarmult(ret_shared, scalar, point) == 0)
		error = 0;
	sodium_memzero(scalar, sizeof(scalar));
	return error;
}

int seal_key(const uint8_t own_secret[SECRET_KEY_BYTES], const uint8_t other_public[PUBLIC_KEY_BYTES],
	     const uint8_t mesh_secret[MESH_SECRET_BYTES], uint8_t ret_key[SEAL_KEY_BYTES])
{
	const uint8_t *own_public = own_secret + SECRET_KEY_BYTES - PUBLIC_KEY_BYTES;
	bool own_first = memcmp(own_public, other_public, PUBLIC_KEY_BYTES) < 0;
	uint8_t shared[crypto_scalarmult_BYTES];
	crypto_generichash_state hash;
	int error = shared_secret(own_secret, other_public, shared);

	if (error)
		return error;
	crypto_generichash_init(&hash, mesh_secret, MESH_SECRET_BYTES, SEAL_KEY_BYTES);
	crypto_generichash_update(&hash, (const uint8_t *)PAIR_DOMAIN, sizeof(PAIR_DOMAIN) - 1);
	crypto_generichash_update(&hash, shared, sizeof(shared));
	crypto_generichash_update(&hash, own_first ? own_public : other_public, PUBLIC_KEY_BYTES);
	crypto_generichash_update(&hash, own_first ? other_public : own_public, PUBLIC_KEY_BYTES);
	crypto_generichash_final(&hash, ret_key, SEAL_KEY_BYTES);
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(&hash, sizeof(hash));
	return 0;
}

void seal_hello_key(const uint8_t mesh_secret[MESH_SECRET_BYTES], uint8_t ret_key[SEAL_KEY_BYTES])
{
	crypto_generichash(ret_key, SEAL_KEY_BYTES, (const uint8_t *)HELLO_DOMAIN, sizeof(HELLO_DOMAIN) - 1,
			   mesh_secret, MESH_SECRET_BYTES);
}

static bool size_fits(enum datagram_type type, size_t size)
{
	if (type == DATAGRAM_HELLO)
		return size == HELLO_BYTES;
	return size > SEAL_BYTES && size <= DATAGRAM_BYTES_MAX;
}

/* Associated data: the header as sent, then the context. */
static void associate(const uint8_t *header, const struct seal_context *context, uint8_t ret_data[CONTEXT_BYTES])
{
	uint8_t *at = put_bytes(ret_data, header, SEAL_HEADER_BYTES);

	at = put_bytes(at, context->mesh_id, MESH_ID_BYTES);
	at = put_le(at, context->sender, 8);
	at = put_le(at, context->receiver, 8);
	at = put_le(at, context->sender_incarnation, 8);
	at = put_le(at, context->receiver_incarnation, 8);
	at = put_le(at, context->sender_boot, 8);
	at = put_le(at, context->receiver_boot, 8);
	ASSERT(at == ret_data + CONTEXT_BYTES);
}

size_t seal_close(const struct datagram_header *header, const struct seal_context *context,
		  const uint8_t key[SEAL_KEY_BYTES], const uint8_t *plain, size_t size, uint8_t *ret_datagram)
{
	const uint8_t word[4] = { 'X', 'M', PROTOCOL_VERSION, header->type };
	uint8_t data[CONTEXT_BYTES], *at;

	ASSERT(header->type == DATAGRAM_HELLO || header->type == DATAGRAM_SEALED);
	ASSERT(size_fits(header->type, SEAL_BYTES + size));
	at = put_bytes(ret_datagram, word, sizeof(word));
	at = put_le(at, header->sender, 8);
	at = put_bytes(at, header->nonce, sizeof(header->nonce));
	associate(ret_datagram, context, data);
	crypto_aead_xchacha20poly1305_ietf_encrypt(at, NULL, plain, size, data, sizeof(data), NULL, header->nonce, key);
	return SEAL_BYTES + size;
}

enum reject seal_header(const uint8_t *datagram, size_t size, struct datagram_header *ret_header)
{
	if (size <= SEAL_BYTES || size > DATAGRAM_BYTES_MAX)
		return REJECT_SIZE;
	if (datagram[0] != 'X' || datagram[1] != 'M')
		return REJECT_VERSION;
	if (datagram[2] != PROTOCOL_VERSION) {
		ret_header->version = datagram[2];
		ret_header->sender = le_at(datagram + 4, 8);
		return REJECT_OTHER_VERSION;
	}
	if (datagram[3] != DATAGRAM_HELLO && datagram[3] != DATAGRAM_SEALED)
		return REJECT_VERSION;
	if (!size_fits(datagram[3], size))
		return REJECT_SIZE;
	*ret_header = (struct datagram_header){ .type = datagram[3],
						.version = PROTOCOL_VERSION,
						.sender = le_at(datagram + 4, 8) };
	memcpy(ret_header->nonce, datagram + 12, sizeof(ret_header->nonce));
	return REJECT_NONE;
}

enum reject seal_open(uint8_t *datagram, size_t size, const struct seal_context *context,
		      const uint8_t key[SEAL_KEY_BYTES], size_t *ret_plain_size)
{
	/*
	 * libsodium wipes its output when the tag is wrong; opened aside, a datagram can be tried with another
	 * session or key.
	 */
	uint8_t plain[DATAGRAM_BYTES_MAX], data[CONTEXT_BYTES];

	if (size <= SEAL_BYTES || size > DATAGRAM_BYTES_MAX)
		return REJECT_SEAL;
	associate(datagram, context, data);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, datagram + SEAL_HEADER_BYTES,
						       size - SEAL_HEADER_BYTES, data, sizeof(data), datagram + 12,
						       key) != 0)
		return REJECT_SEAL;
	memcpy(datagram + SEAL_HEADER_BYTES, plain, size - SEAL_BYTES);
	*ret_plain_size = size - SEAL_BYTES;
	return REJECT_NONE;
}

uint64_t nonce_counter(const uint8_t nonce[24])
{
	return le_at(nonce, 8);
}

void nonce_make(uint64_t counter, const uint8_t random[16], uint8_t ret_nonce[24])
{
	memcpy(put_le(ret_nonce, counter, 8), random, 16);
}
