/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Harvesting and folding: the daemon's part of the tables. Compare gossipd/table/. */
#include "kernel_table.h"

#include <string.h>

/*
 * gossipd/table/table_apply.c, window_is_known: a window that started after the last harvest is not in the ledger
 * yet.
 */
static bool window_is_known(const struct kernel *kernel, const struct kernel_record *record, int64_t ts2_ns)
{
	const uint32_t harvested = record->harvest.harvested_packets, before = (uint32_t)record->window_packets;

	if ((int32_t)(harvested - before) > 0)
		return true;
	return harvested == 0 && before == 0 && record->window_start_ns - ts2_ns <= kernel->thresholds.idle_reset.ns;
}

/* The same file, begins_late: M lacks what the record counted before M's only slot, for want of room in the ledger. */
static bool begins_late(const struct kernel *kernel, const struct kernel_record *record, const struct change *change)
{
	const int64_t slot_ns = kernel->slot_length.ns, slot = change->ts2.ns / slot_ns;
	const struct duration min_window =
		record->pair ? kernel->thresholds.pair_min_window : kernel->thresholds.destination_min_window;

	return change->ts1.ns / slot_ns == slot && record->harvest.slot == (uint16_t)slot &&
	       (int32_t)(record->harvest.slot_start_packets - (uint32_t)record->window_packets) > 0 &&
	       kernel->heartbeat_ns - change->ts1.ns < min_window.ns;
}

/* The same file, is_wiser: for T_T4 after a start a larger count in force is kept. */
static bool is_wiser(const struct kernel *kernel, const struct kernel_record *record, const struct change *change,
		     int64_t now_ns)
{
	if (now_ns > kernel->young_until_ns || !record->folded || record->fold_window_ns != record->window_start_ns)
		return false;
	return (int64_t)record->harvest.harvested_packets + record->base_count > (int64_t)change->count;
}

/* The share beside a count that is kept, as in table_apply.c: bounded by what the daemon before left. */
static void shares_bounded(struct kernel_record *record, const struct change *change)
{
	const bool unbounded = record->pair ? record->pass_share == SHARE_ALL : !record->thin;

	if (record->bound == 0 && unbounded)
		record->bound = SHARE_ALL;
	else if (record->bound == 0 && record->pass_share == SHARE_ALL)
		record->bound = SHARE_ALL - 1;
	else if (record->bound == 0)
		record->bound = record->pass_share ? record->pass_share : 1;
	record->pass_share = change->pass_share < record->bound ? change->pass_share : record->bound;
	record->thin = change->thin || (!record->pair && record->bound < SHARE_ALL);
}

void kernel_restarted(struct kernel *kernel, int64_t now_ns)
{
	table_forget(kernel);
	hot_inherit(kernel, now_ns);
	kernel->resuming = true;
	kernel->young_until_ns = now_ns + kernel->window_max_ns;
	for (uint32_t i = 0; i < kernel->count; i++)
		kernel->records[i].bound = 0;
}

void kernel_renew(struct kernel *kernel)
{
	kernel->renewed = true;
	if (kernel->left)
		memset(kernel->left, 0, kernel->of_key_size * sizeof(*kernel->left));
}

void kernel_apply(struct kernel *kernel, uint32_t key, uint32_t destination, int claimant, const struct change *change)
{
	struct kernel_record *record = table_find(kernel, key);
	uint32_t number;

	if (!record) {
		if (!change->notable)
			return;
		number = table_claim(kernel, destination, false, claimant, change->ts2.ns);
		if (key != destination)
			number = table_claim(kernel, key, true, claimant, change->ts2.ns);
		if (number == RECORD_NONE)
			return;
		record = &kernel->records[number];
	}
	if (!window_is_known(kernel, record, change->ts2.ns) || begins_late(kernel, record, change))
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
	record->known = (double)change->known;
	record->rho = change->rho;
	record->pass_share = change->pass_share;
	record->members = change->members;
	record->thin = change->thin;
}

/* For the ranking of the slowest: packets of the newest slot, and of the one before. */
static void note_gain(struct kernel_record *record, const struct harvest_cell *cell)
{
	if (cell->slot > record->slot) {
		record->gained[1] = cell->slot == record->slot + 1 ? record->gained[0] : 0;
		record->slot = cell->slot;
	}
	if (cell->slot == record->slot)
		record->gained[0] = cell->packets;
}

