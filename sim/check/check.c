/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The invariants; their numbers are those of the list in sim/README.md. */
#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node_internal.h"
#include "world.h"

/* a client below this share of its rate is never dropped by its own rule, whatever the clocks do */
#define SURELY_BELOW 0.3

const char *const reached_names[REACHED_COUNT] = {
	"loss",
	"replay refused",
	"forgery refused",
	"frame repaired",
	"partition",
	"partition longer than retention",
	"one-way link",
	"clog",
	"crash",
	"table lost",
	"pause",
	"skewed member",
	"silent member",
	"stale slot refused",
	"budget overflow",
	"quota",
	"pair dropped",
	"destination dropped",
	"table full",
	"swizzle-clog",
	"suspended host",
	"clock jump",
	"time went back",
	"lie",
	"equivocation proved",
	"core smaller than mesh",
	"destinations full",
	"coarse drop",
	"record gave way",
	"claim refused",
	"client quota",
	"answer",
	"foreign source",
	"untold cell",
	"sum judged",
	"sum aged",
};

const char *const breaking_names[BREAK_COUNT] = { "nothing", "overcount", "shrink", "forget", "resurrect",
						  "replay",  "forgery",	  "deaf",   "drop",
						  "unjudged", "hoard",	  "sum",    "mute",	"pretend", "stale" };

static struct world *watched; /* whose check the wrapped functions report to: one world runs at a time */

struct proxy *check_caller(struct world **ret_world)
{
	*ret_world = watched;
	return watched ? watched->check.inside : NULL;
}

static uint64_t slot_now(const struct world *world, const struct proxy *proxy)
{
	return mesh_slot_at(&world->mesh, proxy_now(proxy, world->now_ns).mesh);
}

/* ---- joins: I1 (nothing above the truth), I2 (counts only grow), I8 (nothing comes back) ---- */

enum join __real_ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version,
			     uint64_t *ret_gain, uint32_t *ret_place);
enum join __wrap_ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version,
			     uint64_t *ret_gain, uint32_t *ret_place);

static void check_join(struct world *world, struct proxy *proxy, uint16_t origin, const struct cell *version,
		       uint64_t held)
{
	struct check *check = &world->check;
	const uint32_t key = keys_find(&world->keys, &version->key);
	const uint64_t slot = slot_now(world, proxy);
	struct tally_name truth_name, seen_name;
	uint64_t incarnation, truth, seen;
	const int member = proxy_member_of_origin(proxy, origin, &incarnation);

	check->joins++;
	if (member < 0 || key == KEY_NONE) {
		check_fail(world, proxy, "a cell of nobody's, or of a key nobody sent a packet of, was joined");
		return;
	}
	if (version->slot + SLOTS_HELD <= slot || version->slot > slot + 1)
		check_fail(world, proxy, "a cell of slot %llu was joined in slot %llu (I8)",
			   (unsigned long long)version->slot, (unsigned long long)slot);
	truth_name = tally_name(0, 0, (unsigned int)member, incarnation, key, version->slot);
	seen_name = tally_name(proxy->number, proxy->life, (unsigned int)member, incarnation, key, version->slot);
	truth = tally_get(&check->truth, truth_name);
	seen = tally_get(&check->seen, seen_name);
	if (held > truth && !liar_is(world, member))
		check->above_truth++;
	if (held > truth && !liar_is(world, member) && world->scenario.without == DEFENCE_NONE)
		check_fail(world, proxy,
			   "holds %llu packets of key %u that node-%d counted in slot %llu; it counted %llu (I1)",
			   (unsigned long long)held, key, member, (unsigned long long)version->slot,
			   (unsigned long long)truth);
	if (held < seen)
		check_fail(world, proxy, "held %llu packets of key %u by node-%d in slot %llu, now %llu (I2)",
			   (unsigned long long)seen, key, member, (unsigned long long)version->slot,
			   (unsigned long long)held);
	tally_set(&check->seen, seen_name, held, slot_remembered(world));
}

static void check_sum(struct world *world, const struct proxy *proxy, const struct cell *version)
{
	const uint64_t expected = sum_expected(world, proxy, version);

	if (version->packets != expected)
		check_fail(world, proxy, "the sum of key %u in slot %llu is %llu, and its records gained %llu (I11)",
			   keys_find(&world->keys, &version->key), (unsigned long long)version->slot,
			   (unsigned long long)version->packets, (unsigned long long)expected);
}

static void break_join(struct world *world, struct proxy *proxy, struct ledger_cell *cell)
{
	if (world->check.breaking == BREAK_SHRINK && proxy->number == 0 && world->now_ns > 5 * NS_PER_S &&
	    cell->packets > 1)
		cell->packets /= 2;
}

