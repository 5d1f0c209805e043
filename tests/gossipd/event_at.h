/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TESTS_GOSSIPD_EVENT_AT_H
#define TESTS_GOSSIPD_EVENT_AT_H

#include "events.h"

/* Event `number`, or NULL: it is no longer, or not yet, kept. */
static inline const struct control_event *event_at(const struct events *events, uint64_t number)
{
	uint64_t found = number;
	const struct control_event *event = event_rings_from(&events->rings, &found);

	return event && found == number ? event : NULL;
}

#endif
