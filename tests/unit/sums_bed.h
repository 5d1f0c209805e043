/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sums over records that a test keeps: what each counted in each slot. The bed harvests them, passes over them for the
 * keys that begin, and keeps what it is told. Clients and networks alike: a record has one of each.
 */
#ifndef TESTS_SUMS_BED_H
#define TESTS_SUMS_BED_H

#include "sums.h"
#include "vector.h"

#define BED_SLOT_NS (4 * NS_PER_S)
#define BED_SLOT 1000 /* the first one */
#define BED_SLOTS 64
#define BED_LEAST 20 /* call threshold of a key, unless the test says another */

struct bed {
	struct sums sums;
	struct kept_sum cells[SUMS_MAX];
	uint64_t slot;
	uint32_t records, keys; /* record i belongs to client and network i % keys */
	uint32_t *counted; /* [record][BED_SLOTS] */
	uint32_t *gained; /* [record] in the running slot, not harvested yet */
	uint64_t *told; /* [kind][key][BED_SLOTS] */
	uint64_t least[SUM_KINDS], contacts_least;
	uint64_t told_count;
};

static inline struct key bed_key(enum key_kind kind, uint32_t number)
{
	const uint8_t ipv4[4] = { 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };
	struct address address = { { 0 } };

	if (kind == KEY_CLIENT && number % 3 == 0)
		address = address_of_ipv4(ipv4);
	else if (kind == KEY_CLIENT) /* /64s and hosts in turn */
		address = (struct address){ { 0xfd, 0, 0, 0, 0, ipv4[1], ipv4[2], ipv4[3], [15] = number % 3 == 1 } };
	else if (number % 2)
		address = address_of_ipv4((uint8_t[4]){ ipv4[1], ipv4[2], ipv4[3], 0 });
	else
		address = (struct address){ { 0x20, 1, 0x0d, ipv4[1], ipv4[2], ipv4[3] } };
	return kind == KEY_NETWORK ? key_of_network(&address) : key_of_client(&address);
}

static inline const struct address *bed_address(const struct key *key)
{
	return key_kind(key) == KEY_NETWORK ? &key->destination : &key->client;
}

static inline uint64_t bed_hash(const struct bed *bed, const struct key *key)
{
	uint64_t words[2];

	sum_words(bed_address(key), words);
	return sum_hash(&bed->sums, words);
}

static inline uint32_t bed_number(const struct bed *bed, const struct key *key)
{
	for (uint32_t i = 0; i < bed->keys; i++) {
		const struct key of = bed_key(key_kind(key), i);

		if (key_equal(&of, key))
			return i;
	}
	fail_msg("a cell of a key that no record has");
	return 0;
}

static inline uint64_t *bed_told(struct bed *bed, enum key_kind kind, uint32_t key, uint64_t slot)
{
	return &bed->told[((size_t)sum_kind(kind) * bed->keys + key) * BED_SLOTS + slot % BED_SLOTS];
}

static inline uint32_t *bed_counted(struct bed *bed, uint32_t record, uint64_t slot)
{
	return &bed->counted[(size_t)record * BED_SLOTS + slot % BED_SLOTS];
}

static inline uint64_t bed_truth(struct bed *bed, uint32_t key, uint64_t slot)
{
	uint64_t packets = 0;

	for (uint32_t record = key; record < bed->records; record += bed->keys)
		packets += *bed_counted(bed, record, slot);
	return packets;
}

static inline uint64_t bed_least_of(void *user, const struct key *key)
{
	const struct bed *bed = user;

	return bed->least[sum_kind(key_kind(key))];
}

static inline uint64_t bed_contacts_least_of(void *user, const struct key *key)
{
	const struct bed *bed = user;

	(void)key;
	return bed->contacts_least;
}

