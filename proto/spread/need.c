/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Publishing by need decides when an own cell is told, which means published: when its packets call, as an answer to
 * another member's cell, because much was counted in the slot before, or as a part of a destination, client or network
 * at half of its rate. Once told it stays told. PROTOCOL section "Publishing", rules a to d. publish.c sends it.
 *
 * A key is looked at when one of its cells grows. What changes for all keys at once (the policy, the number of members,
 * an aggregate that comes to half of its rate, an origin that counts again) starts a review of all keys.
 */
#include "spreading.h"

#include "node.h"

#define REVIEW_TICKS 8 /* a review of all keys takes so many ticks */
#define REVIEW_STRETCH_MIN 4096 /* entries per tick, at least: 0.2 ms */
#define REVIEW_PIECE 16384 /* entries per turn, at most: 1 ms */
#define FOLLOWED 2 /* times K packets in the slot before: rule c */
#define PART_APART_MS 900 /* between the ticks of two packets of a part: more than a burst, less than a second */
#define PARTS_MANY 16 /* packets of a part in a slot, from which on it goes first */
#define PARTS_SOME 4 /* so many need not be apart */

/* Why an own cell is told. */
enum need {
	NEED_NONE,
	NEED_CALL, /* rule a */
	NEED_ANSWER, /* rules b and c: because of what others counted, too */
	NEED_BEFORE, /* rule b, of the slot before that of a call which nobody answered yet */
	NEED_PART, /* rule d */
};

/* What is held of a key in one slot. */
struct slot_held {
	const struct ledger_cell *own; /* NULL: none */
	bool extras; /* that this proxy counted: answers are told, and call nobody */
	uint32_t contacts; /* that this proxy counted */
	uint64_t contacts_of_all;
	bool other; /* by an origin that is not left out */
	uint64_t packets; /* of all these, and own */
};

/* The same of all its slots. */
struct key_held {
	uint64_t newest; /* slot */
	struct call of_contacts; /* of a client */
	struct slot_held behind[SLOTS_SPAN]; /* so many slots behind the newest */
};

static void note_contacts(const struct entry *entry, const struct ledger_cell *cell, struct slot_held *held)
{
	if (entry_kind(entry) != KEY_CLIENT || cell->last != EXTRA_CONTACTS)
		return;
	if (cell->origin == 0)
		held->contacts = cell->extra;
	held->contacts_of_all += cell->extra;
}

/* `slot`: any that the key may have cells in. After a pause the cells may be far ahead of node->slot. */
static void key_read(const struct node *node, const struct entry *entry, uint64_t slot, struct key_held *ret_held)
{
	*ret_held = (struct key_held){ .newest = slot + (uint64_t)(int64_t)(int16_t)(entry->newest - (uint16_t)slot) };
	if (entry_kind(entry) == KEY_CLIENT)
		ret_held->of_contacts = call_of_contacts(entry_policy(node, entry), node->spread->need.members);
	for (uint32_t at = entry->stack; at != INDEX_NONE; at = stack_below(&node->count->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&node->count->ledger, at);
		struct slot_held *held = &ret_held->behind[(uint16_t)(entry->newest - cell->slot) % SLOTS_SPAN];

		if (node->count->excluded[cell->origin])
			continue; /* calls nobody */
		if (cell_is_extra(cell)) {
			held->extras = held->extras || cell->origin == 0;
			note_contacts(entry, cell, held);
			continue;
		}
		if (cell->origin == 0)
			held->own = cell;
		else
			held->other = true;
		held->packets += cell->packets;
	}
}

/* ---- rules a to c ---- */

/* Rule a: do this proxy's own packets call, or its client's contacts? (Publishing, Which cells, by need, 1) */
static bool is_calling(const struct node *node, const struct call *call, const struct key *key,
		       const struct key_held *held, unsigned int behind)
{
	const struct slot_held *in = &held->behind[behind];
	const uint8_t *secret = node->spread->need.secret;
	const uint64_t slot = held->newest - behind;

	if (!in->own)
		return false;
	return call_is_made(call, secret, key, slot, in->own->packets) ||
	       (in->contacts > 0 && call_is_made(&held->of_contacts, secret, key, slot, in->contacts));
}

