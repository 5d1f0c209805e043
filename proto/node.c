/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node as a whole: its memory, its tick, its events and its counters. */
#include <errno.h>

#include <sodium.h>

#include "node_internal.h"

static void node_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	membership_take_memory(node, arena, limits);
	counting_take_memory(node, arena, limits);
	spreading_take_memory(node, arena, limits);
	judge_take_memory(node, arena, limits);
	outbox_take_memory(node, arena, limits);
}

/* The node itself, and each room's part. */
static struct node *rooms_take(struct arena *arena, struct node *ret_rooms)
{
	struct node *node = arena_take(arena, 1, sizeof(*node));

	ret_rooms->count = arena_take(arena, 1, sizeof(*ret_rooms->count));
	ret_rooms->judge = arena_take(arena, 1, sizeof(*ret_rooms->judge));
	ret_rooms->outbox = arena_take(arena, 1, sizeof(*ret_rooms->outbox));
	ret_rooms->member = arena_take(arena, 1, sizeof(*ret_rooms->member));
	ret_rooms->trust = arena_take(arena, 1, sizeof(*ret_rooms->trust));
	ret_rooms->spread = arena_take(arena, 1, sizeof(*ret_rooms->spread));
	return node;
}

size_t node_bytes(const struct node_limits *limits)
{
	/* What node_take_memory writes into when there is no memory yet. */
	static struct counting count;
	static struct judging judge;
	static struct outbox outbox;
	static struct membership member;
	static struct spreading spread;
	struct node sizes = { .tick = 0 };
	struct arena arena = { .memory = NULL };

	rooms_take(&arena, &sizes);
	sizes.count = &count;
	sizes.judge = &judge;
	sizes.outbox = &outbox;
	sizes.member = &member;
	sizes.spread = &spread;
	node_take_memory(&sizes, &arena, limits);
	return arena.used + ledger_bytes(limits->keys_max, limits->cells_max, limits->members_max) +
	       replay_cache_bytes(limits->keys_max, limits->members_max) +
	       store_bytes(limits->frames_max, limits->members_max);
}

/* Everything random is drawn from the seed, each for its own purpose. */
static void seed_draw(const struct node_config *config, const char *purpose, void *ret_bytes, size_t size)
{
	crypto_generichash(ret_bytes, size, (const uint8_t *)purpose, strlen(purpose), config->seed, SEED_BYTES);
}

static bool limits_are_sound(const struct node_config *config)
{
	const struct node_limits *l = &config->limits;

	return l->keys_max >= 16 && l->cells_max >= 16 && l->frames_max >= 16 && l->members_max >= 1 &&
	       l->members_max <= MEMBERS_MAX && l->keys_max <= UINT32_MAX / 4 && l->cells_max <= UINT32_MAX / 4 &&
	       config->frames_per_tick >= 1 && config->frames_per_tick <= FRAMES_PER_TICK_MAX &&
	       config->frames_per_tick <= l->frames_max / 4 && config->datagram_bytes >= DATAGRAM_BYTES_MIN &&
	       config->datagram_bytes <= DATAGRAM_BYTES_MAX && config->boot < 1ULL << (64 - SEQUENCE_BOOT_SHIFT) &&
	       config->certificate_bytes <= CERTIFICATE_BYTES_MAX;
}

