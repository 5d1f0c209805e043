/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is to be sent. The outbox holds decisions, not bytes: a datagram is written and sealed when it is fetched, from the state of that
 * moment. Full: the oldest decision is dropped; totals come again with the next frame.
 */
#include "node_internal.h"

void outbox_add(struct node *node, struct out out)
{
	if (!node->config.gossip)
		return;
	if (node->outbox_count == OUTBOX_SIZE) {
		node->outbox_head = (node->outbox_head + 1) % OUTBOX_SIZE;
		node->outbox_count--;
	}
	node->outbox[(node->outbox_head + node->outbox_count++) % OUTBOX_SIZE] = out;
}

void outbox_add_first(struct node *node, struct out out)
{
	if (!node->config.gossip)
		return;
	if (node->outbox_count == OUTBOX_SIZE)
		node->outbox_count--; /* the newest: it comes again */
	node->outbox_head = (node->outbox_head + OUTBOX_SIZE - 1) % OUTBOX_SIZE;
	node->outbox[node->outbox_head] = out;
	node->outbox_count++;
}

void outbox_frame_to_all(struct node *node, uint32_t frame, struct now now)
{
	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		if (!member_is_near(node, i, now))
			continue; /* it asks for what it missed when it is back */
		outbox_add(node, (struct out){
					 .kind = OUT_FRAME,
					 .target = i,
					 .what = frame,
					 .sequence = node->store.frames[frame].sequence,
				 });
	}
}

static size_t seal_for(struct node *node, struct now now, uint16_t number, const uint8_t *plain, size_t size, struct endpoint *ret_to, uint8_t *ret_bytes)
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
	*ret_to = member->endpoint;
	return seal_close(&header, &context, key, plain, size, ret_bytes);
}

static size_t write_sealed(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to, uint8_t *ret_bytes)
{
	uint8_t plain[DATAGRAM_BYTES_MAX];
	size_t size = 0;

	if (!node->members[out->target].session || (out->kind < OUT_NEWS && trust_is_behind(node, out->target, now)))
		return 0;
	switch (out->kind) {
	case OUT_DIGEST:
		size = repair_write_digest(node, now, out->target, out->what, plain);
		break;
	case OUT_WANT:
		size = repair_write_want(node, out->what, out->sequence != 0, plain);
		break;
	case OUT_FRAME: {
		const struct stored *frame = &node->store.frames[out->what];

		if (frame->sequence != out->sequence || frame->size == 0 || frame->size + 1U + SEAL_BYTES > DATAGRAM_BYTES_MAX)
			return 0; /* its place was taken meanwhile */
		plain[0] = MESSAGE_FRAME;
		memcpy(plain + 1, frame->frame, frame->size);
		size = 1U + frame->size;
		break;
	}
	case OUT_NEWS:
		size = spread_write_news(node, plain);
		break;
	case OUT_GET:
		size = spread_write_get(node, out->what, plain);
		break;
	case OUT_CHUNK:
		size = spread_write_chunk(node, out, plain);
		break;
	default:
		return 0;
	}
	return size == 0 ? 0 : seal_for(node, now, out->target, plain, size, ret_to, ret_bytes);
}

size_t node_poll(struct node *node, struct now now, struct endpoint *ret_to, uint8_t ret_bytes[DATAGRAM_BYTES_MAX])
{
	while (node->outbox_count > 0) {
		const struct out out = node->outbox[node->outbox_head];
		size_t size;

		node->outbox_head = (node->outbox_head + 1) % OUTBOX_SIZE;
		node->outbox_count--;
		if (out.kind == OUT_HELLO || out.kind == OUT_COOKIE || out.kind == OUT_WELCOME)
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
