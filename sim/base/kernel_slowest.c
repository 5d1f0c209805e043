/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which records give way when a table is nearly full: the slowest destinations, and pairs on others' word. */
#include "kernel_table.h"

#include <stdlib.h>

struct slow {
	double rate;
	uint32_t number;
};

static int slow_compare(const void *a, const void *b)
{
	const struct slow *x = a, *y = b;

	if (x->rate < y->rate || x->rate > y->rate)
		return x->rate < y->rate ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* Packets a second of this slot and the one before, over at least a second. */
static double own_rate(const struct kernel *kernel, const struct kernel_record *record, int64_t now_ns)
{
	const uint64_t slot = (uint64_t)(now_ns / kernel->slot_length.ns);
	const int64_t before_ns = (int64_t)(slot - 1) * kernel->slot_length.ns,
		      since_ns = now_ns - (record->made_ns > before_ns ? record->made_ns : before_ns);
	uint64_t packets = 0;

	if (record->slot == slot)
		packets = record->gained[0] + record->gained[1];
	else if (record->slot + 1 == slot)
		packets = record->gained[0];
	return (double)packets * NS_PER_S / (double)(since_ns > NS_PER_S ? since_ns : NS_PER_S);
}

static bool is_at_half(const struct kernel *kernel, const struct kernel_record *record, double rate, int64_t now_ns)
{
	const double half = kernel->thresholds.destination_rate / 2.0;
	struct judged judged;

	if (half <= 0)
		return false;
	return rate >= half || (record->folded && kernel_judge(kernel, now_ns, record->key, &judged) &&
				judged.rate >= half);
}

static void slowest_give_way(struct kernel *kernel, uint32_t missing, int64_t now_ns)
{
	struct slow *slow = calloc(kernel->count, sizeof(*slow));
	uint32_t count = 0;

	if (!slow)
		abort();
	for (uint32_t i = 0; i < kernel->count; i++) {
		const struct kernel_record *record = &kernel->records[i];
		double rate;

		if (record->dead || record->table != TABLE_HEADS)
			continue;
		rate = own_rate(kernel, record, now_ns);
		if (!is_at_half(kernel, record, rate, now_ns))
			slow[count++] = (struct slow){ rate, i };
	}
	qsort(slow, count, sizeof(*slow), slow_compare);
	for (uint32_t i = 0; i < count && i < missing; i++) {
		table_free(kernel, slow[i].number);
		kernel->gave_way++;
	}
	free(slow);
}

void table_give_way(struct kernel *kernel, int64_t now_ns)
{
	for (unsigned int kind = 0; kind < TABLE_KINDS; kind++) {
		const struct kernel_table *table = &kernel->tables[kind];
		const uint32_t spare = table_spare(table);

		if (table->max == 0)
			continue;
		if (kind == TABLE_HEADS && table->max - table->held < spare)
			slowest_give_way(kernel, spare - (table->max - table->held), now_ns);
		while (kind != TABLE_HEADS && table->max - table->held < spare && table_give_back(kernel, kind, 0))
			continue;
	}
}