enum join __wrap_ledger_join(struct ledger *ledger, uint32_t entry, uint16_t origin, const struct cell *version,
			     uint64_t *ret_gain, uint32_t *ret_place)
{
	const uint32_t cached = ledger->entries[entry].flags & ENTRY_CACHED;
	const enum join join = __real_ledger_join(ledger, entry, origin, version, ret_gain, ret_place);
	struct proxy *proxy = watched ? watched->check.inside : NULL;

	if (!proxy || !watched->check.on || join == JOIN_QUOTA)
		return join;
	if (origin == 0 && kind_has_sums(key_kind(&version->key)))
		check_sum(watched, proxy, version);
	break_join(watched, proxy, ledger_at(ledger, *ret_place));
	if (watched->check.breaking == BREAK_STALE && proxy->number == 0 && kind_has_sums(key_kind(&version->key)))
		ledger->entries[entry].flags |= cached;
	check_told_note(proxy, entry);
	check_join(watched, proxy, origin, version, ledger_at(ledger, *ret_place)->packets);
	return join;
}

/* ---- frames: for the measures ---- */

void __real_origin_note(struct origin *origin, uint64_t sequence, uint64_t tick, uint16_t tick_frames, bool closing);
void __wrap_origin_note(struct origin *origin, uint64_t sequence, uint64_t tick, uint16_t tick_frames, bool closing);

void __wrap_origin_note(struct origin *origin, uint64_t sequence, uint64_t tick, uint16_t tick_frames, bool closing)
{
	struct proxy *proxy = watched ? watched->check.inside : NULL;
	uint64_t incarnation;

	__real_origin_note(origin, sequence, tick, tick_frames, closing);
	if (!proxy)
		return;
	const uint16_t number = (uint16_t)(origin - proxy->node->count->origins);

	measure_frame(watched, proxy, proxy_member_of_origin(proxy, number, &incarnation), sequence);
}

/* ---- turns ---- */

static void break_resurrect(struct world *world, struct proxy *proxy)
{
	const uint64_t slot = slot_now(world, proxy);
	struct cell cell = { .key = world->keys.keys[0], .slot = slot - SLOTS_HELD - 1, .packets = 1 };

	if (world->check.breaking == BREAK_RESURRECT && proxy->number == 0 && world->now_ns > 5 * NS_PER_S &&
	    world->keys.count > 0)
		receive_cell(proxy->node, 0, &cell, 1, 1);
}

void check_enter(struct world *world, struct proxy *proxy)
{
	watched = world;
	world->check.inside = proxy;
	world->events++;
	if (world->check.breaking == BREAK_RESURRECT)
		break_resurrect(world, proxy);
	if (world->check.breaking == BREAK_REPLAY && world->now_ns > 5 * NS_PER_S) {
		for (uint32_t i = 0; i < proxy->config.limits.members_max; i++)
			proxy->node->member->table[i].anti_replay = (struct anti_replay){ .highest = 0 };
	}
}

/* I6: what is bounded stays inside its bounds. */
void check_outside(struct world *world)
{
	world->check.inside = NULL;
}

void check_inside(struct world *world, struct proxy *proxy)
{
	world->check.inside = proxy;
}

/* What one defence less comes to: of two frames with one sequence the first counts, and nobody is told of the other. */
static void undefend(struct world *world, struct proxy *proxy)
{
	struct node *node = proxy->node;

	if (world->scenario.without != DEFENCE_QUARANTINE)
		return;
	for (uint32_t i = 0; i < proxy->config.limits.members_max * INCARNATIONS_MAX; i++) {
		if (node->count->origins[i].quarantined)
			node->count->origins[i].quarantined = node->count->excluded[i] = false;
	}
	for (uint32_t i = 0; i < node->outbox->rings[CLASS_RELAY].count; i++) {
		struct out *out = &node->outbox->rings[CLASS_RELAY].items[(node->outbox->rings[CLASS_RELAY].head + i) %
									  node->outbox->rings[CLASS_RELAY].size];

		if (out->kind == OUT_RELAY && node->spread->store.frames[out->frame.number].is_proof)
			out->frame.sequence = 0; /* as if its place had been taken */
	}
}

void check_leave(struct world *world, struct proxy *proxy)
{
	const struct node *node = proxy->node;

	world->check.inside = NULL;
	if (!world->check.on)
		return;
	if (node->count->ledger.cells_held > node->count->ledger.cells_max ||
	    node->count->ledger.keys_held > node->count->ledger.keys_max)
		check_fail(world, proxy, "ledger beyond its bounds (I6)");
	if (node->outbox->count > 0 || judge_waiting(node) > 0)
		check_fail(world, proxy, "something is left to do after a turn (I6)");
	if (node->counters.cells_waiting > 0)
		world->check.reached[REACHED_BUDGET]++;
}

void check_datagram(struct world *world, const struct proxy *proxy, size_t size)
{
	if (size > proxy->config.datagram_bytes && size != HELLO_BYTES)
		check_fail(world, proxy, "sends a datagram of %zu bytes (I6)", size);
}

