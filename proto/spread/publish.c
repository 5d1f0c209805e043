/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Own cells that are told become signed frames. Each tick publishes the cells that changed. When a slot has ended,
 * closing frames publish every told cell of it once more. Cells for which a tick has no room wait in a queue of their
 * class and are published later with their newer totals. Destinations go first, and the key that has waited longest.
 * Clients and networks are in the class of destinations. Each class has a part of every tick, so none starves.
 * need.c decides which cells are told. PROTOCOL section "Publishing".
 */
#include "spreading.h"

#define CELLS_AT_ONCE 2048 /* sorted together: some 16 frames */
/* quarters of the tick's frames_per_tick frames that destinations may take before pairs have had their turn */
#define DESTINATION_QUARTERS 3
#define ANSWER_MS 20 /* between two turns of answers: what came meanwhile is answered together */
#define ANSWERS_MOST 100 /* that wait: a frame's */
/* every so many ticks late cells have a frame whatever the budget, and what does not fill a frame is published */
#define PAST_TICKS 4
#define CLOSING_PIECE 16384 /* entries per turn, at most, while cells are told by need: 0.2 ms */
#define OTHERS_SHARE 8 /* of a tick by need, one part of so many is for pairs that do not call here */

/* The state of the cells for which keys are in the queue. */
static enum told queue_told(enum publish_queue queue)
{
	return queue == QUEUE_LATE || queue == QUEUE_PAST ? TOLD_LATE : TOLD_WAITS;
}

/* Have this slot's closing frames gone past this key? */
static bool is_closed(const struct node *node, uint32_t entry, uint64_t slot)
{
	if (slot >= node->slot)
		return false;
	return slot != node->spread->publish.closing_slot || node->spread->publish.closing_entry == INDEX_NONE ||
	       entry < node->spread->publish.closing_entry;
}

static void wait_in(struct node *node, enum publish_queue queue, uint32_t entry, uint64_t slot)
{
	queue_add(&node->spread->publish.queues[queue], entry);
	told_set(&node->count->ledger.entries[entry], slot, queue_told(queue));
}

/* Members keep closing frames for as long as the slot is held. So what is published late is published in these. */
void publish_cell(struct node *node, uint32_t entry, uint64_t slot, enum publish_queue open, enum publish_queue closed)
{
	if (!node->config.gossip)
		told_set(&node->count->ledger.entries[entry], slot, TOLD_DONE);
	else
		wait_in(node, is_closed(node, entry, slot) ? closed : open, entry, slot);
}

void publish_answer(struct node *node, uint32_t entry, uint64_t slot, enum publish_queue queue)
{
	if (node->spread->publish.queues[QUEUE_LATE].count >= ANSWERS_MOST) {
		publish_cell(node, entry, slot, queue, QUEUE_PAST);
		return;
	}
	wait_in(node, QUEUE_LATE, entry, slot);
	node->spread->publish.answers = true;
}

/* Signs the frames of a tick, in trees of up to LEAVES_MAX, and sends them. (Publishing, How they are sent, 2) */
static void sign_and_send(struct node *node, struct now now, enum frame_kind kind, uint32_t count)
{
	size_t bytes = 0;

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
			memcpy(leaf[i], node->spread->store.frames[node->spread->publish.published[first + i]].leaf,
			       HASH_BYTES);
		frame_sign(&root, leaf, &node->mesh, node->config.secret_key);
		node->counters.signatures_made++;
		for (uint32_t i = 0; i < leaves; i++) {
			struct stored *stored = &node->spread->store.frames[node->spread->publish.published[first + i]];

			stored->size = (uint16_t)frame_prove(stored->frame, stored->size, &root, leaf, i);
			bytes += stored->size;
			origin_note(&node->count->origins[0], stored->sequence, stored->tick, (uint16_t)count,
				    kind == FRAME_CLOSING);
			tree_frame(node, now, 0, node->spread->publish.published[first + i], 0);
		}
	}
	node->counters.frames_published += count;
	budget_spend(node, now, bytes);
}

/*
 * The own cells of a key that wait for this queue. The key itself may be another by now, and have none. Of QUEUE_PAST
 * the newest alone: the key then takes its turn again, so that of all keys the newest slots are published first.
 */