/*
 * Rule c: was so much counted in a slot that the next one is told from its first packet on?
 * (Publishing, Which cells, by need, 3)
 */
static bool is_followed(const struct call *call, const struct key_held *held, unsigned int behind)
{
	if (call->least != CALL_NEVER && held->behind[behind].packets >= FOLLOWED * call->span)
		return true;
	return held->of_contacts.span > 0 &&
	       held->behind[behind].contacts_of_all >= FOLLOWED * held->of_contacts.span;
}

static enum need called(const struct node *node, const struct entry *entry, const struct call *call,
			const struct key_held *held, unsigned int behind)
{
	const struct key key = ledger_key(&node->count->ledger, entry);

	if (is_calling(node, call, &key, held, behind))
		return NEED_CALL;
	if (held->behind[behind].other || (behind > 0 && held->behind[behind - 1].other))
		return NEED_ANSWER; /* rule b (Publishing, Which cells, by need, 2) */
	if (behind + 1 < SLOTS_SPAN && is_followed(call, held, behind + 1))
		return NEED_ANSWER;
	return behind > 0 && is_calling(node, call, &key, held, behind - 1) ? NEED_BEFORE : NEED_NONE; /* b, too */
}

/* ---- rule d ---- */

static bool key_is_near(const struct node *node, struct key key)
{
	const uint32_t number = ledger_find(&node->count->ledger, &key);

	return number != INDEX_NONE && node->count->ledger.entries[number].flags & ENTRY_NEAR;
}

/* Was any key of this kind near in the last two slots? Near keys are judged in each slot. */
static bool kind_is_near(const struct node *node, enum key_kind kind)
{
	const uint64_t tick = node->judge->near_tick[kind];

	return tick > 0 && tick + (uint64_t)2 * slot_ticks(node) >= node->tick;
}

/* Is an aggregate of which the pair is a part at half of its rate? */
static bool aggregate_is_near(const struct node *node, const struct entry *entry)
{
	const struct entry *destination;
	struct address network;

	if (entry_kind(entry) != KEY_PAIR)
		return false;
	destination = &node->count->ledger.entries[entry->destination];
	if (destination->flags & ENTRY_NEAR)
		return true;
	if (kind_is_near(node, KEY_CLIENT) && key_is_near(node, key_of_client(&entry->address)))
		return true;
	network = network_of(&destination->address);
	return kind_is_near(node, KEY_NETWORK) && key_is_near(node, key_of_network(&network));
}

/*
 * Was the pair offered twice, in ticks at least PART_APART_MS apart? Then it was so in the newest two slots, or it has
 * a past. A single packet is no past, nor is a burst of less than PARTS_SOME packets. Of more, its rate matters at
 * once.
 */
static bool is_steady(const struct node *node, const struct key_held *held)
{
	const int64_t slot_ns = mesh_slot_length(&node->mesh).ns, part_ns = slot_ns / SLOT_FRACTIONS;
	int64_t first_ns = 0, last_ns = INT64_MIN; /* since the newest slot began */
	uint64_t packets = 0;

	for (unsigned int behind = 0; behind < SLOTS_SPAN; behind++) {
		const struct ledger_cell *own = held->behind[behind].own;

		if (!own)
			continue;
		first_ns = own->first * part_ns - behind * slot_ns;
		if (last_ns == INT64_MIN)
			last_ns = own->last * part_ns - behind * slot_ns;
		packets += own->packets;
	}
	return packets >= PARTS_SOME || (packets > 1 && last_ns - first_ns >= PART_APART_MS * NS_PER_MS);
}

/* ---- what is told ---- */

static enum need need_of(const struct node *node, const struct entry *entry, const struct call *call,
			 const struct key_held *held, unsigned int behind)
{
	const enum need need = called(node, entry, call, held, behind);

	if (need != NEED_NONE)
		return need;
	/* Rule d. (Publishing, Which cells, by need, 4) */
	return aggregate_is_near(node, entry) && is_steady(node, held) ? NEED_PART : NEED_NONE;
}

/*
 * Pairs that call by this proxy's own packets come first. What others' words call for comes by its packets, and so does
 * a part: a member that calls every key delays those with few packets alone.
 */
