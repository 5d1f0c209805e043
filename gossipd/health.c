/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reasons to be degraded, gravest first: the filter is not on an interface, tables are full, the clock is wrong, the mesh is not
 * whole. The attachments are what the kernel says now.
 */
#include "health.h"

#include <math.h>
#include <stdio.h>

#include "daemon.h"

#define WHY(health, ...) (snprintf((health)->why, sizeof((health)->why), __VA_ARGS__), true)

static bool filter_is_missing(const struct daemon *daemon, struct health *health)
{
	struct attachment attachments[INTERFACES_MAX];
	size_t count = table_read_attachments(daemon->table, attachments);

	if (count < daemon->config.interface_count)
		return WHY(health, "%zu of %u interfaces are attached", count, daemon->config.interface_count);
	for (size_t i = 0; i < count; i++) {
		if (!attachments[i].ours && attachments[i].program_id == 0)
			return WHY(health, "interface %s: no XDP program is attached: nothing is filtered there",
				   attachments[i].interface);
		if (!attachments[i].ours)
			return WHY(health, "interface %s: another XDP program (id %u) is attached", attachments[i].interface,
				   attachments[i].program_id);
	}
	return false;
}

static bool is_full(struct health *health, const char *what, uint64_t used, uint64_t most)
{
	if (most == 0 || used * 100 <= most * HEALTH_FULL_PERCENT)
		return false;
	return WHY(health, "%s: %llu of %llu are in use", what, (unsigned long long)used, (unsigned long long)most);
}

static bool something_is_full(const struct daemon *daemon, struct health *health)
{
	struct node_counters counters;
	struct table_usage usage;

	if (table_clients_full(daemon->table) > 0)
		return WHY(health, "table: %u clients have records of as many pairs as one may", table_clients_full(daemon->table));
	node_read_counters(daemon->node, &counters);
	table_read_usage(daemon->table, &usage);
	return is_full(health, "ledger: keys", counters.keys_held, counters.keys_max) ||
	       is_full(health, "ledger: cells", counters.cells_held, counters.cells_max) ||
	       is_full(health, "table: IPv4 pairs", usage.pairs4, usage.pairs4_max) ||
	       is_full(health, "table: IPv6 pairs", usage.pairs6, usage.pairs6_max) ||
	       is_full(health, "table: destinations", usage.destinations, usage.destinations_max);
}

static bool disk_is_behind(const struct daemon *daemon, struct health *health)
{
	if (!daemon->documents_unkept)
		return false;
	return WHY(health, "state: a document of the mesh authority cannot be written to disk: a restart would forget it");
}

static bool clock_was_set(const struct daemon *daemon, struct health *health)
{
	int64_t drift_ms = mesh_clock_drift(&daemon->clock).ns / NS_PER_MS;

	if (drift_ms > -CLOCK_DRIFT_MS_MAX && drift_ms < CLOCK_DRIFT_MS_MAX)
		return false;
	return WHY(health, "clock: the host's was set while running, mesh time is %+lld ms off it; if it is right now, restart gossipd",
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

static bool mesh_is_broken(const struct daemon *daemon, struct now now, struct health *health)
{
	struct mesh_view view = view_members(daemon, now);

	if (!daemon->config.gossip)
		return false;
	if (view.revoked)
		return WHY(health, "mesh: this node's key is revoked: it filters alone");
	if (view.skewed > 0 && view.skewed * 2 > view.up && isnan(view.skew_ms))
		return WHY(health, "clock: %u of %u members differ from this host's, as their frames tell; is NTP running here?",
			   view.skewed, view.up);
	if (view.skewed > 0 && view.skewed * 2 > view.up)
		return WHY(health, "clock: %u of %u members differ from this host's, the last by %+.0f ms; is NTP running here?",
			   view.skewed, view.up, view.skew_ms);
	if (resolve_missing(daemon))
		return WHY(health, "peers: %s: the name has no address", resolve_missing(daemon));
	if (view.others < daemon->config.peer_count)
		return WHY(health, "peers: %u of %u configured were never heard", daemon->config.peer_count - view.others,
			   daemon->config.peer_count);
	if (view.up < view.others && isfinite(view.silent_s) && view.silent_s > 0)
		return WHY(health, "members: %u of %u are silent, %s for %.0f s", view.others - view.up, view.others, view.silent,
			   view.silent_s);
	if (view.up < view.others)
		return WHY(health, "members: %u of %u are silent, among them %s", view.others - view.up, view.others,
			   view.silent);
	if (view.skewed > 0)
		return WHY(health, "members: %u of %u have a clock too far off to count", view.skewed, view.up);
	return false;
}

void health_judge(const struct daemon *daemon, struct now now, struct health *ret_health)
{
	struct health health = { .why = "" };

	health.degraded = filter_is_missing(daemon, &health) || something_is_full(daemon, &health) ||
			  disk_is_behind(daemon, &health) || clock_was_set(daemon, &health) || mesh_is_broken(daemon, now, &health);
	*ret_health = health;
}
