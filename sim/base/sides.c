/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "From" wins: a packet of a client is judged wherever it goes. */
#include "sides.h"

#include "keys.h"

enum ruling sides_rule(const struct client_sides *sides, const struct key *key, bool facing)
{
	if (!sides->clients || address_is_client(&key->client))
		return RULING_PASS;
	if (facing && !sides->one_interface)
		return sides->drop_foreign_sources ? RULING_DROP_FOREIGN : RULING_PASS;
	return address_is_client(&key->destination) ? RULING_PASS_ANSWER : RULING_PASS_TRANSIT;
}

enum ruling sides_enforce(const struct client_sides *sides, enum ruling ruling)
{
	const bool passive = sides->one_interface && !sides->clients && !sides->judge_replies;

	return passive && ruling_drops(ruling) ? RULING_WOULD_DROP : ruling;
}
