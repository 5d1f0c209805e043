/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is to be sent. The outbox holds decisions, not bytes: a datagram is written and sealed when it is fetched, from the state of that
 * moment. One ring per class, the most urgent first, and each eighth datagram from the least urgent, so that nothing starves. A ring that is
 * full drops its oldest decision, and counts it: totals come again with the next frame, repair asks again.
 */
#include "node_internal.h"

#define GUARD 8 /* every so many datagrams the least urgent class goes first */

static const uint8_t classes[OUT_COUNT] = {
	[OUT_HELLO] = CLASS_CONTROL, [OUT_COOKIE] = CLASS_CONTROL, [OUT_WELCOME] = CLASS_CONTROL, [OUT_LATER] = CLASS_CONTROL, [OUT_PING] = CLASS_CONTROL,
	[OUT_PONG] = CLASS_CONTROL, [OUT_PING_FOR] = CLASS_CONTROL, [OUT_LINK] = CLASS_CONTROL, [OUT_RECORD] = CLASS_MEMBERSHIP,
	[OUT_RECORD_WANT] = CLASS_MEMBERSHIP, [OUT_FRAME] = CLASS_OWN, [OUT_RELAY] = CLASS_RELAY, [OUT_NAMES] = CLASS_REPAIR,
	[OUT_PRUNE] = CLASS_REPAIR, [OUT_DIGEST] = CLASS_REPAIR, [OUT_SUMMARY] = CLASS_REPAIR, [OUT_WANT] = CLASS_REPAIR,
	[OUT_SERVE] = CLASS_SERVE, [OUT_CATCH_UP] = CLASS_REPAIR, [OUT_CAUGHT_UP] = CLASS_SERVE,
	[OUT_NEWS] = CLASS_MEMBERSHIP, [OUT_GET] = CLASS_MEMBERSHIP, [OUT_CHUNK] = CLASS_MEMBERSHIP,
};

int outbox_class(uint8_t kind)
{
	return classes[kind];
}

static uint32_t between(uint64_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : (uint32_t)value;
}

/* Decisions kept of each class. Frames: eight ticks' to every neighbour of a usual store; members: each once, and the probes of a turn. */
static uint32_t ring_size(const struct node_limits *limits, int class)
{
	switch (class) {
	case CLASS_OWN:
	case CLASS_RELAY:
		return between(8 * (uint64_t)limits->frames_max, 2048, 32768);
	case CLASS_SERVE:
		return between(2 * (uint64_t)limits->frames_max, 1024, 8192);
	default:
		return 1024 + 2 * limits->members_max;
	}
}

void outbox_place(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	for (int class = 0; class < CLASS_COUNT; class++) {
		node->outbox[class] = (struct out_ring){ .size = ring_size(limits, class) };
		node->outbox[class].items = arena_take(arena, node->outbox[class].size, sizeof(struct out));
	}
}

void outbox_add(struct node *node, struct out out)
{
	struct out_ring *ring = &node->outbox[classes[out.kind]];

	if (!node->config.gossip)
		return;
	if (ring->count == ring->size) {
		ring->head = (ring->head + 1) % ring->size;
		ring->count--;
		node->outbox_count--;
		node->counters.outbox_dropped++;
	}
	ring->items[(ring->head + ring->count++) % ring->size] = out;
	node->outbox_count++;
}

void outbox_add_first(struct node *node, struct out out)
{
	struct out_ring *ring = &node->outbox[CLASS_CONTROL];

	if (!node->config.gossip)
		return;
	if (ring->count == ring->size) { /* the newest goes: it comes again */
		ring->count--;
		node->outbox_count--;
		node->counters.outbox_dropped++;
	}
	ring->head = (ring->head + ring->size - 1) % ring->size;
	ring->items[ring->head] = out;
	ring->count++;
	node->outbox_count++;
}

static struct out_ring *ring_next(struct node *node)
{
	if (++node->outbox_turn % GUARD == 0) {
		for (int class = CLASS_COUNT; class-- > 0;) {
			if (node->outbox[class].count > 0)
				return &node->outbox[class];
		}
	}
	for (int class = 0; class < CLASS_COUNT; class++) {
		if (node->outbox[class].count > 0)
			return &node->outbox[class];
	}
	return NULL;
}

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
	struct out_ring *ring;

	while ((ring = ring_next(node)) != NULL) {
		const struct out out = ring->items[ring->head];
		size_t size;

		ring->head = (ring->head + 1) % ring->size;
		ring->count--;
		node->outbox_count--;
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
