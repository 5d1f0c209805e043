/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One line for each series. A new number of the status becomes a metric by a line here, and a row of the guide. */
#include "metrics_table.h"

#define AT(field) offsetof(struct control_status, field)
#define COUNTER(name, field, help) { "xpro_" name "_total", help, METRIC_COUNTER, NULL, METRIC_U64, AT(field) }
#define GAUGE(name, kind, field, help) { "xpro_" name, help, METRIC_GAUGE, NULL, METRIC_##kind, AT(field) }
#define LABELLED(name, labels, kind, field, help) \
	{ "xpro_" name, help, METRIC_GAUGE, labels, METRIC_##kind, AT(field) }

#define RATE "rate_limit_packets_per_second"

const struct metric metrics_of_status[] = {
	GAUGE("degraded", U32, degraded, "1 while this proxy does not do its whole job."),
	GAUGE("uptime_seconds", REAL, uptime_s, "Time since gossipd started."),
	GAUGE("starts", U64, boot, "Starts of gossipd with this table."),
	GAUGE("members", U32, members, "Members of the mesh, this one included, without those that left."),
	GAUGE("members_up", U32, members_up, "Members that are up, this one included."),
	GAUGE("policy_version", U64, policy_version, "Version of the policy of the mesh; 0 without one."),
	GAUGE("policy_rules", U32, policy_rules, "Rules of the policy in force."),
	GAUGE("policy_waiting", U64, policy_waiting, "Version of a policy that waits for its slot; 0 without one."),
	LABELLED(RATE, "kind=\"pair\"", U32, pair_rate, "Rates outside of rules, as set; 0 is no limit."),
	LABELLED(RATE, "kind=\"destination\"", U32, destination_rate, NULL),
	LABELLED(RATE, "kind=\"client\"", U32, client_rate, NULL),
	LABELLED(RATE, "kind=\"network\"", U32, network_rate, NULL),
	LABELLED("table_records", "table=\"pairs4\"", U64, pairs4, "Records in the kernel's tables."),
	LABELLED("table_records", "table=\"pairs6\"", U64, pairs6, NULL),
	LABELLED("table_records", "table=\"destinations\"", U64, destinations, NULL),
	LABELLED("table_records_max", "table=\"pairs4\"", U64, pairs4_max, "Records that a table has room for."),
	LABELLED("table_records_max", "table=\"pairs6\"", U64, pairs6_max, NULL),
	LABELLED("table_records_max", "table=\"destinations\"", U64, destinations_max, NULL),
	LABELLED("vouched_records", "table=\"pairs4\"", U64, vouched[0], "Records on other members' word alone."),
	LABELLED("vouched_records", "table=\"pairs6\"", U64, vouched[1], NULL),
	LABELLED("vouched_records", "table=\"destinations\"", U64, vouched[2], NULL),
	LABELLED("vouched_records_max", "table=\"pairs4\"", U64, vouched_max[0], "How many of these there may be."),
	LABELLED("vouched_records_max", "table=\"pairs6\"", U64, vouched_max[1], NULL),
	LABELLED("vouched_records_max", "table=\"destinations\"", U64, vouched_max[2], NULL),
	GAUGE("table_bytes", U64, table_bytes, "Kernel memory of the tables."),
	GAUGE("clients_full", U64, clients_full, "Clients with records of as many pairs as one may have."),
	GAUGE("ledger_keys", U64, keys_held, "Keys in the ledger."),
	GAUGE("ledger_keys_max", U64, keys_max, "Keys that the ledger has room for."),
	GAUGE("ledger_cells", U64, cells_held, "Cells in the ledger."),
	GAUGE("ledger_cells_max", U64, cells_max, "Cells that the ledger has room for."),
	COUNTER("datagrams_received", datagrams_received, "Datagrams received."),
	COUNTER("datagrams_sent", datagrams_sent, "Datagrams sent."),
	COUNTER("datagrams_unsent", datagrams_unsent, "Datagrams that the kernel did not take."),
	COUNTER("received_bytes", bytes_received, "UDP payload received."),
	COUNTER("sent_bytes", bytes_sent, "UDP payload sent."),
	COUNTER("outbox_dropped", outbox_dropped, "Datagrams dropped before they were made, for want of room."),
	COUNTER("frames_published", frames_published, "Own frames published."),
	COUNTER("frames_received", frames_received, "Frames of other members received."),
	COUNTER("frames_duplicate", frames_duplicate, "Frames received that were there already."),
	COUNTER("frames_repaired", frames_repaired, "Frames received on request, after they were missed."),
	COUNTER("frames_served", frames_served, "Frames sent to members that requested them."),
	COUNTER("cells_published", cells_published, "Own cells published."),
	COUNTER("cells_merged", cells_merged, "Cells of other members that changed the ledger."),
	COUNTER("cells_refused", cells_refused, "Cells of other members that the ledger had no room for."),
	COUNTER("cells_over_line", cells_over_line, "Cells of members that report more than their line carries."),
	COUNTER("cells_harvested", cells_harvested, "Own counts harvested from the table."),
	COUNTER("cells_unheld", cells_unheld, "Own counts that the ledger had no room for."),
	GAUGE("cells_waiting", U64, cells_waiting, "Own cells that wait for a later tick."),
	COUNTER("signatures_made", signatures_made, "Signatures made."),
	COUNTER("signatures_checked", signatures_checked, "Signatures checked."),
	COUNTER("records_written", records_written, "Changes written into the table."),
	COUNTER("records_refused", records_refused, "Changes that found the table full."),
	GAUGE("changes_pending", U64, changes_pending, "Changes of records that are not written yet."),
	COUNTER("filters_restored", filters_restored, "Times that a filter taken off by hand was put back."),
	COUNTER("requests_refused", requests_refused, "Requests refused at the control socket for want of rights."),
	COUNTER("overload_warnings", warnings, "Warnings of the XDP program about clients over their rate."),
	GAUGE("tick_worst_seconds", MS, tick_ms_worst, "Longest work of a tick since the start."),
	GAUGE("tick_late_worst_seconds", MS, tick_late_ms_worst, "Latest begin of a tick since the start."),
	GAUGE("turn_worst_seconds", MS, turn_ms_worst, "Longest turn of the event loop since the start."),
	GAUGE("turn_cpu_worst_seconds", MS, turn_cpu_ms_worst, "Most processor time of a turn since the start."),
	GAUGE("clock_drift_seconds", MS, clock_drift_ms, "Mesh time less the host's UTC."),
};

const size_t metrics_of_status_count = sizeof(metrics_of_status) / sizeof(metrics_of_status[0]);
