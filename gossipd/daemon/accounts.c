/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One walk over the members. Who is to be named for what stands here is what health_members.c says. */
#include "accounts.h"

#include <string.h>

#include "daemon.h"

enum table_kind accounts_fullest(const struct table *table, uint16_t member, struct table_account *ret_account,
				 double *ret_share)
{
	enum table_kind most = TABLE_PAIRS4;

	*ret_account = (struct table_account){ .records = 0 };
	*ret_share = -1;
	for (unsigned int kind = 0; kind < TABLE_KINDS; kind++) {
		struct table_account account;
		struct table_quota quota;
		double share;

		table_read_account(table, (enum table_kind)kind, member, &account);
		table_read_quota(table, (enum table_kind)kind, &quota);
		share = account.records / (quota.part ? (double)quota.part : 1);
		if (share <= *ret_share)
			continue;
		*ret_share = share;
		*ret_account = account;
		most = (enum table_kind)kind;
	}
	return most;
}

static void look_at_refused(struct accounts *accounts, const struct member_view *view)
{
	uint32_t *before = &accounts->refused[view->number];

	/* fewer: the number is another member's now */
	accounts->refused_more[view->number] = view->cells_refused > *before ? view->cells_refused - *before : 0;
	*before = view->cells_refused;
}

static void look_at(struct daemon *daemon, struct now now, const struct member_view *view)
{
	struct accounts *accounts = &daemon->accounts;
	struct table_account account;
	double share;

	accounts_fullest(daemon->table, view->number, &account, &share);
	accounts->full[view->number] = share >= (accounts->full[view->number] ? ACCOUNTS_UNDER_AGAIN : 1);
	if (!view->skewed && !view->equivocated && !view->revoked)
		accounts->left_out[view->number] = (struct instant){ 0 };
	else if (accounts->left_out[view->number].ns == 0)
		accounts->left_out[view->number] = now.mesh;
}

void accounts_second(struct daemon *daemon, struct now now)
{
	static bool known[MEMBERS_MAX], counts[MEMBERS_MAX];
	struct member_view view;
	uint32_t cursor = 0, others = 0;

	memset(known, 0, sizeof(known));
	memset(counts, 0, sizeof(counts));
	while (node_next_member(daemon->node, now, &cursor, &view)) {
		look_at_refused(&daemon->accounts, &view);
		if (view.self)
			continue;
		known[view.number] = true;
		look_at(daemon, now, &view);
		counts[view.number] = !view.left && !view.revoked;
		others += counts[view.number];
	}
	for (uint16_t number = 1; number < MEMBERS_MAX; number++) {
		if (!known[number])
			daemon->accounts.left_out[number] = (struct instant){ 0 };
		if (counts[number])
			continue;
		table_disown(daemon->table, number);
		daemon->accounts.full[number] = false;
	}
	table_set_members(daemon->table, others);
}
