/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list of those who scan: who is above the bound comes, who is far below it goes. */
#include "scans.h"

#include "daemon.h"

static bool is_listed(const struct scans *scans, const struct address *client)
{
	for (uint32_t i = 0; i < scans->count; i++) {
		if (address_equal(&scans->clients[i], client))
			return true;
	}
	return false;
}

/*
 * Without room for its records a client makes no contacts: it has used up client_pairs, or the table is full. Then it
 * goes on for as long as it sends that many packets without a record.
 */
static bool goes_on(const struct daemon *daemon, const struct address *client)
{
	struct coarse_view unrecorded;

	return heavy_count(table_contacts(daemon->table), client) >= SCAN_CONTACTS_OVER ||
	       (table_coarse_of(daemon->table, COARSE_CLIENTS, client, &unrecorded) &&
		unrecorded.rate >= SCAN_CONTACTS_PER_S);
}

static void forget(struct daemon *daemon)
{
	struct scans *scans = &daemon->scans;

	for (uint32_t i = 0; i < scans->count;) {
		if (goes_on(daemon, &scans->clients[i]))
			i++;
		else
			scans->clients[i] = scans->clients[--scans->count];
	}
}

void scans_tick(struct daemon *daemon, struct now now)
{
	const struct heavy *contacts = table_contacts(daemon->table);
	struct scans *scans = &daemon->scans;
	unsigned int named = 0;

	forget(daemon);
	for (uint32_t i = 0; i < contacts->used && named < SCANS_PER_TICK && scans->count < HEAVY_PLACES; i++) {
		const struct heavy_place *place = &contacts->places[i];

		if (place->count <= SCAN_CONTACTS || is_listed(scans, &place->client))
			continue;
		scans->clients[scans->count++] = place->client;
		events_scan(&daemon->events, now, &place->client, table_contacts_rate(daemon->table, place->count),
			    heavy_part(contacts, place->count));
		named++;
	}
}
