/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting and comparing; what the numbers are put beside is report.c's. */
#include "measure.h"

#include <math.h>
#include <stdlib.h>

#include "world.h"

#define SAMPLE_NS (100 * NS_PER_MS)
#define CONVERGENCE_NS (5 * NS_PER_MS)
#define COMPARED_FROM 0.2 /* rates below this share of the limit are not compared: nobody judges by them */

void samples_add(struct samples *samples, double value)
{
	if (samples->count == samples->size) {
		samples->size = samples->size * 2 + 1024;
		samples->values = realloc(samples->values, samples->size * sizeof(*samples->values));
		if (!samples->values)
			abort();
	}
	samples->values[samples->count++] = (float)value;
	samples->sorted = false;
}

static int compare(const void *a, const void *b)
{
	const float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

double samples_percentile(struct samples *samples, double share)
{
	if (samples->count == 0)
		return NAN;
	if (!samples->sorted)
		qsort(samples->values, samples->count, sizeof(*samples->values), compare);
	samples->sorted = true;
	return samples->values[(size_t)(share * (double)(samples->count - 1) + 0.5)];
}

double samples_mean(const struct samples *samples)
{
	double sum = 0;

	for (size_t i = 0; i < samples->count; i++)
		sum += samples->values[i];
	return samples->count ? sum / (double)samples->count : NAN;
}

void samples_free(struct samples *samples)
{
	free(samples->values);
}

/* ---- packets ---- */

static uint64_t *dropped_by(struct group_measure *group, enum ruling reason)
{
	switch (reason) {
	case RULING_DROP_PAIR:
	case RULING_DROP_PAIR_SHARE:
		return &group->dropped_pair;
	case RULING_DROP_CLIENT:
		return &group->dropped_client;
	case RULING_DROP_NETWORK:
		return &group->dropped_network;
	default:
		return &group->dropped_destination;
	}
}

void measure_packet(struct world *world, const struct flow *flow, unsigned int member, enum ruling reason,
		    enum ruling oracle)
{
	struct group_measure *group = &world->measure.groups[flow->group];
	const bool drops = ruling_drops(reason);

	group->offered++;
	if (world->scenario.onset_s > 0 && world->now_ns >= (int64_t)(world->scenario.onset_s * NS_PER_S)) {
		group->offered_since++;
		group->delivered_since += !drops;
	}
	if (group->first_packet_ns < 0)
		group->first_packet_ns = world->now_ns;
	if (ruling_drops(oracle) && group->first_oracle_drop_ns < 0)
		group->first_oracle_drop_ns = world->now_ns;
	if (!drops) {
		group->delivered++;
		group->delivered_in[world->now_ns / MEASURE_STEP_NS]++;
	} else {
		*dropped_by(group, reason) += 1;
	}
	if (drops && group->first_drop_ns[member] < 0) {
		group->first_drop_ns[member] = world->now_ns;
		group->leaked_before_drop = group->delivered;
	}
	if (world->scenario.oracle) {
		group->dropped_falsely += drops && !ruling_drops(oracle);
		group->missed += !drops && ruling_drops(oracle);
	}
}

static size_t steps_of(const struct world *world)
{
	return (size_t)(world->scenario.duration_s * NS_PER_S / MEASURE_STEP_NS) + 2;
}

double measure_worst(const struct world *world, int group, int seconds)
{
	const uint32_t *delivered = world->measure.groups[group].delivered_in;
	const size_t window = (size_t)(seconds * NS_PER_S / MEASURE_STEP_NS);
	uint64_t sum = 0, worst = 0;

	for (size_t i = 0; i < steps_of(world); i++) {
		sum += delivered[i];
		sum -= i >= window ? delivered[i - window] : 0;
		worst = sum > worst ? sum : worst;
	}
	return (double)worst / seconds;
}

static uint64_t delivered_to(const struct world *world, int destination, size_t step)
{
	uint64_t sum = 0;

	for (int g = 0; g < world->scenario.groups_count; g++) {
		const struct group *group = &world->scenario.groups[g];

		if (group->destination <= destination && destination < group->destination + group->destinations)
			sum += world->measure.groups[g].delivered_in[step];
	}
	return sum;
}

struct victim measure_victim(const struct world *world, int destination)
{
	const double from_s = world->scenario.onset_s + ONSET_LAG_S;
	const size_t second = NS_PER_S / MEASURE_STEP_NS, from = (size_t)(from_s * (double)second),
		     to = (size_t)(world->traffic.ends_ns / MEASURE_STEP_NS);
	uint64_t all = 0, last_1 = 0, last_10 = 0, worst_1 = 0, worst_10 = 0;

	if (world->scenario.onset_s <= 0 || to <= from)
		return (struct victim){ NAN, NAN, NAN };
	for (size_t i = from; i < to; i++) {
		const uint64_t delivered = delivered_to(world, destination, i);

		all += delivered;
		last_1 += delivered - (i >= from + second ? delivered_to(world, destination, i - second) : 0);
		last_10 += delivered -
			   (i >= from + 10 * second ? delivered_to(world, destination, i - 10 * second) : 0);
		worst_1 = last_1 > worst_1 ? last_1 : worst_1;
		worst_10 = last_10 > worst_10 ? last_10 : worst_10;
	}
	return (struct victim){ (double)(all * second) / (double)(to - from), (double)worst_1, (double)worst_10 / 10 };
}

void measure_connection(struct world *world, const struct flow *flow, bool arrived)
{
	struct group_measure *group = &world->measure.groups[flow->group];
	const int64_t since_ns = world->now_ns - flow->begun_ns;

	group->connections += since_ns == 0;
	group->connected_2_s += arrived && since_ns <= 2 * NS_PER_S;
	group->connected_8_s += arrived && since_ns <= 8 * NS_PER_S;
}

void measure_no_route(struct world *world, const struct flow *flow)
{
	world->measure.groups[flow->group].no_route++;
}

/* ---- frames ---- */

static uint32_t running_others(const struct world *world)
{
	uint32_t running = 0;

	for (int i = 0; i < world->scenario.members; i++)
		running += world->proxies[i].running;
	return running - 1;
}

void measure_frame(struct world *world, const struct proxy *proxy, int member, uint64_t sequence)
{
	struct measure *measure = &world->measure;
	struct frame_track *track;

	if (member < 0 || member >= world->scenario.members || !(world->scenario.measure & MEASURE_SPREADING))
		return;
	track = &measure->frames[(size_t)member * FRAMES_TRACKED + sequence % FRAMES_TRACKED];
	if ((int)proxy->number == member) {
		if (track->sequence >= sequence)
			return;
		*track = (struct frame_track){ .sequence = sequence,
					       .sent_ns = world->now_ns,
					       .expected = running_others(world) };
		track->counted = world->now_ns >= measure->window_begins_ns && world->now_ns < world->traffic.ends_ns;
		measure->frames_sent += track->counted;
		return;
	}
	if (track->sequence != sequence || !track->counted)
		return;
	samples_add(&measure->deliveries_ms, (double)(world->now_ns - track->sent_ns) / NS_PER_MS);
	if (++track->reached == track->expected) {
		samples_add(&measure->full_ms, (double)(world->now_ns - track->sent_ns) / NS_PER_MS);
		measure->frames_full++;
	}
}

/* ---- rates ---- */

static void watch(struct world *world)
{
	struct measure *measure = &world->measure;

	for (int bots = 1; bots >= 0; bots--) {
		for (uint32_t i = 0; i < world->traffic.count && measure->watched_count < WATCHED_MAX; i++) {
			const struct flow *flow = &world->traffic.flows[i];

			if (world->scenario.groups[flow->group].bot == bots)
				measure->watched[measure->watched_count++] = flow->pair;
		}
	}
}

static void compare_rates(struct world *world, uint64_t who, void *what)
{
	struct measure *measure = &world->measure;
	const struct proxy *oracle = &world->proxies[world->scenario.members];
	double sum = 0, worst = 0;
	unsigned int count = 0;

	(void)who;
	(void)what;
	for (unsigned int i = 0; i < measure->watched_count; i++) {
		struct judged truth, view;

		if (!kernel_judge(&oracle->kernel, proxy_mesh_ns(oracle, world->now_ns), measure->watched[i], &truth) ||
		    truth.rate < COMPARED_FROM * world->scenario.thresholds.pair_rate)
			continue;
		for (int p = 0; p < world->scenario.members; p++) {
			const struct proxy *proxy = &world->proxies[p];
			double error;

			if (!proxy->running || !kernel_judge(&proxy->kernel, proxy_mesh_ns(proxy, world->now_ns),
							     measure->watched[i], &view))
				continue;
			error = fabs(view.rate - truth.rate) / truth.rate;
			samples_add(&measure->errors, error);
			sum += error;
			worst = fmax(worst, error);
			count++;
		}
	}
	if (count > 0 && measure->series_count < SERIES_MAX)
		measure->series[measure->series_count++] =
			(struct error_point){ (double)world->now_ns / NS_PER_S, sum / count, worst };
	if (world->now_ns + SAMPLE_NS < world->traffic.ends_ns)
		heap_add(&world->heap, world->now_ns + SAMPLE_NS, compare_rates, 0, NULL);
}

/* ---- totals over the time of traffic, and the end of it ---- */

static struct totals_mark mark_of(const struct proxy *proxy)
{
	struct proxy_totals totals;

	proxy_totals(proxy, &totals);
	return (struct totals_mark){ totals.bytes_sent,	     totals.sent,
				     totals.signatures_made, totals.signatures_checked,
				     totals.frames_received, totals.frames_duplicate };
}

static void mark(struct world *world, uint64_t end, void *what)
{
	(void)what;
	for (int i = 0; i < world->scenario.members; i++)
		(end ? world->measure.ends : world->measure.marks)[i] = mark_of(&world->proxies[i]);
}

/* At the end of each second of traffic. */
static void measure_second(struct world *world, uint64_t is_first, void *what)
{
	struct measure *measure = &world->measure;

	(void)what;
	for (int i = 0; i < world->scenario.members; i++) {
		const uint64_t sent = mark_of(&world->proxies[i]).bytes_sent;

		if (!is_first && !liar_is(world, i) && sent - measure->second_begins[i] > measure->worst_second)
			measure->worst_second = sent - measure->second_begins[i];
		measure->second_begins[i] = sent;
	}
	if (world->now_ns + NS_PER_S <= world->traffic.ends_ns)
		heap_add(&world->heap, world->now_ns + NS_PER_S, measure_second, 0, NULL);
}

static void look_for_agreement(struct world *world, uint64_t who, void *what)
{
	char difference[256];
	bool all[MEMBERS_MAX];

	(void)who;
	(void)what;
	for (int i = 0; i < MEMBERS_MAX; i++)
		all[i] = true;
	if (check_agreement(world, all, true, difference, sizeof(difference))) {
		world->measure.converged_ns = world->now_ns - world->traffic.last_packet_ns;
		return;
	}
	heap_add(&world->heap, world->now_ns + CONVERGENCE_NS, look_for_agreement, 0, NULL);
}

void measure_open(struct world *world)
{
	struct measure *measure = &world->measure;
	const size_t members = (size_t)world->scenario.members;

	*measure = (struct measure){
		.frames = calloc(members * FRAMES_TRACKED, sizeof(*measure->frames)),
		.series = calloc(SERIES_MAX, sizeof(*measure->series)),
		.marks = calloc(members, sizeof(*measure->marks)),
		.ends = calloc(members, sizeof(*measure->ends)),
		.second_begins = calloc(members, sizeof(*measure->second_begins)),
		.window_begins_ns = world->traffic.begins_ns,
		.converged_ns = -1,
	};
	if (!measure->frames || !measure->series || !measure->marks || !measure->ends || !measure->second_begins)
		abort();
	for (unsigned int g = 0; g < GROUPS_MAX; g++) {
		measure->groups[g].first_packet_ns = measure->groups[g].first_oracle_drop_ns = -1;
		measure->groups[g].delivered_in = calloc(steps_of(world), sizeof(*measure->groups[g].delivered_in));
		if (!measure->groups[g].delivered_in)
			abort();
		for (unsigned int i = 0; i < MEMBERS_MAX; i++)
			measure->groups[g].first_drop_ns[i] = -1;
	}
	watch(world);
	if (world->scenario.oracle && (world->scenario.measure & MEASURE_RATES) &&
	    world->scenario.sharing <= SHARING_NONE)
		heap_add(&world->heap, world->traffic.begins_ns + SAMPLE_NS / 3, compare_rates, 0, NULL);
	heap_add(&world->heap, world->traffic.begins_ns, mark, 0, NULL);
	heap_add(&world->heap, world->traffic.ends_ns, mark, 1, NULL);
	heap_add(&world->heap, world->traffic.begins_ns, measure_second, 1, NULL);
	if (world->scenario.sharing == SHARING_MESH && world->scenario.quiet_s > 0 &&
	    (world->scenario.measure & MEASURE_CONVERGENCE))
		heap_add(&world->heap, world->traffic.ends_ns, look_for_agreement, 0, NULL);
}

void measure_close(struct world *world)
{
	struct measure *measure = &world->measure;

	samples_free(&measure->deliveries_ms);
	samples_free(&measure->full_ms);
	samples_free(&measure->errors);
	for (unsigned int g = 0; g < GROUPS_MAX; g++)
		free(measure->groups[g].delivered_in);
	free(measure->frames);
	free(measure->series);
	free(measure->marks);
	free(measure->ends);
	free(measure->second_begins);
}