static enum publish_queue queue_of(const struct entry *entry, enum need need, uint32_t packets)
{
	if (entry_kind(entry) != KEY_PAIR)
		return QUEUE_DESTINATIONS;
	if (need == NEED_CALL)
		return QUEUE_PAIRS;
	return packets >= PARTS_MANY ? QUEUE_MANY : packets >= PARTS_SOME ? QUEUE_SOME : QUEUE_FEW;
}

/* Why a key is looked at. */
enum look {
	LOOK_OWN, /* an own cell has grown */
	LOOK_OTHER, /* another origin's cell has come: what it calls for is published at once, not with the tick */
	LOOK_REVIEW,
};

static void tell(struct node *node, uint32_t number, uint64_t slot, enum need need, enum look look, uint32_t packets)
{
	const enum publish_queue queue = queue_of(&node->count->ledger.entries[number], need, packets);

	if (look == LOOK_OTHER && need == NEED_ANSWER)
		publish_answer(node, number, slot, queue);
	else
		publish_cell(node, number, slot, queue,
			     need == NEED_BEFORE || need == NEED_PART ? QUEUE_PAST : QUEUE_LATE);
}

static struct call call_for(struct node *node, uint32_t number)
{
	const struct entry *entry = &node->count->ledger.entries[number];

	policy_refresh(node, number);
	return call_of(entry_policy(node, entry), entry_kind(entry), node->spread->need.members);
}

/*
 * Tells what is needed of a key's own cells, after a cell of slot `grown` has grown or come. One that was told is
 * published again when it has grown, and one that waits may now have a reason not to.
 */
static void key_look(struct node *node, uint32_t number, enum look look, uint64_t grown)
{
	const uint64_t oldest = node->count->ledger.oldest;
	const struct entry *entry = &node->count->ledger.entries[number];
	const struct call call = call_for(node, number);
	struct key_held held;

	key_read(node, entry, grown, &held);
	for (unsigned int behind = 0; behind < SLOTS_SPAN; behind++) {
		const struct ledger_cell *own = held.behind[behind].own;
		const uint64_t slot = held.newest - behind;
		const bool is_here = own || held.behind[behind].extras;
		const enum told told = is_here ? told_of(entry, slot) : TOLD_NOT;
		const bool has_grown = look == LOOK_OWN && slot == grown && told != TOLD_NOT;
		enum need need;

		if (!is_here || slot < oldest || (told != TOLD_NOT && told != TOLD_LATE && !has_grown))
			continue;
		need = need_of(node, entry, &call, &held, behind);
		if (need != NEED_NONE || has_grown)
			tell(node, number, slot, need, look, own ? own->packets : 0);
	}
}

/* Everything is told where that is configured, and where nobody is there to be told anything. */
static bool is_all_told(const struct node *node)
{
	return node->config.publish == PUBLISH_ALL || !node->config.gossip;
}

/* What was told and grows is told again, without a look at what others have of the key. */
static void tell_grown(struct node *node, uint32_t number, const struct cell *cell)
{
	const uint32_t packets = (uint32_t)(cell->packets < UINT32_MAX ? cell->packets : UINT32_MAX);
	const struct call call = call_for(node, number);

	tell(node, number, cell->slot,
	     call_is_made(&call, node->spread->need.secret, &cell->key, cell->slot, packets) ? NEED_CALL : NEED_ANSWER,
	     LOOK_OWN, packets);
}

void need_own(struct node *node, uint32_t number, const struct cell *cell)
{
	const struct entry *entry = &node->count->ledger.entries[number];

	if (is_all_told(node))
		tell(node, number, cell->slot, NEED_CALL, LOOK_OWN, 0);
	else if ((uint16_t)cell->slot == entry->newest && told_of(entry, cell->slot) != TOLD_NOT)
		tell_grown(node, number, cell);
	else
		key_look(node, number, LOOK_OWN, cell->slot);
}

/* A cell that grows in the newest slot calls for nothing that it did not call for when it was new. */
void need_other(struct node *node, uint32_t origin, uint32_t number, uint64_t slot, bool is_new)
{
	const struct entry *entry = &node->count->ledger.entries[number];

	if (is_all_told(node) || !entry_has_own(entry) || node->count->excluded[origin])
		return;
	if (is_new || (uint16_t)slot != entry->newest)
		key_look(node, number, LOOK_OTHER, slot);
}

