/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Coarse entries: what finds no record counts by its destination's network, or by its client. Two rows with two hashes
 * of the table's own seed; the smaller rate decides, so that a neighbour must share both entries to do harm.
 */
#include "kernel_table.h"

#include <math.h>
#include <stdlib.h>

#include "crypto.h"

#define NETWORK_BYTES_IPV4 15 /* of the address as IPv4-mapped: /24 */
#define NETWORK_BYTES_IPV6 6  /* /48 */

/* The prefix that an entry counts for. A client is cut to its width already. */
static struct address prefix_of(const struct kernel *kernel, enum coarse_of kind, uint32_t key)
{
	const struct key *name = &kernel->keys->keys[key];
	struct address prefix = { { 0 } };

	if (kind == COARSE_OF_CLIENTS)
		prefix = name->client;
	else
		memcpy(prefix.bytes, name->destination.bytes,
		       address_is_ipv4(&name->destination) ? NETWORK_BYTES_IPV4 : NETWORK_BYTES_IPV6);
	return prefix;
}

static uint64_t hash_of(const struct kernel *kernel, enum coarse_of kind, const struct address *prefix)
{
	return crypto_mix(kernel->limits.seed + (uint64_t)kind, prefix, sizeof(*prefix));
}

static struct kernel_coarse *entry_of(const struct kernel *kernel, enum coarse_of kind, uint64_t hash,
				      unsigned int row)
{
	const uint32_t size = kernel->limits.coarse;

	return &kernel->coarse[kind][row * size + (uint32_t)(hash >> (32 * row)) % size];
}

static void restart(const struct kernel *kernel, struct kernel_coarse *entry, int64_t now_ns)
{
	const int64_t idle_ns = kernel->thresholds.idle_reset.ns, length = now_ns - entry->window_start_ns;

	if (entry->last_ns == 0 || (now_ns - entry->last_ns > idle_ns && length > idle_ns)) {
		entry->window_start_ns = now_ns;
		entry->packets = entry->owned = 0;
	} else if (length > kernel->window_max_ns) {
		entry->window_start_ns = now_ns - length / kernel->decay;
		entry->packets /= (uint64_t)kernel->decay;
		entry->owned /= (uint64_t)kernel->decay;
	}
}

static void vote(struct kernel_coarse *entry, uint64_t hash, const struct address *prefix)
{
	if (entry->votes > 0 && entry->owner != hash) {
		entry->votes--;
		return;
	}
	if (entry->owner != hash) {
		entry->owner = hash;
		entry->prefix = *prefix;
		entry->owned = entry->gained = 0;
	}
	entry->votes++;
	entry->owned++;
	entry->gained++;
	entry->changed = true;
}

static double rate_of(const struct kernel_coarse *entry, int64_t now_ns)
{
	return (double)entry->packets / fmax(1, (double)(now_ns - entry->window_start_ns) / NS_PER_S);
}

struct kernel_coarse *coarse_count(struct kernel *kernel, enum coarse_of kind, uint32_t key, int64_t now_ns,
				   struct kernel_coarse **ret_other)
{
	const struct address prefix = prefix_of(kernel, kind, key);
	const uint64_t hash = hash_of(kernel, kind, &prefix);
	struct kernel_coarse *entries[KERNEL_COARSE_ROWS];

	if (!kernel->coarse[kind])
		kernel->coarse[kind] = calloc((size_t)KERNEL_COARSE_ROWS * kernel->limits.coarse,
					      sizeof(*kernel->coarse[kind]));
	if (!kernel->coarse[kind])
		abort();
	for (unsigned int row = 0; row < KERNEL_COARSE_ROWS; row++) {
		entries[row] = entry_of(kernel, kind, hash, row);
		restart(kernel, entries[row], now_ns);
		vote(entries[row], hash, &prefix);
		entries[row]->packets++;
		entries[row]->last_ns = now_ns;
	}
	kernel->coarse_changed[kind] = true;

	const bool second = rate_of(entries[1], now_ns) < rate_of(entries[0], now_ns);

	*ret_other = entries[!second];
	return entries[second];
}

bool coarse_has_counted(const struct kernel *kernel, enum coarse_of kind, uint32_t key, int64_t now_ns)
{
	const struct address prefix = prefix_of(kernel, kind, key);
	const uint64_t hash = hash_of(kernel, kind, &prefix);

	return kernel->coarse[kind] && entry_of(kernel, kind, hash, 0)->last_ns == now_ns &&
	       entry_of(kernel, kind, hash, 1)->last_ns == now_ns;
}

/* What an entry gained belongs to the slot of its last packet: at a boundary a tick's packets are not divided. */
static struct harvest_cell gain_of(const struct kernel *kernel, const struct kernel_coarse *entry,
				   struct duration slot_length)
{
	const uint64_t slot = (uint64_t)(entry->last_ns / slot_length.ns);
	const int64_t begins_ns = (int64_t)slot * slot_length.ns;

	return (struct harvest_cell){
		.slot = slot,
		.first = { kernel->harvested_at_ns > begins_ns && kernel->harvested_at_ns < entry->last_ns
				   ? kernel->harvested_at_ns
				   : begins_ns },
		.last = { entry->last_ns },
		.packets = entry->gained,
	};
}

/* Of an owner of entries in both rows, the first row's tells. */
static void harvest_entries(struct kernel *kernel, enum coarse_of kind, struct duration slot_length,
			    void (*each)(void *user, const struct key *key, const struct harvest_cell *cell),
			    void *user)
{
	for (uint32_t i = 0; i < KERNEL_COARSE_ROWS * kernel->limits.coarse; i++) {
		struct kernel_coarse *entry = &kernel->coarse[kind][i];
		const struct key key = kind == COARSE_OF_CLIENTS ? key_of_client(&entry->prefix)
								 : key_of_network(&entry->prefix);
		const struct kernel_coarse *first = entry_of(kernel, kind, entry->owner, 0);
		const bool elsewhere = first != entry && first->owner == entry->owner;
		const struct harvest_cell cell = gain_of(kernel, entry, slot_length);

		if (!entry->changed)
			continue;
		entry->changed = false;
		entry->gained = 0;
		if (!elsewhere && cell.packets > 0)
			each(user, &key, &cell);
	}
}

void kernel_harvest_coarse(struct kernel *kernel, struct duration slot_length,
			   void (*each)(void *user, const struct key *key, const struct harvest_cell *cell),
			   void *user)
{
	for (unsigned int kind = 0; kind < COARSE_OF_KINDS; kind++) {
		if (kernel->coarse_changed[kind])
			harvest_entries(kernel, kind, slot_length, each, user);
		kernel->coarse_changed[kind] = false;
	}
}

bool bucket_grants(int64_t *full_ns, double packet_ns, int64_t now_ns)
{
	const double ahead_ns = fmax(0, (double)(*full_ns - now_ns));

	if (ahead_ns + packet_ns > fmax(NS_PER_S, packet_ns))
		return false;
	*full_ns = now_ns + (int64_t)(ahead_ns + packet_ns);
	return true;
}

void coarse_shift(struct kernel *kernel, int64_t by_ns)
{
	for (unsigned int kind = 0; kind < COARSE_OF_KINDS; kind++) {
		for (uint32_t i = 0; kernel->coarse[kind] && i < KERNEL_COARSE_ROWS * kernel->limits.coarse; i++) {
			struct kernel_coarse *entry = &kernel->coarse[kind][i];

			if (entry->last_ns == 0)
				continue;
			entry->window_start_ns += by_ns;
			entry->last_ns += by_ns;
			entry->full_ns += by_ns;
		}
	}
}
