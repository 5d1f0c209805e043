/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The room of spreading: own cells become frames, frames reach every member, what is missing is repaired, documents are handed on.
 */
#ifndef PROTO_SPREADING_H
#define PROTO_SPREADING_H

#include "store.h"
#include "trust.h"

#define ROOTS_SIZE 64 /* signatures known to be good: two trees of every origin of a small mesh */
#define PUBLISH_CELLS 16384 /* sorted together at the most: some 100 frames */
#define CELLS_PER_FRAME_MOST 160 /* that a full frame takes: IPv4 pairs under one destination, in the longest datagram */

/* A neighbour that fell silent. */
struct lost {
	uint16_t member; /* MEMBER_NONE: free */
	uint8_t pings; /* since it was lost, up to what makes no difference any more */
	struct instant since, due; /* mono */
};

/* A frame that came in: to be named to those it was not pushed to. */
struct fresh {
	uint32_t origin;
	uint16_t from; /* member */
	uint64_t sequence;
	uint8_t leaf[8];
};
#define FRESH_SIZE 1024

/* publish.c, fill.c */
struct publishing {
	struct queue destinations, pairs; /* keys with own cells that changed (entry.waiting) */
	struct queue late; /* with own cells that grew after their slot's closing frames (entry.late): published in closing frames of their own */
	struct cell *cells; /* scratch: cells to be published, in the order of their turn */
	uint16_t *order; /* scratch: their numbers, sorted; twice as many places */
	struct frame_writer writer;
	uint64_t next_sequence;
	uint32_t published[FRAMES_PER_TICK_MAX]; /* scratch: where the frames of a tick stand in the store */
	uint64_t closing_slot; /* the slot whose closing frames are being written, entry by entry */
	uint32_t closing_entry; /* next entry to look at; INDEX_NONE: done */
	uint32_t closing_left, closing_frames; /* entries still to be looked at for this tick, and its closing frames so far */
};

/* catch_up.c */
struct catch_up {
	uint16_t member, last; /* who is asked now, and was last; MEMBER_NONE: nobody */
	uint8_t rounds; /* members still to be asked */
	uint8_t tries;
	uint32_t cursor;
	uint64_t have; /* of the piece's places */
	struct instant due; /* mono: of the next request */
	uint64_t asked; /* set of member ids, by id % 64 */
	struct instant begun_at; /* mono */
};

struct spreading {
	struct store store;
	struct publishing publish;
	struct lost lost[NEIGHBOURS_MAX]; /* overlay.c */
	uint32_t overlay_failed; /* asked and not agreed, since one was; overlay.c */
	struct fresh fresh[FRESH_SIZE]; /* tree.c */
	uint64_t fresh_next, fresh_announced; /* counts of frames: come, and named to neighbours */
	struct instant ihave_due; /* mono; INT64_MAX: nothing to name or to prune */
	uint64_t eager_first, repaired_first; /* frames that came first by push, and by repair: in this second; frames.c, loss.c */
	uint32_t loss; /* thousandths of the datagrams sent to us; loss.c */
	uint8_t copies; /* of a frame that are wanted; loss.c */
	uint32_t digest_turn; /* rotates over neighbours; repair.c */
	uint32_t *gaps; /* origins of which something is missing; repair.c */
	uint32_t gaps_count;
	struct instant gaps_due; /* mono; INT64_MAX: nothing */
	uint32_t requests_left; /* in this tick */
	struct catch_up catch_up;
	struct frame_root roots[ROOTS_SIZE]; /* whose signature was verified; frames.c */
	uint32_t roots_next;
};

/* ---- cells.c, frames.c ---- */
enum reject receive_frame(struct node *node, struct now now, uint16_t member, const uint8_t *frame, size_t size, bool served);
enum reject frame_receive(struct node *node, const struct arrival *arrival);
enum reject frame_receive_served(struct node *node, const struct arrival *arrival);
/* A frame of the store as a message. */
size_t frame_message(struct node *node, const struct departure *departure, uint8_t *ret_plain);
/* Joins one version of a cell; the only way into the ledger. `from_tick` and `tick`: the ticks it was counted in, for the carry; equal: it
 * tells no recent rate. */
