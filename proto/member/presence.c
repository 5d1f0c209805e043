/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks a member up when one of its datagrams is opened, and silent after MEMBER_SILENT_MS without one (in a larger
 * mesh only once SWIM calls it down). Each tick: challenges members that are not near, reports clock skew, resets the
 * budget of bad signatures, forgets members that left a day ago.
 */
#include "member.h"

#define CHALLENGE_EVERY_MS 100 /* shortest time between two challenges of a member */

/*
 * Reports a silent member. In a larger mesh most members send nothing to this node, so only probes show that a member
 * is down (swim.c).
 */
static void watch_silence(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (!member->up || member->self ||
	    duration_between(member->heard_at, now.mono).ns < MEMBER_SILENT_MS * NS_PER_MS)
		return;
	if (!node_is_direct(node) && member->state != MEMBER_DOWN && member->state != MEMBER_LEFT)
		return;
	member->up = false;
	member_report(node, now, number, EVENT_MEMBER_SILENT);
}

/* Challenges a member that is known by its record and not near, at the address in the record. It is greeted as well. */
static void look_for(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (!node_is_direct(node) || !member->session || member->state == MEMBER_LEFT ||
	    member_is_near(node, number, now) ||
	    duration_between(member->challenge.at, now.mono).ns < HELLO_INTERVAL_MS * NS_PER_MS)
		return;
	member_challenge(node, now, number, &member->endpoint);
}

/*
 * Only the member could have sealed this datagram, but anybody could have resent it from any source address. So a new
 * address gets only a challenge, not longer than the datagram, until it has answered (address.c).
 */
bool member_heard(struct node *node, uint16_t number, struct now now, const struct endpoint *from, size_t size)
{
	struct member *member = &node->member->table[number];

	member->heard_at = now.mono;
	if (!member->heard)
		outbox_add(node, (struct out){ .kind = OUT_NEWS, .target = number });
	member->heard = true;
	if (!node_is_direct(node))
		member_alive(node, now, number);
	if (!endpoint_equal(&member->endpoint, from) || !member->proven) {
		if (duration_between(member->challenge.at, now.mono).ns >= CHALLENGE_EVERY_MS * NS_PER_MS &&
		    size >= PROBE_DATAGRAM_BYTES)
			member_challenge(node, now, number, from);
	}
	if (member->up || member->state == MEMBER_LEFT)
		return false;
	member->up = true;
	member_report(node, now, number, EVENT_MEMBER_UP);
	return true;
}

void membership_tick(struct node *node, struct now now)
{
	for (uint16_t i = 1; i < node->member->high; i++) {
		const struct member *member = &node->member->table[i];

		if (!member->used)
			continue;
		node->member->table[i].bad_signatures_left = BAD_SIGNATURES_PER_TICK;
		watch_silence(node, now, i);
		skew_report(node, i, now);
		look_for(node, now, i);
		if (member->state == MEMBER_LEFT && now.mesh.ns - member->record.at_ns > LEFT_RETIRE_MS * NS_PER_MS)
			member_forget(node, i);
	}
}
