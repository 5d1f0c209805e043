// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a frame, and as a body: what is taken is written again byte for byte, so a body has one form. */
#include <stdlib.h>
#include <string.h>

#include "frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where every address is a client, each client is whole. */
static const struct widths narrow = WIDTHS_DEFAULT,
			   wide = { .client_bits = CLIENT_BITS_DEFAULT, .hosts_count = 1, .hosts = { { .bits = 0 } } };

/* What is refused only for a client is refused for it. */
static void clients_are_whole(const uint8_t *body, size_t size)
{
	const enum reject reject = frame_check(&narrow, body, size);

	if (reject != REJECT_NONE && reject != REJECT_CLIENT)
		abort();
}

static void body_is_canonical(const uint8_t *body, size_t size)
{
	static struct frame_writer writer;
	static uint8_t again[DATAGRAM_BYTES_MAX];
	struct frame_reader reader;
	struct cell cell;

	if (frame_check(&wide, body, size) != REJECT_NONE)
		return;
	clients_are_whole(body, size);
	frame_read(&reader, &wide, body, size);
	frame_begin(&writer, &reader.head, DATAGRAM_BYTES_MAX);
	while (frame_next(&reader, &cell)) {
		if (!frame_add(&writer, &cell))
			abort();
	}
	if (reader.reject != REJECT_NONE || frame_finish(&writer, again) != size || memcmp(again, body, size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_claim claim;

	body_is_canonical(data, size);
	if (frame_split(data, size, &claim) != REJECT_NONE)
		return 0;
	if (claim.body != data || claim.body_bytes > size || size - claim.body_bytes > FRAME_PROOF_BYTES_MAX)
		abort();
	body_is_canonical(claim.body, claim.body_bytes);
	return 0;
}
