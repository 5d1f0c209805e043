// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How exact sums begin. Keys are noted while a tick's gains are added. After that one pass over the records finds what
 * each of them had, and then their sums are made.
 */
#include "sums_internal.h"

static uint32_t index_home(uint64_t hash)
{
	return (uint32_t)(hash >> 40) % SUM_BEGINS_INDEX;
}

struct sum_begin *sums_begin_find(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash)
{
	for (uint32_t at = index_home(hash); sums->begins_index[at]; at = (at + 1) % SUM_BEGINS_INDEX) {
		struct sum_begin *begin = &sums->begins[sums->begins_index[at] - 1];

		if (begin->hash == hash && begin->kind == kind && begin->words[0] == words[0] &&
		    begin->words[1] == words[1])
			return begin;
	}
	return NULL;
}

static void filter_add(struct sums *sums, const uint64_t words[2])
{
	const uint64_t bit = sum_filter_bit(sums, words[0], words[1]);

	sums->filter[bit / 64] |= 1ULL << bit % 64;
}

/* The key begins with this tick's pass. NULL: too many do. */
static struct sum_begin *note(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash)
{
	struct sum_begin *begin = sums_begin_find(sums, kind, words, hash);
	uint32_t at = index_home(hash);

	if (begin)
		return begin;
	if (sums->begins_count == SUM_BEGINS_MAX) {
		sums->crowded = true;
		return NULL;
	}
	while (sums->begins_index[at])
		at = (at + 1) % SUM_BEGINS_INDEX;
	begin = &sums->begins[sums->begins_count++];
	sums->begins_index[at] = (uint16_t)sums->begins_count;
	filter_add(sums, words);
	*begin = (struct sum_begin){ .words = { words[0], words[1] },
				     .hash = hash,
				     .first = { UINT8_MAX, UINT8_MAX },
				     .kind = (uint8_t)kind };
	return begin;
}

/* While more keys would begin than may, each has its turn in one of 2^sieve ticks: none is always too late. */
static bool is_its_turn(const struct sums *sums, uint64_t hash)
{
	return (((uint32_t)(hash >> 24) + sums->ticks) & ((1U << sums->sieve) - 1)) == 0;
}

/* May the key's threshold be asked for? Not if it begins anyway. */
static bool may_ask(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash)
{
	const struct key key = sum_key(kind, words);

	if (!is_its_turn(sums, hash) || sums_begin_find(sums, kind, words, hash))
		return false;
	if (sums->asks == SUM_ASKS_MAX) {
		sums->crowded = true;
		return false;
	}
	sums->asks++;
	return key_kind(&key) == kind;
}

void sums_nominate(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash, uint64_t packets)
{
	const struct key key = sum_key(kind, words);

	if (may_ask(sums, kind, words, hash) && packets > sums->threshold.of(sums->threshold.user, &key))
		note(sums, kind, words, hash);
}

static void nominate_contacts(struct sums *sums, const uint64_t words[2], uint64_t hash, uint64_t contacts)
{
	const struct key key = sum_key(KEY_CLIENT, words);
	struct sum_begin *begin = NULL;

	if (may_ask(sums, KEY_CLIENT, words, hash) &&
	    contacts > sums->threshold.contacts_of(sums->threshold.user, &key))
		begin = note(sums, KEY_CLIENT, words, hash);
	if (begin)
		begin->wanted = true;
}

void sums_contact(struct sums *sums, const uint64_t words[2], uint64_t hash)
{
	struct sum_bucket *bucket = sum_bucket_of(sums, 0, hash), *total = &sums->totals[0];
	const uint16_t number = sum_find(sums, bucket->sum, sum_tag(hash), words);
	uint32_t margin;

	if (number) {
		sum_contact(sums, number);
		return;
	}
	bucket_part(bucket, (uint16_t)sums->slot);
	bucket_part(total, (uint16_t)sums->slot);
	bucket->contacts++;
	total->contacts++;
	margin = sums_margin(total->contacts);
	if (bucket->contacts > margin && bucket->contacts - margin > sums->contacts_least)
		nominate_contacts(sums, words, hash, bucket->contacts - margin);
}

/* Whose packets are in no exact sum are in its bucket: with an empty one this proxy has seen nothing of it lately. */
static bool bucket_is_empty(const struct sums *sums, const struct sum_bucket *bucket)
{
	const uint16_t back = (uint16_t)(sums->slot - bucket->slot);

	return back > 1 || (bucket->packets == 0 && (back == 1 || bucket->before == 0));
}

void sums_want(struct sums *sums, const struct key *key)
{
	const enum key_kind kind = key_kind(key);
	const struct sum_bucket *bucket;
	struct sum_begin *begin;
	uint64_t words[2], hash;
	uint16_t number;

	sum_words(kind == KEY_NETWORK ? &key->destination : &key->client, words);
	hash = sum_hash(sums, words);
	bucket = sum_bucket_of(sums, sum_kind(kind), hash);
	number = sum_find(sums, bucket->sum, sum_tag(hash), words);
	if (number) {
		sum_wanted(sums, number);
		return;
	}
	if (bucket_is_empty(sums, bucket))
		return;
	begin = note(sums, kind, words, hash);
	if (begin)
		begin->wanted = true;
}

bool sums_begin_open(const struct sums *sums)
{
	return sums->begins_count > 0;
}

/* 0: the running slot, 1: the one before; any other is not asked for. */
static uint64_t slots_back(const struct sums *sums, const struct cell *cell)
{
	return sums->slot - cell->slot;
}

