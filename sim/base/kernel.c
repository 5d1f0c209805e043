/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting, judging, harvesting and folding, record by record. Compare xdp/window.h, xdp/judge.h, xdp/aggregate.h and gossipd/table/table_apply.c. */
#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void kernel_open(struct kernel *kernel, const struct thresholds *thresholds, const struct mesh *mesh, uint32_t pairs_max, uint32_t cpus,
		 int64_t now_ns)
{
	*kernel = (struct kernel){
		.thresholds = *thresholds,
		.window_max_ns = (int64_t)mesh->window_max_ms * NS_PER_MS,
		.carry_span_ns = CARRY_TICKS * mesh_tick_length(mesh).ns,
		.decay = (int)mesh->decay,
		.harvested_at_ns = now_ns,
		.heartbeat_ns = INT64_MIN / 2,
		.pairs_max = pairs_max,
		.cpus = cpus,
	};
}

void kernel_close(struct kernel *kernel)
{
	free(kernel->records);
	free(kernel->of_key);
	free(kernel->changed);
}

static void of_key_grow(struct kernel *kernel, uint32_t key)
{
	const uint32_t size = (key + 1) * 2;

	kernel->of_key = realloc(kernel->of_key, size * sizeof(*kernel->of_key));
	if (!kernel->of_key)
		abort();
	memset(kernel->of_key + kernel->of_key_size, 0, (size - kernel->of_key_size) * sizeof(*kernel->of_key));
	kernel->of_key_size = size;
}

static struct kernel_record *record_find(const struct kernel *kernel, uint32_t key)
{
	if (key >= kernel->of_key_size || kernel->of_key[key] == 0)
		return NULL;
	return &kernel->records[kernel->of_key[key] - 1];
}

#define RECORD_NONE UINT32_MAX

/* A place for one more record. */
static uint32_t record_place(struct kernel *kernel)
{
	const uint32_t number = kernel->free - 1;

	if (kernel->free) {
		kernel->free = kernel->records[number].key;
		return number;
	}
	if (kernel->count == kernel->size) {
		kernel->size = kernel->size * 2 + 64;
		kernel->records = realloc(kernel->records, kernel->size * sizeof(*kernel->records));
		kernel->changed = realloc(kernel->changed, kernel->size * sizeof(*kernel->changed));
		if (!kernel->records || !kernel->changed)
			abort();
	}
	return kernel->count++;
}

