/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * receive: steps 7 to 14 of PROTOCOL "Order of checks", for a frame from any neighbour. Cheap checks come
 * first; no cell is used before the whole body is checked.
 */
#include "spreading.h"

static bool roots_equal(const struct frame_root *a, const struct frame_root *b)
{
	return memcmp(a->signature, b->signature, SIGNATURE_BYTES) == 0 && memcmp(a->hash, b->hash, HASH_BYTES) == 0 &&
	       a->origin == b->origin && a->incarnation == b->incarnation && a->tick == b->tick && a->kind == b->kind &&
	       a->tick_frames == b->tick_frames && a->leaves == b->leaves;
}

/* Checks each root's signature once, for all frames under it. (Order of checks, 9) */
static bool root_is_signed(struct node *node, const struct frame_root *root, uint16_t member)
{
	for (unsigned int i = 0; i < ROOTS_SIZE; i++) {
		if (roots_equal(&node->spread->roots[i], root))
			return true;
	}
	node->counters.signatures_checked++;
	if (!standing_frame_is_signed(node, member, root))
		return false;
	node->spread->roots[node->spread->roots_next++ % ROOTS_SIZE] = *root;
	return true;
}

/*
 * Is this very frame held already? Asked before any signature is checked. *ret_other: a frame with the same sequence
 * and other content is held. (Order of checks, 8)
 */
static bool frame_is_known(const struct node *node, uint32_t origin, const struct frame_claim *claim, bool *ret_other,
			   struct stored **ret_held)
{
	struct stored *held = store_find(&node->spread->store, claim->head.origin, claim->head.incarnation,
					 claim->head.sequence);

	*ret_held = held && held->size ? held : NULL;
	*ret_other = false;
	if (held && held->size) {
		*ret_other = memcmp(held->leaf, claim->leaf, HASH_BYTES) != 0;
		return !*ret_other;
	}
	/*
	 * The frame is not stored any more. A frame below the tracked sequences, or of a boot that is not tracked, can
	 * only bring totals, so it is taken again.
	 */
	return origin != INDEX_NONE && origin_follows(&node->count->origins[origin], claim->head.sequence) &&
	       origin_has(&node->count->origins[origin], claim->head.sequence);
}

static void equivocation(struct node *node, struct now now, uint16_t member, uint32_t origin)
{
	node->count->origins[origin].quarantined = true;
	origin_exclude(node, origin, true);
	member_report(node, now, member, EVENT_EQUIVOCATION);
}

/*
 * from_tick of a gain (receive_cell): the origin's newest whole tick, or the tick in which the cell began, whichever is
 * later.
 */
static uint64_t counted_from(const struct node *node, const struct origin *origin, const struct cell *cell,
			     uint64_t tick)
{
	const struct instant begins = mesh_slot_start(&node->mesh, cell->slot);
	const struct instant first = { begins.ns + cell->first * mesh_slot_length(&node->mesh).ns / SLOT_FRACTIONS };
	const uint64_t from = mesh_tick_ended(&node->mesh, first);
	const uint64_t held = origin->complete > from ? origin->complete : from;

	return held < tick ? held : tick - 1;
}

/*
 * The newest tick in which the frame's packets of a slot were counted. A closing frame repeats totals, and tells
 * something new of this tick only when it overtook the tick's frames.
 */
static uint64_t counted_to(const struct node *node, const struct frame_claim *claim, uint64_t slot)
{
	const uint64_t ended = mesh_tick_ended(&node->mesh, mesh_slot_start(&node->mesh, slot + 1)),
		       tick = claim->head.tick;

	return claim->head.kind == FRAME_CLOSING && ended < tick ? ended : tick;
}

/*
 * Not used for the carry: the totals of a tick that was whole before; a frame of a tick far from the present one; a
 * frame of an excluded origin.
 */
static bool tells_rates(const struct node *node, uint32_t number, const struct frame_claim *claim, uint64_t tick)
{
	return !node->count->excluded[number] && tick + RECENT_TICKS > node->tick &&
	       tick <= node->tick + RECENT_TICKS / 2 &&
	       (claim->head.kind == FRAME_TICK || node->count->origins[number].complete < tick);
}

/* How a frame's cells are taken: all of it holds for the whole frame. */
struct merging {
	uint32_t origin;
	const struct frame_claim *claim;
	uint64_t slot_now;
	bool newest; /* no later frame of the origin came before */
};

