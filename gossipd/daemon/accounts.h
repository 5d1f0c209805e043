/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members by what rests on their word: how much of the kernel's tables they fill, and since when their counts are left
 * out. Neither degrades this proxy, and neither proves a lie: an honest witness of an attack that it alone sees looks
 * the same.
 */
#ifndef GOSSIPD_ACCOUNTS_H
#define GOSSIPD_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/time.h>

#include "table.h"

struct daemon;

#define ACCOUNTS_UNDER_AGAIN 0.8 /* of its part: a member that had filled it is named no longer below this */

struct accounts {
	/* by the number of the member */
	bool full[MEMBERS_MAX]; /* its part of a table is full, and was not at ACCOUNTS_UNDER_AGAIN since */
	/* cells that its share of the ledger had no room for: in all, and in the last second */
	uint32_t refused[MEMBERS_MAX], refused_more[MEMBERS_MAX];
	struct instant left_out[MEMBERS_MAX]; /* mesh: its counts are in no verdict since then; 0: they are */
};

/* Once a second: who shares the tables, and who is gone. */
void accounts_second(struct daemon *daemon, struct now now);

/* The table in which a member fills most of its part, and which share of it. */
enum table_kind accounts_fullest(const struct table *table, uint16_t member, struct table_account *ret_account,
				 double *ret_share);

#endif
