/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers to control requests, row by row: a cursor is kept per client and rows are made only while the client's
 * buffer has room, so that a dump of a million records costs each turn of the loop little.
 */
#ifndef GOSSIPD_ANSWER_H
#define GOSSIPD_ANSWER_H

#include <xpro/control.h>

#include "daemon.h"

#define ANSWER_BYTES 65536

struct answer_buffer {
	size_t at, end; /* bytes [at, end) wait to be sent */
	uint8_t bytes[ANSWER_BYTES] __attribute__((aligned(8)));
};

enum answer_state {
	ANSWER_MORE,	/* fill again when there is room */
	ANSWER_WAITING, /* following: nothing to say until the next event */
	ANSWER_DONE,	/* CONTROL_END is in the buffer */
};

struct answer {
	struct control_request request; /* its client is whole: one longer than a client of the mesh was cut to it */
	struct control_client asked; /* the client as it was asked for, and as it is; no bits: it is the same */
	enum answer_state state;
	uint32_t step; /* explain: which row comes next */
	uint32_t cursor;
	uint64_t event;
};

/* Begins an answer. A request of another version, or an unknown verb, is answered by CONTROL_END with an error. */
void answer_begin(struct answer *answer, const struct control_request *request, const struct daemon *daemon);

/* No row of it was made yet. */
static inline bool answer_is_new(const struct answer *answer)
{
	return answer->step == 0 && answer->cursor == 0;
}

/* Makes rows until the buffer is full, the answer ends or waits, or *budget records have been looked at. */
void answer_fill(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer,
		 unsigned int *budget);

/* The whole answer to whoever may not have it: `group` is that of those who may besides root, 0 when there is none. */
void answer_refused(struct answer *answer, uint32_t group, struct answer_buffer *buffer);

/* The whole answer to a document that was brought. */
void answer_pushed(struct answer *answer, enum reject reason, struct answer_buffer *buffer);

#endif
