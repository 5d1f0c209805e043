/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The plaintext of a sealed datagram is one message: its number, then its content. This page has every message's
 * number, exact size and layout; proto/messages.c says who writes it and who receives it. Numbers are little-endian;
 * `id` is a member id. PROTOCOL section "Messages" says what each is for.
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/time.h>

#include "bytes.h"
#include "document.h"
#include "node_types.h"
#include "origin.h"

enum message {
	MESSAGE_FRAME = 1, /* a frame, verbatim as its origin signed it: pushed */
	/*
	 * sent 8, echo 8, hold 8, flags 1, groups 8, rows 2, rows of {id 8, incarnation 8, highest 8, leaf 8, record
	 * 8}
	 */
	MESSAGE_DIGEST = 2,
	MESSAGE_REQUEST = 3, /* id 8, incarnation 8, first sequence 8, have 128 */
	MESSAGE_NEWS = 4, /* for each kind of document: serial 8, size 4, hash 32 */
	MESSAGE_GET = 5, /* kind 1, serial 8, have 16 */
	MESSAGE_CHUNK = 6, /* kind 1, serial 8, size of the document 4, number 2, up to DOCUMENT_CHUNK_BYTES */
	MESSAGE_RECORD = 10, /* id 8, length 2, certificate, record 125 */
	MESSAGE_RECORD_REQUEST = 11, /* id 8 */
	MESSAGE_PING = 12, /* echo 8, sent 8, zeros 34, rumours */
	MESSAGE_PONG = 13, /* echo 8, sent 8, sent of the PING 8, hold 8, address 16, port 2, rumours */
	MESSAGE_PING_REQ = 14, /* echo 8, id 8 */
	MESSAGE_LINK = 15, /* 1 ask, 2 agree, 3 end */
	MESSAGE_IHAVE = 16, /* rows of {id 8, number 5, leaf 3} */
	MESSAGE_PRUNE = 17, /* what 1, ids of 8 each */
	MESSAGE_SUMMARY = 18, /* 64 hashes of 8 */
	MESSAGE_SERVED = 19, /* a frame, verbatim, in answer to a REQUEST */
	MESSAGE_CATCH_UP = 20, /* cursor 4, have 8 */
	MESSAGE_CAUGHT_UP = 21, /* cursor 4, places 8, last 1 */
	MESSAGE_PIECE = 0x40, /* 0x40 + i, i < PIECE_FRAMES: the frame at place i of the piece requested by CATCH_UP */
};

#define PIECE_FRAMES 64

/* Sizes with the message's number. */
#define DIGEST_HEAD_BYTES (1 + 8 + 8 + 8 + 1 + 8 + 2)
#define DIGEST_ROW_BYTES (8 + 8 + 8 + 8 + 8)
#define REQUEST_BYTES (1 + 8 + 8 + 8 + SEQUENCES_KEPT / 8)
#define NEWS_ROW_BYTES (8 + 4 + HASH_BYTES)
#define NEWS_BYTES (1 + DOCUMENT_KINDS * NEWS_ROW_BYTES)
#define CHUNK_WORDS ((DOCUMENT_CHUNKS_MAX + 63) / 64)
#define GET_BYTES (1 + 1 + 8 + 8 * CHUNK_WORDS)
#define CHUNK_HEAD_BYTES (1 + 1 + 8 + 4 + 2)
#define RECORD_HEAD_BYTES (1 + 8 + 2)
#define RECORD_REQUEST_BYTES (1 + 8)
#define PROBE_PLAIN_BYTES (1 + 8 + 8 + 8 + 8 + 16 + 2) /* of a PING and a PONG without rumours */
#define PROBE_DATAGRAM_BYTES (SEAL_BYTES + PROBE_PLAIN_BYTES)
#define RUMOUR_BYTES (8 + 1 + 8 + 8)
#define RUMOURS_PER_PROBE 8
#define PING_REQ_BYTES (1 + 8 + 8)
#define LINK_BYTES (1 + 1)
#define IHAVE_ROW_BYTES (8 + 5 + 3)
#define PRUNE_HEAD_BYTES (1 + 1)
#define SUMMARY_GROUPS 64 /* of members, by the top of their ids */
#define SUMMARY_BYTES (1 + SUMMARY_GROUPS * 8)
#define CATCH_UP_BYTES (1 + 4 + 8)
#define CAUGHT_UP_BYTES (1 + 4 + 8 + 1)
_Static_assert(CHUNK_HEAD_BYTES + DOCUMENT_CHUNK_BYTES + SEAL_BYTES <= DATAGRAM_BYTES_MIN, "a part fits every "
											   "datagram");

