/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Own cells become signed frames: once a tick those that changed, and when a slot has ended every cell of it once more, in closing frames.
 * Destinations go first, then pairs in the order they changed, so that nothing starves; what the tick's budget does not take waits and goes
 * out with its newer total. PROTOCOL.md section "Publishing".
 */
#include "node_internal.h"

#define CELLS_AT_ONCE 2048 /* sorted together: some 16 frames */
#define CELL_WAITING 1 /* in a queue of changed cells */
#define CELL_LATE 2 /* in the queue of late ones */
#define CLOSING_TICKS 12 /* a slot's closing frames are spread over this many ticks: done before the next slot has ended, and no tick is long */

static bool own_push(struct own_queue *queue, struct own_change change)
{
	if (queue->count == queue->size)
		return false;
	queue->items[(queue->head + queue->count++) % queue->size] = change;
	return true;
}

/* Back to where it came from: it is next. */
static bool own_push_front(struct own_queue *queue, struct own_change change)
{
	if (queue->count == queue->size)
		return false;
	queue->head = (queue->head + queue->size - 1) % queue->size;
	queue->items[queue->head] = change;
	queue->count++;
	return true;
}

static bool own_pop(struct own_queue *queue, struct own_change *ret_change)
{
	if (queue->count == 0)
		return false;
	*ret_change = queue->items[queue->head];
	queue->head = (queue->head + 1) % queue->size;
	queue->count--;
	return true;
}

static struct own_queue *queue_of(struct node *node, uint32_t entry)
{
	return key_is_destination(&node->ledger.entries[entry].key) ? &node->own_destinations : &node->own_pairs;
}

void publish_later(struct node *node, uint32_t entry, uint32_t cell)
{
	if (!node->config.gossip || node->ledger.cells[cell].waiting & CELL_WAITING)
		return;
	/* No room: the next growth asks again, and the closing frame of the slot carries the total. */
	if (own_push(queue_of(node, entry), (struct own_change){ entry, cell }))
		node->ledger.cells[cell].waiting |= CELL_WAITING;
}

/* Have this slot's closing frames gone past this key? */
bool publish_is_closed(const struct node *node, uint32_t entry, uint64_t slot)
{
	if (slot >= node->slot)
		return false;
	return slot != node->closing_slot || node->closing_entry == INDEX_NONE || entry < node->closing_entry;
}

/* For frames that are kept as long as the slot is held. */
void publish_late(struct node *node, uint32_t entry, uint32_t cell)
{
	if (!node->config.gossip || node->ledger.cells[cell].waiting & CELL_LATE)
		return;
	if (own_push(&node->own_late, (struct own_change){ entry, cell }))
		node->ledger.cells[cell].waiting |= CELL_LATE;
}

/* A queued cell may have been forgotten since, and its place taken by another key's. */
static bool cell_is_of(const struct ledger *ledger, uint32_t entry, uint32_t cell)
{
	if (!(ledger->entries[entry].flags & ENTRY_USED))
		return false;
	for (uint32_t at = ledger->entries[entry].cells; at != INDEX_NONE; at = ledger->cells[at].next) {
		if (at == cell)
			return ledger->cells[at].origin == 0;
	}
	return false;
}

static struct cell cell_read(const struct node *node, uint32_t entry, uint32_t number)
{
	const struct ledger_cell *cell = &node->ledger.cells[number];

	return (struct cell){
		.key = node->ledger.entries[entry].key,
		.slot = cell_slot(cell, node->slot),
		.first = cell->first,
		.last = cell->last,
		.packets = cell->packets,
	};
}

/* Heap sort: in place, and bounded whatever the order. */
static void sift_down(struct cell *cells, size_t root, size_t count)
{
	for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
		if (child + 1 < count && frame_cell_compare(&cells[child], &cells[child + 1]) < 0)
			child++;
		if (frame_cell_compare(&cells[root], &cells[child]) >= 0)
			return;
		const struct cell swap = cells[root];

		cells[root] = cells[child];
		cells[child] = swap;
		root = child;
	}
}

static void cells_sort(struct cell *cells, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(cells, i, count);
	for (size_t end = count; end-- > 1;) {
		const struct cell swap = cells[0];

		cells[0] = cells[end];
		cells[end] = swap;
		sift_down(cells, 0, end);
	}
}

static size_t body_bytes_max(const struct node *node)
{
	return node->config.datagram_bytes - SEAL_BYTES - 1 - FRAME_PROOF_BYTES_MAX;
}

