/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * I3: in the end all ledgers are the same, and hold what was counted. When they are not, by which known gap each
 * cell differs.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "node_internal.h"
#include "world.h"

const char *const gap_names[GAP_COUNT] = { "quarantined origin", "origin outside the core",
					   "earlier start of its origin", "older than the heal" };

/* By which known gap a cell of the member may differ between two ledgers; GAP_NONE: by none. */
static enum gap gap_of(const struct world *world, const bool *core, bool quarantined, int member, uint64_t slot)
{
	const struct proxy *owner = &world->proxies[member];
	const int64_t begins_ns = mesh_slot_start(&world->mesh, slot).ns;

	if (quarantined)
		return GAP_QUARANTINED;
	if (!core[member])
		return GAP_OUTSIDE;
	if (begins_ns <= owner->stopped_mesh_ns)
		return GAP_EARLIER_START;
	return begins_ns <= proxy_mesh_ns(owner, world->faults.healed_at_ns) ? GAP_BEFORE_HEAL : GAP_NONE;
}

static uint64_t packets_held(struct proxy *proxy, int member, const struct tally_name *name)
{
	const uint64_t incarnation = proxy->world->proxies[member].config.incarnation;
	const uint32_t entry = ledger_find(&proxy->node->count->ledger, &proxy->world->keys.keys[(uint32_t)name->who]);
	const struct ledger_cell *cell;

	for (uint32_t origin = 0; entry != INDEX_NONE && origin < proxy->config.limits.members_max * INCARNATIONS_MAX;
	     origin++) {
		uint64_t held;

		if (!proxy->node->count->origins[origin].used ||
		    proxy_member_of_origin(proxy, (uint16_t)origin, &held) != member || held != incarnation)
			continue;
		cell = ledger_cell_of(&proxy->node->count->ledger, entry, (uint16_t)origin, tally_slot(name));
		return cell ? cell->packets : 0;
	}
	return 0;
}

/* Did the member tell this cell of its own? One that nobody needs it keeps to itself (I14). */
static bool is_told(const struct proxy *owner, const struct key *key, uint64_t slot)
{
	const struct ledger *ledger = &owner->node->count->ledger;
	const uint32_t entry = owner->running ? ledger_find(ledger, key) : INDEX_NONE;

	return entry != INDEX_NONE && told_of(&ledger->entries[entry], slot) != TOLD_NOT;
}

/* The first cell that a member of the core counted and `proxy` does not hold as it is; NULL: all is there. */
static const struct tally_entry *first_missing(struct world *world, const bool *core, bool strict, struct proxy *proxy)
{
	const uint64_t oldest = slot_oldest(proxy->node->slot) + 1;
	const struct tally *truth = &world->check.truth;

	for (size_t i = 0; truth->entries && i <= truth->mask; i++) {
		const struct tally_entry *entry = &truth->entries[i];
		const unsigned int member = (unsigned int)(entry->name.who >> 32) & 0xffff;
		const struct proxy *owner;
		enum gap gap;

		if (entry->packets == 0 || (int)member >= world->scenario.members || !core[member] ||
		    tally_slot(&entry->name) < oldest)
			continue;
		owner = &world->proxies[member];
		/* What its daemon counted just before it died may be lost; what it counts since may not. */
		if ((entry->name.when >> 16 & 0xffff) != (owner->config.incarnation & 0xffff) ||
		    mesh_slot_start(&world->mesh, tally_slot(&entry->name)).ns <= owner->ended_mesh_ns)
			continue;
		if (packets_held(proxy, (int)member, &entry->name) == entry->packets)
			continue;
		if (!world->scenario.publish_all &&
		    !is_told(owner, &world->keys.keys[(uint32_t)entry->name.who], tally_slot(&entry->name)))
			continue;
		gap = gap_of(world, core, false, (int)member, tally_slot(&entry->name));
		if (strict || gap == GAP_NONE)
			return entry;
		world->check.gaps[gap]++;
	}
	return NULL;
}

static int first_of(const struct world *world, const bool *core)
{
	for (int i = 0; i < world->scenario.members; i++) {
		if (core[i] && world->proxies[i].running)
			return i;
	}
	return -1;
}

/* What is held of a member's cell; empty: nothing. */
static struct cell cell_like(struct proxy *proxy, const struct key *key, int member, uint64_t incarnation,
			     uint64_t slot, bool *ret_quarantined)
{
	const uint32_t entry = ledger_find(&proxy->node->count->ledger, key);

	for (uint32_t o = 0; o < proxy->config.limits.members_max * INCARNATIONS_MAX; o++) {
		uint64_t held;

		if (!proxy->node->count->origins[o].used ||
		    proxy_member_of_origin(proxy, (uint16_t)o, &held) != member || held != incarnation)
			continue;
		*ret_quarantined |= proxy->node->count->origins[o].quarantined;
		if (entry == INDEX_NONE ||
		    (o == 0 && told_of(&proxy->node->count->ledger.entries[entry], slot) == TOLD_NOT))
			break;
		return ledger_version(&proxy->node->count->ledger, entry, (uint16_t)o, slot);
	}
	return (struct cell){ .packets = 0 };
}

static bool is_same(const struct cell *a, const struct cell *b)
{
	return a->packets == b->packets && a->first == b->first && a->last == b->last &&
	       memcmp(a->extras, b->extras, sizeof(a->extras)) == 0;
}

