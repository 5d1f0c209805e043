/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A run: clients of every temper send over the proxies of a mesh, and each packet is judged by the mesh and by three
 * yardsticks beside it. test_verdicts.c says which, and how much they may differ.
 */
#ifndef TESTS_ORACLE_RUN_H
#define TESTS_ORACLE_RUN_H

#include "oracle.h"
#include "side.h"

#define CLIENTS_MAX 256
#define PAIR_RATE 100 /* T_F1 */
#define DESTINATION_RATE 200 /* T_F2 of the destinations' runs */
#define DESTINATION_CLIENTS 5

enum yardstick { MANY, ONE, ALONE, YARDSTICKS };
enum arrival { EVEN, RANDOM, ARRIVALS };
enum placement { SPREAD, ROAMS_2_S, ROAMS_HALF_S, PLACEMENTS };

struct traffic {
	const char *name;
	double (*shape)(double t);
	double times;			     /* of T_F1 or T_F2 */
	double bounds[YARDSTICKS][ARRIVALS]; /* in percent */
};

struct tally {
	/* the last of dropped is the mesh's own */
	unsigned int packets, dropped[YARDSTICKS + 1], differing[YARDSTICKS][2];
};

struct client {
	struct key pair;
	const struct traffic *traffic;
	enum placement placement;
	enum arrival arrival;
	double share; /* of the traffic's rate */
	double next;
	struct tally tally;
};

struct setting {
	unsigned int proxies, seconds;
	bool delayed, destinations, no_carry;
	struct oracle_corrections corrections;
};

struct run {
	struct setting setting;
	struct side mesh, alone;
	struct oracle *many, *one;
	uint64_t random, tick;
	struct client clients[CLIENTS_MAX];
	unsigned int clients_count;
};

/* Every traffic in every placement and arrival; the members meet, and no packet has been sent yet. */
struct run *run_open(const struct setting *setting, const struct traffic *traffics, size_t traffics_count,
		     uint64_t seed);
/* Sends for as long as the setting says; what came of it is in the clients' tallies. */
void run_all(struct run *run);
void run_close(struct run *run);

#endif
