// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Exact sums while they last: gains, changed cells, and the end. The fast way of a gain is in sums.h, the begin of a
 * sum in sums_begin.c.
 */
#include "sums_internal.h"

#define CELL(packets, slot, first, last) \
	((uint64_t)(packets) | (uint64_t)(uint16_t)(slot) << 32 | (uint64_t)(first) << 48 | (uint64_t)(last) << 56)
#define CELL_PACKETS(word) ((uint32_t)(word))
#define CELL_SLOT(word) ((uint16_t)((word) >> 32))
#define CELL_FIRST(word) ((uint8_t)((word) >> 48))
#define CELL_LAST(word) ((uint8_t)((word) >> 56))

static uint64_t cell_read(const struct sums *sums, uint16_t number, uint64_t slot)
{
	return sums->cells[number - 1].cells[slot % SUM_SLOTS];
}

/* Stored at once, and where the program says: the next daemon may read it at any moment. */
static void cell_write(struct sums *sums, uint16_t number, uint64_t slot, uint64_t word)
{
	__atomic_store_n(&sums->cells[number - 1].cells[slot % SUM_SLOTS], word, __ATOMIC_RELEASE);
}

uint64_t sum_packets(const struct sums *sums, uint16_t number, uint64_t slot)
{
	const uint64_t word = cell_read(sums, number, slot);

	return CELL_SLOT(word) == (uint16_t)slot ? CELL_PACKETS(word) : 0;
}

static void mark(struct sums *sums, uint16_t number, uint64_t slot)
{
	struct sum_link *link = &sums->links[number];

	link->marks |= (uint8_t)(1 << slot % SUM_SLOTS);
	if (link->flags & SUM_LISTED)
		return;
	link->flags |= SUM_LISTED;
	sums->changed[sums->changed_count++] = number;
}

static uint32_t saturated(uint64_t packets)
{
	return packets > UINT32_MAX ? UINT32_MAX : (uint32_t)packets;
}

void sum_set(struct sums *sums, uint16_t number, uint64_t slot, const struct cell *cell)
{
	cell_write(sums, number, slot, CELL(saturated(cell->packets), slot, cell->first, cell->last));
	mark(sums, number, slot);
}

/* The slot is among those whose cells are kept, given that the running one is. */
static bool is_kept(const struct sums *sums, uint64_t slot)
{
	return slot <= sums->slot + 1 && slot + SUM_SLOTS > sums->slot;
}

void sum_add(struct sums *sums, uint16_t number, const struct sum_gain *gain)
{
	const struct instant begins = { (int64_t)gain->slot * sums->slot_ns };
	const uint64_t word = is_kept(sums, gain->slot) ? cell_read(sums, number, gain->slot) : 0;
	const bool goes_on = CELL_SLOT(word) == (uint16_t)gain->slot && CELL_PACKETS(word) > 0;
	struct cell cell = {
		.first = slot_fraction_of(begins, sums->slot_ns, gain->first),
		.last = slot_fraction_of(begins, sums->slot_ns, gain->last),
		.packets = gain->packets,
	};

	if (!is_kept(sums, gain->slot))
		return;
	if (gain->size > 0) {
		sums->sizes[number].bytes += (uint64_t)gain->packets * gain->size;
		sums->sizes[number].packets += gain->packets;
	}
	if (goes_on) {
		if (!gain->fresh || CELL_FIRST(word) < cell.first)
			cell.first = CELL_FIRST(word);
		if (CELL_LAST(word) > cell.last)
			cell.last = CELL_LAST(word);
		cell.packets += CELL_PACKETS(word);
	}
	sum_set(sums, number, gain->slot, &cell);
}

/* ---- places ---- */

static enum key_kind kind_of(const struct kept_sum *sum)
{
	return sum->kind == SUM_NETWORK ? KEY_NETWORK : KEY_CLIENT;
}

static uint64_t sum_hash_of(const struct sums *sums, const struct kept_sum *sum)
{
	const uint64_t words[2] = { sum->address[0], sum->address[1] };

	return sum_hash(sums, words);
}

static void link_in(struct sums *sums, uint16_t number, enum key_kind kind, uint64_t hash)
{
	struct sum_bucket *bucket = sum_bucket_of(sums, sum_kind(kind), hash);

	sums->links[number] = (struct sum_link){ .next = bucket->sum, .tag = sum_tag(hash) };
	sums->sizes[number] = (struct sum_size){ 0 };
	sums->contacts[number] = (struct sum_contacts){ { 0 }, { 0 } };
	bucket->sum = number;
	sums->held++;
}

