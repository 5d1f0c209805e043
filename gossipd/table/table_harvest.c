/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Harvest: one linear pass over the mapped table, from counters that only grow to own cells. What a record was last harvested at
 * stands in the record itself, in the cache line the counter is read from, so records that did not move cost nothing more and a
 * restarted daemon goes on where the old one stopped. How packets are divided over slots: proto/harvest.h.
 */
#include "harvest.h"
#include "table_internal.h"

#define TAGS_AHEAD 16 /* sets */
#define RECORDS_AHEAD 4
#define CELL_WORK 8 /* telling of a cell costs the daemon as much as looking at so many sets */

struct harvesting {
	struct table *table;
	struct harvest_times times;
	void (*each)(void *user, const struct harvested *cells, size_t count);
	void *user;
	size_t cells;
	uint32_t work, work_max; /* of this part */
	uint32_t untold;
	struct harvested batch[HARVESTED_AT_ONCE];
};

static void tell_batch(struct harvesting *h)
{
	if (h->untold)
		h->each(h->user, h->batch, h->untold);
	h->cells += h->untold;
	h->untold = 0;
}

static inline void tell(struct harvesting *h, const struct key *key, const struct harvest_cell *cell)
{
	h->batch[h->untold++] = (struct harvested){
		.key = *key, .slot = cell->slot, .first = cell->first, .last = cell->last, .packets = cell->packets
	};
	h->work += CELL_WORK;
	if (h->untold == HARVESTED_AT_ONCE)
		tell_batch(h);
}

static struct instant clamp(struct instant at, struct instant from, struct instant to)
{
	if (instant_is_before(at, from))
		return from;
	return instant_is_before(to, at) ? to : at;
}

