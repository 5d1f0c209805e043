/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The node: one member of the mesh as a pure machine. It is given time, bytes and its own counts, and gives back datagrams to send,
 * records to write and events to tell. It calls no clock, socket, file, random source, printf or malloc; all it keeps lies in the
 * memory handed to node_init.
 *
 * One turn of a daemon: node_observe for every own cell that changed, node_tick once per tick, node_receive for every datagram; after
 * each of these, node_poll until it returns 0 and node_next_change until it returns false.
 */
#ifndef PROTO_NODE_H
#define PROTO_NODE_H

#include <stddef.h>

#include <xpro/bounds.h>
#include <xpro/key.h>
#include <xpro/time.h>

#include "mesh.h"
#include "node_types.h"
#include "policy.h"
#include "reject.h"

struct node;

/* Bytes of memory node_init needs for these limits; aligned to 64. */
size_t node_bytes(const struct node_limits *limits);

/* Sets up a node in `memory`: 64-byte aligned and all zero, as mmap gives it, so that what is never used never takes a page. -EINVAL: a limit is 0 or too large, or the mesh parameters break design bounds (see
 * mesh_check); -EBADMSG: the certificate does not verify, or is not for this key or mesh; -ENOSPC: too little memory. */
int node_init(void *memory, size_t bytes, const struct node_config *config, struct now now, struct node **ret_node);

/* Overwrites the keys. */
void node_close(struct node *node);

/* An address to greet until a member answers from it. -ENOSPC beyond MEMBERS_MAX addresses. */
int node_greet(struct node *node, struct endpoint peer);

/* Own count: `packets` of `key` in `slot` so far, first and last seen at these mesh times inside the slot. Totals, never increments:
 * repeating a call is harmless, an older total is ignored. False: no room (the key's packets then count in its destination alone). */
bool node_observe(struct node *node, struct now now, const struct key *key, uint64_t slot, struct instant first, struct instant last,
		  uint64_t packets);

/* The end of a tick: own cells that changed become signed frames, digests go out, verdicts move on. Call once for each tick of mesh
 * time, soon after it begins, after the observations of the tick that ended. */
void node_tick(struct node *node, struct now now);

/* What is finer than a tick: probes, requests for what is missing, names of what was not pushed, and what of a tick is too much for one
 * turn. Call at node_next_turn or soon after it; calling it earlier is harmless. */
void node_turn(struct node *node, struct now now);

/* When node_turn has something to do: monotonic time; INT64_MAX: nothing until something else happens. */
struct instant node_next_turn(const struct node *node, struct now now);

/* A datagram from the network. Returns why it was rejected, or REJECT_NONE. `bytes` is used as scratch. */
enum reject node_receive(struct node *node, struct now now, const struct endpoint *from, uint8_t *bytes, size_t size);

/* The next datagram to send: its size, or 0 when there is none now. */
size_t node_poll(struct node *node, struct now now, struct endpoint *ret_to, uint8_t ret_bytes[DATAGRAM_BYTES_MAX]);

/* When node_tick is next due, in mesh time. */
struct instant node_next_due(const struct node *node, struct now now);

/* The next changed record, or false. Bounded work per call. */
bool node_next_change(struct node *node, struct now now, struct change *ret_change);

/* Asks for this key's record again (the table has just made one). Ignored when nothing is held of it. */
void node_refresh(struct node *node, const struct key *key);

/*
 * Takes over a policy from its effective slot on: at once when that has begun, else with the tick that begins it; until then the old one
 * stays in force. Every key is judged anew within a few ticks, no count is touched. -EINVAL: policy_check refuses it; -ESTALE: not newer
 * than what is in force or waits (version 0, the proxy's own, replaces version 0 alone).
 */
int node_set_policy(struct node *node, struct now now, const struct policy_document *document);

/* The policy in force, as it was given and as compiled; the number grows whenever either changes: by another document, or by a rule that
 * ended (within a tick of its time). */
const struct policy_document *node_policy(const struct node *node);
const struct policy_table *node_policy_table(const struct node *node);
uint32_t node_policy_generation(const struct node *node);

/* The policy that waits for its slot, or NULL. */
const struct policy_document *node_policy_next(const struct node *node);

bool node_next_event(struct node *node, struct node_event *ret_event);

/*
 * A document of the mesh authority, from an administrator: REJECT_NONE when it is the newest of its kind, and then it is in force here and
 * on its way to every member; else why not.
 */
enum reject node_command(struct node *node, struct now now, const uint8_t *bytes, size_t size);

