/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The metrics of a status: names, types and where the values stand. */
#ifndef CTL_METRICS_TABLE_H
#define CTL_METRICS_TABLE_H

#include <stddef.h>

#include <xpro/control.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };
enum metric_value {
	METRIC_U64,
	METRIC_U32,
	METRIC_REAL,
	METRIC_MS, /* a double in milliseconds, exported in seconds */
};

struct metric {
	const char *name, *help; /* help NULL: one more series of the metric before */
	enum metric_type type;
	const char *labels; /* as in the text, or NULL */
	enum metric_value value;
	size_t offset; /* in struct control_status */
};

extern const struct metric metrics_of_status[];
extern const size_t metrics_of_status_count;

#endif
