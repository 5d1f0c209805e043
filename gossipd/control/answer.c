/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of the control protocol out of the core, the table and the events. Reads only: control.c does what a request changes. */
#include "answer_internal.h"

#include <errno.h>
#include <sodium.h>

/* ---- members ---- */

static void fill_members(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	struct member_view view;

	while (answer_has_room(buffer, ROW_BYTES_MAX)) {
		struct control_member row = { .self = 0 };

		if (!node_next_member(daemon->node, now, &answer->cursor, &view)) {
			answer_end(answer, buffer, 0);
			return;
		}
		snprintf(row.name, sizeof(row.name), "%s", view.name);
		snprintf(row.region, sizeof(row.region), "%s", view.region);
		text_of_endpoint(&view.endpoint, row.endpoint);
		sodium_bin2hex(row.key, sizeof(row.key), view.public_key, sizeof(view.public_key));
		row.self = view.self;
		row.up = view.up || view.self;
		row.skewed = view.skewed;
		row.suspect = view.suspect;
		row.left = view.left;
		row.neighbour = view.neighbour;
		row.incarnation = view.incarnation;
		row.boot = view.boot;
		row.tick = view.tick;
		row.cells = view.cells;
		row.frames_received = view.frames_received;
		row.frames_repaired = view.frames_repaired;
		row.rtt_ms = view.rtt_ms;
		row.skew_ms = view.skew_ms;
		row.silent_s = view.silent_s;
		row.load = view.load;
		row.load_limit = view.load_limit;
		answer_put(buffer, CONTROL_TYPE_MEMBER, &row, sizeof(row));
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
		.thinned = view->thinned,
		.held = held,
	};

	memcpy(row.client, view->key.client.bytes, 16);
	memcpy(row.destination, view->key.destination.bytes, 16);
	answer_put(buffer, CONTROL_TYPE_KEY, &row, sizeof(row));
}

static void fill_keys(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer,
		      unsigned int *budget)
{
	struct key_view view;

	while (answer_has_room(buffer, ROW_BYTES_MAX) && *budget > 0) {
		(*budget)--;
		if (!node_next_key(daemon->node, now, &answer->cursor, &view)) {
			answer_end(answer, buffer, 0);
			return;
		}
		if (is_wanted(&answer->request, &view))
			put_key(buffer, &view, true);
	}
}

/* ---- explain ---- */

enum explain_step {
	EXPLAIN_STATUS,
	EXPLAIN_RULES,
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
	answer_put(buffer, CONTROL_TYPE_RECORD, &row, sizeof(row));
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
	answer_put(buffer, CONTROL_TYPE_CELL, &row, sizeof(row));
	return true;
}

static void put_rule(const struct daemon *daemon, struct now now, uint32_t number, struct answer_buffer *buffer)
{
	const struct policy_rule *rule = &node_policy(daemon->node)->rules[number];
	struct control_rule row = {
		.bits = rule->prefix.bits,
		.side = rule->side,
		.kind = rule->kind,
		.fields = rule->fields,
		.number = number,
		.pair_rate = rule->pair_rate,
		.destination_rate = rule->destination_rate,
		.idle_reset_ms = rule->idle_reset_ms,
		.pair_min_window_ms = rule->pair_min_window_ms,
		.destination_min_window_ms = rule->destination_min_window_ms,
		.ended = rule->until_s && now.mesh.ns / NS_PER_S >= (int64_t)rule->until_s,
		.until_s = rule->until_s,
	};

	memcpy(row.prefix, rule->prefix.address.bytes, 16);
	answer_put(buffer, CONTROL_TYPE_RULE, &row, sizeof(row));
}

