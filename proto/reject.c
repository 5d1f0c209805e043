// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The names under which reject counters are shown; the order is enum reject's. */
#include "reject.h"

const char *const reject_names[REJECT_COUNT] = {
	[REJECT_NONE] = "none",
	[REJECT_SIZE] = "size",
	[REJECT_VERSION] = "version",
	[REJECT_SELF] = "self",
	[REJECT_SENDER] = "sender",
	[REJECT_SEAL] = "seal",
	[REJECT_REPLAY] = "replay",
	[REJECT_COOKIE] = "cookie",
	[REJECT_HELLO_RATE] = "hello_rate",
	[REJECT_CERTIFICATE] = "certificate",
	[REJECT_MESH] = "mesh",
	[REJECT_STALE_SESSION] = "stale_session",
	[REJECT_MEMBERS_FULL] = "members_full",
	[REJECT_MESSAGE] = "message",
	[REJECT_FRAME_SIZE] = "frame_size",
	[REJECT_FRAME_DUPLICATE] = "frame_duplicate",
	[REJECT_ORIGIN] = "origin",
	[REJECT_PATH] = "path",
	[REJECT_SIGNATURE] = "signature",
	[REJECT_EQUIVOCATION] = "equivocation",
	[REJECT_BODY] = "body",
	[REJECT_SLOT] = "slot",
	[REJECT_CELL] = "cell",
	[REJECT_INCARNATION] = "incarnation",
	[REJECT_SHRUNK] = "shrunk",
	[REJECT_QUOTA] = "quota",
};