/* The number of a key's record, made when missing; RECORD_NONE: a pair's, and the table is full. */
static uint32_t record_make(struct kernel *kernel, uint32_t key, bool pair, int64_t window_start_ns)
{
	uint32_t number;

	if (key >= kernel->of_key_size)
		of_key_grow(kernel, key);
	if (kernel->of_key[key])
		return kernel->of_key[key] - 1;
	if (pair && kernel->pairs_max > 0 && kernel->pairs_held >= kernel->pairs_max)
		return RECORD_NONE;
	kernel->pairs_held += pair;
	number = record_place(kernel);
	kernel->records[number] = (struct kernel_record){
		.key = key,
		.pair = pair,
		.window_start_ns = window_start_ns,
		.last_ns = window_start_ns,
		.pass_share = SHARE_ALL,
	};
	for (unsigned int cpu = 0; cpu < KERNEL_CPUS_MAX; cpu++) /* begun alike, they would let packets through in waves */
		kernel->records[number].thinning[cpu] = (key * 2654435761U + cpu * 40503U) >> 8 & 0xffff;
	kernel->of_key[key] = number + 1;
	return number;
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

static void measure(const struct kernel *kernel, const struct kernel_record *record, int64_t now_ns, struct judged *ret_judged)
{
	int64_t window_ns, elapsed_ns;
	double expected;

	ret_judged->folded = fold_in_force(kernel, record, now_ns);
	if (!ret_judged->folded) {
		ret_judged->count = (double)(record->packets - record->window_packets);
		window_ns = now_ns - record->window_start_ns;
	} else {
		elapsed_ns = now_ns - record->carry_from_ns;
		elapsed_ns = elapsed_ns < 0 ? 0 : elapsed_ns > kernel->carry_span_ns ? kernel->carry_span_ns : elapsed_ns;
		expected = record->floor + record->rho * (double)elapsed_ns / NS_PER_S;
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
	const double packet_ns = (double)NS_PER_S * EVIDENCE_SHARE * record->members / rate;
	const double ahead_ns = fmax(0, (double)(record->evidence_full_ns - now_ns));

	if (kernel->no_evidence || record->members < 2 || ahead_ns + packet_ns > fmax((double)NS_PER_S, packet_ns))
		return false;
	record->evidence_full_ns = now_ns + (int64_t)(ahead_ns + packet_ns);
	return true;
}

static enum reason judge_pair(struct kernel *kernel, struct kernel_record *record, int64_t now_ns, bool *ret_folded)
{
	struct judged judged;

	if (!fold_in_force(kernel, record, now_ns))
		age_own(kernel, record, now_ns);
	measure(kernel, record, now_ns, &judged);
	*ret_folded = judged.folded;
	if (!is_over(&judged, kernel->thresholds.pair_rate, kernel->thresholds.pair_min_window))
		return REASON_PASS;
	if (!judged.folded)
		return REASON_DROP_PAIR;
	if (!kernel->thresholds.police)
		return evidence_grants(kernel, record, kernel->thresholds.pair_rate, now_ns) ? REASON_PASS_EVIDENCE : REASON_DROP_PAIR;
	return is_in_share(record->thinning, record->pass_share) ? REASON_PASS_SHARE : REASON_DROP_PAIR_SHARE;
}

static enum reason judge_destination(struct kernel *kernel, struct kernel_record *head, struct kernel_record *pair,
				     bool pair_folded, unsigned int cpu, int64_t now_ns)
{
	const bool fair = kernel->thresholds.fair && daemon_is_alive(kernel, now_ns);
	struct judged judged;

	if (!fair) {
		if (!fold_in_force(kernel, head, now_ns))
			age_own(kernel, head, now_ns);
		measure(kernel, head, now_ns, &judged);
		if (!is_over(&judged, kernel->thresholds.destination_rate, kernel->thresholds.destination_min_window))
			return REASON_PASS;
		return judged.folded && evidence_grants(kernel, head, kernel->thresholds.destination_rate, now_ns) ? REASON_PASS_EVIDENCE
													   : REASON_DROP_DESTINATION;
	}
	if (!head->thin)
		return REASON_PASS;
	if (pair_folded ? is_in_share(pair->thinning, pair->pass_share) : is_in_share(&head->thinning[cpu], head->pass_share))
		return REASON_PASS_SHARE;
	return REASON_DROP_DESTINATION_SHARE;
}

enum reason kernel_packet(struct kernel *kernel, int64_t now_ns, uint32_t pair, uint32_t destination)
{
	const uint32_t head_number = record_make(kernel, destination, false, now_ns),
		       pair_number = record_make(kernel, pair, true, now_ns);
	const unsigned int cpu = kernel->cpus > 1 ? pair * 2654435761U >> 8 & 0xffff : 0;
	struct kernel_record *head = &kernel->records[head_number], *record;
	enum reason reason;
	bool folded;

	head->destination = head_number;
	count_packet(kernel, head, now_ns);
	if (pair_number == RECORD_NONE) {
		kernel->full++;
		return judge_destination(kernel, head, NULL, false, cpu % kernel->cpus, now_ns);
	}
	record = &kernel->records[pair_number];
	record->destination = head_number;
	count_packet(kernel, record, now_ns);
	reason = judge_pair(kernel, record, now_ns, &folded);
	if (reason_drops(reason) || (reason == REASON_PASS_SHARE && kernel->thresholds.fair))
		return reason; /* thinned once for both rules */
	const enum reason second = judge_destination(kernel, head, record, folded, cpu % kernel->cpus, now_ns);

	return second == REASON_PASS ? reason : second;
}

/* gossipd/table/table_apply.c, window_is_known: a window that started after the last harvest is not in the ledger yet. */
static bool window_is_known(const struct kernel *kernel, const struct kernel_record *record, int64_t ts2_ns)
{
	const uint32_t harvested = record->harvest.harvested_packets, before = (uint32_t)record->window_packets;

	if ((int32_t)(harvested - before) > 0)
		return true;
	return harvested == 0 && before == 0 && record->window_start_ns - ts2_ns <= kernel->thresholds.idle_reset.ns;
}

/* The same file, is_wiser: for T_T4 after a start a larger count in force is kept. */
static bool is_wiser(const struct kernel *kernel, const struct kernel_record *record, const struct change *change, int64_t now_ns)
{
	if (now_ns > kernel->young_until_ns || !record->folded || record->fold_window_ns != record->window_start_ns)
		return false;
	return (int64_t)record->harvest.harvested_packets + record->base_count > (int64_t)change->count;
}

/* The share beside a count that is kept, as in table_apply.c: bounded by what the daemon before left. */
static void shares_bounded(struct kernel_record *record, const struct change *change)
{
	const bool unbounded = record->pair ? record->pass_share == SHARE_ALL : !record->thin;

	if (record->bound == 0)
		record->bound = unbounded ? SHARE_ALL : record->pass_share == SHARE_ALL ? SHARE_ALL - 1 : record->pass_share ? record->pass_share : 1;
	record->pass_share = change->pass_share < record->bound ? change->pass_share : record->bound;
	record->thin = change->thin || (!record->pair && record->bound < SHARE_ALL);
}

void kernel_restarted(struct kernel *kernel, int64_t now_ns)
{
	kernel->resuming = true;
	kernel->young_until_ns = now_ns + kernel->window_max_ns;
	for (uint32_t i = 0; i < kernel->count; i++)
		kernel->records[i].bound = 0;
}

void kernel_apply(struct kernel *kernel, uint32_t key, uint32_t destination, const struct change *change)
{
	struct kernel_record *record = record_find(kernel, key);

	if (!record) {
		if (!change->notable)
			return;
		const uint32_t head = record_make(kernel, destination, false, change->ts2.ns),
			       number = record_make(kernel, key, key != destination, change->ts2.ns);

		if (number == RECORD_NONE)
			return;
		record = &kernel->records[number];
		record->destination = head;
	}
	if (!window_is_known(kernel, record, change->ts2.ns))
		return;
	if (is_wiser(kernel, record, change, kernel->heartbeat_ns)) {
		shares_bounded(record, change);
		return;
	}
	record->bound = SHARE_ALL;
	record->folded = true;
	record->fold_window_ns = record->window_start_ns;
	record->ts1_ns = change->ts1.ns;
	record->ts2_ns = change->ts2.ns;
	record->base_count = (int64_t)change->count - (int64_t)record->harvest.harvested_packets;
	record->carry_from_ns = change->carry_from.ns;
	record->floor = (double)change->floor;
	record->rho = change->rho;
	record->pass_share = change->pass_share;
	record->members = change->members;
	record->thin = change->thin;
}

static void harvest_record(struct kernel *kernel, struct kernel_record *record, const struct harvest_times *times,
			   void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell), void *user)
{
	const struct harvest_counter counter = {
		.packets = record->packets,
		.last = { record->last_ns },
		.window_start = { record->window_start_ns },
		.window_packets = (uint32_t)record->window_packets,
		.idle_reset = kernel->thresholds.idle_reset,
	};
	struct harvest_cell cells[SLOTS_HELD];
	const size_t count = harvest_divide(&record->harvest, times, &counter, cells);

	for (size_t i = 0; i < count; i++)
		each(user, record, &cells[i]);
}

/* After a start of the daemon: the cell as it stood at the last harvest, since the ledger that knew it is gone (tell_again). */
static void tell_again(const struct kernel *kernel, struct kernel_record *record, int64_t now_ns, struct duration slot_length,
		       void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell), void *user)
{
	const uint64_t slot_now = (uint64_t)(now_ns / slot_length.ns), back = (uint16_t)(slot_now - record->harvest.slot);
	const int64_t from_ns = (int64_t)(slot_now - back) * slot_length.ns, to_ns = from_ns + slot_length.ns - 1;
	const int64_t last_ns = kernel->harvested_at_ns < record->last_ns ? kernel->harvested_at_ns : record->last_ns;
	const int64_t started_ns = record->window_start_ns > to_ns || record->window_start_ns < from_ns ? from_ns : record->window_start_ns;
	const struct harvest_cell cell = {
		.slot = slot_now - back,
		.first = { started_ns },
		.last = { last_ns < started_ns ? started_ns : last_ns > to_ns ? to_ns : last_ns },
		.packets = record->harvest.harvested_packets - record->harvest.slot_start_packets,
	};

	if (cell.packets > 0 && back < SLOTS_HELD)
		each(user, record, &cell);
}