int node_init(void *memory, size_t bytes, const struct node_config *config, struct now now, struct node **ret_node)
{
	struct arena arena = { .memory = memory };
	struct certificate self;
	const char *problem;
	uint64_t hash_seed[2];
	uint8_t cookie_secret[COOKIE_SECRET_BYTES], call_secret[CALL_SECRET_BYTES];
	struct node rooms = { .tick = 0 }, *node;

	if (!limits_are_sound(config) || mesh_check(&config->mesh, &problem) != 0)
		return -EINVAL;
	if (bytes < node_bytes(&config->limits) || (uintptr_t)memory % ARENA_ALIGN)
		return -ENOSPC;
	if (certificate_open(config->certificate, config->certificate_bytes, &config->mesh, &self) != REJECT_NONE ||
	    memcmp(self.public_key, config->secret_key + SECRET_KEY_BYTES - PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES) != 0)
		return -EBADMSG;

	node = rooms_take(&arena, &rooms);
	*node = rooms;
	node->config = *config;
	node->mesh = config->mesh;
	node->id = self.id;
	node->started_at = now.mono;
	node->tick = mesh_tick_ended(&node->mesh, now.mesh);
	node->slot = mesh_slot_at(&node->mesh, now.mesh);
	node_take_memory(node, &arena, &config->limits);
	counting_start(node);
	judge_start(node);
	spreading_start(node);

	seed_draw(config, "xpro-mesh hash", hash_seed, sizeof(hash_seed));
	seed_draw(config, "xpro-mesh cookie", cookie_secret, sizeof(cookie_secret));
	seed_draw(config, "xpro-mesh call", call_secret, sizeof(call_secret));
	seed_draw(config, "xpro-mesh nonce", node->nonce_random, sizeof(node->nonce_random));
	seed_draw(config, "xpro-mesh choice", node->random, sizeof(node->random));
	ledger_init(&node->count->ledger, &arena, config->limits.keys_max, config->limits.cells_max,
		    config->limits.members_max, hash_seed);
	memory_start(&node->count->memory, hash_seed[0]);
	replay_cache_init(&node->judge->replay_cache, &arena, config->limits.keys_max, config->limits.members_max);
	store_init(&node->spread->store, &arena, config->limits.frames_max, config->limits.members_max,
		   slot_ticks(node));
	membership_init(node, &self, cookie_secret);
	sodium_memzero(cookie_secret, sizeof(cookie_secret));
	need_start(node, call_secret);
	if (policy_start(node, now))
		return -EINVAL;
	secrets_init(node);
	trust_init(node);
	overlay_init(node);
	swim_init(node);
	if (config->gossip)
		record_renew(node, now);
	catch_up_begin(node, now);
	*ret_node = node;
	return 0;
}

void node_close(struct node *node)
{
	sodium_memzero(node->config.secret_key, sizeof(node->config.secret_key));
	sodium_memzero(node->config.mesh_secret, sizeof(node->config.mesh_secret));
	secrets_close(node);
}

static uint8_t slot_fraction(const struct node *node, uint64_t slot, struct instant at)
{
	const int64_t length = mesh_slot_length(&node->mesh).ns, into = at.ns - mesh_slot_start(&node->mesh, slot).ns;

	if (into <= 0)
		return 0;
	return into >= length ? SLOT_FRACTIONS - 1 : (uint8_t)(into * SLOT_FRACTIONS / length);
}

/* The own cell as it was observed before; NULL: it was not. */
static const struct ledger_cell *observed_of(const struct node *node, const struct cell *cell, uint32_t entry)
{
	return entry == INDEX_NONE ? NULL : ledger_cell_of(&node->count->ledger, entry, 0, cell->slot);
}

/*
 * The ticks (from, to] that an observation was counted in. Each harvest covers one tick, with two exceptions. The first
 * harvest of a boot covers all ticks since the cell was last observed, by the previous daemon, or since the cell's
 * first packet. A sum that begins within a slot covers the ticks since its first packet.
 */
static void observed_in(const struct node *node, const struct cell *cell, struct instant first, struct instant last,
			uint64_t tick, uint64_t *ret_from, uint64_t *ret_to)
{
	const uint32_t entry = ledger_find(&node->count->ledger, &cell->key);
	const struct ledger_cell *before = observed_of(node, cell, entry);
	uint64_t from = node->tick, to = tick;

	if (!node->ticked) {
		if (before)
			first = node_cell_instant(node, &node->count->ledger.entries[entry], before, before->last);
		from = mesh_tick_ended(&node->mesh, first);
		to = mesh_tick_ended(&node->mesh, last) + 1;
	} else if (!before && kind_has_sums(key_kind(&cell->key)) && mesh_tick_ended(&node->mesh, first) < from) {
		from = mesh_tick_ended(&node->mesh, first);
	}
	*ret_to = to < tick ? to : tick;
	*ret_from = from < *ret_to ? from : *ret_to - 1;
}

bool node_observe(struct node *node, struct now now, const struct key *key, uint64_t slot, struct instant first,
		  struct instant last, uint64_t packets)
{
	const uint64_t slot_now = mesh_slot_at(&node->mesh, now.mesh), tick = mesh_tick_ended(&node->mesh, now.mesh);
	struct cell cell = {
		.key = *key,
		.slot = slot,
		.first = slot_fraction(node, slot, first),
		.last = slot_fraction(node, slot, last),
		.packets = packets,
	};
	const struct ledger_cell *before;
	uint64_t from_tick, to_tick;
	enum reject reason;

