/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The node: one member of the mesh as a pure state machine. Its inputs are time, datagrams and this proxy's own counts;
 * its outputs are datagrams to send, changes of table records and events. It calls no clock, socket, file, random
 * source, printf or malloc; all its state is in the memory passed to node_init.
 *
 * One turn of a daemon: node_observe for every own cell that changed, node_tick once per tick, node_receive for
 * every datagram; after each of these, node_poll until it returns 0 and node_next_change until it returns false.
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

/*
 * Sets up a node in `memory`: 64-byte aligned and all zero, as mmap gives it, so that what is never used never takes
 * a page. -EINVAL: a limit is 0 or too large, or the mesh parameters break design bounds (see mesh_check); -EBADMSG:
 * the certificate does not verify, or is not for this key or mesh; -ENOSPC: too little memory.
 */
int node_init(void *memory, size_t bytes, const struct node_config *config, struct now now, struct node **ret_node);

/* Overwrites the keys. */
void node_close(struct node *node);

/* An address to greet until a member answers from it. -ENOSPC beyond MEMBERS_MAX addresses. */
int node_greet(struct node *node, struct endpoint peer);

/*
 * Own count: `packets` of `key` in `slot` so far, first and last seen at these mesh times inside the slot. Totals,
 * never increments: repeating a call is harmless, an older total is ignored. False: the cell was not taken. Either
 * there was no room for its key (its packets then count in the destination alone; EVENT_QUOTA), or the slot is not
 * held, or the cell is not valid.
 */
bool node_observe(struct node *node, struct now now, const struct key *key, uint64_t slot, struct instant first,
		  struct instant last, uint64_t packets);

/*
 * So many answers to a pair more were counted here in a slot; `tcp`: one at least was of TCP. False: the ledger holds
 * nothing of the pair, or the slot is not held. They are told when the pair is.
 */
bool node_observe_answers(struct node *node, struct now now, const struct key *key, uint64_t slot, uint32_t answers,
			  bool tcp);

/*
 * Totals of a client in a slot so far: pair records that its own packets made, and its packets to destinations that did
 * not answer. False also when no packets of the client were observed in the slot.
 */
bool node_observe_contacts(struct node *node, struct now now, const struct key *key, uint64_t slot, uint32_t contacts,
			   uint32_t unanswered);

/*
 * Pairs whose answers are told if there are any: their cells are, or another member counts them. From key number
 * *cursor on; *work: so many keys are looked at, at most. False: that was all, or *cursor has reached node_keys_high.
 */
bool node_next_called(const struct node *node, uint32_t *cursor, uint32_t *work, struct key *ret_key);
uint32_t node_keys_high(const struct node *node);

/*
 * The memory of a day: a pair was answered here, in this minute of mesh time (0: now). node_next_note returns what is
 * remembered, in any order, for the caller to keep on disk; *cursor begins at 0.
 */
struct note_view {
	struct key key;
	uint32_t minute;
	bool tcp;
};
void node_remember(struct node *node, const struct key *pair, uint32_t minute, bool tcp);
bool node_next_note(const struct node *node, uint32_t *cursor, struct note_view *ret_note);

/* What is known of answers to a pair: mesh-wide in the held slots, and here within a day. False: there are none. */
struct answered_view {
	uint64_t answers; /* never more than the pair's packets */
	uint64_t own; /* of them, counted here, packets or not */
	bool tcp, remembered, remembered_tcp;
};
bool node_answered(const struct node *node, const struct key *pair, struct answered_view *ret_view);

/*
 * Ends a tick: publishes own cells that changed as signed frames, sends digests and judges keys again. Call it once per
 * tick of mesh time, soon after the tick's end and after its node_observe calls.
 */
void node_tick(struct node *node, struct now now);

/*
 * Work that is due between ticks: probes, requests for missing frames, announcements (IHAVE), and those parts of a
 * tick that take more than one turn. Call it at node_next_turn or soon after; calling it earlier is harmless.
 */
void node_turn(struct node *node, struct now now);

/* When node_turn has something to do: monotonic time; INT64_MAX: nothing until something else happens. */
struct instant node_next_turn(const struct node *node, struct now now);

/*
 * A datagram from the network, which waited so long for `now`. Returns why it was rejected, or REJECT_NONE. `bytes` is
 * used as scratch.
 */
