/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which members are heard, and what a tick looks at of each of them. */
#include "member.h"

#define CHALLENGE_EVERY_MS 100 /* a member at two addresses draws no more than this */

/* In a small mesh silence is seen at once; in a larger one most members are never heard directly, and probes tell (swim.c). */
static void watch_silence(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (!member->up || member->self || duration_between(member->heard_at, now.mono).ns < MEMBER_SILENT_MS * NS_PER_MS)
		return;
	if (!node_is_direct(node) && member->state != MEMBER_DOWN && member->state != MEMBER_LEFT)
		return;
	member->up = false;
	member_tell(node, now, number, EVENT_MEMBER_SILENT);
}

/* Known by its record, and not heard: it is asked at the address it tells, beside being greeted. */
static void look_for(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (!node_is_direct(node) || !member->session || member->state == MEMBER_LEFT || member_is_near(node, number, now) ||
	    duration_between(member->challenge.at, now.mono).ns < HELLO_INTERVAL_MS * NS_PER_MS)
		return;
	member_challenge(node, now, number, &member->endpoint);
}

/*
 * Only the member could have sealed this, but anybody could have sent it on from an address of his choice: a new address is followed when it
 * has brought back a challenge, and until then gets nothing but that, not longer than what came.
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
		if (duration_between(member->challenge.at, now.mono).ns >= CHALLENGE_EVERY_MS * NS_PER_MS && size >= PROBE_DATAGRAM_BYTES)
			member_challenge(node, now, number, from);
	}
	if (member->up || member->state == MEMBER_LEFT)
		return false;
	member->up = true;
	member_tell(node, now, number, EVENT_MEMBER_UP);
	return true;
}

void membership_tick(struct node *node, struct now now)
{
	for (uint16_t i = 1; i < node->member->high; i++) {
		const struct member *member = &node->member->table[i];

		if (!member->used)
			continue;
		node->member->table[i].trust = BAD_SIGNATURES_PER_TICK;
		watch_silence(node, now, i);
		skew_tell(node, i, now);
		look_for(node, now, i);
		if (member->state == MEMBER_LEFT && now.mesh.ns - member->record.at_ns > LEFT_RETIRE_MS * NS_PER_MS)
			member_forget(node, i);
	}
}
