/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of the control protocol out of the core, the table and the events. Reads only: a request changes nothing. */
#include "answer.h"

#include <errno.h>
#include <sodium.h>

#define ROW_BYTES_MAX (sizeof(struct control_header) + sizeof(struct control_status))
#define ROWS_AT_ONCE_BYTES 16384 /* status and its rows are made together */
_Static_assert(ROW_BYTES_MAX + (REASON_COUNT * (sizeof(struct control_header) + sizeof(struct control_reason))) +
			       (REJECT_COUNT * (sizeof(struct control_header) + sizeof(struct control_reject))) +
			       (INTERFACES_MAX * (sizeof(struct control_header) + sizeof(struct control_attachment))) <
		       ROWS_AT_ONCE_BYTES,
	       "a whole status fits");

#ifndef XPRO_VERSION
#define XPRO_VERSION "0.1"
#endif

static void put(struct answer_buffer *buffer, enum control_type type, const void *row, size_t size)
{
	struct control_header header = { .type = type, .size = (uint32_t)size };

	memcpy(buffer->bytes + buffer->end, &header, sizeof(header));
	memcpy(buffer->bytes + buffer->end + sizeof(header), row, size);
	buffer->end += sizeof(header) + size;
}

static bool has_room(const struct answer_buffer *buffer, size_t size)
{
	return sizeof(buffer->bytes) - buffer->end >= size;
}

static void end(struct answer *answer, struct answer_buffer *buffer, int error)
{
	put(buffer, CONTROL_END, &(struct control_end){ .error = error }, sizeof(struct control_end));
	answer->state = ANSWER_DONE;
}

/* ---- status ---- */

static void count_members(const struct daemon *daemon, struct now now, struct control_status *status)
{
	struct member_view member;
	uint32_t cursor = 0;

	while (node_next_member(daemon->node, now, &cursor, &member)) {
		status->members++;
		status->members_up += member.up || member.self;
	}
}

static void copy_usage(const struct daemon *daemon, struct control_status *status)
{
	struct table_usage usage;

	table_read_usage(daemon->table, &usage);
	status->pairs4 = usage.pairs4;
	status->pairs4_max = usage.pairs4_max;
	status->pairs6 = usage.pairs6;
	status->pairs6_max = usage.pairs6_max;
	status->destinations = usage.destinations;
	status->destinations_max = usage.destinations_max;
	status->table_bytes = usage.bytes;
}

static void copy_counters(const struct daemon *daemon, const struct node_counters *counters, struct control_status *status)
{
	status->keys_held = counters->keys_held;
	status->keys_max = counters->keys_max;
	status->cells_held = counters->cells_held;
	status->cells_max = counters->cells_max;
	status->datagrams_received = counters->datagrams_received;
	status->datagrams_sent = counters->datagrams_sent;
	status->bytes_received = counters->bytes_received;
	status->bytes_sent = counters->bytes_sent;
	status->frames_published = counters->frames_published;
	status->frames_received = counters->frames_received;
	status->frames_duplicate = counters->frames_duplicate;
	status->frames_repaired = counters->frames_repaired;
	status->frames_served = counters->frames_served;
	status->cells_published = counters->cells_published;
	status->cells_merged = counters->cells_merged;
	status->cells_refused = counters->cells_refused;
	status->cells_waiting = counters->cells_waiting;
	status->signatures_made = counters->signatures_made;
	status->signatures_checked = counters->signatures_checked;
	status->changes_pending = counters->changes_pending;
	if (daemon->udp)
		status->datagrams_unsent = udp_counters(daemon->udp)->send_errors + udp_counters(daemon->udp)->unroutable;
	status->cells_harvested = daemon->counters.cells_harvested;
	status->cells_unheld = daemon->counters.cells_unheld;
	status->records_written = daemon->counters.records_written;
	status->records_refused = daemon->counters.records_refused;
	status->warnings = daemon->events.warnings;
	status->tick_ms_worst = daemon->counters.tick_ms_worst;
	status->tick_late_ms_worst = daemon->counters.tick_late_ms_worst;
}

