/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How full the table is, and what became of the packets, summed over CPUs. */
#include "table_internal.h"

void table_read_usage(const struct table *table, struct table_usage *ret_usage)
{
	size_t destinations = table->destinations_max, index_bytes = 16 + 8 + 48; /* key, value, the kernel's own */

	*ret_usage = (struct table_usage){
		.pairs4 = table->pairs4.used,
		.pairs4_max = table->pairs4.count * SET_WAYS,
		.pairs6 = table->pairs6.used,
		.pairs6_max = table->pairs6.count * SET_WAYS,
		.destinations = table->destinations_used,
		.destinations_max = table->destinations_max,
		.bytes = table->pairs4.bytes + table->pairs6.bytes +
			 destinations * (sizeof(*table->heads) + table->cpus * sizeof(*table->shards) + index_bytes +
					 sizeof(uint32_t)) +
			 table->departed_sets * sizeof(*table->departed) + COARSE_BYTES + SUMS_BYTES + HOT_BYTES(table),
	};
}

void table_read_reasons(const struct table *table, struct reason_counter ret_reasons[REASON_COUNT])
{
	uint32_t reason, cpu;

	for (reason = 0; reason < REASON_COUNT; reason++) {
		ret_reasons[reason] = (struct reason_counter){ 0 };
		for (cpu = 0; cpu < table->cpus; cpu++) {
			ret_reasons[reason].packets += load64(&table->reasons[cpu][reason].packets);
			ret_reasons[reason].bytes += load64(&table->reasons[cpu][reason].bytes);
		}
	}
}
