/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records on others' word: those that the daemon made because other members count a key, and of which this proxy has
 * seen no packet yet. They fill at most a quarter of each table, by quota.h, and give way to what this proxy sees. The
 * first harvest that finds packets in one makes it this proxy's own: it leaves its account, and from then on it counts
 * as one of its client's pairs. (Life of a table, 5)
 *
 * The accounts are the daemon's alone. A start finds the records by their words: nothing counted, nothing harvested.
 * Whose word they rest on is then not known until they are next written, so they give way first.
 */
#include <errno.h>
#include <string.h>

#include "table_internal.h"

#define QUOTA_SHARE 4 /* of each table, one part */
#define SPARE_SHARE 8 /* with less than this part free, records on others' word give way */

static uint32_t place_of(const struct spot *spot)
{
	return spot->set_index * SET_WAYS + spot->way;
}

static struct quota *quota_of(struct table *table, const struct pairs *pairs)
{
	return &table->quotas[pairs->ipv6 ? TABLE_PAIRS6 : TABLE_PAIRS4];
}

static struct spot spot_at(const struct pairs *pairs, uint32_t place)
{
	const uint32_t set_index = place / SET_WAYS;

	return (struct spot){ set_of_index(pairs, set_index), set_index, place % SET_WAYS };
}

static bool is_unseen(const struct words *words)
{
	return (uint32_t)words->packets == 0 && *words->harvest == 0;
}

static void find_pairs(struct table *table, struct pairs *pairs)
{
	for (uint32_t place = 0; place < pairs->count * SET_WAYS; place++) {
		const struct spot spot = spot_at(pairs, place);
		const uint64_t tag = load64(&spot.set->tags[spot.way]);
		struct words words;
		struct key key;

		if (tag == TAG_EMPTY || tag >= TAG_DEAD)
			continue;
		words = words_of_pair(table, spot_record(&spot));
		key = spot_key(pairs, &spot, tag);
		/* Without a fold the kernel is just making it, and has counted it as its client's. */
		if (is_unseen(&words) && *words.fold != 0)
			quota_charge(quota_of(table, pairs), place, QUOTA_COMMON, false);
		else
			client_pairs_add(table, &key, 1);
	}
}

static void find_destinations(struct table *table)
{
	for (uint32_t destination = 0; destination < table->destinations_max; destination++) {
		struct address address;
		struct words words;

		memcpy(&address, table->heads[destination].address, sizeof(address));
		if (address_is_zero(&address) || table->heads[destination].flags & HEAD_PASS)
			continue;
		words = words_of_destination(table, destination);
		if (is_unseen(&words))
			quota_charge(&table->quotas[TABLE_DESTINATIONS], destination, QUOTA_COMMON, false);
	}
}

/*
 * The pairs of clients are counted anew: what a daemon was about to subtract when it ended is lost. Pairs made while
 * this runs may count twice, until they leave.
 */
int quotas_start(struct table *table)
{
	const uint32_t places[TABLE_KINDS] = {
		[TABLE_PAIRS4] = table->pairs4.count * SET_WAYS,
		[TABLE_PAIRS6] = table->pairs6.count * SET_WAYS,
		[TABLE_DESTINATIONS] = table->destinations_max,
	};
	int err = 0;

	for (unsigned int kind = 0; kind < TABLE_KINDS && !err; kind++)
		err = quota_open(&table->quotas[kind], places[kind], places[kind] / QUOTA_SHARE);
	memset(table->client_pairs, 0, CLIENT_BUCKETS * sizeof(*table->client_pairs));
	if (err || table->is_new)
		return err;
	find_pairs(table, &table->pairs4);
	find_pairs(table, &table->pairs6);
	find_destinations(table);
	return 0;
}

void quotas_stop(struct table *table)
{
	for (unsigned int kind = 0; kind < TABLE_KINDS; kind++)
		quota_close(&table->quotas[kind]);
}

/* ---- making records on others' word ---- */

/* Records that must go so that an eighth of the table is free. */
static uint32_t spare_missing(uint32_t used, uint32_t places)
{
	const uint32_t spare = places / SPARE_SHARE, available = places - used;

	return used > places ? spare : available < spare ? spare - available : 0;
}

/* May the member have one more? The eighth that is kept free is for what this proxy sees itself. */
static bool is_admitted(struct quota *quota, uint32_t used, uint16_t member)
{
	if (!member)
		return true; /* this proxy's own */
	if (spare_missing(used, quota->places) == 0)
		return quota_admits(quota, member);
	quota_refuse(quota, member);
	return false;
}

uint32_t quota_destination(struct table *table, const struct change *change)
{
	struct quota *quota = &table->quotas[TABLE_DESTINATIONS];
	uint32_t destination = destination_find(table, &change->key.destination);

	if (destination != DESTINATION_NONE || !is_admitted(quota, table->destinations_used, change->payer))
		return destination;
	destination = destination_make(table, &change->key.destination);
	table->destinations_used += destination != DESTINATION_NONE;
	if (destination != DESTINATION_NONE && change->payer)
		quota_charge(quota, destination, change->payer, change->alone);
	return destination;
}

/*
 * Both sets of a pair are full: one record in them, of a member above its part, gives way. There is room when the
 * grace period is over, for whoever comes first.
 */
