/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HELLO: the one message of a handshake, in its four stages. handshake.c decides the answer to each.
 * PROTOCOL section "Handshake".
 */
#ifndef PROTO_HELLO_H
#define PROTO_HELLO_H

#include "member.h"

enum hello_stage { HELLO_GREET = 1, HELLO_COOKIE = 2, HELLO_WELCOME = 3, HELLO_LATER = 4 };

/* The plaintext of every HELLO. */
struct hello {
	uint8_t stage;
	uint64_t receiver; /* member id, 0 while unknown */
	uint64_t incarnation, boot; /* the sender's */
	uint8_t cookie[COOKIE_BYTES];
	uint8_t token[TOKEN_BYTES];
	uint16_t certificate_bytes;
	uint8_t certificate[CERTIFICATE_BYTES_MAX]; /* of a LATER: the receiver's record */
	uint8_t signature[SIGNATURE_BYTES]; /* over everything before it; of a COOKIE and a LATER zero */
};
_Static_assert(MEMBER_RECORD_BYTES <= CERTIFICATE_BYTES_MAX, "a record fits the place of a certificate");

#define HELLO_PLAIN_BYTES (HELLO_BYTES - SEAL_BYTES)

/* The sender of a HELLO, from the datagram alone. */
struct greeter {
	const struct endpoint *from;
	uint64_t id, counter;
	const uint8_t *plain;
	unsigned int secret; /* which mesh secret opened it */
};

/* False: it is cut short, or its certificate does not fit. */
bool hello_read(const uint8_t plain[HELLO_PLAIN_BYTES], struct hello *ret_hello);
/* Did the owner of this key sign it? */
bool hello_is_signed(const struct node *node, const struct greeter *greeter,
		     const uint8_t public_key[PUBLIC_KEY_BYTES]);
/* Writes it, signs a GREET and a WELCOME, and seals it under the mesh secret of this number. Returns its size. */
size_t hello_close(struct node *node, const struct hello *hello, unsigned int secret, uint8_t *ret_bytes);

#endif
