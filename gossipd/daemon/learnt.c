/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open addressing with a step of one; the index is half full at most, so a look-up ends. */
#include "learnt.h"

#include <math.h>
#include <string.h>

#include <xpro/record.h>

static uint32_t bucket_of(const struct learnt *learnt, const struct address *client)
{
	uint64_t words[2];

	memcpy(words, client, sizeof(words));
	return (uint32_t)(mix64(mix64(words[0] ^ learnt->seed) ^ words[1]) % LEARNT_BUCKETS);
}

/* The client's place, made if need be; NULL: there is no room. */
static struct learnt_client *client_at(struct learnt *learnt, const struct address *client)
{
	uint32_t bucket = bucket_of(learnt, client);

	for (; learnt->index[bucket]; bucket = (bucket + 1) % LEARNT_BUCKETS) {
		struct learnt_client *held = &learnt->clients[learnt->index[bucket] - 1];

		if (address_equal(&held->address, client))
			return held;
	}
	if (learnt->used == LEARNT_CLIENTS)
		return NULL;
	learnt->clients[learnt->used] = (struct learnt_client){ .address = *client };
	learnt->index[bucket] = (uint16_t)++learnt->used;
	return &learnt->clients[learnt->used - 1];
}

static struct learnt_destination *destination_at(struct learnt_client *client, const struct address *destination)
{
	for (uint32_t i = 0; i < client->count; i++) {
		if (address_equal(&client->destinations[i].address, destination))
			return &client->destinations[i];
	}
	if (client->count == LEARNT_DESTINATIONS)
		return NULL;
	client->destinations[client->count] = (struct learnt_destination){ .address = *destination };
	return &client->destinations[client->count++];
}

void learnt_note(struct learnt *learnt, const struct key *pair, double rate)
{
	struct learnt_client *client = client_at(learnt, &pair->client);
	struct learnt_destination *destination;
	const uint32_t peak = rate < UINT32_MAX ? (uint32_t)ceil(rate) : UINT32_MAX;

	if (!client) {
		learnt->missed++;
		return;
	}
	destination = destination_at(client, &pair->destination);
	if (!destination) {
		client->more = true;
		return;
	}
	destination->looks++;
	if (peak > destination->peak)
		destination->peak = peak;
}

void learnt_clear(struct learnt *learnt)
{
	const uint64_t seed = learnt->seed;

	memset(learnt, 0, sizeof(*learnt));
	learnt->seed = seed;
}