/* Frames of earlier ticks are of slots that are forgotten. */
static uint64_t ticks_held_from(const struct node *node)
{
	const uint64_t held = (uint64_t)SLOTS_HELD * slot_ticks(node);

	return node->tick > held ? node->tick - held : 0;
}

/* Writes the body under construction into the store; returns its place. */
static uint32_t body_keep(struct node *node)
{
	const uint32_t number = store_put(&node->store, &node->writer.head, 0, ticks_held_from(node));
	struct stored *stored = &node->store.frames[number];

	stored->size = (uint16_t)frame_finish(&node->writer, stored->frame);
	frame_leaf(stored->frame, stored->size, stored->leaf);
	node->counters.cells_published += node->writer.cells;
	return number;
}

/* Signs the frames of a tick, in trees of up to LEAVES_MAX, and sends them. */
static void sign_and_send(struct node *node, struct now now, enum frame_kind kind, uint32_t count)
{
	for (uint32_t first = 0; first < count; first += LEAVES_MAX) {
		const uint32_t leaves = count - first < LEAVES_MAX ? count - first : LEAVES_MAX;
		uint8_t leaf[LEAVES_MAX][HASH_BYTES];
		struct frame_root root = {
			.origin = node->id,
			.incarnation = node->config.incarnation,
			.tick = node->tick,
			.kind = kind,
			.tick_frames = (uint16_t)count,
			.leaves = (uint8_t)leaves,
		};

		for (uint32_t i = 0; i < leaves; i++)
			memcpy(leaf[i], node->store.frames[node->published[first + i]].leaf, HASH_BYTES);
		frame_sign(&root, leaf, &node->mesh, node->config.secret_key);
		node->counters.signatures_made++;
		for (uint32_t i = 0; i < leaves; i++) {
			struct stored *stored = &node->store.frames[node->published[first + i]];

			stored->size = (uint16_t)frame_prove(stored->frame, stored->size, &root, leaf, i);
			origin_note(&node->origins[0], stored->sequence, stored->tick, (uint16_t)count, kind == FRAME_CLOSING);
			spread_frame(node, now, 0, node->published[first + i], 0);
		}
	}
	node->counters.frames_published += count;
}

/* Puts sorted cells into the frames after the first `frames`, up to frames_max; returns how many cells went in. */
static size_t fill_frames(struct node *node, enum frame_kind kind, const struct cell *cells, size_t count, uint32_t frames_max, uint32_t *frames)
{
	struct frame_head head = {
		.origin = node->id,
		.incarnation = node->config.incarnation,
		.tick = node->tick,
		.kind = kind,
	};
	size_t taken = 0;

	while (taken < count && *frames < frames_max) {
		head.sequence = node->next_sequence++;
		frame_begin(&node->writer, &head, body_bytes_max(node));
		while (taken < count && frame_add(&node->writer, &cells[taken]))
			taken++;
		node->published[(*frames)++] = body_keep(node);
	}
	return taken;
}

/* A frame without cells: a sign of life. */
static uint32_t empty_frame(struct node *node)
{
	const struct frame_head head = {
		.origin = node->id,
		.incarnation = node->config.incarnation,
		.sequence = node->next_sequence++,
		.tick = node->tick,
	};

	frame_begin(&node->writer, &head, body_bytes_max(node));
	node->published[0] = body_keep(node);
	return 1;
}

static size_t collect_from(struct node *node, struct own_queue *queue, size_t count, size_t count_max, uint8_t flag)
{
	struct own_change change;

	while (count < count_max && own_pop(queue, &change)) {
		if (!cell_is_of(&node->ledger, change.entry, change.cell))
			continue;
		node->ledger.cells[change.cell].waiting &= (uint8_t)~flag;
		node->publish_cells[count++] = cell_read(node, change.entry, change.cell);
	}
	return count;
}

/* The next cells, destinations first, oldest first; sorted. */
static size_t collect(struct node *node)
{
	const size_t destinations = collect_from(node, &node->own_destinations, 0, CELLS_AT_ONCE, CELL_WAITING);
	const size_t count = collect_from(node, &node->own_pairs, destinations, CELLS_AT_ONCE, CELL_WAITING);

	cells_sort(node->publish_cells, count);
	return count;
}

