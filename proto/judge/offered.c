/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Offered rates: the packets per second that a destination's clients send, as fair assumes, from their recent ticks and
 * their cells. share.c computes which share of them passes.
 */
#include "judging.h"

/* A tick with less than half of the mean tick is a pause, or the pulse began or ended in it. */
#define PAUSE_PART 2
/* So long after its first packet the second one is awaited: a TCP of RFC 2988 sends a SYN again after three seconds. */
#define AWAITED_MS 3200

double offered_recent(const struct node *node, const struct entry *entry, uint64_t tick)
{
	return (double)recent_sum(&entry->recent, tick - FAIR_TICKS, tick) / (FAIR_TICKS * tick_seconds(node));
}

uint64_t offered_busiest(const struct entry *entry, uint64_t tick)
{
	uint64_t most = 0, busiest = tick;

	for (uint64_t t = tick; t > tick - FAIR_TICKS; t--) {
		const uint64_t packets = recent_sum(&entry->recent, t - FAIR_TICKS, t);

		if (packets <= most)
			continue;
		most = packets;
		busiest = t;
	}
	return busiest;
}

/* A client's packets of the running slot and the one before. */
struct lately {
	uint64_t packets, own; /* own: of these, counted at this proxy */
	struct instant first;
	bool is_new; /* nothing came before these two slots */
	double peak; /* packets per second within a slot of the last T_T1 that has many */
};

/* Packets of one slot, and when the first and the last came. */
struct in_slot {
	uint64_t slot, packets, own;
	struct instant first, last;
};

static double rate_in(const struct in_slot *in)
{
	const double seconds = (double)duration_between(in->first, in->last).ns / NS_PER_S;

	return in->packets < FEW_PACKETS * PAUSE_PART ? 0 : (double)in->packets / fmax(seconds, 1);
}

static void add_cell(const struct node *node, const struct entry *entry, const struct ledger_cell *cell,
		     struct in_slot *in)
{
	const struct instant first = node_cell_instant(node, entry, cell, cell->first),
			     last = node_cell_instant(node, entry, cell, cell->last);

	const uint64_t packets = ledger_packets_read(&node->count->ledger, entry, cell, node->count->excluded);

	in->packets += packets;
	in->own += node->count->others[cell->origin] ? 0 : packets;
	in->first = instant_is_before(first, in->first) ? first : in->first;
	in->last = instant_is_before(in->last, last) ? last : in->last;
}

static void add_slot(const struct node *node, const struct in_slot *in, struct duration idle_reset,
		     struct lately *lately)
{
	const struct instant now = mesh_tick_end(&node->mesh, node->tick);

	if (in->packets > 0 && in->slot + 1 >= node->slot) {
		lately->packets += in->packets;
		lately->own += in->own;
		lately->first = in->first; /* older than those of the slot before in the list */
	}
	lately->is_new = lately->is_new && (in->packets == 0 || in->slot + 1 >= node->slot);
	if (in->packets > 0 && !duration_exceeds(duration_between(in->last, now), idle_reset))
		lately->peak = fmax(lately->peak, rate_in(in));
}

/* The cells of the newest slot come first. */
static struct lately lately_of(const struct node *node, const struct entry *entry)
{
	const struct in_slot none = { .first = { INT64_MAX }, .last = { INT64_MIN } };
	const struct duration idle_reset = entry_policy(node, entry)->thresholds.idle_reset;
	struct lately lately = { .first = { INT64_MAX }, .is_new = true };
	struct in_slot in = none;

	for (uint32_t at = ledger_first(&node->count->ledger, entry); at != INDEX_NONE;
	     at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
		const uint64_t slot = cell_slot(entry, cell, node->slot);

		if (slot != in.slot) {
			add_slot(node, &in, idle_reset, &lately);
			in = none;
			in.slot = slot;
		}
		if (!node->count->excluded[cell->origin])
			add_cell(node, entry, cell, &in);
	}
	add_slot(node, &in, idle_reset, &lately);
	return lately;
}

