/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes of this mesh that were issued with other widths. They are refused, since their keys are of other clients. Their
 * certificates are the authority's, so their names are true, and there are few: the last MISFITS_MAX are remembered.
 */
#include "member.h"
#include "node.h"

#define MISFIT_RECENT_SLOTS 4 /* a greeting is repeated within 3 s */

static bool is_recent(const struct node *node, const struct misfit *misfit)
{
	return misfit->name[0] && misfit->slot + MISFIT_RECENT_SLOTS >= node->slot;
}

/* Its place; else one whose node was not heard for longest. */
static struct misfit *place_of(struct node *node, const char *name)
{
	struct misfit *misfits = node->member->misfits, *oldest = &misfits[0];

	for (unsigned int i = 0; i < MISFITS_MAX; i++) {
		if (strcmp(misfits[i].name, name) == 0)
			return &misfits[i];
		if (misfits[i].slot < oldest->slot)
			oldest = &misfits[i];
	}
	return oldest;
}

void misfit_note(struct node *node, const struct certificate *certificate, const struct endpoint *from)
{
	struct node_event event = { .kind = EVENT_MEMBER_WIDTHS, .at = mesh_tick_end(&node->mesh, node->tick) };
	struct misfit *misfit = place_of(node, certificate->name);
	const bool told = is_recent(node, misfit) && strcmp(misfit->name, certificate->name) == 0;

	*misfit = (struct misfit){ .slot = node->slot, .from = *from };
	memcpy(misfit->name, certificate->name, sizeof(misfit->name));
	if (told)
		return;
	memcpy(event.member, certificate->name, sizeof(event.member));
	node_report(node, &event);
}

bool node_next_misfit(const struct node *node, uint32_t *cursor, struct misfit_view *ret_view)
{
	while (*cursor < MISFITS_MAX) {
		const struct misfit *misfit = &node->member->misfits[(*cursor)++];

		if (!is_recent(node, misfit))
			continue;
		*ret_view = (struct misfit_view){ .from = misfit->from };
		memcpy(ret_view->member, misfit->name, sizeof(ret_view->member));
		return true;
	}
	return false;
}
