/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer to `status`: what this proxy is, has and did, out of the core, the table and the kernel. */
#include "answer_internal.h"

#define ROWS_AT_ONCE_BYTES 32768 /* status and its rows are made together */
_Static_assert(ROW_BYTES_MAX + (REASON_COUNT * (sizeof(struct control_header) + sizeof(struct control_reason))) +
			       (REJECT_COUNT * (sizeof(struct control_header) + sizeof(struct control_reject))) +
			       (INTERFACES_MAX * (sizeof(struct control_header) + sizeof(struct control_attachment))) +
			       (COARSE_KINDS * COARSE_HEAVIEST_MAX *
				(sizeof(struct control_header) + sizeof(struct control_coarse))) +
			       (KEY_KINDS * (sizeof(struct control_header) + sizeof(struct control_shadow))) <
		       ROWS_AT_ONCE_BYTES,
	       "a whole status fits");

#ifndef XPRO_VERSION
#define XPRO_VERSION "0.1"
#endif

static void count_members(const struct daemon *daemon, struct now now, struct control_status *status)
{
	struct member_view member;
	uint32_t cursor = 0;

	while (node_next_member(daemon->node, now, &cursor, &member)) {
		if (member.left && !member.self)
			continue; /* nobody waits for it */
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
	for (unsigned int kind = 0; kind < TABLE_KINDS; kind++) {
		struct table_quota quota;

		table_read_quota(daemon->table, (enum table_kind)kind, &quota);
		status->vouched[kind] = quota.records;
		status->vouched_max[kind] = quota.room;
		status->vouched_part[kind] = quota.part;
	}
}

static void copy_counters(const struct daemon *daemon, const struct node_counters *counters,
			  struct control_status *status)
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
	status->cells_over_line = counters->cells_over_line;
	status->outbox_dropped = counters->outbox_dropped;
	status->signatures_made = counters->signatures_made;
	status->signatures_checked = counters->signatures_checked;
	status->changes_pending = counters->changes_pending;
	if (daemon->udp)
		status->datagrams_unsent = udp_counters(daemon->udp)->send_errors +
					   udp_counters(daemon->udp)->unroutable;
	status->cells_harvested = daemon->counters.cells_harvested;
	status->cells_unheld = daemon->counters.cells_unheld;
	status->records_written = daemon->counters.records_written;
	status->records_refused = daemon->counters.records_refused;
	status->filters_restored = daemon->counters.filters_restored;
	status->requests_refused = daemon->counters.requests_refused;
	status->warnings = daemon->events.warnings;
	status->tick_ms_worst = daemon->counters.tick_ms_worst;
	status->turn_ms_worst = daemon->counters.turn_ms_worst;
	status->turn_cpu_ms_worst = daemon->counters.turn_cpu_ms_worst;
	status->tick_late_ms_worst = daemon->counters.tick_late_ms_worst;
}

static void copy_thresholds(const struct daemon *daemon, const struct policy_effective *pair,
			    const struct policy_effective *destination, struct control_status *status)
{
	const struct thresholds *t = &pair->thresholds;

	status->pair_rate = t->pair_rate;
	status->idle_reset_ms = (uint32_t)(t->idle_reset.ns / NS_PER_MS);
	status->pair_min_window_ms = (uint32_t)(t->pair_min_window.ns / NS_PER_MS);
	status->destination_rate = destination->thresholds.destination_rate;
	status->destination_min_window_ms = (uint32_t)(destination->thresholds.destination_min_window.ns / NS_PER_MS);
	status->policy_flags = (t->early ? POLICY_EARLY : 0) | (t->police ? POLICY_POLICE : 0) |
			       (t->fair ? POLICY_FAIR : 0) |
			       (t->monitor || daemon->config.monitor ? POLICY_MONITOR : 0);
	status->listing = pair->listing;
	status->outside = pair->outside;
	status->unprotected = destination->unprotected;
}

/* Shadow limits too: what is told of a client or a network, is told with the limit it crossed. */
static void copy_limits(const struct policy_effective *client, const struct policy_effective *network,
			struct control_status *status)
{
	bool shadow;

	status->client_rate = client->thresholds.client_rate;
	status->network_rate = network->thresholds.network_rate;
	status->contact_rate = client->thresholds.contact_rate;
	status->contact_limit = (uint32_t)policy_contact_limit(client, &shadow);
	status->client_limit = (uint32_t)policy_limit(client, KEY_CLIENT, &shadow);
	status->network_limit = (uint32_t)policy_limit(network, KEY_NETWORK, &shadow);
}

static const struct policy_effective *effective_of(const struct daemon *daemon, const struct key *key)
{
	const struct policy_table *table = node_policy_table(daemon->node);

	return policy_effective_at(table, key, policy_index_of(node_policy(daemon->node), table, key));
}

