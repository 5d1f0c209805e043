/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Puts a policy into force in the kernel: writes it into the bank that is not active, then makes that bank active by
 * one word. Packets that began under the old policy end under it. Then each record's policy is looked up again, by
 * its next packet or by a walk that runs with the harvests. Until the walk has ended no further policy is taken.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "table_internal.h"

#define WALK_SETS_PER_HARVEST 32768 /* a quarter of a million ways: some 20 ms when all must be looked up */

_Static_assert(PAIR_POLICIES == POLICY_EFFECTIVE_MAX && CLASSES_MAX == POLICY_CLASSES_MAX, "the kernel has room for "
											   "what the core compiles");

static uint32_t jiffies_of(struct duration duration, uint32_t hz)
{
	uint64_t count = ((uint64_t)duration.ns / NS_PER_MS * hz + 500) / 1000;

	return count ? (uint32_t)count : 1;
}

static struct policy policy_of(const struct policy_effective *effective, const struct mesh *mesh, uint32_t hz,
			       bool monitor)
{
	const struct thresholds *t = &effective->thresholds;
	struct policy policy = {
		.pair_rate = t->pair_rate,
		.destination_rate = t->destination_rate,
		.pair_min_window = jiffies_of(t->pair_min_window, hz),
		.destination_min_window = jiffies_of(t->destination_min_window, hz),
		.idle_reset = jiffies_of(t->idle_reset, hz),
		.window_max = jiffies_of(duration_ms(mesh->window_max_ms), hz),
		.decay = mesh->decay,
		.flags = (t->early ? POLICY_EARLY : 0) | (t->police ? POLICY_POLICE : 0) | (t->fair ? POLICY_FAIR : 0) |
			 (t->monitor || monitor ? POLICY_MONITOR : 0),
	};

	if (effective->listing == POLICY_UNLISTED)
		return policy;
	policy.pair_rate = 0;
	policy.flags |= effective->listing == POLICY_PASSES    ? POLICY_LISTED_PASS
			: effective->listing == POLICY_BLOCKED ? POLICY_LISTED_BLOCK
							       : POLICY_LISTED_OUTSIDE;
	return policy;
}

static uint32_t bank_of(const struct table *table)
{
	return BANK_OF(load32(&table->state->active));
}

void policies_plain(struct table *table, const struct policy *policy)
{
	const uint32_t bank = bank_of(table);

	table->policies[POLICY_OF_PAIR(bank, 0)] = *policy;
	table->policies[POLICY_OF_DESTINATION(bank, 0)] = *policy;
	heads_written(table);
}

uint32_t policy_of_pair(const struct table *table, const struct key *key)
{
	const struct table_policy *own = table->policy;

	return POLICY_OF_PAIR(bank_of(table), own->set ? policy_index_of(&own->document, &own->compiled, key) : 0);
}

uint32_t policy_of_destination(const struct table *table, const struct address *address)
{
	const struct table_policy *own = table->policy;
	const struct key key = key_of_destination(address);

	return POLICY_OF_DESTINATION(bank_of(table),
				     own->set ? policy_index_of(&own->document, &own->compiled, &key) : 0);
}

/* ---- the bank nobody reads ---- */

static int prefixes_clear(struct table *table, uint32_t bank)
{
	struct prefix_key key, next;
	void *at = NULL;

	while (!bpf_map_get_next_key(table->prefixes_fd, at, &next)) {
		if (next.space >> 1 == bank) {
			if (bpf_map_delete_elem(table->prefixes_fd, &next))
				return -errno;
			continue; /* the trie goes on after the last key that stays */
		}
		key = next;
		at = &key;
	}
	return 0;
}

