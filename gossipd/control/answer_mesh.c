/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The authority's documents over the control socket: what came of one that was brought, those held, and which member
 * has which.
 */
#include "answer_internal.h"

#include <sodium.h>

#include "document.h"

_Static_assert(CONTROL_KINDS == DOCUMENT_KINDS, "one serial for each kind");

void answer_pushed(struct answer *answer, enum reject reason, struct answer_buffer *buffer)
{
	struct control_pushed row = { .taken = reason == REJECT_NONE };

	snprintf(row.reason, sizeof(row.reason), "%s", reject_names[reason]);
	buffer->at = buffer->end = 0;
	answer_put(buffer, CONTROL_TYPE_PUSHED, &row, sizeof(row));
	answer_end(answer, buffer, 0);
}

static bool put_document(const struct daemon *daemon, enum document_kind kind, struct answer_buffer *buffer,
			 struct document_view *ret_view)
{
	struct control_document row = { .serial = 0 };

	if (!node_document(daemon->node, kind, ret_view))
		return false;
	snprintf(row.kind, sizeof(row.kind), "%s", document_names[kind]);
	row.serial = ret_view->serial;
	row.size = ret_view->size;
	memcpy(row.hash, ret_view->hash, sizeof(row.hash));
	answer_put(buffer, CONTROL_TYPE_DOCUMENT, &row, sizeof(row));
	return true;
}

void answer_fill_mesh(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	struct document_view document;
	struct member_view view;

	for (; answer->step < DOCUMENT_KINDS && answer_has_room(buffer, ROW_BYTES_MAX); answer->step++)
		put_document(daemon, (enum document_kind)answer->step, buffer, &document);
	while (answer_has_room(buffer, ROW_BYTES_MAX)) {
		struct control_standing row = { .reserved = 0 };

		if (!node_next_member(daemon->node, now, &answer->cursor, &view)) {
			answer_end(answer, buffer, 0);
			return;
		}
		snprintf(row.name, sizeof(row.name), "%s", view.name);
		sodium_bin2hex(row.key, sizeof(row.key), view.public_key, sizeof(view.public_key));
		row.self = view.self;
		row.up = view.up || view.self;
		row.revoked = view.revoked;
		row.behind = view.behind;
		row.certificate_serial = view.certificate_serial;
		memcpy(row.serials, view.serials, sizeof(row.serials));
		answer_put(buffer, CONTROL_TYPE_STANDING, &row, sizeof(row));
	}
}
