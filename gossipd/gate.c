/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list behind the gate, kept beside the kernel's map so that only changes cost a call. */
#include "gate.h"

#include "daemon.h"

_Static_assert(GATE_PEERS_MAX >= 2 * MEMBERS_MAX, "every member may move once within GATE_KEPT_S");

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
		if (!gate->full_told)
			log_warning("gate: no room for another member's address: its datagrams take from the bucket for unknown "
				    "ones");
		gate->full_told = true;
		return;
	}
	gate->at = gate->count + 1;
	gate->peers[gate->count++] = (struct gate_peer){ *address, daemon->seconds };
}

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
	gate_start(daemon); /* the config's peers are always somebody's */
	while (node_next_member(daemon->node, now, &cursor, &view)) {
		if (!view.self && !address_is_zero(&view.endpoint.address))
			want(daemon, &view.endpoint.address);
	}
	forget(daemon);
}
