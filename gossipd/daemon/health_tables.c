/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health of the tables, and who did it: a table that is full, packets without a record, and clients that scan are
 * warnings and notices that name the client. Every packet is judged all the same, so none is a fault of this proxy.
 */
#include "daemon.h"

#define CULPRIT_PART_MIN 0.02 /* who has less of the records is not what fills a table */
/* packets without room, and packets that passed by the floor, are reported again after this */
#define NOTICE_EVERY_S 60
#define TEXT_BYTES 160

struct culprit {
	bool known;
	struct address client;
	double part; /* of what it is held against it */
};

static bool is_full(uint64_t used, uint64_t most)
{
	return most != 0 && used * 100 > most * HEALTH_FULL_PERCENT;
}

static struct about about_culprit(const struct daemon *daemon, const struct culprit *culprit, const char *otherwise)
{
	return culprit->known ? about_client(&culprit->client, &daemon->identity.mesh.widths) : about_here(otherwise);
}

/* The one with most, unless the one named before still has half as much: names do not change with each sample. */
static struct culprit blame(struct health *health, enum blamed which, const struct heavy *heavy)
{
	struct address *named = &health->blamed[which];
	const struct heavy_place *top = heavy_top(heavy);

	if (!top || heavy_part(heavy, top->count) < CULPRIT_PART_MIN) {
		*named = (struct address){ { 0 } };
		return (struct culprit){ .known = false };
	}
	if (2 * heavy_count(heavy, named) < top->count)
		*named = top->client;
	return (struct culprit){ true, *named, heavy_part(heavy, heavy_count(heavy, named)) };
}

/* What the culprit does now, as the end of a sentence. */
static void write_contacts(const struct daemon *daemon, const struct culprit *culprit, char ret_text[TEXT_BYTES])
{
	const struct heavy *contacts = table_contacts(daemon->table);
	const uint32_t count = culprit->known ? heavy_count(contacts, &culprit->client) : 0;

	ret_text[0] = '\0';
	if (count)
		snprintf(ret_text, TEXT_BYTES, "; it makes %.0f contacts/s, %.0f %% of all new records",
			 table_contacts_rate(daemon->table, count), 100 * heavy_part(contacts, count));
}

/* ---- the ledger ---- */

static void name_most_charged(const struct daemon *daemon, struct now now, uint64_t keys, char ret_text[TEXT_BYTES])
{
	struct member_view view, most = { .keys = 0 };
	uint32_t cursor = 0;

	while (node_next_member(daemon->node, now, &cursor, &view)) {
		if (view.keys > most.keys)
			most = view;
	}
	ret_text[0] = '\0';
	if (keys && most.keys)
		snprintf(ret_text, TEXT_BYTES, "; %.0f %% of the keys are on the account of %s%.32s",
			 100. * most.keys / (double)keys, most.self ? "this proxy" : "member ",
			 most.self ? "" : most.name);
}

static void look_at_ledger(struct daemon *daemon, struct now now)
{
	struct node_counters counters;
	char most[TEXT_BYTES];

	node_read_counters(daemon->node, &counters);
	if (!is_full(counters.keys_held, counters.keys_max) && !is_full(counters.cells_held, counters.cells_max))
		return;
	name_most_charged(daemon, now, counters.keys_held, most);
	conditions_find(&daemon->health.conditions, CONDITION_LEDGER_FULL, about_here("ledger"),
			"%llu of %llu keys and %llu of %llu cells are in use%s", (unsigned long long)counters.keys_held,
			(unsigned long long)counters.keys_max, (unsigned long long)counters.cells_held,
			(unsigned long long)counters.cells_max, most);
}

/* ---- the kernel's tables ---- */

static void find_full_pairs(struct daemon *daemon, bool ipv6, uint32_t used, uint32_t most)
{
	static struct heavy sample;
	struct culprit culprit;
	char contacts[TEXT_BYTES], part[TEXT_BYTES + 48] = "no client has a fiftieth of them";

	table_sample_clients(daemon->table, ipv6, &sample);
	culprit = blame(&daemon->health, ipv6 ? BLAMED_PAIRS6 : BLAMED_PAIRS4, &sample);
	write_contacts(daemon, &culprit, contacts);
	if (culprit.known)
		snprintf(part, sizeof(part), "%.0f %% of them its own%s", 100 * culprit.part, contacts);
	conditions_find(&daemon->health.conditions, CONDITION_PAIRS_FULL,
			about_culprit(daemon, &culprit, ipv6 ? "IPv6 pairs" : "IPv4 pairs"),
			"%u of %u records of %s pairs are in use, %s", used, most, ipv6 ? "IPv6" : "IPv4", part);
}

