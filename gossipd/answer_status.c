/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The answer to `status`: what this proxy is, has and did, out of the core, the table and the kernel. */
#include "answer_internal.h"

#define ROWS_AT_ONCE_BYTES 16384 /* status and its rows are made together */
_Static_assert(ROW_BYTES_MAX + (REASON_COUNT * (sizeof(struct control_header) + sizeof(struct control_reason))) +
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

void answer_put_status(const struct answer *answer, const struct daemon *daemon, struct now now, struct answer_buffer *buffer)
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
	answer_put(buffer, CONTROL_TYPE_STATUS, &status, sizeof(status));
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
	if (!answer_has_room(buffer, ROWS_AT_ONCE_BYTES))
		return;
	answer_put_status(answer, daemon, now, buffer);
	put_reasons(daemon, buffer);
	put_rejects(daemon, buffer);
	put_attachments(daemon, buffer);
	answer_end(answer, buffer, 0);
}