static void copy_rules(const struct daemon *daemon, struct now now, struct control_status *status)
{
	const struct config *config = &daemon->config;
	const struct mesh *mesh = &daemon->identity.mesh;
	struct policy policy = daemon_policy(config, mesh, table_hz(daemon->table));

	status->tick_ms = mesh->tick_ms;
	status->window_max_ms = mesh->window_max_ms;
	status->decay = mesh->decay;
	status->slot_ms = (uint32_t)(mesh_slot_length(mesh).ns / NS_PER_MS);
	status->idle_reset_ms = config->idle_reset_ms;
	status->pair_min_window_ms = config->pair_min_window_ms;
	status->destination_min_window_ms = config->destination_min_window_ms;
	status->pair_rate = policy.pair_rate;
	status->destination_rate = policy.destination_rate;
	status->policy_flags = policy.flags;
	status->hz = table_hz(daemon->table);
	status->slot = mesh_slot_at(mesh, now.mesh);
	status->tick = mesh_tick_at(mesh, now.mesh);
}

static void put_status(const struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	struct control_status status = {
		.version = XPRO_VERSION,
		.now_ns = now.mesh.ns,
		.incarnation = table_incarnation(daemon->table),
		.boot = daemon->boot,
		.uptime_s = (double)duration_between(daemon->started, now.mono).ns / NS_PER_S,
		.gossip = daemon->config.gossip,
		.clock_drift_ms = (double)mesh_clock_drift(&daemon->clock).ns / NS_PER_MS,
	};
	struct node_counters counters;
	struct health health;

	snprintf(status.name, sizeof(status.name), "%s", daemon->config.name);
	health_judge(daemon, now, &health);
	status.degraded = health.degraded;
	snprintf(status.degraded_why, sizeof(status.degraded_why), "%s", health.why);
	node_read_counters(daemon->node, &counters);
	count_members(daemon, now, &status);
	copy_rules(daemon, now, &status);
	copy_usage(daemon, &status);
	copy_counters(daemon, &counters, &status);
	if (counters.cells_held <= CONTROL_DIGEST_CELLS || (answer->request.flags & CONTROL_DIGEST)) {
		status.digest_known = 1;
		node_digest(daemon->node, status.ledger_digest);
	}
	put(buffer, CONTROL_TYPE_STATUS, &status, sizeof(status));
}

static void put_reasons(const struct daemon *daemon, struct answer_buffer *buffer)
{
	static const char *const names[REASON_COUNT] = REASON_NAMES;
	struct reason_counter reasons[REASON_COUNT];

	if (table_read_reasons(daemon->table, reasons))
		return;
	for (unsigned int i = 0; i < REASON_COUNT; i++) {
		struct control_reason row = { .packets = reasons[i].packets, .bytes = reasons[i].bytes };

		snprintf(row.name, sizeof(row.name), "%s", names[i]);
		put(buffer, CONTROL_TYPE_REASON, &row, sizeof(row));
	}
}

static void put_rejects(const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct node_counters counters;

	node_read_counters(daemon->node, &counters);
	for (unsigned int i = REJECT_NONE + 1; i < REJECT_COUNT; i++) {
		struct control_reject row = { .count = counters.rejects[i] };

		snprintf(row.name, sizeof(row.name), "%s", reject_names[i]);
		put(buffer, CONTROL_TYPE_REJECT, &row, sizeof(row));
	}
}

static void put_attachments(const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct attachment attachments[INTERFACES_MAX];
	size_t count = table_read_attachments(daemon->table, attachments);

	for (size_t i = 0; i < count; i++) {
		struct control_attachment row = { .program_id = attachments[i].program_id, .ours = attachments[i].ours };

		memcpy(row.interface, attachments[i].interface, sizeof(row.interface) - 1);
		memcpy(row.mode, attachments[i].mode, sizeof(attachments[i].mode) - 1);
		put(buffer, CONTROL_TYPE_ATTACHMENT, &row, sizeof(row));
	}
}

