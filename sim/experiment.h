/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Experiments: many runs, one question. Each writes CSV, JSON, a plot and a paragraph into a directory. */
#ifndef SIM_EXPERIMENT_H
#define SIM_EXPERIMENT_H

#include <stdbool.h>

/* "list" prints the names; "all" runs every one and writes the report. `quick`: fewer and smaller runs. False: no such experiment, or its
 * files could not be written. */
bool experiment_run(const char *name, const char *directory, bool quick);

#endif