/* A packet that found no room is of the fuller table. */
static void look_at_pairs(struct daemon *daemon, const struct table_usage *usage)
{
	const bool missed = daemon->health.grown[REASON_TABLE_FULL] > 0,
		   fuller6 = (uint64_t)usage->pairs6 * usage->pairs4_max > (uint64_t)usage->pairs4 * usage->pairs6_max;

	if (is_full(usage->pairs4, usage->pairs4_max) || (missed && !fuller6))
		find_full_pairs(daemon, false, usage->pairs4, usage->pairs4_max);
	if (is_full(usage->pairs6, usage->pairs6_max) || (missed && fuller6))
		find_full_pairs(daemon, true, usage->pairs6, usage->pairs6_max);
}

/* Heads belong to nobody: who brings most new pairs brings most new destinations. */
static void look_at_destinations(struct daemon *daemon, const struct table_usage *usage)
{
	struct culprit culprit;
	char contacts[TEXT_BYTES];

	if (!is_full(usage->destinations, usage->destinations_max) &&
	    daemon->health.grown[REASON_DESTINATIONS_FULL] == 0)
		return;
	culprit = blame(&daemon->health, BLAMED_DESTINATIONS, table_contacts(daemon->table));
	write_contacts(daemon, &culprit, contacts);
	conditions_find(&daemon->health.conditions, CONDITION_DESTINATIONS_FULL,
			about_culprit(daemon, &culprit, "destinations"), "%u of %u destinations are in use%s",
			usage->destinations, usage->destinations_max,
			culprit.known ? contacts : "; no client makes a fiftieth of the new records");
}

/* Who sends most of what finds no record, as blame(). */
static struct culprit blame_sender(struct daemon *daemon, enum blamed which, double *ret_rate)
{
	struct address *named = &daemon->health.blamed[which];
	struct coarse_view heaviest[COARSE_HEAVIEST_MAX];
	const size_t count = table_coarse_heaviest(daemon->table, COARSE_CLIENTS, heaviest);
	size_t at = 0;

	if (count == 0)
		return (struct culprit){ .known = false };
	for (size_t i = 1; i < count; i++) {
		if (address_equal(&heaviest[i].prefix.address, named) && 2 * heaviest[i].rate >= heaviest[0].rate)
			at = i;
	}
	*named = heaviest[at].prefix.address;
	*ret_rate = heaviest[at].rate;
	return (struct culprit){ .known = true, .client = *named };
}

static void look_at_coarse(struct daemon *daemon)
{
	const struct health *health = &daemon->health;
	char sender[TEXT_BYTES] = "";
	struct culprit culprit;
	double rate = 0;

	if (health->grown[REASON_COARSE] + health->grown[REASON_DROP_COARSE] == 0)
		return;
	culprit = blame_sender(daemon, BLAMED_COARSE, &rate);
	if (culprit.known)
		snprintf(sender, sizeof(sender), "; it sends most of what finds no record, %.0f packets/s", rate);
	conditions_find(&daemon->health.conditions, CONDITION_COARSE_VERDICTS,
			about_culprit(daemon, &culprit, "destinations"),
			"%llu packets a second were judged by the network of their destination, and %llu dropped%s",
			(unsigned long long)health->grown[REASON_COARSE],
			(unsigned long long)health->grown[REASON_DROP_COARSE], sender);
}

/* ---- clients ---- */

/* Who has as many records as one may: by the sample, else who sends most of what finds none. */
static struct culprit at_quota(struct daemon *daemon, const struct table_usage *usage)
{
	const bool ipv6 = usage->pairs6 > usage->pairs4;
	const double records = ipv6 ? usage->pairs6 : usage->pairs4;
	static struct heavy sample;
	struct culprit culprit;
	double rate;