enum reject node_receive(struct node *node, struct now now, struct duration waited, const struct endpoint *from,
			 uint8_t *bytes, size_t size);

/* The next datagram to send: its size, or 0 when there is none now. */
size_t node_poll(struct node *node, struct now now, struct endpoint *ret_to, uint8_t ret_bytes[DATAGRAM_BYTES_MAX]);

/* When node_tick is next due, in mesh time. */
struct instant node_next_due(const struct node *node, struct now now);

/* The next changed record, or false. Bounded work per call. */
bool node_next_change(struct node *node, struct now now, struct change *ret_change);

/* Makes node_next_change return this key again (the table has just made its record), if the ledger has it. */
void node_refresh(struct node *node, const struct key *key);

/*
 * Puts a policy into force from its effective slot on: at once if that slot has begun, else with the tick that begins
 * it. Until then the old policy stays in force. Every key is judged anew within a few ticks; no count changes. -EINVAL:
 * policy_check refuses it. -ESTALE: not newer than the policy in force or the one that waits (version 0, the proxy's
 * own, replaces version 0 alone).
 */
int node_set_policy(struct node *node, struct now now, const struct policy_document *document);

/*
 * The policy in force, as it was given and as compiled; the number grows whenever either changes: by another
 * document, or by a rule that ended (within a tick of its time).
 */
const struct policy_document *node_policy(const struct node *node);
const struct policy_table *node_policy_table(const struct node *node);
uint32_t node_policy_generation(const struct node *node);

/* The policy that waits for its slot, or NULL. */
const struct policy_document *node_policy_next(const struct node *node);

bool node_next_event(struct node *node, struct node_event *ret_event);

/*
 * A document of the mesh authority, from an administrator. REJECT_NONE: it is the newest of its kind, in force here and
 * announced to every member. Else the reason for refusing it.
 */
enum reject node_command(struct node *node, struct now now, const uint8_t *bytes, size_t size);

/* The same for a document read from disk. Call it after node_init and before anything else. */
enum reject node_restore(struct node *node, struct now now, const uint8_t *bytes, size_t size);

/*
 * The next document that must be durable before node_poll is called again, or false. The bytes are good until the
 * next call of any kind.
 */
bool node_next_persist(struct node *node, enum document_kind *ret_kind, const uint8_t **ret_bytes, size_t *ret_size);

/* The newest document of a kind, or false. The bytes are good until the next call that changes the node. */
struct document_view {
	uint64_t serial;
	uint8_t hash[HASH_BYTES];
	const uint8_t *bytes;
	size_t size;
};
bool node_document(const struct node *node, enum document_kind kind, struct document_view *ret_view);
/*
 * This node's work load W as a share of its capacity, and the share T_W from which clients should go elsewhere. The
 * member record is signed anew when the load has changed by LOAD_STEP or more, at most every RENEW_MS
 * (member/records.c), and at once when load_limit changes.
 */
void node_set_load(struct node *node, struct now now, double load, double load_limit);

/*
 * Members may remember a later incarnation of this node, from before the host lost its table, its state and the time.
 * Returns that incarnation, or 0. If it is not 0, the daemon must restart with a higher incarnation, because members
 * ignore the present one.
 */
uint64_t node_later_incarnation(const struct node *node);

/*
 * Announces that this node leaves: members stop probing it, and forget it after a day. It may start again later.
 */
void node_leave(struct node *node, struct now now);

/*
 * The host was suspended, and both clocks were just moved forward by `slept`. The counts of a member whose clock seemed
 * to be ahead for that reason alone are used again at once.
 */
void node_slept(struct node *node, struct now now, struct duration slept);

