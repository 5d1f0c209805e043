/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* D/revoked: "NAME SERIAL KEY ID lost|superseded" per line; KEY and ID in hex. */
#include "revoked.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "issued.h"
#include "lines.h"

#define LINE_BYTES (NAME_BYTES_MAX + 24 + 2 * PUBLIC_KEY_BYTES + 20 + 16)
#define FILE_BYTES_MAX ((size_t)REVOKED_KEYS_MAX * LINE_BYTES)

static const char *const reasons[] = { [REVOKED_LOST] = "lost", [REVOKED_SUPERSEDED] = "superseded" };

static bool read_line(char *line, struct revoked_node *ret_node)
{
	char *rest = line, *name = strsep(&rest, " "), *serial = strsep(&rest, " "), *key = strsep(&rest, " "),
	     *id = strsep(&rest, " ");
	struct revoked_node node = { .serial = 0 };
	size_t bytes;

	if (!id || !rest || !text_copy(name, node.name, sizeof(node.name)) ||
	    !text_to_number(serial, 1, UINT64_MAX, &node.serial) || !hex_to_id(id, &node.key.id))
		return false;
	if (sodium_hex2bin(node.key.public_key, PUBLIC_KEY_BYTES, key, strlen(key), NULL, &bytes, NULL) ||
	    bytes != PUBLIC_KEY_BYTES)
		return false;
	node.key.reason = strcmp(rest, reasons[REVOKED_LOST]) == 0 ? REVOKED_LOST : REVOKED_SUPERSEDED;
	if (strcmp(rest, reasons[node.key.reason]) != 0)
		return false;
	*ret_node = node;
	return true;
}

static bool take_line(void *user, char *line)
{
	struct revoked *revoked = user;

	if (revoked->count == REVOKED_KEYS_MAX || !read_line(line, &revoked->node[revoked->count]))
		return false;
	revoked->count++;
	return true;
}

int revoked_read(const char *path, struct revoked *ret_revoked, struct problem *ret_problem)
{
	int err;

	ret_revoked->count = 0;
	err = lines_read(path, FILE_BYTES_MAX, "mesh revoke", take_line, ret_revoked, ret_problem);
	return err == -ENOENT ? 0 : err; /* none was revoked yet */
}

int revoked_write(const char *path, const struct revoked *revoked, struct problem *ret_problem)
{
	char *text = malloc(FILE_BYTES_MAX + 1), key[2 * PUBLIC_KEY_BYTES + 1];
	size_t size = 0;
	int err;

	if (!text)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	for (uint32_t i = 0; i < revoked->count; i++) {
		const struct revoked_node *node = &revoked->node[i];

		sodium_bin2hex(key, sizeof(key), node->key.public_key, PUBLIC_KEY_BYTES);
		size += (size_t)snprintf(text + size, FILE_BYTES_MAX - size, "%s %" PRIu64 " %s %016" PRIx64 " %s\n",
					 node->name, node->serial, key, node->key.id, reasons[node->key.reason]);
	}
	err = files_write_path(path, 0644, text, size, true, ret_problem);
	free(text);
	return err;
}

int revoked_add(struct revoked *revoked, const struct revoked_node *node)
{
	for (uint32_t i = 0; i < revoked->count; i++) {
		struct revoked_node *held = &revoked->node[i];

		if (memcmp(held->key.public_key, node->key.public_key, PUBLIC_KEY_BYTES) != 0)
			continue;
		if (node->key.reason < held->key.reason)
			held->key.reason = node->key.reason;
		return 0;
	}
	if (revoked->count == REVOKED_KEYS_MAX)
		return -ENOSPC;
	revoked->node[revoked->count++] = *node;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct revoked_key *x = a, *y = b;

	return memcmp(x->public_key, y->public_key, PUBLIC_KEY_BYTES);
}

void revoked_list(const struct revoked *revoked, struct revocation *ret_revocation)
{
	ret_revocation->count = revoked->count;
	for (uint32_t i = 0; i < revoked->count; i++)
		ret_revocation->keys[i] = revoked->node[i].key;
	qsort(ret_revocation->keys, ret_revocation->count, sizeof(ret_revocation->keys[0]), by_key);
}

uint64_t revoked_highest_serial(const struct revoked *revoked)
{
	uint64_t serial = 0;

	for (uint32_t i = 0; i < revoked->count; i++) {
		if (revoked->node[i].serial > serial)
			serial = revoked->node[i].serial;
	}
	return serial;
}
