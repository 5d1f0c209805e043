/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A binary heap that grows as needed. */
#include "heap.h"

#include <stdlib.h>

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

void heap_add(struct heap *heap, int64_t at_ns, void (*run)(struct world *world, uint64_t who, void *what),
	      uint64_t who, void *what)
{
	const struct event event = { at_ns, heap->order++, run, who, what };
	size_t at = heap->count++;

	if (at == heap->size) {
		heap->size = heap->size * 2 + 1024;
		heap->events = realloc(heap->events, heap->size * sizeof(*heap->events));
		if (!heap->events)
			abort();
	}
	while (at > 0 && is_before(&event, &heap->events[(at - 1) / 2])) {
		heap->events[at] = heap->events[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->events[at] = event;
}

bool heap_take(struct heap *heap, int64_t until_ns, struct event *ret_event)
{
	struct event last;
	size_t at = 0;

	if (heap->count == 0 || heap->events[0].at_ns > until_ns)
		return false;
	*ret_event = heap->events[0];
	last = heap->events[--heap->count];
	for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
		if (child + 1 < heap->count && is_before(&heap->events[child + 1], &heap->events[child]))
			child++;
		if (!is_before(&heap->events[child], &last))
			break;
		heap->events[at] = heap->events[child];
		at = child;
	}
	heap->events[at] = last;
	return true;
}

void heap_free(struct heap *heap)
{
	free(heap->events);
	*heap = (struct heap){ .events = NULL };
}
