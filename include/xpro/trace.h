/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A trace of everything a core was given, in order: gossipd writes it (trace_file), xpro-sim replay feeds it to a
 * core of the same build, which must come to the same ledger and the same verdicts. Host byte order; a head, then
 * `bytes` of what the kind says.
 *
 * Datagrams are recorded as they are behind the seal, so a trace holds no key: not the node's, not the mesh secret,
 * not those of pairs. It does hold the clients' addresses and counts, and the seed of this start, from which cookies
 * and hash seeds follow: keep it as a log is kept.
 */
#ifndef XPRO_TRACE_H
#define XPRO_TRACE_H

#include <stdint.h>

#define TRACE_MAGIC "XPROTRC4" /* 8 bytes, at the beginning */

enum trace_kind {
	/* struct node_config, its secret key and mesh secret zero. The size tells another build's trace */
	TRACE_INIT = 1,
	TRACE_GREET, /* struct trace_from */
	TRACE_OBSERVE, /* struct trace_observe */
	TRACE_TICK, /* nothing */
	TRACE_RECEIVE, /* struct trace_from, then header (36 bytes), plaintext, tag (16); as it came if not opened */
	TRACE_POLL, /* struct trace_calls */
	TRACE_CHANGE, /* struct trace_calls */
	TRACE_REFRESH, /* a key */
	TRACE_END, /* struct trace_end */
	TRACE_COMMAND, /* a document of the mesh authority: it holds no secret that a member's key does not open */
	TRACE_RESTORE, /* the same, from disk */
	TRACE_TURN, /* struct trace_calls */
	TRACE_LOAD, /* struct trace_load */
	TRACE_LEAVE, /* nothing */
	TRACE_POLICY, /* struct policy_document, of the configuration */
	TRACE_SLEPT, /* struct trace_slept */
	TRACE_OBSERVE_BESIDE, /* struct trace_beside */
	TRACE_REMEMBER, /* struct trace_beside; slot 0, counts: the minute, and whether an answer was of TCP */
};

struct trace_head {
	uint32_t kind, bytes;
	int64_t mono_ns, mesh_ns; /* the `now` of the call */
};
_Static_assert(sizeof(struct trace_head) == 24, "layout");

struct trace_from {
	uint8_t address[16];
	uint16_t port;
	uint8_t opened; /* its seal did */
	uint8_t reason; /* enum reject, as the daemon had it */
	uint32_t waited_us; /* in the socket, until it was read */
};
_Static_assert(sizeof(struct trace_from) == 24, "layout");

struct trace_observe {
	uint8_t client[16], destination[16];
	uint64_t slot;
	int64_t first_ns, last_ns;
	uint64_t packets;
};
_Static_assert(sizeof(struct trace_observe) == 64, "layout");

/* What was observed beside packets. */
struct trace_beside {
	uint8_t client[16], destination[16];
	uint64_t slot;
	uint32_t counts[2]; /* pair: answers, and whether any was TCP; client: contacts, and unanswered */
};
_Static_assert(sizeof(struct trace_beside) == 48, "layout");

struct trace_calls {
	uint64_t calls; /* one after the other, at the same time */
};

struct trace_load {
	double load, load_limit;
};

struct trace_slept {
	int64_t slept_ns;
};

struct trace_end {
	uint8_t ledger[32], verdicts[32]; /* node_digest, node_digest_verdicts */
	uint64_t full; /* 1: the file had reached its bound; the daemon went on */
};
_Static_assert(sizeof(struct trace_end) == 72, "layout");

#endif
