/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots of 4 s, and the times of a harvest between two moments. */
#ifndef TESTS_HARVEST_TIMES_H
#define TESTS_HARVEST_TIMES_H

#include "harvest.h"

#define SLOT_NS (4 * NS_PER_S)
#define MS(ms) ((ms)*NS_PER_MS)
#define START(slot) ((slot)*SLOT_NS)
#define END(slot) (START((slot) + 1) - 1)

static inline struct harvest_times times_between(int64_t previous_ns, int64_t now_ns)
{
	return harvest_times_of((struct instant){ previous_ns }, (struct instant){ now_ns },
				(struct duration){ SLOT_NS });
}

#endif
