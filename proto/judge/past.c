/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a pair sent before its destination was over its rate: its past. Who has one is known, and comes before strangers
 * while the destination is over. PROTOCOL section "Fair".
 *
 * The past is read from the cells that are held: a part of them is still to come when the destination goes over its
 * rate, because cells are told on a call. So it is read again while the destination is over, and only grows meanwhile.
 * An answer earns a past during that time (answered.c).
 */
#include "judging.h"

/* A float's upper half: its sign, its exponent and seven bits of its fraction. */
static double past_read(uint16_t past)
{
	const uint32_t bits = (uint32_t)past << 16;
	float rate;

	memcpy(&rate, &bits, sizeof(rate));
	return (double)rate;
}

static uint16_t past_write(double past)
{
	const float rate = (float)past;
	uint32_t bits;

	memcpy(&bits, &rate, sizeof(bits));
	return (uint16_t)(bits >> 16);
}

double past_of(const struct node *node, const struct entry *pair)
{
	(void)node;
	return past_read(pair->past);
}

double past_here(const struct entry *pair)
{
	return pair->past_here == 0 ? 0 : past_read(pair->past_here) / past_read(pair->past);
}

/* Packets of a key after `tick` in the slot of that tick, as far as the ring of recent ticks has them. */
static uint64_t packets_after(const struct node *node, const struct entry *entry, uint64_t tick)
{
	const uint64_t slot = mesh_slot_at(&node->mesh, mesh_tick_end(&node->mesh, tick)),
		       end = mesh_tick_ended(&node->mesh, mesh_slot_start(&node->mesh, slot + 1));

	if ((int32_t)(entry->recent.newest - (uint32_t)tick) > RECENT_TICKS)
		return UINT64_MAX;
	return recent_sum(&entry->recent, tick, end);
}

static struct instant earlier(struct instant a, struct instant b)
{
	return instant_is_before(b, a) ? b : a;
}

static struct instant later(struct instant a, struct instant b)
{
	return instant_is_before(a, b) ? b : a;
}

static uint64_t without(uint64_t packets, uint64_t after)
{
	return packets > after ? packets - after : 0;
}

/* The part of slot `i` before the window ends, in seconds. */
static double slot_seconds(const struct node *node, const struct past_window *window, unsigned int i)
{
	const uint64_t slot = window->oldest + i;
	const struct instant ends = i < window->last ? mesh_slot_start(&node->mesh, slot + 1) :
						       mesh_tick_end(&node->mesh, window->from);

	return (double)duration_between(mesh_slot_start(&node->mesh, slot), ends).ns / NS_PER_S;
}

/* The slots in which more than the rate was offered, by the destination's own cells. */
static unsigned int slots_over(const struct node *node, const struct past_window *window, const struct slot_sums *sums,
			       uint64_t after, double rate)
{
	unsigned int over = 0;

	for (unsigned int i = 0; i <= window->last; i++) {
		const uint64_t packets = without(sums->sum[i].packets, i < window->last ? 0 : after);

		over |= (double)packets > rate * slot_seconds(node, window, i) ? 1U << i : 0;
	}
	return over;
}

void past_window_of(const struct node *node, const struct entry *destination, uint64_t from, double rate,
		    struct past_window *ret_window)
{
	const uint64_t oldest = slot_oldest(node->slot),
		       slot = mesh_slot_at(&node->mesh, mesh_tick_end(&node->mesh, from));
	const uint32_t place = ledger_first(&node->count->ledger, destination);
	struct past_window *window = ret_window;
	struct slot_sums sums;
	bool began = false;

	*window = (struct past_window){ .from = from, .oldest = oldest };
	if (slot < oldest || slot >= oldest + SLOTS_HELD || place == INDEX_NONE)
		return;
	window->last = (unsigned int)(slot - oldest);
	ledger_sum(&node->count->ledger, destination, place, oldest, &node->mesh, node->count->excluded, &sums);
	window->over = slots_over(node, window, &sums, packets_after(node, destination, from), rate);
	/* An attack may have begun in the slot before; in the last one it is known when. */
	window->slots = ~(window->over | window->over >> 1 | (window->over << 1 & 1U << window->last)) &
			((2U << window->last) - 1);
	for (unsigned int i = 0; i <= window->last; i++) {
		if (!(window->slots >> i & 1))
			continue;
		if (!began && sums.sum[i].packets > 0)
			window->span -= (double)duration_between(mesh_slot_start(&node->mesh, oldest + i),
								 sums.sum[i].first)
						.ns /
					NS_PER_S;
		began = began || sums.sum[i].packets > 0;
		window->span += began ? slot_seconds(node, window, i) : 0;
	}
}

bool past_note(const struct node *node, struct entry *pair, const struct past_window *window)
{
	const struct instant end = mesh_tick_end(&node->mesh, window->from);
	struct instant first = end, latest = { INT64_MIN };
	const double was = past_read(pair->past);
	uint64_t packets = 0, last = 0, all = 0, own = 0;
	double past = 0;

	for (uint32_t at = ledger_first(&node->count->ledger, pair); at != INDEX_NONE;
	     at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
		const uint64_t i = cell_slot(pair, cell, node->slot) - window->oldest;
		uint64_t read;

		if (i > window->last || !(window->slots >> i & 1) || node->count->excluded[cell->origin])
			continue;
		read = ledger_packets_read(&node->count->ledger, pair, cell, node->count->excluded);
		*(i == window->last ? &last : &packets) += read;
		all += read;
		own += node->count->others[cell->origin] ? 0 : read;
		first = earlier(first, node_cell_instant(node, pair, cell, cell->first));
		latest = later(latest, node_cell_instant(node, pair, cell, cell->last));
	}
	packets += last > 0 ? without(last, packets_after(node, pair, window->from)) : 0;
	if (packets > 1 && !duration_exceeds(duration_ms(STEADY_MS), duration_between(first, earlier(latest, end))))
		past = (double)(packets - 1) / fmax(window->span, 1);
	past = fmax(past, answered_past(node, pair, window));
	if (window->anew || past > was) {
		pair->past = past_write(past);
		/* Of an answer alone it is not known where the client is: it counts at each proxy. */
		pair->past_here = past_write(all > 0 ? past * (double)own / (double)all : past);
	}
	return was <= 0 && past > 0;
}