static void fill_status(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	if (!has_room(buffer, ROWS_AT_ONCE_BYTES))
		return;
	put_status(answer, daemon, now, buffer);
	put_reasons(daemon, buffer);
	put_rejects(daemon, buffer);
	put_attachments(daemon, buffer);
	end(answer, buffer, 0);
}

/* ---- members ---- */

static void fill_members(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	struct member_view view;

	while (has_room(buffer, ROW_BYTES_MAX)) {
		struct control_member row = { .reserved = 0 };

		if (!node_next_member(daemon->node, now, &answer->cursor, &view)) {
			end(answer, buffer, 0);
			return;
		}
		snprintf(row.name, sizeof(row.name), "%s", view.name);
		snprintf(row.region, sizeof(row.region), "%s", view.region);
		text_of_endpoint(&view.endpoint, row.endpoint);
		sodium_bin2hex(row.key, sizeof(row.key), view.public_key, sizeof(view.public_key));
		row.self = view.self;
		row.up = view.up || view.self;
		row.skewed = view.skewed;
		row.incarnation = view.incarnation;
		row.boot = view.boot;
		row.tick = view.tick;
		row.cells = view.cells;
		row.frames_received = view.frames_received;
		row.frames_repaired = view.frames_repaired;
		row.rtt_ms = view.rtt_ms;
		row.skew_ms = view.skew_ms;
		row.silent_s = view.silent_s;
		put(buffer, CONTROL_TYPE_MEMBER, &row, sizeof(row));
	}
}

/* ---- keys ---- */

static bool has_prefix(const struct address *address, const uint8_t prefix[16], unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	return memcmp(address->bytes, prefix, bytes) == 0 &&
	       (rest == 0 || ((address->bytes[bytes] ^ prefix[bytes]) >> (8 - rest)) == 0);
}

static bool is_wanted(const struct control_request *request, const struct key_view *view)
{
	if (key_is_destination(&view->key) != (request->verb == CONTROL_DESTINATIONS))
		return false;
	if ((request->flags & CONTROL_OVER) && !view->over)
		return false;
	if ((request->flags & CONTROL_HAS_CLIENT) && !has_prefix(&view->key.client, request->client, request->client_bits))
		return false;
	return !(request->flags & CONTROL_HAS_DESTINATION) ||
	       has_prefix(&view->key.destination, request->destination, request->destination_bits);
}

static void put_key(struct answer_buffer *buffer, const struct key_view *view, bool held)
{
	struct control_key row = {
		.ts1_ns = view->ts1.ns,
		.ts2_ns = view->ts2.ns,
		.count = view->count,
		.carried = view->carried,
		.window_s = view->window_s,
		.rate = view->rate,
		.offered = view->offered,
		.limit = view->limit,
		.share = view->share,
		.origins = view->origins,
		.over = view->over,
		.held = held,
	};

	memcpy(row.client, view->key.client.bytes, 16);
	memcpy(row.destination, view->key.destination.bytes, 16);
	put(buffer, CONTROL_TYPE_KEY, &row, sizeof(row));
}

static void fill_keys(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer,
		      unsigned int *budget)
{
	struct key_view view;

	while (has_room(buffer, ROW_BYTES_MAX) && *budget > 0) {
		(*budget)--;
		if (!node_next_key(daemon->node, now, &answer->cursor, &view)) {
			end(answer, buffer, 0);
			return;
		}
		if (is_wanted(&answer->request, &view))
			put_key(buffer, &view, true);
	}
}

/* ---- explain ---- */

enum explain_step {
	EXPLAIN_STATUS,
	EXPLAIN_PAIR,
	EXPLAIN_PAIR_CELLS,
	EXPLAIN_DESTINATION,
	EXPLAIN_DESTINATION_CELLS,
	EXPLAIN_END
};

static struct key explained_key(const struct answer *answer)
{
	struct key key = { .client = { { 0 } } };

	memcpy(key.destination.bytes, answer->request.destination, 16);
	if (answer->step <= EXPLAIN_PAIR_CELLS)
		memcpy(key.client.bytes, answer->request.client, 16);
	return key;
}

