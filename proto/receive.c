/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams come in here, cheap checks first: PROTOCOL.md section "Order of checks" numbers the steps. Nothing of a datagram is used
 * before the step that makes it trustworthy, and nothing is half applied.
 */
#include "node_internal.h"

#define PIECE_PATIENCE 6 /* requests of a piece in which its origins may become known */

/* At most once per member and slot: a flood of new keys is one piece of news. */
static enum reject over_quota(struct node *node, uint16_t number)
{
	struct member *member = &node->members[number];
	struct node_event event = { .kind = EVENT_QUOTA, .at = mesh_tick_start(&node->mesh, node->tick) };

	if (member->quota_slot == node->slot)
		return REJECT_QUOTA;
	member->quota_slot = node->slot;
	memcpy(event.member, member->certificate.name, sizeof(event.member));
	node_tell(node, &event);
	return REJECT_QUOTA;
}

/* More than its certified line carries: the cell is kept as claimed, so that ledgers agree, and read as that much (ledger.c). The sum over all
 * destinations is only looked at. */
static void look_at_line(struct node *node, uint32_t origin, const struct cell *cell, uint64_t gain)
{
	struct member *member = &node->members[origin_member(origin)];
	const uint32_t line = node->ledger.line_packets[origin_member(origin)];
	bool over = cell->packets > line;

	if (line == UINT32_MAX)
		return;
	if (cell->slot > member->claimed_slot) {
		member->claimed_slot = cell->slot;
		member->claimed = 0;
	}
	if (cell->slot == member->claimed_slot && key_is_destination(&cell->key)) {
		member->claimed += gain;
		over |= member->claimed > line;
	}
	if (!over)
		return;
	node->counters.cells_over_line++;
	member_over_line(node, origin_member(origin));
}

enum reject receive_cell(struct node *node, uint32_t origin, const struct cell *version, uint64_t from_tick, uint64_t tick)
{
	uint32_t entry = ledger_find(&node->ledger, &version->key), place;
	uint64_t gain;

	if (entry == INDEX_NONE)
		entry = ledger_make(&node->ledger, (uint16_t)origin, &version->key);
	if (entry == INDEX_NONE)
		return over_quota(node, origin_member(origin));
	switch (ledger_join(&node->ledger, entry, (uint16_t)origin, version, &gain, &place)) {
	case JOIN_QUOTA:
		return over_quota(node, origin_member(origin));
	case JOIN_SHRUNK:
		return REJECT_SHRUNK;
	case JOIN_SAME:
		return REJECT_NONE;
	case JOIN_GREW:
		break;
	}
	node->ledger.entries[entry].flags |= node->others[origin] ? ENTRY_SHARED : ENTRY_OWN;
	look_at_line(node, origin, version, gain);
	if (tick > from_tick)
		recent_add(&node->ledger.entries[entry].recent, from_tick, tick, gain);
	judge_dirty(node, entry);
	if (origin == 0 && publish_is_closed(node, entry, version->slot))
		publish_late(node, entry, version->slot);
	else if (origin == 0)
		publish_later(node, entry, version->slot);
	return REJECT_NONE;
}

static bool roots_equal(const struct frame_root *a, const struct frame_root *b)
{
	return memcmp(a->signature, b->signature, SIGNATURE_BYTES) == 0 && memcmp(a->hash, b->hash, HASH_BYTES) == 0 && a->origin == b->origin &&
	       a->incarnation == b->incarnation && a->tick == b->tick && a->kind == b->kind && a->tick_frames == b->tick_frames &&
	       a->leaves == b->leaves;
}

/* One signature check per root, whatever number of frames stands under it. */
static bool root_is_signed(struct node *node, const struct frame_root *root, uint16_t member)
{
	for (unsigned int i = 0; i < ROOTS_SIZE; i++) {
		if (roots_equal(&node->roots[i], root))
			return true;
	}
	node->counters.signatures_checked++;
	if (!trust_frame_is_signed(node, member, root))
		return false;
	node->roots[node->roots_next++ % ROOTS_SIZE] = *root;
	return true;
}

