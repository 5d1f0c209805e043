/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The replay of Algorithm 1 over the slots of one key. Line numbers are the paper's. */
#include "algorithm1.h"

/* Lines 13-15 at a slot's boundary. Ageing by the slot's own last packet instead would halve the old count against a window that already
 * holds the new packets. */
static void age(struct record *m, struct instant boundary, const struct mesh *mesh)
{
	const int64_t window = boundary.ns - m->ts1.ns, decay = mesh->decay;

	if (window <= (int64_t)mesh->window_max_ms * NS_PER_MS / decay)
		return;
	m->ts1.ns = boundary.ns - window / decay;
	m->count /= (uint64_t)decay;
}

struct record algorithm1_replay(const struct slot_sum sums[SLOTS_HELD], uint64_t oldest, const struct mesh *mesh, struct duration idle_reset)
{
	struct record m = { .count = 0 };
	bool present = false;
	uint64_t previous = 0;

	for (unsigned int i = 0; i < SLOTS_HELD; i++) {
		const struct slot_sum *sum = &sums[i];
		const uint64_t slot = oldest + i;

		if (sum->packets == 0)
			continue;
		if (!present || duration_exceeds(duration_between(m.ts2, sum->first), idle_reset)) {
			m = (struct record){ sum->first, sum->last, sum->packets }; /* lines 6-8 and 26-28 */
			present = true;
		} else {
			for (uint64_t boundary = previous + 1; boundary <= slot; boundary++)
				age(&m, mesh_slot_start(mesh, boundary), mesh);
			if (instant_is_before(sum->first, m.ts1)) /* lines 19-20 */
				m.ts1 = sum->first;
			if (instant_is_before(m.ts2, sum->last)) /* lines 11-12 and 16-17 */
				m.ts2 = sum->last;
			m.count += sum->packets; /* line 24 */
		}
		previous = slot;
	}
	return m;
}
