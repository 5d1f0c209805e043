/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The present neighbours: which of them are near, and which to ask. overlay.c decides which members become neighbours.
 */
#include "member.h"

#define RTT_REGION_MS 2.0 /* guessed of a member never measured: in our region, and elsewhere */
#define RTT_UNKNOWN_MS 150.0

struct link *link_find(struct node *node, uint16_t member)
{
	for (uint32_t i = 0; i < node->member->links_count; i++) {
		if (node->member->links[i].member == member)
			return &node->member->links[i];
	}
	return NULL;
}

double distance_ms(const struct node *node, uint16_t number)
{
	const struct member *member = &node->member->table[number], *self = &node->member->table[0];

	if (!isnan(member->clock.rtt_ms))
		return member->clock.rtt_ms;
	if (member->certificate.region[0] && strcmp(member->certificate.region, self->certificate.region) == 0)
		return RTT_REGION_MS;
	return RTT_UNKNOWN_MS;
}

uint16_t neighbour_nearest(const struct node *node, struct now now, uint16_t but)
{
	uint16_t found = MEMBER_NONE;

	for (uint32_t i = 0; !node_is_direct(node) && i < node->member->links_count; i++) {
		const struct link *link = &node->member->links[i];

		if (link->agreed && link->member != but &&
		    (found == MEMBER_NONE || distance_ms(node, link->member) < distance_ms(node, found)))
			found = link->member;
	}
	for (uint16_t i = 1; node_is_direct(node) && i < node->member->high; i++) {
		if (i != but && member_is_near(node, i, now) &&
		    (found == MEMBER_NONE || distance_ms(node, i) < distance_ms(node, found)))
			found = i;
	}
	return found;
}

uint16_t neighbour_any(struct node *node, struct now now, uint16_t but)
{
	uint16_t found = MEMBER_NONE;
	uint32_t seen = 0;

	for (uint32_t i = 0; !node_is_direct(node) && i < node->member->links_count; i++) {
		if (node->member->links[i].agreed && node->member->links[i].member != but &&
		    node_random(node) % ++seen == 0)
			found = node->member->links[i].member;
	}
	for (uint16_t i = 1; node_is_direct(node) && i < node->member->high; i++) {
		if (i != but && member_is_near(node, i, now) && node_random(node) % ++seen == 0)
			found = i;
	}
	return found;
}
