/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Collected cells become frames: as many as fit, in the order of their turn. Inside the frames cells are sorted, which
 * packs them best. If not all cells fit, those whose turn is last are left out, whatever their place in the sorting.
 * publish.c signs the frames.
 */
#include "spreading.h"

_Static_assert(PUBLISH_CELLS <= UINT16_MAX, "their numbers' width");
#define CELL_BYTES_MOST 65 /* of a frame, by one cell: a pair IPv6 in a group of its own, whose slot takes nine bytes */

/* The numbers of two neighbouring stretches of sorted cells, of one in the end. */
static void cells_merge(const struct cell *cells, const uint16_t *from, uint16_t *to, size_t left, size_t middle,
			size_t end)
{
	size_t right = middle;

	for (size_t i = left; i < end; i++) {
		const bool takes_left =
			left < middle &&
			(right == end || frame_cell_compare(&cells[from[left]], &cells[from[right]]) <= 0);

		to[i] = from[takes_left ? left++ : right++];
	}
}

/*
 * Merge sort of numbers: bounded whatever the order, and cells stay where they are. They are valid until the next
 * call.
 */
static const uint16_t *cells_order(struct node *node, size_t count)
{
	uint16_t *from = node->spread->publish.order, *to = from + PUBLISH_CELLS;

	for (size_t i = 0; i < count; i++)
		from[i] = (uint16_t)i;
	for (size_t width = 1; width < count; width *= 2) {
		uint16_t *const sorted = to;

		for (size_t left = 0; left < count; left += 2 * width) {
			const size_t middle = left + width < count ? left + width : count,
				     end = middle + width < count ? middle + width : count;

			cells_merge(node->spread->publish.cells, from, to, left, middle, end);
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

/* Begins frame `number` of the tick; false: it is beyond the quarters of frames that may be used. */
static bool frame_open(struct node *node, const struct fill *fill, uint32_t number, uint32_t quarters)
{
	const uint32_t left = quarters > number * 4 ? quarters - number * 4 : 0;
	const struct frame_head head = {
		.origin = node->id,
		.incarnation = node->config.incarnation,
		.sequence = node->spread->publish.next_sequence + number - fill->frames,
		.tick = node->tick,
		.kind = fill->kind,
	};

	if (left == 0)
		return false;
	frame_begin(&node->spread->publish.writer, &head,
		    FRAME_HEAD_BYTES_MAX + (body_bytes_max(node) - FRAME_HEAD_BYTES_MAX) * (left < 4 ? left : 4) / 4);
	return true;
}

/* Writes the body under construction into the store. */
static void frame_keep(struct node *node, struct fill *fill)
{
	const uint32_t number = store_put(&node->spread->store, &node->spread->publish.writer.head, 0,
					  ticks_held_from(node));
	struct stored *stored = &node->spread->store.frames[number];

	stored->size = (uint16_t)frame_finish(&node->spread->publish.writer, stored->frame);
	frame_leaf(stored->frame, stored->size, stored->leaf);
	node->counters.cells_published += node->spread->publish.writer.cells;
	if (node->spread->publish.writer.cells > 0)
		node->spread->publish.told_tick = node->tick;
	node->spread->publish.next_sequence++;
	node->spread->publish.published[fill->frames++] = number;
}

/* Do the first `taken` of the sorted cells' turns fit? */
static bool fits(struct node *node, const struct fill *fill, const uint16_t *order, size_t taken, uint32_t quarters)
{
	uint32_t number = fill->frames;

	if (!frame_open(node, fill, number, quarters))
		return taken == 0;
	for (size_t i = 0; i < fill->count; i++) {
		const struct cell *cell = &node->spread->publish.cells[order[i]];

		if (order[i] >= taken || frame_add(&node->spread->publish.writer, cell))
			continue;
		if (!frame_open(node, fill, ++number, quarters) || !frame_add(&node->spread->publish.writer, cell))
			return false;
	}
	return true;
}

/* So many fit whatever cells they are. */
static size_t surely_fit(const struct node *node, const struct fill *fill, uint32_t quarters)
{
	const size_t frames = quarters / 4 > fill->frames ? quarters / 4 - fill->frames : 0;

	return frames * ((body_bytes_max(node) - FRAME_HEAD_BYTES_MAX) / CELL_BYTES_MOST);
}

/* How many of the cells fit, in the order of their turn: those of the open frame do. */
static size_t taken_most(struct node *node, const struct fill *fill, const uint16_t *order, uint32_t quarters)
{
	size_t fit = fill->open, beyond = fill->count;

	if (fill->count <= surely_fit(node, fill, quarters) || fits(node, fill, order, fill->count, quarters))
		return fill->count;
	while (beyond - fit > 1) {
		const size_t middle = fit + (beyond - fit) / 2;

		if (fits(node, fill, order, middle, quarters))
			fit = middle;
		else
			beyond = middle;
	}
	return fit;
}

/* Writes those that fit; the last frame stays open in the writer. */
static void write_frames(struct node *node, struct fill *fill, const uint16_t *order, size_t taken, uint32_t quarters)
{
	frame_open(node, fill, fill->frames, quarters);
	for (size_t i = 0; i < fill->count; i++) {
		if (order[i] >= taken ||
		    frame_add(&node->spread->publish.writer, &node->spread->publish.cells[order[i]]))
			continue;
		frame_keep(node, fill);
		frame_open(node, fill, fill->frames, quarters);
		frame_add(&node->spread->publish.writer, &node->spread->publish.cells[order[i]]);
	}
}

size_t fill_frames(struct node *node, struct fill *fill, uint32_t quarters)
{
	const uint16_t *order;
	size_t taken;

	if (fill->count == fill->open || quarters <= 4 * fill->frames)
		return fill->open;
	order = cells_order(node, fill->count);
	taken = taken_most(node, fill, order, quarters);
	write_frames(node, fill, order, taken, quarters);
	fill->open = node->spread->publish.writer.cells;
	return taken;
}

void fill_go_on(struct node *node, struct fill *fill)
{
	memcpy(node->spread->publish.cells, node->spread->publish.writer.cell,
	       fill->open * sizeof(*node->spread->publish.cells));
	fill->count = fill->open;
}

void fill_end(struct node *node, struct fill *fill)
{
	if (fill->open > 0)
		frame_keep(node, fill);
	fill->open = 0;
}

void fill_empty(struct node *node, struct fill *fill)
{
	frame_open(node, fill, 0, 4);
	frame_keep(node, fill);
}
