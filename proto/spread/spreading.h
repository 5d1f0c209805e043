/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room spread/: own cells become frames, frames reach every member, missing frames are requested, documents are
 * forwarded.
 */
#ifndef PROTO_SPREADING_H
#define PROTO_SPREADING_H

#include "call.h"
#include "store.h"
#include "told.h"
#include "trust.h"

#define ROOTS_SIZE 64 /* signatures known to be good: two trees of every origin of a small mesh */
#define PUBLISH_CELLS 16384 /* sorted together at the most: some 100 frames */
/* that a full frame takes: IPv4 pairs under one destination, in the longest datagram */
#define CELLS_PER_FRAME_MOST 160

/* A neighbour that fell silent. */
struct lost {
	uint16_t member; /* MEMBER_NONE: free */
	uint8_t pings; /* since it was lost, up to what makes no difference any more */
	struct instant since, due; /* mono */
};

/* A frame that came in: it is announced (IHAVE) to the neighbours that it was not pushed to. */
struct fresh {
	uint32_t origin;
	uint16_t from; /* member */
	uint64_t sequence;
	uint8_t leaf[8];
};
#define FRESH_SIZE 1024

/*
 * Keys with own cells that wait to be published, in the order in which a tick takes them. Those of the first queues
 * have cells that are TOLD_WAITS; those of QUEUE_LATE and QUEUE_PAST have cells that are TOLD_LATE.
 */
enum publish_queue {
	QUEUE_DESTINATIONS, /* and clients and networks */
	QUEUE_PAIRS,
	QUEUE_MANY, /* pairs that are told by need and do not call here: those with most packets first */
	QUEUE_SOME,
	QUEUE_FEW,
	QUEUE_LATE,
	QUEUE_PAST, /* what can wait: by need, the ended slot's cells once more, and cells from before a call */
	QUEUES
};

/* publish.c, fill.c */
struct publishing {
	struct queue queues[QUEUES];
	int64_t bytes_left; /* that may still be sent in this tick, while cells are told by need */
	struct cell *cells; /* scratch: cells to be published, in the order of their turn */
	uint16_t *order; /* scratch: their numbers, sorted; twice as many places */
	struct frame_writer writer;
	uint64_t next_sequence;
	uint64_t told_tick; /* the last tick in which a frame had cells; 0: none since the node started */
	uint32_t published[FRAMES_PER_TICK_MAX]; /* scratch: where the frames of a tick stand in the store */
	uint64_t closing_slot; /* the slot whose closing frames are being written, entry by entry */
	uint32_t closing_entry; /* next entry to look at; INDEX_NONE: done */
	uint32_t closing_left, closing_frames; /* of this tick: entries to be looked at, and closing frames so far */
	bool answers; /* cells in QUEUE_LATE are to be published before the next tick */
	struct instant answered_at; /* mono: when the last were */
};

/* need.c */
struct needing {
	uint8_t secret[CALL_SECRET_BYTES]; /* of the draws */
	uint32_t members; /* n: not revoked, and not known to be gone; this one included */
	/* what they were when the keys were last reviewed, all of them, or began to be */
	uint32_t policy_generation, nears, returns;
	uint32_t entry; /* the next to be reviewed; INDEX_NONE: none is */
	uint32_t left; /* entries still to be reviewed in this tick */
	bool again; /* something changed while the review was under way */
};

/* catch_up.c */
struct catch_up {
	uint16_t member, last; /* the neighbour that is asked now, and the last one; MEMBER_NONE: none */
	uint8_t rounds; /* neighbours still to be asked */
	uint8_t tries; /* requests for the piece so far */
	uint32_t cursor; /* first place of the piece that is requested */
	uint64_t have; /* bit i: the frame at place i of the piece has come */
	struct instant due; /* mono: of the next request */
	uint64_t asked; /* set of member ids, by id % 64 */
	struct instant begun_at; /* mono */
};

