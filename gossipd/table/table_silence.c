/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The heartbeat, which shows the kernel that folds are in force. If it had stopped for longer than HEARTBEAT_STALE_MS,
 * in this daemon or between two, the kernel filtered by its own windows alone. table_read_silence reports this
 * afterwards.
 */
#include "table_internal.h"

void heartbeat(struct table *table)
{
	struct table_state *state = table->state;
	const uint32_t silent = table->clock.jiffies - state->heartbeat;

	/* As the kernel sees it: the clock that was read may lie a little behind the heartbeat. */
	if (state->heartbeat && silent + state->hz > state->heartbeat_stale + state->hz)
		table->silent = silent;
	store32(&state->heartbeat, table->clock.jiffies);
}

bool table_read_silence(struct table *table, struct duration *ret_silence, uint64_t *ret_packets)
{
	struct reason_counter reasons[REASON_COUNT];
	uint64_t told;

	if (!table->silent)
		return false;
	table_read_reasons(table, reasons);
	told = table->state->stale_told;
	*ret_silence = (struct duration){ (int64_t)table->silent * table->clock.period_ns };
	*ret_packets = reasons[REASON_STALE].packets > told ? reasons[REASON_STALE].packets - told : 0;
	store64(&table->state->stale_told, reasons[REASON_STALE].packets);
	table->silent = 0;
	return true;
}
