/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Harvest: one linear pass over the mapped table, from counters that only grow to own cells. What a record was last harvested at
 * stands in the record itself, in the cache line the counter is read from, so records that did not move cost nothing more and a
 * restarted daemon goes on where the old one stopped. How packets are divided over slots: proto/harvest.h.
 */
#include "harvest.h"
#include "table_internal.h"

#define PREFETCH_SETS 8
#define CELL_WORK 4 /* a cell told costs as much as so many sets looked at */

struct harvesting {
	struct table *table;
	struct now now;
	struct duration slot_length;
	struct instant previous;
	void (*each)(void *user, const struct harvested *cell);
	void *user;
	size_t cells;
	uint32_t work, work_max; /* of this part */
};

static void tell(struct harvesting *h, const struct key *key, bool ipv6, const struct harvest_cell *cell)
{
	struct harvested harvested = {
		.key = *key, .ipv6 = ipv6, .slot = cell->slot, .first = cell->first, .last = cell->last, .packets = cell->packets
	};

	h->each(h->user, &harvested);
	h->cells++;
	h->work += CELL_WORK;
}

static struct instant clamp(struct instant at, struct instant from, struct instant to)
{
	if (instant_is_before(at, from))
		return from;
	return instant_is_before(to, at) ? to : at;
}

/* After a restart: the cell as it stood at the last harvest, since the ledger that knew it is gone. */
static void tell_again(struct harvesting *h, const struct key *key, bool ipv6, const struct words *words)
{
	uint64_t slot_now = (uint64_t)(h->now.mesh.ns / h->slot_length.ns), back = (uint16_t)(slot_now - *words->slot);
	struct instant from = { (int64_t)(slot_now - back) * h->slot_length.ns }, to = { from.ns + h->slot_length.ns - 1 };
	struct instant started = table_mesh_of(h->table, WORD_LOW(words->window)), last = table_mesh_of(h->table, words->last);
	struct harvest_cell cell = {
		.slot = slot_now - back,
		.first = instant_is_before(to, started) ? from : clamp(started, from, to),
		.packets = WORD_HIGH(*words->harvest) - WORD_LOW(*words->harvest),
	};

	if (cell.packets == 0 || back >= SLOTS_HELD)
		return;
	cell.last = clamp(instant_is_before(h->previous, last) ? h->previous : last, cell.first, to);
	tell(h, key, ipv6, &cell);
}

/*
 * `harvest` is written before `slot`. A crash between the two leaves the new slot's start beside the old slot's number: the next
 * daemon then begins the slot at the last harvest and may publish too little of it. The other order would publish the old slot's
 * packets twice.
 */
static void words_write(const struct words *words, const struct harvest_words *harvest)
{
	store64(words->harvest, WORD(harvest->slot_start_packets, harvest->harvested_packets));
	store16(words->slot, harvest->slot);
}

static void harvest_words_of(struct harvesting *h, const struct key *key, bool ipv6, const struct words *words)
{
	struct harvest_words harvest = { WORD_LOW(*words->harvest), WORD_HIGH(*words->harvest), *words->slot };
	struct harvest_input input = {
		.packets = words->packets,
		.last = table_mesh_of(h->table, words->last),
		.window_start = table_mesh_of(h->table, WORD_LOW(words->window)),
		.window_packets = WORD_HIGH(words->window),
		.previous = h->previous,
		.now = h->now.mesh,
		.slot_length = h->slot_length,
		.idle_reset = { words->policy->idle_reset * h->table->clock.period_ns },
	};
	struct harvest_cell cells[SLOTS_HELD];
	size_t count, i;

	if (h->table->renewed && harvest.slot_start_packets != harvest.harvested_packets) {
		harvest.slot_start_packets = harvest.harvested_packets; /* what was told is another incarnation's */
		words_write(words, &harvest);
	}
	if (h->table->resuming)
		tell_again(h, key, ipv6, words);
	count = harvest_divide(&harvest, &input, cells);
	if (harvest.harvested_packets != WORD_HIGH(*words->harvest))
		words_write(words, &harvest);
	for (i = 0; i < count; i++)
		tell(h, key, ipv6, &cells[i]);
}

/* A record made while no destination was free gets one as soon as there is. */
static void place(struct harvesting *h, struct pair_record *record, const struct key *key)
{
	uint32_t destination;

	if (h->table->pass.placed++ >= PLACED_PER_HARVEST_MAX)
		return;
	destination = destination_make(h->table, &key->destination);
	place_store(&record->place, destination, policy_of_pair(h->table, key));
}

/*
 * A new record may be one of two that two CPUs made of one key. Look-ups find the first in scan order, so the later one is the
 * leftover: it is taken out, and after the grace period its packets are joined to the other's.
 */
static bool take_out_leftover(struct table *table, struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	struct spot twin, first;
	struct key key;

	if (!spot_find_twin(table, pairs, tag, spot, &twin))
		return false;
	key = spot_key(pairs, spot, tag);
	if (!spot_find(table, &key, &first))
		return false;
	if (first.set == spot->set && first.way == spot->way) {
		collect_pair(table, pairs, &twin, tag);
		return false;
	}
	collect_pair(table, pairs, spot, tag);
	return true; /* not harvested by itself: two records of one key would be two cells of one name */
}

