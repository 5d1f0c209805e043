// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The bounded reader of canonical msgpack: the first thing that looks inside bytes that a seal or a signature let
 * through. Which fields are expected, and what they may mean, is left to the callers.
 */
#include "unpack.h"

void unpack_begin(struct unpack *u, const uint8_t *bytes, size_t size)
{
	*u = (struct unpack){ .at = bytes, .end = bytes + size };
}

static size_t left(const struct unpack *u)
{
	return (size_t)(u->end - u->at);
}

void unpack_fail(struct unpack *u)
{
	u->failed = true;
	u->at = u->end;
}

static const uint8_t *take(struct unpack *u, size_t size)
{
	const uint8_t *bytes = u->at;

	if (u->failed || size > left(u)) {
		unpack_fail(u);
		return NULL;
	}
	u->at += size;
	return bytes;
}

/* A big-endian number of `size` bytes that a shorter form could not have carried: at least `least`. */
static uint64_t number(struct unpack *u, size_t size, uint64_t least)
{
	const uint8_t *bytes = take(u, size);
	uint64_t value = 0;

	if (!bytes)
		return 0;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	if (value < least) {
		unpack_fail(u);
		return 0;
	}
	return value;
}

uint64_t unpack_uint(struct unpack *u)
{
	const uint8_t *type = take(u, 1);

	if (!type)
		return 0;
	if (*type <= 0x7f)
		return *type;
	switch (*type) {
	case 0xcc:
		return number(u, 1, 0x80);
	case 0xcd:
		return number(u, 2, 0x100);
	case 0xce:
		return number(u, 4, 0x10000);
	case 0xcf:
		return number(u, 8, 0x100000000);
	}
	unpack_fail(u);
	return 0;
}

uint64_t unpack_uint_max(struct unpack *u, uint64_t max)
{
	uint64_t value = unpack_uint(u);

	if (value > max) {
		unpack_fail(u);
		return 0;
	}
	return value;
}

uint32_t unpack_array(struct unpack *u)
{
	const uint8_t *type = take(u, 1);

	if (!type)
		return 0;
	if ((*type & 0xf0) == 0x90)
		return *type & 0x0f;
	switch (*type) {
	case 0xdc:
		return (uint32_t)number(u, 2, 0x10);
	case 0xdd:
		return (uint32_t)number(u, 4, 0x10000);
	}
	unpack_fail(u);
	return 0;
}

void unpack_array_of(struct unpack *u, uint32_t elements)
{
	if (unpack_array(u) != elements)
		unpack_fail(u);
}

/* The bytes of a bin or str whose length was read. */
static const uint8_t *run(struct unpack *u, size_t size, size_t *ret_size)
{
	const uint8_t *bytes = take(u, size);

	if (bytes)
		*ret_size = size;
	return bytes;
}

const uint8_t *unpack_bin(struct unpack *u, size_t *ret_size)
{
	const uint8_t *type = take(u, 1);
	size_t size = 0;

	*ret_size = 0;
	if (!type)
		return NULL;
	switch (*type) {
	case 0xc4:
		size = number(u, 1, 0);
		break;
	case 0xc5:
		size = number(u, 2, 0x100);
		break;
	case 0xc6:
		size = number(u, 4, 0x10000);
		break;
	default:
		unpack_fail(u);
	}
	return run(u, size, ret_size);
}

const uint8_t *unpack_str(struct unpack *u, size_t *ret_size)
{
	const uint8_t *type = take(u, 1);
	size_t size = 0;

	*ret_size = 0;
	if (!type)
		return NULL;
	switch (*type) {
	case 0xa0 ... 0xbf:
		size = *type & 0x1f;
		break;
	case 0xd9:
		size = number(u, 1, 0x20);
		break;
	case 0xda:
		size = number(u, 2, 0x100);
		break;
	case 0xdb:
		size = number(u, 4, 0x10000);
		break;
	default:
		unpack_fail(u);
	}
	return run(u, size, ret_size);
}

const uint8_t *unpack_bin_of(struct unpack *u, size_t size)
{
	size_t found;
	const uint8_t *bytes = unpack_bin(u, &found);

	if (bytes && found != size) {
		unpack_fail(u);
		return NULL;
	}
	return bytes;
}

uint64_t unpack_varint(struct unpack *u)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		const uint8_t *byte = take(u, 1);

		if (!byte)
			return 0;
		if (shift == 63 && *byte > 1)
			break; /* more than 64 bits */
		value |= (uint64_t)(*byte & 0x7f) << shift;
		if (*byte & 0x80)
			continue;
		if (*byte == 0 && shift > 0)
			break; /* a shorter form exists */
		return value;
	}
	unpack_fail(u);
	return 0;
}

bool unpack_done(const struct unpack *u)
{
	return !u->failed && u->at == u->end;
}
