/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Divides the memory that node_init got into aligned pieces. The same calls on an arena without memory compute the size
 * that is needed.
 */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_ALIGN 64

struct arena {
	uint8_t *memory; /* NULL: measure only */
	size_t used;
};

static inline void *arena_take(struct arena *arena, size_t count, size_t size)
{
	uint8_t *piece = arena->memory ? arena->memory + arena->used : NULL;

	arena->used += (count * size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	return piece;
}

#endif
