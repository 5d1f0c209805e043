/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records and their places: who may have one, and on whose word it stands. */
#include "kernel_table.h"

#include <stdlib.h>
#include <string.h>

#define CLAIMS_SHARE 4 /* of a table, for records on others' word */
#define SPARE_SHARE 8 /* of a table, kept free for what is counted here */

static void *grown(void *memory, uint32_t before, uint32_t after, size_t bytes)
{
	char *larger = realloc(memory, after * bytes);

	if (!larger)
		abort();
	memset(larger + before * bytes, 0, (after - before) * bytes);
	return larger;
}

void table_open(struct kernel *kernel)
{
	const struct kernel_limits *limits = &kernel->limits;
	const uint32_t bounds[TABLE_KINDS] = { limits->pairs, limits->pairs, limits->heads };

	for (unsigned int i = 0; i < TABLE_KINDS; i++) {
		struct kernel_table *table = &kernel->tables[i];

		table->max = bounds[i];
		if (table->max > 0)
			table->claims_of = grown(NULL, 0, limits->members + 1, sizeof(*table->claims_of));
	}
}

void table_close(struct kernel *kernel)
{
	for (unsigned int i = 0; i < TABLE_KINDS; i++)
		free(kernel->tables[i].claims_of);
	free(kernel->records);
	free(kernel->of_key);
	free(kernel->left);
	free(kernel->changed);
	free(kernel->pairs_of);
}

struct kernel_record *table_find(const struct kernel *kernel, uint32_t key)
{
	if (key >= kernel->of_key_size || kernel->of_key[key] == 0)
		return NULL;
	return &kernel->records[kernel->of_key[key] - 1];
}

static void keys_grow(struct kernel *kernel, uint32_t key)
{
	const uint32_t size = (key + 1) * 2, before = kernel->of_key_size;

	if (key < before)
		return;
	kernel->of_key = grown(kernel->of_key, before, size, sizeof(*kernel->of_key));
	if (kernel->tables[TABLE_HEADS].max > 0)
		kernel->left = grown(kernel->left, before, size, sizeof(*kernel->left));
	kernel->of_key_size = size;
}

/* A place for one more record. */
static uint32_t place(struct kernel *kernel)
{
	const uint32_t number = kernel->free - 1;

	if (kernel->free) {
		kernel->free = kernel->records[number].key;
		return number;
	}
	if (kernel->count == kernel->size) {
		kernel->size = kernel->size * 2 + 64;
		kernel->records = realloc(kernel->records, kernel->size * sizeof(*kernel->records));
		kernel->changed = realloc(kernel->changed, kernel->size * sizeof(*kernel->changed));
		if (!kernel->records || !kernel->changed)
			abort();
	}
	return kernel->count++;
}

static enum table_kind table_of(const struct kernel *kernel, uint32_t key, bool pair)
{
	if (!pair)
		return TABLE_HEADS;
	return address_is_ipv4(&kernel->keys->keys[key].destination) ? TABLE_PAIRS4 : TABLE_PAIRS6;
}

/* ---- what one client may have ---- */

/* Pairs of the key's client that were counted here. NULL: no bound. */
static uint32_t *pairs_of_client(struct kernel *kernel, uint32_t key)
{
	const struct key client = { .client = kernel->keys->keys[key].client };
	uint32_t number;

	if (kernel->limits.client_pairs == 0)
		return NULL;
	number = keys_intern(kernel->keys, &client);
	if (number >= kernel->pairs_of_size) {
		kernel->pairs_of = grown(kernel->pairs_of, kernel->pairs_of_size, (number + 1) * 2,
					 sizeof(*kernel->pairs_of));
		kernel->pairs_of_size = (number + 1) * 2;
	}
	return &kernel->pairs_of[number];
}

static void client_count(struct kernel *kernel, const struct kernel_record *record, int by)
{
	uint32_t *pairs = record->pair ? pairs_of_client(kernel, record->key) : NULL;

	if (pairs)
		*pairs += (uint32_t)by;
}

static bool client_has_room(struct kernel *kernel, uint32_t key)
{
	const uint32_t *pairs = pairs_of_client(kernel, key);

	return !pairs || *pairs < kernel->limits.client_pairs;
}

/* ---- making and freeing ---- */

/* What its predecessor told of this slot is not told twice, and not forgotten. */
static void go_on(struct kernel *kernel, struct kernel_record *record)
{
	struct kernel_left *left = &kernel->left[record->key];

	if (!left->any)
		return;
	record->forgot = left->lost;
	record->forgot_slot = left->slot;
	if (!left->lost) {
		record->harvest.slot = left->slot;
		record->harvest.slot_start_packets = 0 - left->told;
	}
	left->any = false;
}

static void leave(struct kernel *kernel, const struct kernel_record *record)
{
	const uint32_t told = record->harvest.harvested_packets - record->harvest.slot_start_packets;

	if (told > 0)
		kernel->left[record->key] = (struct kernel_left){
			.any = true,
			.lost = record->forgot && record->forgot_slot == record->harvest.slot,
			.slot = record->harvest.slot,
			.told = told,
		};
}

static uint32_t make(struct kernel *kernel, uint32_t key, bool pair, int claimant, int64_t window_start_ns)
{
	const enum table_kind kind = table_of(kernel, key, pair);
	const uint32_t number = place(kernel);
	struct kernel_record *record = &kernel->records[number];

	*record = (struct kernel_record){
		.key = key,
		.pair = pair,
		.table = (uint8_t)kind,
		.claimant = (int16_t)claimant,
		.made_ns = window_start_ns,
		.window_start_ns = window_start_ns,
		.last_ns = window_start_ns,
		.pass_share = SHARE_ALL,
	};
	record->limited = pair && hot_holds(kernel, key);
	/* begun alike, they would let packets through in waves */
	for (unsigned int cpu = 0; cpu < KERNEL_CPUS_MAX; cpu++)
		record->thinning[cpu] = (key * 2654435761U + cpu * 40503U) >> 8 & 0xffff;
	kernel->of_key[key] = number + 1;
	kernel->tables[kind].held++;
	if (kind == TABLE_HEADS && kernel->left)
		go_on(kernel, record);
	return number;
}

