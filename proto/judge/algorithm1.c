/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The replay of Algorithm 1 over the slots of one key. Line numbers are the paper's. */
#include "algorithm1.h"

/*
 * Lines 13-15 at a slot's boundary. Ageing by the slot's own last packet instead would halve the old count against a
 * window that already holds the new packets.
 */
static void age(struct paper_m *m, struct instant boundary, const struct mesh *mesh)
{
	const int64_t window = boundary.ns - m->ts1.ns, decay = mesh->decay;

	if (window <= (int64_t)mesh->window_max_ms * NS_PER_MS / decay)
		return;
	m->ts1.ns = boundary.ns - window / decay;
	m->count /= (uint64_t)decay;
}

void algorithm1_add(struct replay *replay, uint64_t slot, const struct slot_sum *sum, const struct mesh *mesh,
		    struct duration idle_reset)
{
	struct paper_m *m = &replay->m;

	if (sum->packets == 0)
		return;
	if (m->count == 0 || duration_exceeds(duration_between(m->ts2, sum->first), idle_reset)) {
		*m = (struct paper_m){ sum->first, sum->last, sum->packets }; /* lines 6-8 and 26-28 */
	} else {
		for (uint64_t boundary = replay->previous + 1; boundary <= slot; boundary++)
			age(m, mesh_slot_start(mesh, boundary), mesh);
		if (instant_is_before(sum->first, m->ts1)) /* lines 19-20 */
			m->ts1 = sum->first;
		if (instant_is_before(m->ts2, sum->last)) /* lines 11-12 and 16-17 */
			m->ts2 = sum->last;
		m->count += sum->packets; /* line 24 */
	}
	replay->previous = slot;
}

struct paper_m algorithm1_replay(const struct slot_sum sums[SLOTS_HELD], uint64_t oldest, const struct mesh *mesh,
				 struct duration idle_reset)
{
	struct replay replay = { .previous = 0 };

	for (unsigned int i = 0; i < SLOTS_HELD; i++)
		algorithm1_add(&replay, oldest + i, &sums[i], mesh, idle_reset);
	return replay.m;
}