bool offered_is_amid_pulse(const struct entry *entry, uint64_t tick, unsigned int ticks)
{
	const uint64_t recent = recent_sum(&entry->recent, tick - ticks, tick);
	uint64_t least = recent;

	for (uint64_t t = tick - ticks; t < tick; t++) {
		const uint64_t packets = recent_sum(&entry->recent, t, t + 1);

		least = packets < least ? packets : least;
	}
	return recent_sum(&entry->recent, tick - FAIR_TICKS, tick) == 0 ||
	       (recent >= FEW_PACKETS * PAUSE_PART && least * ticks * PAUSE_PART < recent);
}

/*
 * The mean up to `tick` of a client of few packets, with one packet more than were counted: shares go by 1 / rate, and
 * the mean of 1 / (n + 1) is 1 / rate, that of 1 / n is more. It is also the one that a silent client sends next.
 * (Fair, 2)
 */
static double mean_rate(const struct node *node, uint64_t tick, uint64_t packets)
{
	const struct instant begins = mesh_slot_start(&node->mesh, node->slot - 1);
	const double span = (double)duration_between(begins, mesh_tick_end(&node->mesh, tick)).ns / NS_PER_S;

	/* In a slot of few ticks `tick` may be before that. */
	return (double)(packets + 1) / fmax(span, FAIR_TICKS * tick_seconds(node));
}

/* Does a packet in tick `tick` come so long after one at `then`, in whole ticks? */
static bool is_after(const struct node *node, struct instant then, uint64_t tick, int64_t ms)
{
	return (int64_t)(tick - mesh_tick_ended(&node->mesh, then) - 1) * mesh_tick_length(&node->mesh).ns >=
	       ms * NS_PER_MS;
}

/* What a packet in tick `tick` makes of a stranger that sent `packets` before, lately. (Fair, 3) */
static enum part_kind kind_at(const struct node *node, const struct lately *lately, uint64_t packets, uint64_t tick)
{
	if (packets == 0 || !is_after(node, lately->first, tick, STEADY_MS))
		return PART_LOT;
	if (packets > 1)
		return PART_STEADY;
	return lately->is_new && !is_after(node, lately->first, tick, AWAITED_MS) ? PART_AWAITED : PART_LOT;
}

/* The first of the FAIR_TICKS up to `tick` in which something came of it. */
static uint64_t first_tick(const struct entry *entry, uint64_t tick)
{
	uint64_t first = tick - FAIR_TICKS + 1;

	while (first < tick && recent_sum(&entry->recent, first - 1, first) == 0)
		first++;
	return first;
}

struct offer offered_of(const struct node *node, const struct entry *entry, uint64_t tick)
{
	const struct lately lately = lately_of(node, entry);
	const uint64_t recent = recent_sum(&entry->recent, tick - FAIR_TICKS, tick),
		       after = recent_sum(&entry->recent, tick, entry->recent.newest),
		       packets = lately.packets > after ? lately.packets - after : 0,
		       before = packets > recent ? packets - recent : 0;
	struct offer offer = { .recent = (double)recent / (FAIR_TICKS * tick_seconds(node)),
			       .is_sparse = recent < FEW_PACKETS,
			       .was = kind_at(node, &lately, before, first_tick(entry, tick)),
			       .is = kind_at(node, &lately, lately.packets, node->tick + 1) };

	offer.here = lately.packets > 0 ? (double)lately.own / (double)lately.packets : 0;
	offer.counted = offer.judged = offer.recent;
	if (offer.is_sparse) {
		offer.counted = mean_rate(node, tick, packets);
		offer.judged = mean_rate(node, tick - FAIR_TICKS, before);
	}
	if (offer.is_sparse && lately.peak > PAUSE_PART * offer.counted) {
		offer.counted = offer.judged = lately.peak;
		offer.is_sparse = false;
	}
	return offer;
}

struct duration offered_silence(const struct node *node, const struct entry *entry, struct now now)
{
	const struct ledger *ledger = &node->count->ledger;
	const uint32_t first = ledger_first(ledger, entry);
	uint32_t last = 0;

	if (first == INDEX_NONE)
		return (struct duration){ INT64_MAX };
	for (uint32_t at = first; at != INDEX_NONE && ledger_at(ledger, at)->slot == ledger_at(ledger, first)->slot;
	     at = ledger_below(ledger, at))
		last = ledger_at(ledger, at)->last > last ? ledger_at(ledger, at)->last : last;
	return duration_between(node_cell_instant(node, entry, ledger_at(ledger, first), last), now.mesh);
}
