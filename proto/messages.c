/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tables: for every message its least and largest size and its handler, and for every decision of the outbox the
 * function that writes it. message.h has the layouts. A handler gets no message outside its bounds, and checks what
 * depends on the content.
 */
#include "messages.h"

#include "node_internal.h"

#define PIECE_PATIENCE 6 /* requests of a piece, in which its origins may still become known */
#define ANY_MAX DATAGRAM_BYTES_MAX

/* A frame of a piece counts as received, unless its origin is not known yet: then the frame is requested again. */
static enum reject piece_receive(struct node *node, const struct arrival *arrival, unsigned int place)
{
	const enum reject reason = frame_receive_served(node, arrival);

	if (reason != REJECT_ORIGIN || node->spread->catch_up.tries > PIECE_PATIENCE)
		catch_up_note(node, arrival->member, place);
	return reason;
}

static const struct message_row {
	uint16_t bytes_min, bytes_max; /* with the number */
	bool old_secret; /* taken even from a member that uses a mesh secret whose time is over */
	enum reject (*receive)(struct node *node, const struct arrival *arrival);
} rows[] = {
	[MESSAGE_FRAME] = { 1, ANY_MAX, false, frame_receive },
	[MESSAGE_DIGEST] = { DIGEST_HEAD_BYTES, ANY_MAX, false, digest_receive },
	[MESSAGE_REQUEST] = { REQUEST_BYTES, REQUEST_BYTES, false, repair_receive_request },
	[MESSAGE_NEWS] = { NEWS_BYTES, NEWS_BYTES, true, spread_receive_news },
	[MESSAGE_GET] = { GET_BYTES, GET_BYTES, true, spread_receive_get },
	[MESSAGE_CHUNK] = { CHUNK_HEAD_BYTES, CHUNK_HEAD_BYTES + DOCUMENT_CHUNK_BYTES, true, spread_receive_chunk },
	[MESSAGE_RECORD] = { RECORD_HEAD_BYTES, ANY_MAX, false, record_receive },
	[MESSAGE_RECORD_REQUEST] = { RECORD_REQUEST_BYTES, RECORD_REQUEST_BYTES, false, record_receive_request },
	[MESSAGE_PING] = { PROBE_PLAIN_BYTES, ANY_MAX, true, swim_receive_ping },
	[MESSAGE_PONG] = { PROBE_PLAIN_BYTES, ANY_MAX, true, swim_receive_pong },
	[MESSAGE_PING_REQ] = { PING_REQ_BYTES, PING_REQ_BYTES, false, swim_receive_ping_req },
	[MESSAGE_LINK] = { LINK_BYTES, LINK_BYTES, false, overlay_receive },
	[MESSAGE_IHAVE] = { 1 + IHAVE_ROW_BYTES, ANY_MAX, false, tree_receive_ihave },
	[MESSAGE_PRUNE] = { PRUNE_HEAD_BYTES + 8, ANY_MAX, false, tree_receive_prune },
	[MESSAGE_SUMMARY] = { SUMMARY_BYTES, SUMMARY_BYTES, false, digest_receive_summary },
	[MESSAGE_SERVED] = { 1, ANY_MAX, false, frame_receive_served },
	[MESSAGE_CATCH_UP] = { CATCH_UP_BYTES, CATCH_UP_BYTES, false, catch_up_receive },
	[MESSAGE_CAUGHT_UP] = { CAUGHT_UP_BYTES, CAUGHT_UP_BYTES, false, catch_up_receive_end },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Hands a message to its handler, if its type and length are right. (Order of checks, 6) */
enum reject message_receive(struct node *node, uint8_t number, const struct arrival *arrival)
{
	const struct message_row *row = number < ROWS && rows[number].receive ? &rows[number] : NULL;

	/* A member with a mesh secret whose time is over exchanges documents and PINGs, and nothing else. */
	if (!(row && row->old_secret) && secrets_is_behind(node, arrival->member, arrival->now))
		return REJECT_OLD_SECRET;
	if (number >= MESSAGE_PIECE && number < MESSAGE_PIECE + PIECE_FRAMES)
		return piece_receive(node, arrival, number & (PIECE_FRAMES - 1));
	if (!row || 1 + arrival->size < row->bytes_min || 1 + arrival->size > row->bytes_max)
		return REJECT_MESSAGE;
	return row->receive(node, arrival);
}

static size_t (*const writers[OUT_COUNT])(struct node *node, const struct departure *departure, uint8_t *ret_plain) = {
	[OUT_PING] = swim_write_ping,
	[OUT_PONG] = swim_write_pong,
	[OUT_PING_REQ] = swim_write_ping_req,
	[OUT_LINK] = overlay_write,
	[OUT_RECORD] = record_write,
	[OUT_RECORD_REQUEST] = record_write_request,
	[OUT_FRAME] = frame_message,
	[OUT_RELAY] = frame_message,
	[OUT_SERVE] = frame_message,
	[OUT_IHAVE] = tree_write_ihave,
	[OUT_PRUNE] = tree_write_prune,
	[OUT_DIGEST] = digest_write,
	[OUT_SUMMARY] = digest_write_summary,
	[OUT_REQUEST] = repair_write_request,
	[OUT_CATCH_UP] = catch_up_write,
	[OUT_CAUGHT_UP] = catch_up_write_end,
	[OUT_NEWS] = spread_write_news,
	[OUT_GET] = spread_write_get,
	[OUT_CHUNK] = spread_write_chunk,
};

size_t message_write(struct node *node, const struct departure *departure, uint8_t ret_plain[DATAGRAM_BYTES_MAX])
{
	return writers[departure->out->kind](node, departure, ret_plain);
}