static size_t collect_key(struct node *node, uint32_t number, enum publish_queue queue, size_t count)
{
	struct entry *entry = &node->count->ledger.entries[number];
	const enum told told = queue_told(queue);

	for (uint32_t at = entry->stack; at != INDEX_NONE && told_any(entry, told);
	     at = stack_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);

		if (cell->origin != 0 || told_of(entry, cell->slot) != told)
			continue;
		node->spread->publish.cells[count++] =
			ledger_version(&node->count->ledger, number, 0, cell_slot(entry, cell, node->slot));
		told_set(entry, cell->slot, TOLD_DONE);
		if (queue != QUEUE_PAST)
			continue;
		if (told_any(entry, told))
			queue_add(&node->spread->publish.queues[queue], number);
		break;
	}
	return count;
}

/*
 * Collects the cells of the queue's next keys behind those of the open frame. It stops when they could fill `frames`
 * frames; the last key's cells are complete.
 */
static void collect(struct node *node, struct fill *fill, enum publish_queue queue, uint32_t frames)
{
	const size_t most = (size_t)frames * CELLS_PER_FRAME_MOST;
	const size_t count_max = fill->open + (most < CELLS_AT_ONCE ? most : CELLS_AT_ONCE);
	struct queue *keys = &node->spread->publish.queues[queue];

	while (fill->count < count_max && keys->count > 0)
		fill->count = collect_key(node, queue_take(keys), queue, fill->count);
}

/*
 * Puts the cells that did not fit back at the head of the queue, in their old order. The next tick publishes them with
 * their totals of then.
 */
static void wait_again(struct node *node, const struct fill *fill, enum publish_queue queue, size_t taken)
{
	for (size_t i = fill->count; i-- > taken;) {
		const struct cell *cell = &node->spread->publish.cells[i];
		const uint32_t entry = ledger_find(&node->count->ledger, &cell->key);

		queue_put_back(&node->spread->publish.queues[queue], entry);
		told_set(&node->count->ledger.entries[entry], cell->slot, queue_told(queue));
	}
}

/*
 * Publishes a class's cells, some at a time, until none waits or `quarters` quarters of a frame are full, frames of
 * classes before it included.
 */
static void fill_class(struct node *node, struct fill *fill, enum publish_queue queue, uint32_t quarters)
{
	const uint32_t frames_max = (quarters + 3) / 4;
	bool all = true;

	while (all && node->spread->publish.queues[queue].count > 0 && fill->frames < frames_max) {
		size_t taken;

		collect(node, fill, queue, frames_max - fill->frames);
		taken = fill_frames(node, fill, quarters);
		all = taken == fill->count;
		wait_again(node, fill, queue, taken);
		fill_go_on(node, fill);
	}
}

static bool waits(const struct node *node, enum publish_queue queue)
{
	return node->spread->publish.queues[queue].count > 0;
}

/* Do others hold a cell of this node's? Nobody carries on a count that nobody was told. */
static bool told_is_live(const struct node *node)
{
	const uint64_t told = node->spread->publish.told_tick;

	return node->count->ledger.origin_cells[0] > 0 && told > 0 &&
	       told + (uint64_t)SLOTS_SPAN * slot_ticks(node) >= node->tick;
}

/*
 * Destinations first, but for a quarter of the tick; then pairs, but for what is kept for those that do not call here;
 * then these. What is left is again for the first that wait. (Publishing, How they are sent, 1)
 */
static uint32_t fill_tick(struct node *node, uint32_t quarters)
{
	const bool others = waits(node, QUEUE_MANY) || waits(node, QUEUE_SOME) || waits(node, QUEUE_FEW);
	const uint32_t kept = others ? quarters / OTHERS_SHARE : 0;
	struct fill fill = { .kind = FRAME_TICK };

	fill_class(node, &fill, QUEUE_DESTINATIONS, quarters * DESTINATION_QUARTERS / 4);
	fill_class(node, &fill, QUEUE_PAIRS, quarters - kept);
	for (enum publish_queue queue = QUEUE_MANY; queue <= QUEUE_FEW; queue++)
		fill_class(node, &fill, queue, quarters);
	if (kept > 0)
		fill_class(node, &fill, QUEUE_PAIRS, quarters);
	if (!waits(node, QUEUE_PAIRS))
		fill_class(node, &fill, QUEUE_DESTINATIONS, quarters);
	fill_end(node, &fill);
	if (fill.frames == 0 && told_is_live(node))
		fill_empty(node, &fill); /* a sign of life. Without told cells the digests are sign enough */
	return fill.frames;
}

