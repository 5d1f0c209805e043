/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mesh directory's memory: which nodes were issued, with which serial, key and addresses. A text file, one line
 * per node.
 */
#ifndef CTL_ISSUED_H
#define CTL_ISSUED_H

#include "text.h"
#include "files.h"

#define ISSUED_NODES_MAX MEMBERS_MAX

struct issued_node {
	char name[NAME_BYTES_MAX + 1];
	uint64_t serial, id; /* id: the member's, whatever its key */
	char key[2 * PUBLIC_KEY_BYTES + 1];
	uint32_t endpoints;
	struct endpoint endpoint[ENDPOINTS_MAX];
};

struct issued {
	uint32_t nodes;
	struct issued_node node[ISSUED_NODES_MAX];
};

/* Reads D/issued. -EINVAL names the line. */
int issued_read(const char *path, struct issued *ret_issued, struct problem *ret_problem);
int issued_write(const char *path, const struct issued *issued, struct problem *ret_problem);

/* NULL when there is no node of this name, or address. */
struct issued_node *issued_find(struct issued *issued, const char *name);
const struct issued_node *issued_at(const struct issued *issued, const struct endpoint *endpoint);

/* 16 hex digits, not all 0. */
bool hex_to_id(const char *text, uint64_t *ret_id);

/* Above every serial so far. */
uint64_t issued_next_serial(const struct issued *issued);

#endif
