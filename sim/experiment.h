/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Experiments: many runs, one question. Each writes CSV, JSON, a plot and a paragraph into a directory. */
#ifndef SIM_EXPERIMENT_H
#define SIM_EXPERIMENT_H

#include <stdbool.h>

#include "output.h"
#include "scenario.h"

/* "list" prints the names; "all" runs every one and writes the report. `quick`: fewer and smaller runs. False: no such
 * experiment, or its files could not be written. */
bool experiment_run(const char *name, const char *directory, bool quick);

/* For experiments: runs one world and reads what came out before it is gone. Progress goes to stderr. */
struct world;
void experiment_world(const struct scenario *scenario, uint64_t seed, void (*read)(struct world *world, void *result),
		      void *result);

/* A scenario with nothing in it, and one more group of traffic in it. */
struct scenario experiment_scenario(int members);
struct group *experiment_group(struct scenario *scenario, const char *name, bool bot, int clients, double rate);

void experiment_detection(struct output *output, bool quick);
void experiment_convergence(struct output *output, bool quick);
void experiment_cost(struct output *output, bool quick);
void experiment_accuracy(struct output *output, bool quick);
void experiment_faults(struct output *output, bool quick);
void experiment_liars(struct output *output, bool quick);
void experiment_fairness(struct output *output, bool quick);

#endif