static void widen(struct sum_begin *begin, uint64_t back, const struct cell *cell)
{
	if (cell->first < begin->first[back])
		begin->first[back] = cell->first;
	if (cell->last > begin->last[back])
		begin->last[back] = cell->last;
}

void sum_begin_add(const struct sums *sums, struct sum_begin *begin, const struct cell *cell)
{
	const uint64_t back = slots_back(sums, cell);

	if (back > 1 || cell->packets == 0)
		return;
	begin->packets[back] += cell->packets;
	widen(begin, back, cell);
}

void sum_begin_raise(const struct sums *sums, struct sum_begin *begin, const struct cell *cell)
{
	const uint64_t back = slots_back(sums, cell);

	if (back > 1 || cell->packets == 0)
		return;
	if (cell->packets > begin->packets[back])
		begin->packets[back] = cell->packets;
	widen(begin, back, cell);
}

/* ---- who gives way ---- */

#define RANK_BITS 3 /* of the mantissa: totals that differ by less than an eighth are equal */
#define RANKS (64 << RANK_BITS)

/* A number that grows with the packets; the first are exact, then RANK_BITS bits of it count. */
static unsigned int rank_of(uint64_t packets)
{
	unsigned int shift;

	if (packets < 2U << RANK_BITS)
		return (unsigned int)packets;
	shift = 63 - (unsigned int)__builtin_clzll(packets) - RANK_BITS;
	return (shift << RANK_BITS) + (unsigned int)(packets >> shift);
}

static unsigned int rank_of_sum(const struct sums *sums, uint16_t number)
{
	return rank_of(sum_packets(sums, number, sums->slot) + sum_packets(sums, number, sums->slot - 1));
}

static uint64_t packets_of(const struct sum_begin *begin)
{
	return begin->packets[0] + begin->packets[1];
}

/* The rank up to which some must give way: all below it, and *ret_left of those at it. */
static unsigned int rank_cut(const uint32_t ranks[RANKS], uint32_t excess, uint32_t *ret_left)
{
	unsigned int rank = 0;

	while (rank < RANKS - 1 && ranks[rank] < excess)
		excess -= ranks[rank++];
	*ret_left = excess;
	return rank;
}

/*
 * There are more sums and beginners than places. Among equals those that have a sum keep it.
 * (Sums of clients and networks, 7)
 */
static void give_way(struct sums *sums, uint32_t excess)
{
	uint32_t ranks[RANKS] = { 0 }, left;
	unsigned int cut;

	for (uint16_t number = 1; number <= sums->high; number++) {
		if (sum_is_used(sums, number))
			ranks[rank_of_sum(sums, number)]++;
	}
	for (uint32_t i = 0; i < sums->begins_count; i++) {
		if (packets_of(&sums->begins[i]) > 0)
			ranks[rank_of(packets_of(&sums->begins[i]))]++;
	}
	cut = rank_cut(ranks, excess, &left);
	for (uint32_t i = 0; i < sums->begins_count; i++) {
		struct sum_begin *begin = &sums->begins[i];
		const unsigned int rank = rank_of(packets_of(begin));

		if (packets_of(begin) == 0 || rank > cut || (rank == cut && left == 0))
			continue;
		left -= rank == cut;
		begin->packets[0] = begin->packets[1] = 0;
	}
	for (uint16_t number = 1; number <= sums->high; number++) {
		const unsigned int rank = rank_of_sum(sums, number);

		if (!sum_is_used(sums, number) || rank > cut || (rank == cut && left == 0))
			continue;
		left -= rank == cut;
		sum_free(sums, number);
	}
}

/* ---- the end of the pass ---- */

/* What the key had of the running slot leaves its bucket. */
static void bucket_leave(struct sums *sums, const struct sum_begin *begin)
{
	const unsigned int kind = sum_kind(begin->kind);
	uint32_t *part = bucket_part(sum_bucket_of(sums, kind, begin->hash), (uint16_t)sums->slot),
		 *total = bucket_part(&sums->totals[kind], (uint16_t)sums->slot);
	uint32_t packets;

	if (!part || !total)
		return;
	packets = begin->packets[0] < *part ? (uint32_t)begin->packets[0] : *part;
	*part -= packets;
	*total -= packets < *total ? packets : *total;
}

static void make(struct sums *sums, const struct sum_begin *begin)
{
	const uint16_t number = sum_take(sums, begin->kind, begin->words, begin->hash);

	for (uint64_t back = 0; back < 2; back++) {
		const struct cell cell = { .first = begin->first[back],
					   .last = begin->last[back],
					   .packets = begin->packets[back] };

		if (cell.packets > 0)
			sum_set(sums, number, sums->slot - back, &cell);
	}
	sum_publish(sums, number, begin->kind);
	if (begin->wanted)
		sum_wanted(sums, number);
	bucket_leave(sums, begin);
}

void sums_begin_close(struct sums *sums)
{
	uint32_t beginners = 0;

	for (uint32_t i = 0; i < sums->begins_count; i++)
		beginners += packets_of(&sums->begins[i]) > 0;
	if (sums->held + beginners > SUMS_MAX)
		give_way(sums, sums->held + beginners - SUMS_MAX);
	for (uint32_t i = 0; i < sums->begins_count; i++) {
		if (packets_of(&sums->begins[i]) > 0)
			make(sums, &sums->begins[i]);
	}
	sums->begins_count = 0;
	memset(sums->begins_index, 0, sizeof(sums->begins_index));
	memset(sums->filter, 0, sizeof(sums->filter));
}
