/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Offered rates: the packets per second that a destination's clients send, as fair assumes, from their recent ticks,
 * their cells and the peak that an entry keeps. share.c computes which share of them passes.
 */
#include "judging.h"

/* Of a peak, per tick with packets enough to tell a rate, or per short pulse: halved in 1.4 s, or in seven pulses. */
#define PEAK_DECAY 0.9
/* The same with fewer: a client that came down to a trickle is not held to its past for long. */
#define PEAK_DECAY_FEW 0.8
/* A tick with less than a quarter of the mean tick is a pause; one packet in each does not hide it. */
#define PAUSE_PART 4

double offered_recent(const struct node *node, const struct entry *entry, uint64_t tick)
{
	return (double)recent_sum(&entry->recent, tick - FAIR_TICKS, tick) / (FAIR_TICKS * tick_seconds(node));
}

/*
 * A client's packets of the running slot and the one before, and when they began; the cells of the newest slot come
 * first.
 */
static uint64_t packets_lately(const struct node *node, const struct entry *entry, struct instant *ret_begins)
{
	uint64_t packets = 0;

	*ret_begins = (struct instant){ INT64_MAX };
	for (uint32_t at = ledger_first(&node->count->ledger, entry); at != INDEX_NONE;
	     at = ledger_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
		const struct instant first = node_cell_instant(node, entry, cell, cell->first);

		if (cell_slot(entry, cell, node->slot) + 1 < node->slot)
			break;
		if (node->count->excluded[cell->origin])
			continue;
		packets += ledger_packets_read(&node->count->ledger, entry, cell, node->count->excluded);
		if (instant_is_before(first, *ret_begins))
			*ret_begins = first;
	}
	return packets;
}

static double peak_of(const struct entry *entry)
{
	const uint32_t bits = (uint32_t)entry->peak << 16;
	float peak;

	memcpy(&peak, &bits, sizeof(peak));
	return (double)peak;
}

static void set_peak(struct entry *entry, double rate)
{
	const float peak = (float)rate;
	uint32_t bits;

	memcpy(&bits, &peak, sizeof(bits));
	entry->peak = (uint16_t)(bits >> 16);
}

/* Did it send in a part of these FAIR_TICKS only? Then their mean says little of what it sends while it does. */
static bool paused(const struct entry *entry, uint64_t tick, uint64_t recent)
{
	uint64_t least = recent;

	for (uint64_t t = tick - FAIR_TICKS; t < tick; t++) {
		const uint64_t packets = recent_sum(&entry->recent, t, t + 1);

		least = packets < least ? packets : least;
	}
	return least * FAIR_TICKS * PAUSE_PART < recent;
}

/*
 * Is a pulse under way: did it begin in these FAIR_TICKS, or stop but not yet leave them? Its rate is not to be seen
 * yet, or no more.
 */
static bool is_amid_pulse(const struct entry *entry, uint64_t tick, uint64_t recent)
{
	return paused(entry, tick, recent) &&
	       recent_sum(&entry->recent, tick - FAIR_TICKS, tick - FAIR_TICKS + 1) < recent;
}

/*
 * Updates a client's peak: its highest recent rate, which fades while packets come and is held while none come. So a
 * client that sends in pulses is thinned by the rate of the previous pulse, not by its mean. The end of a pulse makes
 * the peak fade once.
 */
static void peak_tick(struct entry *entry, uint64_t tick, uint64_t recent, double rate)
{
	const bool few = recent < FEW_PACKETS;

	if (!few && rate > peak_of(entry))
		set_peak(entry, rate);
	else if (recent > 0 && !is_amid_pulse(entry, tick, recent))
		set_peak(entry, fmax(few ? 0 : rate, (few ? PEAK_DECAY_FEW : PEAK_DECAY) * peak_of(entry)));
}

/* Time since the client's last packet, by the cells received so far. */
static struct duration silence(const struct node *node, const struct entry *entry, struct now now)
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

/* What it is known to have sent up to `tick`, of the running slot and the one before. */
static uint64_t packets_before(const struct node *node, const struct entry *entry, uint64_t tick,
			       struct instant *ret_begins)
{
	const uint64_t known = packets_lately(node, entry, ret_begins),
		       after = recent_sum(&entry->recent, tick, entry->recent.newest);

	return known > after ? known - after : 0;
}

double offered_met(const struct node *node, const struct entry *entry, uint64_t tick)
{
	const uint64_t recent = recent_sum(&entry->recent, tick - FAIR_TICKS, tick);
	const double rate = (double)recent / (FAIR_TICKS * tick_seconds(node));
	struct instant begins;
	uint64_t packets;
	double seconds;

	if (recent >= FEW_PACKETS)
		return paused(entry, tick, recent) ? fmax(rate, peak_of(entry)) : rate;
	packets = packets_before(node, entry, tick, &begins);
	if (packets == 0)
		return peak_of(entry);
	seconds = (double)duration_between(begins, mesh_tick_end(&node->mesh, tick)).ns / NS_PER_S;
	/*
	 * One more than were counted: shares go by 1 / rate, and the mean of 1 / (n + 1) is 1 / rate, that of 1 / n
	 * is more.
	 */
	return fmax(peak_of(entry), (double)(packets + 1) / fmax(1, seconds));
}

double offered_settled(const struct node *node, struct now now, struct entry *entry, uint64_t tick,
		       double *ret_listed)
{
	const uint64_t recent = recent_sum(&entry->recent, tick - FAIR_TICKS, tick);
	const struct instant from = mesh_tick_end(&node->mesh, tick - FAIR_TICKS);
	const double rate = (double)recent / (FAIR_TICKS * tick_seconds(node));
	struct instant begins;
	const uint64_t packets = packets_before(node, entry, tick, &begins);
	bool is_new = packets == 0 || !instant_is_before(begins, from);

	if (packets == 0 &&
	    duration_exceeds(silence(node, entry, now), entry_policy(node, entry)->thresholds.idle_reset))
		set_peak(entry, 0);
	if (is_new && peak_of(entry) > 0)
		is_new = false; /* it has been silent for long, but may be back any moment */
	peak_tick(entry, tick, recent, rate);
	*ret_listed = is_new ? 0 : rate;
	return is_new ? 0 : offered_met(node, entry, tick);
}
