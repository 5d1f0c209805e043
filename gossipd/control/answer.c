/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rows of the control protocol out of the core, the table and the events. Reads only: control.c does what a request
 * changes.
 */
#include "answer_internal.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>

/* ---- members ---- */

_Static_assert(CONTROL_TABLES == TABLE_KINDS, "one number for each table");

static void copy_account(const struct daemon *daemon, uint16_t member, struct control_member *row)
{
	for (unsigned int kind = 0; kind < TABLE_KINDS; kind++) {
		struct table_account account;
		struct table_quota quota;
		double share;

		table_read_account(daemon->table, (enum table_kind)kind, member, &account);
		table_read_quota(daemon->table, (enum table_kind)kind, &quota);
		share = quota.part ? account.records / (double)quota.part : 0;
		row->vouched[kind] = account.records;
		row->vouched_alone += account.alone;
		row->vouched_refused += account.refused;
		row->vouched_share = share > row->vouched_share ? share : row->vouched_share;
	}
}

static enum control_left_out why_left_out(const struct member_view *view)
{
	return view->revoked ? CONTROL_REVOKED : view->equivocated ? CONTROL_EQUIVOCATED :
	       view->skewed && !view->self ? CONTROL_SKEWED : CONTROL_COUNTS;
}

static void fill_members(struct answer *answer, const struct daemon *daemon, struct now now,
			 struct answer_buffer *buffer)
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
		row.keys = view.keys;
		row.cells_refused = view.cells_refused;
		row.cloned = view.cloned;
		row.left_out = why_left_out(&view);
		row.left_out_since_ns = daemon->accounts.left_out[view.number].ns;
		row.frames_received = view.frames_received;
		row.frames_repaired = view.frames_repaired;
		row.rtt_ms = view.rtt_ms;
		row.skew_ms = view.skew_ms;
		row.silent_s = view.silent_s;
		row.load = view.load;
		row.load_limit = view.load_limit;
		row.line_rate = view.line_rate;
		row.line_used = view.line_used;
		if (!view.self)
			copy_account(daemon, view.number, &row);
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

static enum key_kind kind_asked(const struct control_request *request)
{
	switch (request->verb) {
	case CONTROL_DESTINATIONS:
		return KEY_DESTINATION;
	case CONTROL_CLIENTS:
		return KEY_CLIENT;
	case CONTROL_NETWORKS:
		return KEY_NETWORK;
	default:
		return KEY_PAIR;
	}
}

static bool is_wanted(const struct control_request *request, const struct key_view *view)
{
	const enum key_kind kind = key_kind(&view->key);
	const struct address *client = &view->key.client, *destination = &view->key.destination;
	const unsigned int before = address_is_ipv4(destination) ? 96 : 0,
			   held = kind == KEY_NETWORK ? before + network_bits(destination) : 128,
			   asked = request->destination_bits;

	if (kind != kind_asked(request))
		return false;
	if ((request->flags & CONTROL_OVER) && !view->over)
		return false;
	if ((request->flags & CONTROL_HAS_CLIENT) && !has_prefix(client, request->client, request->client_bits))
		return false;
	/* One address asked for finds the network that holds it. */
	return !(request->flags & CONTROL_HAS_DESTINATION) ||
	       has_prefix(destination, request->destination, asked < held ? asked : held);
}

static void put_key(const struct daemon *daemon, struct answer_buffer *buffer, const struct key_view *view, bool held,
		    uint64_t untold)
{
	const double size = summing_size(daemon->summing, &view->key);
	struct answered_view answered;

	node_answered(daemon->node, &view->key, &answered);

	struct control_key row = {
		.bytes = size > 0 ? view->rate * size : NAN,
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
		.shadow = view->shadow,
		.held = held,
		.client_bits = widths_client_bits(&daemon->identity.mesh.widths, &view->key.client),
		.untold = untold < UINT32_MAX ? (uint32_t)untold : UINT32_MAX,
		.answers = table_answers(daemon->table, &view->key).count,
		.answers_mesh = (uint32_t)(answered.answers < UINT32_MAX ? answered.answers : UINT32_MAX),
	};

	struct limit_view limit;

	if (table_limit_of(daemon->table, &view->key, &limit)) {
		row.limited = 1;
		row.granted = limit.granted;
		row.reached = limit.reached;
		row.dropped = limit.dropped;
	}
	memcpy(row.client, view->key.client.bytes, 16);
	memcpy(row.destination, view->key.destination.bytes, 16);
	answer_put(buffer, CONTROL_TYPE_KEY, &row, sizeof(row));
}

