/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared by the answer_*.c files: how to put rows, and at last CONTROL_END, into a client's buffer. */
#ifndef GOSSIPD_ANSWER_INTERNAL_H
#define GOSSIPD_ANSWER_INTERNAL_H

#include "answer.h"

#define ROW_BYTES_MAX (sizeof(struct control_header) + sizeof(struct control_status))

static inline void answer_put(struct answer_buffer *buffer, enum control_type type, const void *row, size_t size)
{
	struct control_header header = { .type = type, .size = (uint32_t)size };

	memcpy(buffer->bytes + buffer->end, &header, sizeof(header));
	memcpy(buffer->bytes + buffer->end + sizeof(header), row, size);
	buffer->end += sizeof(header) + size;
}

static inline bool answer_has_room(const struct answer_buffer *buffer, size_t size)
{
	return sizeof(buffer->bytes) - buffer->end >= size;
}

static inline void answer_end(struct answer *answer, struct answer_buffer *buffer, int error)
{
	answer_put(buffer, CONTROL_END, &(struct control_end){ .error = error }, sizeof(struct control_end));
	answer->state = ANSWER_DONE;
}

/* Puts, once, of which client the address or prefix is that was asked for. */
static inline void answer_put_asked(struct answer *answer, struct answer_buffer *buffer)
{
	if (answer->asked.asked_bits == 0)
		return;
	answer_put(buffer, CONTROL_TYPE_CLIENT, &answer->asked, sizeof(answer->asked));
	answer->asked.asked_bits = 0;
}

/* Puts the answer to STATUS, all its rows; answer_put_status puts the control_status row alone. */
void answer_fill_status(struct answer *answer, const struct daemon *daemon, struct now now,
			struct answer_buffer *buffer);
void answer_put_status(const struct answer *answer, const struct daemon *daemon, struct now now,
		       struct answer_buffer *buffer);

/* Puts the rule of this number. */
void answer_put_rule(const struct daemon *daemon, struct now now, uint32_t number, struct answer_buffer *buffer);
/*
 * Puts every rule that has a say about the pair asked for: the longest prefix of each side and kind, and the override
 * that its network is judged by, where a longer one speaks of a part of that.
 */
void answer_put_deciding_rules(const struct answer *answer, const struct daemon *daemon, struct now now,
			       struct answer_buffer *buffer);

void answer_put_coarse(const struct coarse_view *view, enum coarse_kind kind, struct answer_buffer *buffer);

/* Puts the samples that wait now; the answer may continue in a later turn. */
void answer_fill_capture(struct answer *answer, const struct daemon *daemon, struct now now,
			 struct answer_buffer *buffer);
/* answer_mesh.c: puts the documents held, and which member holds which. */
void answer_fill_mesh(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer);
/* answer_watch.c: puts what monitor mode has watched: who spoke to whom; how fast. */
void answer_fill_learnt(struct answer *answer, const struct daemon *daemon, struct now now,
			struct answer_buffer *buffer);
void answer_fill_rates(struct answer *answer, const struct daemon *daemon, struct now now,
		       struct answer_buffer *buffer);

#endif
