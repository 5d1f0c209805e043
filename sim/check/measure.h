/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is measured while a world runs: verdicts on packets, how fast frames spread, how far the members' rates are
 * from the true one.
 */
#ifndef SIM_MEASURE_H
#define SIM_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"
#include "scenario.h"

struct proxy;
struct world;
struct flow;

/* Numbers to take percentiles of. */
struct samples {
	float *values;
	size_t count, size;
	bool sorted;
};
void samples_add(struct samples *samples, double value);
double samples_percentile(struct samples *samples, double share); /* 0..1; NAN when empty */
double samples_mean(const struct samples *samples);
void samples_free(struct samples *samples);

struct group_measure {
	uint64_t offered, delivered, dropped_pair, dropped_client, dropped_destination, dropped_network, no_route;
	uint32_t *delivered_in; /* by MEASURE_STEP_NS of time */
	uint64_t offered_since, delivered_since; /* the onset */
	uint32_t connections, connected_2_s, connected_8_s; /* begun; those whose packet arrived within so long */
	uint64_t dropped_falsely, missed; /* beside the oracle's verdict */
	int64_t first_packet_ns, first_oracle_drop_ns;
	int64_t first_drop_ns[MEMBERS_MAX];
	uint64_t leaked_before_drop; /* packets that passed before the last member's first drop */
};

#define MEASURE_STEP_NS (100 * NS_PER_MS)

#define FRAMES_TRACKED 512 /* of each origin */
#define WATCHED_MAX 16
#define SERIES_MAX 4096

struct frame_track {
	uint64_t sequence;
	int64_t sent_ns;
	uint32_t reached, expected;
	bool counted; /* sent inside the time that is measured */
};

/* One moment of the series of rate errors. */
struct error_point {
	double at_s, mean, worst;
};

struct measure {
	struct group_measure groups[GROUPS_MAX];
	struct frame_track *frames; /* [member][sequence % FRAMES_TRACKED] */
	struct samples deliveries_ms, full_ms, errors;
	uint64_t frames_sent, frames_full;
	uint32_t watched[WATCHED_MAX]; /* keys whose rates are compared */
	unsigned int watched_count;
	struct error_point *series;
	unsigned int series_count;
	int64_t window_begins_ns; /* totals of traffic are taken from here */
	struct totals_mark {
		uint64_t bytes_sent, sent, made, checked, frames_received, frames_duplicate;
	} * marks, *ends;
	uint64_t *second_begins; /* bytes that each member had sent when the running second began */
	uint64_t worst_second; /* bytes that any honest member sent in a second of that time */
	int64_t converged_ns; /* all ledgers equal, since the last packet; -1: never */
};

void measure_open(struct world *world);
void measure_close(struct world *world);
void measure_packet(struct world *world, const struct flow *flow, unsigned int member, enum ruling reason,
		    enum ruling oracle);
/* The most packets of a group that were delivered in so many seconds on end, per second of them. */
double measure_worst(const struct world *world, int group, int seconds);

/*
 * Packets per second that reach a destination from ONSET_LAG_S after the onset until traffic ends: the mean, and the
 * most in a second and in ten seconds on end. NAN without an onset.
 */
struct victim {
	double mean, worst_1_s, worst_10_s;
};
struct victim measure_victim(const struct world *world, int destination);

/* A connection's packet was sent, and did or did not arrive. */
void measure_connection(struct world *world, const struct flow *flow, bool arrived);
void measure_no_route(struct world *world, const struct flow *flow);
void measure_frame(struct world *world, const struct proxy *proxy, int member, uint64_t sequence);

#endif
