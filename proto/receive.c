/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * node_receive: steps 1 to 5 of PROTOCOL "Order of checks", for a datagram. Cheap checks come first; nothing of a
 * datagram is used before it is authenticated. messages.c has step 6, spread/frames.c the steps of frames.
 */
#include "messages.h"
#include "node_internal.h"

static struct now now_before(struct now now, struct duration ago)
{
	return (struct now){ .mono = { now.mono.ns - ago.ns }, .mesh = { now.mesh.ns - ago.ns } };
}

static enum reject receive_sealed(struct node *node, struct now now, struct duration waited,
				  const struct endpoint *from, const struct datagram_header *header, uint8_t *bytes,
				  size_t size)
{
	const uint16_t number = member_find(node, header->sender);
	struct member *member;
	size_t plain_size;

	/* The sender is a member with a session, and not revoked. (Order of checks, 3) */
	if (number != MEMBER_NONE && node->member->table[number].standing.revoked)
		return REJECT_REVOKED;
	if (number == MEMBER_NONE || !node->member->table[number].session)
		return REJECT_SENDER;
	member = &node->member->table[number];

	struct seal_context context = {
		.sender = member->id,
		.receiver = node->id,
		.sender_incarnation = member->incarnation,
		.receiver_incarnation = node->config.incarnation,
		.sender_boot = member->boot,
		.receiver_boot = node->config.boot,
	};

	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	/* The seal opens in the running session of both sides. (Order of checks, 4) */
	if (secrets_open(node, now, number, &context, bytes, size, &plain_size) != REJECT_NONE)
		return REJECT_SEAL;
	/* The seal proves the sender: marking this counter blocks no other member's datagrams. (Order of checks, 5) */
	if (!anti_replay_mark(&member->anti_replay, nonce_counter(header->nonce)))
		return REJECT_REPLAY;
	member->path.heard++;
	if (plain_size == 0)
		return REJECT_MESSAGE;
	if (member_heard(node, number, now, from, size))
		catch_up_again(node, number);

	const struct arrival arrival = { .now = now,
					 .arrived = now_before(now, waited),
					 .member = number,
					 .from = from,
					 .bytes = bytes + SEAL_HEADER_BYTES + 1,
					 .size = plain_size - 1 };

	return message_receive(node, bytes[SEAL_HEADER_BYTES], &arrival);
}

enum reject node_receive(struct node *node, struct now now, struct duration waited, const struct endpoint *from,
			 uint8_t *bytes, size_t size)
{
	struct datagram_header header;
	enum reject reason;

	node->counters.datagrams_received++;
	node->counters.bytes_received += size;
	/* What the header alone tells. (Order of checks, 1) */
	reason = seal_header(bytes, size, &header);
	if (reason == REJECT_OTHER_VERSION)
		reason = version_receive(node, from, &header);
	if (reason == REJECT_NONE && header.sender == node->id)
		reason = REJECT_SELF;
	if (reason != REJECT_NONE)
		return node_reject(node, reason);
	if (header.type == DATAGRAM_HELLO)
		reason = handshake_receive(node, now, from, &header, bytes, size);
	else
		reason = receive_sealed(node, now, waited, from, &header, bytes, size);
	return reason == REJECT_NONE ? REJECT_NONE : node_reject(node, reason);
}
