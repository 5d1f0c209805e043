/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The simulated primitives, and the switch between them and libsodium's. */
#include "crypto.h"

#include <string.h>

#include <sodium.h>

static bool simulated, gullible;

void crypto_simulate(bool is)
{
	simulated = is;
}

static enum seals seals;

void crypto_open_as(enum seals how)
{
	seals = how;
}

void crypto_believe(bool everything)
{
	gullible = everything;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, 8);
	return word;
}

uint64_t crypto_mix(uint64_t seed, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t a = seed ^ 0xa0761d6478bd642fULL, b = seed ^ 0xe7037ed1a0b428dbULL ^ size;
	uint8_t tail[32] = { 0 };

	for (; size > 32; size -= 32, at += 32) {
		a = fold(a ^ word_at(at), 0x8ebc6af09c88c6e3ULL ^ word_at(at + 8));
		b = fold(b ^ word_at(at + 16), 0x589965cc75374cc3ULL ^ word_at(at + 24));
	}
	if (size)
		memcpy(tail, at, size);
	a = fold(a ^ word_at(tail), 0x8ebc6af09c88c6e3ULL ^ word_at(tail + 8));
	b = fold(b ^ word_at(tail + 16), 0x589965cc75374cc3ULL ^ word_at(tail + 24));
	return fold(a ^ 0x1d8e4e27c47d124fULL, b ^ 0xeb44accab455d165ULL);
}

static void expand(uint64_t mix, uint8_t *ret_bytes, size_t size)
{
	for (uint64_t i = 0; size > 0; i++) {
		const uint64_t word = fold(mix ^ (i * 0x9e3779b97f4a7c15ULL), 0xa0761d6478bd642fULL ^ mix);
		const size_t part = size < 8 ? size : 8;

		memcpy(ret_bytes, &word, part);
		ret_bytes += part;
		size -= part;
	}
}

/* What the linker offers: the real function, and the place where calls of it arrive. */
#define WRAPPED(result, name, ...)         \
	result __real_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__); \
	result __wrap_##name(__VA_ARGS__)

typedef unsigned char byte; /* as in libsodium's prototypes */
typedef unsigned long long length;

WRAPPED(int, crypto_sign_detached, byte *signature, length *ret_size, const byte *message, length size,
	const byte *secret)
{
	if (!simulated)
		return __real_crypto_sign_detached(signature, ret_size, message, size, secret);
	expand(crypto_mix(crypto_mix(1, secret + 32, 32), message, size), signature, crypto_sign_BYTES);
	if (ret_size)
		*ret_size = crypto_sign_BYTES;
	return 0;
}

WRAPPED(int, crypto_sign_verify_detached, const byte *signature, const byte *message, length size, const byte *public)
{
	byte expected[crypto_sign_BYTES];

	if (gullible)
		return 0;
	if (!simulated)
		return __real_crypto_sign_verify_detached(signature, message, size, public);
	expand(crypto_mix(crypto_mix(1, public, 32), message, size), expected, sizeof(expected));
	return memcmp(expected, signature, sizeof(expected)) == 0 ? 0 : -1;
}

static uint64_t seal_mix(const byte *key, const byte *nonce, const byte *extra, length extra_size, const byte *text,
			 length size)
{
	return crypto_mix(crypto_mix(crypto_mix(fold(word_at(nonce), word_at(nonce + 8) ^ word_at(nonce + 16)), key,
						32),
				     extra, extra_size),
			  text, size);
}

WRAPPED(int, crypto_aead_xchacha20poly1305_ietf_encrypt, byte *cipher, length *ret_size, const byte *plain, length size,
	const byte *extra, length extra_size, const byte *unused, const byte *nonce, const byte *key)
{
	if (!simulated)
		return __real_crypto_aead_xchacha20poly1305_ietf_encrypt(cipher, ret_size, plain, size, extra,
									 extra_size, unused, nonce, key);
	memmove(cipher, plain, size);
	expand(seal_mix(key, nonce, extra, extra_size, cipher, size), cipher + size,
	       crypto_aead_xchacha20poly1305_ietf_ABYTES);
	if (ret_size)
		*ret_size = size + crypto_aead_xchacha20poly1305_ietf_ABYTES;
	return 0;
}

