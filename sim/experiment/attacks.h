/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks on one destination, spoofed ones above all, and the honest clients beside them: what each of them keeps, and
 * what the destination gets. Used by experiments and by tests/oracle/test_spoofed.c.
 */
#ifndef SIM_ATTACKS_H
#define SIM_ATTACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "scenario.h"

#define ATTACK_RATE 500	   /* T_F2 of the destination: L */
#define ATTACK_ONSET_S 20  /* honest clients send from 3 s on */
#define ATTACK_LASTS_S 30
#define ATTACK_CONNECTIONS 60 /* opened by newcomers, from ONSET_LAG_S after the onset on */

struct attack {
	const char *name, *title;
	void (*add)(struct scenario *scenario, const struct attack *attack); /* groups, faults and liars */
	double times; /* of L, offered by all attackers together */
	int count;    /* addresses or bots, where the kind has a number of them */
	int known;    /* known clients, each at a fiftieth of L; 0: ten */
	double lasts_s; /* 0: ATTACK_LASTS_S */
	uint32_t pair_rate; /* T_F1; 0: no pair comes near it */
	bool police; /* who is over it */
};

/* Ends with one without a name. */
extern const struct attack attacks[];

/* The attack of this name; NULL: none. */
const struct attack *attack_find(const char *name);

/* Can it be carried out with so many members? */
bool attack_fits(const struct attack *attack, int members);

struct scenario attack_scenario(const struct attack *attack, int members);

/*
 * Shares of the packets of known clients, of slow ones and of newcomers that arrive, from the onset on; shares of
 * newcomers' TCP connections that are open after 2 and 8 s; what the destination gets from ONSET_LAG_S after the onset
 * on, in L. Doubles alone, for experiment_world.
 */
struct attack_figures {
	double known, slow, newcomers, connected_2_s, connected_8_s;
	double mean, worst_1_s, worst_10_s;
};

struct world;
void attack_read(struct world *world, void *ret_figures);

#endif