void check_change(struct world *world, const struct proxy *proxy, const struct change *change)
{
	if (!world->check.on)
		return;
	if (!(change->rho >= 0 && isfinite(change->rho)) || change->known > change->count ||
	    instant_is_before(change->ts2, change->ts1))
		check_fail(world, proxy, "a record that makes no sense: rho %g, known %llu, count %llu", change->rho,
			   (unsigned long long)change->known, (unsigned long long)change->count);
}

/* I4: what is harvested is what was counted; from here on it is the truth. */
void check_harvest(struct world *world, struct proxy *proxy, struct kernel_record *record,
		   const struct harvest_cell *cell)
{
	struct check *check = &world->check;
	const struct tally_name name = tally_name(0, 0, proxy->number, proxy->config.incarnation, record->key,
						  cell->slot);
	uint64_t before;

	if (!check->on)
		return;
	before = tally_get(&check->truth, name);
	if (record->forgot && record->forgot_slot == (uint16_t)cell->slot && cell->packets < before)
		return; /* what its predecessor told of the slot stands, until this record has counted more */
	if (cell->packets < before)
		check_fail(world, proxy, "harvested %llu packets in slot %llu, after %llu (I2)",
			   (unsigned long long)cell->packets, (unsigned long long)cell->slot,
			   (unsigned long long)before);
	record->harvested += cell->packets - before;
	if (record->harvested > record->packets)
		check_fail(world, proxy, "harvested %llu packets of %llu (I4)", (unsigned long long)record->harvested,
			   (unsigned long long)record->packets);
	tally_set(&check->truth, name, cell->packets, slot_remembered(world));
	if (check->breaking == BREAK_OVERCOUNT && proxy->number == 0 && world->now_ns > 5 * NS_PER_S)
		/* the array is the harvest's own, about to be handed on */
		((struct harvest_cell *)(uintptr_t)cell)->packets++;
}

/* ---- I5: nothing from a forger, nothing twice ---- */

static void note_refusal(struct check *check, const struct parcel *parcel, enum reject reason)
{
	if (reason == REJECT_REPLAY)
		check->reached[REACHED_REPLAY_REFUSED]++;
	if (parcel->forged)
		check->reached[REACHED_FORGERY_REFUSED]++;
}

void check_receive(struct world *world, struct proxy *proxy, struct parcel *parcel, enum reject reason)
{
	struct check *check = &world->check;
	/* Reasons up to REPLAY are given before the seal has opened, or because it had opened before. */
	const bool opened = reason == REJECT_NONE || reason > REJECT_REPLAY;
	const bool sealed = parcel->size > 3 && parcel->size != HELLO_BYTES;

	undefend(world, proxy);
	if (!opened)
		note_refusal(check, parcel, reason);
	if (!check->on || !opened)
		return;
	if (check->breaking == BREAK_FORGERY && world->now_ns > 5 * NS_PER_S)
		parcel->forged = true;
	if (parcel->forged)
		check_fail(world, proxy, "a datagram that no member sent was opened, and ended as %s (I5)",
			   reject_names[reason]);
	if (sealed && ++parcel->opened > 1)
		check_fail(world, proxy, "a datagram was opened twice (I5)");
}

/* Is this lie told by anybody? */
static bool lies(const struct world *world, int kind)
{
	for (int i = 0; i < world->scenario.liars_count; i++) {
		if (world->scenario.liars[i].kind == kind)
			return true;
	}
	return false;
}

/* May honest clients be dropped for what others said of them, or sent in their name? */
static bool is_slander_possible(const struct world *world)
{
	for (int i = 0; i < world->scenario.groups_count; i++) {
		if (world->scenario.groups[i].impersonates[0])
			return true;
	}
	return lies(world, LIE_INFLATE) || lies(world, LIE_EQUIVOCATE) || world->scenario.without != DEFENCE_NONE;
}

/* I7: who is far below the rate is not dropped for it. */
void check_drop(struct world *world, const struct proxy *proxy, double offered_rate, enum ruling reason)
{
	struct check *check = &world->check;

	if (reason == RULING_DROP_PAIR || reason == RULING_DROP_PAIR_SHARE) {
		check->reached[REACHED_PAIR_DROP]++;
		if (check->on && !is_slander_possible(world) &&
		    offered_rate <= SURELY_BELOW * world->scenario.thresholds.pair_rate)
			check_fail(world, proxy, "a client at %g of %u packets/s was dropped by its own rule (I7)",
				   offered_rate, world->scenario.thresholds.pair_rate);
	} else if (ruling_drops(reason)) {
		check->reached[REACHED_DESTINATION_DROP]++;
	}
}

void check_corrupt(struct proxy *proxy)
{
	struct ledger *ledger = &proxy->node->count->ledger;

	for (uint32_t e = 0; e < ledger->entries_high; e++) {
		if (!(ledger->entries[e].flags & ENTRY_USED) || ledger_first(ledger, &ledger->entries[e]) == INDEX_NONE)
			continue;
		for (uint32_t at = ledger_first(ledger, &ledger->entries[e]); at != INDEX_NONE;
		     at = ledger_below(ledger, at))
			ledger_at(ledger, at)->packets++;
	}
}
