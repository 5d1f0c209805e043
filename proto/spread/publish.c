/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Own cells become signed frames: once a tick those that changed, and when a slot has ended every cell of it once more, in closing frames.
 * Destinations go first, then pairs, round by round, so that nothing starves; what the tick's budget does not take waits and goes out with its
 * newer total. PROTOCOL.md section "Publishing".
 */
#include "node_internal.h"

_Static_assert(PUBLISH_CELLS <= UINT16_MAX, "their numbers' width");
#define CELLS_AT_ONCE 2048 /* sorted together: some 16 frames */

static bool queue_push(struct queue *queue, uint32_t item)
{
	if (queue->count == queue->size)
		return false;
	queue->items[(queue->head + queue->count++) % queue->size] = item;
	return true;
}

static uint32_t queue_pop(struct queue *queue)
{
	const uint32_t item = queue->items[queue->head];

	queue->head = (queue->head + 1) % queue->size;
	queue->count--;
	return item;
}

static struct set *own_set(struct node *node, uint32_t entry)
{
	return entry_is_destination(&node->ledger.entries[entry]) ? &node->own_destinations : &node->own_pairs;
}

static uint8_t slot_bit(uint64_t slot)
{
	return (uint8_t)(1U << slot % SLOTS_SPAN);
}

void publish_later(struct node *node, uint32_t entry, uint64_t slot)
{
	uint8_t *waiting = &node->ledger.entries[entry].waiting;

	if (!node->config.gossip)
		return;
	if (!*waiting) /* else it is in the set, or in the queue before it */
		set_add(own_set(node, entry), entry);
	*waiting |= slot_bit(slot);
}

/* Have this slot's closing frames gone past this key? */
bool publish_is_closed(const struct node *node, uint32_t entry, uint64_t slot)
{
	if (slot >= node->slot)
		return false;
	return slot != node->closing_slot || node->closing_entry == INDEX_NONE || entry < node->closing_entry;
}

/* For frames that are kept as long as the slot is held. */
void publish_late(struct node *node, uint32_t entry, uint64_t slot)
{
	if (!node->config.gossip)
		return;
	set_add(&node->own_late, entry);
	node->ledger.entries[entry].late |= slot_bit(slot);
}

static struct cell cell_read(const struct node *node, const struct entry *entry, const struct ledger_cell *cell)
{
	return (struct cell){
		.key = ledger_key(&node->ledger, entry),
		.slot = cell_slot(entry, cell, node->slot),
		.first = cell->first,
		.last = cell->last,
		.packets = cell->packets,
	};
}

/* The numbers of two neighbouring stretches of sorted cells, of one in the end. */
static void cells_merge(const struct cell *cells, const uint16_t *from, uint16_t *to, size_t left, size_t middle, size_t end)
{
	size_t right = middle;

	for (size_t i = left; i < end; i++) {
		const bool takes_left =
			left < middle && (right == end || frame_cell_compare(&cells[from[left]], &cells[from[right]]) <= 0);

		to[i] = from[takes_left ? left++ : right++];
	}
}

/* Merge sort of numbers: bounded whatever the order, and cells stay where they are. They are valid until the next call. */
static const uint16_t *cells_order(struct node *node, size_t count)
{
	uint16_t *from = node->publish_order, *to = from + PUBLISH_CELLS;

	for (size_t i = 0; i < count; i++)
		from[i] = (uint16_t)i;
	for (size_t width = 1; width < count; width *= 2) {
		uint16_t *const sorted = to;

		for (size_t left = 0; left < count; left += 2 * width) {
			const size_t middle = left + width < count ? left + width : count,
				     end = middle + width < count ? middle + width : count;

			cells_merge(node->publish_cells, from, to, left, middle, end);
		}
		to = from;
		from = sorted;
	}
	return from;
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

/* Puts the collected cells, in their order, into the frames after the first `frames`, up to frames_max; returns how many cells went in. */
static size_t fill_frames(struct node *node, enum frame_kind kind, const uint16_t *order, size_t count, uint32_t frames_max, uint32_t *frames)
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
		while (taken < count && frame_add(&node->writer, &node->publish_cells[order[taken]]))
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

/* The own cells of a key of the slots in *bits, of which some may have been forgotten since. The key itself may be another by now, and have none. */
static size_t collect_key(struct node *node, uint32_t number, uint8_t *bits, size_t count)
{
	const struct entry *entry = &node->ledger.entries[number];

	for (uint32_t at = entry->cells; at != INDEX_NONE && *bits; at = ledger_below(&node->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->ledger, at);

		if (cell->origin != 0 || !(*bits & slot_bit(cell->slot)))
			continue;
		node->publish_cells[count++] = cell_read(node, entry, cell);
		*bits &= (uint8_t)~slot_bit(cell->slot);
	}
	*bits = 0;
	return count;
}

static size_t collect_changed(struct node *node, struct set *set, size_t count)
{
	while (count < CELLS_AT_ONCE && set->count > 0) {
		const uint32_t number = set_take(set);

		count = collect_key(node, number, &node->ledger.entries[number].waiting, count);
	}
	return count;
}

static size_t collect_late(struct node *node, size_t count_max)
{
	size_t count = 0;

	while (count < count_max && node->own_late.count > 0) {
		const uint32_t number = set_take(&node->own_late);

		count = collect_key(node, number, &node->ledger.entries[number].late, count);
	}
	return count;
}

/* The next cells: those that had to wait, then destinations, then pairs. */
static size_t collect(struct node *node)
{
	size_t count = 0;

	while (count < CELLS_AT_ONCE && node->own_again.count > 0) {
		const uint32_t number = queue_pop(&node->own_again);

		count = collect_key(node, number, &node->ledger.entries[number].waiting, count);
	}
	count = collect_changed(node, &node->own_destinations, count);
	return collect_changed(node, &node->own_pairs, count);
}

/* What did not fit is the next tick's first, with whatever total it has then. */
static void wait_again(struct node *node, const uint16_t *order, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct cell *cell = &node->publish_cells[order[i]];
		const uint32_t entry = ledger_find(&node->ledger, &cell->key);
		uint8_t *waiting = &node->ledger.entries[entry].waiting;

		if (!*waiting && !queue_push(&node->own_again, entry))
			set_add(own_set(node, entry), entry);
		*waiting |= slot_bit(cell->slot);
	}
}

