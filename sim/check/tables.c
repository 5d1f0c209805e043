/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must hold of the kernels' tables: nothing is judged by nothing, and nobody's word fills them. */
#include "check.h"

#include "node_internal.h"
#include "world.h"

/* I9: a packet passes uncounted as an answer, or beside all clients; else a record of each of its rules counted it. */
void check_judged(struct world *world, const struct proxy *proxy, const struct flow *flow, bool facing,
		  enum ruling ruling)
{
	const struct key *key = &world->keys.keys[flow->pair];
	const struct client_sides *sides = &world->scenario.sides;
	const bool client = address_is_client(&key->client), apart = facing && !sides->one_interface;

	world->check.reached[REACHED_ANSWER] += ruling == RULING_PASS_ANSWER;
	world->check.reached[REACHED_FOREIGN] += ruling == RULING_DROP_FOREIGN;
	if (!world->check.on)
		return;
	if (sides->clients && !client && (!apart || sides->drop_foreign_sources)) {
		if (ruling_drops(ruling) != apart)
			check_fail(world, proxy, "a source that is no client's met ruling %d (I9)", (int)ruling);
		return;
	}
	if (!kernel_has_counted(&proxy->kernel, proxy_mesh_ns(proxy, world->now_ns), flow->pair, flow->destination))
		check_fail(world, proxy, "a packet of key %u was judged by nothing, and met ruling %d (I9)",
			   flow->pair, (int)ruling);
}

/*
 * In any slot whose truth is still remembered, since the proxy's ledger forgets sooner, and in an incarnation before
 * this one: what it told then comes back to it from the others.
 */
static bool has_counted_key(const struct proxy *proxy, uint32_t key)
{
	const struct world *world = proxy->world;
	const uint64_t oldest = slot_remembered(world);

	for (uint64_t slot = oldest; slot <= oldest + SLOTS_REMEMBERED; slot++) {
		for (uint64_t in = FIRST_INCARNATION; in <= proxy->config.incarnation; in++) {
			if (tally_get(&world->check.truth, tally_name(0, 0, proxy->number, in, key, slot)) > 0)
				return true;
		}
	}
	return false;
}

/* Has this proxy counted the key, or for want of a record of the destination a pair to it? */
static bool has_counted(const struct proxy *proxy, uint32_t key)
{
	const struct keys *keys = &proxy->world->keys;
	const struct key *of = &keys->keys[key];

	if (has_counted_key(proxy, key))
		return true;
	for (uint32_t i = 0; key_kind(of) == KEY_DESTINATION && i < keys->count; i++) {
		const struct key *pair = &keys->keys[i];

		if (key_kind(pair) == KEY_PAIR && address_equal(&pair->destination, &of->destination) &&
		    has_counted_key(proxy, i))
			return true;
	}
	return false;
}

/* Is the record of a key that this proxy never counted? After a restart nobody knows; a liar's says what it likes. */
static bool is_strange(const struct proxy *proxy, const struct kernel_record *record)
{
	const struct ledger *ledger = &proxy->node->count->ledger;
	const uint32_t number = ledger_find(ledger, &proxy->world->keys.keys[record->key]);
	const struct entry *entry = number == INDEX_NONE ? NULL : &ledger->entries[number];

	if (proxy->config.boot > 1 || liar_is(proxy->world, (int)proxy->number))
		return false;
	return entry && !(entry->flags & ENTRY_OWN) && entry->maker != 0 && !has_counted(proxy, record->key);
}

/* I10: counted anew from the records, since the accounts themselves may be wrong. */
static void check_table(struct world *world, const struct proxy *proxy, unsigned int kind)
{
	const struct kernel *kernel = &proxy->kernel;
	const struct kernel_table *table = &kernel->tables[kind];
	uint32_t held = 0, claims = 0;

	if (table->max == 0)
		return;
	for (uint32_t i = 0; i < kernel->count; i++) {
		const struct kernel_record *record = &kernel->records[i];
		const bool claimed = record->claimant != CLAIM_NONE;

		if (record->dead || record->table != kind)
			continue;
		held++;
		claims += claimed;
		if (!claimed && record->packets == 0 && is_strange(proxy, record))
			check_fail(world, proxy, "a record of key %u, never counted here, is on no account (I10)",
				   record->key);
	}
	if (held != table->held || held > table->max)
		check_fail(world, proxy, "%u records, %u by the account, in a table for %u (I6)", held, table->held,
			   table->max);
	if (claims != table->claims || claims > table->max / 4)
		check_fail(world, proxy, "%u of %u records stand on other members' word, %u by the account (I10)",
			   claims, table->max, table->claims);
}

void check_tables(struct world *world, const struct proxy *proxy)
{
	for (unsigned int kind = 0; world->check.on && kind < TABLE_KINDS; kind++)
		check_table(world, proxy, kind);
}
