/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clients that scan: that make more contacts than SCAN_CONTACTS_PER_S (bounds.h) at this proxy. They are named, and
 * nothing of theirs drops for it. Contacts are what the table says they are (table_contacts.c).
 */
#ifndef GOSSIPD_SCANS_H
#define GOSSIPD_SCANS_H

#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/key.h>
#include <xpro/time.h>

#include "heavy.h"

struct daemon;

#define SCANS_PER_TICK 4 /* named in one tick; the others in the next ones */
/* A scan has ended when a quarter is left: its client makes less than half of SCAN_CONTACTS_PER_S, or none for 2 s. */
#define SCAN_CONTACTS_OVER (SCAN_CONTACTS / 4)

struct scans {
	struct address clients[HEAVY_PLACES];
	uint32_t count;
};

/* Once a tick, after the harvest. */
void scans_tick(struct daemon *daemon, struct now now);

#endif