/* What no origin but a liar may ever have said. */
static bool is_above_truth(const struct world *world, int member, uint64_t incarnation, uint64_t slot, uint32_t key,
			   uint64_t packets)
{
	return world->check.on && !liar_is(world, member) &&
	       packets > tally_get(&world->check.truth, tally_name(0, 0, (unsigned int)member, incarnation, key, slot));
}

/*
 * A cell that a holds and b does not, or otherwise, and no known gap explains; what one explains is counted. False:
 * none.
 */
static bool find_difference(struct world *world, struct proxy *a, struct proxy *b, const bool *core, bool strict,
			    char *ret_text, size_t size)
{
	for (uint32_t e = 0; e < a->node->count->ledger.entries_high; e++) {
		const struct entry *entry = &a->node->count->ledger.entries[e];
		uint32_t at = entry->flags & ENTRY_USED ? entry->stack : INDEX_NONE;

		for (; at != INDEX_NONE; at = stack_below(&a->node->count->ledger, at)) {
			const struct ledger_cell *cell = ledger_at(&a->node->count->ledger, at);
			const uint64_t slot = cell_slot(entry, cell, a->node->slot);
			const struct key name = ledger_key(&a->node->count->ledger, entry);
			const uint32_t key = keys_find(&world->keys, &name);
			const struct cell here = ledger_version(&a->node->count->ledger, e, cell->origin, slot);
			bool quarantined = false;
			uint64_t incarnation;
			struct cell there;
			const int member = proxy_member_of_origin(a, cell->origin, &incarnation);
			enum gap gap;

			if (slot < slot_oldest(a->node->slot) || !told_cell(entry, cell))
				continue;
			there = cell_like(b, &name, member, incarnation, slot, &quarantined);
			if (is_same(&here, &there))
				continue;
			quarantined = quarantined && a->node->count->origins[cell->origin].quarantined;
			gap = gap_of(world, core, quarantined, member, slot);
			if (!strict && gap != GAP_NONE &&
			    !is_above_truth(world, member, incarnation, slot, key, here.packets)) {
				world->check.gaps[gap]++;
				continue;
			}
			snprintf(ret_text, size,
				 "%s: of key %u by node-%d (incarnation %llu) in slot %llu (now %llu): node-%u has "
				 "%llu packets [%u, %u], extras %u, %u; node-%u has %llu [%u, %u], %u, %u",
				 gap == GAP_NONE ? "no known gap" : gap_names[gap], key, member,
				 (unsigned long long)incarnation, (unsigned long long)slot,
				 (unsigned long long)a->node->slot, a->number, (unsigned long long)here.packets,
				 here.first, here.last, here.extras[0], here.extras[1], b->number,
				 (unsigned long long)there.packets, there.first, there.last, there.extras[0],
				 there.extras[1]);
			return true;
		}
	}
	return false;
}

static bool ledgers_agree(struct world *world, struct proxy *a, struct proxy *b, const bool *core, bool strict,
			  char *ret_text, size_t size)
{
	uint8_t digest[HASH_BYTES], other[HASH_BYTES];

	if (a->node->slot != b->node->slot) {
		snprintf(ret_text, size, "node-%u is in slot %llu, node-%u in slot %llu", a->number,
			 (unsigned long long)a->node->slot, b->number,
			 (unsigned long long)b->node->slot); /* between two slots: look again later */
		return false;
	}
	node_digest(a->node, digest);
	node_digest(b->node, other);
	if (memcmp(digest, other, HASH_BYTES) == 0)
		return true;
	snprintf(ret_text, size, "the digests of node-%u and node-%u differ", a->number, b->number);
	return !find_difference(world, a, b, core, strict, ret_text, size) &&
	       !find_difference(world, b, a, core, strict, ret_text, size) && !strict;
}

/* Has every daemon of the core looked at every packet its kernel counted? */
static bool all_is_harvested(const struct world *world, const bool *core)
{
	for (int i = 0; i < world->scenario.members; i++) {
		if (core[i] && world->proxies[i].running && world->proxies[i].kernel.changed_count > 0)
			return false;
	}
	return true;
}

bool check_agreement(struct world *world, const bool *core, bool strict, char *ret_text, size_t size)
{
	const int first = first_of(world, core);
	const struct tally_entry *missing;

	if (first < 0)
		return true;
	snprintf(ret_text, size, "a daemon has not yet looked at its table");
	if (!all_is_harvested(world, core))
		return false;
	for (int i = first + 1; i < world->scenario.members; i++) {
		if (core[i] && world->proxies[i].running &&
		    !ledgers_agree(world, &world->proxies[first], &world->proxies[i], core, strict, ret_text, size))
			return false;
	}
	for (int i = first; i < world->scenario.members; i++) {
		if (core[i] && !check_nothing_owed(world, &world->proxies[i], ret_text, size))
			return false;
	}
	missing = world->check.on ? first_missing(world, core, strict, &world->proxies[first]) : NULL;
	if (missing)
		snprintf(ret_text, size,
			 "all hold the same, but not what node-%u counted of key %u in slot %llu: %llu packets",
			 (unsigned int)(missing->name.who >> 32) & 0xffff, (uint32_t)missing->name.who,
			 (unsigned long long)tally_slot(&missing->name), (unsigned long long)missing->packets);
	return !missing;
}
