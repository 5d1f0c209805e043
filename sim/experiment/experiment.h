/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Experiments: many runs, one question. Each writes CSV, JSON, a plot and a paragraph into a directory. */
#ifndef SIM_EXPERIMENT_H
#define SIM_EXPERIMENT_H

#include <stdbool.h>

#include "output.h"
#include "scenario.h"

/* Is there one of this name? "list" and "all" are. */
bool experiment_known(const char *name);

/*
 * "list" prints the names; "all" runs every one. Writes the report too. `quick`: fewer and smaller runs; `jobs`:
 * processes. False: a world died or failed a check, or files could not be written.
 */
bool experiment_run(const char *name, const char *directory, bool quick, unsigned int jobs);

/*
 * For experiments: one world, and what `read` takes from it before it is gone. Every experiment is run twice: first
 * to hear which worlds it wants, then with what came out of them. So an answer must not decide what is asked next;
 * the first time, and of a world that died, it is NAN throughout. Hence it is made of doubles alone.
 */
struct world;
void experiment_world(struct output *output, const struct scenario *scenario, uint64_t seed,
		      void (*read)(struct world *world, void *answer), void *ret_answer, size_t answer_bytes);

/* A scenario with nothing in it, and one more group of traffic in it. */
struct scenario experiment_scenario(int members);
struct group *experiment_group(struct scenario *scenario, const char *name, bool bot, int clients, double rate);

void experiment_detection(struct output *output, bool quick);
void experiment_convergence(struct output *output, bool quick);
void experiment_cost(struct output *output, bool quick);
void experiment_cost_devices(struct output *output, bool quick); /* a part of cost */
void experiment_accuracy(struct output *output, bool quick);
void experiment_faults(struct output *output, bool quick);
void experiment_liars(struct output *output, bool quick);
void experiment_fairness(struct output *output, bool quick);
void experiment_spoofing(struct output *output, bool quick);
void experiment_paper(struct output *output, bool quick);

#endif