static void harvest_pair(struct harvesting *h, struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	struct pair_record *record = spot_record(spot);
	struct words words = words_of_pair(h->table, record);
	struct key key;

	if (*words.harvest == 0 && take_out_leftover(h->table, pairs, spot, tag))
		return;
	key = spot_key(pairs, spot, tag);
	if (PLACE_DESTINATION(record->place) == DESTINATION_NONE)
		place(h, record, &key);
	harvest_words_of(h, &key, pairs->ipv6, &words);
}

static void harvest_set(struct harvesting *h, struct pairs *pairs, uint32_t set_index)
{
	struct pair4_set *set = set_of_index(pairs, set_index);
	unsigned int way;

	for (way = 0; way < SET_WAYS; way++) {
		uint64_t tag = load64(&set->tags[way]);
		struct pair_record *record = &set->records[way];
		struct spot spot = { set, set_index, way };

		if (tag == TAG_EMPTY)
			continue;
		h->table->pass.used++;
		if (tag >= TAG_DEAD)
			continue;
		if (h->table->resuming || load32(&record->packets) != WORD_HIGH(record->harvest))
			harvest_pair(h, pairs, &spot, tag);
	}
}

static void harvest_pairs(struct harvesting *h, struct pairs *pairs)
{
	struct harvest_pass *pass = &h->table->pass;

	for (; pass->next < pairs->count && h->work < h->work_max; pass->next++, h->work++) {
		/* Tags lie a set apart, too far for the CPU to foresee; records it does. */
		__builtin_prefetch(set_of_index(pairs, (pass->next + PREFETCH_SETS) & (pairs->count - 1))->tags);
		harvest_set(h, pairs, pass->next);
	}
}

static void harvest_destination(struct harvesting *h, uint32_t destination)
{
	struct table *table = h->table;
	struct address address;
	struct words words;
	struct key key;

	memcpy(&address, table->heads[destination].address, sizeof(address));
	if (address_is_zero(&address))
		return;
	table->pass.used++;
	words = words_of_destination(table, destination);
	if (!table->resuming && (uint32_t)words.packets == WORD_HIGH(*words.harvest))
		return;
	key = key_of_destination(&address);
	harvest_words_of(h, &key, !address_is_ipv4(&address), &words);
}

static void harvest_destinations(struct harvesting *h)
{
	struct harvest_pass *pass = &h->table->pass;

	for (; pass->next < h->table->destinations_max && h->work < h->work_max; pass->next++, h->work++)
		harvest_destination(h, pass->next);
}

/* The stage is through: its use is known, and the next one begins. */
static void stage_end(struct harvest_pass *pass, uint32_t *ret_used)
{
	*ret_used = pass->used;
	pass->used = 0;
	pass->next = 0;
	pass->stage++;
}

/* Pairs first: a destination's count, read later, is never behind its pairs'. False: there is more. */
static bool harvest_stages(struct harvesting *h)
{
	struct table *table = h->table;
	struct harvest_pass *pass = &table->pass;
	struct pairs *pairs[] = { &table->pairs4, &table->pairs6 };

	while (pass->stage < 2) {
		harvest_pairs(h, pairs[pass->stage]);
		if (pass->next < pairs[pass->stage]->count)
			return false;
		stage_end(pass, &pairs[pass->stage]->used);
	}
	harvest_destinations(h);
	if (pass->next < table->destinations_max)
		return false;
	stage_end(pass, &table->destinations_used);
	return true;
}

static void pass_begin(struct table *table, struct now now)
{
	if (table->pass.under_way)
		return;
	table->pass = (struct harvest_pass){ .under_way = true, .now = now };
	heartbeat(table);
	policy_walk(table);
}

static size_t harvest(struct table *table, struct now now, struct duration slot_length, uint32_t work_max,
		      void (*each)(void *user, const struct harvested *cell), void *user)
{
	pass_begin(table, now);

	struct harvesting h = {
		.table = table,
		.now = table->pass.now,
		.slot_length = slot_length,
		.previous = table_mesh_of(table, table->state->harvested_at),
		.each = each,
		.user = user,
		.work_max = work_max,
	};

	if (harvest_stages(&h)) {
		store32(&table->state->harvested_at, table->clock.jiffies);
		table->state->harvested_mesh_ns = (uint64_t)table->pass.now.mesh.ns;
		table->resuming = table->renewed = false;
		table->pass.under_way = false;
	}
	return h.cells;
}

bool table_harvest_some(struct table *table, struct now now, struct duration slot_length, uint32_t work_max,
			void (*each)(void *user, const struct harvested *cell), void *user)
{
	harvest(table, now, slot_length, work_max, each, user);
	return !table->pass.under_way;
}

size_t table_harvest(struct table *table, struct now now, struct duration slot_length,
		     void (*each)(void *user, const struct harvested *cell), void *user)
{
	return harvest(table, now, slot_length, UINT32_MAX, each, user);
}
