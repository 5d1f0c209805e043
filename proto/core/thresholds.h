/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROTO_THRESHOLDS_H
#define PROTO_THRESHOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/time.h>

/* The thresholds by which keys are judged. Rates are packets per second, 0 = no limit. */
struct thresholds {
	uint32_t pair_rate; /* T_F1 */
	uint32_t destination_rate; /* T_F2 */
	uint32_t contact_rate; /* contacts per second of one client; 0: SCAN_CONTACTS_PER_S, and none drop */
	uint32_t client_rate; /* of one client to all destinations together */
	uint32_t network_rate; /* of all clients to one network of destinations together */
	struct duration idle_reset; /* T_T1 */
	struct duration pair_min_window; /* T_T2 */
	struct duration destination_min_window; /* T_T3 */
	bool fair; /* aggregate = fair; else strict */
	bool police; /* pair_action = police; else drop */
	bool early; /* rates compare against max(window, minimum window); else the paper's form */
	bool monitor; /* count what would be dropped, drop nothing */
};

#endif
