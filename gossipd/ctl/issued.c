/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* D/issued: "NAME SERIAL KEY ID ADDRESS..." per line; KEY and ID in hex. */
#include "issued.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lines.h"

#define LINE_BYTES (NAME_BYTES_MAX + 41 + 2 * PUBLIC_KEY_BYTES + ENDPOINTS_MAX * TEXT_ENDPOINT_BYTES)
#define FILE_BYTES_MAX ((size_t)ISSUED_NODES_MAX * LINE_BYTES)

bool hex_to_id(const char *text, uint64_t *ret_id)
{
	char *end;

	if (strlen(text) != 16 || text[strspn(text, "0123456789abcdef")] != '\0')
		return false;
	*ret_id = strtoull(text, &end, 16);
	return *ret_id != 0;
}

static bool read_line(char *line, struct issued_node *ret_node)
{
	char *rest = line, *name = strsep(&rest, " "), *serial = strsep(&rest, " "), *key = strsep(&rest, " "),
	     *id = strsep(&rest, " "), *text;
	struct issued_node node = { .endpoints = 0 };
	const char *why;

	if (!id || !rest || !hex_to_id(id, &node.id) || !text_copy(name, node.name, sizeof(node.name)) ||
	    !text_copy(key, node.key, sizeof(node.key)) || !text_to_number(serial, 1, UINT64_MAX, &node.serial))
		return false;
	while ((text = strsep(&rest, " "))) {
		if (node.endpoints == ENDPOINTS_MAX || text_to_endpoint(text, &node.endpoint[node.endpoints++], &why))
			return false;
	}
	*ret_node = node;
	return true;
}

static bool take_line(void *user, char *line)
{
	struct issued *issued = user;

	if (issued->nodes == ISSUED_NODES_MAX || !read_line(line, &issued->node[issued->nodes]))
		return false;
	issued->nodes++;
	return true;
}

int issued_read(const char *path, struct issued *ret_issued, struct problem *ret_problem)
{
	ret_issued->nodes = 0;
	return lines_read(path, FILE_BYTES_MAX, "mesh issue", take_line, ret_issued, ret_problem);
}

int issued_write(const char *path, const struct issued *issued, struct problem *ret_problem)
{
	char *text = malloc(FILE_BYTES_MAX + 1), endpoint[TEXT_ENDPOINT_BYTES];
	size_t size = 0;
	int err;

	if (!text)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	for (uint32_t i = 0; i < issued->nodes; i++) {
		const struct issued_node *node = &issued->node[i];

		size += (size_t)snprintf(text + size, FILE_BYTES_MAX - size, "%s %" PRIu64 " %s %016" PRIx64,
					 node->name, node->serial, node->key, node->id);
		for (uint32_t j = 0; j < node->endpoints; j++) {
			text_of_endpoint(&node->endpoint[j], endpoint);
			size += (size_t)snprintf(text + size, FILE_BYTES_MAX - size, " %s", endpoint);
		}
		text[size++] = '\n';
	}
	err = files_write_path(path, 0644, text, size, true, ret_problem);
	free(text);
	return err;
}

struct issued_node *issued_find(struct issued *issued, const char *name)
{
	for (uint32_t i = 0; i < issued->nodes; i++) {
		if (strcmp(issued->node[i].name, name) == 0)
			return &issued->node[i];
	}
	return NULL;
}

const struct issued_node *issued_at(const struct issued *issued, const struct endpoint *endpoint)
{
	for (uint32_t i = 0; i < issued->nodes; i++) {
		for (uint32_t j = 0; j < issued->node[i].endpoints; j++) {
			if (issued->node[i].endpoint[j].port == endpoint->port &&
			    address_equal(&issued->node[i].endpoint[j].address, &endpoint->address))
				return &issued->node[i];
		}
	}
	return NULL;
}

uint64_t issued_next_serial(const struct issued *issued)
{
	uint64_t serial = 0;

	for (uint32_t i = 0; i < issued->nodes; i++) {
		if (issued->node[i].serial > serial)
			serial = issued->node[i].serial;
	}
	return serial + 1;
}
