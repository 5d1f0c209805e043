/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One look at a gossipd: what its status says, kept for commands that print it in an order of their own. */
#ifndef CTL_LOOK_H
#define CTL_LOOK_H

#include "ask.h"
#include "condition_kinds.h"
#include "conditions.h"

#include <xpro/key.h>

struct look {
	struct control_status status;
	unsigned int conditions[CONTROL_SEVERITIES]; /* that stand, by severity */
	unsigned int subjects[CONDITION_COUNT]; /* of each condition that stands */
	char first[CONDITION_LINE_BYTES]; /* the gravest of them; empty: there is none */
	unsigned int reasons, attachments;
	struct control_reason reason[REASON_COUNT];
	struct control_attachment attachment[SIDES_MAX];
	unsigned int shadows;
	struct control_shadow shadow[KEY_KINDS];
	uint64_t rejects; /* from the network, for whatever reason */
	uint64_t dropped; /* packets */
};

/* Asks for the status. An exit code, as of ask. */
int look_at(const struct arguments *arguments, struct look *ret_look);

#endif
