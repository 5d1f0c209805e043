/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A measured figure: printed for people and appended as one JSON line to build/bench.jsonl. `theirs` is a peer
 * measured in the same run; NAN when there is none, and then there is no ratio.
 */
#ifndef TESTS_BENCH_FIGURE_H
#define TESTS_BENCH_FIGURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

static inline double bench_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline json_t *bench_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static inline void bench_figure(const char *figure, double ours, double theirs, const char *unit, const char *how)
{
	const char *path = getenv("BENCH_JSONL");
	FILE *file = fopen(path ? path : "build/bench.jsonl", "a");
	json_t *line = json_pack("{s:s, s:o, s:o, s:o, s:s, s:s}", "figure", figure, "ours", bench_number(ours),
				 "theirs", bench_number(theirs), "ratio", bench_number(ours / theirs), "unit", unit,
				 "how", how);

	if (!file || !line || json_dumpf(line, file, JSON_COMPACT | JSON_REAL_PRECISION(6)) ||
	    fputc('\n', file) == EOF || fclose(file)) {
		perror("bench: cannot write the figure");
		exit(1);
	}
	json_decref(line);
	if (isfinite(theirs))
		printf("%-28s %12.4g  against %12.4g %-12s ratio %8.3g   %s\n", figure, ours, theirs, unit,
		       ours / theirs, how);
	else
		printf("%-28s %12.4g  %-32s %8s   %s\n", figure, ours, unit, "", how);
	fflush(stdout);
}

#endif
