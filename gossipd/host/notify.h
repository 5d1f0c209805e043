/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Telling systemd: one datagram to $NOTIFY_SOCKET (sd_notify(3)), nothing when it is not set. */
#ifndef GOSSIPD_NOTIFY_H
#define GOSSIPD_NOTIFY_H

#include <stdbool.h>

#include <xpro/time.h>

/* "READY=1", "STOPPING=1", "STATUS=..." */
void notify_send(const char *text);

/* Whether a service manager started us, which starts us again should we fail. */
bool notify_is_managed(void);

/* Half of $WATCHDOG_USEC when it is meant for this process, else 0: how often "WATCHDOG=1" is due. */
struct duration notify_watchdog(void);

#endif
