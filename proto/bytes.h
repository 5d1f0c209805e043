/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writing fixed-width messages, and a cursor over received ones whose error is sticky. The numbers themselves are little.h's. */
#ifndef PROTO_BYTES_H
#define PROTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *put_le(uint8_t *at, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
	return at + bytes;
}

static inline uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

static inline bool cursor_has(struct cursor *c, size_t need)
{
	if (c->failed || need > (size_t)(c->end - c->at))
		c->failed = true;
	return !c->failed;
}

static inline uint64_t get_le(struct cursor *c, unsigned int bytes)
{
	uint64_t value = 0;

	if (!cursor_has(c, bytes))
		return 0;
	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)c->at[i] << 8 * i;
	c->at += bytes;
	return value;
}

static inline void get_bytes(struct cursor *c, void *ret_bytes, size_t size)
{
	if (!cursor_has(c, size)) {
		memset(ret_bytes, 0, size);
		return;
	}
	memcpy(ret_bytes, c->at, size);
	c->at += size;
}

/* Everything was read and nothing failed. */
static inline bool cursor_done(const struct cursor *c)
{
	return !c->failed && c->at == c->end;
}

#endif
