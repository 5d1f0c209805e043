/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Is this host what a node's configuration needs? */
#ifndef CTL_HOST_CHECK_H
#define CTL_HOST_CHECK_H

#include "config.h"

/* The host's clock must not be before the time at which the bundle was made. `path` names the bundle. */
int host_check_clock(const char *path, int64_t made_s, struct problem *ret_problem);
/* Is the clock kept by NTP, as the kernel knows? */
bool host_clock_is_kept(void);

/* Every interface of the configuration must be there. */
int host_check_interfaces(const struct config *config, struct problem *ret_problem);

/*
 * No other configuration in the directory may filter the same interface, hear at the same address or use the same
 * paths. One that cannot be read is none.
 */
int host_check_others(const char *directory, const struct config *config, struct problem *ret_problem);

#endif