/* Joins a cell, and finds the ticks in which its gain counts. (Carry, 2) (Order of checks, 13) */
static void merge_cell(struct node *node, const struct merging *merging, const struct cell *cell)
{
	enum reject reason = REJECT_SLOT;

	/* the slot is bounded before anything is computed from it */
	if (cell->slot >= slot_oldest(merging->slot_now) && cell->slot <= merging->slot_now + 1) {
		const uint64_t tick = counted_to(node, merging->claim, cell->slot);
		uint64_t from = tick;

		if (tells_rates(node, merging->origin, merging->claim, tick))
			from = counted_from(node, &node->count->origins[merging->origin], cell, tick);
		reason = receive_cell(node, merging->origin, cell, from, tick);
		if (merging->origin == 0)
			need_told_before(node, cell);
	}
	/* smaller totals are normal in an older frame that came late */
	if (reason == REJECT_NONE || (reason == REJECT_SHRUNK && !merging->newest)) {
		node->counters.cells_merged++;
		return;
	}
	node_reject(node, reason);
	node->counters.cells_refused++;
}

static void merge(struct node *node, struct now now, uint32_t number, const struct frame_claim *claim)
{
	const struct merging merging = {
		.origin = number,
		.claim = claim,
		.slot_now = mesh_slot_at(&node->mesh, now.mesh),
		.newest = claim->head.sequence > origin_highest(&node->count->origins[number]),
	};
	struct cell cells[LEDGER_EXPECT_MAX];
	struct frame_reader reader;
	size_t count;

	ledger_advance(&node->count->ledger, slot_oldest(merging.slot_now));
	frame_read(&reader, &node->mesh.widths, claim->body, claim->body_bytes);
	do {
		for (count = 0; count < LEDGER_EXPECT_MAX && frame_next(&reader, &cells[count]);)
			count++;
		ledger_expect(&node->count->ledger, cells, count);
		for (size_t i = 0; i < count; i++)
			merge_cell(node, &merging, &cells[i]);
	} while (count == LEDGER_EXPECT_MAX);
}

static uint32_t keep(struct node *node, uint16_t owner, const struct frame_claim *claim, const uint8_t *frame,
		     size_t size, bool served)
{
	const uint64_t held_ticks = (uint64_t)SLOTS_HELD * slot_ticks(node);
	const uint32_t number = store_put(&node->spread->store, &claim->head, owner,
					  node->tick > held_ticks ? node->tick - held_ticks : 0);
	struct stored *stored = &node->spread->store.frames[number];

	/* A tick of the far future would keep its place in the store for ever. */
	if (stored->tick > node->tick + slot_ticks(node))
		stored->tick = node->tick + slot_ticks(node);
	stored->copies = !served;
	memcpy(stored->leaf, claim->leaf, HASH_BYTES);
	memcpy(stored->frame, frame, size);
	stored->size = (uint16_t)size;
	return number;
}

/*
 * Two signed frames with one sequence prove that their origin equivocates. Both are sent to every neighbour, which does
 * the same.
 */
static void prove_equivocation(struct node *node, struct now now, uint16_t sender, uint32_t origin, struct stored *held,
			       uint32_t other)
{
	struct stored *frames[] = { held, &node->spread->store.frames[other] };

	equivocation(node, now, origin_member(origin), origin);
	for (unsigned int i = 0; i < 2; i++) {
		struct out out = { .kind = OUT_RELAY };

		out.frame.sequence = frames[i]->sequence;
		out.frame.number = (uint32_t)(frames[i] - node->spread->store.frames);
		out.frame.message = MESSAGE_FRAME;
		frames[i]->is_proof = true;
		for (uint16_t m = 1; m < node->member->high; m++) {
			out.target = m;
			if (m != sender &&
			    (node_is_direct(node) ? member_is_near(node, m, now) : link_find(node, m) != NULL))
				outbox_add(node, out);
		}
	}
}

/*
 * Records the sequence and tick of a frame, and starts repair or catch-up when other frames of its origin are
 * missing. (Order of checks, 14)
 */
