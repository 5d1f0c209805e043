/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting and judging, packet by packet. Compare xdp/window.h, xdp/judge.h, xdp/aggregate.h.
 */
#include "kernel_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

void kernel_open(struct kernel *kernel, const struct thresholds *thresholds, const struct mesh *mesh,
		 const struct kernel_limits *limits, struct keys *keys, int64_t now_ns)
{
	*kernel = (struct kernel){
		.thresholds = *thresholds,
		.slot_length = mesh_slot_length(mesh),
		.window_max_ns = (int64_t)mesh->window_max_ms * NS_PER_MS,
		.carry_span_ns = CARRY_TICKS * mesh_tick_length(mesh).ns,
		.decay = (int)mesh->decay,
		.harvested_at_ns = now_ns,
		.heartbeat_ns = INT64_MIN / 2,
		.limits = *limits,
		.keys = keys,
	};
	kernel->sums = pages_take(SUMS_MAX * sizeof(*kernel->sums));
	if (!kernel->sums)
		abort();
	table_open(kernel);
}

void kernel_close(struct kernel *kernel)
{
	table_close(kernel);
	free(kernel->hot);
	pages_free(kernel->sums, SUMS_MAX * sizeof(*kernel->sums));
	for (unsigned int i = 0; i < COARSE_OF_KINDS; i++)
		free(kernel->coarse[i]);
}

static bool daemon_is_alive(const struct kernel *kernel, int64_t now_ns)
{
	return now_ns - kernel->heartbeat_ns <= HEARTBEAT_STALE_MS * NS_PER_MS;
}

static bool fold_in_force(const struct kernel *kernel, const struct kernel_record *record, int64_t now_ns)
{
	return record->folded && record->fold_window_ns == record->window_start_ns && daemon_is_alive(kernel, now_ns);
}

/* Lines 2-5 and 11. */
static void count_packet(struct kernel *kernel, struct kernel_record *record, int64_t now_ns)
{
	const int64_t idle_ns = kernel->thresholds.idle_reset.ns;

	if (now_ns - record->last_ns > idle_ns && now_ns - record->window_start_ns > idle_ns &&
	    !(fold_in_force(kernel, record, now_ns) && now_ns - record->ts2_ns <= idle_ns)) {
		record->window_start_ns = now_ns;
		record->window_packets = record->packets;
	}
	record->last_ns = now_ns;
	record->packets++;
	if (!record->changed) {
		record->changed = true;
		kernel->changed[kernel->changed_count++] = (uint32_t)(record - kernel->records);
	}
}

/* The kernel's own window ages by T_T4 and r too, while no daemon's fold is in force. */
static void age_own(const struct kernel *kernel, struct kernel_record *record, int64_t now_ns)
{
	const int64_t length = now_ns - record->window_start_ns;

	if (length <= kernel->window_max_ns)
		return;
	record->window_start_ns = now_ns - length / kernel->decay;
	record->window_packets = record->packets - (record->packets - record->window_packets) / (uint64_t)kernel->decay;
}

static void measure(const struct kernel *kernel, const struct kernel_record *record, int64_t now_ns,
		    struct judged *ret_judged)
{
	int64_t window_ns, elapsed_ns;
	double expected;

	ret_judged->folded = fold_in_force(kernel, record, now_ns);
	if (!ret_judged->folded) {
		ret_judged->count = (double)(record->packets - record->window_packets);
		window_ns = now_ns - record->window_start_ns;
	} else {
		elapsed_ns = now_ns - record->carry_from_ns;
		if (elapsed_ns > kernel->carry_span_ns)
			elapsed_ns = kernel->carry_span_ns;
		if (elapsed_ns < 0)
			elapsed_ns = 0;
		expected = record->known + record->rho * (double)elapsed_ns / NS_PER_S;
		ret_judged->count = fmax((double)((int64_t)record->packets + record->base_count), expected);
		window_ns = now_ns - record->ts1_ns;
	}
	ret_judged->window_s = (double)(window_ns > 0 ? window_ns : 0) / NS_PER_S;
}

static bool is_over(const struct judged *judged, double rate, struct duration min_window)
{
	return rate > 0 && judged->count > rate * fmax(judged->window_s, (double)min_window.ns / NS_PER_S);
}

static bool is_in_share(uint32_t *thinning, uint16_t share)
{
	if (share == SHARE_ALL)
		return true;
	*thinning += share;
	if (*thinning < 65536)
		return false;
	*thinning -= 65536;
	return true;
}

