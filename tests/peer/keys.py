# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Hashes, keys and seals (PROTOCOL, Datagrams: Keys), by libsodium through PyNaCl."""

import hashlib

from nacl import bindings, exceptions


def blake(data, size=32, key=b""):
    """BLAKE2b with so many bytes of output."""
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def key_pair(seed):
    """(public key, signing key) of an Ed25519 seed."""
    return bindings.crypto_sign_seed_keypair(seed)


def sign(signing_key, message):
    """Ed25519 signature of 64 bytes."""
    return bindings.crypto_sign(message, signing_key)[:64]


def signed(public, message, signature):
    """Whether the signature is the key's."""
    try:
        bindings.crypto_sign_open(signature + message, public)
    except (exceptions.BadSignatureError, ValueError):
        return False
    return True


def pair_key(secret, signing_key, own, other):
    """The key of a pair of members."""
    scalar = bindings.crypto_sign_ed25519_sk_to_curve25519(signing_key)
    shared = bindings.crypto_scalarmult(scalar, bindings.crypto_sign_ed25519_pk_to_curve25519(other))
    return blake(b"xpro-mesh pair key v1" + shared + min(own, other) + max(own, other), key=secret)


def hello_key(secret):
    """The key of HELLO datagrams."""
    return blake(b"xpro-mesh hello key v1", key=secret)


def encrypt(key, nonce, data, plain):
    """XChaCha20-Poly1305: ciphertext and tag."""
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, data, nonce, key)


def decrypt(key, nonce, data, cipher):
    """The plaintext, or None."""
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(cipher, data, nonce, key)
    except exceptions.CryptoError:
        return None


def mix64(x):
    """The mixer of hashes that only find differences (Messages)."""
    mask = (1 << 64) - 1
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & mask
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & mask
    return x ^ x >> 33
