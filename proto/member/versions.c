// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who speaks another version of the protocol. Such a datagram cannot be opened, so its sender is what its header says
 * and nothing proves it: a member is named, and nothing else follows. A flood of false names is remembered in one place
 * per member, one per configured address and one for all others.
 */
#include "member.h"
#include "node.h"

#define VERSIONS_TOLD_PER_SLOT 8 /* events; status names every member that speaks another version */

static struct greeting *configured_at(struct node *node, const struct endpoint *from)
{
	for (uint32_t i = 0; i < node->member->handshake.count; i++) {
		struct greeting *greeting = &node->member->handshake.greetings[i];

		if (greeting->configured && endpoint_equal(&greeting->endpoint, from))
			return greeting;
	}
	return NULL;
}

/* Where it is remembered what this sender said. */
static struct version_said *said_by(struct node *node, uint16_t number, const struct endpoint *from)
{
	struct greeting *greeting;

	if (number != MEMBER_NONE)
		return &node->member->table[number].account.version_said;
	greeting = configured_at(node, from);
	return greeting ? &greeting->version_said : &node->member->version_said;
}

/* Nothing proves these events, so a flood of false names must not push other events out of the history. */
static bool may_tell(struct membership *members, uint64_t slot)
{
	if (members->versions_slot != slot) {
		members->versions_slot = slot;
		members->versions_told = 0;
	}
	return members->versions_told++ < VERSIONS_TOLD_PER_SLOT;
}

enum reject version_receive(struct node *node, const struct endpoint *from, const struct datagram_header *header)
{
	struct node_event event = { .kind = EVENT_MEMBER_VERSION, .at = mesh_tick_end(&node->mesh, node->tick) };
	const uint16_t number = member_find(node, header->sender);
	struct version_said *said;
	bool told;

	if (header->sender == node->id)
		return REJECT_OTHER_VERSION;
	said = said_by(node, number, from);
	told = said->known && said->slot == node->slot;
	*said = (struct version_said){ .known = true, .version = header->version, .slot = node->slot, .from = *from };
	if (number == MEMBER_NONE || told || !may_tell(node->member, node->slot))
		return REJECT_OTHER_VERSION;
	event.version = header->version;
	memcpy(event.member, node->member->table[number].certificate.name, sizeof(event.member));
	node_report(node, &event);
	return REJECT_OTHER_VERSION;
}

/* Said in the running slot or the one before. */
static bool is_recent(const struct node *node, const struct version_said *said)
{
	return said->known && said->slot + 1 >= node->slot;
}

/* Members, then configured addresses, then who is neither; NULL at the end. */
static const struct version_said *said_at(const struct node *node, uint32_t place)
{
	const uint32_t members = node->config.limits.members_max, greetings = node->member->handshake.count;

	if (place < members)
		return &node->member->table[place].account.version_said;
	if (place < members + greetings)
		return &node->member->handshake.greetings[place - members].version_said;
	return place == members + greetings ? &node->member->version_said : NULL;
}

bool node_next_version(const struct node *node, uint32_t *cursor, struct version_view *ret_view)
{
	const struct version_said *said;

	while ((said = said_at(node, *cursor))) {
		const uint32_t place = (*cursor)++;

		if (!is_recent(node, said))
			continue;
		*ret_view = (struct version_view){ .from = said->from, .version = said->version };
		if (place < node->config.limits.members_max)
			memcpy(ret_view->member, node->member->table[place].certificate.name, sizeof(ret_view->member));
		ret_view->configured = place < node->config.limits.members_max + node->member->handshake.count;
		return true;
	}
	return false;
}