/* xdp/share.h, evidence_grants: others' counts push a key to rate / (kappa members) and no lower. */
static bool evidence_grants(const struct kernel *kernel, struct kernel_record *record, double rate, int64_t now_ns)
{
	return !kernel->no_evidence && record->members > 1 &&
	       bucket_grants(&record->evidence_full_ns, (double)NS_PER_S * EVIDENCE_SHARE * record->members / rate,
			     now_ns);
}

/*
 * The daemon thins by shares of a fold. A destination without one, because it is new or the ledger has no room for it,
 * is thinned to its rate by what this kernel counted.
 */
static bool is_over_alone(struct kernel *kernel, struct kernel_record *head, int64_t now_ns)
{
	const double rate = kernel->thresholds.destination_rate;
	struct judged judged;
	bool granted;

	if (rate <= 0 || fold_in_force(kernel, head, now_ns))
		return false;
	age_own(kernel, head, now_ns);
	measure(kernel, head, now_ns, &judged);
	granted = bucket_grants(&head->evidence_full_ns, NS_PER_S / rate, now_ns);
	return is_over(&judged, rate, kernel->thresholds.destination_min_window) && !granted;
}

static enum ruling judge_pair(struct kernel *kernel, struct kernel_record *record, int64_t now_ns, bool *ret_folded)
{
	struct judged judged;

	if (!fold_in_force(kernel, record, now_ns))
		age_own(kernel, record, now_ns);
	measure(kernel, record, now_ns, &judged);
	*ret_folded = judged.folded;
	if (!is_over(&judged, kernel->thresholds.pair_rate, kernel->thresholds.pair_min_window))
		return RULING_PASS;
	if (!judged.folded)
		return RULING_DROP_PAIR;
	if (!kernel->thresholds.police)
		return evidence_grants(kernel, record, kernel->thresholds.pair_rate, now_ns) ? RULING_PASS_EVIDENCE
											     : RULING_DROP_PAIR;
	return is_in_share(record->thinning, record->pass_share) ? RULING_PASS_SHARE : RULING_DROP_PAIR_SHARE;
}

static enum ruling judge_destination(struct kernel *kernel, struct kernel_record *head, struct kernel_record *pair,
				     bool pair_folded, unsigned int cpu, int64_t now_ns)
{
	const bool fair = kernel->thresholds.fair && daemon_is_alive(kernel, now_ns);
	struct judged judged;

	if (!fair) {
		if (!fold_in_force(kernel, head, now_ns))
			age_own(kernel, head, now_ns);
		measure(kernel, head, now_ns, &judged);
		if (!is_over(&judged, kernel->thresholds.destination_rate, kernel->thresholds.destination_min_window))
			return RULING_PASS;
		return judged.folded && evidence_grants(kernel, head, kernel->thresholds.destination_rate, now_ns)
			       ? RULING_PASS_EVIDENCE
			       : RULING_DROP_DESTINATION;
	}
	if (is_over_alone(kernel, head, now_ns))
		return RULING_DROP_DESTINATION_SHARE;
	if (!head->thin)
		return RULING_PASS;
	if (pair_folded ? is_in_share(pair->thinning, pair->pass_share)
			: is_in_share(&head->thinning[cpu], head->pass_share))
		return RULING_PASS_SHARE;
	return RULING_DROP_DESTINATION_SHARE;
}

/* Without a record of its destination: with all others of its network that have none, as one destination. */
static enum ruling judge_network(struct kernel *kernel, uint32_t destination, int64_t now_ns)
{
	const double rate = kernel->thresholds.destination_rate;
	struct kernel_coarse *entry, *other;
	struct judged judged;
	bool granted, over;

	kernel->heads_full++;
	if (kernel->nowhere)
		return RULING_PASS;
	entry = coarse_count(kernel, COARSE_OF_NETWORKS, destination, now_ns, &other);
	if (rate <= 0)
		return RULING_PASS;
	judged.count = (double)entry->packets;
	judged.window_s = (double)(now_ns - entry->window_start_ns) / NS_PER_S;
	over = is_over(&judged, rate, kernel->thresholds.destination_min_window);
	granted = bucket_grants(&entry->full_ns, NS_PER_S / rate, now_ns);
	if (over && !(granted && kernel->thresholds.fair)) {
		kernel->coarse_drops++;
		return RULING_DROP_COARSE;
	}
	bucket_grants(&other->full_ns, NS_PER_S / rate, now_ns);
	return over ? RULING_PASS_SHARE : RULING_PASS;
}

