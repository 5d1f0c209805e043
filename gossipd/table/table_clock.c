/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table's clock. The kernel stamps records in jiffies, the cheapest clock it has; the mesh counts in nanoseconds
 * of UTC. A program of the table reads jiffies and the monotonic clock in one call.
 *
 * Both run from the same source: jiffy j begins at a fixed phase + j periods of the monotonic clock. While starting,
 * jiffies are watched until they change, which gives the phase to about a microsecond; afterwards each anchor only
 * checks it. A reading that lies before its jiffy's supposed beginning, or more than LATE_PERIODS after it (the tick
 * of an idle CPU comes late), moves the phase by the excess and nothing else does: so between two calls the relation
 * does not jitter, and it follows a drift.
 */
#include <errno.h>

#include "table_internal.h"

#define LATE_PERIODS 2
/* a twentieth of a jiffy of 4 ms: hz is told from 8 of them, and 250 and 300 differ by a fifth */
#define EDGE_NS_MAX 200000
/* a jiffy of 10 ms is 10,000 reads: a clock that stands still ends the start, not the machine */
#define READS_MAX 10000000

struct clocks {
	uint64_t jiffies;
	uint64_t mono_ns;
};

static int clock_read(int clock_fd, struct clocks *ret_clocks)
{
	struct clocks clocks = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &clocks, .ctx_size_in = sizeof(clocks));
	const int err = bpf_prog_test_run_opts(clock_fd, &run);

	if (err)
		return err;
	*ret_clocks = clocks;
	return 0;
}

/*
 * Two readings between which jiffies moved on tell when only if they are close, and if no tick came late: on a busy
 * host neither is certain.
 */
static bool is_edge(const struct clocks *before, const struct clocks *after)
{
	return after->jiffies == before->jiffies + 1 && after->mono_ns - before->mono_ns <= EDGE_NS_MAX;
}

/* The first reading after jiffies changed. */
static int clock_edge(int clock_fd, struct clocks *ret_clocks)
{
	struct clocks before, clocks;
	int err = clock_read(clock_fd, &before), reads;

	for (reads = 0; !err && reads < READS_MAX; reads++) {
		err = clock_read(clock_fd, &clocks);
		if (!err && is_edge(&before, &clocks)) {
			*ret_clocks = clocks;
			return 0;
		}
		before = clocks;
	}
	return err ? err : -ETIME;
}

/* CONFIG_HZ has few values; the nearest is it. */
static uint32_t hz_nearest(double measured)
{
	static const uint32_t known[] = { 100, 250, 300, 1000 };
	uint32_t nearest = known[0];
	size_t i;

	for (i = 1; i < sizeof(known) / sizeof(known[0]); i++)
		if ((measured - known[i]) * (measured - known[i]) < (measured - nearest) * (measured - nearest))
			nearest = known[i];
	return nearest;
}

int clock_measure(int clock_fd, uint32_t *ret_hz)
{
	struct clocks first, last;
	int err = clock_edge(clock_fd, &first);

	do {
		if (!err)
			err = clock_edge(clock_fd, &last);
	} while (!err && last.jiffies - first.jiffies < ANCHOR_EDGES);
	if (err)
		return err;
	*ret_hz = hz_nearest((double)(last.jiffies - first.jiffies) * NS_PER_S /
			     (double)(last.mono_ns - first.mono_ns));
	return 0;
}

int clock_start(struct table *table)
{
	struct table_clock *clock = &table->clock;
	struct clocks clocks;
	int err = clock->injected ? clock_read(table->clock_fd, &clocks) : clock_edge(table->clock_fd, &clocks);

	if (err)
		return err;
	clock->hz = table->state->hz;
	clock->period_ns = (NS_PER_S + clock->hz / 2) / clock->hz; /* TICK_NSEC, rounded as the kernel does */
	clock->per_ns = 1.0 / (double)clock->period_ns;
	clock->jiffies = clocks.jiffies;
	clock->mono = (struct instant){ (int64_t)clocks.mono_ns };
	clock->mesh = clock->mono;
	return 0;
}

uint32_t table_now(const struct table *table)
{
	struct clocks clocks;

	return clock_read(table->clock_fd, &clocks) ? table->clock.jiffies : (uint32_t)clocks.jiffies;
}

static struct instant mono_of(const struct table_clock *clock, uint32_t jiffies)
{
	return instant_after(clock->mono,
			     (struct duration){ jiffies_since(clock->jiffies, jiffies) * clock->period_ns });
}

void table_anchor(struct table *table, struct now now)
{
	struct table_clock *clock = &table->clock;
	struct clocks clocks;
	struct instant began;
	int64_t late;

	if (clock_read(table->clock_fd, &clocks))
		return; /* the relation of the last call still holds */
	if (clock->injected)
		clocks.mono_ns = now.mono.ns;
	began = mono_of(clock, clocks.jiffies);
	late = (int64_t)clocks.mono_ns - began.ns;
	if (late < 0)
		began.ns += late;
	else if (late > LATE_PERIODS * clock->period_ns)
		began.ns += late - LATE_PERIODS * clock->period_ns;
	if (clock->injected)
		began = now.mono; /* the test's clock: its jiffies and its now are the same instant */
	clock->jiffies = clocks.jiffies;
	clock->mono = began;
	clock->mesh = instant_after(began, duration_between(now.mono, now.mesh));
}

struct instant table_mesh_of(const struct table *table, uint32_t jiffies)
{
	return mesh_of(&table->clock, jiffies);
}

/* Called for every record written: the quotient comes by a multiplication, at most two off, and is put right. */
uint32_t table_jiffies_of(const struct table *table, struct instant mesh)
{
	const struct table_clock *clock = &table->clock;
	const int64_t ns = duration_between(clock->mesh, mesh).ns, furthest = INT32_MAX * clock->period_ns;
	int64_t periods;

	if (ns >= furthest || ns <= -furthest)
		return clock->jiffies + (ns > 0 ? INT32_MAX : -(uint32_t)INT32_MAX);
	periods = (int64_t)((double)ns * clock->per_ns);
	while (periods * clock->period_ns > ns)
		periods--; /* round down, also before the anchor */
	while ((periods + 1) * clock->period_ns <= ns)
		periods++;
	return clock->jiffies + (uint32_t)periods;
}