/* What a member looks like from here. */
struct member_view {
	uint16_t number; /* its own as long as it is known; as in struct change */
	char name[NAME_BYTES_MAX + 1];
	char region[REGION_BYTES_MAX + 1];
	uint8_t public_key[PUBLIC_KEY_BYTES];
	struct endpoint endpoint;
	bool self, up, skewed, revoked;
	bool behind; /* it uses an old mesh secret: only documents are exchanged with it */
	uint64_t certificate_serial;
	uint64_t serials[DOCUMENT_KINDS]; /* of the documents it announced */
	bool suspect, left;
	bool neighbour; /* frames go to and from it directly */
	double load, load_limit; /* from its member record, as parts of its capacity; NAN: not given */
	uint64_t incarnation, boot;
	uint64_t tick; /* newest whole tick */
	double rtt_ms, skew_ms; /* skew: its clock less ours; NAN until measured */
	double silent_s; /* since its last authenticated datagram; 0 for self */
	uint64_t cells; /* held of this origin */
	uint32_t keys; /* of the ledger, on its account */
	uint32_t cells_refused; /* in all, because its share of the ledger had no room for them */
	bool equivocated; /* signed two frames with one sequence: its counts are left out of verdicts */
	bool cloned; /* two hosts use its key, as lately reported */
	uint64_t line_rate; /* packets per second its certificate states; 0: none */
	/*
	 * what it reports in a slot of one kind of keys, as a multiple of what its line carries: the most of the
	 * running slot and the one before; NAN: no line rate is stated
	 */
	double line_used;
	uint64_t frames_received, frames_repaired;
};

/* The cursor starts at 0 and is moved on; false at the end. Order is stable while nothing is added. */
bool node_next_member(const struct node *node, struct now now, uint32_t *cursor, struct member_view *ret_view);

/* Whoever spoke another version of the protocol in this slot or the one before. Nothing proves who it was. */
struct version_view {
	char member[NAME_BYTES_MAX + 1]; /* empty: its id is no member's */
	struct endpoint from;
	bool configured; /* a member, or a configured peer's address */
	uint8_t version;
};
bool node_next_version(const struct node *node, uint32_t *cursor, struct version_view *ret_view);

/* Whoever greeted lately and is refused because its widths are not this mesh's. Its signature proves who it is. */
struct misfit_view {
	char member[NAME_BYTES_MAX + 1];
	struct endpoint from;
};
bool node_next_misfit(const struct node *node, uint32_t *cursor, struct misfit_view *ret_view);

/* A key's verdict as this node would give it now. */
struct key_view {
	struct key key;
	struct instant ts1, ts2; /* M */
	uint64_t count; /* M.c */
	double carried; /* packets the carry adds now */
	double window_s; /* the window judged: max(now - ts1, minimum) */
	double rate; /* (count + carried) / window */
	double offered; /* packets per second over the last FAIR_TICKS complete ticks */
	double limit; /* the rate of its kind, by the policy; 0: none */
	double share; /* 0..1 of its packets that pass by fair or police */
	uint32_t origins; /* with cells of this key */
	bool own; /* this node is among them; else all of it rests on others' word */
	bool over; /* by its rate, or thinned */
	bool shadow; /* no policy sets the limit of this client or network: it is a default, and only reported */
	/* a destination that fair limits; during a burst or between pulses its rate may be within the limit */
	bool thinned;
};

bool node_next_key(const struct node *node, struct now now, uint32_t *cursor, struct key_view *ret_view);
bool node_find_key(const struct node *node, struct now now, const struct key *key, struct key_view *ret_view);

/*
 * The most packets that a member that publishes by need may have counted of a key in a slot without telling, because
 * nobody called it. This node may publish otherwise. 0: it hears nobody. UINT64_MAX: any number, because the key has no
 * rate.
 */
uint64_t node_untold_most(const struct node *node, const struct key *key);

struct cell_view {
	char member[NAME_BYTES_MAX + 1];
	uint64_t incarnation;
	uint64_t slot;
	struct instant first, last;
	uint64_t packets; /* 0: answers alone */
	uint32_t answers; /* of a pair */
	bool answers_tcp; /* some of them were of TCP */
	uint32_t contacts, unanswered; /* of a client */
};

/* The cells behind a key's record, ascending by slot. */
bool node_next_cell(const struct node *node, const struct key *key, uint32_t *cursor, struct cell_view *ret_view);

void node_read_counters(const struct node *node, struct node_counters *ret_counters);

/*
 * A digest of every cell of a held slot that its origin told: equal ledgers have equal digests, whatever order they
 * were built in. About 0.1 us per cell.
 */
void node_digest(const struct node *node, uint8_t ret_digest[HASH_BYTES]);

/*
 * A digest of every key's verdict as node_next_key returns it now, in that order. Two nodes with equal inputs have
 * equal digests.
 */
void node_digest_verdicts(const struct node *node, struct now now, uint8_t ret_digest[HASH_BYTES]);

#endif
