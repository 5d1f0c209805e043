/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer to `status`: what this proxy is, has and did, out of the core, the table and the kernel. */
#include "answer_internal.h"

#define ROWS_AT_ONCE_BYTES 32768 /* status and its rows are made together */
_Static_assert(ROW_BYTES_MAX + (CONTROL_WHYS_MAX * (sizeof(struct control_header) + sizeof(struct control_why))) +
			       (REASON_COUNT * (sizeof(struct control_header) + sizeof(struct control_reason))) +
			       (REJECT_COUNT * (sizeof(struct control_header) + sizeof(struct control_reject))) +
			       (INTERFACES_MAX * (sizeof(struct control_header) + sizeof(struct control_attachment))) <
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
	status->cells_over_line = counters->cells_over_line;
	status->outbox_dropped = counters->outbox_dropped;
	status->signatures_made = counters->signatures_made;
	status->signatures_checked = counters->signatures_checked;
	status->changes_pending = counters->changes_pending;
	if (daemon->udp)
		status->datagrams_unsent = udp_counters(daemon->udp)->send_errors + udp_counters(daemon->udp)->unroutable;
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

static void copy_thresholds(const struct daemon *daemon, const struct policy_effective *pair, const struct policy_effective *destination,
			    struct control_status *status)
{
	const struct thresholds *t = &pair->thresholds;

	status->pair_rate = t->pair_rate;
	status->idle_reset_ms = (uint32_t)(t->idle_reset.ns / NS_PER_MS);
	status->pair_min_window_ms = (uint32_t)(t->pair_min_window.ns / NS_PER_MS);
	status->destination_rate = destination->thresholds.destination_rate;
	status->destination_min_window_ms = (uint32_t)(destination->thresholds.destination_min_window.ns / NS_PER_MS);
	status->policy_flags = (t->early ? POLICY_EARLY : 0) | (t->police ? POLICY_POLICE : 0) | (t->fair ? POLICY_FAIR : 0) |
			       (t->monitor || daemon->config.monitor ? POLICY_MONITOR : 0);
	status->listing = pair->listing;
	status->unprotected = destination->unprotected;
}

/* The thresholds of the pair that is explained, else the defaults. */
static void copy_policy(const struct answer *answer, const struct daemon *daemon, struct control_status *status)
{
	const struct policy_document *document = node_policy(daemon->node), *next = node_policy_next(daemon->node);
	const struct policy_effective defaults = { .thresholds = document->defaults };
	const struct policy_table *table = node_policy_table(daemon->node);

	copy_thresholds(daemon, &defaults, &defaults, status);
	if (answer->request.verb == CONTROL_EXPLAIN) {
		struct key pair, destination;

		memcpy(pair.client.bytes, answer->request.client, 16);
		memcpy(pair.destination.bytes, answer->request.destination, 16);
		destination = key_of_destination(&pair.destination);
		copy_thresholds(daemon, policy_effective_at(table, &pair, policy_index_of(document, table, &pair)),
				policy_effective_at(table, &destination, policy_index_of(document, table, &destination)), status);
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
	status->tick = mesh_tick_at(mesh, now.mesh);
}

static void put_status(const struct answer *answer, const struct daemon *daemon, struct now now, const struct health *health,
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
	status.degraded = health->count > 0;
	snprintf(status.degraded_why, sizeof(status.degraded_why), "%s", health->count ? health->reasons[0].text : "");
	snprintf(status.notices, sizeof(status.notices), "%s", daemon->notices);
	node_read_counters(daemon->node, &counters);
	count_members(daemon, now, &status);
	copy_rules(daemon, now, &status);
	copy_policy(answer, daemon, &status);
	copy_usage(daemon, &status);
	copy_counters(daemon, &counters, &status);
	if (counters.cells_held <= CONTROL_DIGEST_CELLS || (answer->request.flags & CONTROL_DIGEST)) {
		status.digest_known = 1;
		node_digest(daemon->node, status.ledger_digest);
	}
	answer_put(buffer, CONTROL_TYPE_STATUS, &status, sizeof(status));
}

void answer_put_status(const struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	struct health health;

	health_judge(daemon, now, &health);
	put_status(answer, daemon, now, &health, buffer);
}

static void put_whys(const struct health *health, struct answer_buffer *buffer)
{
	for (uint32_t i = 0; i < health->count; i++) {
		struct control_why row = { .text = "" };

		snprintf(row.text, sizeof(row.text), "%s", health->reasons[i].text);
		answer_put(buffer, CONTROL_TYPE_WHY, &row, sizeof(row));
	}
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

static void put_attachments(const struct daemon *daemon, struct answer_buffer *buffer)
{
	struct attachment attachments[INTERFACES_MAX];
	size_t count = table_read_attachments(daemon->table, attachments);

	for (size_t i = 0; i < count; i++) {
		struct control_attachment row = { .program_id = attachments[i].program_id, .ours = attachments[i].ours };

		memcpy(row.interface, attachments[i].interface, sizeof(row.interface) - 1);
		memcpy(row.mode, attachments[i].mode, sizeof(attachments[i].mode) - 1);
		answer_put(buffer, CONTROL_TYPE_ATTACHMENT, &row, sizeof(row));
	}
}

void answer_fill_status(struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
{
	struct health health;

	if (!answer_has_room(buffer, ROWS_AT_ONCE_BYTES))
		return;
	health_judge(daemon, now, &health);
	put_whys(&health, buffer);
	put_status(answer, daemon, now, &health, buffer);
	put_reasons(daemon, buffer);
	put_rejects(daemon, buffer);
	put_attachments(daemon, buffer);
	answer_end(answer, buffer, 0);
}