	ledger_advance(&node->count->ledger, slot_oldest(slot_now));
	if (slot < slot_oldest(slot_now) || slot > slot_now + 1 || !frame_cell_is_valid(&cell) ||
	    !frame_client_is_whole(&node->mesh.widths, &cell))
		return false;
	before = observed_of(node, &cell, ledger_find(&node->count->ledger, key));
	if (before)
		cell.first = before->first; /* a later harvest may not have it any more */
	observed_in(node, &cell, first, last, tick, &from_tick, &to_tick);
	reason = receive_cell(node, 0, &cell, from_tick, to_tick);
	if (reason == REJECT_QUOTA)
		node_reject(node, REJECT_QUOTA);
	return reason != REJECT_QUOTA;
}

/* Extras of a key of which something is held, in a held slot or the next. */
static bool observe_extras(struct node *node, struct now now, const struct key *key, uint64_t slot,
			   const uint32_t extras[EXTRAS_MAX])
{
	const uint64_t slot_now = mesh_slot_at(&node->mesh, now.mesh);
	const uint32_t entry = ledger_find(&node->count->ledger, key);
	struct cell cell;
	uint64_t tick;

	ledger_advance(&node->count->ledger, slot_oldest(slot_now));
	if (entry == INDEX_NONE || slot < slot_oldest(slot_now) || slot > slot_now + 1)
		return false;
	cell = ledger_version(&node->count->ledger, entry, 0, slot);
	memcpy(cell.extras, extras, sizeof(cell.extras));
	tick = mesh_tick_ended(&node->mesh, now.mesh);
	return frame_cell_is_valid(&cell) && receive_cell(node, 0, &cell, tick - 1, tick) != REJECT_QUOTA;
}

bool node_observe_answers(struct node *node, struct now now, const struct key *key, uint64_t slot, uint32_t answers,
			  bool tcp)
{
	const struct ledger *ledger = &node->count->ledger;
	const uint32_t entry = ledger_find(ledger, key);
	const uint32_t before = entry == INDEX_NONE ? 0 : ledger_extra_of(ledger, entry, 0, slot, EXTRA_ANSWERS);
	const uint32_t room = UINT32_MAX - answers_in(before);
	const uint32_t all = answers_in(before) + (answers < room ? answers : room);
	const uint32_t extras[EXTRAS_MAX] = { [EXTRA_ANSWERS] = answers_word(all, tcp || answers_have_tcp(before)) };

	return observe_extras(node, now, key, slot, extras);
}

/* Are the pair's cells told, or does another member count it? */
static bool is_called(const struct node *node, const struct entry *entry)
{
	return entry->flags & ENTRY_USED && entry_kind(entry) == KEY_PAIR &&
	       (entry->flags & ENTRY_SHARED || told_of(entry, node->slot) != TOLD_NOT ||
		told_of(entry, node->slot - 1) != TOLD_NOT);
}

bool node_next_called(const struct node *node, uint32_t *cursor, uint32_t *work, struct key *ret_key)
{
	const struct ledger *ledger = &node->count->ledger;

	for (; *work > 0 && *cursor < ledger->entries_high; (*work)--) {
		const struct entry *entry = &ledger->entries[(*cursor)++];

		if (!is_called(node, entry))
			continue;
		*ret_key = ledger_key(ledger, entry);
		return true;
	}
	return false;
}

uint32_t node_keys_high(const struct node *node)
{
	return node->count->ledger.entries_high;
}

void node_remember(struct node *node, const struct key *pair, uint32_t minute, bool tcp)
{
	const uint32_t now = node_minute(node);

	memory_note(&node->count->memory, pair, minute > 0 ? minute : now, now, tcp);
}

bool node_next_note(const struct node *node, uint32_t *cursor, struct note_view *ret_note)
{
	const struct memory *memory = &node->count->memory;

	for (; *cursor < memory->sets * NOTES_A_SET; (*cursor)++) {
		const struct note *note = &memory->notes[*cursor];

		if (!memory_is_fresh(note, node_minute(node)))
			continue;
		*ret_note = (struct note_view){ { note->client, note->destination }, note->minute, note->tcp };
		(*cursor)++;
		return true;
	}
	return false;
}

bool node_answered(const struct node *node, const struct key *pair, struct answered_view *ret_view)
{
	const uint32_t number = ledger_find(&node->count->ledger, pair);
	const struct note *note = memory_find(&node->count->memory, pair, node_minute(node));

	*ret_view = (struct answered_view){ .remembered = note, .remembered_tcp = note && note->tcp };
	if (number != INDEX_NONE) {
		const struct answered answered = answered_of(node, &node->count->ledger.entries[number],
							     slot_oldest(node->slot));

		ret_view->answers = answered.packets;
		ret_view->tcp = answered.tcp;
		for (uint64_t slot = slot_oldest(node->slot); slot <= node->slot; slot++)
			ret_view->own += answers_in(ledger_extra_of(&node->count->ledger, number, 0, slot,
								    EXTRA_ANSWERS));
	}
	return ret_view->answers > 0 || note;
}

