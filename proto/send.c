/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams leave here: the next decision of the outbox is written and sealed when it is fetched, from the state of that moment. A decision
 * whose subject is gone meanwhile becomes no datagram.
 */
#include "node_internal.h"

static size_t seal_for(struct node *node, struct now now, uint16_t number, const uint8_t *plain, size_t size, uint8_t *ret_bytes)
{
	struct member *member = &node->members[number];
	const uint8_t *key = trust_key(node, number, trust_secret_for(node, number, now));
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

static size_t write_frame(const struct node *node, const struct out *out, uint8_t *ret_plain)
{
	const struct stored *frame = &node->store.frames[out->what];

	if (frame->sequence != out->sequence || frame->size == 0 || frame->size + 1U + SEAL_BYTES > DATAGRAM_BYTES_MAX)
		return 0; /* its place was taken meanwhile */
	ret_plain[0] = out->kind == OUT_SERVE ? out->flags : MESSAGE_FRAME;
	memcpy(ret_plain + 1, frame->frame, frame->size);
	return 1U + frame->size;
}

static size_t write_plain(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to, uint8_t *ret_plain)
{
	switch (out->kind) {
	case OUT_PING:
	case OUT_PONG:
	case OUT_PING_FOR:
		return swim_write(node, now, out, ret_to, ret_plain);
	case OUT_LINK:
		return link_write(out, ret_plain);
	case OUT_RECORD:
		return record_write(node, out, ret_plain);
	case OUT_RECORD_WANT:
		return record_write_want(node, out, ret_plain);
	case OUT_FRAME:
	case OUT_RELAY:
	case OUT_SERVE:
		return write_frame(node, out, ret_plain);
	case OUT_NAMES:
		return spread_write_names(node, out, ret_plain);
	case OUT_PRUNE:
		return spread_write_prune(node, out, ret_plain);
	case OUT_DIGEST:
		return repair_write_digest(node, now, out, ret_plain);
	case OUT_SUMMARY:
		return repair_write_summary(node, ret_plain);
	case OUT_WANT:
		return repair_write_want(node, out, ret_plain);
	case OUT_CATCH_UP:
	case OUT_CAUGHT_UP:
		return catch_up_write(node, out, ret_plain);
	case OUT_NEWS:
		return spread_write_news(node, ret_plain);
	case OUT_GET:
		return spread_write_get(node, out, ret_plain);
	case OUT_CHUNK:
		return spread_write_chunk(node, out, ret_plain);
	default:
		return 0;
	}
}

static size_t write_sealed(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to, uint8_t *ret_bytes)
{
	const uint16_t number = out->kind == OUT_PONG ? (uint16_t)out->what : out->target;
	const struct member *member = &node->members[number];
	uint8_t plain[DATAGRAM_BYTES_MAX];
	size_t size;

	if (!member->used || !member->session)
		return 0;
	/* An address that has not proved itself gets a challenge and nothing else. */
	if (out->kind != OUT_PING && out->kind != OUT_PONG &&
	    (!member->proven || (out->kind < OUT_NEWS && trust_is_behind(node, number, now))))
		return 0;
	*ret_to = member->endpoint;
	size = write_plain(node, now, out, ret_to, plain);
	return size == 0 ? 0 : seal_for(node, now, number, plain, size, ret_bytes);
}

size_t node_poll(struct node *node, struct now now, struct endpoint *ret_to, uint8_t ret_bytes[DATAGRAM_BYTES_MAX])
{
	struct out out;

	while (outbox_take(node, &out)) {
		size_t size;

		if (out.kind <= OUT_LATER)
			size = greet_write(node, now, &out, ret_to, ret_bytes);
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
