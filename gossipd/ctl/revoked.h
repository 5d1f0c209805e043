/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mesh directory's memory of keys that count no more: what the next revocation document says. A text file, one
 * line per key.
 */
#ifndef CTL_REVOKED_H
#define CTL_REVOKED_H

#include "files.h"
#include "revocation.h"

struct revoked_node {
	char name[NAME_BYTES_MAX + 1];
	uint64_t serial; /* of its last certificate: never issued again */
	struct revoked_key key;
};

struct revoked {
	uint32_t count;
	struct revoked_node node[REVOKED_KEYS_MAX];
};

/* Reads D/revoked; none is an empty list. -EINVAL names the line. */
int revoked_read(const char *path, struct revoked *ret_revoked, struct problem *ret_problem);
int revoked_write(const char *path, const struct revoked *revoked, struct problem *ret_problem);

/* Enters a key, or makes what stands there of it graver. -ENOSPC. */
int revoked_add(struct revoked *revoked, const struct revoked_node *node);

/* The list as the document says it. */
void revoked_list(const struct revoked *revoked, struct revocation *ret_revocation);

uint64_t revoked_highest_serial(const struct revoked *revoked);

#endif
