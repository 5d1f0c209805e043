/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Own cells become signed frames: once a tick those that changed, and when a slot has ended every cell of it once
 * more, in closing frames. What a tick has no room for waits in a queue of its class (destinations, pairs, late
 * cells), and goes out with its newer total. Destinations go first, whoever waits longest is next, and each class has
 * a part of every tick, so that nothing starves. PROTOCOL.md section "Publishing".
 */
#include "spreading.h"

#define CELLS_AT_ONCE 2048 /* sorted together: some 16 frames */
#define DESTINATION_QUARTERS 3 /* of each frame, unless pairs leave more */

static struct queue *own_queue(struct node *node, uint32_t entry)
{
	return entry_is_destination(&node->count->ledger.entries[entry]) ? &node->spread->publish.destinations : &node->spread->publish.pairs;
}

/* The slots of which a key in the queue has cells to be published. */
static uint8_t *slots_of(struct node *node, const struct queue *queue, uint32_t entry)
{
	return queue == &node->spread->publish.late ? &node->count->ledger.entries[entry].late : &node->count->ledger.entries[entry].waiting;
}

static uint8_t slot_bit(uint64_t slot)
{
	return (uint8_t)(1U << slot % SLOTS_SPAN);
}

void publish_later(struct node *node, uint32_t entry, uint64_t slot)
{
	if (!node->config.gossip)
		return;
	queue_add(own_queue(node, entry), entry);
	node->count->ledger.entries[entry].waiting |= slot_bit(slot);
}

/* Have this slot's closing frames gone past this key? */
bool publish_is_closed(const struct node *node, uint32_t entry, uint64_t slot)
{
	if (slot >= node->slot)
		return false;
	return slot != node->spread->publish.closing_slot || node->spread->publish.closing_entry == INDEX_NONE || entry < node->spread->publish.closing_entry;
}

/* For frames that are kept as long as the slot is held. */
void publish_late(struct node *node, uint32_t entry, uint64_t slot)
{
	if (!node->config.gossip)
		return;
	queue_add(&node->spread->publish.late, entry);
	node->count->ledger.entries[entry].late |= slot_bit(slot);
}

static struct cell cell_read(const struct node *node, const struct entry *entry, const struct ledger_cell *cell)
{
	return (struct cell){
		.key = ledger_key(&node->count->ledger, entry),
		.slot = cell_slot(entry, cell, node->slot),
		.first = cell->first,
		.last = cell->last,
		.packets = cell->packets,
	};
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
			memcpy(leaf[i], node->spread->store.frames[node->spread->publish.published[first + i]].leaf, HASH_BYTES);
		frame_sign(&root, leaf, &node->mesh, node->config.secret_key);
		node->counters.signatures_made++;
		for (uint32_t i = 0; i < leaves; i++) {
			struct stored *stored = &node->spread->store.frames[node->spread->publish.published[first + i]];

			stored->size = (uint16_t)frame_prove(stored->frame, stored->size, &root, leaf, i);
			origin_note(&node->count->origins[0], stored->sequence, stored->tick, (uint16_t)count, kind == FRAME_CLOSING);
			tree_frame(node, now, 0, node->spread->publish.published[first + i], 0);
		}
	}
	node->counters.frames_published += count;
}

/*
 * The own cells of a key of the slots in *bits, of which some may have been forgotten since. The key itself may be
 * another by now, and have none.
 */
static size_t collect_key(struct node *node, uint32_t number, uint8_t *bits, size_t count)
{
	const struct entry *entry = &node->count->ledger.entries[number];

	for (uint32_t at = entry->cells; at != INDEX_NONE && *bits; at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);

		if (cell->origin != 0 || !(*bits & slot_bit(cell->slot)))
			continue;
		node->spread->publish.cells[count++] = cell_read(node, entry, cell);
		*bits &= (uint8_t)~slot_bit(cell->slot);
	}
	*bits = 0;
	return count;
}

/*
 * The cells of the queue's next keys, behind those of the open frame: no more than frames so many can take, and those
 * of one key.
 */
static void collect(struct node *node, struct fill *fill, struct queue *queue, uint32_t frames)
{
	const size_t most = (size_t)frames * CELLS_PER_FRAME_MOST;
	const size_t count_max = fill->open + (most < CELLS_AT_ONCE ? most : CELLS_AT_ONCE);

	while (fill->count < count_max && queue->count > 0) {
		const uint32_t number = queue_take(queue);

		fill->count = collect_key(node, number, slots_of(node, queue, number), fill->count);
	}
}

/*
 * What did not fit is the queue's first again, in the order it was. The next tick publishes it, with whatever total
 * it has then.
 */
static void wait_again(struct node *node, const struct fill *fill, struct queue *queue, size_t taken)
{
	for (size_t i = fill->count; i-- > taken;) {
		const struct cell *cell = &node->spread->publish.cells[i];
		const uint32_t entry = ledger_find(&node->count->ledger, &cell->key);

		queue_put_back(queue, entry);
		*slots_of(node, queue, entry) |= slot_bit(cell->slot);
	}
}

/*
 * A class's cells, some at a time, until none waits or so many quarters of frames are full, those of classes before
 * it included.
 */