static void set_gives_way(struct table *table, struct pairs *pairs, const uint32_t set_index[2])
{
	const struct quota *quota = quota_of(table, pairs);

	for (unsigned int choice = 0; choice < 2; choice++)
		for (unsigned int way = 0; way < SET_WAYS; way++) {
			const struct spot spot = { set_of_index(pairs, set_index[choice]), set_index[choice], way };
			const uint32_t place = place_of(&spot);
			const uint64_t tag = load64(&spot.set->tags[way]);

			if (tag != TAG_EMPTY && tag < TAG_DEAD && quota_holds(quota, place) &&
			    quota_is_above(quota, quota->entries[place].member) &&
			    load32(&spot_record(&spot)->packets) == 0) {
				spot_retire(table, pairs, &spot, tag);
				return;
			}
		}
}

int quota_pair(struct table *table, const struct change *change, uint32_t last, struct spot *ret_spot)
{
	struct pairs *pairs = pairs_of_key(table, &change->key);
	struct quota *quota = quota_of(table, pairs);
	uint32_t set_index[2];
	int err;

	if (!is_admitted(quota, pairs->used, change->payer))
		return -EDQUOT;
	err = spot_make(table, &change->key, last, ret_spot);
	if (err == -ENOSPC && change->payer) {
		sets_of_key(table, &change->key, set_index);
		set_gives_way(table, pairs, set_index);
	}
	if (err)
		return err;
	if (change->payer)
		quota_charge(quota, place_of(ret_spot), change->payer, change->alone);
	else
		client_pairs_add(table, &change->key, 1);
	return 0;
}

/* ---- records that are written, seen, or free ---- */

void quota_vouch_pair(struct table *table, const struct spot *spot, const struct change *change)
{
	const struct pairs *pairs = pairs_of_key(table, &change->key);

	if (change->payer == 0)
		quota_pair_seen(table, pairs, spot, &change->key);
	else if (quota_holds(quota_of(table, pairs), place_of(spot)))
		quota_charge(quota_of(table, pairs), place_of(spot), change->payer, change->alone);
}

void quota_vouch_destination(struct table *table, uint32_t destination, const struct change *change)
{
	struct quota *quota = &table->quotas[TABLE_DESTINATIONS];

	if (change->payer == 0)
		quota_destination_seen(table, destination);
	else if (quota_holds(quota, destination))
		quota_charge(quota, destination, change->payer, change->alone);
}

bool quota_pair_seen(struct table *table, const struct pairs *pairs, const struct spot *spot, const struct key *key)
{
	if (!quota_release(quota_of(table, pairs), place_of(spot)))
		return false;
	client_pairs_add(table, key, 1);
	return true;
}

void quota_destination_seen(struct table *table, uint32_t destination)
{
	quota_release(&table->quotas[TABLE_DESTINATIONS], destination);
}

void quota_pair_free(struct table *table, const struct pairs *pairs, const struct spot *spot, const struct key *key)
{
	if (!quota_release(quota_of(table, pairs), place_of(spot)))
		client_pairs_add(table, key, -1);
}

/* ---- giving way ---- */

static void pair_gives_way(struct table *table, struct pairs *pairs, uint32_t place)
{
	const struct spot spot = spot_at(pairs, place);
	const uint64_t tag = load64(&spot.set->tags[spot.way]);

	if (tag == TAG_EMPTY || tag >= TAG_DEAD || load32(&spot_record(&spot)->packets) != 0)
		return; /* on its way out already, or this proxy's own by the next harvest */
	spot_retire(table, pairs, &spot, tag);
}

static void table_gives_way(struct table *table, enum table_kind kind, uint32_t used)
{
	struct quota *quota = &table->quotas[kind];
	struct pairs *pairs = kind == TABLE_PAIRS6 ? &table->pairs6 : &table->pairs4;
	const uint32_t owed = quota_take_owed(quota), missing = spare_missing(used, quota->places),
		       spared = missing > quota->leaving ? missing - quota->leaving : 0,
		       wanted = owed > spared ? owed : spared;

	for (uint32_t i = 0; i < wanted && table->marked.pair_count < COLLECT_PAIRS_MAX; i++) {
		const uint32_t place = quota_give_back(quota, i < spared);

		if (place == QUOTA_NONE)
			return;
		if (kind != TABLE_DESTINATIONS)
			pair_gives_way(table, pairs, place);
	}
}

void quotas_give_way(struct table *table)
{
	table_gives_way(table, TABLE_PAIRS4, table->pairs4.used);
	table_gives_way(table, TABLE_PAIRS6, table->pairs6.used);
	table_gives_way(table, TABLE_DESTINATIONS, table->destinations_used);
}

/* ---- for the daemon ---- */

void table_set_members(struct table *table, uint32_t others)
{
	for (unsigned int kind = 0; kind < TABLE_KINDS; kind++)
		quota_share(&table->quotas[kind], others);
}

void table_disown(struct table *table, uint16_t member)
{
	for (unsigned int kind = 0; kind < TABLE_KINDS; kind++)
		quota_disown(&table->quotas[kind], member);
}

void table_read_quota(const struct table *table, enum table_kind kind, struct table_quota *ret_quota)
{
	const struct quota *quota = &table->quotas[kind];

	*ret_quota = (struct table_quota){
		.room = quota->room, .part = quota_part(quota), .records = quota->held, .leaving = quota->leaving
	};
}

void table_read_account(const struct table *table, enum table_kind kind, uint16_t member,
			struct table_account *ret_account)
{
	const struct quota_account *account = &table->quotas[kind].accounts[member];

	*ret_account = (struct table_account){
		.records = account->held, .alone = account->alone, .refused = account->refused
	};
}
