/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Can packets come in by an interface? */
#ifndef GOSSIPD_LINK_STATE_H
#define GOSSIPD_LINK_STATE_H

enum link_state { LINK_UP, LINK_DOWN, LINK_WITHOUT_CARRIER, LINK_UNKNOWN };

/* What the kernel says; unknown when there is no such interface. */
enum link_state link_state_of(const char *interface);

#endif
