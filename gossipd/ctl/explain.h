/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What gossipctl explain gathers of two addresses, and the verdict that follows. */
#ifndef GOSSIPCTL_EXPLAIN_H
#define GOSSIPCTL_EXPLAIN_H

#include "ask.h"
#include "shares.h"

/* One of the two keys that are explained. */
struct part {
	const char *name;   /* "pair" or "destination" */
	const char *symbol; /* of its threshold */
	struct control_key key;
	struct control_record record;
	uint64_t cells;
	struct shares shares;
};

struct explaining {
	struct output *output;
	struct control_status status;
	unsigned int parts;
	struct part part[2]; /* pair, destination */
	bool ended; /* what there is of both is said */
	struct control_coarse network; /* share 0 and no bits: none */
	struct control_key whole[2]; /* the client, and the destination's network */
	unsigned int wholes;
};

/* ---- explain_verdict.c ---- */
/* Is the destination outside its client's rules? */
bool explain_is_outside(const struct explaining *explaining);

/* What happens to the packets here, in one sentence. */
void explain_verdict(const struct explaining *explaining, char *ret_text, size_t bytes);

/* Is the record's window long enough for a verdict? *ret_window_s: the one that a rate is taken over, in seconds. */
bool explain_may_judge(const struct explaining *explaining, const struct part *part, double *ret_window_s);

/* Is the key over its rate, by the kernel's record of it? */
bool explain_is_over(const struct explaining *explaining, const struct part *part);

#endif
