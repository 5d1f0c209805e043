/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Compare gossipd/daemon/summing.c and gossipd/table/table_sums.c. */
#include "summing.h"

#include "pages.h"
#include "node_internal.h"
#include "sums_node.h"
#include "world.h"

#define CONTACT_WAITS_MAX 32768
struct contact_wait {
	struct address client;
	uint32_t tick;
	bool waits;
};

void summing_open(struct proxy *proxy)
{
	proxy->sums = pages_take(sizeof(*proxy->sums));
	proxy->waits = pages_take(CONTACT_WAITS_MAX * sizeof(*proxy->waits));
	if (!proxy->sums || !proxy->waits)
		abort();
}

void summing_close(struct proxy *proxy)
{
	pages_free(proxy->sums, sizeof(*proxy->sums));
	pages_free(proxy->waits, CONTACT_WAITS_MAX * sizeof(*proxy->waits));
}

static struct now now_of(const struct proxy *proxy)
{
	return proxy_now(proxy, proxy->world->now_ns);
}

void summing_start(struct proxy *proxy)
{
	const uint64_t seed[2] = { proxy->world->seed << 12 | proxy->number, proxy->config.boot };

	pages_clear(proxy->sums, sizeof(*proxy->sums));
	proxy->waits_settled = proxy->waits_next;
	sums_node_init(proxy->node, now_of(proxy), proxy->kernel.sums, seed, proxy->sums);
	if (proxy->kernel.renewed)
		sums_clear(&proxy->sums->sums);
}

/* What a record or an entry of this key counts for. */
static struct key summed_as(const struct key *key)
{
	struct address network;

	switch (key_kind(key)) {
	case KEY_PAIR:
		return key_of_client(&key->client);
	case KEY_DESTINATION:
		network = network_of(&key->destination);
		return key_of_network(&network);
	case KEY_CLIENT:
	case KEY_NETWORK:
		break;
	}
	return *key;
}

static const struct address *address_in(const struct key *key)
{
	return key_kind(key) == KEY_NETWORK ? &key->destination : &key->client;
}

/* ---- contacts: compare gossipd/table/table_contacts.c. Nobody answers here. ---- */

#define CONTACT_TICKS 2 /* that a contact waits for an answer */

void summing_contact(struct proxy *proxy, const struct key *pair)
{
	struct contact_wait *wait = &proxy->waits[proxy->waits_next++ % CONTACT_WAITS_MAX];

	*wait = (struct contact_wait){ .client = pair->client, .tick = proxy->sums->sums.ticks, .waits = true };
}

static void settle_contacts(struct proxy *proxy)
{
	struct sums *sums = &proxy->sums->sums;
	uint64_t words[2];

	for (; proxy->waits_settled != proxy->waits_next; proxy->waits_settled++) {
		struct contact_wait *wait = &proxy->waits[proxy->waits_settled % CONTACT_WAITS_MAX];

		if (wait->waits && sums->ticks - wait->tick < CONTACT_TICKS)
			break;
		if (wait->waits) {
			sum_words(&wait->client, words);
			sums_contact(sums, words, sum_hash(sums, words));
		}
		wait->waits = false;
	}
}

void summing_gain(struct proxy *proxy, const struct key *key, const struct harvest_cell *cell, uint32_t gain)
{
	struct sums *sums = &proxy->sums->sums;
	const struct key of = summed_as(key);
	struct sum_gain gained = {
		.slot = cell->slot,
		.first = cell->first,
		.last = cell->last,
		.packets = gain,
		.fresh = gain == cell->packets,
	};
	uint64_t words[2];

	check_gain(proxy->world, proxy, &of, cell->slot, gain, kind_has_sums(key_kind(key)));
	if (proxy->world->check.breaking == BREAK_SUM && proxy->number == 0 && proxy->world->now_ns > 5 * NS_PER_S)
		gained.packets++;
	sum_words(address_in(&of), words);
	if (gained.packets > 0)
		sums_add(sums, key_kind(&of), words, sum_hash(sums, words), &gained);
	else
		sums_meet(sums, key_kind(&of), words, sum_hash(sums, words), cell->slot, (uint32_t)cell->packets);
}

static void coarse_gain(void *user, const struct key *key, const struct harvest_cell *cell)
{
	summing_gain(user, key, cell, (uint32_t)cell->packets);
}

void summing_tick(struct proxy *proxy)
{
	sums_node_tick(proxy->sums, now_of(proxy));
	kernel_harvest_coarse(&proxy->kernel, mesh_slot_length(&proxy->world->mesh), coarse_gain, proxy);
}

/* ---- the pass for the sums that begin ---- */

static void found(struct proxy *proxy, const struct key *key, uint16_t slot_low, uint32_t packets, int64_t started_ns,
		  int64_t last_ns)
{
	struct sums *sums = &proxy->sums->sums;
	const struct key of = summed_as(key);
	struct sum_begin *begin = sum_begin_of(sums, key_kind(&of), address_in(&of));
	const uint64_t slot = sums->slot - (uint16_t)(sums->slot - slot_low);
	const struct instant begins = { (int64_t)slot * sums->slot_ns };
	const bool inside = started_ns >= begins.ns && started_ns < begins.ns + sums->slot_ns;
	const struct cell cell = {
		.key = *key,
		.slot = slot,
		.first = inside ? slot_fraction_of(begins, sums->slot_ns, (struct instant){ started_ns }) : 0,
		.last = slot_fraction_of(begins, sums->slot_ns, (struct instant){ last_ns }),
		.packets = packets,
	};

	if (begin && packets > 0 && slot + 1 >= sums->slot)
		sums_node_found(proxy->sums, begin, &cell);
}

static void pass(struct proxy *proxy)
{
	const struct kernel *kernel = &proxy->kernel;

	for (uint32_t i = 0; i < kernel->count; i++) {
		const struct kernel_record *record = &kernel->records[i];

		if (!record->dead)
			found(proxy, &kernel->keys->keys[record->key], record->harvest.slot,
			      record->harvest.harvested_packets - record->harvest.slot_start_packets,
			      record->window_start_ns, record->last_ns);
	}
	for (uint32_t key = 0; kernel->left && key < kernel->of_key_size; key++) {
		const struct kernel_left *left = &kernel->left[key];

		if (left->any)
			found(proxy, &kernel->keys->keys[key], left->slot, left->told, 0, INT64_MAX);
	}
}

void summing_end(struct proxy *proxy)
{
	settle_contacts(proxy);
	if (!sums_node_open(proxy->sums, now_of(proxy)))
		return;
	pass(proxy);
	sums_node_close(proxy->sums, now_of(proxy));
}
