/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reasons to be degraded, gravest first: the filter is not on an interface, tables are full, the clock is wrong, the
 * mesh is not whole. The attachments are what the kernel says now.
 */
#include "health.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon.h"

/* Which reason it is. Those of single interfaces follow, one number each. */
enum {
	WHY_UNATTACHED,
	WHY_PINS,
	WHY_CLIENTS_FULL,
	WHY_KEYS_FULL,
	WHY_CELLS_FULL,
	WHY_PAIRS4_FULL,
	WHY_PAIRS6_FULL,
	WHY_DESTINATIONS_FULL,
	WHY_DISK,
	WHY_CLOCK_SET,
	WHY_REVOKED,
	WHY_SKEWED_HERE,
	WHY_NAME,
	WHY_NEVER_HEARD,
	WHY_SILENT,
	WHY_SKEWED,
	WHY_INTERFACE,
};
_Static_assert(WHY_INTERFACE + INTERFACES_MAX <= CONTROL_WHYS_MAX, "all reasons there are have room together");

__attribute__((format(printf, 3, 4))) static void why(struct health *health, uint32_t what, const char *format, ...)
{
	struct health_reason *reason = &health->reasons[health->count++];
	va_list arguments;

	reason->what = what;
	va_start(arguments, format);
	vsnprintf(reason->text, sizeof(reason->text), format, arguments);
	va_end(arguments);
}

static void judge_filter(const struct daemon *daemon, struct health *health)
{
	struct attachment attachments[INTERFACES_MAX];
	size_t count = table_read_attachments(daemon->table, attachments);

	if (count < daemon->config.interface_count)
		why(health, WHY_UNATTACHED, "%zu of %u interfaces are attached", count, daemon->config.interface_count);
	for (size_t i = 0; i < count; i++) {
		const struct attachment *at = &attachments[i];

		if (!at->ours && at->program_id == 0)
			why(health, WHY_INTERFACE + (uint32_t)i,
			    "interface %s: no XDP program is attached: nothing is filtered there", at->interface);
		else if (!at->ours)
			why(health, WHY_INTERFACE + (uint32_t)i,
			    "interface %s: another XDP program (id %u) is attached", at->interface, at->program_id);
	}
	if (table_pins_problem(daemon->table))
		why(health, WHY_PINS, "pins: the filter would not outlive gossipd: %s",
		    table_pins_problem(daemon->table));
}

static void judge_room(struct health *health, uint32_t what, const char *name, uint64_t used, uint64_t most)
{
	if (most != 0 && used * 100 > most * HEALTH_FULL_PERCENT)
		why(health, what, "%s: %llu of %llu are in use", name, (unsigned long long)used,
		    (unsigned long long)most);
}

static void judge_tables(const struct daemon *daemon, struct health *health)
{
	struct node_counters counters;
	struct table_usage usage;

	if (table_clients_full(daemon->table) > 0)
		why(health, WHY_CLIENTS_FULL, "table: %u clients have records of as many pairs as one may",
		    table_clients_full(daemon->table));
	node_read_counters(daemon->node, &counters);
	table_read_usage(daemon->table, &usage);
	judge_room(health, WHY_KEYS_FULL, "ledger: keys", counters.keys_held, counters.keys_max);
	judge_room(health, WHY_CELLS_FULL, "ledger: cells", counters.cells_held, counters.cells_max);
	judge_room(health, WHY_PAIRS4_FULL, "table: IPv4 pairs", usage.pairs4, usage.pairs4_max);
	judge_room(health, WHY_PAIRS6_FULL, "table: IPv6 pairs", usage.pairs6, usage.pairs6_max);
	judge_room(health, WHY_DESTINATIONS_FULL, "table: destinations", usage.destinations, usage.destinations_max);
}

