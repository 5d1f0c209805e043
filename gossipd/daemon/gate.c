/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list behind the gate, kept beside the kernel's map so that only changes cost a call. */
#include "gate.h"

#include "daemon.h"

_Static_assert(GATE_PEERS_MAX >= 2 * MEMBERS_MAX, "every member may move once within GATE_KEPT_S");
_Static_assert(GATE_MARKS_MAX >= 2 * MEMBERS_MAX, "nearly every member finds a place for its mark");
_Static_assert(sizeof(struct gate_head) <= SEAL_HEADER_BYTES, "the mark is part of the nonce");

static bool is_wanted(struct daemon *daemon)
{
	return daemon->config.gossip && daemon->config.gossip_gate && daemon->config.interface_count > 0;
}

static void want(struct daemon *daemon, const struct address *address)
{
	struct gate *gate = &daemon->gate;

	/* Members come in the same order each second: the next one is nearly always where the last look ended. */
	for (uint32_t looked = 0; looked < gate->count; looked++) {
		struct gate_peer *peer = &gate->peers[(gate->at + looked) % gate->count];

		if (!address_equal(&peer->address, address))
			continue;
		peer->wanted = daemon->seconds;
		gate->at = (uint32_t)(peer - gate->peers) + 1;
		return;
	}
	if (gate->count == GATE_PEERS_MAX || table_gate_open(daemon->table, address)) {
		gate->full = true; /* health.c tells it */
		return;
	}
	gate->at = gate->count + 1;
	gate->peers[gate->count++] = (struct gate_peer){ *address, daemon->seconds };
}

/* ---- marks ---- */

static void mark_close(struct daemon *daemon, struct gate_mark *place)
{
	table_gate_unmark(daemon->table, &place->marked);
	*place = (struct gate_mark){ .marked = { 0 } };
}

static void mark_open(struct daemon *daemon, struct gate_mark *place, const struct gate_marked *marked)
{
	if (place->marked.sender)
		mark_close(daemon, place);
	if (table_gate_mark(daemon->table, marked) == 0)
		*place = (struct gate_mark){ .marked = *marked, .since = daemon->seconds, .heard = daemon->seconds };
}

/* The sender's place, else a free one, else none. */
static struct gate_mark *mark_place(struct gate *gate, uint64_t sender)
{
	struct gate_mark *free = NULL;

	for (uint32_t way = 0; way < GATE_MARK_WAYS; way++) {
		struct gate_mark *place = &gate->marks[(sender + way) % GATE_MARKS_MAX];

		if (place->marked.sender == sender)
			return place;
		if (place->marked.sender == 0 && !free)
			free = place;
	}
	return free;
}

void gate_heard(struct daemon *daemon, const uint8_t *datagram)
{
	const struct gate_head *head = (const struct gate_head *)datagram;
	const struct gate_marked marked = { head->sender, head->mark };
	struct gate_mark *place = is_wanted(daemon) ? mark_place(&daemon->gate, marked.sender) : NULL;

	if (!place)
		return; /* it goes on taking from its address's bucket */
	if (place->marked.sender == marked.sender && place->marked.mark == marked.mark)
		place->heard = daemon->seconds;
	else if (place->marked.sender != marked.sender || place->since != daemon->seconds)
		mark_open(daemon, place, &marked);
}

static void forget_marks(struct daemon *daemon)
{
	for (uint32_t i = 0; i < GATE_MARKS_MAX; i++) {
		struct gate_mark *place = &daemon->gate.marks[i];

		if (place->marked.sender && place->heard + GATE_KEPT_S < daemon->seconds)
			mark_close(daemon, place);
	}
}

/* ---- addresses no longer wanted ---- */

static void forget(struct daemon *daemon)
{
	struct gate *gate = &daemon->gate;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < gate->count; i++) {
		if (gate->peers[i].wanted + GATE_KEPT_S >= daemon->seconds)
			gate->peers[kept++] = gate->peers[i];
		else
			table_gate_close(daemon->table, &gate->peers[i].address);
	}
	gate->count = kept;
}

void gate_start(struct daemon *daemon)
{
	for (uint32_t i = 0; is_wanted(daemon) && i < daemon->config.peer_count; i++)
		want(daemon, &daemon->config.peers[i].endpoint.address);
	for (uint32_t i = 0; is_wanted(daemon) && i < daemon->resolve.greeted_count; i++)
		want(daemon, &daemon->resolve.greeted[i].address);
}

void gate_second(struct daemon *daemon, struct now now)
{
	struct member_view view;
	uint32_t cursor = 0;

	if (!is_wanted(daemon))
		return;
	daemon->gate.full = false;
	gate_start(daemon); /* the config's peers are always somebody's */
	while (node_next_member(daemon->node, now, &cursor, &view)) {
		if (!view.self && !address_is_zero(&view.endpoint.address))
			want(daemon, &view.endpoint.address);
	}
	forget(daemon);
	forget_marks(daemon);
}