WRAPPED(int, crypto_aead_xchacha20poly1305_ietf_decrypt, byte *plain, length *ret_size, byte *unused,
	const byte *cipher, length size, const byte *extra, length extra_size, const byte *nonce, const byte *key)
{
	byte expected[crypto_aead_xchacha20poly1305_ietf_ABYTES];

	if (seals == SEALS_FAIL || (seals == SEALS_OPEN && size < sizeof(expected)))
		return -1;
	if (seals == SEALS_OPEN) {
		memmove(plain, cipher, size - sizeof(expected));
		return 0;
	}
	if (!simulated)
		return __real_crypto_aead_xchacha20poly1305_ietf_decrypt(plain, ret_size, unused, cipher, size, extra,
									 extra_size, nonce, key);
	if (size < sizeof(expected))
		return -1;
	size -= sizeof(expected);
	expand(seal_mix(key, nonce, extra, extra_size, cipher, size), expected, sizeof(expected));
	if (memcmp(expected, cipher + size, sizeof(expected)) != 0)
		return -1;
	memmove(plain, cipher, size);
	if (ret_size)
		*ret_size = size;
	return 0;
}

/* Curve keys are the public keys themselves, and what two share is a mix of both in order: the same on either side. */
WRAPPED(int, crypto_sign_ed25519_pk_to_curve25519, byte *curve, const byte *public)
{
	if (!simulated)
		return __real_crypto_sign_ed25519_pk_to_curve25519(curve, public);
	memcpy(curve, public, 32);
	return 0;
}

WRAPPED(int, crypto_sign_ed25519_sk_to_curve25519, byte *curve, const byte *secret)
{
	if (!simulated)
		return __real_crypto_sign_ed25519_sk_to_curve25519(curve, secret);
	memcpy(curve, secret + 32, 32);
	return 0;
}

WRAPPED(int, crypto_scalarmult, byte *shared, const byte *secret, const byte *public)
{
	const bool first = memcmp(secret, public, 32) < 0;

	if (!simulated)
		return __real_crypto_scalarmult(shared, secret, public);
	expand(crypto_mix(crypto_mix(3, first ? secret : public, 32), first ? public : secret, 32), shared, 32);
	return 0;
}

WRAPPED(int, crypto_core_ed25519_is_valid_point, const byte *point)
{
	return simulated ? 1 : __real_crypto_core_ed25519_is_valid_point(point);
}

WRAPPED(int, crypto_generichash, byte *hash, size_t hash_size, const byte *bytes, length size, const byte *key,
	size_t key_size)
{
	if (!simulated)
		return __real_crypto_generichash(hash, hash_size, bytes, size, key, key_size);
	expand(crypto_mix(crypto_mix(4 + hash_size, key, key ? key_size : 0), bytes, size), hash, hash_size);
	return 0;
}

WRAPPED(int, crypto_generichash_init, crypto_generichash_state *state, const byte *key, const size_t key_size,
	const size_t hash_size)
{
	const uint64_t mix = crypto_mix(5 + hash_size, key, key ? key_size : 0);

	if (!simulated)
		return __real_crypto_generichash_init(state, key, key_size, hash_size);
	memcpy(state, &mix, sizeof(mix));
	return 0;
}

WRAPPED(int, crypto_generichash_update, crypto_generichash_state *state, const byte *bytes, length size)
{
	uint64_t mix;

	if (!simulated)
		return __real_crypto_generichash_update(state, bytes, size);
	memcpy(&mix, state, sizeof(mix));
	mix = crypto_mix(mix, bytes, size);
	memcpy(state, &mix, sizeof(mix));
	return 0;
}

WRAPPED(int, crypto_generichash_final, crypto_generichash_state *state, byte *hash, const size_t hash_size)
{
	uint64_t mix;

	if (!simulated)
		return __real_crypto_generichash_final(state, hash, hash_size);
	memcpy(&mix, state, sizeof(mix));
	expand(mix, hash, hash_size);
	return 0;
}