static int prefixes_write(struct table *table, uint32_t bank, const struct policy_document *document,
			  const struct policy_table *compiled)
{
	const uint32_t clients = compiled->prefixes_count[POLICY_CLIENT];

	for (uint32_t i = 0; i < clients + compiled->prefixes_count[POLICY_DESTINATION]; i++) {
		const enum policy_side side = i < clients ? POLICY_CLIENT : POLICY_DESTINATION;
		const struct prefix *prefix =
			policy_rule_prefix(&document->rules[compiled->prefixes[i].rule], side);
		struct prefix_key key = { .bits = 8 + prefix->bits, .space = PREFIX_SPACE(bank, side) };
		uint32_t class = compiled->prefixes[i].class;

		memcpy(key.address, &prefix->address, sizeof(key.address));
		if (bpf_map_update_elem(table->prefixes_fd, &key, &class, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* ::/0 does not speak of IPv4, which the trie holds below it. */
static int ipv4_write(struct table *table, uint32_t bank)
{
	static const struct address mapped = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };
	uint32_t class = 0;

	for (unsigned int side = 0; side < 2; side++) {
		struct prefix_key key = { .bits = 8 + 96, .space = PREFIX_SPACE(bank, side) };

		memcpy(key.address, &mapped, sizeof(key.address));
		if (bpf_map_update_elem(table->prefixes_fd, &key, &class, BPF_NOEXIST) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static uint32_t lists_of(const struct policy_document *document)
{
	for (uint32_t i = 0; i < document->rules_count; i++) {
		if (document->rules[i].kind == POLICY_NEVER_DROP || document->rules[i].kind == POLICY_BLOCK)
			return POLICY_LISTS;
	}
	return 0;
}

static int bank_write(struct table *table, uint32_t bank, const struct table_policy *own)
{
	const struct policy_table *compiled = &own->compiled;
	const uint32_t lists = lists_of(&own->document);
	int err = prefixes_clear(table, bank);

	if (!err)
		err = prefixes_write(table, bank, &own->document, compiled);
	if (!err)
		err = ipv4_write(table, bank);
	for (uint32_t i = 0; i < compiled->effective_count; i++) {
		struct policy *policy = &table->policies[POLICY_OF_PAIR(bank, i)];

		*policy = policy_of(&compiled->effective[i], &own->mesh, table->state->hz, own->monitor);
		policy->flags |= lists;
	}
	for (uint32_t i = 0; i < compiled->classes_count[POLICY_DESTINATION]; i++) {
		struct policy *policy = &table->policies[POLICY_OF_DESTINATION(bank, i)];

		*policy = policy_of(&compiled->of_destination[i], &own->mesh, table->state->hz, own->monitor);
		if (compiled->of_destination[i].unprotected)
			policy->flags |= POLICY_UNPROTECTED;
	}
	memcpy(table->matrix->policy[bank], compiled->pair, sizeof(table->matrix->policy[bank]));
	return err;
}

/* ---- records of the old one ---- */

static void record_renew(struct table *table, const struct pairs *pairs, const struct spot *spot, uint64_t tag)
{
	struct pair_record *record = spot_record(spot);
	const struct key key = spot_key(pairs, spot, tag);
	uint32_t place = load32(&record->place);
	const uint32_t next = PLACE(PLACE_DESTINATION(place), policy_of_pair(table, &key));

	/* Fails when the kernel has looked it up meanwhile, or the destination moved, which renews it too. */
	__atomic_compare_exchange_n(&record->place, &place, next, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static uint32_t pairs_renew(struct table *table, struct pairs *pairs, uint32_t from, uint32_t sets_max)
{
	const uint32_t active = load32(&table->state->active);
	uint32_t set_index = from;

	for (; set_index < pairs->count && set_index - from < sets_max; set_index++)
		for (unsigned int way = 0; way < SET_WAYS; way++) {
			struct spot spot = { set_of_index(pairs, set_index), set_index, way };
			uint64_t tag = load64(&spot.set->tags[way]);

			if (tag == TAG_EMPTY || tag == TAG_BUSY)
				continue;
			if ((load32(&spot_record(&spot)->place) ^ active) & BANK_BIT)
				record_renew(table, pairs, &spot, tag);
		}
	return set_index;
}

static void heads_renew(struct table *table)
{
	const uint32_t bank = bank_of(table);

	for (uint32_t destination = 0; destination < table->destinations_max; destination++) {
		struct destination_head *head = &table->heads[destination];
		struct address address;

		memcpy(&address, head->address, sizeof(address));
		if (!address_is_zero(&address) && DESTINATION_POLICY_BANK(head->policy) != bank)
			store16(&head->policy, (uint16_t)policy_of_destination(table, &address));
	}
}

void policy_walk(struct table *table)
{
	struct table_policy *own = table->policy;

	if (!own->walking)
		return;
	if (own->walk4 == 0)
		heads_renew(table);
	if (own->walk4 < table->pairs4.count) {
		own->walk4 = pairs_renew(table, &table->pairs4, own->walk4, WALK_SETS_PER_HARVEST);
		return;
	}
	own->walk6 = pairs_renew(table, &table->pairs6, own->walk6, WALK_SETS_PER_HARVEST);
	own->walking = own->walk6 < table->pairs6.count;
}

/*
 * The previous daemon may have ended during a walk, under a policy that is not known any more. Until the records of an
 * old table are looked up, which happens at once, they are judged by the defaults of the policy in force.
 */
static void settle(struct table *table)
{
	heads_renew(table);
	pairs_renew(table, &table->pairs4, 0, table->pairs4.count);
	pairs_renew(table, &table->pairs6, 0, table->pairs6.count);
}

int table_set_policy(struct table *table, const struct policy_document *document, const struct policy_table *compiled,
		     const struct mesh *mesh, bool monitor)
{
	struct table_policy *own = table->policy;
	const uint32_t bank = !bank_of(table);
	const bool had_lists = table->policies[POLICY_OF_PAIR(!bank, 0)].flags & POLICY_LISTS;
	int err;

	if (own->walking)
		return -EAGAIN;
	if (!own->set)
		settle(table);
	own->document = *document;
	own->compiled = *compiled;
	own->mesh = *mesh;
	own->monitor = monitor;
	err = bank_write(table, bank, own);
	if (err)
		return err;
	own->set = true;
	store32(&table->state->active, bank ? BANK_BIT : 0);
	heads_written(table);
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); /* from here on no packet reads the old bank's tries */
	own->walking = true;
	own->walk4 = own->walk6 = 0;
	policy_walk(table);
	if (had_lists)
		sides_lists_changed(table);
	return 0;
}

void table_set_client_pairs(struct table *table, uint32_t client_pairs_max)
{
	store32(&table->state->client_pairs_max, client_pairs_max);
}

/* ---- live pairs per client ---- */

void client_pairs_add(struct table *table, const struct key *key, int64_t change)
{
	__u64 client[2];

	memcpy(client, &key->client, sizeof(client));
	for (unsigned int choice = 0; choice < 2; choice++)
		__atomic_fetch_add(&table->client_pairs[client_bucket(client, table->state->seed, choice)],
				   (uint64_t)change, __ATOMIC_RELAXED);
}

bool client_has_pairs(const struct table *table, const struct address *client)
{
	__u64 words[2];

	memcpy(words, client, sizeof(words));
	return load64(&table->client_pairs[client_bucket(words, table->state->seed, 0)]) > 0 &&
	       load64(&table->client_pairs[client_bucket(words, table->state->seed, 1)]) > 0;
}

/* Clients at their quota now: full buckets, halved, since each client has two. */
uint32_t table_clients_full(const struct table *table)
{
	const uint32_t max = load32(&table->state->client_pairs_max);
	uint32_t full = 0;

	for (uint32_t i = 0; max && i < CLIENT_BUCKETS; i++)
		full += __atomic_load_n(&table->client_pairs[i], __ATOMIC_RELAXED) >= max;
	return (full + 1) / 2;
}
