/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Contacts: pairs that a client's own packets made a record of, counted at the harvest that sees the record first. So a
 * contact costs the kernel nothing. This is the only place that says what a contact is.
 */
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
 * whoever has pairs of its own counts as one that asked.
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

/* After a pause of the daemon the records of all that time come at once: those of the last second count. */
void contact_seen(struct table *table, const struct spot *spot, const struct key *key)
{
	if (jiffies_since(begun(spot), table->clock.jiffies) > (int32_t)table->clock.hz || is_answer(table, spot, key))
		return;
	heavy_add(&table->contacts, &key->client);
}

void contacts_pass_begin(struct table *table, struct now now)
{
	int64_t seconds = (now.mono.ns - table->contacts_halved.ns) / SECOND_NS;

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