/* Have we this very frame? Before any signature is looked at. *ret_other: one with the same sequence and other content is held. */
static bool frame_is_known(const struct node *node, uint32_t origin, const struct frame_claim *claim, bool *ret_other, struct stored **ret_held)
{
	struct stored *held = store_find(&node->store, claim->head.origin, claim->head.incarnation, claim->head.sequence);

	*ret_held = held && held->size ? held : NULL;
	*ret_other = false;
	if (held && held->size) {
		*ret_other = memcmp(held->leaf, claim->leaf, HASH_BYTES) != 0;
		return !*ret_other;
	}
	/* Not kept any more, or from a start of the origin before those we follow: below the window only totals can come, and they may. */
	return origin != INDEX_NONE && origin_follows(&node->origins[origin], claim->head.sequence) &&
	       origin_has(&node->origins[origin], claim->head.sequence);
}

static void equivocation(struct node *node, struct now now, uint16_t member, uint32_t origin)
{
	node->origins[origin].quarantined = true;
	node->excluded[origin] = true;
	member_tell(node, now, member, EVENT_EQUIVOCATION, 0);
}

/* The first tick a gain of this cell may have been counted in, less one: after what is held whole, not before the cell began. */
static uint64_t counted_from(const struct node *node, const struct origin *origin, const struct cell *cell, uint64_t tick)
{
	const struct instant begins = mesh_slot_start(&node->mesh, cell->slot);
	const struct instant first = { begins.ns + cell->first * mesh_slot_length(&node->mesh).ns / SLOT_FRACTIONS };
	const uint64_t from = mesh_tick_at(&node->mesh, first);
	const uint64_t held = origin->complete > from ? origin->complete : from;

	return held < tick ? held : tick - 1;
}

static void merge(struct node *node, struct now now, uint32_t number, const struct frame_claim *claim)
{
	const uint64_t slot_now = mesh_slot_at(&node->mesh, now.mesh), tick = claim->head.tick;
	/* A closing frame repeats totals, a tick far from ours tells no recent rate, and an origin that is left out tells
	 * none: none of them moves the carry. */
	const bool rates = claim->head.kind == FRAME_TICK && !node->excluded[number] && tick + RECENT_TICKS > node->tick &&
			   tick <= node->tick + RECENT_TICKS / 2;
	const bool newest = claim->head.sequence > origin_highest(&node->origins[number]);
	struct frame_reader reader;
	struct cell cell;

	ledger_advance(&node->ledger, slot_oldest(slot_now));
	frame_read(&reader, claim->body, claim->body_bytes);
	while (frame_next(&reader, &cell)) {
		enum reject reason = REJECT_SLOT;

		if (cell.slot >= slot_oldest(slot_now) && cell.slot <= slot_now + 1)
			reason = receive_cell(node, number, &cell, rates ? counted_from(node, &node->origins[number], &cell, tick) : tick, tick);
		if (reason == REJECT_NONE || (reason == REJECT_SHRUNK && !newest)) { /* an older frame that came late shrinks nothing */
			node->counters.cells_merged++;
			continue;
		}
		node_reject(node, reason);
		node->counters.cells_refused++;
	}
}

static uint32_t keep(struct node *node, uint16_t owner, const struct frame_claim *claim, const uint8_t *frame, size_t size, bool served)
{
	const uint64_t held_ticks = (uint64_t)SLOTS_HELD * slot_ticks(node);
	const uint32_t number = store_put(&node->store, &claim->head, owner, node->tick > held_ticks ? node->tick - held_ticks : 0);
	struct stored *stored = &node->store.frames[number];

	/* A tick of the far future would keep its place in the store for ever. */
	if (stored->tick > node->tick + slot_ticks(node))
		stored->tick = node->tick + slot_ticks(node);
	stored->copies = !served;
	memcpy(stored->leaf, claim->leaf, HASH_BYTES);
	memcpy(stored->frame, frame, size);
	stored->size = (uint16_t)size;
	return number;
}

/* Two frames of one sequence, both signed: the proof is the two of them, and goes to every neighbour, who does the same. */
static void prove_equivocation(struct node *node, struct now now, uint16_t sender, uint32_t origin, struct stored *held, uint32_t other)
{
	struct stored *frames[] = { held, &node->store.frames[other] };

	equivocation(node, now, origin_member(origin), origin);
	for (unsigned int i = 0; i < 2; i++) {
		frames[i]->evidence = true;
		for (uint16_t m = 1; m < node->members_high; m++) {
			if (m != sender && (node_is_direct(node) ? member_is_near(node, m, now) : link_find(node, m) != NULL))
				outbox_add(node, (struct out){ .kind = OUT_RELAY,
							       .target = m,
							       .what = (uint32_t)(frames[i] - node->store.frames),
							       .sequence = frames[i]->sequence });
		}
	}
}

