/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests of the daemon's side of the table: one client and one target, opened anew, judged, and sent to. */
#ifndef TESTS_XDP_FOLDS_H
#define TESTS_XDP_FOLDS_H

#include "bed.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201

static inline void reopen(void)
{
	table_close(bed.table);
	bed.table = NULL;
	assert_int_equal(bed_open(true), 0);
	bed_beat();
}

static inline struct change fold_of(uint64_t count, int64_t ms)
{
	struct instant mesh = bed_now().mesh;

	return (struct change){ .ts1 = instant_before(mesh, duration_ms(ms)),
				.ts2 = mesh,
				.carry_from = mesh,
				.count = count,
				.pass_share = SHARE_ALL };
}

static inline void run(uint32_t client, int packets)
{
	struct frame frame = frame4(client, TARGET);

	bed_run_many(&frame, packets, NULL);
}

static inline void wait_for_grace(void)
{
	bool over = false;
	int tries;

	for (tries = 0; tries < 5000 && !over; tries++) {
		pthread_mutex_lock(&bed.table->grace.lock);
		over = bed.table->grace.asked == bed.table->grace.done;
		pthread_mutex_unlock(&bed.table->grace.lock);
		if (!over)
			usleep(1000);
	}
	assert_true(over);
}

/* What may leave leaves: marked in the first call, freed in the second. */
static inline void collect_all(int64_t idle_ms)
{
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(idle_ms));
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(idle_ms));
}

#endif