void kernel_harvest(struct kernel *kernel, int64_t now_ns, struct duration slot_length,
		    void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell), void *user)
{
	for (uint32_t i = 0; kernel->renewed && i < kernel->count; i++)
		kernel->records[i].harvest.slot_start_packets = kernel->records[i].harvest.harvested_packets;
	for (uint32_t i = 0; kernel->resuming && i < kernel->count; i++) {
		if (!kernel->records[i].dead)
			tell_again(kernel, &kernel->records[i], now_ns, slot_length, each, user);
	}
	kernel->resuming = kernel->renewed = false;

	const struct harvest_times times =
		harvest_times_of((struct instant){ kernel->harvested_at_ns }, (struct instant){ now_ns }, slot_length);

	for (uint32_t i = 0; i < kernel->changed_count; i++) {
		struct kernel_record *record = &kernel->records[kernel->changed[i]];

		record->changed = false;
		harvest_record(kernel, record, &times, each, user);
	}
	kernel->changed_count = 0;
	kernel->harvested_at_ns = now_ns;
	kernel->heartbeat_ns = now_ns;
}

void kernel_collect(struct kernel *kernel, int64_t now_ns)
{
	for (uint32_t i = 0; i < kernel->count; i++) {
		struct kernel_record *record = &kernel->records[i];

		if (record->dead || now_ns - record->last_ns <= COLLECT_IDLE_NS || (record->folded && now_ns - record->ts2_ns <= COLLECT_IDLE_NS))
			continue;
		kernel->of_key[record->key] = 0;
		kernel->pairs_held -= record->pair;
		*record = (struct kernel_record){ .dead = true, .key = kernel->free };
		kernel->free = i + 1;
	}
}

bool kernel_judge(const struct kernel *kernel, int64_t now_ns, uint32_t key, struct judged *ret_judged)
{
	const struct kernel_record *record = record_find(kernel, key);

	if (!record)
		return false;
	measure(kernel, record, now_ns, ret_judged);
	ret_judged->rate =
		ret_judged->count / fmax(ret_judged->window_s, (double)kernel->thresholds.pair_min_window.ns / NS_PER_S);
	return true;
}

void kernel_shift(struct kernel *kernel, int64_t by_ns)
{
	for (uint32_t i = 0; i < kernel->count; i++) {
		struct kernel_record *record = &kernel->records[i];

		if (record->dead)
			continue;
		record->window_start_ns += by_ns;
		record->last_ns += by_ns;
		record->fold_window_ns += by_ns;
		record->ts1_ns += by_ns;
		record->ts2_ns += by_ns;
		record->carry_from_ns += by_ns;
		record->evidence_full_ns += by_ns;
	}
	kernel->harvested_at_ns += by_ns;
	kernel->heartbeat_ns += by_ns;
	kernel->young_until_ns += by_ns;
}