/* Where the clients are; of a pair that is explained, whether its packets are judged at all. */
static void copy_sides(const struct answer *answer, const struct daemon *daemon, struct control_status *status)
{
	const struct config *config = &daemon->config;
	struct address client, destination;

	status->clients = config->client_count;
	status->drop_foreign_sources = config->drop_foreign_sources;
	status->judge_replies = config->judge_replies;
	for (uint32_t i = 0; i < config->client_count; i++) {
		memcpy(status->client[i], config->clients[i].address.bytes, sizeof(status->client[i]));
		status->client_bits[i] = config->clients[i].bits;
	}
	if (answer->request.verb != CONTROL_EXPLAIN)
		return;
	/* Sides are of whole addresses. */
	memcpy(client.bytes, answer->asked.client_bits ? answer->asked.asked : answer->request.client, 16);
	memcpy(destination.bytes, answer->request.destination, 16);
	if (config->client_count && !prefixes_hold(config->clients, config->client_count, &client))
		status->side = prefixes_hold(config->clients, config->client_count, &destination)
				       ? CONTROL_SIDE_ANSWER
				       : CONTROL_SIDE_NOT_CLIENT;
}

/* The thresholds of the pair that is explained, else the defaults. */
static void copy_policy(const struct answer *answer, const struct daemon *daemon, struct control_status *status)
{
	const struct policy_document *document = node_policy(daemon->node), *next = node_policy_next(daemon->node);
	const struct policy_effective defaults = { .thresholds = document->defaults };

	copy_thresholds(daemon, &defaults, &defaults, status);
	copy_limits(&defaults, &defaults, status);
	if (answer->request.verb == CONTROL_EXPLAIN) {
		struct key pair, destination, client, network;
		struct address prefix;

		memcpy(pair.client.bytes, answer->request.client, 16);
		memcpy(pair.destination.bytes, answer->request.destination, 16);
		destination = key_of_destination(&pair.destination);
		client = key_of_client(&pair.client);
		prefix = network_of(&pair.destination);
		network = key_of_network(&prefix);
		copy_thresholds(daemon, effective_of(daemon, &pair), effective_of(daemon, &destination), status);
		copy_limits(effective_of(daemon, &client), effective_of(daemon, &network), status);
	}
	status->policy_version = document->version;
	status->policy_waiting = next ? next->version : 0;
	status->policy_effective_slot = next ? next->effective_slot : document->effective_slot;
	status->policy_generation = node_policy_generation(daemon->node);
	status->policy_rules = document->rules_count;
	status->protected_only = document->protected_only;
}

static void copy_rules(const struct daemon *daemon, struct now now, struct control_status *status)
{
	const struct mesh *mesh = &daemon->identity.mesh;

	status->tick_ms = mesh->tick_ms;
	status->window_max_ms = mesh->window_max_ms;
	status->decay = mesh->decay;
	status->slot_ms = (uint32_t)(mesh_slot_length(mesh).ns / NS_PER_MS);
	status->clients_full = table_clients_full(daemon->table);
	status->hz = table_hz(daemon->table);
	status->slot = mesh_slot_at(mesh, now.mesh);
	status->tick = mesh_tick_ended(mesh, now.mesh);
}

void answer_put_status(const struct answer *answer, const struct daemon *daemon, struct now now,
		       struct answer_buffer *buffer)
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

	snprintf(status.name, sizeof(status.name), "%s", daemon->config.name);
	status.degraded = health_is_degraded(&daemon->health);
	node_read_counters(daemon->node, &counters);
	count_members(daemon, now, &status);
	copy_rules(daemon, now, &status);
	copy_policy(answer, daemon, &status);
	copy_sides(answer, daemon, &status);
	copy_usage(daemon, &status);
	copy_counters(daemon, &counters, &status);
	if (counters.cells_held <= CONTROL_DIGEST_CELLS || (answer->request.flags & CONTROL_DIGEST)) {
		status.digest_known = 1;
		node_digest(daemon->node, status.ledger_digest);
	}
	answer_put(buffer, CONTROL_TYPE_STATUS, &status, sizeof(status));
}

static void put_condition(const struct conditions *set, const struct condition *condition,
			  struct answer_buffer *buffer)
{
	const struct condition_kind *kind = &condition_kinds[condition->id];
	struct control_condition row = { .since_ns = condition->since.ns,
					 .severity = kind->severity,
					 .omitted = set->omitted[condition->id] };

	snprintf(row.id, sizeof(row.id), "%s", kind->name);
	about_text(&condition->about, row.subject);
	snprintf(row.text, sizeof(row.text), "%s", condition->text);
	snprintf(row.what_to_do, sizeof(row.what_to_do), "%s", kind->what_to_do);
	answer_put(buffer, CONTROL_TYPE_CONDITION, &row, sizeof(row));
}

