/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mesh secrets: which of them seals datagrams to which member, and the keys derived from them for each member.
 * PROTOCOL section "Rotation".
 */
#include <sodium.h>

#include "member.h"

void secret_set(struct mesh_secret *place, const uint8_t secret[MESH_SECRET_BYTES])
{
	memcpy(place->secret, secret, MESH_SECRET_BYTES);
	rotation_fingerprint(secret, place->fingerprint);
	seal_hello_key(secret, place->hello_key);
}

void secrets_init(struct node *node)
{
	struct secrets *secrets = &node->member->secrets;

	secrets->revocation.count = 0;
	secrets->count = 1;
	secrets->effective_slot = secrets->grace_end_slot = 0;
	secret_set(&secrets->items[0], node->config.mesh_secret);
	node->member->table[0].standing.key_slot = node->slot;
}

void secrets_close(struct node *node)
{
	sodium_memzero(node->member->handshake.cookie_secret, sizeof(node->member->handshake.cookie_secret));
	sodium_memzero(node->member->secrets.items, sizeof(node->member->secrets.items));
	for (uint32_t i = 0; i < node->member->high; i++)
		sodium_memzero(node->member->table[i].standing.keys, sizeof(node->member->table[i].standing.keys));
}

/* Number of the secret in use: 0, the newest, from its effective slot on; until then 1. */
static unsigned int secret_in_use(const struct node *node, struct now now)
{
	const struct secrets *secrets = &node->member->secrets;

	return secrets->count == 1 || mesh_slot_at(&node->mesh, now.mesh) >= secrets->effective_slot ? 0 : 1;
}

static bool grace_is_over(const struct node *node, struct now now)
{
	return mesh_slot_at(&node->mesh, now.mesh) >= node->member->secrets.grace_end_slot;
}

/* Computed when first needed: X25519 costs 0.1 ms. */
const uint8_t *secrets_key(struct node *node, uint16_t number, unsigned int secret)
{
	struct member *member = &node->member->table[number];
	struct member_standing *t = &member->standing;

	if (!(t->keys_known >> secret & 1) &&
	    seal_key(node->config.secret_key, member->certificate.public_key,
		     node->member->secrets.items[secret].secret, t->keys[secret]) != 0)
		return NULL; /* no certificate that was opened holds such a key */
	t->keys_known |= (uint8_t)(1 << secret);
	return t->keys[secret];
}

/* As spoken to; the newest from its time on, once the other side is known to have it. */
unsigned int secrets_for(const struct node *node, uint16_t number, struct now now)
{
	const struct member_standing *t = &node->member->table[number].standing;

	if (secret_in_use(node, now) == 0 && t->news[DOCUMENT_ROTATION].serial >= node->member->secrets.serial)
		return 0;
	return t->spoken;
}

unsigned int secrets_to_greet(const struct node *node, unsigned int tries, struct now now)
{
	return (secret_in_use(node, now) + tries) % node->member->secrets.count;
}

bool secrets_is_behind(const struct node *node, uint16_t number, struct now now)
{
	return node->member->table[number].standing.spoken > 0 && grace_is_over(node, now);
}

enum reject secrets_open(struct node *node, struct now now, uint16_t number, const struct seal_context *context,
			 uint8_t *bytes, size_t size, size_t *ret_plain_size)
{
	struct member_standing *t = &node->member->table[number].standing;
	/* Who has spoken under the newest is not heard under an older one when the grace is over. */
	const unsigned int count = t->spoken == 0 && grace_is_over(node, now) ? 1 : node->member->secrets.count;

	for (unsigned int i = 0; i < count; i++) {
		const unsigned int secret = (t->spoken + i) % count;
		const uint8_t *key = secrets_key(node, number, secret);

		if (!key || seal_open(bytes, size, context, key, ret_plain_size) != REJECT_NONE)
			continue;
		if (secret < t->spoken)
			t->spoken = (uint8_t)secret;
		return REJECT_NONE;
	}
	return REJECT_SEAL;
}

enum reject secrets_open_hello(struct node *node, const struct seal_context *context, uint8_t *bytes, size_t size,
			       size_t *ret_plain_size, unsigned int *ret_secret)
{
	for (unsigned int secret = 0; secret < node->member->secrets.count; secret++) {
		const uint8_t *key = node->member->secrets.items[secret].hello_key;

		if (seal_open(bytes, size, context, key, ret_plain_size) != REJECT_NONE)
			continue;
		*ret_secret = secret;
		return REJECT_NONE;
	}
	return REJECT_SEAL;
}
