/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The systemd unit of a node, gossipd@NAME, where systemd runs. */
#ifndef CTL_UNIT_H
#define CTL_UNIT_H

#include <stdbool.h>
#include <stddef.h>

/* Is systemd the manager of this host? */
bool unit_has_manager(void);

/*
 * Has the unit started now, anew where it runs, and at every boot. -EIO: systemctl refused, and said why on standard
 * error.
 */
int unit_start(const char *node);

/* The end of the unit's log, at most `bytes` of it. -EIO: there is none to be had. */
int unit_log(const char *node, char *ret_text, size_t bytes, size_t *ret_size);

#endif