bool node_observe_contacts(struct node *node, struct now now, const struct key *key, uint64_t slot, uint32_t contacts,
			   uint32_t unanswered)
{
	const uint32_t extras[EXTRAS_MAX] = { [EXTRA_CONTACTS] = contacts, [EXTRA_UNANSWERED] = unanswered };

	return observe_extras(node, now, key, slot, extras);
}

static uint64_t seconds_ticks(const struct node *node)
{
	const int64_t ticks = NS_PER_S / mesh_tick_length(&node->mesh).ns;

	return ticks > 0 ? (uint64_t)ticks : 1;
}

/* What is due between ticks, and in them. */
static void turn(struct node *node, struct now now)
{
	judge_turn(node, now);
	if (!node->config.gossip)
		return;
	swim_turn(node, now);
	repair_turn(node, now);
	catch_up_turn(node, now);
	tree_turn(node, now);
}

void node_tick(struct node *node, struct now now)
{
	const uint64_t slot = mesh_slot_at(&node->mesh, now.mesh);

	node->tick = mesh_tick_ended(&node->mesh, now.mesh);
	node->ticked = true;
	if (slot > node->slot) {
		publish_slot(node, node->slot);
		judge_slot(node);
		node->slot = slot;
		ledger_advance(&node->count->ledger, slot_oldest(slot));
	}
	policy_tick(node, now);
	membership_tick(node, now);
	handshake_tick(node, now);
	spread_tick(node, now);
	overlay_tick(node, now);
	need_tick(node);
	need_turn(node);
	publish_tick(node, now);
	repair_tick(node);
	digest_tick(node);
	if (node->tick % seconds_ticks(node) == 0)
		loss_second(node, now);
	judge_tick(node);
	turn(node, now);
}

void node_turn(struct node *node, struct now now)
{
	need_turn(node);
	publish_turn(node, now);
	turn(node, now);
}

struct instant node_next_turn(const struct node *node, struct now now)
{
	const struct instant due[] = { node->spread->ihave_due, node->spread->gaps_due, catch_up_due(node),
				       publish_answers_due(node) };
	struct instant first = { INT64_MAX };

	if (judge_is_under_way(node) || need_is_under_way(node) || publish_is_under_way(node))
		return now.mono;
	for (unsigned int i = 0; node->config.gossip && i < sizeof(due) / sizeof(due[0]); i++) {
		if (instant_is_before(due[i], first))
			first = due[i];
	}
	return first;
}

struct instant node_next_due(const struct node *node, struct now now)
{
	const uint64_t tick = mesh_tick_ended(&node->mesh, now.mesh);

	return mesh_tick_end(&node->mesh, (tick > node->tick ? tick : node->tick) + (tick > node->tick ? 0 : 1));
}

void node_read_counters(const struct node *node, struct node_counters *ret_counters)
{
	*ret_counters = node->counters;
	ret_counters->keys_held = node->count->ledger.keys_held;
	ret_counters->keys_max = node->count->ledger.keys_max;
	ret_counters->cells_held = node->count->ledger.cells_held;
	ret_counters->cells_max = node->count->ledger.cells_max;
	ret_counters->changes_pending = judge_waiting(node);
	ret_counters->members_known = node->member->count;
	ret_counters->links = node->member->links_count;
	ret_counters->gaps = node->spread->gaps_count;
}

enum reject node_command(struct node *node, struct now now, const uint8_t *bytes, size_t size)
{
	const enum reject reason = trust_adopt(node, now, bytes, size);

	if (reason != REJECT_NONE)
		return node_reject(node, reason);
	spread_news_to_all(node, now);
	return REJECT_NONE;
}

bool node_next_event(struct node *node, struct node_event *ret_event)
{
	uint16_t member;

	if (!event_take(node, ret_event, &member))
		return false;
	if (member != MEMBER_NONE)
		memcpy(ret_event->member, node->member->table[member].certificate.name, sizeof(ret_event->member));
	for (unsigned int i = 0; i < EVENT_COUNTERS && ret_event->counters[i].part > 0; i++)
		memcpy(ret_event->counters[i].name,
		       node->member->table[ret_event->counters[i].member].certificate.name,
		       sizeof(ret_event->counters[i].name));
	return true;
}