/* ---- how many frames of a tick ---- */

static bool closing_waits(const struct node *node)
{
	return node->spread->publish.closing_entry != INDEX_NONE || waits(node, QUEUE_LATE) || waits(node, QUEUE_PAST);
}

/* The quarters of a tick's frames: one frame at least, and a quarter less while closing frames are to be written. */
static uint32_t tick_quarters(const struct node *node, struct now now)
{
	const uint32_t most = 4U * node->config.frames_per_tick;
	uint32_t quarters;

	if (node->config.publish == PUBLISH_ALL)
		return most;
	quarters = budget_quarters(node, now);
	quarters -= closing_waits(node) ? quarters / 4 : 0;
	return quarters < 4 ? 4 : quarters < most ? quarters : most;
}

/* ---- closing frames ---- */

/* Closing frames that the tick may still have: no more than their ring has places, or they would take each other's. */
static uint32_t closing_frames_max(const struct node *node, struct now now)
{
	const uint32_t places = node->spread->store.frames_max - node->spread->store.tick_max,
		       most = places < FRAMES_PER_TICK_MAX ? places : FRAMES_PER_TICK_MAX,
		       left = most - node->spread->publish.closing_frames;
	uint32_t affordable;

	if (node->config.publish == PUBLISH_ALL)
		return left;
	affordable = (budget_quarters(node, now) + 2) / 4;
	if (affordable == 0 && node->tick % PAST_TICKS == 0 && node->spread->publish.closing_frames == 0)
		affordable = 1;
	return affordable < left ? affordable : left;
}

/* The own cell of the ended slot of the next entry, if it was told. */
static bool next_closing(struct node *node, uint32_t *ret_number, struct cell *ret_cell)
{
	const uint32_t number = node->spread->publish.closing_entry++;
	const struct entry *entry = &node->count->ledger.entries[number];
	const uint64_t slot = node->spread->publish.closing_slot;

	node->spread->publish.closing_left--;
	*ret_number = number;
	if (!(entry->flags & ENTRY_USED) || told_of(entry, slot) == TOLD_NOT)
		return false;
	*ret_cell = ledger_version(&node->count->ledger, number, 0, slot);
	return !cell_is_empty(ret_cell);
}

static bool closing_goes_on(struct node *node)
{
	struct publishing *publish = &node->spread->publish;

	if (publish->closing_entry < node->count->ledger.entries_high)
		return publish->closing_left > 0;
	publish->closing_entry = INDEX_NONE;
	publish->closing_left = 0;
	return false;
}

/* A stretch of the entries for each tick. */
static uint32_t closing_entries(const struct node *node)
{
	const uint32_t ticks = slot_ticks(node) - 1 < CLOSING_TICKS ? slot_ticks(node) - 1 : CLOSING_TICKS;

	return node->spread->publish.closing_entry == INDEX_NONE ? 0 : node->count->ledger.entries_high / ticks + 1;
}

/* The next piece of the tick's closing frames: the cells of the ended slot. What finds no room is late. */
static void fill_closing(struct node *node, struct fill *fill, uint32_t frames_max)
{
	const size_t most = (size_t)(frames_max - fill->frames) * CELLS_PER_FRAME_MOST,
		     count_max = most > 0 && most < PUBLISH_CELLS ? most : PUBLISH_CELLS;
	size_t taken;

	while (fill->count < count_max && closing_goes_on(node)) {
		struct cell *cell = &node->spread->publish.cells[fill->count];
		uint32_t number;

		if (!next_closing(node, &number, cell))
			continue;
		told_set(&node->count->ledger.entries[number], cell->slot, TOLD_DONE);
		fill->count++;
	}
	closing_goes_on(node);
	taken = fill_frames(node, fill, 4 * frames_max);
	for (size_t i = taken; i < fill->count; i++)
		wait_in(node, QUEUE_LATE, ledger_find(&node->count->ledger, &node->spread->publish.cells[i].key),
			node->spread->publish.cells[i].slot);
}

