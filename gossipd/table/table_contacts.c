/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Contacts: pairs that a client's own packets made a record of, counted at the harvest that sees the record first. So a
 * contact costs the kernel nothing. This is the only place that says what a contact is.
 *
 * What the mesh is told of (table_settle_contacts) are those of them that nobody answers. An answer takes its time, so
 * a contact waits for CONTACT_PASSES further harvests. In a flood of more than CONTACT_WAITS_MAX in that time the
 * oldest give way uncounted: of each client as large a part.
 */
#include <errno.h>
#include <stdlib.h>

#include "table_internal.h"

#define SECOND_NS 1000000000LL

static uint32_t begun(const struct spot *spot)
{
	return WORD_LOW(load64(&spot_record(spot)->window));
}

/* Two that were made in one jiffy cannot be told apart: each may be the answer. */
static bool reverse_is_older(const struct table *table, const struct spot *spot, const struct key *key)
{
	const struct key reverse = { .client = widths_client(&table->widths, &key->destination),
				     .destination = key->client };
	struct spot other;

	return spot_find(table, &reverse, &other) && load32(&spot_record(&other)->packets) != 0 &&
	       jiffies_since(begun(&other), begun(spot)) >= 0;
}

/*
 * Does the pair answer another? With `clients` what goes to none of them does not. Else the record the other way tells,
 * if it was there before this one was. Of an IPv6 client only the prefix is known, so that record cannot be named: then
 * whoever has pairs of its own counts as one that asked. (Contacts, 1)
 */
static bool is_answer(const struct table *table, const struct spot *spot, const struct key *key)
{
	const struct address asked = widths_client(&table->widths, &key->destination);

	if (sides_are_foreign(table, &asked))
		return false;
	if (widths_client_bits(&table->widths, &key->client) == 128)
		return reverse_is_older(table, spot, key);
	return client_has_pairs(table, &asked);
}

/* ---- those that may still be answered ---- */

#define CONTACT_PASSES 2 /* two ticks and what is left of the first: 0.4 to 0.6 s, more than two round trips to most */

int contacts_take_memory(struct table *table)
{
	table->waits = calloc(CONTACT_WAITS_MAX, sizeof(*table->waits));
	return table->waits ? 0 : -ENOMEM;
}

static void wait_for_answer(struct table *table, const struct spot *spot, const struct key *key)
{
	struct contact_wait *wait;

	if (table->waits_count == CONTACT_WAITS_MAX) { /* the oldest has given way: no client is named for it */
		table->waits_first = (table->waits_first + 1) % CONTACT_WAITS_MAX;
		table->waits_count--;
	}
	wait = &table->waits[(table->waits_first + table->waits_count++) % CONTACT_WAITS_MAX];
	*wait = (struct contact_wait){
		.tag = load64(&spot->set->tags[spot->way]),
		.set_index = spot->set_index,
		.pass = table->contact_pass,
		.way = (uint8_t)spot->way,
		.ipv6 = !address_is_ipv4(&key->destination),
	};
}

/* A record that is gone counts for nothing: it may have been answered. (Contacts, 2) */
static bool is_unanswered(const struct table *table, const struct contact_wait *wait, struct address *ret_client)
{
	const struct pairs *pairs = wait->ipv6 ? &table->pairs6 : &table->pairs4;
	const struct spot spot = { set_of_index(pairs, wait->set_index), wait->set_index, wait->way };
	struct key key;

	if (load64(&spot.set->tags[spot.way]) != wait->tag)
		return false;
	key = spot_key(pairs, &spot, wait->tag);
	*ret_client = key.client;
	return table_answers(table, &key).count == 0;
}

size_t table_settle_contacts(struct table *table, void (*each)(void *user, const struct address *client), void *user)
{
	size_t settled = 0;

	while (table->waits_count > 0) {
		const struct contact_wait *wait = &table->waits[table->waits_first];
		struct address client;

		if (table->contact_pass - wait->pass < CONTACT_PASSES)
			break;
		if (is_unanswered(table, wait, &client)) {
			each(user, &client);
			settled++;
		}
		table->waits_first = (table->waits_first + 1) % CONTACT_WAITS_MAX;
		table->waits_count--;
	}
	return settled;
}

/* ---- what a harvest sees ---- */

/* After a pause of the daemon the records of all that time come at once: those of the last second count. */
void contact_seen(struct table *table, const struct spot *spot, const struct key *key)
{
	if (jiffies_since(begun(spot), table->clock.jiffies) > (int32_t)table->clock.hz || is_answer(table, spot, key))
		return;
	heavy_add(&table->contacts, &key->client);
	wait_for_answer(table, spot, key);
}

void contacts_pass_begin(struct table *table, struct now now)
{
	int64_t seconds = (now.mono.ns - table->contacts_halved.ns) / SECOND_NS;

	table->contact_pass++;
	if (table->contacts_halved.ns == 0 || seconds > CONTACT_SECONDS_MAX)
		table->contacts_halved = now.mono;
	for (; seconds > 0 && seconds <= CONTACT_SECONDS_MAX; seconds--, table->contacts_halved.ns += SECOND_NS)
		heavy_halve(&table->contacts);
}

const struct heavy *table_contacts(const struct table *table)
{
	return &table->contacts;
}

/* Of a steady stream there is what came since the last halving, and as much as one second brings from before. */
double table_contacts_rate(const struct table *table, uint32_t count)
{
	const double since = (double)(table->pass.now.mono.ns - table->contacts_halved.ns) / SECOND_NS;

	return count / (1 + (since > 0 && since < 1 ? since : 0));
}
