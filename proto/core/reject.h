/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why remote bytes were not accepted, in the order of the checks. The network's failure is data: one counter and one name each.
 */
#ifndef PROTO_REJECT_H
#define PROTO_REJECT_H

enum reject {
	REJECT_NONE,
	/* before the seal opens: silence */
	REJECT_SIZE, /* shorter or longer than its type allows */
	REJECT_VERSION, /* not our magic, version or type */
	REJECT_SELF, /* our own datagram, or our own id */
	REJECT_SENDER, /* not a known member */
	REJECT_SEAL, /* does not open: changed, for another receiver or session, or by a stranger */
	REJECT_REPLAY, /* seen before, or older than the window */
	REJECT_REVOKED, /* its key is revoked: sender, greeter or origin */
	/* greeting */
	REJECT_COOKIE, /* no cookie, or one we did not give to this address; answered by one datagram no longer than the request */
	REJECT_HELLO_RATE, /* more certificates to check than CERTIFICATE_CHECKS_PER_S */
	REJECT_CERTIFICATE, /* not signed by the authority, or not in canonical form */
	REJECT_MESH, /* of another mesh, or with other parameters */
	REJECT_STALE_SESSION, /* older than the session we know of this member */
	REJECT_SUPERSEDED, /* a key that a later certificate of the same member has replaced */
	REJECT_MEMBERS_FULL,
	/* inside the seal */
	REJECT_MESSAGE, /* unknown type or wrong length */
	REJECT_FRAME_SIZE, /* proof longer or shorter than its own numbers say */
	REJECT_FRAME_DUPLICATE, /* a frame we have: the normal fate of a second copy */
	REJECT_ORIGIN, /* an origin that is no member */
	REJECT_PATH, /* the Merkle path is of the wrong length or index */
	REJECT_SIGNATURE,
	REJECT_EQUIVOCATION, /* two valid frames with one sequence */
	REJECT_BODY, /* not canonical msgpack of the expected shape */
	REJECT_SLOT, /* a slot already forgotten, or too far ahead */
	REJECT_CELL, /* no cell can look like this: repeated, last before first, an address that is no client's */
	REJECT_INCARNATION, /* older than those held */
	REJECT_SHRUNK, /* packets below an earlier version of the cell: ignored, the join keeps the larger */
	/* documents of the authority */
	REJECT_OLD_SECRET, /* anything but documents under a mesh secret whose time is over */
	REJECT_DOCUMENT, /* not in canonical form, of no known kind, out of bounds, or a revocation that takes one back */
	REJECT_AUTHORITY, /* not signed by the mesh authority */
	REJECT_DOCUMENT_OLD, /* of a serial below the one held, or the very one */
	REJECT_DOCUMENT_CONFLICT, /* of the serial held, with other content */
	REJECT_CHUNK, /* a part of a document that was not asked for, or not as announced */
	REJECT_QUOTA, /* the origin's share of the ledger is used up */
	REJECT_COUNT
};

extern const char *const reject_names[REJECT_COUNT];

#endif
