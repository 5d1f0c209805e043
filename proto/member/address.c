/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A member's address. Why: an attacker can resend a recorded datagram from any source address. So a new address is used
 * only after it has answered a challenge, a PING whose number must be echoed. PROTOCOL section "Addresses".
 */
#include "member.h"

uint64_t echo_draw(struct node *node)
{
	return node_random(node) | 1;
}

void member_challenge(struct node *node, struct now now, uint16_t number, const struct endpoint *at)
{
	struct member *member = &node->member->table[number];

	if (!member->session || at->port == 0)
		return;
	/* One that is still out may come back yet: the same again. */
	if (member->challenge.echo == 0 || !endpoint_equal(&member->challenge.to, at))
		member->challenge.echo = echo_draw(node);
	member->challenge.to = *at;
	member->challenge.at = now.mono;
	outbox_add(node, (struct out){ .kind = OUT_PING, .target = number, .ping.echo = member->challenge.echo });
}

void member_prove(struct node *node, uint16_t number, const struct endpoint *at)
{
	struct member *member = &node->member->table[number];

	member->endpoint = *at;
	member->proven = true;
	member->challenge.echo = 0;
}