/* False: there are more. */
static bool put_conditions(struct answer *answer, const struct daemon *daemon, struct answer_buffer *buffer)
{
	const struct condition *condition;

	while (answer_has_room(buffer, ROW_BYTES_MAX)) {
		condition = conditions_next(&daemon->health.conditions, &answer->cursor);
		if (!condition)
			return true;
		put_condition(&daemon->health.conditions, condition, buffer);
	}
	return false;
}

static void put_reasons(const struct daemon *daemon, struct answer_buffer *buffer)
{
	static const char *const names[REASON_COUNT] = REASON_NAMES;
	struct reason_counter reasons[REASON_COUNT];

	table_read_reasons(daemon->table, reasons);
	for (unsigned int i = 0; i < REASON_COUNT; i++) {
		struct control_reason row = { .packets = reasons[i].packets, .bytes = reasons[i].bytes };

		snprintf(row.name, sizeof(row.name), "%s", names[i]);
		answer_put(buffer, CONTROL_TYPE_REASON, &row, sizeof(row));
	}
}

static void put_rejects(const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct node_counters counters;

	node_read_counters(daemon->node, &counters);
	for (unsigned int i = REJECT_NONE + 1; i < REJECT_COUNT; i++) {
		struct control_reject row = { .count = counters.rejects[i] };

		snprintf(row.name, sizeof(row.name), "%s", reject_names[i]);
		answer_put(buffer, CONTROL_TYPE_REJECT, &row, sizeof(row));
	}
}

static enum control_answers answers_at(const struct attachment *at)
{
	return !at->answers ? CONTROL_ANSWERS_NONE : at->answers_on ? CONTROL_ANSWERS_COUNTED
								    : CONTROL_ANSWERS_MISSED;
}

static void put_attachments(const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct attachment attachments[INTERFACES_MAX];
	size_t count = table_read_attachments(daemon->table, attachments);

	for (size_t i = 0; i < count; i++) {
		struct control_attachment row = { .program_id = attachments[i].program_id,
						  .ours = attachments[i].ours,
						  .side = attachments[i].side,
						  .answers = answers_at(&attachments[i]) };

		memcpy(row.interface, attachments[i].interface, sizeof(row.interface) - 1);
		memcpy(row.mode, attachments[i].mode, sizeof(attachments[i].mode) - 1);
		answer_put(buffer, CONTROL_TYPE_ATTACHMENT, &row, sizeof(row));
	}
}

void answer_put_coarse(const struct coarse_view *view, enum coarse_kind kind, struct answer_buffer *buffer)
{
	struct control_coarse row = {
		.bits = view->prefix.bits,
		.kind = kind,
		.packets = view->packets,
		.window_s = view->window_s,
		.rate = view->rate,
		.share = (double)view->share / SHARE_ALL,
	};

	memcpy(row.prefix, view->prefix.address.bytes, sizeof(row.prefix));
	answer_put(buffer, CONTROL_TYPE_COARSE, &row, sizeof(row));
}

static void put_heaviest(const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct coarse_view heaviest[COARSE_HEAVIEST_MAX];

	for (unsigned int kind = 0; kind < COARSE_KINDS; kind++) {
		const size_t count = table_coarse_heaviest(daemon->table, kind, heaviest);

		for (size_t i = 0; i < count; i++)
			answer_put_coarse(&heaviest[i], kind, buffer);
	}
}

static void put_shadow(const struct daemon *daemon, struct answer_buffer *buffer)
{
	const struct shadow *shadow = &daemon->watch->shadow;

	for (uint32_t kind = 0; shadow->set && kind < KEY_KINDS; kind++) {
		const struct control_shadow row = {
			.since_ns = shadow->since.ns,
			.kind = kind,
			.rules = shadow->document.rules_count,
			.over_now = shadow->kinds[kind].over_now,
			.looks_over = shadow->kinds[kind].looks_over,
			.packets = shadow->kinds[kind].packets,
		};

		answer_put(buffer, CONTROL_TYPE_SHADOW, &row, sizeof(row));
	}
}

void answer_fill_status(struct answer *answer, const struct daemon *daemon, struct now now,
			struct answer_buffer *buffer)
{
	if (answer->step == 0 && put_conditions(answer, daemon, buffer))
		answer->step++;
	if (answer->step == 0 || !answer_has_room(buffer, ROWS_AT_ONCE_BYTES))
		return;
	answer_put_status(answer, daemon, now, buffer);
	put_reasons(daemon, buffer);
	put_rejects(daemon, buffer);
	put_attachments(daemon, buffer);
	put_heaviest(daemon, buffer);
	put_shadow(daemon, buffer);
	answer_end(answer, buffer, 0);
}
