/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of answers to a pair: those of the slots that are held, mesh-wide, and whether it was answered here
 * within a day. An answer is evidence that its client is no spoofed address, and a source of the pair's past.
 */
#include "judging.h"

#include "memory.h"

/* A pair has no more answers than packets, over the same slots: so nobody earns by what was not asked for. */
static uint64_t packets_from(const struct node *node, const struct entry *pair, uint64_t oldest)
{
	const struct ledger *ledger = &node->count->ledger;
	uint64_t packets = 0;

	for (uint32_t at = ledger_first(ledger, pair); at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell_slot(pair, cell, node->slot) < oldest)
			break;
		if (!node->count->excluded[cell->origin])
			packets += ledger_packets_read(ledger, pair, cell, node->count->excluded);
	}
	return packets;
}

struct answered answered_of(const struct node *node, const struct entry *pair, uint64_t oldest)
{
	const struct answers answers = ledger_answers(&node->count->ledger, pair, oldest, node->count->excluded);
	struct answered answered = { .packets = answers.count, .tcp = answers.tcp };
	const struct note *note;
	struct key key;
	uint64_t packets;

	if (entry_kind(pair) != KEY_PAIR)
		return (struct answered){ .packets = 0 };
	packets = answers.count > 0 ? packets_from(node, pair, oldest) : 0;
	if (answered.packets > packets)
		answered.packets = packets;
	key = ledger_key(&node->count->ledger, pair);
	note = memory_find(&node->count->memory, &key, node_minute(node));
	answered.remembered = note != NULL;
	answered.remembered_tcp = note && note->tcp;
	return answered;
}

/* (Memory of a day, 5) */
double answered_past(const struct node *node, const struct entry *pair, const struct past_window *window)
{
	const uint64_t since = window->oldest + window->last;
	const struct answered answered = answered_of(node, pair, since);
	const struct duration span = duration_between(mesh_slot_start(&node->mesh, since),
						      mesh_tick_end(&node->mesh, node->tick));
	double past;

	if (answered.packets == 0 && !answered.remembered)
		return 0;
	past = fmax((double)answered.packets / fmax((double)span.ns / NS_PER_S, 1), REMEMBERED_RATE);
	if (answered.tcp || answered.remembered_tcp)
		return past;
	return fmin(past, isfinite(window->steady) ? window->steady : REMEMBERED_RATE);
}
