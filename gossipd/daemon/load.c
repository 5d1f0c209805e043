/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every packet has one verdict, so the sum of the verdicts' counters is what the filter saw. */
#include "load.h"

#include "daemon.h"

static uint64_t packets_seen(const struct table *table)
{
	struct reason_counter reasons[REASON_COUNT];
	uint64_t packets = 0;

	table_read_reasons(table, reasons);
	/* those behind it are counted beside a verdict */
	for (unsigned int reason = 0; reason <= REASON_WOULD_DROP; reason++)
		packets += reasons[reason].packets;
	return packets;
}

/*
 * Packets per second this proxy can do: its setting, else its certificate's line rate; 0: neither says. A line rate
 * that nobody chose bounds what a member may report, and says nothing of what this host can do.
 */
static double capacity_of(const struct daemon *daemon)
{
	const uint64_t line_rate = daemon->identity.certificate.line_rate;

	if (daemon->config.capacity)
		return daemon->config.capacity;
	return line_rate == LINE_RATE_DEFAULT ? 0 : (double)line_rate;
}

void load_second(struct daemon *daemon, struct now now)
{
	const uint64_t packets = packets_seen(daemon->table);
	const double seconds = (double)duration_between(daemon->load.at, now.mono).ns / NS_PER_S,
		     capacity = capacity_of(daemon);
	struct load *load = &daemon->load;

	if (load->at.ns != 0 && seconds < 0.5)
		return; /* too short to tell a rate */
	if (load->at.ns != 0 && packets >= load->packets)
		load->packets_per_s = (double)(packets - load->packets) / seconds;
	load->packets = packets;
	load->at = now.mono;
	if (capacity > 0 && daemon->config.gossip)
		node_set_load(daemon->node, now, load->packets_per_s / capacity,
			      daemon->config.load_limit_percent / 100.);
}