uint16_t sum_take(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash)
{
	const uint16_t number = sums->free ? sums->free : ++sums->high;
	struct kept_sum *sum = &sums->cells[number - 1];

	if (sums->free)
		sums->free = sums->links[number].next;
	*sum = (struct kept_sum){ .address = { words[0], words[1] }, .kind = SUM_FREE };
	link_in(sums, number, kind, hash);
	return number;
}

void sum_publish(struct sums *sums, uint16_t number, enum key_kind kind)
{
	__atomic_store_n(&sums->cells[number - 1].kind, kind == KEY_NETWORK ? SUM_NETWORK : SUM_CLIENT,
			 __ATOMIC_RELEASE);
}

/* What it had of the running slot counts in its bucket again. */
static void give_back(struct sums *sums, struct sum_bucket *bucket, unsigned int kind, uint64_t packets)
{
	uint32_t *part = bucket_part(bucket, (uint16_t)sums->slot),
		 *total = bucket_part(&sums->totals[kind], (uint16_t)sums->slot);

	if (!part || !total)
		return;
	*part += (uint32_t)packets;
	*total += (uint32_t)packets;
}

void sum_free(struct sums *sums, uint16_t number)
{
	struct kept_sum *sum = &sums->cells[number - 1];
	const unsigned int kind = sum_kind(kind_of(sum));
	struct sum_bucket *bucket = sum_bucket_of(sums, kind, sum_hash_of(sums, sum));
	uint16_t *at = &bucket->sum;

	give_back(sums, bucket, kind, sum_packets(sums, number, sums->slot));
	__atomic_store_n(&sum->kind, SUM_FREE, __ATOMIC_RELEASE);
	while (*at != number)
		at = &sums->links[*at].next;
	*at = sums->links[number].next;
	/* it may still be in the list of changed sums: nothing of it is marked any more */
	sums->links[number] = (struct sum_link){ .next = sums->free, .flags = sums->links[number].flags & SUM_LISTED };
	sums->free = number;
	sums->held--;
}

/* ---- beginnings ---- */

/* A cell of an earlier daemon: of a slot that is still held? */
static bool is_held(uint64_t word, uint64_t slot_now)
{
	return CELL_PACKETS(word) > 0 && (uint16_t)(slot_now - CELL_SLOT(word)) < SLOTS_HELD;
}

/* What an earlier daemon left: its cells of held slots are to be told again. */
static void adopt(struct sums *sums, uint16_t number)
{
	struct kept_sum *sum = &sums->cells[number - 1];
	unsigned int held = 0;

	link_in(sums, number, kind_of(sum), sum_hash_of(sums, sum));
	for (uint64_t at = 0; at < SUM_SLOTS; at++) {
		if (is_held(sum->cells[at], sums->slot)) {
			mark(sums, number, at);
			held++;
		} else {
			sum->cells[at] = 0;
		}
	}
	if (held == 0)
		sum_free(sums, number);
}

void sums_init(struct sums *sums, struct kept_sum *cells, const uint64_t seed[2], struct duration slot_length,
	       uint64_t slot_now, struct sum_threshold threshold)
{
	sums->cells = cells;
	sums->seed[0] = seed[0];
	sums->seed[1] = seed[1];
	sums->slot_ns = slot_length.ns;
	sums->slot = slot_now;
	sums->threshold = threshold;
	sums->least[0] = sums->least[1] = sums->contacts_least = UINT64_MAX;
	for (uint16_t number = 1; number <= SUMS_MAX; number++)
		sums->high = sum_is_used(sums, number) ? number : sums->high;
	for (uint16_t number = sums->high; number > 0; number--) {
		if (sum_is_used(sums, number)) {
			adopt(sums, number);
		} else {
			sums->links[number].next = sums->free;
			sums->free = number;
		}
	}
}

void sums_clear(struct sums *sums)
{
	for (uint16_t number = 1; number <= sums->high; number++) {
		if (sum_is_used(sums, number))
			sum_free(sums, number);
	}
}

/* ---- ticks ---- */

void sums_tick(struct sums *sums, uint64_t slot, const uint64_t least[SUM_KINDS], uint64_t contacts_least)
{
	sums->slot = slot;
	sums->ticks++;
	if (sums->crowded)
		sums->sieve += sums->sieve < SUM_SIEVE_MAX;
	else
		sums->sieve -= sums->sieve > 0;
	sums->crowded = false;
	sums->asks = 0;
	memcpy(sums->least, least, sizeof(sums->least));
	sums->contacts_least = contacts_least;
}

