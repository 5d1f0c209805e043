/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Health: is this proxy doing its whole job, and if not, why. Judged from what is measured, never from the config. */
#ifndef GOSSIPD_HEALTH_H
#define GOSSIPD_HEALTH_H

#include <xpro/control.h>
#include <xpro/time.h>

struct daemon;

#define HEALTH_QUIET_MS 3000   /* after the start */
#define HEALTH_FULL_PERCENT 90 /* of a table or of the ledger */

struct health_reason {
	uint32_t what; /* the same for as long as the reason is the same; its text may change */
	char text[CONTROL_WHY_BYTES];
};

struct health {
	uint32_t count; /* 0: healthy */
	struct health_reason reasons[CONTROL_WHYS_MAX]; /* gravest first */
};

void health_judge(const struct daemon *daemon, struct now now, struct health *ret_health);

#endif
