/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * I13 and I14: which own cells a member owes the others, where cells are told by need. Rules a to d of PROTOCOL
 * "Publishing", written anew from the document and by look-ups of single cells; spread/need.c reads a key at once.
 */
#include <string.h>

#include "call.h"
#include "check.h"
#include "node_internal.h"
#include "world.h"

/* An own cell that is looked at. */
struct owed {
	const struct proxy *proxy;
	uint32_t number; /* of its entry */
	uint64_t slot;
	struct call call;
};

static const struct entry *entry_of(const struct owed *owed)
{
	return &owed->proxy->node->count->ledger.entries[owed->number];
}

static const struct ledger_cell *own_cell(const struct owed *owed, uint64_t slot)
{
	return ledger_cell_of(&owed->proxy->node->count->ledger, owed->number, 0, slot);
}

/* Packets of all origins that count, in one slot; *ret_other: of another origin than this daemon, too. */
static uint64_t packets_of_slot(const struct owed *owed, uint64_t slot, bool *ret_other)
{
	const struct node *node = owed->proxy->node;
	uint64_t packets = 0;

	*ret_other = false;
	for (uint32_t o = 0; o < owed->proxy->config.limits.members_max * INCARNATIONS_MAX; o++) {
		const struct ledger_cell *cell =
			node->count->excluded[o] ? NULL :
						   ledger_cell_of(&node->count->ledger, owed->number, (uint16_t)o,
								  slot);

		*ret_other |= cell && o != 0;
		packets += cell ? cell->packets : 0;
	}
	return packets;
}

/* Rule a, in a slot. */
static bool calls(const struct owed *owed, uint64_t slot)
{
	const struct key key = ledger_key(&owed->proxy->node->count->ledger, entry_of(owed));
	const struct ledger_cell *own = own_cell(owed, slot);

	return own && call_is_made(&owed->call, owed->proxy->node->spread->need.secret, &key, slot, own->packets);
}

static bool is_answer(const struct owed *owed)
{
	bool now, next;

	packets_of_slot(owed, owed->slot, &now);
	packets_of_slot(owed, owed->slot + 1, &next);
	return now || next || calls(owed, owed->slot + 1);
}

static bool follows(const struct owed *owed)
{
	bool other;

	return owed->call.least != CALL_NEVER && packets_of_slot(owed, owed->slot - 1, &other) >= 2 * owed->call.span;
}

static bool is_near(const struct node *node, struct key key)
{
	const uint32_t number = ledger_find(&node->count->ledger, &key);

	return number != INDEX_NONE && node->count->ledger.entries[number].flags & ENTRY_NEAR;
}

/* Rule d: the aggregate as the core last judged it, the part by its own cells. */
static bool is_part(const struct owed *owed)
{
	const struct node *node = owed->proxy->node;
	const struct key key = ledger_key(&node->count->ledger, entry_of(owed));
	struct instant first = { INT64_MAX }, last = { INT64_MIN };
	uint64_t packets = 0;

	if (key_kind(&key) != KEY_PAIR || !is_near(node, key_of_destination(&key.destination)))
		return false;
	for (uint64_t slot = slot_oldest(node->slot); slot <= node->slot + 1; slot++) {
		const struct ledger_cell *own = own_cell(owed, slot);
		const int64_t begins = mesh_slot_start(&node->mesh, slot).ns,
			      part = mesh_slot_length(&node->mesh).ns / SLOT_FRACTIONS;

		if (!own)
			continue;
		packets += own->packets;
		first.ns = begins + own->first * part < first.ns ? begins + own->first * part : first.ns;
		last.ns = begins + own->last * part > last.ns ? begins + own->last * part : last.ns;
	}
	return packets >= 4 || (packets > 1 && last.ns - first.ns >= 900 * NS_PER_MS);
}

/* The rule by which an own cell should be told and is not; NULL: none. */
static const char *rule_of(struct owed *owed, bool parts)
{
	const struct ledger_cell *own = own_cell(owed, owed->slot);

	if (!own || told_of(entry_of(owed), owed->slot) != TOLD_NOT)
		return NULL;
	if (calls(owed, owed->slot))
		return "a, call";
	if (is_answer(owed))
		return "b, answer";
	if (follows(owed))
		return "c, follow";
	return parts && is_part(owed) ? "d, part" : NULL;
}

static bool tells_by_need(const struct world *world, const struct proxy *proxy)
{
	return proxy->running && proxy->config.publish == PUBLISH_NEED && proxy->config.gossip &&
	       !liar_is(world, (int)proxy->number);
}

/* While all keys are reviewed, some of them are owed. */
static bool is_reviewing(const struct proxy *proxy)
{
	return proxy->node->spread->need.entry != INDEX_NONE;
}

