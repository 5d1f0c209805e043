/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl mesh show and mesh push: which of the authority's documents a proxy holds and who is behind; and
 * bringing it one.
 */
#include <string.h>

#include "text.h"
#include "document.h"
#include "publish.h"
#include "ask.h"

struct showing {
	struct output *output;
	uint64_t newest[CONTROL_KINDS];
	bool documents, members; /* the lists are open */
};

static void show_document(struct showing *showing, const struct control_document *row)
{
	char hash[2 * HASH_BYTES + 1];

	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++) {
		if (strcmp(row->kind, document_names[kind]) == 0)
			showing->newest[kind] = row->serial;
	}
	for (unsigned int i = 0; i < HASH_BYTES; i++)
		snprintf(hash + 2 * i, 3, "%02x", row->hash[i]);
	if (!showing->documents)
		output_list(showing->output, "documents");
	showing->documents = true;
	const struct field fields[] = {
		TEXT("kind", "document", -12, row->kind),
		NUMBER("serial", "serial", 8, row->serial),
		NUMBER("bytes", "bytes", 8, row->size),
		TEXT("hash", "hash", -64, hash),
	};

	output_row(showing->output, fields, sizeof(fields) / sizeof(fields[0]));
}

static void show_standing(struct showing *showing, const struct control_standing *row)
{
	bool behind = row->behind;
	char name[4 * sizeof(row->name)];

	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++)
		behind |= !row->revoked && row->serials[kind] < showing->newest[kind];
	if (!showing->members)
		output_list(showing->output, "members");
	showing->members = true;
	text_escape(row->name, name, sizeof(name));
	const struct field fields[] = {
		TEXT("name", "member", -16, name),
		TEXT("state", "state", -8, row->self ? "self" : row->revoked ? "revoked" : row->up ? "up" : "silent"),
		NUMBER("certificate", "certificate", 11, row->certificate_serial),
		NUMBER("revocation", "revocation", 10, row->serials[DOCUMENT_REVOCATION]),
		NUMBER("rotation", "rotation", 8, row->serials[DOCUMENT_ROTATION]),
		NUMBER("policy", "policy", 8, row->serials[DOCUMENT_POLICY]),
		TEXT("behind_text", "behind", -6, behind ? "yes" : "no"),
		FLAG("behind", NULL, 0, behind),
		TEXT("key", NULL, 0, row->key),
	};

	output_row(showing->output, fields, sizeof(fields) / sizeof(fields[0]));
}

static bool show(void *user, enum control_type type, const void *row)
{
	struct showing *showing = user;

	if (type == CONTROL_TYPE_DOCUMENT)
		show_document(showing, row);
	else if (type == CONTROL_TYPE_STANDING)
		show_standing(showing, row);
	return !ferror(showing->output->file);
}

int run_mesh_show(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_MESH };
	struct showing showing = { .output = output };

	return ask(arguments, &request, show, &showing);
}

int run_mesh_push(const struct arguments *arguments, struct output *output)
{
	return publish_push_file(arguments, output, arguments->words[0]);
}
