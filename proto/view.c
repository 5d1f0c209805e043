/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an administrator may ask: members, keys, the cells behind a key, and whether two ledgers are equal. Reads,
 * changes nothing.
 */
#include <sodium.h>

#include "node_internal.h"

static bool is_linked(const struct node *node, uint16_t number)
{
	for (uint32_t i = 0; i < node->member->links_count; i++) {
		if (node->member->links[i].member == number)
			return node->member->links[i].agreed;
	}
	return false;
}

static double silent_s(const struct member *member, struct now now)
{
	if (member->self)
		return 0;
	return member->heard ? (double)duration_between(member->heard_at, now.mono).ns / NS_PER_S : INFINITY;
}

static void member_view_of(const struct node *node, struct now now, uint16_t number, struct member_view *ret_view)
{
	const struct member *member = &node->member->table[number];
	const uint32_t origin = origin_find(node, number, member->incarnation);

	*ret_view = (struct member_view){
		.number = number,
		.line_rate = member->certificate.line_rate,
		.line_used = fmax(ledger_line_used(&node->count->ledger, number, (uint16_t)node->slot),
				  ledger_line_used(&node->count->ledger, number, (uint16_t)(node->slot - 1))),
		.keys = node->count->ledger.member_keys[number],
		.cells_refused = member->account.cells_refused,
		.cloned = member->clone.reported_at.ns != 0 &&
			  duration_between(member->clone.reported_at, now.mono).ns < 2 * REPORT_AGAIN_MS * NS_PER_MS,
		.endpoint = member->endpoint,
		.self = member->self,
		.up = member->up,
		.skewed = member->clock.skewed,
		.revoked = member->standing.revoked,
		.behind = !member->self && secrets_is_behind(node, number, now),
		.certificate_serial = member->certificate.serial,
		.suspect = member->state == MEMBER_SUSPECT,
		.left = member->self ? member->record.left : member->state == MEMBER_LEFT,
		.neighbour = node_is_direct(node) ? !member->self && member_is_near(node, number, now)
						  : is_linked(node, number),
		.load = member->has_record && member->record.load_limit ? member->record.load / 255.0 : NAN,
		.load_limit = member->has_record && member->record.load_limit ? member->record.load_limit / 255.0 : NAN,
		.incarnation = member->incarnation,
		.boot = member->boot,
		.rtt_ms = member->self ? 0 : member->clock.rtt_ms,
		.skew_ms = member->self ? 0 : member->clock.skew_ms,
		.silent_s = silent_s(member, now),
	};
	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++)
		ret_view->serials[kind] = member->self ? node->trust->held[kind].news.serial
						       : member->standing.news[kind].serial;
	memcpy(ret_view->name, member->certificate.name, sizeof(ret_view->name));
	memcpy(ret_view->region, member->certificate.region, sizeof(ret_view->region));
	memcpy(ret_view->public_key, member->certificate.public_key, PUBLIC_KEY_BYTES);
	if (origin == INDEX_NONE)
		return;
	ret_view->tick = member->self ? node->tick : node->count->origins[origin].complete;
	ret_view->equivocated = node->count->origins[origin].quarantined;
	ret_view->cells = node->count->ledger.origin_cells[origin];
	ret_view->frames_received = node->count->origins[origin].frames_received;
	ret_view->frames_repaired = node->count->origins[origin].frames_repaired;
}

bool node_next_member(const struct node *node, struct now now, uint32_t *cursor, struct member_view *ret_view)
{
	for (; *cursor < node->config.limits.members_max; (*cursor)++) {
		if (!node->member->table[*cursor].used)
			continue;
		member_view_of(node, now, (uint16_t)(*cursor)++, ret_view);
		return true;
	}
	return false;
}

static void key_view_of(const struct node *node, struct now now, uint32_t number, struct key_view *ret_view)
{
	const struct entry *entry = &node->count->ledger.entries[number];
	struct verdict v;

	verdict_of(node, now, number, &v);
	*ret_view = (struct key_view){
		.key = ledger_key(&node->count->ledger, entry),
		.ts1 = v.m.ts1,
		.ts2 = v.m.ts2,
		.count = v.m.count,
		.carried = v.count - (double)v.m.count,
		.window_s = v.window_s,
		.rate = v.rate,
		.offered = v.offered,
		.limit = v.limit,
		.shadow = v.shadow,
		.share = entry->pass_share / (double)SHARE_ALL,
		.origins = v.origins,
		.own = entry->flags & ENTRY_OWN,
		.over = (v.limit > 0 && v.rate > v.limit) || entry->flags & ENTRY_THIN,
		.thinned = entry->flags & ENTRY_THIN,
	};
}

bool node_next_key(const struct node *node, struct now now, uint32_t *cursor, struct key_view *ret_view)
{
	for (; *cursor < node->count->ledger.entries_high; (*cursor)++) {
		if (!(node->count->ledger.entries[*cursor].flags & ENTRY_USED))
			continue;
		key_view_of(node, now, (*cursor)++, ret_view);
		return true;
	}
	return false;
}

bool node_find_key(const struct node *node, struct now now, const struct key *key, struct key_view *ret_view)
{
	const uint32_t number = ledger_find(&node->count->ledger, key);

	if (number == INDEX_NONE)
		return false;
	key_view_of(node, now, number, ret_view);
	return true;
}

