/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads canonical msgpack from remote bytes: a cursor with a sticky error. Takes unsigned integers, bin, str and
 * array headers, each in its shortest form and nothing else; never allocates, never recurses, never reads behind the
 * end. After an error every read returns 0 or NULL and moves nothing, so a caller may read a whole record and ask
 * once.
 */
#ifndef PROTO_UNPACK_H
#define PROTO_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unpack {
	const uint8_t *at, *end;
	bool failed;
};

void unpack_begin(struct unpack *u, const uint8_t *bytes, size_t size);

uint64_t unpack_uint(struct unpack *u);

/* An unsigned integer of at most `max`; a larger one is an error. */
uint64_t unpack_uint_max(struct unpack *u, uint64_t max);

/* The number of elements that follow; the caller reads them. */
uint32_t unpack_array(struct unpack *u);

/* An array of exactly this many elements; another number is an error. */
void unpack_array_of(struct unpack *u, uint32_t elements);

/* The bytes of a bin or str, inside the input. */
const uint8_t *unpack_bin(struct unpack *u, size_t *ret_size);
const uint8_t *unpack_str(struct unpack *u, size_t *ret_size);

/* A bin of exactly `size` bytes. */
const uint8_t *unpack_bin_of(struct unpack *u, size_t size);

/*
 * An unsigned LEB128 number of at most 64 bits in its shortest form: 7 bits per byte, lowest first. Not msgpack: the
 * packets column.
 */
uint64_t unpack_varint(struct unpack *u);

/* For the caller who finds what was read impossible: the error sticks. */
void unpack_fail(struct unpack *u);

/* Everything read without error, and nothing left. */
bool unpack_done(const struct unpack *u);

#endif
