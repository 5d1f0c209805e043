/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whom the gate at the gossip port knows: the mark in the nonces of every member that was heard, and the config's peers and the
 * address every member was last heard at or is greeted at. An address that is no member's any more stays for another while, since
 * datagrams of both places are on their way when a member moves.
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
	uint64_t wanted; /* daemon->seconds when it was last somebody's */
};

/* A member has one mark at a time, and a new one once a second at most: it cannot use up the places of others. */
struct gate_mark {
	struct gate_marked marked; /* sender 0: a free place */
	uint64_t since, heard;	   /* daemon->seconds */
};

#define GATE_MARK_WAYS 8 /* places a member's mark may stand in, from one by its id on */

struct gate {
	struct gate_mark marks[GATE_MARKS_MAX];
	struct gate_peer peers[GATE_PEERS_MAX];
	uint32_t count;
	uint32_t at; /* where the next one is looked for first */
	bool full_told;
};

/* The config's peers, while starting. */
void gate_start(struct daemon *daemon);

/* A datagram whose seal has opened: its sender is known by its mark from now on. */
void gate_heard(struct daemon *daemon, const uint8_t *datagram);

/* Once a second: what has changed among the members. */
void gate_second(struct daemon *daemon, struct now now);

#endif
