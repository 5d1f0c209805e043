/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * node_poll: takes the next decision of the outbox, writes its message from the present state, and seals it. A decision
 * whose subject no longer exists gives no datagram.
 */
#include "messages.h"
#include "node_internal.h"

static size_t seal_for(struct node *node, struct now now, uint16_t number, const uint8_t *plain, size_t size,
		       uint8_t *ret_bytes)
{
	struct member *member = &node->member->table[number];
	const uint8_t *key = secrets_key(node, number, secrets_for(node, number, now));
	struct datagram_header header = { .type = DATAGRAM_SEALED, .sender = node->id };
	struct seal_context context = {
		.sender = node->id,
		.receiver = member->id,
		.sender_incarnation = node->config.incarnation,
		.receiver_incarnation = member->incarnation,
		.sender_boot = node->config.boot,
		.receiver_boot = member->boot,
	};

	if (!key)
		return 0;
	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	nonce_make(++member->send_counter, node->nonce_random, header.nonce);
	return seal_close(&header, &context, key, plain, size, ret_bytes);
}

static size_t write_sealed(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to,
			   uint8_t *ret_bytes)
{
	const struct departure departure = { .now = now, .out = out, .to = ret_to };
	const struct member *member = &node->member->table[out->target];
	uint8_t plain[DATAGRAM_BYTES_MAX];
	size_t size;

	if (!member->used || !member->session)
		return 0;
	/* An address that has not proved itself gets a challenge and nothing else. */
	if (out->kind != OUT_PING && out->kind != OUT_PONG &&
	    (!member->proven || (out->kind < OUT_NEWS && secrets_is_behind(node, out->target, now))))
		return 0;
	*ret_to = member->endpoint;
	size = message_write(node, &departure, plain);
	return size == 0 ? 0 : seal_for(node, now, out->target, plain, size, ret_bytes);
}

size_t node_poll(struct node *node, struct now now, struct endpoint *ret_to, uint8_t ret_bytes[DATAGRAM_BYTES_MAX])
{
	struct out out;

	while (outbox_take(node, &out)) {
		size_t size;

		if (out.kind <= OUT_LATER)
			size = handshake_write(node, now, &out, ret_to, ret_bytes);
		else
			size = write_sealed(node, now, &out, ret_to, ret_bytes);
		if (size == 0)
			continue;
		node->counters.datagrams_sent++;
		node->counters.bytes_sent += size;
		return size;
	}
	return 0;
}
