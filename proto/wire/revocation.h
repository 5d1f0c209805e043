/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list of keys that count no more: the content of a revocation document. Whole each time, and it only grows. */
#ifndef PROTO_REVOCATION_H
#define PROTO_REVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xpro/bounds.h>

enum revoked_reason {
	REVOKED_LOST, /* the key, and the member with it: nothing it ever signed counts */
	REVOKED_SUPERSEDED, /* the key alone: its member goes on under its next one, and keeps its counts */
};

struct revoked_key {
	uint8_t public_key[PUBLIC_KEY_BYTES];
	uint64_t id; /* of the member it was issued to */
	enum revoked_reason reason;
};

/* Ascending by key, each once. */
struct revocation {
	uint32_t count;
	struct revoked_key keys[REVOKED_KEYS_MAX];
};

/* -EINVAL: not in order, or too many. */
int revocation_write(const struct revocation *revocation, uint8_t *ret_content, size_t bytes_max, size_t *ret_size);

/* False: not in canonical form or out of bounds; *ret_revocation is then anything. */
bool revocation_read(const uint8_t *content, size_t size, struct revocation *ret_revocation);

/* NULL: not on the list. */
const struct revoked_key *revocation_find(const struct revocation *revocation,
					  const uint8_t public_key[PUBLIC_KEY_BYTES]);

/* Is the member itself out, whatever its key? */
bool revocation_has_lost(const struct revocation *revocation, uint64_t id);

/* Does `later` hold all that `earlier` does, none of it milder? */
bool revocation_covers(const struct revocation *later, const struct revocation *earlier);

#endif
