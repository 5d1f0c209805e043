/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: what a node reports to its daemon. A ring of EVENTS_SIZE; when the daemon does not fetch them, the oldest give way.
 */
#include "node_internal.h"

void node_tell(struct node *node, const struct node_event *event)
{
	if (node->events_count == EVENTS_SIZE) { /* nobody fetches them: the oldest are the least news */
		node->events_head = (node->events_head + 1) % EVENTS_SIZE;
		node->events_count--;
	}
	node->events[(node->events_head + node->events_count++) % EVENTS_SIZE] = *event;
}

bool node_next_event(struct node *node, struct node_event *ret_event)
{
	if (node->events_count == 0)
		return false;
	*ret_event = node->events[node->events_head];
	node->events_head = (node->events_head + 1) % EVENTS_SIZE;
	node->events_count--;
	return true;
}
