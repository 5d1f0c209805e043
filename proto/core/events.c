/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events: what a node reports to its daemon. A ring of EVENTS_SIZE events; when it is full, a new event overwrites the
 * oldest.
 */
#include "node_core.h"

void node_report_of(struct node *node, const struct node_event *event, uint16_t member)
{
	struct event_ring *ring = &node->events;
	uint32_t place;

	if (ring->count == EVENTS_SIZE) { /* nobody fetches them: the oldest are the least news */
		ring->head = (ring->head + 1) % EVENTS_SIZE;
		ring->count--;
	}
	place = (ring->head + ring->count++) % EVENTS_SIZE;
	ring->items[place] = *event;
	ring->members[place] = member;
}

void node_report(struct node *node, const struct node_event *event)
{
	node_report_of(node, event, MEMBER_NONE);
}

double node_event_value(const struct node_event *event)
{
	switch (event->kind) {
	case EVENT_PAIR_OVER:
	case EVENT_PAIR_UNDER:
	case EVENT_DESTINATION_OVER:
	case EVENT_DESTINATION_UNDER:
	case EVENT_CLIENT_OVER:
	case EVENT_CLIENT_UNDER:
	case EVENT_NETWORK_OVER:
	case EVENT_NETWORK_UNDER:
	case EVENT_CONTACTS_OVER:
	case EVENT_CONTACTS_UNDER:
	case EVENT_NEVER_DROP_OVER:
		return event->rate;
	case EVENT_MEMBER_SKEWED:
	case EVENT_MEMBER_SKEW_OK:
		return event->skew_ms;
	case EVENT_POLICY:
		return (double)event->policy_version;
	case EVENT_DOCUMENT:
		return (double)event->document.serial;
	case EVENT_MEMBER_VERSION:
		return event->version;
	case EVENT_LINE_RATE:
		return (double)event->line_rate;
	default:
		return 0;
	}
}

void event_counter_rank(struct event_counter counters[EVENT_COUNTERS], uint16_t member, double packets)
{
	unsigned int at = EVENT_COUNTERS;

	while (at > 0 && counters[at - 1].part < packets)
		at--;
	if (at == EVENT_COUNTERS)
		return;
	memmove(&counters[at + 1], &counters[at], (EVENT_COUNTERS - 1 - at) * sizeof(*counters));
	counters[at] = (struct event_counter){ .member = member, .part = packets };
}

bool event_take(struct node *node, struct node_event *ret_event, uint16_t *ret_member)
{
	struct event_ring *ring = &node->events;

	if (ring->count == 0)
		return false;
	*ret_event = ring->items[ring->head];
	*ret_member = ring->members[ring->head];
	ring->head = (ring->head + 1) % EVENTS_SIZE;
	ring->count--;
	return true;
}