static void fill_keys(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer,
		      unsigned int *budget)
{
	struct key_view view;

	if (answer_has_room(buffer, ROW_BYTES_MAX))
		answer_put_asked(answer, buffer);
	while (answer_has_room(buffer, ROW_BYTES_MAX) && *budget > 0) {
		(*budget)--;
		if (!node_next_key(daemon->node, now, &answer->cursor, &view)) {
			answer_end(answer, buffer, 0);
			return;
		}
		if (is_wanted(&answer->request, &view))
			put_key(daemon, buffer, &view, true, 0);
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
	EXPLAIN_COARSE,
	EXPLAIN_WHOLES,
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

static void put_explained(const struct answer *answer, const struct daemon *daemon, struct now now,
			  struct answer_buffer *buffer)
{
	struct key_view view = { .over = false };
	struct record_view record = { .packets = 0 };
	struct control_record row = { .present = 0 };
	struct answered_view answered;
	struct answers_view answers;
	struct key key = explained_key(answer);
	bool held = node_find_key(daemon->node, now, &key, &view);

	view.key = key;
	put_key(daemon, buffer, &view, held, node_untold_most(daemon->node, &key));
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
			.bytes = record.bytes,
			.size = record.size,
		};
	}
	answers = table_answers(daemon->table, &key);
	row.answers = answers.count;
	row.answers_tcp = answers.tcp;
	node_answered(daemon->node, &key, &answered);
	row.answers_mesh = (uint32_t)(answered.answers < UINT32_MAX ? answered.answers : UINT32_MAX);
	row.remembered = answered.remembered;
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
	row.answers = view.answers;
	row.answers_tcp = view.answers_tcp;
	row.first_ns = view.first.ns;
	row.last_ns = view.last.ns;
	answer_put(buffer, CONTROL_TYPE_CELL, &row, sizeof(row));
	return true;
}

/* What packets without a head are judged by, and reported by. */
static void put_coarse_of(const struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct address address;
	struct coarse_view view;

	memcpy(address.bytes, answer->request.destination, 16);
	if (table_coarse_of(daemon->table, COARSE_NETWORKS, &address, &view))
		answer_put_coarse(&view, COARSE_NETWORKS, buffer);
	memcpy(address.bytes, answer->request.client, 16);
	if (table_coarse_of(daemon->table, COARSE_CLIENTS, &address, &view))
		answer_put_coarse(&view, COARSE_CLIENTS, buffer);
}

/* The client and the network of the pair explained, and what this proxy grants them. */
static void put_wholes(const struct answer *answer, const struct daemon *daemon, struct now now,
		       struct answer_buffer *buffer)
{
	struct address client, network;

	memcpy(client.bytes, answer->request.client, 16);
	memcpy(network.bytes, answer->request.destination, 16);
	network = network_of(&network);
	for (unsigned int i = 0; i < 2; i++) {
		const struct key key = i == 0 ? key_of_client(&client) : key_of_network(&network);
		struct key_view view = { .over = false };
		const bool held = node_find_key(daemon->node, now, &key, &view);

		view.key = key;
		put_key(daemon, buffer, &view, held, node_untold_most(daemon->node, &key));
	}
}

static void fill_policy(struct answer *answer, const struct daemon *daemon, struct now now,
			struct answer_buffer *buffer)
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
		answer_put_rule(daemon, now, answer->cursor++, buffer);
	}
}

static void fill_explain(struct answer *answer, const struct daemon *daemon, struct now now,
			 struct answer_buffer *buffer)
{
	while (answer_has_room(buffer, 2 * ROW_BYTES_MAX) && answer->state == ANSWER_MORE) {
		switch (answer->step) {
		case EXPLAIN_STATUS:
			answer_put_asked(answer, buffer);
			answer_put_status(answer, daemon, now, buffer);
			answer->step++;
			break;
		case EXPLAIN_RULES:
			answer_put_deciding_rules(answer, daemon, now, buffer);
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
		case EXPLAIN_COARSE:
			put_coarse_of(answer, daemon, buffer);
			answer->step++;
			break;
		case EXPLAIN_WHOLES:
			put_wholes(answer, daemon, now, buffer);
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
	while (answer_has_room(buffer, ROW_BYTES_MAX)) {
		const struct control_event *event = event_rings_from(&daemon->events.rings, &answer->event);

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

/* A client that is asked for is a whole one: the client that an address, or a longer prefix, is of. */
static void whole_client(struct answer *answer, const struct widths *widths)
{
	struct control_request *request = &answer->request;
	struct control_client *asked = &answer->asked;
	struct address client;

	memcpy(client.bytes, request->client, 16);
	if (request->client_bits <= widths_client_bits(widths, &client))
		return;
	memcpy(asked->asked, request->client, 16);
	asked->asked_bits = request->client_bits;
	asked->client_bits = widths_client_bits(widths, &client);
	client = widths_client(widths, &client);
	memcpy(asked->client, client.bytes, 16);
	memcpy(request->client, client.bytes, 16);
	request->client_bits = (uint8_t)asked->client_bits;
}

void answer_begin(struct answer *answer, const struct control_request *request, const struct daemon *daemon)
{
	*answer = (struct answer){ .request = *request, .event = 0 };
	if (request->verb == CONTROL_EXPLAIN)
		answer->request.client_bits = 128;
	if (answer->request.client_bits <= 128)
		whole_client(answer, &daemon->identity.mesh.widths);
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
	return request->verb < CONTROL_STATUS || request->verb > CONTROL_RATES ? -EOPNOTSUPP : 0;
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
	case CONTROL_CLIENTS:
	case CONTROL_NETWORKS:
		fill_keys(answer, daemon, now, buffer, budget);
		break;
	case CONTROL_EXPLAIN:
		fill_explain(answer, daemon, now, buffer);
		break;
	case CONTROL_POLICY:
		fill_policy(answer, daemon, now, buffer);
		break;
	case CONTROL_LEARNT:
		answer_fill_learnt(answer, daemon, now, buffer);
		break;
	case CONTROL_RATES:
		answer_fill_rates(answer, daemon, now, buffer);
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
