/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Time as a type. An instant is a point on one of two clocks, and every name says which: `mesh` is the host's UTC as
 * the mesh uses it (a monotonic clock plus an offset fixed while running), `mono` is the monotonic clock alone.
 * `now` is read once per event-loop callback and passed down; nothing below gossipd/ reads a clock.
 */
#ifndef XPRO_TIME_H
#define XPRO_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct instant {
	int64_t ns;
};

struct duration {
	int64_t ns;
};

struct now {
	struct instant mono;
	struct instant mesh;
};

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

static inline struct duration duration_ms(int64_t ms)
{
	return (struct duration){ ms * NS_PER_MS };
}

static inline struct duration duration_between(struct instant from, struct instant to)
{
	return (struct duration){ to.ns - from.ns };
}

static inline struct instant instant_after(struct instant at, struct duration by)
{
	return (struct instant){ at.ns + by.ns };
}

static inline struct instant instant_before(struct instant at, struct duration by)
{
	return (struct instant){ at.ns - by.ns };
}

static inline bool instant_is_before(struct instant a, struct instant b)
{
	return a.ns < b.ns;
}

static inline bool duration_exceeds(struct duration a, struct duration b)
{
	return a.ns > b.ns;
}

#endif
