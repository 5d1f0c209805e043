/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The only reader of clocks. CLOCK_MONOTONIC is slewed by NTP as UTC is, so both run at one rate; only steps
 * separate them.
 */
#include "mesh_clock.h"

#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* UTC less monotonic; the mean of two readings around one takes the time between the calls out. */
static int64_t offset_now(void)
{
	int64_t before = read_ns(CLOCK_MONOTONIC);
	int64_t utc = read_ns(CLOCK_REALTIME);
	int64_t after = read_ns(CLOCK_MONOTONIC);

	return utc - (before + (after - before) / 2);
}

void mesh_clock_start(struct mesh_clock *clock)
{
	*clock = (struct mesh_clock){ .offset = { offset_now() } };
}

struct now mesh_clock_read(const struct mesh_clock *clock)
{
	struct instant mono = { read_ns(CLOCK_MONOTONIC) + clock->slept.ns };

	return (struct now){ .mono = mono, .mesh = instant_after(mono, clock->offset) };
}

void mesh_clock_slept(struct mesh_clock *clock, struct duration slept)
{
	clock->slept.ns += slept.ns;
}

struct now mesh_clock_of_kernel(const struct mesh_clock *clock, struct now now)
{
	now.mono.ns -= clock->slept.ns;
	return now;
}

struct duration mesh_clock_drift(const struct mesh_clock *clock)
{
	return (struct duration){ clock->offset.ns + clock->slept.ns - offset_now() };
}

uint64_t mesh_clock_unix_ms(void)
{
	int64_t ns = read_ns(CLOCK_REALTIME);

	return ns < 0 ? 0 : (uint64_t)(ns / NS_PER_MS);
}
