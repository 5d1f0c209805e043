/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fixed-width numbers as on the wire and under a signature: little-endian, at any alignment. Each put returns a pointer
 * behind what it wrote. Also a cursor over received bytes whose error is sticky.
 */
#ifndef PROTO_BYTES_H
#define PROTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *put_le(uint8_t *at, uint64_t value, unsigned int bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(at, &value, bytes); /* one store where the width is known */
#else
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
#endif
	return at + bytes;
}

static inline uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

/* The number of `bytes` bytes that stands here; the caller knows that they are there. */
static inline uint64_t le_at(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(&value, at, bytes);
#else
	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
#endif
	return value;
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
	if (!cursor_has(c, bytes))
		return 0;
	c->at += bytes;
	return le_at(c->at - bytes, bytes);
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
