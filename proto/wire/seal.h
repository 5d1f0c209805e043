/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sealed datagrams, hop by hop: XChaCha20-Poly1305 under a key that two members share, and the greeting under the
 * mesh secret. PROTOCOL section "Datagrams" draws every byte.
 */
#ifndef PROTO_SEAL_H
#define PROTO_SEAL_H

#include <stddef.h>

#include <xpro/bounds.h>

#include "mesh.h"
#include "reject.h"

#define SEAL_KEY_BYTES 32

enum datagram_type {
	DATAGRAM_HELLO = 1, /* exactly HELLO_BYTES, under the mesh secret */
	DATAGRAM_SEALED = 2, /* under the pairwise key */
};

/* The outer header as it stands on the wire, in the clear and authenticated. */
struct datagram_header {
	enum datagram_type type;
	uint8_t version; /* written by seal_header alone */
	uint64_t sender; /* member id */
	uint8_t nonce[24]; /* send counter 8 little-endian, then 16 random bytes drawn at start */
};

/*
 * What both ends must agree on besides the header, never sent: associated data. For a HELLO only the mesh id counts
 * and the rest is 0.
 */
struct seal_context {
	uint8_t mesh_id[MESH_ID_BYTES];
	uint64_t sender, receiver; /* member ids */
	uint64_t sender_incarnation, receiver_incarnation;
	uint64_t sender_boot, receiver_boot; /* a datagram of an earlier session of either side does not open */
};

/*
 * Pairwise key: BLAKE2b-256 keyed with the mesh secret over a domain, the X25519 of the two node keys, and both
 * public keys in order. The same on both sides. -EINVAL: the other key is of small order.
 */
int seal_key(const uint8_t own_secret[SECRET_KEY_BYTES], const uint8_t other_public[PUBLIC_KEY_BYTES],
	     const uint8_t mesh_secret[MESH_SECRET_BYTES], uint8_t ret_key[SEAL_KEY_BYTES]);

/* Key of HELLO datagrams: BLAKE2b-256 keyed with the mesh secret over a domain. */
void seal_hello_key(const uint8_t mesh_secret[MESH_SECRET_BYTES], uint8_t ret_key[SEAL_KEY_BYTES]);

/*
 * Writes header, ciphertext and tag; returns the size: SEAL_BYTES + size. `plain` may overlap ret_datagram +
 * SEAL_HEADER_BYTES exactly.
 */
size_t seal_close(const struct datagram_header *header, const struct seal_context *context,
		  const uint8_t key[SEAL_KEY_BYTES], const uint8_t *plain, size_t size, uint8_t *ret_datagram);

/*
 * Reads the header alone: REJECT_SIZE, REJECT_VERSION, REJECT_OTHER_VERSION. No secret is touched. With
 * REJECT_OTHER_VERSION `sender` and `version` alone are written.
 */
enum reject seal_header(const uint8_t *datagram, size_t size, struct datagram_header *ret_header);

/* Opens in place; the plaintext is at datagram + SEAL_HEADER_BYTES. REJECT_SEAL when it does not. */
enum reject seal_open(uint8_t *datagram, size_t size, const struct seal_context *context,
		      const uint8_t key[SEAL_KEY_BYTES], size_t *ret_plain_size);

/* The send counter in a nonce. */
uint64_t nonce_counter(const uint8_t nonce[24]);
void nonce_make(uint64_t counter, const uint8_t random[16], uint8_t ret_nonce[24]);

#endif
