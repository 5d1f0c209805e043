/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cast of the tests of frames: a head, addresses, the cells of body.hex, and a body written out of cells. */
#ifndef TESTS_FRAME_CAST_H
#define TESTS_FRAME_CAST_H

#include "frame.h"
#include "seal.h"
#include "vector.h"

#define TICK 8500000000
#define SLOT 425000000
#define MESSAGE_TYPE_BYTES 1 /* in front of a frame inside the seal */
#define BODY_BYTES (DATAGRAM_BYTES_DEFAULT - SEAL_BYTES - MESSAGE_TYPE_BYTES - FRAME_PROOF_BYTES_MAX)

static inline struct frame_head head_make(uint64_t sequence, enum frame_kind kind)
{
	return (struct frame_head){ .origin = member_id_of(keys_a().public_key),
				    .incarnation = 3,
				    .sequence = 5ULL << 40 | sequence,
				    .tick = TICK,
				    .kind = kind };
}

static inline struct address ipv4(uint32_t address)
{
	const uint8_t bytes[4] = { (uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
				   (uint8_t)address };

	return address_of_ipv4(bytes);
}

/* 2001:db8::tail */
static inline struct address ipv6(uint16_t tail)
{
	return (struct address){ { 0x20, 0x01, 0x0d, 0xb8, [14] = (uint8_t)(tail >> 8), [15] = (uint8_t)tail } };
}

/* 2001:db8:tail::, a site's /48 and the first of its /64 */
static inline struct address ipv6_site(uint16_t tail)
{
	return (struct address){ { 0x20, 0x01, 0x0d, 0xb8, (uint8_t)(tail >> 8), (uint8_t)tail } };
}

#define VECTOR_CELLS 16

/* The cells of body.hex. */
static inline size_t cells_of_the_vector(struct cell ret_cells[VECTOR_CELLS])
{
	const struct address one = ipv4(0xc6336401), two = ipv4(0xc6336402);
	const struct address clients[] = { ipv4(0x0a000001), ipv4(0x0a000002), ipv6(1), ipv6(0) };
	const struct address networks[] = { ipv4(0xc6336400), ipv4(0xc6336500), ipv6(0) };
	const struct cell cells[] = {
		{ key_of_destination(&one), SLOT - 1, 0, 255, 90000, { 0 } },
		{ key_of_destination(&one), SLOT, 0, 200, 300, { 0 } },
		{ key_of_destination(&two), SLOT, 7, 7, 1, { 0 } },
		{ { .destination = ipv6(0x80) }, SLOT, 0, 199, 16384, { 0 } },
		{ { ipv4(0x0a000001), one }, SLOT, 0, 200, 127, { answers_word(64, false) } },
		{ { ipv4(0x0a000002), one }, SLOT, 3, 180, 128, { 0 } },
		{ { ipv4(0x0a000003), one }, SLOT, 0, 0, 0, { answers_word(5, true) } },
		{ { ipv4(0x0a000001), two }, SLOT, 7, 7, 1, { 0 } },
		{ { ipv6(1), ipv6(0x80) }, SLOT, 0, 199, UINT64_MAX, { UINT32_MAX } },
		{ key_of_client(&clients[0]), SLOT, 0, 200, 128, { 100, 0 } },
		{ key_of_client(&clients[1]), SLOT, 3, 180, 129, { 0 } },
		{ key_of_client(&clients[2]), SLOT, 0, 199, 2, { 2, 1 } },
		{ key_of_client(&clients[3]), SLOT, 1, 198, 3, { 0 } },
		{ key_of_network(&networks[0]), SLOT, 0, 200, 301, { 0 } },
		{ key_of_network(&networks[1]), SLOT, 9, 9, 4, { 0 } },
		{ key_of_network(&networks[2]), SLOT, 0, 199, 16385, { 0 } },
	};

	_Static_assert(sizeof(cells) == VECTOR_CELLS * sizeof(cells[0]), "the array of the caller has room");

	memcpy(ret_cells, cells, sizeof(cells));
	return ROWS(cells);
}

static inline size_t body_write(const struct frame_head *head, const struct cell *cells, size_t count,
				uint8_t *ret_body)
{
	static struct frame_writer writer;

	frame_begin(&writer, head, BODY_BYTES);
	for (size_t i = 0; i < count; i++)
		assert_true(frame_add(&writer, &cells[i]));
	return frame_finish(&writer, ret_body);
}

static inline bool same_cell(const struct cell *a, const struct cell *b)
{
	return key_equal(&a->key, &b->key) && a->slot == b->slot && a->first == b->first && a->last == b->last &&
	       a->packets == b->packets && memcmp(a->extras, b->extras, sizeof(a->extras)) == 0;
}

#endif
