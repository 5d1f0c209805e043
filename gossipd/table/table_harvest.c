/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Harvest: one linear pass over the mapped table, from counters that only grow to own cells. The counter at the last
 * harvest is in the record itself, in the same cache line. So a record that counted nothing costs no more than one
 * cache line, and a restarted daemon continues where the old one stopped. proto/count/harvest.h divides packets over
 * slots.
 */
#include "harvesting.h"

#define TAGS_AHEAD 16 /* sets */
#define RECORDS_AHEAD 4

static struct instant clamp(struct instant at, struct instant from, struct instant to)
{
	if (instant_is_before(at, from))
		return from;
	return instant_is_before(to, at) ? to : at;
}

/* After a restart: the cell as it stood at the last harvest, since the ledger that knew it is gone. */
static void tell_again(struct harvesting *h, enum key_kind kind, const struct key *key, const struct words *words)
{
	const int64_t slot_ns = h->times.slot_length.ns;
	uint64_t slot_now = h->times.slot, back = (uint16_t)(slot_now - *words->slot);
	struct instant from = { (int64_t)(slot_now - back) * slot_ns }, to = { from.ns + slot_ns - 1 };
	struct instant started = table_mesh_of(h->table, WORD_LOW(words->window)),
		       last = table_mesh_of(h->table, words->last);
	struct harvest_cell cell = {
		.slot = slot_now - back,
		.first = instant_is_before(to, started) ? from : clamp(started, from, to),
		.packets = WORD_HIGH(*words->harvest) - WORD_LOW(*words->harvest),
	};

	if (cell.packets == 0 || back >= SLOTS_HELD)
		return;
	cell.last = clamp(instant_is_before(h->times.previous, last) ? h->times.previous : last, cell.first, to);
	harvest_tell(h, kind, key, &cell, 0, 0);
}

/* Returns the words as they will be. */
static struct harvest_words harvest_words_of(struct harvesting *h, enum key_kind kind, const struct key *key,
					     const struct words *words, uint32_t size)
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
	struct harvest_words before;
	size_t count, i;

	if (h->table->renewed)
		harvest.slot_start_packets = harvest.harvested_packets; /* counts so far are of another incarnation */
	harvest_reserve(h, 1 + SLOTS_HELD);
	if (h->table->resuming && !h->table->renewed)
		tell_again(h, kind, key, words);
	before = harvest;
	count = harvest_divide(&harvest, &h->times, &counter, cells);
	if (WORD(harvest.slot_start_packets, harvest.harvested_packets) != *words->harvest)
		harvest_words_due(h, words->harvest, words->slot, &harvest);
	for (i = 0; i < count; i++)
		harvest_tell(h, kind, key, &cells[i], harvest_gain(&before, &cells[i]), size);
	return harvest;
}

/*
 * A new record may be one of two that two CPUs made of one key. Look-ups find the first in scan order, so the later
 * one is the leftover: it is taken out, and after the grace period its packets are joined to the other's.
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
		spot_retire(table, pairs, &twin, tag);
		return false;
	}
	spot_retire(table, pairs, spot, tag);
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
	if (*words.harvest == 0 && (uint32_t)words.packets != 0 && !quota_pair_seen(h->table, pairs, spot, &key))
		contact_seen(h->table, spot, &key);
	harvest_words_of(h, KEY_PAIR, &key, &words, pair_size(load32(&record->thinning)));
}

/*
 * What harvest_pair comes to for a record of which nothing is to be seen to but what it gained in a slot that goes
 * on. False: something is.
 */
static inline bool harvest_on(struct harvesting *h, const struct pairs *pairs, const struct spot *spot, uint64_t tag,
			      uint32_t packets)
{
	struct pair_record *record = spot_record(spot);
	const uint64_t written = record->harvest;
	struct harvest_words words = { WORD_LOW(written), WORD_HIGH(written), record->slot };
	const uint32_t gain = packets - words.harvested_packets;

	if (written == 0 || !harvest_slot_goes_on(&words, &h->times))
		return false;

	harvest_reserve(h, 1);

	const struct key key = spot_key(pairs, spot, tag);
	const struct table_clock *clock = &h->table->clock;
	const struct harvest_counter counter = {
		.packets = packets,
		.last = mesh_of(clock, load32(&record->last)),
		.window_start = mesh_of(clock, WORD_LOW(load64(&record->window))),
	};
	const struct harvest_cell cell = harvest_go_on(&words, &h->times, &counter);

	harvest_words_due(h, &record->harvest, &record->slot, &words);
	harvest_tell(h, KEY_PAIR, &key, &cell, gain, pair_size(load32(&record->thinning)));
	return true;
}

/* The same for a record that was last harvested in the slot before. */
static inline bool harvest_over(struct harvesting *h, const struct pairs *pairs, const struct spot *spot, uint64_t tag,
				uint32_t packets)
{
	struct pair_record *record = spot_record(spot);
	const uint64_t written = record->harvest, window = load64(&record->window);
	struct harvest_words words = { WORD_LOW(written), WORD_HIGH(written), record->slot }, before = words;
	const struct table_clock *clock = &h->table->clock;
	const struct harvest_counter counter = {
		.packets = packets,
		.last = mesh_of(clock, load32(&record->last)),
		.window_start = mesh_of(clock, WORD_LOW(window)),
		.window_packets = WORD_HIGH(window),
	};
	struct harvest_cell cells[2];
	const size_t count = written ? harvest_go_over(&words, &h->times, &counter, cells) : 0;
	const uint32_t size = pair_size(load32(&record->thinning));

	if (count == 0)
		return false;

	const struct key key = spot_key(pairs, spot, tag);

	harvest_reserve(h, 2);
	harvest_words_due(h, &record->harvest, &record->slot, &words);
	for (size_t i = 0; i < count; i++)
		harvest_tell(h, KEY_PAIR, &key, &cells[i], harvest_gain(&before, &cells[i]), size);
	return true;
}

