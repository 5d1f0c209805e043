/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How far members' clocks are off: as their stamps measure it, and as the ticks of their frames prove it. A member more
 * than SKEW_MS_MAX off is left out of verdicts. PROTOCOL sections "Replay" and "Failure detection", Clocks.
 */
#include "member.h"
#include "node.h"

#define LEAD_TICKS_MAX (1 << 24) /* a frame's tick is not looked at beyond: a month, with ticks of 200 ms */

/* The skew as measured, or else as estimated by the member's frames. */
static double skew_known_ms(const struct member *member)
{
	if (!isnan(member->clock.skew_ms))
		return member->clock.skew_ms;
	return (double)(member->clock.proven_ns > 0 ? member->clock.proven_ns : member->clock.lead_ns) / NS_PER_MS;
}

void skew_report(struct node *node, uint16_t number, struct now now)
{
	struct member *member = &node->member->table[number];
	struct node_event event = { .kind = member->clock.skewed ? EVENT_MEMBER_SKEWED : EVENT_MEMBER_SKEW_OK,
				    .at = now.mesh };

	if (member->clock.skewed == member->clock.reported ||
	    (member->clock.reported_at.ns != 0 &&
	     duration_between(member->clock.reported_at, now.mono).ns < REPORT_AGAIN_MS * NS_PER_MS))
		return;
	member->clock.reported = member->clock.skewed;
	member->clock.reported_at = now.mono;
	event.skew_ms = skew_known_ms(member);
	memcpy(event.member, member->certificate.name, sizeof(event.member));
	node_report(node, &event);
}

static void member_set_skewed(struct node *node, uint16_t number, struct now now, bool skewed)
{
	struct member *member = &node->member->table[number];

	if (member->clock.skewed == skewed)
		return;
	member->clock.skewed = skewed;
	for (uint32_t i = 0; i < INCARNATIONS_MAX; i++) {
		const uint32_t origin = (uint32_t)number * INCARNATIONS_MAX + i;

		origin_exclude(node, origin, skewed || node->count->origins[origin].quarantined);
	}
	skew_report(node, number, now);
	/* Keys that rest on its cells are judged anew as the sweep of the next slot comes by, or when they change. */
}

/* The four time stamps of NTP (RFC 5905 section 8): ours sent, theirs received and sent (hold apart), ours received. */
void member_measure(struct node *node, uint16_t number, struct now now, int64_t sent_ns, int64_t echo_ns,
		    int64_t hold_ns)
{
	struct member *member = &node->member->table[number];

	if (sent_ns > member->clock.peer_sent_ns) {
		member->clock.peer_sent_ns = sent_ns;
		member->clock.peer_sent_at = now.mono;
	}
	if (echo_ns <= 0 || hold_ns < 0 || echo_ns > now.mesh.ns || hold_ns > now.mesh.ns - echo_ns)
		return;
	const double rtt = (double)(now.mesh.ns - echo_ns - hold_ns) / NS_PER_MS;
	const double skew = ((double)sent_ns - (double)now.mesh.ns) / NS_PER_MS + rtt / 2;

	if (isnan(member->clock.rtt_ms)) {
		member->clock.rtt_ms = rtt;
		member->clock.skew_ms = skew;
	} else if (rtt <= 2 * member->clock.rtt_ms + 1) { /* a delayed sample is too inexact */
		/* What is smoothed is the jitter of the way; a clock that was set, or a start with another, is seen at
		 * once. */
		const bool anew = isnan(member->clock.skew_ms) || fabs(skew - member->clock.skew_ms) > SKEW_MS_MAX;

		member->clock.rtt_ms += (rtt - member->clock.rtt_ms) / 8;
		member->clock.skew_ms = anew ? skew : member->clock.skew_ms + (skew - member->clock.skew_ms) / 4;
	} else {
		member->clock.rtt_ms += (rtt - member->clock.rtt_ms) / 8;
	}
	if (isnan(member->clock.skew_ms))
		return;
	member->clock.proven_ns = 0;
	member_set_skewed(node, number, now, fabs(member->clock.skew_ms) > SKEW_MS_MAX);
}

