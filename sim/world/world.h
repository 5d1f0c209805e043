/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A simulated world: everything there is, and the time. One runs at a time. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "certificate.h"
#include "check.h"
#include "faults.h"
#include "heap.h"
#include "keys.h"
#include "master.h"
#include "measure.h"
#include "network.h"
#include "proxy.h"
#include "regions.h"
#include "rng.h"
#include "scenario.h"
#include "trace.h"
#include "traffic.h"

#define WORLD_START_NS (1760000000LL * NS_PER_S) /* mesh time when the world's clock shows 0 */

/* Numbers in the trace: what is added goes to the end. */
enum trace_kind {
	TRACE_TICK = 1,
	TRACE_DATAGRAM,
	TRACE_PACKET,
	TRACE_EVENT,
	TRACE_START,
	TRACE_STOP,
	TRACE_PAUSE,
	TRACE_FAULT
};

struct world {
	struct scenario scenario;
	uint64_t seed;
	int64_t now_ns;
	uint64_t events;
	struct heap heap;
	struct mesh mesh;
	uint8_t authority_secret[SECRET_KEY_BYTES], mesh_secret[MESH_SECRET_BYTES];
	struct keys keys;
	struct network network;
	struct proxy *proxies; /* members, then the oracle */
	uint64_t *member_ids;
	struct master master;
	struct traffic traffic;
	struct trace trace;
	struct check check;
	struct measure measure;
	struct faults faults;
};

struct world *world_open(const struct scenario *scenario, uint64_t seed, enum breaking breaking);
void world_close(struct world *world);

/* Lets time pass until then, or until a check fails. `progress` may be NULL. */
void world_run(struct world *world, double until_s, void (*progress)(const struct world *world));

/* One packet of a flow, now, at this member. Does it pass? */
bool world_packet(struct world *world, const struct flow *flow, unsigned int member, double offered_rate);

#endif
