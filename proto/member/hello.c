/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bytes of a HELLO: written, signed and sealed; read, and its signature checked. */
#include <sodium.h>

#include "hello.h"

#define HELLO_SIGNED_BYTES (1 + 8 + 8 + 8 + COOKIE_BYTES + TOKEN_BYTES + 2 + CERTIFICATE_BYTES_MAX)
_Static_assert(HELLO_SIGNED_BYTES + SIGNATURE_BYTES <= HELLO_PLAIN_BYTES, "a greeting fits its one length");
#define DOMAIN "xpro-mesh hello v2"
#define HELLO_MESSAGE_BYTES (sizeof(DOMAIN) - 1 + MESH_ID_BYTES + 8 + HELLO_SIGNED_BYTES)

bool hello_read(const uint8_t plain[HELLO_PLAIN_BYTES], struct hello *ret_hello)
{
	struct cursor c = { plain, plain + HELLO_PLAIN_BYTES, false };

	ret_hello->stage = (uint8_t)get_le(&c, 1);
	ret_hello->receiver = get_le(&c, 8);
	ret_hello->incarnation = get_le(&c, 8);
	ret_hello->boot = get_le(&c, 8);
	get_bytes(&c, ret_hello->cookie, COOKIE_BYTES);
	get_bytes(&c, ret_hello->token, TOKEN_BYTES);
	ret_hello->certificate_bytes = (uint16_t)get_le(&c, 2);
	get_bytes(&c, ret_hello->certificate, CERTIFICATE_BYTES_MAX);
	get_bytes(&c, ret_hello->signature, SIGNATURE_BYTES);
	return !c.failed && ret_hello->certificate_bytes <= CERTIFICATE_BYTES_MAX;
}

static void hello_write(const struct hello *hello, uint8_t ret_plain[HELLO_PLAIN_BYTES])
{
	uint8_t *at = ret_plain;

	memset(ret_plain, 0, HELLO_PLAIN_BYTES);
	at = put_le(at, hello->stage, 1);
	at = put_le(at, hello->receiver, 8);
	at = put_le(at, hello->incarnation, 8);
	at = put_le(at, hello->boot, 8);
	at = put_bytes(at, hello->cookie, COOKIE_BYTES);
	at = put_bytes(at, hello->token, TOKEN_BYTES);
	at = put_le(at, hello->certificate_bytes, 2);
	put_bytes(at, hello->certificate, hello->certificate_bytes);
}

/*
 * What the signature of a HELLO covers. Why the counter is included: otherwise anybody with the mesh secret could
 * seal a recorded HELLO anew under a very high counter, and the sender's own HELLOs would be refused as replays.
 */
static void hello_message(const struct mesh *mesh, uint64_t counter, const uint8_t plain[HELLO_PLAIN_BYTES],
			  uint8_t ret_message[HELLO_MESSAGE_BYTES])
{
	uint8_t *at = put_bytes(ret_message, DOMAIN, sizeof(DOMAIN) - 1);

	at = put_bytes(at, mesh->id, MESH_ID_BYTES);
	at = put_le(at, counter, 8);
	put_bytes(at, plain, HELLO_SIGNED_BYTES);
}

static void hello_sign(const struct node *node, uint64_t counter, uint8_t plain[HELLO_PLAIN_BYTES])
{
	uint8_t message[HELLO_MESSAGE_BYTES];

	hello_message(&node->mesh, counter, plain, message);
	crypto_sign_detached(plain + HELLO_SIGNED_BYTES, NULL, message, sizeof(message), node->config.secret_key);
}

bool hello_is_signed(const struct node *node, const struct greeter *greeter,
		     const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	uint8_t message[HELLO_MESSAGE_BYTES];

	hello_message(&node->mesh, greeter->counter, greeter->plain, message);
	return !crypto_sign_verify_detached(greeter->plain + HELLO_SIGNED_BYTES, message, sizeof(message), public_key);
}

size_t hello_close(struct node *node, const struct hello *hello, unsigned int secret, uint8_t *ret_bytes)
{
	struct datagram_header header = { .type = DATAGRAM_HELLO, .sender = node->id };
	struct seal_context context = { .sender = 0 };
	uint8_t plain[HELLO_PLAIN_BYTES];

	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	nonce_make(++node->member->handshake.counter, node->nonce_random, header.nonce);
	hello_write(hello, plain);
	if (hello->stage == HELLO_GREET || hello->stage == HELLO_WELCOME)
		hello_sign(node, node->member->handshake.counter, plain);
	return seal_close(&header, &context, node->member->secrets.items[secret].hello_key, plain, sizeof(plain),
			  ret_bytes);
}