/* After a restart: the cell as it stood at the last harvest, since the ledger that knew it is gone. */
static void tell_again(struct harvesting *h, const struct key *key, const struct words *words)
{
	const int64_t slot_ns = h->times.slot_length.ns;
	uint64_t slot_now = h->times.slot, back = (uint16_t)(slot_now - *words->slot);
	struct instant from = { (int64_t)(slot_now - back) * slot_ns }, to = { from.ns + slot_ns - 1 };
	struct instant started = table_mesh_of(h->table, WORD_LOW(words->window)), last = table_mesh_of(h->table, words->last);
	struct harvest_cell cell = {
		.slot = slot_now - back,
		.first = instant_is_before(to, started) ? from : clamp(started, from, to),
		.packets = WORD_HIGH(*words->harvest) - WORD_LOW(*words->harvest),
	};

	if (cell.packets == 0 || back >= SLOTS_HELD)
		return;
	cell.last = clamp(instant_is_before(h->times.previous, last) ? h->times.previous : last, cell.first, to);
	tell(h, key, &cell);
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

static void harvest_words_of(struct harvesting *h, const struct key *key, const struct words *words)
{
	struct harvest_words harvest = { WORD_LOW(*words->harvest), WORD_HIGH(*words->harvest), *words->slot };
	const struct harvest_counter counter = {
		.packets = words->packets,
		.last = table_mesh_of(h->table, words->last),
		.window_start = table_mesh_of(h->table, WORD_LOW(words->window)),
		.window_packets = WORD_HIGH(words->window),
		.idle_reset = { words->policy->idle_reset * h->table->clock.period_ns },
	};
	struct harvest_cell cells[SLOTS_HELD];
	size_t count, i;

	if (h->table->renewed && harvest.slot_start_packets != harvest.harvested_packets) {
		harvest.slot_start_packets = harvest.harvested_packets; /* what was told is another incarnation's */
		words_write(words, &harvest);
	}
	if (h->table->resuming)
		tell_again(h, key, words);
	count = harvest_divide(&harvest, &h->times, &counter, cells);
	if (harvest.harvested_packets != WORD_HIGH(*words->harvest))
		words_write(words, &harvest);
	for (i = 0; i < count; i++)
		tell(h, key, &cells[i]);
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
	harvest_words_of(h, &key, &words);
}

/* What harvest_pair comes to for a record of which nothing is to be seen to but what it gained in a slot that goes on. False:
 * something is. */
static inline bool harvest_on(struct harvesting *h, const struct pairs *pairs, const struct spot *spot, uint64_t tag,
			      uint32_t packets)
{
	struct pair_record *record = spot_record(spot);
	const uint64_t written = record->harvest;
	struct harvest_words words = { WORD_LOW(written), WORD_HIGH(written), record->slot };

	if (written == 0 || PLACE_DESTINATION(record->place) == DESTINATION_NONE || !harvest_slot_goes_on(&words, &h->times))
		return false;

	const struct key key = spot_key(pairs, spot, tag);
	const struct table_clock *clock = &h->table->clock;
	const struct harvest_counter counter = {
		.packets = packets,
		.last = mesh_of(clock, load32(&record->last)),
		.window_start = mesh_of(clock, WORD_LOW(load64(&record->window))),
	};
	const struct harvest_cell cell = harvest_go_on(&words, &h->times, &counter);

	store64(&record->harvest, WORD(words.slot_start_packets, words.harvested_packets));
	tell(h, &key, &cell);
	return true;
}

static inline void harvest_way(struct harvesting *h, struct pairs *pairs, const struct spot *spot)
{
	const struct pair_record *record = spot_record(spot);
	const uint64_t tag = load64(&spot->set->tags[spot->way]);
	const uint32_t packets = load32(&record->packets);

	if (tag >= TAG_DEAD || (packets == WORD_HIGH(record->harvest) && !h->table->resuming))
		return; /* dead perhaps since this set is looked at: the leftover of a record before it */
	if (h->table->resuming || h->table->renewed || !harvest_on(h, pairs, spot, tag, packets)) {
		const struct spot kept = *spot; /* the slow way wants it in memory, the fast one in registers */

		harvest_pair(h, pairs, &kept, tag);
	}
}

static inline bool set_is_used(const struct pair4_set *set)
{
	uint64_t tags = 0;

#pragma GCC unroll 8
	for (unsigned int way = 0; way < SET_WAYS; way++)
		tags |= set->tags[way];
	return tags != 0;
}

/* Which ways are in use is as good as random: asked one by one, every second branch would be foretold wrong. */
static inline unsigned int ways_in_use(const struct pair4_set *set)
{
	unsigned int ways = 0;

#pragma GCC unroll 8
	for (unsigned int way = 0; way < SET_WAYS; way++)
		ways |= (unsigned int)(load64(&set->tags[way]) != TAG_EMPTY) << way;
	return ways;
}

static inline void harvest_set(struct harvesting *h, struct pairs *pairs, uint32_t set_index)
{
	struct pair4_set *set = set_of_index(pairs, set_index);
	uint32_t used = 0;

	for (unsigned int ways = ways_in_use(set); ways; ways &= ways - 1, used++) {
		const struct spot spot = { set, set_index, (unsigned int)__builtin_ctz(ways) };

		harvest_way(h, pairs, &spot);
	}
	h->table->pass.used += used;
}

static void harvest_pairs(struct harvesting *h, struct pairs *pairs)
{
	struct harvest_pass *pass = &h->table->pass;
	const uint32_t mask = pairs->count - 1;

	for (; pass->next < pairs->count && h->work < h->work_max; pass->next++, h->work++) {
		const struct pair4_set *ahead = set_of_index(pairs, (pass->next + RECORDS_AHEAD) & mask);

		__builtin_prefetch(set_of_index(pairs, (pass->next + TAGS_AHEAD) & mask)->tags);
		if (set_is_used(ahead))
			for (unsigned int way = 0; way < SET_WAYS; way++)
				__builtin_prefetch(&ahead->records[way]);
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
	harvest_words_of(h, &key, &words);
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
		      void (*each)(void *user, const struct harvested *cells, size_t count), void *user)
{
	pass_begin(table, now);

	struct harvesting h;

	h.table = table;
	h.times = harvest_times_of(table_mesh_of(table, table->state->harvested_at), table->pass.now.mesh, slot_length);
	h.each = each;
	h.user = user;
	h.cells = h.work = h.untold = 0;
	h.work_max = work_max;
	if (harvest_stages(&h)) {
		store32(&table->state->harvested_at, table->clock.jiffies);
		table->state->harvested_mesh_ns = (uint64_t)table->pass.now.mesh.ns;
		table->resuming = table->renewed = false;
		table->pass.under_way = false;
	}
	tell_batch(&h);
	return h.cells;
}

bool table_harvest_some(struct table *table, struct now now, struct duration slot_length, uint32_t work_max,
			void (*each)(void *user, const struct harvested *cells, size_t count), void *user)
{
	harvest(table, now, slot_length, work_max, each, user);
	return !table->pass.under_way;
}

size_t table_harvest(struct table *table, struct now now, struct duration slot_length,
		     void (*each)(void *user, const struct harvested *cells, size_t count), void *user)
{
	return harvest(table, now, slot_length, UINT32_MAX, each, user);
}
