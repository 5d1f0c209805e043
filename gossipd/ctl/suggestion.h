/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rates of a policy out of the rates that were seen, kind by kind. The rate is to let pass what was seen, so it begins
 * with the highest. But a highest rate far above all others is no habit, it may be the attack that a policy is for:
 * if it is more than SUGGESTION_OUTLIER times the 99th percentile, the rate begins with that percentile.
 */
#ifndef CTL_SUGGESTION_H
#define CTL_SUGGESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "rates.h"

#define SUGGESTION_OUTLIER 10

struct suggestion {
	double base; /* packets per second that the rate begins with; 0: nothing was seen, and no rate is proposed */
	bool cut; /* base is the 99th percentile, as the highest is far above it */
	bool raised; /* to the rate of a pair or a destination: below that, that one would never be reached */
	uint32_t rate; /* proposed; 0: none */
	uint64_t above; /* samples that were above it, to a bucket */
};

/* Of each kind, by enum key_kind: base, and so many hundredths more, rounded as learning_rate rounds. */
void suggestion_make(const struct rates rates[KEY_KINDS], uint32_t margin_percent,
		     struct suggestion ret_suggestions[KEY_KINDS]);

#endif
