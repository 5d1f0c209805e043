/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where members stand. Nineteen cities with their coordinates; the round trip between two is their great-circle
 * distance at 75 km per millisecond (light in fibre goes 100 km per millisecond there and back; cables are a third
 * longer than the straight line), and 0.5 ms inside one city. Not measurements, but within a quarter of the
 * published averages between clouds' regions; the rule is the one of superfly/corrosion's simulator, whose figures
 * ours are put beside.
 */
#ifndef SIM_REGIONS_H
#define SIM_REGIONS_H

#define REGIONS_COUNT 19

extern const char *const region_names[REGIONS_COUNT];

/* -1 when there is none of that name. */
int region_find(const char *name);

double region_round_trip_ms(unsigned int a, unsigned int b);

#endif
