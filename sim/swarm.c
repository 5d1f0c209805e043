/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* placeholder */
#include "swarm.h"

bool swarm_run(const struct swarm_options *options)
{
	(void)options;
	return false;
}