static void put_explained(const struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	struct key_view view = { .over = false };
	struct record_view record = { .packets = 0 };
	struct control_record row = { .present = 0 };
	struct key key = explained_key(answer);
	bool held = node_find_key(daemon->node, now, &key, &view);

	view.key = key;
	put_key(buffer, &view, held);
	if (table_find(daemon->table, &key, &record)) {
		row = (struct control_record){
			.present = 1,
			.folded = record.folded,
			.packets = record.packets,
			.window_packets = record.window_packets,
			.count = record.count,
			.window_s = record.window_s,
			.judged_window_s = record.judged_window_s,
			.share = (double)record.pass_share / SHARE_ALL,
		};
	}
	put(buffer, CONTROL_TYPE_RECORD, &row, sizeof(row));
}

/* False at the last cell. */
static bool put_cell(struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct key key = explained_key(answer);
	struct control_cell row = { .packets = 0 };
	struct cell_view view;

	if (!node_next_cell(daemon->node, &key, &answer->cursor, &view))
		return false;
	snprintf(row.member, sizeof(row.member), "%s", view.member);
	row.incarnation = view.incarnation;
	row.slot = view.slot;
	row.packets = view.packets;
	row.first_ns = view.first.ns;
	row.last_ns = view.last.ns;
	put(buffer, CONTROL_TYPE_CELL, &row, sizeof(row));
	return true;
}

static void fill_explain(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	while (has_room(buffer, 2 * ROW_BYTES_MAX) && answer->state == ANSWER_MORE) {
		switch (answer->step) {
		case EXPLAIN_STATUS:
			put_status(answer, daemon, now, buffer);
			answer->step++;
			break;
		case EXPLAIN_PAIR:
		case EXPLAIN_DESTINATION:
			put_explained(answer, daemon, now, buffer);
			answer->cursor = 0;
			answer->step++;
			break;
		case EXPLAIN_PAIR_CELLS:
		case EXPLAIN_DESTINATION_CELLS:
			if (!put_cell(answer, daemon, buffer))
				answer->step++;
			break;
		default:
			end(answer, buffer, 0);
			break;
		}
	}
}

/* ---- events ---- */

static void fill_events(struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	if (answer->event < events_first(&daemon->events))
		answer->event = events_first(&daemon->events); /* a slow reader misses what the ring lost */
	while (has_room(buffer, ROW_BYTES_MAX)) {
		const struct control_event *event = events_get(&daemon->events, answer->event);

		if (event) {
			put(buffer, CONTROL_TYPE_EVENT, event, sizeof(*event));
			answer->event++;
			continue;
		}
		if (answer->request.flags & CONTROL_FOLLOW)
			answer->state = ANSWER_WAITING;
		else
			end(answer, buffer, 0);
		return;
	}
}

/* ---- any ---- */

void answer_begin(struct answer *answer, const struct control_request *request, const struct daemon *daemon)
{
	*answer = (struct answer){ .request = *request, .event = events_first(&daemon->events) };
}

static int check(const struct control_request *request)
{
	if (request->magic != CONTROL_MAGIC || request->version != CONTROL_VERSION)
		return -EPROTO;
	if (request->client_bits > 128 || request->destination_bits > 128)
		return -EINVAL;
	return request->verb < CONTROL_STATUS || request->verb > CONTROL_EVENTS ? -EOPNOTSUPP : 0;
}

void answer_fill(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer,
		 unsigned int *budget)
{
	int error = check(&answer->request);

	if (answer->state == ANSWER_DONE)
		return;
	answer->state = ANSWER_MORE;
	if (error) {
		end(answer, buffer, error);
		return;
	}
	switch (answer->request.verb) {
	case CONTROL_STATUS:
		fill_status(answer, daemon, now, buffer);
		break;
	case CONTROL_MEMBERS:
		fill_members(answer, daemon, now, buffer);
		break;
	case CONTROL_PAIRS:
	case CONTROL_DESTINATIONS:
		fill_keys(answer, daemon, now, buffer, budget);
		break;
	case CONTROL_EXPLAIN:
		fill_explain(answer, daemon, now, buffer);
		break;
	default:
		fill_events(answer, daemon, buffer);
		break;
	}
}
