/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The latest events, in a ring for each class. What many clients or one member can cause without end must not wash out
 * what an operator has to see: rates have a ring of their own, and so has what concerns trust. Where members cause
 * events, each has EVENTS_EACH of one kind at the most, and the oldest of these gives way.
 */
#ifndef GOSSIPD_EVENT_RINGS_H
#define GOSSIPD_EVENT_RINGS_H

#include <stdint.h>

#include <xpro/control.h>

#define EVENTS_KEPT 1024 /* of traffic */
#define EVENTS_KEPT_ELSE 256 /* of each other class */
#define EVENTS_EACH 16

enum event_class {
	EVENTS_OF_TRAFFIC, /* rates, scans, tables: what packets cause */
	EVENTS_OF_PRESENCE, /* members that come, go, or have a wrong clock */
	EVENTS_OF_TRUST, /* documents, and members that lie or are not what they say */
	EVENTS_OF_HOST, /* this host: conditions, interfaces, the filter, the clock */
	EVENT_CLASSES
};

struct event_kept {
	uint64_t number;
	struct control_event event;
};

struct event_ring {
	uint32_t first, count; /* place of the oldest, and how many there are */
};

struct event_rings {
	uint64_t next; /* number of the next event, of any class */
	struct event_ring rings[EVENT_CLASSES];
	struct event_kept traffic[EVENTS_KEPT], others[EVENT_CLASSES - 1][EVENTS_KEPT_ELSE];
};

void event_rings_keep(struct event_rings *rings, enum event_class class, const struct control_event *event);

/*
 * Of the events kept, the oldest whose number is *number or more; *number becomes its number. NULL: there is none. So a
 * reader that is slow misses what gave way, and gets the rest in order.
 */
const struct control_event *event_rings_from(const struct event_rings *rings, uint64_t *number);

#endif
