/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Signing and bringing documents. The last one of each kind stands in the authority's directory: its serial is the
 * only counter, and losing the directory is losing the mesh. A proxy needs no key of the authority's to carry a
 * document on.
 */
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys.h"
#include "ask.h"
#include "rotation.h"

#define GRACE_S 300 /* frames under the old mesh secret are taken so long after the new one is in force */

static void document_path(const char *directory, enum document_kind kind, char ret_path[FILES_PATH_BYTES])
{
	char name[32];

	snprintf(name, sizeof(name), "%s.doc", document_names[kind]);
	authority_path(directory, name, ret_path);
}

static int read_file(const char *path, uint8_t ret_bytes[DOCUMENT_BYTES_MAX], size_t *ret_size,
		     struct problem *ret_problem)
{
	int err = files_read_at(AT_FDCWD, path, ret_bytes, DOCUMENT_BYTES_MAX, ret_size);

	return err ? problem_set(ret_problem, err, "%s: %s", path,
				 err == -EFBIG ? "too long to be a document" : strerror(-err))
		   : 0;
}

/* 0 before the first. */
static int last_serial(const struct authority *authority, const char *path, uint64_t *ret_serial,
		       struct problem *ret_problem)
{
	static uint8_t bytes[DOCUMENT_BYTES_MAX];
	struct document document;
	enum reject reason;
	size_t size = 0;
	int err;

	*ret_serial = 0;
	err = files_read_at(AT_FDCWD, path, bytes, sizeof(bytes), &size);
	if (err == -ENOENT)
		return 0;
	if (err)
		return problem_set(ret_problem, err, "%s: %s", path, strerror(-err));
	reason = document_open(bytes, size, &authority->mesh, &document);
	if (reason != REJECT_NONE)
		return problem_set(ret_problem, -EBADMSG,
				   "%s: is not this authority's document (%s): its serial is needed to go on", path,
				   reject_names[reason]);
	*ret_serial = document.serial;
	return 0;
}

int publish_check(const struct authority *authority, const char *directory, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES];
	uint64_t serial;
	int err = 0;

	for (unsigned int kind = 0; !err && kind < DOCUMENT_KINDS; kind++) {
		document_path(directory, (enum document_kind)kind, path);
		err = last_serial(authority, path, &serial, ret_problem);
	}
	return err;
}

int publish_sign(const struct authority *authority, const char *directory, enum document_kind kind,
		 const uint8_t *content, size_t size, uint64_t *ret_serial, struct problem *ret_problem)
{
	static uint8_t bytes[DOCUMENT_BYTES_MAX];
	struct document document = { .kind = kind, .content = content, .content_bytes = size };
	char path[FILES_PATH_BYTES];
	size_t document_size;
	int err;

	document_path(directory, kind, path);
	err = last_serial(authority, path, &document.serial, ret_problem);
	if (err)
		return err;
	document.serial++;
	if (document_issue(&document, &authority->mesh, authority->secret_key, bytes, &document_size))
		return problem_set(ret_problem, -EINVAL, "%s: cannot be signed: too long", path);
	err = files_write_path(path, 0644, bytes, document_size, true, ret_problem);
	if (!err)
		*ret_serial = document.serial;
	return err;
}

int publish_revocation(const struct authority *authority, const char *directory, uint64_t *ret_serial,
		       struct problem *ret_problem)
{
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	static struct revocation revocation;
	size_t size;

	revoked_list(&authority->revoked, &revocation);
	if (revocation_write(&revocation, content, sizeof(content), &size))
		return problem_set(ret_problem, -EINVAL, "%s: the list of revoked keys does not fit a document",
				   directory);
	return publish_sign(authority, directory, DOCUMENT_REVOCATION, content, size, ret_serial, ret_problem);
}

uint64_t publish_slot(const struct mesh *mesh, uint64_t in_s)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return mesh_slot_at(mesh, (struct instant){ ((int64_t)now.tv_sec + (int64_t)in_s) * NS_PER_S }) + 1;
}