/* Follows what a frame tells of its origin's others. */
static void note(struct node *node, struct now now, uint32_t number, const struct frame_claim *claim)
{
	struct origin *origin = &node->origins[number];
	const uint64_t whole = origin->complete;
	const bool fresh = origin->track[0].base == 0;

	origin_note(origin, claim->head.sequence, claim->head.tick, claim->root.tick_frames, claim->head.kind == FRAME_CLOSING);
	origin->since = now.mono;
	if (origin->complete != whole)
		judge_whole_tick(node);
	if (origin->leapt && !fresh)
		catch_up_begin(node, now);
	origin->leapt = false;
	if (origin_has_gap(origin))
		repair_note(node, now, number, MEMBER_NONE, GAP_MS);
}

enum reject receive_frame(struct node *node, struct now now, uint16_t sender, const uint8_t *frame, size_t size, bool served)
{
	struct frame_claim claim;
	enum reject reason = frame_split(frame, size, &claim);
	struct stored *held;
	uint32_t origin, number;
	uint16_t member;
	bool other;

	if (reason != REJECT_NONE)
		return reason;
	member = member_find(node, claim.head.origin);
	if (member == MEMBER_NONE)
		return REJECT_ORIGIN;
	if (node->members[member].standing.revoked)
		return REJECT_REVOKED;
	origin = origin_find(node, member, claim.head.incarnation);
	if (origin != INDEX_NONE && node->origins[origin].quarantined)
		return REJECT_EQUIVOCATION;
	if (frame_is_known(node, origin, &claim, &other, &held)) {
		node->counters.frames_duplicate++;
		if (held && !served)
			spread_duplicate(node, now, sender, origin, held);
		return REJECT_FRAME_DUPLICATE;
	}
	if (node->members[sender].trust == 0)
		return REJECT_SIGNATURE; /* this neighbour has brought too many bad ones in this tick */
	if (!root_is_signed(node, &claim.root, member)) {
		node->members[sender].trust--;
		return REJECT_SIGNATURE;
	}
	if (claim.head.sequence == 0 || claim.head.sequence > UINT64_MAX - 2 * SEQUENCES_KEPT || claim.head.epoch != 0)
		return REJECT_BODY;
	reason = frame_check(claim.body, claim.body_bytes);
	if (reason != REJECT_NONE)
		return reason;
	if (node->members[member].self && claim.head.incarnation > node->config.incarnation)
		return REJECT_INCARNATION; /* somebody else runs with our key */
	origin = origin_of(node, member, claim.head.incarnation);
	if (origin == INDEX_NONE)
		return REJECT_INCARNATION;
	if (other)
		held->evidence = true; /* the second must not take its place */
	number = keep(node, member, &claim, frame, size, served);
	if (other) {
		prove_equivocation(node, now, sender, origin, held, number);
		return REJECT_EQUIVOCATION;
	}
	if (claim.head.incarnation == node->members[member].incarnation)
		member_estimate(node, member, now, claim.head.tick, served); /* before its cells count */
	spread_first(node, origin, sender, served);
	spread_frame(node, now, origin, number, sender);
	merge(node, now, origin, &claim);
	note(node, now, origin, &claim);
	node->counters.frames_received++;
	node->eager_first += !served;
	node->repaired_first += served;
	if (served) {
		node->origins[origin].frames_repaired++;
		node->counters.frames_repaired++;
	}
	return REJECT_NONE;
}

/* A frame of a piece counts as come unless its origin is yet to be met. */
static enum reject receive_piece(struct node *node, struct now now, uint16_t member, const uint8_t *plain, size_t size)
{
	const enum reject reason = receive_frame(node, now, member, plain + 1, size - 1, true);

	if (reason != REJECT_ORIGIN || node->catch_up.tries > PIECE_PATIENCE)
		catch_up_note(node, member, plain[0] & (PIECE_FRAMES - 1));
	return reason;
}

/* Who speaks a secret whose time is over is told documents, and where it is, and nothing else. */
static bool is_old_news(const struct node *node, uint16_t member, struct now now, uint8_t message)
{
	const bool served = (message >= MESSAGE_NEWS && message <= MESSAGE_CHUNK) || message == MESSAGE_PING || message == MESSAGE_PONG;

	return !served && trust_is_behind(node, member, now);
}

