/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Health of the host: its clock, its disk, and the time that gossipd gets to compute. */
#include "daemon.h"

/* By then a tick's counts are told a whole tick late. */
static bool is_late(const struct daemon *daemon)
{
	return daemon->health.late_before_ms > daemon->identity.mesh.tick_ms;
}

void health_host(struct daemon *daemon)
{
	const int64_t drift_ms = mesh_clock_drift(&daemon->clock).ns / NS_PER_MS;
	struct conditions *found = &daemon->health.conditions;

	if (daemon->documents_unkept)
		conditions_find(found, CONDITION_STATE_UNWRITABLE, about_here("state"),
				"a document of the mesh authority cannot be written to disk: "
				"a restart would forget it");
	if (daemon->clock_watch.told)
		conditions_find(found, CONDITION_RESTART_NEEDED, about_here("mesh time"),
				"gossipd must start anew: %s", daemon->clock_watch.why);
	if (drift_ms <= -CLOCK_DRIFT_MS_MAX || drift_ms >= CLOCK_DRIFT_MS_MAX)
		conditions_find(found, CONDITION_CLOCK_SET, about_here("clock"),
				"the host's was set while running, mesh time is %+lld ms off it", (long long)drift_ms);
	if (is_late(daemon))
		conditions_find(found, CONDITION_TICK_LATE, about_here("ticks"), "one began %.0f ms late, of %u ms",
				daemon->health.late_before_ms, daemon->identity.mesh.tick_ms);
	if (daemon->gate.full)
		conditions_find(found, CONDITION_GATE_FULL, about_here("gate"),
				"no room for another member's address: "
				"its datagrams take from the bucket for unknown ones");
}