/*
 * By need: the ended slot's told cells among the next entries wait in QUEUE_PAST. So they come after what is told for
 * the first time.
 */
static void collect_past(struct node *node)
{
	for (uint32_t i = 0; i < CLOSING_PIECE && closing_goes_on(node); i++) {
		struct cell cell;
		uint32_t number;

		if (next_closing(node, &number, &cell))
			wait_in(node, QUEUE_PAST, number, node->spread->publish.closing_slot);
	}
}

/*
 * Few cells were told, so they wait until they fill a frame, or PAST_TICKS at the most.
 * (Publishing, How they are sent, 4)
 */
static void fill_past(struct node *node, struct fill *fill, uint32_t frames_max)
{
	if (!closing_goes_on(node) && (node->spread->publish.queues[QUEUE_PAST].count >= CELLS_PER_FRAME_MOST ||
				       node->tick % PAST_TICKS == 0))
		fill_class(node, fill, QUEUE_PAST, 4 * frames_max);
}

/* Late cells first: they have a part of half of the frames per tick. (Publishing, How they are sent, 3) */
static void publish_closing(struct node *node, struct now now, uint32_t late_frames)
{
	const uint32_t frames_max = closing_frames_max(node, now);
	struct fill fill = { .kind = FRAME_CLOSING };

	if (node->config.publish == PUBLISH_NEED)
		collect_past(node); /* first: a frame has no cell twice */
	fill_class(node, &fill, QUEUE_LATE, 4 * (late_frames < frames_max ? late_frames : frames_max));
	if (node->config.publish == PUBLISH_NEED)
		fill_past(node, &fill, frames_max);
	else if (node->spread->publish.closing_left > 0)
		fill_closing(node, &fill, frames_max);
	fill_end(node, &fill);
	sign_and_send(node, now, FRAME_CLOSING, fill.frames);
	node->spread->publish.closing_frames += fill.frames;
}

void publish_slot(struct node *node, uint64_t ended)
{
	node->spread->publish.closing_slot = ended;
	node->spread->publish.closing_entry = node->spread->publish.closing_left = 0;
}

static uint32_t keys_waiting(const struct node *node)
{
	uint32_t keys = 0;

	for (unsigned int i = 0; i < QUEUES; i++)
		keys += node->spread->publish.queues[i].count;
	return keys;
}

void publish_tick(struct node *node, struct now now)
{
	if (!node->config.gossip)
		return;
	budget_renew(node);
	sign_and_send(node, now, FRAME_TICK, fill_tick(node, tick_quarters(node, now)));
	node->spread->publish.closing_left += closing_entries(node);
	node->spread->publish.closing_frames = 0;
	publish_closing(node, now, (node->config.frames_per_tick + 1U) / 2);
	node->spread->publish.answers = false;
	node->counters.cells_waiting = keys_waiting(node);
}

struct instant publish_answers_due(const struct node *node)
{
	if (!node->spread->publish.answers)
		return (struct instant){ INT64_MAX };
	return instant_after(node->spread->publish.answered_at, duration_ms(ANSWER_MS));
}

/* What the budget does not have waits for the next tick. */
static void publish_answers(struct node *node, struct now now)
{
	struct fill fill = { .kind = FRAME_CLOSING };

	node->spread->publish.answers = false;
	node->spread->publish.answered_at = now.mono;
	fill_class(node, &fill, QUEUE_LATE, 4 * closing_frames_max(node, now));
	fill_end(node, &fill);
	sign_and_send(node, now, FRAME_CLOSING, fill.frames);
	node->spread->publish.closing_frames += fill.frames;
}

void publish_turn(struct node *node, struct now now)
{
	if (!instant_is_before(now.mono, publish_answers_due(node)))
		publish_answers(node, now);
	if (node->spread->publish.closing_left > 0)
		publish_closing(node, now, 0);
}

bool publish_is_under_way(const struct node *node)
{
	return node->spread->publish.closing_left > 0;
}