/* Every rule that has a say about the pair explained: the longest prefix of each side and kind. */
static void put_deciding_rules(const struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	const struct policy_document *document = node_policy(daemon->node);
	struct address address[2];

	memcpy(address[POLICY_CLIENT].bytes, answer->request.client, 16);
	memcpy(address[POLICY_DESTINATION].bytes, answer->request.destination, 16);
	for (unsigned int side = POLICY_CLIENT; side <= POLICY_DESTINATION; side++) {
		for (unsigned int kind = 0; kind < POLICY_KINDS; kind++) {
			const uint16_t rule = policy_rule_of(document, node_policy_table(daemon->node), side, kind, &address[side]);

			if (rule != POLICY_RULE_NONE)
				put_rule(daemon, now, rule, buffer);
		}
	}
}

static void fill_policy(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	if (answer->step == 0 && answer_has_room(buffer, ROW_BYTES_MAX)) {
		answer_put_status(answer, daemon, now, buffer);
		answer->step++;
	}
	while (answer->step > 0 && answer_has_room(buffer, ROW_BYTES_MAX)) {
		if (answer->cursor >= node_policy(daemon->node)->rules_count) {
			answer_end(answer, buffer, 0);
			return;
		}
		put_rule(daemon, now, answer->cursor++, buffer);
	}
}

static void fill_explain(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	while (answer_has_room(buffer, 2 * ROW_BYTES_MAX) && answer->state == ANSWER_MORE) {
		switch (answer->step) {
		case EXPLAIN_STATUS:
			answer_put_status(answer, daemon, now, buffer);
			answer->step++;
			break;
		case EXPLAIN_RULES:
			put_deciding_rules(answer, daemon, now, buffer);
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
			answer_end(answer, buffer, 0);
			break;
		}
	}
}

/* ---- events ---- */

static void fill_events(struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	if (answer->event < events_first(&daemon->events))
		answer->event = events_first(&daemon->events); /* a slow reader misses what the ring lost */
	while (answer_has_room(buffer, ROW_BYTES_MAX)) {
		const struct control_event *event = events_get(&daemon->events, answer->event);

		if (event) {
			answer_put(buffer, CONTROL_TYPE_EVENT, event, sizeof(*event));
			answer->event++;
			continue;
		}
		if (answer->request.flags & CONTROL_FOLLOW)
			answer->state = ANSWER_WAITING;
		else
			answer_end(answer, buffer, 0);
		return;
	}
}

/* ---- any ---- */

void answer_begin(struct answer *answer, const struct control_request *request, const struct daemon *daemon)
{
	*answer = (struct answer){ .request = *request, .event = events_first(&daemon->events) };
}

void answer_refused(struct answer *answer, uint32_t group, struct answer_buffer *buffer)
{
	const struct control_end end = { .error = -EPERM, .group = group };

	answer_put(buffer, CONTROL_END, &end, sizeof(end));
	answer->state = ANSWER_DONE;
}

static int check(const struct control_request *request)
{
	if (request->magic != CONTROL_MAGIC || request->version != CONTROL_VERSION)
		return -EPROTO;
	if (request->verb == CONTROL_PUSH)
		return -EINVAL; /* a document of no bytes, or of too many */
	if (request->client_bits > 128 || request->destination_bits > 128)
		return -EINVAL;
	return request->verb < CONTROL_STATUS || request->verb > CONTROL_LEAVE ? -EOPNOTSUPP : 0;
}

void answer_fill(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer,
		 unsigned int *budget)
{
	int error = check(&answer->request);

	if (answer->state == ANSWER_DONE)
		return;
	answer->state = ANSWER_MORE;
	if (error) {
		answer_end(answer, buffer, error);
		return;
	}
	switch (answer->request.verb) {
	case CONTROL_STATUS:
		answer_fill_status(answer, daemon, now, buffer);
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
	case CONTROL_POLICY:
		fill_policy(answer, daemon, now, buffer);
		break;
	case CONTROL_CAPTURE:
		answer_fill_capture(answer, daemon, now, buffer);
		break;
	case CONTROL_MESH:
		answer_fill_mesh(answer, daemon, now, buffer);
		break;
	case CONTROL_LEAVE: /* what there is to do, control.c did */
		answer_end(answer, buffer, daemon->config.gossip ? 0 : -ENOTCONN);
		break;
	default:
		fill_events(answer, daemon, buffer);
		break;
	}
}