enum reject receive_cell(struct node *node, uint32_t origin, const struct cell *cell, uint64_t from_tick, uint64_t tick);

/* ---- fill.c: cells become frames, as many as fit ---- */
/* The frames under way: those written (node->published), and one that is still open. */
struct fill {
	enum frame_kind kind;
	uint32_t frames; /* written */
	size_t open; /* cells of the open frame: the first of node->publish_cells, */
	size_t count; /* and of all cells there, in the order of their turn */
};
/* Writes as many of the cells as fit into so many quarters of frames, those written before included; returns how many, in the order of their turn. The
 * caller takes care of the rest, then calls fill_go_on to collect more cells behind those of the open frame, or fill_end. */
size_t fill_frames(struct node *node, struct fill *fill, uint32_t quarters);
void fill_go_on(struct node *node, struct fill *fill);
/* Writes the open frame. */
void fill_end(struct node *node, struct fill *fill);
/* Writes a frame without cells: a sign of life. */
void fill_empty(struct node *node, struct fill *fill);

/* ---- publish.c: own cells become frames ---- */
void publish_later(struct node *node, uint32_t entry, uint64_t slot);
bool publish_is_closed(const struct node *node, uint32_t entry, uint64_t slot);
void publish_late(struct node *node, uint32_t entry, uint64_t slot);
/* What a tick must publish; publish_turn does the next piece of its closing frames, PUBLISH_CELLS at the most, until none is left. */
void publish_tick(struct node *node, struct now now);
void publish_turn(struct node *node, struct now now);
bool publish_is_under_way(const struct node *node);

/* ---- overlay.c: who becomes a neighbour ---- */
void overlay_init(struct node *node);
void overlay_tick(struct node *node, struct now now);
enum reject overlay_receive(struct node *node, const struct arrival *arrival);
size_t overlay_write(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- tree.c: frames on their way ---- */
/* An own frame, or one that came first from `from`. */
void tree_frame(struct node *node, struct now now, uint32_t origin, uint32_t frame, uint16_t from);
/* A frame came first from there, pushed or asked for. */
void tree_first(struct node *node, uint32_t origin, uint16_t from, bool served);
/* A second copy was pushed here. */
void tree_duplicate(struct node *node, struct now now, uint16_t from, uint32_t origin, struct stored *held);
void tree_turn(struct node *node, struct now now);
enum reject tree_receive_ihave(struct node *node, const struct arrival *arrival);
enum reject tree_receive_prune(struct node *node, const struct arrival *arrival);
size_t tree_write_ihave(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t tree_write_prune(struct node *node, const struct departure *departure, uint8_t *ret_plain);

/* ---- loss.c: what is lost on the way to us ---- */
void loss_second(struct node *node, struct now now);

/* ---- repair.c: digests and what they bring ---- */
void repair_tick(struct node *node, struct now now);
void repair_turn(struct node *node, struct now now);
/* Something may be missing of an origin; `teller` says so, or MEMBER_NONE: its own frames. */
void repair_note(struct node *node, struct now now, uint32_t origin, uint16_t teller, int64_t wait_ms);
size_t repair_write_digest(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t repair_write_summary(struct node *node, const struct departure *departure, uint8_t *ret_plain);
size_t repair_write_request(struct node *node, const struct departure *departure, uint8_t *ret_plain);
enum reject repair_receive_digest(struct node *node, const struct arrival *arrival);
enum reject repair_receive_summary(struct node *node, const struct arrival *arrival);
enum reject repair_receive_request(struct node *node, const struct arrival *arrival);

/* ---- catch_up.c: everything a neighbour keeps, piece by piece ---- */
void catch_up_begin(struct node *node, struct now now);
void catch_up_again(struct node *node, uint16_t member);
void catch_up_turn(struct node *node, struct now now);
struct instant catch_up_due(const struct node *node);
enum reject catch_up_receive(struct node *node, const struct arrival *arrival);
/* A frame of the piece that is being asked for has come. */
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
