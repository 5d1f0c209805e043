/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What becomes of a packet, and what its side alone decides: from a client, to one, or neither. */
#ifndef SIM_SIDES_H
#define SIM_SIDES_H

#include <stdbool.h>

#include <xpro/key.h>

/* The numbers are those of the trace: they stay, and what is added goes to the end. */
enum ruling {
	RULING_PASS = 0,
	RULING_PASS_SHARE = 5,
	RULING_PASS_EVIDENCE = 8,
	RULING_DROP_BLOCKED = 9,
	RULING_DROP_PAIR = 10,
	RULING_DROP_PAIR_SHARE = 11,
	RULING_DROP_DESTINATION = 12,
	RULING_DROP_DESTINATION_SHARE = 13,
	RULING_PASS_ANSWER = 32, /* to a client, from elsewhere: counted by nothing */
	RULING_PASS_TRANSIT = 33, /* neither from nor to a client */
	RULING_WOULD_DROP = 34, /* judged, and not enforced */
	RULING_DROP_COARSE = 35, /* above T_F2 of a coarse entry */
	RULING_DROP_FOREIGN = 36, /* a source outside `clients` where clients are */
	RULING_DROP_CLIENT = 37, /* above what its client may send through this proxy */
	RULING_DROP_NETWORK = 38 /* above what its network may be sent */
};

static inline bool ruling_drops(enum ruling ruling)
{
	return (ruling >= RULING_DROP_BLOCKED && ruling <= RULING_DROP_DESTINATION_SHARE) ||
	       (ruling >= RULING_DROP_COARSE && ruling <= RULING_DROP_NETWORK);
}

struct client_sides {
	bool clients;		   /* it is known who they are; else every packet is judged */
	bool one_interface;	   /* it has the default route, so nothing tells clients from others but addresses */
	bool drop_foreign_sources; /* else they are judged */
	bool judge_replies;	   /* enforce on one interface without `clients`, too */
};

/* RULING_PASS: it is to be judged. `facing`: it came in by an interface that faces clients. */
enum ruling sides_rule(const struct client_sides *sides, const struct key *key, bool facing);

/* What one interface without `clients` makes of a verdict. */
enum ruling sides_enforce(const struct client_sides *sides, enum ruling ruling);

#endif
