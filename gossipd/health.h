/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Health: is this proxy doing its whole job, and if not, why. Judged from what is measured, never from the config. */
#ifndef GOSSIPD_HEALTH_H
#define GOSSIPD_HEALTH_H

#include <stdbool.h>

#include <xpro/time.h>

struct daemon;

#define HEALTH_QUIET_MS 3000   /* after the start */
#define HEALTH_FULL_PERCENT 90 /* of a table or of the ledger */

struct health {
	bool degraded;
	char why[128]; /* the gravest reason; empty when there is none */
};

void health_judge(const struct daemon *daemon, struct now now, struct health *ret_health);

#endif