static void harvest_record(struct kernel *kernel, struct kernel_record *record, const struct harvest_times *times,
			   void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell,
					uint32_t gain),
			   void *user)
{
	const struct harvest_counter counter = {
		.packets = record->packets,
		.last = { record->last_ns },
		.window_start = { record->window_start_ns },
		.window_packets = (uint32_t)record->window_packets,
		.idle_reset = kernel->thresholds.idle_reset,
	};
	const struct harvest_words before = record->harvest;
	struct harvest_cell cells[SLOTS_HELD];
	const size_t count = harvest_divide(&record->harvest, times, &counter, cells);

	for (size_t i = 0; i < count; i++) {
		note_gain(record, &cells[i]);
		each(user, record, &cells[i], harvest_gain(&before, &cells[i]));
	}
}

/*
 * After a start of the daemon: the cell as it stood at the last harvest, since the ledger that knew it is gone
 * (tell_again).
 */
static void tell_again(const struct kernel *kernel, struct kernel_record *record, int64_t now_ns,
		       struct duration slot_length,
		       void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell,
				    uint32_t gain),
		       void *user)
{
	const uint64_t slot_now = (uint64_t)(now_ns / slot_length.ns),
		       back = (uint16_t)(slot_now - record->harvest.slot);
	const int64_t from_ns = (int64_t)(slot_now - back) * slot_length.ns, to_ns = from_ns + slot_length.ns - 1;
	const int64_t last_ns = kernel->harvested_at_ns < record->last_ns ? kernel->harvested_at_ns : record->last_ns;
	const int64_t started_ns = record->window_start_ns > to_ns || record->window_start_ns < from_ns
					   ? from_ns
					   : record->window_start_ns;
	const struct harvest_cell cell = {
		.slot = slot_now - back,
		.first = { started_ns },
		.last = { last_ns < started_ns ? started_ns : last_ns > to_ns ? to_ns : last_ns },
		.packets = record->harvest.harvested_packets - record->harvest.slot_start_packets,
	};

	if (cell.packets > 0 && back < SLOTS_HELD)
		each(user, record, &cell, 0);
}

void kernel_harvest(struct kernel *kernel, int64_t now_ns, struct duration slot_length,
		    void (*each)(void *user, struct kernel_record *record, const struct harvest_cell *cell,
				    uint32_t gain), void *user)
{
	hot_tick(kernel, now_ns);
	hot_scan(kernel);
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
		if (record->limited)
			record->limited = hot_holds(kernel, record->key);
		table_own(kernel, record);
		harvest_record(kernel, record, &times, each, user);
	}
	kernel->changed_count = 0;
	kernel->harvested_at_ns = now_ns;
	kernel->heartbeat_ns = now_ns;
	table_give_way(kernel, now_ns);
}

void kernel_collect(struct kernel *kernel, int64_t now_ns)
{
	for (uint32_t i = 0; i < kernel->count; i++) {
		const struct kernel_record *record = &kernel->records[i];

		if (record->dead || now_ns - record->last_ns <= COLLECT_IDLE_NS ||
		    (record->folded && now_ns - record->ts2_ns <= COLLECT_IDLE_NS))
			continue;
		table_free(kernel, i);
	}
}

void kernel_shift(struct kernel *kernel, int64_t by_ns)
{
	for (uint32_t i = 0; i < kernel->count; i++) {
		struct kernel_record *record = &kernel->records[i];

		if (record->dead)
			continue;
		record->made_ns += by_ns;
		record->window_start_ns += by_ns;
		record->last_ns += by_ns;
		record->fold_window_ns += by_ns;
		record->ts1_ns += by_ns;
		record->ts2_ns += by_ns;
		record->carry_from_ns += by_ns;
		record->evidence_full_ns += by_ns;
	}
	coarse_shift(kernel, by_ns);
	hot_shift(kernel, by_ns);
	kernel->harvested_at_ns += by_ns;
	kernel->heartbeat_ns += by_ns;
	kernel->young_until_ns += by_ns;
}
