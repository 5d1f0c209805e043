/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "event_rings.h"

#include <stdbool.h>
#include <string.h>

static uint32_t size_of(enum event_class class)
{
	return class == EVENTS_OF_TRAFFIC ? EVENTS_KEPT : EVENTS_KEPT_ELSE;
}

/* The event at this place of the order, 0 being the oldest. */
static const struct event_kept *kept_at(const struct event_rings *rings, enum event_class class, uint32_t place)
{
	const uint32_t at = (rings->rings[class].first + place) % size_of(class);

	return class == EVENTS_OF_TRAFFIC ? &rings->traffic[at] : &rings->others[class - 1][at];
}

static struct event_kept *to_write(struct event_rings *rings, enum event_class class, uint32_t place)
{
	return (struct event_kept *)kept_at(rings, class, place);
}

/* Are they of one kind, and about the same? */
static bool is_alike(const struct control_event *a, const struct control_event *b)
{
	return strcmp(a->kind, b->kind) == 0 && strcmp(a->member, b->member) == 0 &&
	       strcmp(a->condition, b->condition) == 0 && strcmp(a->subject, b->subject) == 0;
}

/* The place of the event that gives way to one more; the ring's count: none. */
static uint32_t place_to_free(const struct event_rings *rings, enum event_class class,
			      const struct control_event *event)
{
	const uint32_t count = rings->rings[class].count;
	uint32_t oldest = count, alike = 0;

	for (uint32_t place = count; class != EVENTS_OF_TRAFFIC && place > 0; place--) {
		if (!is_alike(&kept_at(rings, class, place - 1)->event, event))
			continue;
		oldest = place - 1;
		alike++;
	}
	if (alike >= EVENTS_EACH)
		return oldest;
	return count == size_of(class) ? 0 : count;
}

/* The older ones move up. */
static void free_place(struct event_rings *rings, enum event_class class, uint32_t place)
{
	struct event_ring *ring = &rings->rings[class];

	for (; place > 0; place--)
		*to_write(rings, class, place) = *kept_at(rings, class, place - 1);
	ring->first = (ring->first + 1) % size_of(class);
	ring->count--;
}

void event_rings_keep(struct event_rings *rings, enum event_class class, const struct control_event *event)
{
	struct event_ring *ring = &rings->rings[class];
	const uint32_t place = place_to_free(rings, class, event);

	if (place < ring->count)
		free_place(rings, class, place);
	*to_write(rings, class, ring->count++) = (struct event_kept){ .number = rings->next++, .event = *event };
}

/* The place of the first whose number is `number` or more. */
static uint32_t place_from(const struct event_rings *rings, enum event_class class, uint64_t number)
{
	uint32_t low = 0, high = rings->rings[class].count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (kept_at(rings, class, middle)->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct control_event *event_rings_from(const struct event_rings *rings, uint64_t *number)
{
	const struct event_kept *first = NULL;

	for (unsigned int class = 0; class < EVENT_CLASSES; class++) {
		const uint32_t place = place_from(rings, class, *number);

		if (place < rings->rings[class].count &&
		    (!first || kept_at(rings, class, place)->number < first->number))
			first = kept_at(rings, class, place);
	}
	if (!first)
		return NULL;
	*number = first->number;
	return &first->event;
}
