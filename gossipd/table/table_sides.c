/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sides, for the program (xdp/sides.h): `clients` as constants, the interfaces as words that may change. The program
 * asks for a packet's side only where the packet finds no record. So no record may be left whose packets are not to be
 * judged any more: after a change of `clients`, of a side or of the lists the records of foreign clients are taken out.
 */
#include <string.h>

#include "table_internal.h"
#include "xpro.skel.h"

/* Are IPv4 addresses in the prefix? Then it is theirs, too. */
static bool ipv4_part(const struct address_prefix *prefix, struct ipv4_prefix *ret_part)
{
	const uint64_t mapped = htobe32(0xffff), low = 0xffffffff; /* bytes 8 to 11, as in a packet */

	if (prefix->words[0] & prefix->mask[0] || (prefix->words[1] ^ mapped) & prefix->mask[1] & low)
		return false;
	*ret_part = (struct ipv4_prefix){ be32toh((uint32_t)(prefix->words[1] >> 32)),
					  be32toh((uint32_t)(prefix->mask[1] >> 32)) };
	return true;
}

/* Has it no addresses but IPv4's? */
static bool is_ipv4_alone(const struct address_prefix *prefix)
{
	struct ipv4_prefix part;

	return ipv4_part(prefix, &part) && !~prefix->mask[0] && !~(prefix->mask[1] | ~0xffffffffULL);
}

void sides_constants(struct table *table, const struct table_config *config)
{
	struct xpro *skeleton = table->skeleton;

	table->client_count = config->client_count;
	memcpy(table->clients, config->clients, sizeof(table->clients));
	memcpy(table->sides, config->sides, sizeof(table->sides));
	skeleton->rodata->clients_count = config->client_count;
	skeleton->rodata->drop_foreign_sources = config->drop_foreign_sources;
	for (uint32_t i = 0; i < config->client_count; i++) {
		struct address_prefix prefix;
		struct ipv4_prefix part;

		prefix_words(&config->clients[i], &prefix);
		memcpy(&skeleton->rodata->clients[i], &prefix, sizeof(prefix));
		if (ipv4_part(&prefix, &part))
			skeleton->rodata->clients4[skeleton->rodata->clients4_count++] = part;
		if (is_ipv4_alone(&prefix))
			continue;
		memcpy(&skeleton->rodata->clients6[skeleton->rodata->clients6_count++], &prefix, sizeof(prefix));
		skeleton->rodata->clients6_long |= prefix.mask[1] != 0;
	}
}

/* Before the first interface drops, and after the last one does no more, the program looks nothing up. */
static void count_unenforced(struct table *table)
{
	struct sides *sides = &table->skeleton->bss->sides;
	uint32_t count = 0;

	for (uint32_t i = 0; i < INTERFACES_MAX; i++)
		count += (WORD_HIGH(load64(&sides->interfaces[i])) & SIDE_UNENFORCED) != 0;
	__atomic_store_n(&sides->unenforced, count, __ATOMIC_RELEASE);
}

/*
 * On the clients' side. Where no interface is on it, as with a single one, answers leave by that which they enter by.
 * An answer that leaves for another proxy is left to that one.
 */
bool sides_want_answers(const struct table *table, uint32_t i)
{
	if (!table->client_count || table->sides[i] & SIDE_UNKNOWN)
		return false;
	if (!(table->sides[i] & SIDE_OUTER))
		return true;
	for (uint32_t other = 0; other < table->interface_count; other++) {
		if (!(table->sides[other] & SIDE_OUTER))
			return false;
	}
	return true;
}

void sides_note_all(struct table *table)
{
	for (uint32_t i = 0; i < table->interface_count; i++)
		sides_note(table, i, WORD_LOW(load64(&table->skeleton->bss->sides.interfaces[i])));
}

void sides_note(struct table *table, uint32_t i, uint32_t ifindex)
{
	const uint32_t side = table->sides[i] | (sides_want_answers(table, i) ? SIDE_ANSWERS : 0);

	if (WORD_LOW(load64(&table->skeleton->bss->sides.interfaces[i])) != ifindex)
		table_set_mac(table, i, 0); /* of the interface that had the name before */
	store64(&table->skeleton->bss->sides.interfaces[i], WORD(ifindex, side));
	count_unenforced(table);
}

void table_set_mac(struct table *table, uint32_t i, uint64_t mac)
{
	if (load64(&table->skeleton->bss->sides.macs[i]) != mac)
		store64(&table->skeleton->bss->sides.macs[i], mac);
}

bool sides_are_foreign(const struct table *table, const struct address *client)
{
	const struct prefix whole = { *client, (uint8_t)widths_client_bits(&table->widths, client) };

	for (uint32_t i = 0; i < table->client_count; i++) {
		if (prefixes_meet(&table->clients[i], &whole))
			return false;
	}
	return table->client_count > 0;
}

/* 0 without clients: then no record is foreign. */
static uint64_t digest_of(const struct table *table)
{
	uint64_t digest = 1;

	for (uint32_t i = 0; i < table->client_count; i++) {
		__u64 words[2];

		memcpy(words, &table->clients[i].address, sizeof(words));
		digest = mix64(mix64(digest ^ words[0]) ^ words[1]) + table->clients[i].bits;
	}
	digest = mix64(digest ^ table->skeleton->rodata->drop_foreign_sources);
	for (uint32_t i = 0; i < INTERFACES_MAX; i++)
		digest = mix64(digest ^ table->sides[i]);
	return table->client_count ? digest | 1 : 0;
}

static void sort_again(struct table *table)
{
	table->sorting = table->client_count > 0;
	table->unsorted4 = table->pairs4.count;
	table->unsorted6 = table->pairs6.count;
	table->state->sides = 0; /* until every record is looked at: a start meanwhile begins again */
}

void sides_start(struct table *table)
{
	if (table->is_new)
		table->state->sides = digest_of(table);
	else if (table->state->sides != digest_of(table))
		sort_again(table);
}

void sides_sorted(struct table *table)
{
	if (table->unsorted4 || table->unsorted6)
		return;
	table->sorting = false;
	table->state->sides = digest_of(table);
}

void sides_lists_changed(struct table *table)
{
	sort_again(table);
}

void table_set_side(struct table *table, uint32_t i, uint32_t side)
{
	const uint32_t ifindex = WORD_LOW(load64(&table->skeleton->bss->sides.interfaces[i]));

	if (table->sides[i] == side)
		return;
	table->sides[i] = side;
	sides_note(table, i, ifindex);
	sides_note_all(table); /* whether answers leave by them depends on the others */
	sort_again(table);
}
