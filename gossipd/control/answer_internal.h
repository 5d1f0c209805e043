/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between the parts of answering: rows go into a client's buffer, the last one is CONTROL_END. */
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

/* The whole status in one piece, and its one record alone. */
void answer_fill_status(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer);
void answer_put_status(const struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer);

/* What `capture` has to say now; it may go on later. */
void answer_fill_capture(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer);
/* answer_mesh.c: documents and who has which. */
void answer_fill_mesh(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer);

#endif