static void cell_view_of(const struct node *node, uint32_t number, uint16_t origin, uint64_t slot,
			 struct cell_view *ret_view)
{
	const struct cell cell = ledger_version(&node->count->ledger, number, origin, slot);
	const int64_t begins = mesh_slot_start(&node->mesh, slot).ns, length = mesh_slot_length(&node->mesh).ns;

	*ret_view = (struct cell_view){
		.incarnation = node->count->origins[origin].incarnation,
		.slot = slot,
		.first = { begins + cell.first * length / SLOT_FRACTIONS },
		.last = { begins + cell.last * length / SLOT_FRACTIONS },
		.packets = cell.packets,
	};
	if (key_kind(&cell.key) == KEY_PAIR) {
		ret_view->answers = answers_in(cell.extras[EXTRA_ANSWERS]);
		ret_view->answers_tcp = answers_have_tcp(cell.extras[EXTRA_ANSWERS]);
	} else {
		ret_view->contacts = cell.extras[EXTRA_CONTACTS];
		ret_view->unanswered = cell.extras[EXTRA_UNANSWERED];
	}
	memcpy(ret_view->member, node->member->table[origin_member(origin)].certificate.name,
	       sizeof(ret_view->member));
}

static uint64_t cell_place(const struct entry *entry, const struct ledger_cell *cell, uint64_t slot_now)
{
	return cell_slot(entry, cell, slot_now) << 16 | cell->origin;
}

/*
 * In (slot, origin) order. A cursor of 0 is before the first cell; else it stands for the slot and origin of the last
 * cell returned, with the slot counted from the oldest held one. A cell and its extras have one place in this order.
 * Each call walks the list once.
 */
bool node_next_cell(const struct node *node, const struct key *key, uint32_t *cursor, struct cell_view *ret_view)
{
	const struct ledger *ledger = &node->count->ledger;
	const uint32_t number = ledger_find(ledger, key);
	const uint64_t base = (node->slot > 2 * SLOTS_HELD ? node->slot - 2 * SLOTS_HELD : 0) << 16;
	const struct ledger_cell *next = NULL;

	if (number == INDEX_NONE)
		return false;

	const struct entry *entry = &ledger->entries[number];

	for (uint32_t at = entry->stack; at != INDEX_NONE; at = stack_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);
		const uint64_t place = cell_place(entry, cell, node->slot);

		if (place < base || place - base + 1 <= *cursor ||
		    (next && place >= cell_place(entry, next, node->slot)))
			continue;
		next = cell;
	}
	if (!next)
		return false;
	*cursor = (uint32_t)(cell_place(entry, next, node->slot) - base + 1);
	cell_view_of(node, number, next->origin, cell_slot(entry, next, node->slot), ret_view);
	return true;
}

/* Sums of keyed hashes do not depend on the order of the cells. */
void node_digest(const struct node *node, uint8_t ret_digest[HASH_BYTES])
{
	static const uint8_t key[crypto_shorthash_siphashx24_KEYBYTES] = "xpro ledger";
	const uint64_t oldest = slot_oldest(node->slot);
	uint64_t sum[4] = { 0 };

	for (uint32_t i = 0; i < node->count->ledger.entries_high; i++) {
		const struct entry *entry = &node->count->ledger.entries[i];
		const struct key name = ledger_key(&node->count->ledger, entry);

		for (uint32_t at = entry->flags & ENTRY_USED ? entry->stack : INDEX_NONE; at != INDEX_NONE;
		     at = stack_below(&node->count->ledger, at)) {
			const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
			uint8_t bytes[32 + 8 + 8 + 8 + 4 + 2], *put = bytes, hash[16];

			if (cell_slot(entry, cell, node->slot) < oldest || !told_cell(entry, cell))
				continue;
			put = put_bytes(put, &name, 32);
			put = put_le(put, node->member->table[origin_member(cell->origin)].id, 8);
			put = put_le(put, node->count->origins[cell->origin].incarnation, 8);
			put = put_le(put, cell_slot(entry, cell, node->slot), 8);
			put = put_le(put, cell->packets, 4);
			put = put_le(put, cell->first, 1);
			put_le(put, cell->last, 1);
			crypto_shorthash_siphashx24(hash, bytes, sizeof(bytes), key);
			for (unsigned int word = 0; word < 2; word++) {
				uint64_t part;

				memcpy(&part, hash + 8 * word, 8);
				sum[word] += part;
				sum[word + 2] ^= part;
			}
		}
	}
	for (unsigned int word = 0; word < 4; word++)
		put_le(ret_digest + 8 * word, sum[word], 8);
}

static void digest_verdict(crypto_generichash_state *hash, const struct key_view *view)
{
	const uint64_t words[] = { (uint64_t)view->ts1.ns, (uint64_t)view->ts2.ns, view->count, view->origins,
				   view->over };
	const double numbers[] = { view->carried, view->window_s, view->rate, view->offered, view->limit, view->share };

	crypto_generichash_update(hash, (const uint8_t *)&view->key, sizeof(view->key));
	crypto_generichash_update(hash, (const uint8_t *)words, sizeof(words));
	crypto_generichash_update(hash, (const uint8_t *)numbers, sizeof(numbers));
}

void node_digest_verdicts(const struct node *node, struct now now, uint8_t ret_digest[HASH_BYTES])
{
	crypto_generichash_state hash;
	struct key_view view;
	uint32_t cursor = 0;

	crypto_generichash_init(&hash, NULL, 0, HASH_BYTES);
	while (node_next_key(node, now, &cursor, &view))
		digest_verdict(&hash, &view);
	crypto_generichash_final(&hash, ret_digest, HASH_BYTES);
}
