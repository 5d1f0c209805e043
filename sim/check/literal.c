/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * I15: what a proxy judges a client or network by is the paper's Algorithm 1, line by line, over the cells of its sum.
 * I1 and I11 check these cells; here no line of the core is used that reads or remembers them for a verdict. Written
 * from PROTOCOL, "Replay".
 */
#include "check.h"
#include "node_internal.h"
#include "world.h"

/* dc of one slot, over all origins that count. */
struct slot_cells {
	int64_t first_ns, last_ns;
	uint64_t packets;
};

struct literal {
	int64_t ts1_ns, ts2_ns;
	uint64_t count;
};

static void cell_joins(struct slot_cells *cells, const struct mesh *mesh, uint64_t slot, const struct ledger_cell *cell)
{
	const int64_t begins = mesh_slot_start(mesh, slot).ns, length = mesh_slot_length(mesh).ns,
		      first = begins + cell->first * length / SLOT_FRACTIONS,
		      last = begins + cell->last * length / SLOT_FRACTIONS;

	if (cells->packets == 0 || first < cells->first_ns)
		cells->first_ns = first;
	if (cells->packets == 0 || last > cells->last_ns)
		cells->last_ns = last;
	cells->packets += cell->packets;
}

/* Slots oldest first. False: a member's line bounds what its cells count for, which is not the paper's. */
static bool slots_of(const struct proxy *proxy, uint32_t number, uint64_t slot, struct slot_cells ret_slots[SLOTS_HELD])
{
	const struct counting *count = proxy->node->count;
	const struct entry *entry = &count->ledger.entries[number];

	for (uint32_t at = ledger_first(&count->ledger, entry); at != INDEX_NONE;
	     at = ledger_below(&count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&count->ledger, at);
		const uint64_t of = cell_slot(entry, cell, slot);

		if (count->excluded[cell->origin] || cell->packets == 0 || of > slot || of + SLOTS_HELD <= slot)
			continue;
		if (ledger_is_over_line(&count->ledger, entry, origin_member(cell->origin), (uint16_t)of))
			return false;
		cell_joins(&ret_slots[SLOTS_HELD - 1 - (slot - of)], &proxy->world->mesh, of, cell);
	}
	return true;
}

/* Lines 13-15 at each slot that began since the last one with cells. */
static void age(struct literal *m, const struct mesh *mesh, uint64_t previous, uint64_t slot)
{
	for (uint64_t at = previous + 1; at <= slot; at++) {
		const int64_t begins = mesh_slot_start(mesh, at).ns, window = begins - m->ts1_ns;

		if (window > (int64_t)mesh->window_max_ms * NS_PER_MS / (int64_t)mesh->decay) {
			m->ts1_ns = begins - window / (int64_t)mesh->decay;
			m->count /= mesh->decay;
		}
	}
}

static struct literal algorithm1(const struct slot_cells slots[SLOTS_HELD], uint64_t oldest, const struct mesh *mesh,
				 int64_t idle_reset_ns)
{
	struct literal m = { .count = 0 };
	uint64_t previous = 0;

	for (unsigned int i = 0; i < SLOTS_HELD; i++) {
		const struct slot_cells *dc = &slots[i];

		if (dc->packets == 0)
			continue;
		if (m.count == 0 || dc->first_ns - m.ts2_ns > idle_reset_ns) { /* 6-8, 26-28 */
			m = (struct literal){ dc->first_ns, dc->last_ns, dc->packets };
		} else {
			age(&m, mesh, previous, oldest + i);
			m.ts1_ns = dc->first_ns < m.ts1_ns ? dc->first_ns : m.ts1_ns; /* 19-20 */
			m.ts2_ns = dc->last_ns > m.ts2_ns ? dc->last_ns : m.ts2_ns; /* 11-12, 16-17 */
			m.count += dc->packets; /* 24 */
		}
		previous = oldest + i;
	}
	return m;
}

void check_verdict(struct world *world, const struct proxy *proxy, struct now now, const struct change *change)
{
	const uint64_t slot = mesh_slot_at(&world->mesh, now.mesh);
	const uint32_t number = ledger_find(&proxy->node->count->ledger, &change->key);
	struct slot_cells slots[SLOTS_HELD] = { { .packets = 0 } };
	struct literal m;

	if (!world->check.on || !kind_has_sums(key_kind(&change->key)) || number == INDEX_NONE ||
	    !slots_of(proxy, number, slot, slots))
		return;
	m = algorithm1(slots, slot - (SLOTS_HELD - 1), &world->mesh, world->scenario.thresholds.idle_reset.ns);
	world->check.reached[REACHED_SUM_JUDGED]++;
	world->check.reached[REACHED_SUM_AGED] += m.count > 0 && m.ts1_ns < mesh_slot_start(&world->mesh, slot - 1).ns;
	if (m.count != change->count ||
	    (m.count > 0 && (m.ts1_ns != change->ts1.ns || m.ts2_ns != change->ts2.ns)))
		check_fail(world, proxy,
			   "key %u is judged by %llu packets of [%lld, %lld], and Algorithm 1 has %llu of [%lld, %lld] "
			   "(I15)",
			   keys_find(&world->keys, &change->key), (unsigned long long)change->count,
			   (long long)change->ts1.ns, (long long)change->ts2.ns, (unsigned long long)m.count,
			   (long long)m.ts1_ns, (long long)m.ts2_ns);
}
