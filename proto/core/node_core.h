/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The node as every room sees it: what it was given, its time, its counters, its events; and each room's part, whose fields the room's own
 * header shows to the room itself and to those above it.
 */
#ifndef PROTO_NODE_CORE_H
#define PROTO_NODE_CORE_H

#include <math.h>

#include <xpro/record.h>

#include "arena.h"
#include "bytes.h"
#include "node_types.h"
#include "queue.h"
#include "set.h"

struct counting; /* count/counting.h: ledger and origins */
struct judging; /* judge/judging.h: policy, verdicts, shares */
struct outbox; /* wire/outbox.h: what waits to be sent */
struct membership; /* member/member.h: members, their sessions, addresses and clocks */
struct trust; /* trust/trust.h: the authority's documents */
struct spreading; /* spread/spreading.h: neighbours' trees, repair, publishing */

#define MEMBER_NONE UINT16_MAX
#define EVENTS_SIZE 512

/* Events that the daemon has not fetched yet. Of a member that judging reports of, the name is filled in when the event is fetched. */
struct event_ring {
	struct node_event items[EVENTS_SIZE];
	uint16_t members[EVENTS_SIZE]; /* whose name is to be filled in, or MEMBER_NONE */
	uint32_t head, count;
};

struct node {
	struct node_config config; /* changed by trust/ alone: a revoked node falls silent */
	uint64_t id;
	struct mesh mesh;
	struct instant started_at; /* mono */
	uint64_t tick; /* the last one that was ended; node.c */
	bool ticked; /* one was, since the start; node.c */
	uint64_t slot; /* as of that tick; node.c */
	struct node_counters counters;
	uint64_t random[4]; /* xoshiro256** state; random.c */
	uint8_t nonce_random[16];
	struct event_ring events; /* events.c */
	struct counting *count;
	struct judging *judge;
	struct outbox *outbox;
	struct membership *member;
	struct trust *trust;
	struct spreading *spread;
};

uint64_t node_random(struct node *node);
void node_tell(struct node *node, const struct node_event *event);
/* The same of a member, whose name is filled in when the event is fetched. */
void node_tell_of(struct node *node, const struct node_event *event, uint16_t member);
/* The oldest event that was not fetched, or false; *ret_member: whose name it lacks, or MEMBER_NONE. */
bool event_take(struct node *node, struct node_event *ret_event, uint16_t *ret_member);

static inline enum reject node_reject(struct node *node, enum reject reason)
{
	node->counters.rejects[reason]++;
	return reason;
}
static inline uint64_t slot_oldest(uint64_t slot_now)
{
	return slot_now < SLOTS_HELD ? 0 : slot_now - (SLOTS_HELD - 1);
}
static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && address_equal(&a->address, &b->address);
}
/* At least 4: mesh_check. */
static inline uint32_t slot_ticks(const struct node *node)
{
	return (uint32_t)(mesh_slot_length(&node->mesh).ns / mesh_tick_length(&node->mesh).ns);
}
static inline double tick_seconds(const struct node *node)
{
	return node->mesh.tick_ms / 1000.0;
}

#endif
