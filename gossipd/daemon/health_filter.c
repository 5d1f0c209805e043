/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Health of the filter: what the kernel says of interfaces, of the programs on them and of the pins. */
#include "daemon.h"
#include "link_state.h"

static void look_at_link(struct conditions *found, const char *interface)
{
	switch (link_state_of(interface)) {
	case LINK_DOWN:
		conditions_find(found, CONDITION_INTERFACE_DOWN, about_interface(interface),
				"is down: no packet comes in there");
		break;
	case LINK_WITHOUT_CARRIER:
		conditions_find(found, CONDITION_INTERFACE_DOWN, about_interface(interface),
				"has no carrier: its other end is down, or its cable is out");
		break;
	default:
		break;
	}
}

static void look_at_interface(struct conditions *found, const struct attachment *at)
{
	const struct about about = about_interface(at->interface);

	if (!at->ifindex) {
		conditions_find(found, CONDITION_INTERFACE_GONE, about,
				"is not there: nothing is filtered until it comes back");
		return;
	}
	if (!at->ours && at->program_id == 0)
		conditions_find(found, CONDITION_FILTER_MISSING, about,
				"no XDP program is attached: nothing is filtered there");
	else if (!at->ours)
		conditions_find(found, CONDITION_FILTER_FOREIGN, about, "another XDP program (id %u) is attached",
				at->program_id);
	if (at->answers && !at->answers_on)
		conditions_find(found, CONDITION_ANSWERS_MISSED, about,
				"no program of gossipd is on its egress: answers that leave there are not counted");
	look_at_link(found, at->interface);
}

void health_filter(struct daemon *daemon)
{
	struct conditions *found = &daemon->health.conditions;
	struct attachment attachments[INTERFACES_MAX];
	const size_t count = table_read_attachments(daemon->table, attachments);
	const char *pins = table_pins_problem(daemon->table);

	for (size_t i = 0; i < count; i++)
		look_at_interface(found, &attachments[i]);
	if (pins)
		conditions_find(found, CONDITION_PINS_MISSING, about_here("pins"),
				"the filter would not outlive gossipd: %s", pins);
	if (daemon->health.restored_at && daemon->seconds - daemon->health.restored_at < HEALTH_RESTORED_S)
		conditions_find(found, CONDITION_FILTER_RESTORED, about_here("filter"),
				"taken off by hand and put back, %llu times since the start: %s",
				(unsigned long long)daemon->counters.filters_restored, daemon->health.restored);
	if (daemon->sides.unenforced[0])
		conditions_find(found, CONDITION_NOT_ENFORCED, about_here("interfaces"), "%s",
				daemon->sides.unenforced);
	if (daemon->sides.notice[0])
		conditions_find(found, CONDITION_REPLIES_JUDGED, about_here("interfaces"), "%s", daemon->sides.notice);
}
