/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members are asked, because one clock alone proves nothing; the host's clock is, because members alone must not
 * move it.
 */
#include "clock_watch.h"

#include <math.h>
#include <stdio.h>

#include "daemon.h"
#include "notify.h"

/* Most members that are up have the clock that the host has now. */
static bool members_agree(const struct daemon *daemon, struct now now, double behind_ms)
{
	unsigned int up = 0, agreeing = 0;
	struct member_view member;
	uint32_t cursor = 0;

	while (node_next_member(daemon->node, now, &cursor, &member)) {
		if (member.self || member.revoked || !member.up || isnan(member.skew_ms))
			continue;
		up++;
		agreeing += fabs(member.skew_ms - behind_ms) < SKEW_MS_MAX;
	}
	return agreeing > 0 && 2 * agreeing > up;
}

static void start_anew(struct daemon *daemon, const char *why)
{
	struct clock_watch *watch = &daemon->clock_watch;

	if (!watch->told)
		log_error("%s: gossipd must start anew%s", why,
			  notify_is_managed() ? ", and ends for that" : "; restart it");
	watch->told = true;
	snprintf(watch->why, sizeof(watch->why), "%s", why);
	watch->start_anew = notify_is_managed();
}

static void time_goes_back(struct daemon *daemon, struct duration behind)
{
	char why[128];

	snprintf(why, sizeof(why),
		 "clock: mesh time is %+.0f s off this host's clock and most members', and does not go back",
		 -(double)behind.ns / NS_PER_S);
	start_anew(daemon, why);
}

void clock_look_for_later(struct daemon *daemon)
{
	const uint64_t later = node_later_incarnation(daemon->node);
	struct problem problem;
	char why[128];

	if (later == 0 || daemon->clock_watch.later)
		return;
	if (later > daemon->state.incarnation && state_store(&daemon->state, later, daemon->state.boot, &problem))
		return; /* again in a second; the disk is what health speaks of */
	daemon->clock_watch.later = true;
	snprintf(why, sizeof(why),
		 "mesh: members know this proxy by incarnation %llu, later than its own: they do not hear it",
		 (unsigned long long)later);
	start_anew(daemon, why);
}

void clock_second(struct daemon *daemon, struct now now)
{
	const struct duration behind = { -mesh_clock_drift(&daemon->clock).ns },
			      longest = duration_ms(CLOCK_SLEPT_DAYS_MAX * 86400000LL);
	struct clock_watch *watch = &daemon->clock_watch;
	const bool off = behind.ns > SKEW_MS_MAX * NS_PER_MS || behind.ns < -SKEW_MS_MAX * NS_PER_MS;

	if (daemon->ticking)
		return; /* a harvest is of the time it began at */
	if (!off || !members_agree(daemon, now, (double)behind.ns / NS_PER_MS)) {
		watch->agreed = 0;
		return;
	}
	if (++watch->agreed < CLOCK_AGREED_S)
		return;
	watch->agreed = 0;
	if (behind.ns < 0 || behind.ns > longest.ns) {
		time_goes_back(daemon, behind);
		return;
	}
	mesh_clock_slept(&daemon->clock, behind);
	now = mesh_clock_read(&daemon->clock);
	node_slept(daemon->node, now, behind);
	events_slept(&daemon->events, now, behind);
}
