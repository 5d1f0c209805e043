/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What monitor mode has watched, as rows: first the status and how long, then the rest by a cursor. */
#include "answer_internal.h"

enum watch_step { WATCH_HEAD,
		  WATCH_BUCKETS,
		  WATCH_TOPS };

static void put_head(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	const struct watch *watch = daemon->watch;
	const struct control_watch row = {
		.since_ns = watch->since.ns,
		.until_ns = watch->until.ns,
		.rounds = watch->rounds,
		.missed = watch->learnt.missed,
		.running = watch->running,
		.learnt_clients = watch->learnt.used,
	};

	answer_put_status(answer, daemon, now, buffer);
	answer_put(buffer, CONTROL_TYPE_WATCH, &row, sizeof(row));
	answer->step++;
}

static bool is_asked(const struct control_request *request, const struct address *client)
{
	struct prefix prefix = { .bits = request->client_bits };

	memcpy(prefix.address.bytes, request->client, sizeof(prefix.address.bytes));
	return !(request->flags & CONTROL_HAS_CLIENT) || prefix_holds(&prefix, client);
}

/* The cursor counts places of destinations. */
static void put_learnt(const struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	const struct learnt_client *client = &daemon->watch->learnt.clients[answer->cursor / LEARNT_DESTINATIONS];
	const struct learnt_destination *destination = &client->destinations[answer->cursor % LEARNT_DESTINATIONS];
	struct control_learnt row = {
		.client_bits = widths_client_bits(&daemon->identity.mesh.widths, &client->address),
		.peak = destination->peak,
		.looks = destination->looks,
		.more = client->more,
	};

	if (answer->cursor % LEARNT_DESTINATIONS >= client->count || !is_asked(&answer->request, &client->address))
		return;
	memcpy(row.client, client->address.bytes, sizeof(row.client));
	memcpy(row.destination, destination->address.bytes, sizeof(row.destination));
	answer_put(buffer, CONTROL_TYPE_LEARNT, &row, sizeof(row));
}

void answer_fill_learnt(struct answer *answer, const struct daemon *daemon, struct now now,
			struct answer_buffer *buffer)
{
	if (answer->step == WATCH_HEAD && answer_has_room(buffer, 2 * ROW_BYTES_MAX))
		put_head(answer, daemon, now, buffer);
	while (answer->step > WATCH_HEAD && answer_has_room(buffer, ROW_BYTES_MAX)) {
		if (answer->cursor >= daemon->watch->learnt.used * LEARNT_DESTINATIONS) {
			answer_end(answer, buffer, 0);
			return;
		}
		put_learnt(answer, daemon, buffer);
		answer->cursor++;
	}
}

static void put_bucket(const struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	const struct control_bucket row = {
		.kind = answer->cursor / RATES_BUCKETS,
		.bucket = answer->cursor % RATES_BUCKETS,
		.count = daemon->watch->rates[answer->cursor / RATES_BUCKETS].count[answer->cursor % RATES_BUCKETS],
	};

	if (row.count > 0)
		answer_put(buffer, CONTROL_TYPE_BUCKET, &row, sizeof(row));
}

static void put_top(const struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	const uint32_t kind = answer->cursor / RATES_TOP, place = answer->cursor % RATES_TOP;
	const struct rates *rates = &daemon->watch->rates[kind];
	const struct rates_top *top = &rates->top[place];
	struct control_top row = { .rate = top->rate, .kind = kind };

	if (place >= rates->top_count)
		return;
	memcpy(row.client, top->key.client.bytes, sizeof(row.client));
	memcpy(row.destination, top->key.destination.bytes, sizeof(row.destination));
	row.client_bits = widths_client_bits(&daemon->identity.mesh.widths, &top->key.client);
	answer_put(buffer, CONTROL_TYPE_TOP, &row, sizeof(row));
}

void answer_fill_rates(struct answer *answer, const struct daemon *daemon, struct now now,
		       struct answer_buffer *buffer)
{
	if (answer->step == WATCH_HEAD && answer_has_room(buffer, 2 * ROW_BYTES_MAX))
		put_head(answer, daemon, now, buffer);
	while (answer->step > WATCH_HEAD && answer_has_room(buffer, ROW_BYTES_MAX)) {
		if (answer->step == WATCH_BUCKETS && answer->cursor < KEY_KINDS * RATES_BUCKETS) {
			put_bucket(answer, daemon, buffer);
		} else if (answer->step == WATCH_BUCKETS) {
			answer->step = WATCH_TOPS;
			answer->cursor = 0;
			continue;
		} else if (answer->cursor < KEY_KINDS * RATES_TOP) {
			put_top(answer, daemon, buffer);
		} else {
			answer_end(answer, buffer, 0);
			return;
		}
		answer->cursor++;
	}
}
