/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What came out of a run, once worked out, for people (text) and for programs (JSON). */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdio.h>

#include <jansson.h>

struct world;

/* A reference the caller gives back with json_decref. Numbers that were not measured are null. */
json_t *report_make(struct world *world);
void report_print(const json_t *report, FILE *out);

#endif
