/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sorts, joins what is equal, and widens one step at a time whichever side has too many prefixes. */
#include "learning.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Widths on the mapped form, from whole addresses on: of IPv4, of IPv6. A prefix that is shorter already stays. */
struct level {
	uint8_t ipv4, ipv6;
};
static const struct level of_clients[] = { { 128, 128 }, { 124, 64 }, { 120, 56 }, { 116, 48 }, { 112, 32 } };
static const struct level of_destinations[] = { { 128, 128 }, { 120, 64 }, { 112, 48 }, { 104, 32 } };

#define CLIENT_LEVEL_LAST (sizeof(of_clients) / sizeof(of_clients[0]) - 1)
#define DESTINATION_LEVEL_LAST (sizeof(of_destinations) / sizeof(of_destinations[0]) - 1)
#define PREFIXES_MAX (POLICY_CLASSES_MAX - 1) /* beside those that no rule speaks of */
#define CLIENT_LEVEL_MILD 2 /* /24: rather so wide than wider destinations */

int learning_add(struct learning *learning, const struct flow *flow)
{
	if (learning->count == learning->room) {
		const size_t room = learning->room ? 2 * learning->room : 256;
		struct flow *flows = realloc(learning->flows, room * sizeof(*flows));

		if (!flows)
			return -ENOMEM;
		learning->flows = flows;
		learning->room = room;
	}
	learning->flows[learning->count++] = *flow;
	return 0;
}

static int prefix_order(const struct prefix *a, const struct prefix *b)
{
	const int order = memcmp(&a->address, &b->address, sizeof(a->address));

	return order ? order : (int)a->bits - (int)b->bits;
}

static int by_client(const void *a, const void *b)
{
	const struct flow *first = a, *second = b;
	const int order = prefix_order(&first->client, &second->client);

	return order ? order : prefix_order(&first->destination, &second->destination);
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_order(a, b);
}

static void widen(struct prefix *prefix, const struct level *level)
{
	const uint8_t bits = address_is_ipv4(&prefix->address) ? level->ipv4 : level->ipv6;

	if (prefix->bits <= bits)
		return;
	*prefix = (struct prefix){ address_cut(&prefix->address, bits), bits };
}

static void join(struct learning *learning)
{
	size_t kept = 0;

	qsort(learning->flows, learning->count, sizeof(*learning->flows), by_client);
	for (size_t i = 0; i < learning->count; i++) {
		struct flow *flow = &learning->flows[i], *last = &learning->flows[kept ? kept - 1 : 0];

		if (kept == 0 || by_client(last, flow) != 0) {
			learning->flows[kept++] = *flow;
			continue;
		}
		last->pairs += flow->pairs;
		if (flow->peak > last->peak)
			last->peak = flow->peak;
		if (flow->looks > last->looks)
			last->looks = flow->looks;
	}
	learning->count = kept;
}

bool learning_holds_client(const struct learning *learning, const struct prefix *prefix)
{
	for (size_t i = 0; i < learning->count; i++) {
		const struct prefix *client = &learning->flows[i].client;

		if (prefix->bits <= client->bits && prefix_holds(prefix, &client->address))
			return true;
	}
	return false;
}

size_t learning_clients(const struct learning *learning)
{
	size_t clients = 0;

	for (size_t i = 0; i < learning->count; i++)
		clients += i == 0 || prefix_order(&learning->flows[i - 1].client, &learning->flows[i].client) != 0;
	return clients;
}

/* SIZE_MAX: no memory. */
static size_t destinations_of(const struct learning *learning)
{
	struct prefix *all = malloc((learning->count + 1) * sizeof(*all));
	size_t different = 0;

	if (!all)
		return SIZE_MAX;
	for (size_t i = 0; i < learning->count; i++)
		all[i] = learning->flows[i].destination;
	qsort(all, learning->count, sizeof(*all), by_prefix);
	for (size_t i = 0; i < learning->count; i++)
		different += i == 0 || prefix_order(&all[i - 1], &all[i]) != 0;
	free(all);
	return different;
}

static int widen_clients(struct learning *learning)
{
	if (learning->client_level == CLIENT_LEVEL_LAST)
		return -ENOSPC;
	learning->client_level++;
	for (size_t i = 0; i < learning->count; i++)
		widen(&learning->flows[i].client, &of_clients[learning->client_level]);
	return 0;
}

static int widen_destinations(struct learning *learning)
{
	if (learning->destination_level == DESTINATION_LEVEL_LAST)
		return -ENOSPC;
	learning->destination_level++;
	for (size_t i = 0; i < learning->count; i++)
		widen(&learning->flows[i].destination, &of_destinations[learning->destination_level]);
	return 0;
}

static int widen_either(struct learning *learning)
{
	if (learning->client_level < CLIENT_LEVEL_MILD || learning->destination_level == DESTINATION_LEVEL_LAST)
		return widen_clients(learning);
	return widen_destinations(learning);
}

int learning_fit(struct learning *learning)
{
	for (;;) {
		int err = 0;

		join(learning);
		if (learning_clients(learning) > PREFIXES_MAX)
			err = widen_clients(learning);
		else if (destinations_of(learning) > PREFIXES_MAX)
			err = widen_destinations(learning);
		else if (learning->count + learning_clients(learning) > POLICY_RULES_MAX)
			err = widen_either(learning);
		else
			return 0;
		if (err)
			return err;
	}
}

uint32_t learning_rate(uint32_t peak, uint32_t margin_percent)
{
	const uint64_t least = ((uint64_t)peak * (100 + margin_percent) + 99) / 100;

	for (uint64_t decade = 1; decade < RATE_MAX; decade *= 10) {
		static const unsigned int steps[] = { 1, 2, 5 };

		for (unsigned int i = 0; i < 3; i++) {
			if (steps[i] * decade >= least)
				return (uint32_t)(steps[i] * decade);
		}
	}
	return RATE_MAX;
}

void learning_free(struct learning *learning)
{
	free(learning->flows);
	*learning = (struct learning){ .count = 0 };
}
