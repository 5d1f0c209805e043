// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes from the network: the header, then the seal under a key and a session that nobody sealed them for. */
#include <stdlib.h>
#include <string.h>

#include "seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SEAL_KEY_BYTES] = { 1 };
	struct datagram_header header;
	struct seal_context context = { .sender = 1, .receiver = 2 };
	uint8_t datagram[DATAGRAM_BYTES_MAX];
	size_t plain;

	if (seal_header(data, size, &header) != REJECT_NONE)
		return 0;
	if (size > DATAGRAM_BYTES_MAX || (header.type == DATAGRAM_HELLO && size != HELLO_BYTES))
		abort();
	memcpy(datagram, data, size);
	if (seal_open(datagram, size, &context, key, &plain) != REJECT_SEAL || memcmp(datagram, data, size) != 0)
		abort();
	return 0;
}
