/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list of revoked keys as bytes, and looking a key up in it. */
#include "revocation.h"

#include <errno.h>
#include <string.h>

#include "pack.h"
#include "unpack.h"

static bool is_in_order(const struct revocation *revocation, uint32_t at)
{
	return at == 0 ||
	       memcmp(revocation->keys[at - 1].public_key, revocation->keys[at].public_key, PUBLIC_KEY_BYTES) < 0;
}

int revocation_write(const struct revocation *revocation, uint8_t *ret_content, size_t bytes_max, size_t *ret_size)
{
	struct pack p;

	if (revocation->count > REVOKED_KEYS_MAX ||
	    bytes_max < 5 + (size_t)revocation->count * (1 + 2 + PUBLIC_KEY_BYTES + 9 + 1))
		return -EINVAL;
	pack_begin(&p, ret_content, bytes_max);
	pack_array(&p, revocation->count);
	for (uint32_t i = 0; i < revocation->count; i++) {
		if (!is_in_order(revocation, i))
			return -EINVAL;
		pack_array(&p, 3);
		pack_bin(&p, revocation->keys[i].public_key, PUBLIC_KEY_BYTES);
		pack_uint(&p, revocation->keys[i].id);
		pack_uint(&p, revocation->keys[i].reason);
	}
	*ret_size = (size_t)(p.at - ret_content);
	return 0;
}

bool revocation_read(const uint8_t *content, size_t size, struct revocation *ret_revocation)
{
	struct unpack u;

	unpack_begin(&u, content, size);
	ret_revocation->count = unpack_array(&u);
	if (ret_revocation->count > REVOKED_KEYS_MAX)
		return false;
	for (uint32_t i = 0; i < ret_revocation->count; i++) {
		struct revoked_key *key = &ret_revocation->keys[i];
		const uint8_t *bytes;

		unpack_array_of(&u, 3);
		bytes = unpack_bin_of(&u, PUBLIC_KEY_BYTES);
		key->id = unpack_uint(&u);
		key->reason = (enum revoked_reason)unpack_uint_max(&u, REVOKED_SUPERSEDED);
		if (u.failed)
			return false;
		memcpy(key->public_key, bytes, PUBLIC_KEY_BYTES);
		if (!is_in_order(ret_revocation, i))
			return false;
	}
	return unpack_done(&u);
}

const struct revoked_key *revocation_find(const struct revocation *revocation,
					  const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	uint32_t low = 0, high = revocation->count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = memcmp(revocation->keys[middle].public_key, public_key, PUBLIC_KEY_BYTES);

		if (order == 0)
			return &revocation->keys[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool revocation_covers(const struct revocation *later, const struct revocation *earlier)
{
	for (uint32_t i = 0; i < earlier->count; i++) {
		const struct revoked_key *found = revocation_find(later, earlier->keys[i].public_key);

		if (!found || found->reason > earlier->keys[i].reason || found->id != earlier->keys[i].id)
			return false;
	}
	return true;
}

bool revocation_has_lost(const struct revocation *revocation, uint64_t id)
{
	for (uint32_t i = 0; i < revocation->count; i++) {
		if (revocation->keys[i].id == id && revocation->keys[i].reason == REVOKED_LOST)
			return true;
	}
	return false;
}
