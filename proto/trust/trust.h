/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a node believes of the mesh authority: the newest document of each kind, as bytes and as what it means, the mesh secrets, and what is
 * being fetched. Part of the node's memory; trust.c and spread_documents.c alone change it.
 */
#ifndef PROTO_TRUST_H
#define PROTO_TRUST_H

#include "document.h"
#include "policy.h"
#include "revocation.h"
#include "rotation.h"
#include "seal.h"

#define FETCHES_MAX 2 /* of a kind at once, from different members: one that brings nothing keeps nobody else's from coming */

/* A document as it is announced. serial 0: none. */
struct news {
	uint64_t serial;
	uint32_t size;
	uint8_t hash[HASH_BYTES];
};

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

struct mesh_secret {
	uint8_t fingerprint[FINGERPRINT_BYTES];
	uint8_t secret[MESH_SECRET_BYTES];
	uint8_t hello_key[SEAL_KEY_BYTES];
};

struct trust {
	struct held_document held[DOCUMENT_KINDS];
	struct coming_document coming[DOCUMENT_KINDS][FETCHES_MAX];
	uint8_t patience[DOCUMENT_KINDS]; /* how often the time of a fetch has been doubled */
	struct revocation revocation, revocation_read; /* the second is scratch */
	struct policy_document policy; /* scratch: as last read */
	struct mesh_secret secrets[SECRETS_MAX]; /* newest first */
	uint32_t secrets_count;
	uint64_t effective_slot, grace_end_slot; /* of the newest secret; 0: it always was */
};

/* What is kept of each member. */
struct member_standing {
	bool revoked;
	uint8_t spoken; /* the secret it last spoke under: 0 is the newest */
	uint8_t keys_known; /* bit per secret: its key with this member is worked out */
	uint8_t keys[SECRETS_MAX][SEAL_KEY_BYTES];
	uint64_t key_slot; /* in which its certificate's key was first seen */
	struct news news[DOCUMENT_KINDS]; /* as it last announced */
	struct instant distrusted_until[DOCUMENT_KINDS]; /* mono: its document did not verify, or never came, */
	uint8_t distrusts[DOCUMENT_KINDS]; /* so often since one of it was good */
	uint16_t chunks_left; /* it may still be served in this tick */
	uint64_t news_tick; /* of the last news sent to it */
};

#endif