	table_sample_clients(daemon->table, ipv6, &sample);
	culprit = blame(&daemon->health, BLAMED_QUOTA, &sample);
	if (culprit.known && culprit.part * records >= 0.75 * daemon->config.client_pairs)
		return culprit;
	return blame_sender(daemon, BLAMED_QUOTA, &rate);
}

static void look_at_quota(struct daemon *daemon, const struct table_usage *usage)
{
	const uint64_t unrecorded = daemon->health.grown[REASON_CLIENT_QUOTA];
	const uint32_t full = table_clients_full(daemon->table);
	struct culprit culprit;

	if (full == 0 && unrecorded == 0)
		return;
	culprit = at_quota(daemon, usage);
	conditions_find(&daemon->health.conditions, CONDITION_CLIENT_QUOTA, about_culprit(daemon, &culprit, "clients"),
			"has records of as many pairs as one may, %u; %u clients have, and %llu of their packets a "
			"second find no record",
			daemon->config.client_pairs, full, (unsigned long long)unrecorded);
}

static void look_at_scans(struct daemon *daemon)
{
	const struct heavy *contacts = table_contacts(daemon->table);

	for (uint32_t i = 0; i < daemon->scans.count; i++) {
		const struct address *client = &daemon->scans.clients[i];
		const struct about about = about_client(client, &daemon->identity.mesh.widths);
		const uint32_t count = heavy_count(contacts, client);

		if (count < SCAN_CONTACTS_OVER)
			conditions_find(&daemon->health.conditions, CONDITION_CLIENT_SCANS, about,
					"goes on to send where it was not before, beyond the records it may have");
		else
			conditions_find(&daemon->health.conditions, CONDITION_CLIENT_SCANS, about,
					"makes %.0f contacts/s, %.0f %% of all new records; more than %d/s is a scan",
					table_contacts_rate(daemon->table, count), 100 * heavy_part(contacts, count),
					SCAN_CONTACTS_PER_S);
	}
}

/* ---- events that repeat while it goes on ---- */

/*
 * Is an event due? Yes when it begins, and once a minute while it lasts. Not at the first look: the daemon before has
 * reported what was then.
 */
static bool is_news(const struct daemon *daemon, uint64_t packets, uint64_t *told)
{
	if (daemon->seconds == 0 || packets == 0 || (*told > 0 && daemon->seconds - *told < NOTICE_EVERY_S))
		return false;
	*told = daemon->seconds;
	return true;
}

static void tell_quota(struct daemon *daemon, struct now now)
{
	const uint32_t full = table_clients_full(daemon->table);
	struct table_usage usage;
	struct culprit culprit;

	if (full > 0 && daemon->health.clients_full == 0) {
		table_read_usage(daemon->table, &usage);
		culprit = at_quota(daemon, &usage);
		events_client_quota(&daemon->events, now, culprit.known ? &culprit.client : NULL, full,
				    daemon->config.client_pairs);
	}
	daemon->health.clients_full = full;
}

void health_tables_tell(struct daemon *daemon, struct now now)
{
	struct health *health = &daemon->health;
	const uint64_t pairs = health->grown[REASON_TABLE_FULL], destinations = health->grown[REASON_DESTINATIONS_FULL],
		       passed = health->grown[REASON_PASS_EVIDENCE];
	struct culprit culprit;
	double rate;

	tell_quota(daemon, now);
	if (is_news(daemon, pairs + destinations, &health->table_full_told)) {
		culprit = blame_sender(daemon, BLAMED_COARSE, &rate);
		events_table_full(&daemon->events, now, culprit.known ? &culprit.client : NULL, pairs, destinations);
	}
	if (is_news(daemon, passed, &health->evidence_told))
		events_evidence(&daemon->events, now, passed);
}

void health_tables(struct daemon *daemon, struct now now)
{
	struct table_usage usage;

	table_read_usage(daemon->table, &usage);
	look_at_ledger(daemon, now);
	look_at_pairs(daemon, &usage);
	look_at_destinations(daemon, &usage);
	look_at_coarse(daemon);
	look_at_quota(daemon, &usage);
	look_at_scans(daemon);
}
