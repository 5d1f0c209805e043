/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a core gives back, as it goes into the trace: every datagram, record, event and stored frame, field by field.
 * Nothing here depends on the layout of a struct, on its padding or on the order of an enum: a core that is only
 * rearranged leaves the trace as it is.
 */
#ifndef SIM_TRACE_CORE_H
#define SIM_TRACE_CORE_H

#include "network.h"
#include "node.h"

struct proxy;
struct world;

void trace_sent(struct world *world, const struct proxy *proxy, const struct endpoint *to, const uint8_t *bytes,
		size_t size);
void trace_received(struct world *world, const struct proxy *proxy, const struct parcel *parcel, enum reject reason);
void trace_change(struct world *world, const struct proxy *proxy, const struct change *change);
void trace_event(struct world *world, const struct proxy *proxy, const struct node_event *event);
/* A turn of the core, which is no event of its own. */
void trace_turn(struct world *world, const struct proxy *proxy);
/* The frames this turn put into the store, with their proofs. Call at its end. */
void trace_frames(struct world *world, struct proxy *proxy);

#endif