static void note(struct node *node, struct now now, uint32_t number, const struct frame_claim *claim)
{
	struct origin *origin = &node->count->origins[number];
	const uint64_t whole = origin->complete;
	const bool fresh = origin->track[0].base == 0;

	origin_note(origin, claim->head.sequence, claim->head.tick, claim->root.tick_frames,
		    claim->head.kind == FRAME_CLOSING);
	origin->since = now.mono;
	if (origin->complete != whole)
		judge_whole_tick(node);
	if (origin->leapt && !fresh)
		catch_up_begin(node, now);
	origin->leapt = false;
	if (origin_has_gap(origin))
		repair_note(node, now, number, MEMBER_NONE, GAP_MS);
}

static enum reject receive(struct node *node, const struct arrival *arrival, bool served)
{
	const struct now now = arrival->now;
	const uint16_t sender = arrival->member;
	struct frame_claim claim;
	enum reject reason = frame_split(arrival->bytes, arrival->size, &claim);
	struct stored *held;
	uint32_t origin, number;
	uint16_t member;
	bool other;

	/* The frame can be taken apart, and its origin is a member in good standing. (Order of checks, 7) */
	if (reason != REJECT_NONE)
		return reason;
	member = member_find(node, claim.head.origin);
	if (member == MEMBER_NONE)
		return REJECT_ORIGIN;
	if (node->member->table[member].standing.revoked)
		return REJECT_REVOKED;
	origin = origin_find(node, member, claim.head.incarnation);
	if (origin != INDEX_NONE && node->count->origins[origin].quarantined)
		return REJECT_EQUIVOCATION;
	if (frame_is_known(node, origin, &claim, &other, &held)) {
		node->counters.frames_duplicate++;
		if (held && !served)
			tree_duplicate(node, now, sender, origin, held);
		return REJECT_FRAME_DUPLICATE;
	}
	if (node->member->table[sender].bad_signatures_left == 0)
		return REJECT_SIGNATURE; /* this neighbour has brought too many bad ones in this tick */
	if (!root_is_signed(node, &claim.root, member)) {
		node->member->table[sender].bad_signatures_left--;
		return REJECT_SIGNATURE;
	}
	if (claim.head.sequence == 0 || claim.head.sequence > UINT64_MAX - 2 * SEQUENCES_KEPT || claim.head.epoch != 0)
		return REJECT_BODY;
	/* The whole body, before any cell of it is used. (Order of checks, 10) */
	reason = frame_check(&node->mesh.widths, claim.body, claim.body_bytes);
	if (reason != REJECT_NONE)
		return reason;
	/* An incarnation that is not too old, and no second frame with one sequence. (Order of checks, 11) */
	if (node->member->table[member].self && claim.head.incarnation > node->config.incarnation)
		return REJECT_INCARNATION; /* somebody else runs with our key */
	origin = origin_of(node, member, claim.head.incarnation);
	if (origin == INDEX_NONE)
		return REJECT_INCARNATION;
	if (other)
		held->is_proof = true; /* the second must not take its place */
	number = keep(node, member, &claim, arrival->bytes, arrival->size, served);
	if (other) {
		prove_equivocation(node, now, sender, origin, held, number);
		return REJECT_EQUIVOCATION;
	}
	if (claim.head.incarnation == node->member->table[member].incarnation)
		member_estimate(node, member, arrival->arrived, claim.head.tick, served); /* before its cells count */
	tree_first(node, origin, sender, served);
	tree_frame(node, now, origin, number, sender); /* before it is applied (Order of checks, 12) */
	merge(node, now, origin, &claim);
	note(node, now, origin, &claim);
	node->counters.frames_received++;
	node->spread->eager_first += !served;
	node->spread->repaired_first += served;
	if (served) {
		node->count->origins[origin].frames_repaired++;
		node->counters.frames_repaired++;
	}
	return REJECT_NONE;
}

size_t frame_message(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	const struct stored *frame = &node->spread->store.frames[out->frame.number];

	if (frame->sequence != out->frame.sequence || frame->size == 0 ||
	    frame->size + 1U + SEAL_BYTES > DATAGRAM_BYTES_MAX)
		return 0; /* its place was taken meanwhile */
	ret_plain[0] = out->frame.message;
	memcpy(ret_plain + 1, frame->frame, frame->size);
	return 1U + frame->size;
}

enum reject frame_receive(struct node *node, const struct arrival *arrival)
{
	return receive(node, arrival, false);
}

enum reject frame_receive_served(struct node *node, const struct arrival *arrival)
{
	return receive(node, arrival, true);
}
