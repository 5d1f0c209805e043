// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The bounded reader beside msgpack-c, on the same bytes. What msgpack-c reads as one whole value, made of unsigned
 * integers, bin, str and arrays alone, and writes again byte for byte, the reader must take; everything else it must
 * refuse. msgpack-c believes lengths and asks malloc for them, so only bytes whose lengths fit are shown to it: a
 * count of what each header promises comes first.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH_MAX 24 /* msgpack-c reads 32 at most */

/* ---- the bounded reader, over any value ---- */

static void read_value(struct unpack *u, uint64_t *elements_left)
{
	const uint8_t type = u->at < u->end ? *u->at : 0xc1;
	size_t size;

	if ((type & 0xf0) == 0x90 || type == 0xdc || type == 0xdd)
		*elements_left += unpack_array(u);
	else if (type >= 0xc4 && type <= 0xc6)
		unpack_bin(u, &size);
	else if ((type & 0xe0) == 0xa0 || (type >= 0xd9 && type <= 0xdb))
		unpack_str(u, &size);
	else
		unpack_uint(u);
}

static bool is_taken(const uint8_t *data, size_t size)
{
	uint64_t elements_left = 1;
	struct unpack u;

	for (unpack_begin(&u, data, size); elements_left > 0 && !u.failed; elements_left--)
		read_value(&u, &elements_left);
	return elements_left == 0 && unpack_done(&u);
}

/* ---- what the headers promise, by the msgpack specification ---- */

struct header {
	size_t bytes; /* of the header itself */
	uint64_t content; /* bytes behind it */
	uint64_t elements; /* values behind that */
};

static uint64_t big_endian(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *at++;
	return value;
}

/* False: not a header, or cut short. */
static bool read_header(const uint8_t *at, size_t left, struct header *ret_header)
{
	/* 0xca.. contents of numbers and fixext */
	static const uint8_t fixed[16] = { 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0 };
	const uint8_t type = at[0];
	struct header header = { .bytes = 1 };
	size_t length = 0;

	if (type <= 0x7f || type >= 0xe0 || (type >= 0xc0 && type <= 0xc3))
		header.content = 0;
	else if (type <= 0x8f)
		header.elements = 2 * (type & 0x0f);
	else if (type <= 0x9f)
		header.elements = type & 0x0f;
	else if (type <= 0xbf)
		header.content = type & 0x1f;
	else if (type >= 0xca && type <= 0xd8)
		header.content = fixed[type - 0xca];
	else
		length = type >= 0xdc	? (size_t)2 << (type & 1)
			 : type >= 0xd9 ? (size_t)1 << (type - 0xd9)
					: (size_t)1 << ((type - 0xc4) % 3);
	if (type == 0xc1 || left - 1 < length)
		return false;
	if (length > 0) {
		const uint64_t number = big_endian(at + 1, length);

		header.bytes += length;
		if (type >= 0xdc)
			header.elements = type >= 0xde ? 2 * number : number;
		else
			header.content = number + (type >= 0xc7 && type <= 0xc9);
	}
	*ret_header = header;
	return true;
}

enum shape { WHOLE, BROKEN, DEEP };

/* Whether one value fills the bytes, and is no deeper than msgpack-c reads. */
static enum shape shape_of(const uint8_t *data, size_t size)
{
	uint64_t left[DEPTH_MAX + 1] = { 1 };
	unsigned int depth = 0;
	struct header header;

	for (;;) {
		while (depth > 0 && left[depth] == 0)
			depth--;
		if (left[depth] == 0)
			return size == 0 ? WHOLE : BROKEN;
		if (size == 0 || !read_header(data, size, &header) || header.content > size - header.bytes)
			return BROKEN;
		left[depth]--;
		data += header.bytes + header.content;
		size -= header.bytes + (size_t)header.content;
		if (header.elements > size)
			return BROKEN;
		if (header.elements > 0 && depth == DEPTH_MAX)
			return DEEP;
		if (header.elements > 0)
			left[++depth] = header.elements;
	}
}

/* ---- msgpack-c ---- */

static bool is_of_our_types(const msgpack_object *object)
{
	if (object->type == MSGPACK_OBJECT_ARRAY) {
		for (uint32_t i = 0; i < object->via.array.size; i++) {
			if (!is_of_our_types(&object->via.array.ptr[i]))
				return false;
		}
		return true;
	}
	return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER || object->type == MSGPACK_OBJECT_BIN ||
	       object->type == MSGPACK_OBJECT_STR;
}

static bool is_written_again(const uint8_t *data, size_t size)
{
	msgpack_unpacked value;
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	size_t at = 0;
	bool same = false;

	msgpack_unpacked_init(&value);
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	if (msgpack_unpack_next(&value, (const char *)data, size, &at) == MSGPACK_UNPACK_SUCCESS && at == size &&
	    is_of_our_types(&value.data)) {
		msgpack_pack_object(&packer, value.data);
		same = buffer.size == size && memcmp(buffer.data, data, size) == 0;
	}
	msgpack_sbuffer_destroy(&buffer);
	msgpack_unpacked_destroy(&value);
	return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum shape shape = shape_of(data, size);

	if (shape == BROKEN && is_taken(data, size))
		abort();
	if (shape == WHOLE && is_taken(data, size) != is_written_again(data, size))
		abort();
	return 0;
}