/* The same for one that was kept on disk, after node_init and before anything else. */
enum reject node_restore(struct node *node, struct now now, const uint8_t *bytes, size_t size);

/* The next document that must be durable before node_poll is called again, or false. The bytes are good until the next call of any kind. */
bool node_next_persist(struct node *node, enum document_kind *ret_kind, const uint8_t **ret_bytes, size_t *ret_size);

/* The newest document of a kind, or false. The bytes are good until the next call that changes the node. */
struct document_view {
	uint64_t serial;
	uint8_t hash[HASH_BYTES];
	const uint8_t *bytes;
	size_t size;
};
bool node_document(const struct node *node, enum document_kind kind, struct document_view *ret_view);
/* This node's work load W as a share of its capacity, and the share T_W from which clients should go elsewhere: told to the mesh when it
 * has changed by LOAD_STEP, at most every LOAD_TELL_MS. */
void node_set_load(struct node *node, struct now now, double load, double load_limit);

/* The incarnation of a later start of this very node, which ended and which members still know: 0, or the daemon must start anew under an
 * incarnation above it, for under its own nobody hears it. It happens to a host that lost its table, its state and the time. */
uint64_t node_later_incarnation(const struct node *node);

/* Says good-bye: members stop waiting for this node, and forget it after a day. A later start of it is welcome again. */
void node_leave(struct node *node, struct now now);

/* This host slept, and both clocks have just been put forward by so long: a member that was ahead for that alone counts
 * again at once. */
void node_slept(struct node *node, struct now now, struct duration slept);

/* What a member looks like from here. */
struct member_view {
	char name[NAME_BYTES_MAX + 1];
	char region[REGION_BYTES_MAX + 1];
	uint8_t public_key[PUBLIC_KEY_BYTES];
	struct endpoint endpoint;
	bool self, up, skewed, revoked;
	bool behind; /* it speaks an old mesh secret: nothing but documents goes either way */
	uint64_t certificate_serial;
	uint64_t serials[DOCUMENT_KINDS]; /* of the documents it says it has */
	bool suspect, left;
	bool neighbour; /* frames go to and from it directly */
	double load, load_limit; /* as it says itself, of its capacity; NAN: not said */
	uint64_t incarnation, boot;
	uint64_t tick; /* newest tick held whole */
	double rtt_ms, skew_ms; /* skew: its clock less ours; NAN until measured */
	double silent_s; /* since its last authenticated datagram; 0 for self */
	uint64_t cells; /* held of this origin */
	uint64_t frames_received, frames_repaired;
};

/* The cursor starts at 0 and is moved on; false at the end. Order is stable while nothing is added. */
bool node_next_member(const struct node *node, struct now now, uint32_t *cursor, struct member_view *ret_view);

/* A key's verdict as this node would give it now. */
struct key_view {
	struct key key;
	struct instant ts1, ts2; /* M */
	uint64_t count; /* M.c */
	double carried; /* packets the carry adds now */
	double window_s; /* the window judged: max(now - ts1, minimum) */
	double rate; /* (count + carried) / window */
	double offered; /* packets per second over the last FAIR_TICKS complete ticks */
	double limit; /* T_F1 or T_F2 */
	double share; /* 0..1 of its packets that pass by fair or police */
	uint32_t origins; /* with cells of this key */
	bool over; /* by its rate, or thinned */
	bool thinned; /* a destination that fair holds to its rate; by its burst, or between pulses, its own rate may be within */
};

bool node_next_key(const struct node *node, struct now now, uint32_t *cursor, struct key_view *ret_view);
bool node_find_key(const struct node *node, struct now now, const struct key *key, struct key_view *ret_view);

struct cell_view {
	char member[NAME_BYTES_MAX + 1];
	uint64_t incarnation;
	uint64_t slot;
	struct instant first, last;
	uint64_t packets;
};

/* The cells behind a key's record, ascending by slot. */
bool node_next_cell(const struct node *node, const struct key *key, uint32_t *cursor, struct cell_view *ret_view);

void node_read_counters(const struct node *node, struct node_counters *ret_counters);

/* A digest of every cell of a held slot: equal ledgers have equal digests, whatever order they were built in. About 0.1 us per cell. */
void node_digest(const struct node *node, uint8_t ret_digest[HASH_BYTES]);

/* A digest of every key's verdict as node_next_key gives it now, in that order: cores that were given the same have the same. */
void node_digest_verdicts(const struct node *node, struct now now, uint8_t ret_digest[HASH_BYTES]);

#endif
