/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Documents as files. The policy before the newest is kept, too: it is the one in force until the newest one's slot
 * begins.
 */
#include "documents.h"

#include <errno.h>
#include <string.h>

#include "document.h"
#include "log.h"

#define NAME_BYTES 48

static void file_name(enum document_kind kind, const char *suffix, char ret_name[NAME_BYTES])
{
	snprintf(ret_name, NAME_BYTES, "%s.%s", document_names[kind], suffix);
}

static int put_aside(const struct state *state, const char *name, const char *why, struct problem *ret_problem)
{
	char aside[NAME_BYTES + 16];

	snprintf(aside, sizeof(aside), "%s.damaged", name);
	if (renameat(state->directory_fd, name, state->directory_fd, aside))
		return problem_set(ret_problem, -errno, "%s/%s: is damaged and cannot be put aside: %s", state->path,
				   name, strerror(errno));
	log_warning("state: %s/%s: refused (%s) and kept as %s; the mesh brings it again", state->path, name, why,
		    aside);
	return 0;
}

static int restore(const struct state *state, enum document_kind kind, const char *name, struct node *node,
		   struct now now, struct problem *ret_problem)
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
	if (document_version(bytes, size) > document_versions[kind])
		return problem_set(ret_problem, -EPROTO,
				   "%s/%s: written by a newer gossipd; run that version, or remove the file",
				   state->path, name);
	return put_aside(state, name, reject_names[reason], ret_problem);
}

int documents_restore(const struct state *state, struct node *node, struct now now, struct problem *ret_problem)
{
	char name[NAME_BYTES];
	int err;

	file_name(DOCUMENT_POLICY, "before.doc", name);
	err = restore(state, DOCUMENT_POLICY, name, node, now, ret_problem);
	for (unsigned int kind = 0; !err && kind < DOCUMENT_KINDS; kind++) {
		file_name((enum document_kind)kind, "doc", name);
		err = restore(state, (enum document_kind)kind, name, node, now, ret_problem);
	}
	return err;
}

static int write_file(const struct state *state, enum document_kind kind, const uint8_t *bytes, size_t size,
		      struct problem *ret_problem)
{
	char name[NAME_BYTES], before[NAME_BYTES], path[FILES_PATH_BYTES + NAME_BYTES];

	file_name(kind, "doc", name);
	file_name(kind, "before.doc", before);
	if (kind == DOCUMENT_POLICY && renameat(state->directory_fd, name, state->directory_fd, before) &&
	    errno != ENOENT)
		return problem_set(ret_problem, -errno, "%s/%s: cannot be renamed: %s", state->path, name,
				   strerror(errno));
	snprintf(path, sizeof(path), "%s/%s", state->path, name);
	return files_write(state->directory_fd, path, name, 0600, bytes, size, true, ret_problem);
}

void documents_keep(const struct state *state, struct node *node, uint32_t *unkept)
{
	struct problem problem;
	enum document_kind kind;
	const uint8_t *bytes;
	size_t size;

	while (node_next_persist(node, &kind, &bytes, &size)) {
		*unkept &= ~(1U << kind);
		if (!write_file(state, kind, bytes, size, &problem))
			continue;
		*unkept |= 1U << kind;
		log_error("state: %s; it is in force, but a restart forgets it until the mesh brings it again; tried "
			  "again each second",
			  problem.text);
	}
}

void documents_keep_again(const struct state *state, const struct node *node, uint32_t *unkept)
{
	struct document_view view;
	struct problem problem;

	for (unsigned int kind = 0; *unkept && kind < DOCUMENT_KINDS; kind++) {
		if (!(*unkept & 1U << kind) || !node_document(node, (enum document_kind)kind, &view) ||
		    write_file(state, (enum document_kind)kind, view.bytes, view.size, &problem))
			continue;
		*unkept &= ~(1U << kind);
		log_info("state: %s/%s.doc: could not be written before, and is now", state->path,
			 document_names[kind]);
	}
}