/* How far the end of a frame's tick, which may be any number, is ahead of our clock. */
static int64_t lead_of(const struct node *node, struct now now, uint64_t tick)
{
	const uint64_t most = mesh_tick_ended(&node->mesh, now.mesh) + LEAD_TICKS_MAX;

	return duration_between(now.mesh, mesh_tick_end(&node->mesh, tick < most ? tick : most)).ns;
}

/* A frame leaves after its tick has ended by its origin's clock: what comes earlier than that by ours is proof that the
 * clock is ahead, or that ours stood still. What was measured before holds no longer: until it is measured anew the
 * member is as one never measured. */
static void lead_is_proven(struct node *node, uint16_t number, struct now now, int64_t lead_ns)
{
	struct member *member = &node->member->table[number];

	if (member->clock.skew_ms > SKEW_MS_MAX)
		return; /* as measured */
	member->clock.skew_ms = NAN;
	member->clock.lead_frames = 0;
	if (lead_ns > member->clock.proven_ns)
		member->clock.proven_ns = lead_ns;
	member_set_skewed(node, number, now, true);
}

/* That a clock is behind shows only when even the quickest frames come too late; that it is not ahead any more, when no
 * frame proves it. */
static void lead_look(struct node *node, uint16_t number, struct now now, int64_t lead_ns)
{
	struct member *member = &node->member->table[number];
	const bool begins = member->clock.lead_frames == 0;

	if (begins)
		member->clock.lead_since = now.mono;
	if (begins || lead_ns > member->clock.lead_ns)
		member->clock.lead_ns = lead_ns;
	member->clock.lead_frames++;
	if (member->clock.lead_frames < LEAD_FRAMES_MIN ||
	    duration_between(member->clock.lead_since, now.mono).ns < LEAD_WINDOW_MS * NS_PER_MS)
		return;
	member->clock.lead_frames = 0;
	member->clock.proven_ns = 0;
	member_set_skewed(node, number, now, member->clock.lead_ns < -(SKEW_MS_MAX + FRAME_DELAY_MS_MAX) * NS_PER_MS);
}

void member_estimate(struct node *node, uint16_t number, struct now now, uint64_t tick, bool served)
{
	const struct member *member = &node->member->table[number];
	const int64_t lead_ns = lead_of(node, now, tick);
	const bool asked_for_late = served && lead_ns < -FRAME_DELAY_MS_MAX * NS_PER_MS; /* it tells nothing */

	if (member->self)
		return;
	if (lead_ns > SKEW_MS_MAX * NS_PER_MS)
		lead_is_proven(node, number, now, lead_ns);
	else if (isnan(member->clock.skew_ms) && !asked_for_late)
		lead_look(node, number, now, lead_ns);
}

/* Against a clock that was put forward every lead is smaller by as much. */
static void lead_shrinks(struct node *node, uint16_t number, struct now now, struct duration by)
{
	struct member *member = &node->member->table[number];

	member->clock.lead_frames = 0;
	if (member->clock.skew_ms > SKEW_MS_MAX) { /* measured since the host woke */
		member->clock.skew_ms -= (double)by.ns / NS_PER_MS;
		member_set_skewed(node, number, now, fabs(member->clock.skew_ms) > SKEW_MS_MAX);
	} else if (member->clock.proven_ns > 0) {
		member->clock.proven_ns -= by.ns;
		if (member->clock.proven_ns > SKEW_MS_MAX * NS_PER_MS)
			return;
		member->clock.proven_ns = 0;
		member_set_skewed(node, number, now, false);
	}
}

void node_slept(struct node *node, struct now now, struct duration slept)
{
	for (uint16_t i = 1; i < node->member->high; i++) {
		if (node->member->table[i].used)
			lead_shrinks(node, i, now, slept);
	}
}