/* `members`: n. */
static const char *owed_of_key(const struct proxy *proxy, uint32_t number, uint32_t members, bool parts,
			       uint64_t *ret_slot)
{
	const struct node *node = proxy->node;
	struct owed owed = { .proxy = proxy, .number = number };

	if (!(entry_of(&owed)->flags & ENTRY_USED))
		return NULL;
	owed.call = call_of(entry_policy(node, entry_of(&owed)), entry_kind(entry_of(&owed)), members);
	for (owed.slot = slot_oldest(node->slot); owed.slot <= node->slot + 1; owed.slot++) {
		const char *rule = rule_of(&owed, parts);

		*ret_slot = owed.slot;
		if (rule)
			return rule;
	}
	return NULL;
}

/* Does the proxy keep a cell of this key and the running slot to itself? */
static bool has_untold(const struct proxy *proxy, uint32_t number)
{
	const struct node *node = proxy->node;

	return ledger_cell_of(&node->count->ledger, number, 0, node->slot) &&
	       told_of(&node->count->ledger.entries[number], node->slot) == TOLD_NOT;
}

/* BREAK_PRETEND: untold cells of slots whose closing frames are written count as told. */
static void pretend(struct proxy *proxy)
{
	struct ledger *ledger = &proxy->node->count->ledger;

	for (uint32_t i = 0; i < ledger->entries_high; i++) {
		struct entry *entry = &ledger->entries[i];
		const uint64_t slot = proxy->node->slot - 2;

		if (entry->flags & ENTRY_USED && ledger_cell_of(ledger, i, 0, slot) && told_of(entry, slot) == TOLD_NOT)
			told_set(entry, slot, TOLD_DONE);
	}
}

/* BREAK_MUTE. */
static void forget_told(struct proxy *proxy)
{
	for (uint32_t i = 0; i < proxy->node->count->ledger.entries_high; i++)
		proxy->node->count->ledger.entries[i].told = 0;
}

void check_told_note(struct proxy *proxy, uint32_t number)
{
	struct check_noted *noted = &proxy->noted;

	if (noted->count < CHECK_NOTED_MAX)
		noted->numbers[noted->count] = number;
	noted->count++;
}

/* I13, after a tick: n may have grown since the cell did, so that of one member holds in any case. */
void check_told(struct world *world, struct proxy *proxy)
{
	const uint32_t count = proxy->noted.count;

	proxy->noted.count = 0;
	if (!world->check.on || !tells_by_need(world, proxy))
		return;
	if (world->check.breaking == BREAK_MUTE && proxy->number == 0 && world->now_ns > 5 * NS_PER_S)
		forget_told(proxy);
	if (world->check.breaking == BREAK_PRETEND)
		pretend(proxy);
	if (is_reviewing(proxy))
		return;
	world->check.reached[REACHED_UNTOLD] += count > 0 && has_untold(proxy, proxy->noted.numbers[0]);
	for (uint32_t i = 0; i < (count < CHECK_NOTED_MAX ? count : CHECK_NOTED_MAX); i++) {
		uint64_t slot;
		const char *rule = owed_of_key(proxy, proxy->noted.numbers[i], 1, false, &slot);
		const struct key key =
			ledger_key(&proxy->node->count->ledger,
				   &proxy->node->count->ledger.entries[proxy->noted.numbers[i]]);

		if (rule)
			check_fail(world, proxy, "did not tell its cell of key %u in slot %llu, by rule %s (I13)",
				   keys_find(&world->keys, &key), (unsigned long long)slot, rule);
	}
}

/* n as the documents have it. */
static uint32_t members_of(const struct node *node)
{
	uint32_t members = 0;

	for (uint16_t i = 0; i < node->member->high; i++)
		members += node->member->table[i].used && !node->member->table[i].standing.revoked &&
			   node->member->table[i].state != MEMBER_LEFT;
	return members;
}

bool check_nothing_owed(struct world *world, const struct proxy *proxy, char *ret_text, size_t size)
{
	if (!tells_by_need(world, proxy))
		return true;
	snprintf(ret_text, size, "node-%u reviews its keys", proxy->number);
	if (is_reviewing(proxy))
		return false;
	for (uint32_t i = 0; i < proxy->node->count->ledger.entries_high; i++) {
		uint64_t slot;
		const char *rule = owed_of_key(proxy, i, members_of(proxy->node), true, &slot);
		const struct key key = ledger_key(&proxy->node->count->ledger, &proxy->node->count->ledger.entries[i]);

		if (!rule)
			continue;
		snprintf(ret_text, size, "node-%u has not told its cell of key %u in slot %llu, by rule %s (I14)",
			 proxy->number, keys_find(&world->keys, &key), (unsigned long long)slot, rule);
		return false;
	}
	return true;
}
