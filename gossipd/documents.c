/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Documents as files. The policy before the newest is kept, too: it is the one in force until the newest one's slot begins. */
#include "documents.h"

#include <errno.h>
#include <string.h>

#include "log.h"

#define NAME_BYTES 48
#define DOCUMENT_VERSION 1 /* of the envelope: what this program reads */

static void file_name(enum document_kind kind, const char *suffix, char ret_name[NAME_BYTES])
{
	snprintf(ret_name, NAME_BYTES, "%s.%s", document_names[kind], suffix);
}

static int put_aside(const struct state *state, const char *name, const char *why, struct problem *ret_problem)
{
	char aside[NAME_BYTES + 16];

	snprintf(aside, sizeof(aside), "%s.damaged", name);
	if (renameat(state->directory_fd, name, state->directory_fd, aside))
		return problem_set(ret_problem, -errno, "%s/%s: is damaged and cannot be put aside: %s", state->path, name, strerror(errno));
	log_warning("state: %s/%s: refused (%s) and kept as %s; the mesh brings it again", state->path, name, why, aside);
	return 0;
}

static int restore(const struct state *state, const char *name, struct node *node, struct now now, struct problem *ret_problem)
{
	static uint8_t bytes[DOCUMENT_BYTES_MAX];
	enum reject reason;
	size_t size;
	int err;

	err = files_read_at(state->directory_fd, name, bytes, sizeof(bytes), &size);
	if (err == -ENOENT)
		return 0;
	if (err == -EFBIG)
		return put_aside(state, name, "too long", ret_problem);
	if (err)
		return problem_set(ret_problem, err, "%s/%s: %s", state->path, name, strerror(-err));
	reason = node_restore(node, now, bytes, size);
	if (reason == REJECT_NONE)
		return 0;
	if (document_version(bytes, size) > DOCUMENT_VERSION)
		return problem_set(ret_problem, -EPROTO, "%s/%s: written by a newer gossipd; run that version, or remove the file",
				   state->path, name);
	return put_aside(state, name, reject_names[reason], ret_problem);
}

int documents_restore(const struct state *state, struct node *node, struct now now, struct problem *ret_problem)
{
	char name[NAME_BYTES];
	int err;

	file_name(DOCUMENT_POLICY, "before.doc", name);
	err = restore(state, name, node, now, ret_problem);
	for (unsigned int kind = 0; !err && kind < DOCUMENT_KINDS; kind++) {
		file_name((enum document_kind)kind, "doc", name);
		err = restore(state, name, node, now, ret_problem);
	}
	return err;
}

bool documents_keep(const struct state *state, struct node *node)
{
	char name[NAME_BYTES], before[NAME_BYTES], path[FILES_PATH_BYTES + NAME_BYTES];
	struct problem problem;
	enum document_kind kind;
	const uint8_t *bytes;
	bool kept = true;
	size_t size;

	while (node_next_persist(node, &kind, &bytes, &size)) {
		file_name(kind, "doc", name);
		file_name(kind, "before.doc", before);
		if (kind == DOCUMENT_POLICY && renameat(state->directory_fd, name, state->directory_fd, before) && errno != ENOENT)
			log_warning("state: %s/%s: cannot be renamed: %s", state->path, name, strerror(errno));
		snprintf(path, sizeof(path), "%s/%s", state->path, name);
		if (!files_write(state->directory_fd, path, name, 0600, bytes, size, true, &problem))
			continue;
		log_error("%s; it is in force, but a restart forgets it until the mesh brings it again", problem.text);
		kept = false;
	}
	return kept;
}
