// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The writer of canonical msgpack: everything of ours that will be signed goes through here. The sizes are stated
 * beside the writing, so that a frame knows whether a cell still fits before it is written.
 */
#include <msgpack/pack.h>

#include "assertion.h"
#include "bytes.h"
#include "pack.h"

static int append(void *data, const char *bytes, size_t size)
{
	pack_raw(data, bytes, size);
	return 0;
}

static msgpack_packer packer_of(struct pack *p)
{
	return (msgpack_packer){ .data = p, .callback = append };
}

void pack_begin(struct pack *p, uint8_t *buffer, size_t size)
{
	*p = (struct pack){ .at = buffer, .end = buffer + size };
}

void pack_raw(struct pack *p, const void *bytes, size_t size)
{
	ASSERT(size <= (size_t)(p->end - p->at));
	p->at = put_bytes(p->at, bytes, size);
}

void pack_uint(struct pack *p, uint64_t value)
{
	msgpack_packer packer = packer_of(p);

	msgpack_pack_uint64(&packer, value);
}

void pack_array(struct pack *p, size_t elements)
{
	msgpack_packer packer = packer_of(p);

	msgpack_pack_array(&packer, elements);
}

void pack_str(struct pack *p, const char *string, size_t size)
{
	msgpack_packer packer = packer_of(p);

	msgpack_pack_str(&packer, size);
	pack_raw(p, string, size);
}

void pack_bin_header(struct pack *p, size_t size)
{
	msgpack_packer packer = packer_of(p);

	msgpack_pack_bin(&packer, size);
}

void pack_bin(struct pack *p, const void *bytes, size_t size)
{
	pack_bin_header(p, size);
	pack_raw(p, bytes, size);
}

void pack_varint(struct pack *p, uint64_t value)
{
	uint8_t bytes[10];
	size_t size = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[size++] = (uint8_t)(value | 0x80);
	bytes[size++] = (uint8_t)value;
	pack_raw(p, bytes, size);
}

size_t pack_uint_bytes(uint64_t value)
{
	if (value < 0x80)
		return 1;
	if (value < 0x100)
		return 2;
	if (value < 0x10000)
		return 3;
	return value < 0x100000000 ? 5 : 9;
}

size_t pack_array_header_bytes(size_t elements)
{
	if (elements < 0x10)
		return 1;
	return elements < 0x10000 ? 3 : 5;
}

size_t pack_bin_bytes(size_t size)
{
	if (size < 0x100)
		return 2 + size;
	return (size < 0x10000 ? 3 : 5) + size;
}

size_t pack_varint_bytes(uint64_t value)
{
	/* 7 bits a byte; 0 takes one. */
	return (size_t)(70 - __builtin_clzll(value | 1)) / 7;
}