/* What did not fit is the next tick's first, with whatever total it has then. */
static void wait_again(struct node *node, const struct cell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uint32_t entry = ledger_find(&node->ledger, &cells[i].key);
		const struct ledger_cell *cell = ledger_cell_of(&node->ledger, entry, 0, cells[i].slot);
		const uint32_t number = (uint32_t)(cell - node->ledger.cells);

		if (!(cell->waiting & CELL_WAITING) && own_push_front(queue_of(node, entry), (struct own_change){ entry, number }))
			node->ledger.cells[number].waiting |= CELL_WAITING;
	}
}

/* Some cells at a time in the order they changed, so that who did not fit once is not sorted behind the others again. */
static uint32_t fill_tick(struct node *node)
{
	uint32_t frames = 0;

	while (frames < node->config.frames_per_tick) {
		const size_t count = collect(node);
		const size_t taken = fill_frames(node, FRAME_TICK, node->publish_cells, count, node->config.frames_per_tick, &frames);

		if (count == 0)
			break;
		wait_again(node, node->publish_cells + taken, count - taken);
	}
	return frames;
}

static void publish_changed(struct node *node, struct now now)
{
	uint32_t frames = fill_tick(node);

	if (frames == 0 && node->ledger.origin_cells[0] == 0)
		return; /* nothing counted lately: the digests are sign enough */
	if (frames == 0)
		frames = empty_frame(node);
	sign_and_send(node, now, FRAME_TICK, frames);
}

/* Closing frames a tick may have: no more than their ring has places, or they would take each other's. */
static uint32_t closing_frames_max(const struct node *node)
{
	const uint32_t places = node->store.frames_max - node->store.tick_max;

	return places < FRAMES_PER_TICK_MAX ? places : FRAMES_PER_TICK_MAX;
}

static void publish_again(struct node *node, const struct cell *cell)
{
	const uint32_t entry = ledger_find(&node->ledger, &cell->key);

	publish_late(node, entry, (uint32_t)(ledger_cell_of(&node->ledger, entry, 0, cell->slot) - node->ledger.cells));
}

/* The next stretch of the ended slot's cells; returns how many are collected by now. */
static size_t collect_closing(struct node *node, size_t count)
{
	const uint32_t ticks = slot_ticks(node) - 1 < CLOSING_TICKS ? slot_ticks(node) - 1 : CLOSING_TICKS;
	const uint32_t entries = node->ledger.entries_high / ticks + 1;
	const uint16_t slot = (uint16_t)node->closing_slot;

	for (uint32_t looked = 0; looked < entries && node->closing_entry < node->ledger.entries_high && count < node->publish_cells_max;
	     node->closing_entry++, looked++) {
		const struct entry *entry = &node->ledger.entries[node->closing_entry];

		if (!(entry->flags & ENTRY_USED))
			continue;
		for (uint32_t at = entry->cells; at != INDEX_NONE && count < node->publish_cells_max; at = node->ledger.cells[at].next) {
			if (node->ledger.cells[at].origin == 0 && node->ledger.cells[at].slot == slot)
				node->publish_cells[count++] = cell_read(node, node->closing_entry, at);
		}
	}
	if (node->closing_entry >= node->ledger.entries_high)
		node->closing_entry = INDEX_NONE;
	return count;
}

/* What grew after its slot had been closed, and what is being closed. */
static void publish_closing(struct node *node, struct now now)
{
	const size_t budget = (size_t)node->config.frames_per_tick * CELLS_PER_FRAME_TYPICAL / 2;
	size_t count = collect_from(node, &node->own_late, 0, budget < CELLS_AT_ONCE ? budget : CELLS_AT_ONCE, CELL_LATE), taken;
	uint32_t frames = 0;

	if (node->closing_entry != INDEX_NONE)
		count = collect_closing(node, count);
	if (count == 0)
		return;
	cells_sort(node->publish_cells, count);
	taken = fill_frames(node, FRAME_CLOSING, node->publish_cells, count, closing_frames_max(node), &frames);
	sign_and_send(node, now, FRAME_CLOSING, frames);
	for (size_t i = taken; i < count; i++) /* the rest is next */
		publish_again(node, &node->publish_cells[i]);
}

void publish_tick(struct node *node, struct now now)
{
	if (!node->config.gossip)
		return;
	publish_changed(node, now);
	publish_closing(node, now);
	node->counters.cells_waiting = node->own_destinations.count + node->own_pairs.count + node->own_late.count;
}
