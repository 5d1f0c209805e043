/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers to `capture`: samples of dropped frames as they come, until the client has as many as it wants, its time
 * is over, or it goes: then nobody renews the capture, and the kernel ends it.
 */
#include "answer_internal.h"

#include <errno.h>

static void prefix_of(const uint8_t address[16], unsigned int bits, struct address_prefix *ret_prefix)
{
	uint8_t mask[16] = { 0 };

	for (unsigned int i = 0; i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(ret_prefix->words, address, 16);
	memcpy(ret_prefix->mask, mask, 16);
}

static struct table_capture wanted_of(const struct control_request *request)
{
	struct table_capture wanted = { .client = { { 0 }, { 0 } } };

	if (request->flags & CONTROL_HAS_CLIENT)
		prefix_of(request->client, request->client_bits, &wanted.client);
	if (request->flags & CONTROL_HAS_DESTINATION)
		prefix_of(request->destination, request->destination_bits, &wanted.destination);
	return wanted;
}

struct putting {
	struct answer *answer;
	const struct daemon *daemon;
	struct answer_buffer *buffer;
};

static bool put_sample(void *user, const struct sample *sample)
{
	const struct putting *putting = user;
	struct control_sample row = { .at_ns = table_mesh_of(putting->daemon->table, sample->at).ns,
				      .reason = sample->reason,
				      .length = sample->length,
				      .caught = sample->caught,
				      .bare = sample->bare,
				      .ifindex = sample->ifindex };

	memcpy(row.client, sample->client, sizeof(row.client));
	memcpy(row.destination, sample->destination, sizeof(row.destination));
	/* behind: remains of other samples */
	memcpy(row.bytes, sample->bytes, row.caught < sizeof(row.bytes) ? row.caught : sizeof(row.bytes));
	answer_put(putting->buffer, CONTROL_TYPE_SAMPLE, &row, sizeof(row));
	putting->answer->cursor++;
	return putting->answer->cursor < putting->answer->request.count &&
	       answer_has_room(putting->buffer, ROW_BYTES_MAX);
}

void answer_fill_capture(struct answer *answer, const struct daemon *daemon, struct now now,
			 struct answer_buffer *buffer)
{
	const struct control_request *request = &answer->request;
	struct table_capture wanted = wanted_of(request);
	struct putting putting = { answer, daemon, buffer };
	int err;

	if (answer->asked.asked_bits != 0 && answer->asked.asked_bits < 128) {
		answer_end(answer, buffer, -EDOM);
		return;
	}
	answer_put_asked(answer, buffer);
	if (answer->step == 0) {
		answer->event = (uint64_t)(now.mono.ns + (int64_t)request->seconds * NS_PER_S); /* its end */
		answer->step = 1;
		err = table_capture_begin(daemon->table, &wanted);
	} else {
		err = table_capture_renew(daemon->table, &wanted);
	}
	if (err) {
		answer_end(answer, buffer, err);
		return;
	}
	if (answer->cursor < request->count && answer_has_room(buffer, ROW_BYTES_MAX))
		table_capture_read(daemon->table, put_sample, &putting);
	answer->state = ANSWER_WAITING;
	if (answer->cursor < request->count && (uint64_t)now.mono.ns < answer->event)
		return;
	table_capture_end(daemon->table);
	answer_end(answer, buffer, 0);
}