static void fill_class(struct node *node, struct fill *fill, struct queue *queue, uint32_t quarters)
{
	const uint32_t frames_max = (quarters + 3) / 4;
	bool all = true;

	while (all && queue->count > 0 && fill->frames < frames_max) {
		size_t taken;

		collect(node, fill, queue, frames_max - fill->frames);
		taken = fill_frames(node, fill, quarters);
		all = taken == fill->count;
		wait_again(node, fill, queue, taken);
		fill_go_on(node, fill);
	}
}

/* Destinations first, but for a quarter of the tick; then pairs, and what they leave is the destinations' again. */
static uint32_t fill_tick(struct node *node)
{
	const uint32_t frames = node->config.frames_per_tick;
	struct fill fill = { .kind = FRAME_TICK };

	fill_class(node, &fill, &node->spread->publish.destinations, frames * DESTINATION_QUARTERS);
	fill_class(node, &fill, &node->spread->publish.pairs, frames * 4);
	if (node->spread->publish.pairs.count == 0)
		fill_class(node, &fill, &node->spread->publish.destinations, frames * 4);
	fill_end(node, &fill);
	if (fill.frames == 0 && node->count->ledger.origin_cells[0] > 0)
		fill_empty(node, &fill); /* a sign of life. With no live cell the digests are sign enough */
	return fill.frames;
}

/* Closing frames a tick may have: no more than their ring has places, or they would take each other's. */
static uint32_t closing_frames_max(const struct node *node)
{
	const uint32_t places = node->spread->store.frames_max - node->spread->store.tick_max;

	return places < FRAMES_PER_TICK_MAX ? places : FRAMES_PER_TICK_MAX;
}

/* The ended slot's cells among the next *entries entries, behind those of the open frame. */
static void collect_closing(struct node *node, struct fill *fill, uint32_t *entries, size_t count_max)
{
	const uint32_t high = node->count->ledger.entries_high;

	for (; *entries > 0 && node->spread->publish.closing_entry < high && fill->count < count_max; node->spread->publish.closing_entry++, (*entries)--) {
		struct entry *entry = &node->count->ledger.entries[node->spread->publish.closing_entry];
		const struct ledger_cell *cell;

		if (!(entry->flags & ENTRY_USED))
			continue;
		cell = ledger_cell_of(&node->count->ledger, node->spread->publish.closing_entry, 0, node->spread->publish.closing_slot);
		if (!cell)
			continue;
		node->spread->publish.cells[fill->count++] = cell_read(node, entry, cell);
		entry->waiting &= (uint8_t)~slot_bit(node->spread->publish.closing_slot); /* told herewith */
	}
	if (node->spread->publish.closing_entry >= high) {
		node->spread->publish.closing_entry = INDEX_NONE;
		*entries = 0;
	}
}

/* A stretch of the entries for each tick. */
static uint32_t closing_entries(const struct node *node)
{
	const uint32_t ticks = slot_ticks(node) - 1 < CLOSING_TICKS ? slot_ticks(node) - 1 : CLOSING_TICKS;

	return node->spread->publish.closing_entry == INDEX_NONE ? 0 : node->count->ledger.entries_high / ticks + 1;
}

/* The next piece of the tick's closing frames. What finds no room is late. */
static void fill_closing(struct node *node, struct fill *fill, uint32_t frames_max)
{
	const size_t most = (size_t)(frames_max - fill->frames) * CELLS_PER_FRAME_MOST;
	size_t taken;

	collect_closing(node, fill, &node->spread->publish.closing_left, most > 0 && most < PUBLISH_CELLS ? most : PUBLISH_CELLS);
	taken = fill_frames(node, fill, 4 * frames_max);
	for (size_t i = taken; i < fill->count; i++)
		publish_late(node, ledger_find(&node->count->ledger, &node->spread->publish.cells[i].key), node->spread->publish.cells[i].slot);
}

/* Late cells first: they have a part of half of the frames per tick. */
static void publish_closing(struct node *node, struct now now, uint32_t late_frames)
{
	const uint32_t frames_max = closing_frames_max(node) - node->spread->publish.closing_frames;
	struct fill fill = { .kind = FRAME_CLOSING };

	fill_class(node, &fill, &node->spread->publish.late, 4 * late_frames);
	if (node->spread->publish.closing_left > 0)
		fill_closing(node, &fill, frames_max);
	fill_end(node, &fill);
	sign_and_send(node, now, FRAME_CLOSING, fill.frames);
	node->spread->publish.closing_frames += fill.frames;
}

void publish_tick(struct node *node, struct now now)
{
	if (!node->config.gossip)
		return;
	sign_and_send(node, now, FRAME_TICK, fill_tick(node));
	node->spread->publish.closing_left += closing_entries(node);
	node->spread->publish.closing_frames = 0;
	publish_closing(node, now, (node->config.frames_per_tick + 1U) / 2);
	node->counters.cells_waiting = node->spread->publish.destinations.count + node->spread->publish.pairs.count + node->spread->publish.late.count;
}

void publish_turn(struct node *node, struct now now)
{
	if (publish_is_under_way(node))
		publish_closing(node, now, 0);
}

bool publish_is_under_way(const struct node *node)
{
	return node->spread->publish.closing_left > 0;
}
