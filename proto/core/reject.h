/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why remote bytes were not accepted, grouped by what they are. PROTOCOL section "Order of checks" has the order.
 * Each reason has one counter and one name (reject.c).
 */
#ifndef PROTO_REJECT_H
#define PROTO_REJECT_H

enum reject {
	REJECT_NONE,
	/* datagrams, up to the seal: no reply is sent */
	REJECT_SIZE, /* shorter or longer than its type allows */
	REJECT_VERSION, /* not our magic or type */
	REJECT_OTHER_VERSION, /* our magic, and another version of the protocol */
	REJECT_SELF, /* our own datagram, or our own id */
	REJECT_SENDER, /* not a known member */
	REJECT_SEAL, /* does not open: changed, for another receiver or session, or by a stranger */
	REJECT_REPLAY, /* seen before, or older than the window */
	REJECT_REVOKED, /* its key is revoked: sender, greeter or origin */
	/* handshake */
	/* no cookie, or not the one for this address; answered by one datagram no longer than the request */
	REJECT_COOKIE,
	REJECT_HELLO_RATE, /* more certificates to check than CERTIFICATE_CHECKS_PER_S */
	REJECT_CERTIFICATE, /* not signed by the authority, or not in canonical form */
	REJECT_MESH, /* of another mesh, or with other parameters */
	REJECT_WIDTHS, /* of this mesh and signed by its authority, with other widths */
	REJECT_STALE_SESSION, /* older than the running session of this member */
	REJECT_SUPERSEDED, /* a key that a later certificate of the same member has replaced */
	REJECT_MEMBERS_FULL,
	/* messages, frames and cells */
	REJECT_MESSAGE, /* unknown type or wrong length */
	REJECT_FRAME_SIZE, /* proof longer or shorter than its own numbers say */
	REJECT_FRAME_DUPLICATE, /* the frame is held already: normal for a second copy */
	REJECT_ORIGIN, /* an origin that is no member */
	REJECT_PATH, /* the Merkle path is of the wrong length or index */
	REJECT_SIGNATURE,
	REJECT_EQUIVOCATION, /* two valid frames with one sequence */
	REJECT_BODY, /* not canonical msgpack of the expected shape */
	REJECT_SLOT, /* a slot already forgotten, or too far ahead */
	REJECT_CELL, /* not a valid cell: repeated, last before first, or an address of no single host */
	REJECT_CLIENT, /* a cell of a pair or client that names one address of an IPv6 client */
	REJECT_INCARNATION, /* older than those held */
	REJECT_SHRUNK, /* packets below an earlier version of the cell: ignored, the join keeps the larger */
	REJECT_QUOTA, /* the origin's part of the ledger is used up */
	/* documents of the authority */
	REJECT_OLD_SECRET, /* anything but documents under a mesh secret whose time is over */
	REJECT_DOCUMENT, /* not canonical, of no known kind, out of bounds, or a revocation that takes one back */
	REJECT_AUTHORITY, /* not signed by the mesh authority */
	REJECT_DOCUMENT_OLD, /* of a serial below the one held, or the very one */
	REJECT_DOCUMENT_CONFLICT, /* of the serial held, with other content */
	REJECT_CHUNK, /* a part of a document that was not requested, or not as announced */
	REJECT_COUNT
};

extern const char *const reject_names[REJECT_COUNT];

#endif
