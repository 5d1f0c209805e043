/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl mesh revoke: a node's key counts no more, anywhere. With it goes the mesh secret the node knows. With
 * --previous it is the key the node had before mesh rotate, and the node itself goes on.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "keys.h"
#include "checkout.h"
#include "publish.h"

/* By name, or by public key in hex. */
static struct issued_node *find_node(struct issued *issued, const char *text)
{
	for (uint32_t i = 0; i < issued->nodes; i++) {
		if (strcmp(issued->node[i].name, text) == 0 || strcmp(issued->node[i].key, text) == 0)
			return &issued->node[i];
	}
	return NULL;
}

static int key_of(const struct issued_node *node, uint8_t ret_key[PUBLIC_KEY_BYTES], struct problem *ret_problem)
{
	size_t bytes;

	if (sodium_hex2bin(ret_key, PUBLIC_KEY_BYTES, node->key, strlen(node->key), NULL, &bytes, NULL) ||
	    bytes != PUBLIC_KEY_BYTES)
		return problem_set(ret_problem, -EINVAL, "issued: the key of %s is not one", node->name);
	return 0;
}

static int previous_key_of(const struct authority *authority, const char *directory, const struct issued_node *node,
			   uint8_t ret_key[PUBLIC_KEY_BYTES], struct problem *ret_problem)
{
	struct certificate certificate;
	char path[FILES_PATH_BYTES];
	int err = authority_certificate(authority, directory, node->name, &certificate, path, ret_problem);

	if (err)
		return err;
	if (!certificate.has_previous)
		return problem_set(ret_problem, -ENOENT, "%s: %s has had no other key", path, node->name);
	memcpy(ret_key, certificate.previous_key, PUBLIC_KEY_BYTES);
	return 0;
}

/* Its folder must not serve a later issue of the same name. */
static int put_folder_aside(const char *directory, const struct issued_node *node, struct problem *ret_problem)
{
	char from[FILES_PATH_BYTES], to[FILES_PATH_BYTES + 32];

	authority_path(directory, node->name, from);
	snprintf(to, sizeof(to), "%s.revoked-%llu", from, (unsigned long long)node->serial);
	if (rename(from, to) && errno != ENOENT)
		return problem_set(ret_problem, -errno, "%s: cannot be renamed: %s", from, strerror(errno));
	return 0;
}

static int enter(struct authority *authority, const char *directory, struct issued_node *node, bool previous,
		 struct problem *ret_problem)
{
	struct revoked_node entry = { .serial = node->serial,
				      .key = { .id = node->id,
					       .reason = previous ? REVOKED_SUPERSEDED : REVOKED_LOST } };
	char path[FILES_PATH_BYTES];
	int err;

	text_copy(node->name, entry.name, sizeof(entry.name));
	err = previous ? previous_key_of(authority, directory, node, entry.key.public_key, ret_problem)
		       : key_of(node, entry.key.public_key, ret_problem);
	if (!err && revoked_add(&authority->revoked, &entry))
		err = problem_set(ret_problem, -ENOSPC, "%s/revoked: at most %d keys", directory, REVOKED_KEYS_MAX);
	authority_path(directory, "revoked", path);
	if (!err)
		err = revoked_write(path, &authority->revoked, ret_problem);
	if (err || previous)
		return err;
	err = put_folder_aside(directory, node, ret_problem);
	*node = authority->issued.node[--authority->issued.nodes];
	authority_path(directory, "issued", path);
	return err ? err : issued_write(path, &authority->issued, ret_problem);
}

static int revoke(const struct arguments *arguments, struct output *output, const char *directory,
		  struct authority *authority, struct problem *ret_problem)
{
	const bool previous = arguments->value[OPTION_PREVIOUS];
	struct issued_node *node = find_node(&authority->issued, arguments->words[0]);
	uint64_t serial = 0, rotation = 0, in_s;
	char name[NAME_BYTES_MAX + 1];
	int err;

	if (!arguments_number(arguments, OPTION_IN, 0, 86400, IN_S_DEFAULT, &in_s))
		return problem_set(ret_problem, -EINVAL, "nothing was revoked");
	if (!node)
		return problem_set(ret_problem, -ENOENT, "%s: no node of this name or key is issued",
				   arguments->words[0]);
	text_copy(node->name, name, sizeof(name));
	err = publish_check(authority, directory, ret_problem);
	if (!err)
		err = enter(authority, directory, node, previous, ret_problem);
	if (!err)
		err = publish_revocation(authority, directory, &serial, ret_problem);
	if (!err && !previous)
		err = publish_rotation(authority, directory, in_s, &rotation, ret_problem);
	if (err)
		return err;
	const struct field fields[] = {
		TEXT("name", NULL, 0, name),
		FLAG("previous", NULL, 0, previous),
		NUMBER("revocation", NULL, 0, serial),
		NUMBER("rotation", NULL, 0, rotation),
	};

	output_facts(output, "revoked", FIELDS(fields));
	output_say(output, "%s: %s revoked (revocation %llu)", name, previous ? "its previous key is" : "is",
		   (unsigned long long)serial);
	if (!previous)
		output_say(output, "a new mesh secret replaces the one it knows (rotation %llu)",
			   (unsigned long long)rotation);
	return 0;
}

int run_mesh_revoke(const struct arguments *arguments, struct output *output)
{
	const char *directory = authority_directory(arguments);
	static struct authority authority;
	struct problem problem;
	int err, status;

	if (!directory)
		return EXIT_USAGE;
	err = checkout_guard(arguments, directory, &problem); /* a new mesh secret is written there */
	if (!err)
		err = authority_read(directory, &authority, &problem);
	if (!err)
		err = revoke(arguments, output, directory, &authority, &problem);
	authority_wipe(&authority);
	if (err) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	status = publish_push(arguments, output, directory, DOCUMENT_REVOCATION);
	if (status == EXIT_OK && !arguments->value[OPTION_PREVIOUS])
		status = publish_push(arguments, output, directory, DOCUMENT_ROTATION);
	return status;
}
