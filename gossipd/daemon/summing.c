/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a tick does with sums, a part at a time. */
#include "summing.h"

#include <stdlib.h>

#include <sodium.h>

struct summing *summing_start(struct table *table, struct node *node, struct now now)
{
	struct summing *summing = calloc(1, sizeof(*summing));
	uint64_t seed[2];

	if (!summing)
		return NULL;
	randombytes_buf(seed, sizeof(seed));
	summing->table = table;
	sums_node_init(node, now, table_sums(table), seed, &summing->sums);
	if (table_is_renewed(table))
		sums_clear(&summing->sums.sums);
	return summing;
}

void summing_stop(struct summing *summing)
{
	free(summing);
}

void summing_tick(struct summing *summing, struct now now)
{
	sums_node_tick(&summing->sums, now);
}

void summing_add(struct summing *summing, const struct harvested *cells, size_t count)
{
	table_sums_add(&summing->sums.sums, cells, count);
}

static void contact(void *user, const struct address *client)
{
	struct sums *sums = user;
	uint64_t words[2];

	sum_words(client, words);
	sums_contact(sums, words, sum_hash(sums, words));
}

void summing_contacts(struct summing *summing)
{
	table_settle_contacts(summing->table, contact, &summing->sums.sums);
}

static void found(void *user, struct sum_begin *begin, const struct cell *counted)
{
	sums_node_found(user, begin, counted);
}

bool summing_go_on(struct summing *summing, struct now now)
{
	if (!summing->open && !sums_node_open(&summing->sums, now))
		return true;
	summing->open = true;
	if (!table_sums_pass(summing->table, &summing->sums.sums, HARVEST_WORK_PER_TURN, found, &summing->sums))
		return false;
	summing->open = false;
	sums_node_close(&summing->sums, now);
	return true;
}