static enum reject receive_message(struct node *node, struct now now, uint16_t member, const struct endpoint *from, const uint8_t *plain,
				   size_t size)
{
	const uint8_t *bytes = plain + 1;

	if (is_old_news(node, member, now, plain[0]))
		return REJECT_OLD_SECRET;
	if (plain[0] >= MESSAGE_PIECE && plain[0] < MESSAGE_PIECE + PIECE_FRAMES)
		return receive_piece(node, now, member, plain, size);
	switch (plain[0]) {
	case MESSAGE_NEWS:
		return spread_receive_news(node, now, member, bytes, size - 1);
	case MESSAGE_GET:
		return spread_receive_get(node, member, bytes, size - 1);
	case MESSAGE_CHUNK:
		return spread_receive_chunk(node, now, member, bytes, size - 1);
	case MESSAGE_FRAME:
		return receive_frame(node, now, member, bytes, size - 1, false);
	case MESSAGE_SERVED:
		return receive_frame(node, now, member, bytes, size - 1, true);
	case MESSAGE_DIGEST:
		return repair_receive_digest(node, now, member, bytes, size - 1);
	case MESSAGE_SUMMARY:
		return repair_receive_summary(node, now, member, bytes, size - 1);
	case MESSAGE_WANT:
		return repair_receive_want(node, member, bytes, size - 1);
	case MESSAGE_RECORD:
		return record_receive(node, now, member, bytes, size - 1);
	case MESSAGE_RECORD_WANT:
		return record_receive_want(node, member, bytes, size - 1);
	case MESSAGE_PING:
		return swim_receive_ping(node, now, member, from, bytes, size - 1);
	case MESSAGE_PONG:
		return swim_receive_pong(node, now, member, from, bytes, size - 1);
	case MESSAGE_PING_FOR:
		return swim_receive_ping_for(node, now, member, bytes, size - 1);
	case MESSAGE_LINK:
		return link_receive(node, now, member, bytes, size - 1);
	case MESSAGE_NAMES:
		return spread_receive_names(node, now, member, bytes, size - 1);
	case MESSAGE_PRUNE:
		return spread_receive_prune(node, member, bytes, size - 1);
	case MESSAGE_CATCH_UP:
		return catch_up_receive(node, member, bytes, size - 1);
	case MESSAGE_CAUGHT_UP:
		return catch_up_receive_end(node, now, member, bytes, size - 1);
	default:
		return REJECT_MESSAGE;
	}
}

static enum reject receive_sealed(struct node *node, struct now now, const struct endpoint *from, const struct datagram_header *header,
				  uint8_t *bytes, size_t size)
{
	const uint16_t number = member_find(node, header->sender);
	struct member *member;
	size_t plain_size;

	if (number != MEMBER_NONE && node->members[number].standing.revoked)
		return REJECT_REVOKED;
	if (number == MEMBER_NONE || !node->members[number].session)
		return REJECT_SENDER;
	member = &node->members[number];

	struct seal_context context = {
		.sender = member->id,
		.receiver = node->id,
		.sender_incarnation = member->incarnation,
		.receiver_incarnation = node->config.incarnation,
		.sender_boot = member->boot,
		.receiver_boot = node->config.boot,
	};

	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	if (trust_open(node, now, number, &context, bytes, size, &plain_size) != REJECT_NONE)
		return REJECT_SEAL;
	/* Whoever sealed it is the member: marking the counter now cannot shut out another's datagram. */
	if (!window_mark(&member->window, nonce_counter(header->nonce)))
		return REJECT_REPLAY;
	member->path.heard++;
	if (plain_size == 0)
		return REJECT_MESSAGE;
	member_heard(node, number, now, from, size);
	return receive_message(node, now, number, from, bytes + SEAL_HEADER_BYTES, plain_size);
}

enum reject node_receive(struct node *node, struct now now, const struct endpoint *from, uint8_t *bytes, size_t size)
{
	struct datagram_header header;
	enum reject reason;

	node->counters.datagrams_received++;
	node->counters.bytes_received += size;
	reason = seal_header(bytes, size, &header);
	if (reason == REJECT_NONE && header.sender == node->id)
		reason = REJECT_SELF;
	if (reason != REJECT_NONE)
		return node_reject(node, reason);
	if (header.type == DATAGRAM_HELLO)
		reason = greet_receive(node, now, from, &header, bytes, size);
	else
		reason = receive_sealed(node, now, from, &header, bytes, size);
	return reason == REJECT_NONE ? REJECT_NONE : node_reject(node, reason);
}
