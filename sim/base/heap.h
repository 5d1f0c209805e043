/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is to happen when: a heap of events, ordered by time, then by the order they were planned in. */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

struct event {
	int64_t at_ns;
	uint64_t order;
	void (*run)(struct world *world, uint64_t who, void *what);
	uint64_t who;
	void *what;
};

struct heap {
	struct event *events;
	size_t count, size;
	uint64_t order;
};

void heap_add(struct heap *heap, int64_t at_ns, void (*run)(struct world *world, uint64_t who, void *what),
	      uint64_t who, void *what);
bool heap_take(struct heap *heap, int64_t until_ns, struct event *ret_event);
void heap_free(struct heap *heap);

#endif
