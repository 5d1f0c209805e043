/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who counted how much of a key, over all its cells: what of a verdict rests on each member's word alone. */
#ifndef CTL_SHARES_H
#define CTL_SHARES_H

#include <xpro/control.h>

#include "output.h"

#define SHARES_MAX 64 /* members told apart; the packets of more are counted together */

struct share {
	char member[NAME_BYTES_MAX + 4];
	uint64_t packets;
};

struct shares {
	uint32_t count;
	uint64_t packets, others; /* of all; of those beyond SHARES_MAX */
	struct share of[SHARES_MAX];
};

void shares_take(struct shares *shares, const struct control_cell *cell);

/* The list NAME_shares in JSON; for people one line, the largest first. */
void show_shares(struct output *output, const char *name, struct shares *shares);

#endif