static void judge_host(const struct daemon *daemon, struct health *health)
{
	const int64_t drift_ms = mesh_clock_drift(&daemon->clock).ns / NS_PER_MS;

	if (daemon->documents_unkept)
		why(health, WHY_DISK,
		    "state: a document of the mesh authority cannot be written to disk: a restart would forget it");
	if (drift_ms <= -CLOCK_DRIFT_MS_MAX || drift_ms >= CLOCK_DRIFT_MS_MAX)
		why(health, WHY_CLOCK_SET,
		    "clock: the host's was set while running, mesh time is %+lld ms off it; if it is right now, "
		    "restart gossipd",
		    (long long)drift_ms);
}

struct mesh_view {
	unsigned int others, up, skewed; /* members besides this one */
	double skew_ms;			 /* of the last skewed that was measured; else NAN */
	char silent[NAME_BYTES_MAX + 1]; /* a silent one */
	double silent_s;
	bool revoked; /* this node itself */
};

static struct mesh_view view_members(const struct daemon *daemon, struct now now)
{
	struct mesh_view view = { .skew_ms = NAN };
	struct member_view member;
	uint32_t cursor = 0;

	while (node_next_member(daemon->node, now, &cursor, &member)) {
		if (member.self) {
			view.revoked = member.revoked;
			continue;
		}
		view.others++;
		if (member.revoked || member.left) { /* nobody waits for it */
			view.up++;
			continue;
		}
		view.up += member.up;
		if (member.up && member.skewed) {
			view.skewed++;
			view.skew_ms = isnan(member.skew_ms) ? view.skew_ms : member.skew_ms;
		}
		if (!member.up && view.silent[0] == '\0') {
			memcpy(view.silent, member.name, sizeof(view.silent));
			view.silent_s = member.silent_s;
		}
	}
	return view;
}

static void judge_silence(const struct mesh_view *view, struct health *health)
{
	const unsigned int silent = view->others - view->up;

	if (silent > 0 && isfinite(view->silent_s) && view->silent_s > 0)
		why(health, WHY_SILENT, "members: %u of %u are silent, %s for %.0f s", silent, view->others,
		    view->silent, view->silent_s);
	else if (silent > 0)
		why(health, WHY_SILENT, "members: %u of %u are silent, among them %s", silent, view->others,
		    view->silent);
}

/* A revoked node is alone for that one reason. */
static void judge_mesh(const struct daemon *daemon, struct now now, struct health *health)
{
	const struct mesh_view view = view_members(daemon, now);
	const bool skewed_here = view.skewed > 0 && view.skewed * 2 > view.up;

	if (!daemon->config.gossip)
		return;
	if (view.revoked) {
		why(health, WHY_REVOKED, "mesh: this node's key is revoked: it filters alone");
		return;
	}
	if (skewed_here && isnan(view.skew_ms))
		why(health, WHY_SKEWED_HERE, "clock: %u of %u members differ from this host's, as their frames tell; is NTP running here?",
		    view.skewed, view.up);
	else if (skewed_here)
		why(health, WHY_SKEWED_HERE,
		    "clock: %u of %u members differ from this host's, the last by %+.0f ms; is NTP running here?",
		    view.skewed, view.up, view.skew_ms);
	if (resolve_missing(daemon))
		why(health, WHY_NAME, "peers: %s: the name has no address", resolve_missing(daemon));
	if (view.others < daemon->config.peer_count)
		why(health, WHY_NEVER_HEARD, "peers: %u of %u configured were never heard",
		    daemon->config.peer_count - view.others, daemon->config.peer_count);
	judge_silence(&view, health);
	if (view.skewed > 0 && !skewed_here)
		why(health, WHY_SKEWED, "members: %u of %u have a clock too far off to count", view.skewed, view.up);
}

void health_judge(const struct daemon *daemon, struct now now, struct health *ret_health)
{
	ret_health->count = 0;
	judge_filter(daemon, ret_health);
	judge_tables(daemon, ret_health);
	judge_host(daemon, ret_health);
	judge_mesh(daemon, now, ret_health);
}