struct spreading {
	struct store store;
	struct publishing publish;
	struct needing need;
	struct lost lost[NEIGHBOURS_MAX]; /* overlay.c */
	uint32_t overlay_failed; /* asked and not agreed, since one was; overlay.c */
	struct fresh fresh[FRESH_SIZE]; /* tree.c */
	uint64_t fresh_next, fresh_announced; /* counts of frames: those that came, and those announced to neighbours */
	struct instant ihave_due; /* mono: of the next IHAVE or PRUNE; INT64_MAX: none */
	/* frames that came first by push, and by repair: in this second; frames.c, loss.c */
	uint64_t eager_first, repaired_first;
	uint32_t loss; /* thousandths of the datagrams sent to us; loss.c */
	uint8_t copies; /* of a frame that are wanted; loss.c */
	uint32_t digest_turn; /* rotates over neighbours; digest.c */
	uint32_t *gaps; /* origins with missing frames; repair.c */
	uint32_t gaps_count;
	struct instant gaps_due; /* mono; INT64_MAX: nothing */
	uint32_t requests_left; /* in this tick */
	struct catch_up catch_up;
	struct frame_root roots[ROOTS_SIZE]; /* whose signature was verified; frames.c */
	uint32_t roots_next;
};

/* ---- spreading.c ---- */
/* Takes the memory; spreading_start makes the room's part of it. */
void spreading_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits);
void spreading_start(struct node *node);

/* ---- cells.c, frames.c ---- */
enum reject frame_receive(struct node *node, const struct arrival *arrival);
enum reject frame_receive_served(struct node *node, const struct arrival *arrival);
/* A frame of the store as a message. */
size_t frame_message(struct node *node, const struct departure *departure, uint8_t *ret_plain);
/*
 * Joins one version of a cell; the only way into the ledger. The packets gained were counted in ticks (from_tick,
 * tick]; the carry uses this. from_tick == tick: the gain is not used for the carry.
 */
enum reject receive_cell(struct node *node, uint32_t origin, const struct cell *cell, uint64_t from_tick,
			 uint64_t tick);

/* ---- fill.c: cells become frames, as many as fit ---- */
/* The frames being built: the finished ones (publishing.published) and an open one. */
struct fill {
	enum frame_kind kind;
	uint32_t frames; /* finished */
	size_t open; /* publishing.cells[0, open) are already in the open frame */
	size_t count; /* publishing.cells[0, count) are collected, in the order of their turn */
};
/*
 * Writes as many of the collected cells as fit into `quarters` quarters of a frame, frames finished before included.
 * Returns the number of cells written, in the order of their turn. The caller puts the others back, then calls
 * fill_go_on to collect more cells behind those of the open frame, or fill_end.
 */
size_t fill_frames(struct node *node, struct fill *fill, uint32_t quarters);
void fill_go_on(struct node *node, struct fill *fill);
/* Writes the open frame. */
void fill_end(struct node *node, struct fill *fill);
/* Writes a frame without cells, which shows that the tick had none. */
void fill_empty(struct node *node, struct fill *fill);

/* ---- budget.c: bytes of own frames, while cells are told by need ---- */
/* A tick begins. */
void budget_renew(struct node *node);
/* Frames of so many bytes are sent to all neighbours. */
void budget_spend(struct node *node, struct now now, size_t bytes);
/* The quarters of frames that may still be sent in this tick. */
uint32_t budget_quarters(const struct node *node, struct now now);

/* ---- need.c: which own cells are told ---- */
void need_start(struct node *node, const uint8_t secret[CALL_SECRET_BYTES]);
/* An own cell has grown: it is told, or stays untold. */
void need_own(struct node *node, uint32_t entry, const struct cell *cell);
/* A cell of another origin has grown, or is new: what it calls for is told. */
void need_other(struct node *node, uint32_t origin, uint32_t entry, uint64_t slot, bool is_new);
/*
 * Did another origin tell this cell, which is new, from its first packet on? It did by rule c, and by rule d if it told
 * of a slot before.
 */
bool need_is_prompt(struct node *node, uint32_t origin, uint32_t entry, const struct cell *cell);
/* A neighbour gave back an own cell that an earlier start of this daemon told: it is told again, with its new total. */
void need_told_before(struct node *node, const struct cell *cell);
/* Reviews all keys when something changed that all rest on; need_turn reviews one piece of them. */
void need_tick(struct node *node);
void need_turn(struct node *node);
bool need_is_under_way(const struct node *node);

/* ---- publish.c: own cells become frames ---- */
/*
 * An own cell is to be published. It waits in the one queue while its slot is open, and in the other, QUEUE_LATE or
 * QUEUE_PAST, when the slot's closing frames have gone past it.
 */
