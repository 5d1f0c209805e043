/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A look. What it raises or clears is an event and a line in the log. */
#include "health.h"

#include "daemon.h"

struct telling {
	struct daemon *daemon;
	struct now now;
};

static void tell(void *user, const struct condition *condition, bool raised)
{
	const struct telling *telling = user;

	events_condition(&telling->daemon->events, telling->now, condition, raised);
}

static uint64_t unopened(const struct daemon *daemon)
{
	struct node_counters counters;

	node_read_counters(daemon->node, &counters);
	return counters.rejects[REJECT_SEAL] + counters.rejects[REJECT_MESH] + counters.rejects[REJECT_CERTIFICATE] +
	       counters.rejects[REJECT_OLD_SECRET];
}

/* What each counter grew by. At first nothing: the daemon before has seen it. */
static void measure(struct daemon *daemon)
{
	struct health *health = &daemon->health;
	struct reason_counter reasons[REASON_COUNT];
	const uint64_t datagrams = unopened(daemon);

	table_read_reasons(daemon->table, reasons);
	for (unsigned int i = 0; i < REASON_COUNT; i++)
		health->grown[i] = health->measured ? reasons[i].packets - health->reasons[i].packets : 0;
	memcpy(health->reasons, reasons, sizeof(reasons));
	health->unopened_more = datagrams - health->unopened;
	health->unopened = datagrams;
	health->late_before_ms = health->late_ms;
	health->late_ms = 0;
	health->measured = true;
}

static void look(struct daemon *daemon, struct now now)
{
	const bool quiet = duration_between(daemon->started, now.mono).ns < HEALTH_QUIET_MS * NS_PER_MS,
		   before = health_is_degraded(&daemon->health);
	struct telling telling = { daemon, now };

	conditions_begin(&daemon->health.conditions, now);
	health_filter(daemon);
	health_host(daemon);
	health_policy(daemon);
	health_members(daemon, now);
	health_tables(daemon, now);
	conditions_end(&daemon->health.conditions, quiet, tell, &telling);
	if (before && !quiet && !health_is_degraded(&daemon->health))
		log_info("healthy again");
}

void health_second(struct daemon *daemon, struct now now)
{
	measure(daemon);
	look(daemon, now);
	health_tables_tell(daemon, now);
}

void health_look(struct daemon *daemon, struct now now)
{
	if (duration_between(daemon->health.conditions.now.mono, now.mono).ns >= HEALTH_LOOK_MS * NS_PER_MS)
		look(daemon, now);
}
