/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams come in here, cheap checks first: PROTOCOL.md section "Order of checks" numbers the steps. Nothing of a datagram is used
 * before the step that makes it trustworthy, and nothing is half applied.
 */
#include "node_internal.h"

#define PIECE_PATIENCE 6 /* requests of a piece in which its origins may become known */

/* A frame of a piece counts as come unless its origin is yet to be met. */
static enum reject receive_piece(struct node *node, struct now now, uint16_t member, const uint8_t *plain, size_t size)
{
	const enum reject reason = receive_frame(node, now, member, plain + 1, size - 1, true);

	if (reason != REJECT_ORIGIN || node->catch_up.tries > PIECE_PATIENCE)
		catch_up_note(node, member, plain[0] & (PIECE_FRAMES - 1));
	return reason;
}

/* Who speaks a secret whose time is over is told documents, and where it is, and nothing else. */
static bool is_old_news(const struct node *node, uint16_t member, struct now now, uint8_t message)
{
	const bool served = (message >= MESSAGE_NEWS && message <= MESSAGE_CHUNK) || message == MESSAGE_PING || message == MESSAGE_PONG;

	return !served && trust_is_behind(node, member, now);
}

static enum reject receive_message(struct node *node, struct now now, uint16_t member, const struct endpoint *from, const uint8_t *plain,
				   size_t size)
{
	const uint8_t *bytes = plain + 1;

	if (is_old_news(node, member, now, plain[0]))
		return REJECT_OLD_SECRET;
	if (plain[0] >= MESSAGE_PIECE && plain[0] < MESSAGE_PIECE + PIECE_FRAMES)
		return receive_piece(node, now, member, plain, size);
	switch (plain[0]) {
	case MESSAGE_NEWS:
		return spread_receive_news(node, now, member, bytes, size - 1);
	case MESSAGE_GET:
		return spread_receive_get(node, member, bytes, size - 1);
	case MESSAGE_CHUNK:
		return spread_receive_chunk(node, now, member, bytes, size - 1);
	case MESSAGE_FRAME:
		return receive_frame(node, now, member, bytes, size - 1, false);
	case MESSAGE_SERVED:
		return receive_frame(node, now, member, bytes, size - 1, true);
	case MESSAGE_DIGEST:
		return repair_receive_digest(node, now, member, bytes, size - 1);
	case MESSAGE_SUMMARY:
		return repair_receive_summary(node, now, member, bytes, size - 1);
	case MESSAGE_WANT:
		return repair_receive_want(node, member, bytes, size - 1);
	case MESSAGE_RECORD:
		return record_receive(node, now, member, bytes, size - 1);
	case MESSAGE_RECORD_WANT:
		return record_receive_want(node, member, bytes, size - 1);
	case MESSAGE_PING:
		return swim_receive_ping(node, now, member, from, bytes, size - 1);
	case MESSAGE_PONG:
		return swim_receive_pong(node, now, member, from, bytes, size - 1);
	case MESSAGE_PING_FOR:
		return swim_receive_ping_for(node, now, member, bytes, size - 1);
	case MESSAGE_LINK:
		return link_receive(node, now, member, bytes, size - 1);
	case MESSAGE_NAMES:
		return spread_receive_names(node, now, member, bytes, size - 1);
	case MESSAGE_PRUNE:
		return spread_receive_prune(node, member, bytes, size - 1);
	case MESSAGE_CATCH_UP:
		return catch_up_receive(node, member, bytes, size - 1);
	case MESSAGE_CAUGHT_UP:
		return catch_up_receive_end(node, now, member, bytes, size - 1);
	default:
		return REJECT_MESSAGE;
	}
}

static enum reject receive_sealed(struct node *node, struct now now, const struct endpoint *from, const struct datagram_header *header,
				  uint8_t *bytes, size_t size)
{
	const uint16_t number = member_find(node, header->sender);
	struct member *member;
	size_t plain_size;

	if (number != MEMBER_NONE && node->members[number].standing.revoked)
		return REJECT_REVOKED;
	if (number == MEMBER_NONE || !node->members[number].session)
		return REJECT_SENDER;
	member = &node->members[number];

	struct seal_context context = {
		.sender = member->id,
		.receiver = node->id,
		.sender_incarnation = member->incarnation,
		.receiver_incarnation = node->config.incarnation,
		.sender_boot = member->boot,
		.receiver_boot = node->config.boot,
	};

	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	if (trust_open(node, now, number, &context, bytes, size, &plain_size) != REJECT_NONE)
		return REJECT_SEAL;
	/* Whoever sealed it is the member: marking the counter now cannot shut out another's datagram. */
	if (!window_mark(&member->window, nonce_counter(header->nonce)))
		return REJECT_REPLAY;
	member->path.heard++;
	if (plain_size == 0)
		return REJECT_MESSAGE;
	if (member_heard(node, number, now, from, size))
		catch_up_again(node, number);
	return receive_message(node, now, number, from, bytes + SEAL_HEADER_BYTES, plain_size);
}

enum reject node_receive(struct node *node, struct now now, const struct endpoint *from, uint8_t *bytes, size_t size)
{
	struct datagram_header header;
	enum reject reason;

	node->counters.datagrams_received++;
	node->counters.bytes_received += size;
	reason = seal_header(bytes, size, &header);
	if (reason == REJECT_NONE && header.sender == node->id)
		reason = REJECT_SELF;
	if (reason != REJECT_NONE)
		return node_reject(node, reason);
	if (header.type == DATAGRAM_HELLO)
		reason = greet_receive(node, now, from, &header, bytes, size);
	else
		reason = receive_sealed(node, now, from, &header, bytes, size);
	return reason == REJECT_NONE ? REJECT_NONE : node_reject(node, reason);
}