uint32_t table_make(struct kernel *kernel, uint32_t key, bool pair, int64_t window_start_ns)
{
	struct kernel_table *table = &kernel->tables[table_of(kernel, key, pair)];
	uint32_t number;

	keys_grow(kernel, key);
	if (kernel->of_key[key])
		return kernel->of_key[key] - 1;
	if (pair && !client_has_room(kernel, key)) {
		kernel->over_quota++;
		return RECORD_NONE;
	}
	if (table->max > 0 && table->held >= table->max)
		return RECORD_NONE;
	number = make(kernel, key, pair, CLAIM_NONE, window_start_ns);
	client_count(kernel, &kernel->records[number], 1);
	return number;
}

static void claim_end(struct kernel *kernel, struct kernel_record *record)
{
	struct kernel_table *table = &kernel->tables[record->table];

	if (table->max > 0) {
		table->claims--;
		table->claims_of[record->claimant]--;
	}
	record->claimant = CLAIM_NONE;
}

void table_own(struct kernel *kernel, struct kernel_record *record)
{
	if (record->claimant == CLAIM_NONE)
		return;
	claim_end(kernel, record);
	client_count(kernel, record, 1);
}

void table_free(struct kernel *kernel, uint32_t number)
{
	struct kernel_record *record = &kernel->records[number];

	if (record->claimant != CLAIM_NONE)
		claim_end(kernel, record);
	else
		client_count(kernel, record, -1);
	if (record->table == TABLE_HEADS && kernel->left)
		leave(kernel, record);
	kernel->of_key[record->key] = 0;
	kernel->tables[record->table].held--;
	*record = (struct kernel_record){ .dead = true, .key = kernel->free };
	kernel->free = number + 1;
}

/* ---- on others' word ---- */

uint32_t table_spare(const struct kernel_table *table)
{
	return table->max < SPARE_SHARE ? 1 : table->max / SPARE_SHARE;
}

static uint32_t claims_part(const struct kernel *kernel, const struct kernel_table *table)
{
	return table->max / CLAIMS_SHARE / kernel->limits.members;
}

static bool is_unseen_claim(const struct kernel_record *record, enum table_kind kind)
{
	return !record->dead && record->table == kind && record->claimant != CLAIM_NONE && record->packets == 0;
}

bool table_give_back(struct kernel *kernel, enum table_kind kind, uint32_t keep)
{
	const struct kernel_table *table = &kernel->tables[kind];
	const uint32_t members = kernel->limits.members;
	uint32_t most = table->claims_of[members] > 0 ? members : 0;
	uint32_t newest = RECORD_NONE;

	for (uint32_t i = 0; most < members && i < members; i++) {
		if (table->claims_of[i] > table->claims_of[most])
			most = i;
	}
	if (most < members && table->claims_of[most] <= keep)
		return false;
	for (uint32_t i = 0; i < kernel->count; i++) {
		const struct kernel_record *record = &kernel->records[i];

		if (is_unseen_claim(record, kind) && record->claimant == (int)most &&
		    (newest == RECORD_NONE || record->made_ns >= kernel->records[newest].made_ns))
			newest = i;
	}
	if (newest == RECORD_NONE)
		return false;
	table_free(kernel, newest);
	kernel->gave_way++;
	return true;
}

/* An eighth of a table is for what is counted here. Of a quarter each has its part; the rest is lent. */
static bool claim_is_granted(struct kernel *kernel, enum table_kind kind, int claimant)
{
	const struct kernel_table *table = &kernel->tables[kind];
	const uint32_t part = claims_part(kernel, table);

	if (table->max == 0 || (kernel->hoards && table->held < table->max))
		return true;
	if (table->max - table->held <= table_spare(table))
		return false;
	if (table->claims < table->max / CLAIMS_SHARE)
		return true;
	return table->claims_of[claimant] < part && table_give_back(kernel, kind, part);
}

uint32_t table_claim(struct kernel *kernel, uint32_t key, bool pair, int claimant, int64_t window_start_ns)
{
	const enum table_kind kind = table_of(kernel, key, pair);
	struct kernel_table *table = &kernel->tables[kind];

	keys_grow(kernel, key);
	if (kernel->of_key[key] || claimant == CLAIM_NONE)
		return table_make(kernel, key, pair, window_start_ns);
	if (!claim_is_granted(kernel, kind, claimant)) {
		kernel->claims_refused++;
		return RECORD_NONE;
	}
	if (table->max > 0) {
		table->claims++;
		table->claims_of[claimant]++;
	}
	return make(kernel, key, pair, claimant, window_start_ns);
}

void table_forget(struct kernel *kernel)
{
	const uint32_t members = kernel->limits.members;

	for (uint32_t i = 0; i < kernel->count; i++) {
		struct kernel_record *record = &kernel->records[i];

		if (!record->dead && record->claimant != CLAIM_NONE)
			record->claimant = (int16_t)members;
	}
	for (unsigned int i = 0; i < TABLE_KINDS; i++) {
		struct kernel_table *table = &kernel->tables[i];

		if (table->max == 0)
			continue;
		memset(table->claims_of, 0, members * sizeof(*table->claims_of));
		table->claims_of[members] = table->claims;
	}
	for (uint32_t i = 0; kernel->left && i < kernel->of_key_size; i++)
		kernel->left[i].lost = kernel->left[i].any;
}