/* Is a cell of the origin held of a slot before this one? */
static bool was_told_before(const struct ledger *ledger, const struct entry *entry, uint32_t origin, uint64_t slot)
{
	for (uint32_t at = ledger_first(ledger, entry); at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell->origin == origin && (int16_t)(uint16_t)(cell_slot_low(entry, cell) - (uint16_t)slot) < 0)
			return true;
	}
	return false;
}

bool need_is_prompt(struct node *node, uint32_t origin, uint32_t number, const struct cell *cell)
{
	const uint64_t slot = cell->slot;
	const struct entry *entry = &node->count->ledger.entries[number];
	const struct call call = call_for(node, number);
	struct key_held held;
	uint64_t behind;

	key_read(node, entry, slot, &held);
	behind = held.newest - slot + 1;
	return (behind < SLOTS_SPAN && is_followed(&call, &held, (unsigned int)behind)) ||
	       (aggregate_is_near(node, entry) && was_told_before(&node->count->ledger, entry, origin, slot));
}

void need_told_before(struct node *node, const struct cell *cell)
{
	const uint32_t number = ledger_find(&node->count->ledger, &cell->key);

	struct cell own;

	if (number == INDEX_NONE)
		return;
	own = ledger_version(&node->count->ledger, number, 0, cell->slot);
	if (cell_is_empty(&own) || told_of(&node->count->ledger.entries[number], cell->slot) != TOLD_NOT)
		return;
	tell(node, number, cell->slot, NEED_CALL, LOOK_OWN, 0);
}

uint64_t node_untold_most(const struct node *node, const struct key *key)
{
	const struct policy_state *policy = &node->judge->policy;
	const uint16_t index = policy_index_of(&policy->document, &policy->table, key);
	const struct call call = call_of(policy_effective_at(&policy->table, key, index), key_kind(key),
					 node->spread->need.members);

	if (!node->config.gossip)
		return 0;
	return call.least == CALL_NEVER ? UINT64_MAX : call.least + call.span - 1;
}

/* ---- the review of all keys ---- */

/* Did anything change that the needs of all keys rest on? */
static bool has_changed(struct node *node)
{
	const struct needing now = {
		.members = members_counted(node),
		.policy_generation = node->judge->policy.generation,
		.nears = node->judge->nears,
		.returns = node->count->returns,
	};
	struct needing *need = &node->spread->need;

	if (now.members == need->members && now.policy_generation == need->policy_generation &&
	    now.nears == need->nears && now.returns == need->returns)
		return false;
	need->members = now.members;
	need->policy_generation = now.policy_generation;
	need->nears = now.nears;
	need->returns = now.returns;
	return true;
}

void need_start(struct node *node, const uint8_t secret[CALL_SECRET_BYTES])
{
	memcpy(node->spread->need.secret, secret, CALL_SECRET_BYTES);
	node->spread->need.members = 1;
	node->spread->need.entry = INDEX_NONE;
}

void need_tick(struct node *node)
{
	struct needing *need = &node->spread->need;
	const uint32_t even = node->count->ledger.entries_high / REVIEW_TICKS + 1;
	const bool changed = has_changed(node); /* who tells everything needs n, too: see need_is_prompt */

	if (is_all_told(node))
		return;
	if (changed) {
		need->again = need->entry != INDEX_NONE;
		need->entry = need->entry == INDEX_NONE ? 0 : need->entry;
	}
	if (need->entry != INDEX_NONE)
		need->left = even > REVIEW_STRETCH_MIN ? even : REVIEW_STRETCH_MIN;
}

void need_turn(struct node *node)
{
	struct needing *need = &node->spread->need;

	for (uint32_t i = 0; i < REVIEW_PIECE && need->left > 0 && need->entry < node->count->ledger.entries_high;
	     i++, need->left--, need->entry++) {
		if (entry_has_own(&node->count->ledger.entries[need->entry]))
			key_look(node, need->entry, LOOK_REVIEW, node->slot);
	}
	if (need->entry < node->count->ledger.entries_high)
		return;
	need->entry = need->again ? 0 : INDEX_NONE;
	need->again = false;
	need->left = 0;
}

bool need_is_under_way(const struct node *node)
{
	return node->spread->need.left > 0;
}
