// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Any bytes as a document, and as what a revocation or a rotation says: what is taken of a list is written again
 * byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "revocation.h"
#include "rotation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void revocation_is_canonical(const uint8_t *content, size_t size)
{
	static struct revocation revocation;
	static uint8_t again[DOCUMENT_BYTES_MAX];
	size_t written;

	if (!revocation_read(content, size, &revocation))
		return;
	if (revocation_write(&revocation, again, sizeof(again), &written) || written != size ||
	    memcmp(again, content, size) != 0)
		abort();
	for (uint32_t i = 0; i < revocation.count; i++) {
		if (revocation_find(&revocation, revocation.keys[i].public_key) != &revocation.keys[i])
			abort();
	}
}

static void rotation_is_bounded(const uint8_t *content, size_t size)
{
	static const uint8_t secret[SECRET_KEY_BYTES] = { 1 };
	const struct mesh mesh = { .tick_ms = 200 };
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES];
	struct rotation rotation;

	if (!rotation_read(content, size, 5, &rotation))
		return;
	if (rotation.secrets < 1 || rotation.secrets > SECRETS_MAX ||
	    (rotation.box && (rotation.box < content || rotation.box >= content + size)))
		abort();
	if (rotation_open(&rotation, &mesh, secret, secrets))
		abort(); /* nobody sealed it */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mesh mesh = { .id = { 0x9d, 0x24, 0xe2, 0xee, 0xaf, 0x27, 0xc2, 0xa0, 0x88, 0xa5, 0x64, 0xa3, 0x2f,
					   0xc0, 0x3a, 0x88 } };
	struct document document;

	if (document_open(data, size, &mesh, &document) == REJECT_NONE)
		abort(); /* this mesh has no authority */
	document_version(data, size);
	revocation_is_canonical(data, size);
	rotation_is_bounded(data, size);
	return 0;
}
