/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room trust/: the newest document of the mesh authority of each kind, and the documents that are being fetched. Only
 * trust.c and spread_documents.c change it.
 */
#ifndef PROTO_TRUST_H
#define PROTO_TRUST_H

#include "member.h"

/* fetches of one kind at once, from different members, so that a member that sends nothing does not block the other */
#define FETCHES_MAX 2

struct held_document {
	struct news news;
	bool unkept; /* to be made durable before the next datagram leaves */
	uint8_t bytes[DOCUMENT_BYTES_MAX];
};

/* A document that is being fetched from one member. */
struct coming_document {
	bool active;
	uint16_t source;
	struct news news; /* as the source announced it */
	uint64_t have[CHUNK_WORDS];
	struct instant begun, progressed; /* mono */
	uint8_t bytes[DOCUMENT_BYTES_MAX];
};

struct trust {
	struct held_document held[DOCUMENT_KINDS];
	struct coming_document coming[DOCUMENT_KINDS][FETCHES_MAX];
	uint8_t patience[DOCUMENT_KINDS]; /* how often the time of a fetch has been doubled */
	struct revocation revocation_read; /* scratch */
	struct policy_document policy; /* scratch: as last read */
};

void trust_init(struct node *node);
/* Takes a document over: REJECT_NONE when it is the newest of its kind, and then it is in force. */
enum reject trust_adopt(struct node *node, struct now now, const uint8_t *bytes, size_t size);

#endif