/* Some cells at a time, so that who did not fit once is not sorted behind the others again. */
static uint32_t fill_tick(struct node *node)
{
	uint32_t frames = 0;

	while (frames < node->config.frames_per_tick) {
		const size_t count = collect(node);
		const uint16_t *order = cells_order(node, count);
		const size_t taken = fill_frames(node, FRAME_TICK, order, count, node->config.frames_per_tick, &frames);

		if (count == 0)
			break;
		wait_again(node, order + taken, count - taken);
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

	publish_late(node, entry, cell->slot);
}

/* The ended slot's cells among the next *entries entries; returns how many are collected by now. */
static size_t collect_closing(struct node *node, uint32_t *entries, size_t count)
{
	for (; *entries > 0 && node->closing_entry < node->ledger.entries_high && count < PUBLISH_CELLS; node->closing_entry++, (*entries)--) {
		const struct entry *entry = &node->ledger.entries[node->closing_entry];
		const struct ledger_cell *cell;

		if (!(entry->flags & ENTRY_USED))
			continue;
		cell = ledger_cell_of(&node->ledger, node->closing_entry, 0, node->closing_slot);
		if (cell)
			node->publish_cells[count++] = cell_read(node, entry, cell);
	}
	if (node->closing_entry >= node->ledger.entries_high) {
		node->closing_entry = INDEX_NONE;
		*entries = 0;
	}
	return count;
}

/* A stretch of the entries for each tick. */
static uint32_t closing_entries(const struct node *node)
{
	const uint32_t ticks = slot_ticks(node) - 1 < CLOSING_TICKS ? slot_ticks(node) - 1 : CLOSING_TICKS;

	return node->closing_entry == INDEX_NONE ? 0 : node->ledger.entries_high / ticks + 1;
}

/* The next piece of the tick's closing frames; `count` other cells are collected already. */
static void publish_closing(struct node *node, struct now now, size_t count)
{
	const uint32_t frames_max = closing_frames_max(node) - node->closing_frames;
	const uint16_t *order;
	uint32_t frames = 0;
	size_t taken;

	if (node->closing_left > 0)
		count = collect_closing(node, &node->closing_left, count);
	order = cells_order(node, count);
	taken = fill_frames(node, FRAME_CLOSING, order, count, frames_max, &frames);
	for (size_t i = taken; i < count; i++) /* the rest is next */
		publish_again(node, &node->publish_cells[order[i]]);
	sign_and_send(node, now, FRAME_CLOSING, frames);
	node->closing_frames += frames;
}

void publish_tick(struct node *node, struct now now)
{
	const size_t budget = (size_t)node->config.frames_per_tick * CELLS_PER_FRAME_TYPICAL / 2;

	if (!node->config.gossip)
		return;
	publish_changed(node, now);
	node->closing_left += closing_entries(node);
	node->closing_frames = 0;
	publish_closing(node, now, collect_late(node, budget < CELLS_AT_ONCE ? budget : CELLS_AT_ONCE));
	node->counters.cells_waiting = node->own_again.count + node->own_destinations.count + node->own_pairs.count + node->own_late.count;
}

void publish_turn(struct node *node, struct now now)
{
	if (publish_is_under_way(node))
		publish_closing(node, now, 0);
}

bool publish_is_under_way(const struct node *node)
{
	return node->closing_left > 0;
}
