/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes canonical msgpack into a buffer of ours: msgpack-c's packer, which always takes the shortest form, writing
 * through a cursor that never passes the buffer's end. Running over is our own bug, so it is an ASSERT.
 */
#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include <stddef.h>
#include <stdint.h>

struct pack {
	uint8_t *at;
	const uint8_t *end;
};

void pack_begin(struct pack *p, uint8_t *buffer, size_t size);
void pack_uint(struct pack *p, uint64_t value);
void pack_array(struct pack *p, size_t elements);
void pack_str(struct pack *p, const char *string, size_t size);
void pack_bin(struct pack *p, const void *bytes, size_t size);

/* The header alone; the caller writes exactly `size` bytes behind it, with the two functions below. */
void pack_bin_header(struct pack *p, size_t size);
void pack_raw(struct pack *p, const void *bytes, size_t size);
void pack_varint(struct pack *p, uint64_t value);

/* Sizes of what the functions above write. */
size_t pack_uint_bytes(uint64_t value);
size_t pack_array_header_bytes(size_t elements);
size_t pack_bin_bytes(size_t size);
size_t pack_varint_bytes(uint64_t value);

#endif