/* A message that came from a member: what a handler is given. */
struct arrival {
	struct now now, arrived; /* it is read; it came. The clocks of both sides are compared by the latter */
	uint16_t member; /* number of the member that sealed it */
	const struct endpoint *from;
	const uint8_t *bytes; /* behind the message's number */
	size_t size;
};

static inline struct cursor arrival_cursor(const struct arrival *arrival)
{
	return (struct cursor){ arrival->bytes, arrival->bytes + arrival->size, false };
}

/* What waits in the outbox. */
enum out_kind {
	OUT_HELLO, OUT_COOKIE, OUT_WELCOME, OUT_LATER, /* handshake; no other comes before these */
	OUT_PING, OUT_PONG, OUT_PING_REQ, /* failure detection */
	OUT_LINK, /* overlay */
	OUT_RECORD, OUT_RECORD_REQUEST, /* member records */
	OUT_FRAME, OUT_RELAY, OUT_IHAVE, OUT_PRUNE, /* spreading */
	OUT_DIGEST, OUT_SUMMARY, OUT_REQUEST, OUT_SERVE, OUT_CATCH_UP, OUT_CAUGHT_UP, /* repair */
	OUT_NEWS, OUT_GET, OUT_CHUNK, /* documents */
	OUT_COUNT
};

/*
 * A decision to send. `kind` says which part of the union is meant; the kinds without one need no more than their
 * target.
 */
struct out {
	uint8_t kind; /* enum out_kind */
	uint16_t target; /* number of the member; OUT_HELLO: of the greeting */
	union {
		/*
		 * OUT_COOKIE, OUT_WELCOME, OUT_LATER, OUT_PONG. number: replies counted when this one was queued;
		 * place: its index in membership.replies
		 */
		struct { uint32_t number; uint16_t place; } reply;
		struct { uint64_t echo; bool errand; } ping; /* errand: on behalf of another member */
		struct { uint64_t echo; uint16_t about; } ping_req;
		struct { uint8_t what; } link;
		struct { uint16_t of; } record; /* number of a member */
		struct { uint64_t id; } record_request;
		/*
		 * OUT_FRAME, OUT_RELAY, OUT_SERVE. number: index in the store; sequence: of the frame that was there;
		 * message: MESSAGE_FRAME, MESSAGE_SERVED or a piece
		 */
		struct { uint64_t sequence; uint32_t number; uint8_t message; } frame;
		/* frames to announce, as counted by spreading.fresh_next */
		struct { uint64_t first; uint32_t count; } ihave;
		struct { uint16_t owner; uint8_t what; } prune;
		/* groups 0: no rows; first: number of the first member; more: datagrams that may follow */
		struct { uint64_t groups; uint16_t first; uint8_t more; bool answer; } digest;
		/* alone: this one sequence; else the missing sequences of a boot; track: index of its track */
		struct { uint64_t sequence; uint32_t origin; uint8_t track; bool alone; } request;
		struct { uint64_t places; uint32_t cursor; bool last; } caught_up;
		struct { uint8_t document; } get;
		struct { uint64_t serial; uint16_t number; uint8_t document; } chunk;
	};
};
_Static_assert(sizeof(struct out) <= 24, "thousands wait");

/* A decision that is due, as the function that writes it receives it. */
struct departure {
	struct now now;
	const struct out *out;
	struct endpoint *to; /* the target's address; a writer may set another */
};

#endif
