/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health: what is wrong with this proxy and what is to be known of it, as conditions. Judged from what is measured,
 * never from the config. Each health_*.c looks at one side of it: once a second, and when somebody asks.
 */
#ifndef GOSSIPD_HEALTH_H
#define GOSSIPD_HEALTH_H

#include <xpro/bounds.h>
#include <xpro/record.h>

#include "conditions.h"

struct daemon;

#define HEALTH_QUIET_MS 3000 /* after the start members take a moment to find each other: nothing is raised */
#define HEALTH_FULL_PERCENT 90 /* of a table or of the ledger */
#define HEALTH_RESTORED_S 10 /* for how long a filter that was put back is shown */

/* What is held against whom: the client stays the same while it has half of what the first has. */
enum blamed { BLAMED_PAIRS4, BLAMED_PAIRS6, BLAMED_DESTINATIONS, BLAMED_COARSE, BLAMED_QUOTA, BLAMED_COUNT };

struct health {
	struct conditions conditions;
	/* measured once a second */
	struct reason_counter reasons[REASON_COUNT]; /* at the last look */
	uint64_t grown[REASON_COUNT]; /* packets in the second before it */
	uint64_t unopened, unopened_more; /* datagrams in all, and in that second */
	double late_ms, late_before_ms; /* worst begin of a tick since then, and in that second */
	bool measured; /* at least once */
	struct address blamed[BLAMED_COUNT]; /* clients; all zero: nobody */
	uint32_t clients_full; /* at the last look */
	uint64_t table_full_told, evidence_told; /* in seconds of the daemon; 0: never */
	char restored[CONTROL_CONDITION_BYTES]; /* which filter, or pins, were put back last */
	uint64_t restored_at; /* in seconds of the daemon; 0: never */
};

#define HEALTH_LOOK_MS 100 /* not more often, whoever asks */

/* Measures, looks, and tells what repeats while it goes on. */
void health_second(struct daemon *daemon, struct now now);

/* Looks once more, so that an answer does not say what was so a second ago. */
void health_look(struct daemon *daemon, struct now now);

static inline bool health_is_degraded(const struct health *health)
{
	return conditions_degrade(&health->conditions);
}

/* ---- who looks at what ---- */

void health_filter(struct daemon *daemon); /* interfaces, programs, pins, sides */
void health_host(struct daemon *daemon); /* clock, disk, time to compute */
void health_policy(struct daemon *daemon);
void health_members(struct daemon *daemon, struct now now);
void health_tables(struct daemon *daemon, struct now now); /* tables, ledger, and which clients fill them */
/* once a second: events of clients at their quota, of packets without room, and of those that passed by the floor */
void health_tables_tell(struct daemon *daemon, struct now now);

#endif
