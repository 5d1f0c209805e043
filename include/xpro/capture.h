/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A trace of everything a core was given, in order: gossipd writes it (capture_file), xpro-sim replay feeds it to a core of the same build,
 * which must come to the same ledger and the same verdicts. Host byte order; a head, then `bytes` of what the kind says.
 *
 * Datagrams are recorded as they are behind the seal, so a trace holds no key: not the node's, not the mesh secret, not those of pairs. It does
 * hold the clients' addresses and counts, and the seed of this start, from which cookies and hash seeds follow: keep it as a log is kept.
 */
#ifndef XPRO_CAPTURE_H
#define XPRO_CAPTURE_H

#include <stdint.h>

#define CAPTURE_MAGIC "XPROCAP1" /* 8 bytes, at the beginning */

enum capture_kind {
	CAPTURE_INIT = 1, /* struct node_config, its secret key and mesh secret zero. The size tells another build's trace */
	CAPTURE_GREET, /* struct capture_from */
	CAPTURE_OBSERVE, /* struct capture_observe */
	CAPTURE_TICK, /* nothing */
	CAPTURE_RECEIVE, /* struct capture_from, then the datagram: 36 bytes of header, plaintext, 16 bytes of tag; or as it came, if not opened */
	CAPTURE_POLL, /* struct capture_calls */
	CAPTURE_CHANGE, /* struct capture_calls */
	CAPTURE_REFRESH, /* a key */
	CAPTURE_END, /* struct capture_end */
	CAPTURE_COMMAND, /* a document of the mesh authority: it holds no secret that a member's key does not open */
	CAPTURE_RESTORE, /* the same, from disk */
	CAPTURE_TURN, /* struct capture_calls */
	CAPTURE_LOAD, /* struct capture_load */
	CAPTURE_LEAVE, /* nothing */
};

struct capture_head {
	uint32_t kind, bytes;
	int64_t mono_ns, mesh_ns; /* the `now` of the call */
};
_Static_assert(sizeof(struct capture_head) == 24, "layout");

struct capture_from {
	uint8_t address[16];
	uint16_t port;
	uint8_t opened; /* its seal did */
	uint8_t reason; /* enum reject, as the daemon had it */
	uint32_t reserved;
};
_Static_assert(sizeof(struct capture_from) == 24, "layout");

struct capture_observe {
	uint8_t client[16], destination[16];
	uint64_t slot;
	int64_t first_ns, last_ns;
	uint64_t packets;
};
_Static_assert(sizeof(struct capture_observe) == 64, "layout");

struct capture_calls {
	uint64_t calls; /* one after the other, at the same time */
};

struct capture_load {
	double load, load_limit;
};

struct capture_end {
	uint8_t ledger[32], verdicts[32]; /* node_digest, node_digest_verdicts */
	uint64_t full; /* 1: the file had reached its bound; the daemon went on */
};
_Static_assert(sizeof(struct capture_end) == 72, "layout");

#endif