static int by_id(const void *a, const void *b)
{
	const struct rotation_member *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int list_members(const struct issued *issued, struct rotation_member *ret_members, struct problem *ret_problem)
{
	for (uint32_t i = 0; i < issued->nodes; i++) {
		const struct issued_node *node = &issued->node[i];
		size_t bytes;

		ret_members[i].id = node->id;
		if (sodium_hex2bin(ret_members[i].public_key, PUBLIC_KEY_BYTES, node->key, strlen(node->key), NULL,
				   &bytes, NULL) ||
		    bytes != PUBLIC_KEY_BYTES)
			return problem_set(ret_problem, -EINVAL, "issued: the key of %s is not one", node->name);
	}
	qsort(ret_members, issued->nodes, sizeof(*ret_members), by_id);
	return 0;
}

/* The fresh secret first: a document nobody can repeat must not carry one that is written nowhere. */
static int renew_secret(struct authority *authority, const char *directory, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES];
	int err = 0;

	for (unsigned int i = SECRETS_MAX - 1; i > 0; i--)
		memcpy(authority->secrets[i], authority->secrets[i - 1], MESH_SECRET_BYTES);
	randombytes_buf(authority->secrets[0], MESH_SECRET_BYTES);
	if (authority->secrets_count < SECRETS_MAX)
		authority->secrets_count++;
	for (unsigned int i = authority->secrets_count; !err && i-- > 0;) {
		authority_secret_path(directory, i, path);
		err = keys_write(path, KEYS_SECRET, authority->secrets[i], MESH_SECRET_BYTES, true, ret_problem);
	}
	return err;
}

_Static_assert(ISSUED_NODES_MAX <= ROTATION_MEMBERS_MAX, "every node that is issued has a box");

int publish_rotation(struct authority *authority, const char *directory, uint64_t in_s, uint64_t *ret_serial,
		     struct problem *ret_problem)
{
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	static struct rotation_member members[ISSUED_NODES_MAX];
	const uint64_t slot_s = (uint64_t)(mesh_slot_length(&authority->mesh).ns / NS_PER_MS);
	uint8_t ephemeral_public[PUBLIC_KEY_BYTES], ephemeral[SECRET_KEY_BYTES];
	struct rotation rotation = { .effective_slot = publish_slot(&authority->mesh, in_s),
				     .grace_slots = GRACE_S * 1000 / slot_s + 1 };
	size_t size = 0;
	int err;

	err = list_members(&authority->issued, members, ret_problem);
	if (!err)
		err = renew_secret(authority, directory, ret_problem);
	if (err)
		return err;
	rotation.secrets = authority->secrets_count;
	crypto_sign_keypair(ephemeral_public, ephemeral);
	if (rotation_write(&rotation, &authority->mesh, authority->secrets, members, authority->issued.nodes, ephemeral,
			   content, sizeof(content), &size))
		err = problem_set(ret_problem, -EINVAL,
				  "%s: the new mesh secret cannot be put into boxes: is every key in `issued` one?",
				  directory);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	return err ? err
		   : publish_sign(authority, directory, DOCUMENT_ROTATION, content, size, ret_serial, ret_problem);
}

static bool take_verdict(void *user, enum control_type type, const void *row)
{
	if (type == CONTROL_TYPE_PUSHED)
		*(struct control_pushed *)user = *(const struct control_pushed *)row;
	return true;
}

int publish_push_file(const struct arguments *arguments, struct output *output, const char *path)
{
	static uint8_t bytes[DOCUMENT_BYTES_MAX];
	struct control_request request = { .verb = CONTROL_PUSH };
	struct control_pushed verdict = { .taken = 0 };
	struct problem problem;
	size_t size;
	int status;

	if (read_file(path, bytes, &size, &problem)) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	request.payload_bytes = (uint32_t)size;
	status = ask_with(arguments, &request, bytes, size, take_verdict, &verdict);
	if (status != EXIT_OK)
		return status;
	if (!verdict.taken) {
		complain("%s: gossipd did not take it: %s%s", path, verdict.reason,
			 strcmp(verdict.reason, reject_names[REJECT_DOCUMENT_OLD]) == 0
				 ? " (this one, or a newer, is there already)"
				 : "");
		return EXIT_FAILED;
	}
	output_say(output, "%s: taken; it is on its way to every member", path);
	return EXIT_OK;
}

int publish_push(const struct arguments *arguments, struct output *output, const char *directory,
		 enum document_kind kind)
{
	char path[FILES_PATH_BYTES];

	document_path(directory, kind, path);
	if (arguments->value[OPTION_SOCKET] || arguments->value[OPTION_CONFIG])
		return publish_push_file(arguments, output, path);
	output_say(output, "%s: carry it to any proxy and run there: gossipctl mesh push FILE", path);
	return EXIT_OK;
}