/* What each destination's record says, or for want of one its network's entry. `pair`: NULL without one. */
static enum ruling judge_whole(struct kernel *kernel, uint32_t destination, uint32_t head, struct kernel_record *pair,
			       bool pair_folded, unsigned int cpu, int64_t now_ns)
{
	if (head == RECORD_NONE)
		return judge_network(kernel, destination, now_ns);
	return judge_destination(kernel, &kernel->records[head], pair, pair_folded, cpu, now_ns);
}

/* Counts a packet of a pair, if that has a record, and judges it by the pair and then by its client. */
static enum ruling judge_client(struct kernel *kernel, struct kernel_record *record, uint32_t pair, int64_t now_ns,
				bool *ret_folded)
{
	enum ruling ruling = RULING_PASS;
	struct kernel_coarse *other;

	if (record) {
		count_packet(kernel, record, now_ns);
		ruling = judge_pair(kernel, record, now_ns, ret_folded);
	} else {
		kernel->full++;
		coarse_count(kernel, COARSE_OF_CLIENTS, pair, now_ns, &other);
	}
	if (ruling_drops(ruling) || (record && !record->limited) || !hot_drops(kernel, pair, HOT_CLIENTS, now_ns))
		return ruling;
	return RULING_DROP_CLIENT;
}

static enum ruling judge(struct kernel *kernel, int64_t now_ns, uint32_t pair, uint32_t destination)
{
	const uint32_t head = table_make(kernel, destination, false, now_ns),
		       number = table_make(kernel, pair, true, now_ns), cpus = kernel->limits.cpus;
	const unsigned int cpu = (cpus > 1 ? pair * 2654435761U >> 8 & 0xffff : 0) % cpus;
	struct kernel_record *record = number == RECORD_NONE ? NULL : &kernel->records[number];
	enum ruling ruling, second = RULING_PASS;
	struct kernel_coarse *other;
	bool folded = false, is_through;

	if (head != RECORD_NONE)
		count_packet(kernel, &kernel->records[head], now_ns);
	ruling = judge_client(kernel, record, pair, now_ns, &folded);
	is_through = ruling == RULING_PASS_SHARE && kernel->thresholds.fair; /* thinned once for both rules */
	if (!ruling_drops(ruling) && !is_through)
		second = judge_whole(kernel, destination, head, record, folded, cpu, now_ns);
	else if (head == RECORD_NONE && !kernel->nowhere) /* a network counts what was offered, as a destination does */
		coarse_count(kernel, COARSE_OF_NETWORKS, destination, now_ns, &other);
	if (!ruling_drops(ruling) && !ruling_drops(second) && (!record || record->limited) &&
	    hot_drops(kernel, pair, HOT_NETWORKS, now_ns))
		second = RULING_DROP_NETWORK;
	return second == RULING_PASS ? ruling : second;
}

enum ruling kernel_packet(struct kernel *kernel, int64_t now_ns, uint32_t pair, uint32_t destination, bool facing)
{
	const struct client_sides *sides = &kernel->limits.sides;
	const enum ruling side = sides_rule(sides, &kernel->keys->keys[pair], facing);

	return side != RULING_PASS ? side : sides_enforce(sides, judge(kernel, now_ns, pair, destination));
}

bool kernel_has_counted(const struct kernel *kernel, int64_t now_ns, uint32_t pair, uint32_t destination)
{
	const struct kernel_record *record = table_find(kernel, pair), *head = table_find(kernel, destination);

	return ((record && record->last_ns == now_ns) || coarse_has_counted(kernel, COARSE_OF_CLIENTS, pair, now_ns)) &&
	       ((head && head->last_ns == now_ns) ||
		coarse_has_counted(kernel, COARSE_OF_NETWORKS, destination, now_ns));
}

bool kernel_judge(const struct kernel *kernel, int64_t now_ns, uint32_t key, struct judged *ret_judged)
{
	const struct kernel_record *record = table_find(kernel, key);

	if (!record)
		return false;
	measure(kernel, record, now_ns, ret_judged);
	ret_judged->rate = ret_judged->count /
			   fmax(ret_judged->window_s, (double)kernel->thresholds.pair_min_window.ns / NS_PER_S);
	return true;
}