/* Contacts of a sum in a slot. */
static uint32_t contacts_in(const struct sums *sums, uint16_t number, uint64_t slot)
{
	const struct sum_contacts *contacts = &sums->contacts[number];

	return contacts->slots[slot % SUM_SLOTS] == (uint16_t)slot ? contacts->counts[slot % SUM_SLOTS] : 0;
}

void sum_contact(struct sums *sums, uint16_t number)
{
	const uint32_t count = contacts_in(sums, number, sums->slot);

	sums->contacts[number].slots[sums->slot % SUM_SLOTS] = (uint16_t)sums->slot;
	sums->contacts[number].counts[sums->slot % SUM_SLOTS] = count < UINT32_MAX ? count + 1 : count;
	mark(sums, number, sums->slot);
}

/* No more than its kind's least threshold in the running slot and in each of the two before, and nobody wanted it. */
static bool is_quiet(const struct sums *sums, uint16_t number)
{
	const struct sum_link *link = &sums->links[number];
	const uint64_t least = sums->least[sum_kind(kind_of(&sums->cells[number - 1]))];

	if (link->flags & SUM_WANTED && (uint16_t)(sums->slot - link->wanted) <= 2)
		return false;
	for (uint64_t back = 0; back <= 2; back++) {
		if (sum_packets(sums, number, sums->slot - back) > least ||
		    contacts_in(sums, number, sums->slot - back) > sums->contacts_least)
			return false;
	}
	return true;
}

void sums_slot(struct sums *sums)
{
	for (uint16_t number = 1; number <= sums->high; number++) {
		sums->sizes[number].bytes /= 2;
		sums->sizes[number].packets /= 2;
		if (sum_is_used(sums, number) && is_quiet(sums, number))
			sum_free(sums, number);
	}
}

void sums_meet(struct sums *sums, enum key_kind kind, const uint64_t words[2], uint64_t hash, uint64_t slot,
	       uint32_t packets)
{
	struct sum_bucket *bucket = sum_bucket_of(sums, sum_kind(kind), hash);
	uint32_t *part = bucket_part(bucket, (uint16_t)slot),
		 *total = bucket_part(&sums->totals[sum_kind(kind)], (uint16_t)slot);

	if (!part || !total || sum_find(sums, bucket->sum, sum_tag(hash), words))
		return;
	*part += packets;
	*total += packets;
}

double sums_size(const struct sums *sums, const struct key *key)
{
	const enum key_kind kind = key_kind(key);
	uint64_t words[2], hash;
	uint16_t number;

	sum_words(kind == KEY_NETWORK ? &key->destination : &key->client, words);
	hash = sum_hash(sums, words);
	number = sum_find(sums, sums->buckets[sum_kind(kind)][hash % SUM_BUCKETS].sum, sum_tag(hash), words);
	return number && sums->sizes[number].packets > 0 ?
		       (double)sums->sizes[number].bytes / (double)sums->sizes[number].packets : 0;
}

void sum_wanted(struct sums *sums, uint16_t number)
{
	sums->links[number].wanted = (uint16_t)sums->slot;
	sums->links[number].flags |= SUM_WANTED;
}

/* The slot of a cell, as far as it can be told: the one nearest to the running one. */
static uint64_t slot_widen(uint16_t low, uint64_t slot_now)
{
	return slot_now + 1 - (uint16_t)((uint16_t)(slot_now + 1) - low);
}

static bool changed_cell(struct sums *sums, uint16_t number, struct cell *ret_cell)
{
	struct sum_link *link = &sums->links[number];
	const struct kept_sum *sum = &sums->cells[number - 1];

	while (link->marks) {
		const unsigned int at = (unsigned int)__builtin_ctz(link->marks);
		const uint64_t word = sum->cells[at], words[2] = { sum->address[0], sum->address[1] };

		link->marks &= (uint8_t)(link->marks - 1);
		*ret_cell = (struct cell){
			.key = sum_key(kind_of(sum), words),
			.slot = slot_widen(CELL_SLOT(word), sums->slot),
			.first = CELL_FIRST(word),
			.last = CELL_LAST(word),
			.packets = CELL_PACKETS(word),
		};
		ret_cell->extras[EXTRA_CONTACTS] = contacts_in(sums, number, ret_cell->slot);
		return true;
	}
	return false;
}

bool sums_next_changed(struct sums *sums, struct cell *ret_cell)
{
	while (sums->changed_count > 0) {
		const uint16_t number = sums->changed[sums->changed_count - 1];

		if (changed_cell(sums, number, ret_cell))
			return true;
		sums->links[number].flags &= (uint8_t)~SUM_LISTED;
		sums->changed_count--;
	}
	return false;
}
