/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * I11: a sum that a proxy tells of is what its records gained in the slot. It is never more. It is less only where
 * something is known to be missing: packets of coarse entries from before the sum began, pairs that found no room in
 * the ledger, and the slot before the one in which a daemon started.
 */
#include "check.h"

#include "node_internal.h"
#include "world.h"

uint64_t slot_remembered(const struct world *world)
{
	return mesh_slot_at(&world->mesh, (struct instant){ WORLD_START_NS + world->now_ns }) - SLOTS_REMEMBERED;
}

static struct tally_name name_of(struct world *world, const struct proxy *proxy, const struct key *key, uint64_t slot)
{
	return tally_name(0, 0, proxy->number, proxy->config.incarnation, keys_intern(&world->keys, key), slot);
}

void check_gain(struct world *world, const struct proxy *proxy, const struct key *key, uint64_t slot, uint32_t packets,
		bool coarse)
{
	struct check *check = &world->check;
	struct tally_name name;

	if (!check->on || packets == 0)
		return;
	name = name_of(world, proxy, key, slot);
	tally_set(&check->gains, name, tally_get(&check->gains, name) + packets, slot_remembered(world));
	if (coarse)
		tally_set(&check->inexact, name, 1, slot_remembered(world));
}

void check_unheld(struct world *world, const struct proxy *proxy, const struct key *key, uint64_t slot)
{
	const struct address network = network_of(&key->destination);
	const struct key of = key_kind(key) == KEY_PAIR ? key_of_client(&key->client) : key_of_network(&network);

	if (world->check.on)
		tally_set(&world->check.inexact, name_of(world, proxy, &of, slot), 1, slot_remembered(world));
}

uint64_t sum_expected(struct world *world, const struct proxy *proxy, const struct cell *version)
{
	struct check *check = &world->check;
	const struct tally_name name = name_of(world, proxy, &version->key, version->slot);
	const bool exact = proxy->config.boot == 1 && tally_get(&check->inexact, name) == 0;
	uint64_t expected = tally_get(&check->gains, name);

	if (liar_is(world, (int)proxy->number))
		return version->packets;
	if (!exact && version->packets < expected)
		expected = version->packets;
	if (expected > tally_get(&check->truth, name))
		tally_set(&check->truth, name, expected, slot_remembered(world));
	return expected;
}