/* Does the record say truly whether its client or its network may have a limit? Else it does from now on. */
static void tell_of_limit(struct harvesting *h, const struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	struct pair_record *record = spot_record(spot);
	const struct key key = spot_key(pairs, spot, tag);

	if (hot_holds(h->table->hot, &key) == !!(record->pass_share & SHARE_UNLIMITED))
		store16(&record->pass_share, record->pass_share ^ SHARE_UNLIMITED);
}

static inline void harvest_way(struct harvesting *h, struct pairs *pairs, const struct spot *spot)
{
	const struct pair_record *record = spot_record(spot);
	const uint64_t tag = load64(&spot->set->tags[spot->way]);
	const uint32_t packets = load32(&record->packets);

	if (tag >= TAG_DEAD)
		return; /* perhaps since this set is looked at: the leftover of a record before it */
	if (h->table->pass.scans)
		tell_of_limit(h, pairs, spot, tag);
	if (packets == WORD_HIGH(record->harvest) && !h->table->resuming)
		return;
	if (!(record->pass_share & SHARE_UNLIMITED) && !h->table->pass.scans)
		tell_of_limit(h, pairs, spot, tag);
	if (h->table->resuming || h->table->renewed ||
	    (!harvest_on(h, pairs, spot, tag, packets) && !harvest_over(h, pairs, spot, tag, packets))) {
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
	struct harvest_words harvested;
	struct address address;
	struct words words;
	struct key key;

	memcpy(&address, table->heads[destination].address, sizeof(address));
	if (address_is_zero(&address))
		return;
	table->pass.used++;
	if (table->heads[destination].flags & HEAD_LEAVING)
		return; /* its last count is told of already, and is kept for its address */
	words = words_of_destination(table, destination);
	head_met(table, destination, &address, &words);
	if (!table->resuming && (uint32_t)words.packets == WORD_HIGH(*words.harvest))
		return;
	if ((uint32_t)words.packets != WORD_HIGH(*words.harvest))
		quota_destination_seen(table, destination);
	key = key_of_destination(&address);
	harvested = harvest_words_of(h, KEY_DESTINATION, &key, &words, head_sized(table, destination, &words));
	head_paced(table, destination, &harvested, words.last);
}

/* After a restart: the cells of heads that had left, since the ledger that knew them is gone. */
static void departed_tell(struct harvesting *h, const struct departed *departed)
{
	const int64_t slot_ns = h->times.slot_length.ns;
	const struct instant from = { (int64_t)departed->slot * slot_ns }, to = { from.ns + slot_ns - 1 };
	const struct harvest_cell cell = {
		.slot = departed->slot,
		.first = from,
		.last = clamp(table_mesh_of(h->table, departed->last), from, to),
		.packets = departed->packets,
	};
	struct address address;
	struct key key;

	if (cell.packets == 0 || cell.slot > h->times.slot || cell.slot + SLOTS_HELD <= h->times.slot)
		return;
	memcpy(&address, departed->address, sizeof(address));
	key = key_of_destination(&address);
	harvest_tell(h, KEY_DESTINATION, &key, &cell, 0, 0);
}

static void departed_tell_all(struct harvesting *h)
{
	for (uint32_t set = 0; set < h->table->departed_sets; set++)
		for (unsigned int way = 0; way < DEPARTED_WAYS; way++)
			departed_tell(h, &h->table->departed[set].ways[way]);
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
	if (pass->stage == 2) {
		harvest_destinations(h);
		if (pass->next < table->destinations_max)
			return false;
		stage_end(pass, &table->destinations_used);
		if (table->resuming && !table->renewed)
			departed_tell_all(h);
	}
	return harvest_coarse(h);
}

static void pass_begin(struct table *table, struct now now, struct duration slot_length)
{
	if (table->pass.under_way)
		return;
	hot_tick(table);
	table->pass = (struct harvest_pass){
		.under_way = true, .now = now, .slot_length = slot_length,
		.scans = table->hot->scans > 0, .limits_begun = table->hot->begun
	};
	contacts_pass_begin(table, now);
	heartbeat(table);
	policy_walk(table);
}

static size_t harvest(struct table *table, struct now now, struct duration slot_length, uint32_t work_max,
		      void (*each)(void *user, const struct harvested *cells, size_t count), void *user)
{
	pass_begin(table, now, slot_length);

	struct harvesting h;

	h.table = table;
	h.times = harvest_times_of(table_mesh_of(table, table->state->harvested_at), table->pass.now.mesh, slot_length);
	h.each = each;
	h.user = user;
	h.cells = h.work = h.untold = h.due_count = 0;
	h.work_max = work_max;
	if (!harvest_stages(&h)) {
		harvest_tell_batch(&h);
	} else {
		harvest_tell_batch(&h);
		store32(&table->state->harvested_at, table->clock.jiffies);
		table->state->harvested_mesh_ns = (uint64_t)table->pass.now.mesh.ns;
		table->resuming = table->renewed = false;
		table->pass.under_way = false;
		if (table->pass.scans && table->pass.limits_begun == table->hot->begun)
			table->hot->scans--;
	}
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