static inline void bed_start(struct bed *bed)
{
	const uint64_t seed[2] = { 0x0123456789abcdefULL, 0xfedcba9876543210ULL };

	memset(&bed->sums, 0, sizeof(bed->sums));
	sums_init(&bed->sums, bed->cells, seed, (struct duration){ BED_SLOT_NS }, bed->slot,
		  (struct sum_threshold){ bed_least_of, bed_contacts_least_of, bed });
}

static inline struct bed *bed_make(uint32_t records, uint32_t keys)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	bed->slot = BED_SLOT;
	bed->records = records;
	bed->keys = keys;
	bed->counted = calloc((size_t)records * BED_SLOTS, sizeof(*bed->counted));
	bed->gained = calloc(records, sizeof(*bed->gained));
	bed->told = calloc((size_t)SUM_KINDS * keys * BED_SLOTS, sizeof(*bed->told));
	bed->least[0] = bed->least[1] = BED_LEAST;
	bed->contacts_least = 3;
	assert_true(bed->counted && bed->gained && bed->told);
	bed_start(bed);
	return bed;
}

static inline void bed_free(struct bed *bed)
{
	free(bed->counted);
	free(bed->gained);
	free(bed->told);
	free(bed);
}

/* A record's gain, harvested in a slot. */
static inline void bed_gain(struct bed *bed, uint32_t record, uint64_t slot, uint32_t packets)
{
	uint32_t *counted = bed_counted(bed, record, slot);
	const struct instant begins = { (int64_t)slot * BED_SLOT_NS };
	const struct sum_gain gain = {
		.slot = slot,
		.first = begins,
		.last = { begins.ns + BED_SLOT_NS / 2 },
		.packets = packets,
		.fresh = *counted == 0,
	};

	*counted += packets;
	for (enum key_kind kind = KEY_CLIENT; kind <= KEY_NETWORK; kind++) {
		const struct key key = bed_key(kind, record % bed->keys);

		uint64_t words[2];

		sum_words(bed_address(&key), words);
		sums_add(&bed->sums, kind, words, sum_hash(&bed->sums, words), &gain);
	}
}

static inline void bed_pass(struct bed *bed)
{
	for (uint32_t record = 0; record < bed->records; record++)
		for (enum key_kind kind = KEY_CLIENT; kind <= KEY_NETWORK; kind++) {
			const struct key key = bed_key(kind, record % bed->keys);
			struct sum_begin *begin =
				sum_begin_of(&bed->sums, kind, bed_address(&key));

			for (uint64_t slot = bed->slot - 1; begin && slot <= bed->slot; slot++)
				sum_begin_add(&bed->sums, begin,
					      &(struct cell){ .slot = slot,
							      .packets = *bed_counted(bed, record, slot) });
		}
}

static inline void bed_take(struct bed *bed)
{
	struct cell cell;

	while (sums_next_changed(&bed->sums, &cell)) {
		uint64_t *told = bed_told(bed, key_kind(&cell.key), bed_number(bed, &cell.key), cell.slot);

		assert_true(cell.packets >= *told);
		assert_true(cell.first <= cell.last);
		*told = cell.packets;
		bed->told_count++;
	}
}

static inline void bed_tick_begin(struct bed *bed)
{
	sums_tick(&bed->sums, bed->slot, bed->least, bed->contacts_least);
}

static inline void bed_tick_end(struct bed *bed)
{
	bed_take(bed);
	if (sums_begin_open(&bed->sums)) {
		bed_pass(bed);
		sums_begin_close(&bed->sums);
	}
	bed_take(bed);
}

static inline bool bed_has_sum(struct bed *bed, enum key_kind kind, uint32_t number)
{
	const struct key key = bed_key(kind, number);
	const uint64_t hash = bed_hash(bed, &key);
	uint64_t words[2];

	sum_words(bed_address(&key), words);
	return sum_find(&bed->sums, sum_bucket_of(&bed->sums, sum_kind(kind), hash)->sum, sum_tag(hash), words) != 0;
}

#endif
