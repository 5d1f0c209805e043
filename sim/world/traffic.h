/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clients and their packets: each pair is a flow that comes in at one member or another. */
#ifndef SIM_TRAFFIC_H
#define SIM_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

struct world;

struct flow {
	uint16_t group, home;
	uint32_t pair, destination; /* keys; the pair changes with spoofed sources and churn */
	uint32_t client, life;
	uint32_t scanned; /* packets of a scan so far */
	uint32_t rotated; /* packets so far of one that rotates */
	uint16_t destination_number;
	int64_t leaves_ns; /* churn; INT64_MAX: never */
	int64_t begun_ns;  /* of one that connects: its first packet; `life` of them were sent so far */
	struct rng rng;
};

struct traffic {
	struct flow *flows;
	uint32_t count;
	int64_t begins_ns, ends_ns;
	int64_t last_packet_ns;
	uint64_t packets;
};

void traffic_open(struct world *world);
void traffic_close(struct world *world);

#endif
