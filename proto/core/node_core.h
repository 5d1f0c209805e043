/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The node as all rooms see it: configuration, time, counters, events, and one opaque pointer per room. The header of
 * a room defines its struct; only that room and higher rooms include the header.
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

/*
 * Events that the daemon has not fetched yet. Room judge/ cannot read member names, because member/ is higher. It
 * stores the member's number, and node_next_event fills in the name.
 */
struct event_ring {
	struct node_event items[EVENTS_SIZE];
	uint16_t members[EVENTS_SIZE]; /* whose name is to be filled in, or MEMBER_NONE */
	uint32_t head, count;
};

/*
 * Who assigns what. The room whose header declares a struct assigns its fields. proto/node.c assigns the fields of
 * struct node below, random.c `random`, and events.c `events`. The list has the exceptions: the room that assigns, the
 * fields, and the reason. tests/unit/test_owners.sh reads the lines that begin with a tab. It fails at any other
 * assignment, and at an exception that is not used.
 *
 *	every	node_counters.*: an event is counted where it happens
 *	proto	node.*, node_config.secret_key, node_config.mesh_secret: node.c makes the node, ends its ticks, and
 *		wipes its secrets
 *	proto	member.send_counter, path_loss.heard: send.c and receive.c count each datagram
 *	judge	entry.flags, entry.pass_share, entry.past, entry.past_here, entry.policy, entry.policy_generation: a
 *		verdict is kept in its key's entry, because there are millions of keys
 *	trust	node_config.gossip: a revoked node stops sending
 *	trust	member.session, member.heard, member.up, member_standing.revoked, member_standing.keys_known,
 *		member_standing.spoken, greeting.secret: what a revocation or rotation makes of a member
 *	trust	secrets.revocation, secrets.count, secrets.effective_slot, secrets.grace_end_slot, secrets.serial:
 *		documents in force, which members are judged by
 *	spread	entry.flags: who has cells of a key
 *	spread	origin.quarantined, origin.leapt, origin.frames_repaired, origin.listed, origin.since, origin.due,
 *		origin.announcer, origin.asked, origin.attempts: what is missing of an origin, and its repair
 *	spread	membership.links_count, link.*: which neighbours there are, and which frames are pushed to them
 *	spread	member.parent, member.relay_wanted, member.relay_asked, member.serve_budget,
 *		member.bad_signatures_left, path_loss.*: the ways of frames to and from a member
 *	spread	member_account.quota_slot, member_account.cells_refused: what its cells used up
 *	spread	member_standing.news, member_standing.news_tick, member_standing.chunks_left,
 *		member_standing.distrusts, member_standing.distrusted_until, coming_document.*, trust.patience:
 *		documents on their way, which trust/ takes over when they are whole
 */
struct node {
	struct node_config config;
	uint64_t id;
	struct mesh mesh;
	struct instant started_at; /* mono */
	uint64_t tick; /* the last one that was ended */
	bool ticked; /* one was, since the start */
	uint64_t slot; /* as of that tick */
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
void node_report(struct node *node, const struct node_event *event);
/* The same for an event about a member, whose name is filled in when the event is fetched. */
void node_report_of(struct node *node, const struct node_event *event, uint16_t member);
/* The oldest event, or false. *ret_member: the member whose name is still to be filled in, or MEMBER_NONE. */
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