void publish_cell(struct node *node, uint32_t entry, uint64_t slot, enum publish_queue open, enum publish_queue closed);
/*
 * An own cell is to be published at once, in a closing frame, because another member called its key. When ANSWERS_MOST
 * wait already, somebody calls too much: then it waits in the queue for its tick. (Publishing, How they are sent, 5)
 */
void publish_answer(struct node *node, uint32_t entry, uint64_t slot, enum publish_queue queue);
/* This slot has ended: its closing frames are to be written. */
void publish_slot(struct node *node, uint64_t ended);
/*
 * What a tick must publish; publish_turn does the next piece of its closing frames, PUBLISH_CELLS at the most, until
 * none is left, and publishes answers.
 */
void publish_tick(struct node *node, struct now now);
void publish_turn(struct node *node, struct now now);
bool publish_is_under_way(const struct node *node);
/* When answers are to be published: monotonic time; INT64_MAX: there are none. */
struct instant publish_answers_due(const struct node *node);

/* ---- overlay.c: who becomes a neighbour ---- */
void overlay_init(struct node *node);
void overlay_tick(struct node *node, struct now now);
enum reject overlay_receive(struct node *node, const struct arrival *arrival);
size_t overlay_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- tree.c: forwarding of frames ---- */
/* Forwards an own frame, or one of which the first copy came from `from`. (Spreading, 2) */
void tree_frame(struct node *node, struct now now, uint32_t origin, uint32_t frame, uint16_t from);
/* The first copy of a frame came from `from`: pushed, or `served` on request. */
void tree_first(struct node *node, uint32_t origin, uint16_t from, bool served);
/* A second copy was pushed to this node: its sender may get PRUNE. (Spreading, 3) */
void tree_duplicate(struct node *node, struct now now, uint16_t from, uint32_t origin, struct stored *held);
void tree_turn(struct node *node, struct now now);
enum reject tree_receive_ihave(struct node *node, const struct arrival *arrival);
enum reject tree_receive_prune(struct node *node, const struct arrival *arrival);
size_t tree_write_ihave(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t tree_write_prune(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- loss.c: loss of datagrams on the paths to this node ---- */
void loss_second(struct node *node, struct now now);

/* ---- digest.c: comparing which frames members hold ---- */
/* Sends this tick's DIGESTs and SUMMARY. Call it after repair_tick. (Repair, 1) */
void digest_tick(struct node *node);
size_t digest_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t digest_write_summary(struct node *node, const struct departure *departure, uint8_t *ret_plain);
enum reject digest_receive(struct node *node, const struct arrival *arrival);
enum reject digest_receive_summary(struct node *node, const struct arrival *arrival);

/* ---- repair.c: requesting and serving missing frames ---- */
/* Renews the budgets of requests and of served frames. */
void repair_tick(struct node *node);
void repair_turn(struct node *node, struct now now);
/*
 * Frames of an origin may be missing: member `announcer` announced them; MEMBER_NONE: a later frame of the origin
 * came.
 */
void repair_note(struct node *node, struct now now, uint32_t origin, uint16_t announcer, int64_t wait_ms);
size_t repair_write_request(struct node *node, const struct departure *departure, uint8_t *ret_plain);
enum reject repair_receive_request(struct node *node, const struct arrival *arrival);

/* ---- catch_up.c: everything a neighbour keeps, piece by piece ---- */
void catch_up_begin(struct node *node, struct now now);
void catch_up_again(struct node *node, uint16_t member);
void catch_up_turn(struct node *node, struct now now);
struct instant catch_up_due(const struct node *node);
enum reject catch_up_receive(struct node *node, const struct arrival *arrival);
/* A frame of the requested piece has come. */
void catch_up_note(struct node *node, uint16_t member, unsigned int place);
enum reject catch_up_receive_end(struct node *node, const struct arrival *arrival);
size_t catch_up_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t catch_up_write_end(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- spread_documents.c ---- */
void spread_tick(struct node *node, struct now now);
void spread_news_to_all(struct node *node, struct now now);
size_t spread_write_news(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t spread_write_get(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t spread_write_chunk(struct node *node, const struct departure *departure, uint8_t *ret_plain);
enum reject spread_receive_news(struct node *node, const struct arrival *arrival);
enum reject spread_receive_get(struct node *node, const struct arrival *arrival);
enum reject spread_receive_chunk(struct node *node, const struct arrival *arrival);

#endif
