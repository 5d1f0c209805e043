/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maintains the lists of the gate at the gossip port (xdp/gate.h): the session tag (`mark`) of each member whose
 * datagram was opened, the addresses of the configured peers, and the last known address of each member. An address
 * stays GATE_KEPT_S longer than it is used, because datagrams of both addresses are in flight while a member moves.
 */
#ifndef GOSSIPD_GATE_H
#define GOSSIPD_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/key.h>
#include <xpro/plane.h>
#include <xpro/time.h>

#define GATE_KEPT_S 60

struct daemon;

struct gate_peer {
	struct address address;
	uint64_t wanted; /* daemon->seconds when it was last a peer's or member's address */
};

/* A member has one session tag at a time, and a new one once a second at most: it cannot use up others' places. */
struct gate_mark {
	struct gate_marked marked; /* sender 0: a free place */
	uint64_t since, heard;	   /* daemon->seconds */
};

#define GATE_MARK_WAYS 8 /* places a member's session tag may be in, from one chosen by its id on */

struct gate {
	struct gate_mark marks[GATE_MARKS_MAX];
	struct gate_peer peers[GATE_PEERS_MAX];
	uint32_t count;
	uint32_t at; /* where the search for the next address begins */
	bool full; /* an address that is wanted has no room, in the list or in the kernel */
};

/* Lists the configured peers. Call it while starting. */
void gate_start(struct daemon *daemon);

/* Lists the session tag of a datagram whose seal has opened. */
void gate_heard(struct daemon *daemon, const uint8_t *datagram);

/* Updates the lists from the members. Call it once a second. */
void gate_second(struct daemon *daemon, struct now now);

#endif
