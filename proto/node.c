/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node as a whole: its memory, its tick, its events and its counters. */
#include <errno.h>

#include <sodium.h>

#include "node_internal.h"

/* At most half full, so that a search ends soon. */
static uint32_t index_size(const struct node_limits *limits)
{
	uint32_t size = 4;

	while (size < 2 * limits->members_max)
		size *= 2;
	return size;
}

static void node_place(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	node->member->table = arena_take(arena, limits->members_max, sizeof(*node->member->table));
	node->count->origins = arena_take(arena, (size_t)limits->members_max * INCARNATIONS_MAX, sizeof(*node->count->origins));
	node->count->tracks = arena_take(arena, (size_t)limits->members_max * INCARNATIONS_MAX * STARTS_KEPT, sizeof(*node->count->tracks));
	node->member->index = arena_take(arena, index_size(limits), sizeof(*node->member->index));
	node->member->handshake.greetings = arena_take(arena, limits->members_max + PEERS_SPARE, sizeof(*node->member->handshake.greetings));
	node->member->swim.order = arena_take(arena, limits->members_max, sizeof(*node->member->swim.order));
	node->spread->gaps = arena_take(arena, (size_t)limits->members_max * INCARNATIONS_MAX, sizeof(*node->spread->gaps));
	node->spread->publish.cells = arena_take(arena, PUBLISH_CELLS, sizeof(*node->spread->publish.cells));
	node->spread->publish.order = arena_take(arena, (size_t)2 * PUBLISH_CELLS, sizeof(*node->spread->publish.order));
	node->judge->rates = arena_take(arena, limits->keys_max, sizeof(*node->judge->rates));
	queue_place(&node->spread->publish.destinations, arena, limits->keys_max);
	queue_place(&node->spread->publish.pairs, arena, limits->keys_max);
	queue_place(&node->spread->publish.late, arena, limits->keys_max);
	set_place(&node->judge->dirty, arena, limits->keys_max);
	set_place(&node->judge->warm, arena, limits->keys_max);
	outbox_place(node, arena, limits);
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
	/* What node_place writes into when there is no memory yet. */
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
	node_place(&sizes, &arena, limits);
	return arena.used + ledger_bytes(limits->keys_max, limits->cells_max, limits->members_max) + replay_cache_bytes(limits->keys_max, limits->members_max) +
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

	return l->keys_max >= 16 && l->cells_max >= 16 && l->frames_max >= 16 && l->members_max >= 1 && l->members_max <= MEMBERS_MAX &&
	       l->keys_max <= UINT32_MAX / 4 && l->cells_max <= UINT32_MAX / 4 && config->frames_per_tick >= 1 &&
	       config->frames_per_tick <= FRAMES_PER_TICK_MAX && config->frames_per_tick <= l->frames_max / 4 &&
	       config->datagram_bytes >= DATAGRAM_BYTES_MIN && config->datagram_bytes <= DATAGRAM_BYTES_MAX &&
	       config->boot < 1ULL << (64 - SEQUENCE_BOOT_SHIFT) && config->certificate_bytes <= CERTIFICATE_BYTES_MAX;
}

int node_init(void *memory, size_t bytes, const struct node_config *config, struct now now, struct node **ret_node)
{
	struct arena arena = { .memory = memory };
	struct certificate self;
	const char *problem;
	uint64_t hash_seed[2];
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
	node->tick = mesh_tick_at(&node->mesh, now.mesh);
	node->slot = mesh_slot_at(&node->mesh, now.mesh);
	node->spread->publish.next_sequence = config->boot << SEQUENCE_BOOT_SHIFT | 1;
	node->spread->publish.closing_entry = INDEX_NONE;
	node->member->handshake.checks_second = node->member->handshake.cookies_second = node->member->records_second = -1;
	node->spread->ihave_due = node->spread->gaps_due = (struct instant){ INT64_MAX };
	node->member->index_mask = index_size(&config->limits) - 1;
	node->spread->copies = 1;
	node_place(node, &arena, &config->limits);
	queue_clear(&node->spread->publish.destinations);
	queue_clear(&node->spread->publish.pairs);
	queue_clear(&node->spread->publish.late);
	set_clear(&node->judge->dirty);
	set_clear(&node->judge->warm);

	seed_draw(config, "xpro-mesh hash", hash_seed, sizeof(hash_seed));
	seed_draw(config, "xpro-mesh cookie", node->member->handshake.cookie_secret, sizeof(node->member->handshake.cookie_secret));
	seed_draw(config, "xpro-mesh nonce", node->nonce_random, sizeof(node->nonce_random));
	seed_draw(config, "xpro-mesh choice", node->random, sizeof(node->random));
	ledger_init(&node->count->ledger, &arena, config->limits.keys_max, config->limits.cells_max, config->limits.members_max, hash_seed);
	replay_cache_init(&node->judge->replay_cache, &arena, config->limits.keys_max, config->limits.members_max);
	store_init(&node->spread->store, &arena, config->limits.frames_max, config->limits.members_max, slot_ticks(node));
	membership_init(node, &self);
	memset(node->count->others + INCARNATIONS_MAX, true, sizeof(node->count->others) - INCARNATIONS_MAX); /* member 0 is ourselves */
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
	sodium_memzero(node->member->handshake.cookie_secret, sizeof(node->member->handshake.cookie_secret));
	secrets_close(node);
}

static uint8_t slot_fraction(const struct node *node, uint64_t slot, struct instant at)
{
	const int64_t length = mesh_slot_length(&node->mesh).ns, into = at.ns - mesh_slot_start(&node->mesh, slot).ns;

	if (into <= 0)
		return 0;
	return into >= length ? SLOT_FRACTIONS - 1 : (uint8_t)(into * SLOT_FRACTIONS / length);
}

/* An own cell as it was told before; NULL: it was not. */
static const struct ledger_cell *told_of(const struct node *node, const struct cell *cell, uint32_t entry)
{
	return entry == INDEX_NONE ? NULL : ledger_cell_of(&node->count->ledger, entry, 0, cell->slot);
}

/*
 * The ticks (from, to] that an observation was counted in. The first harvest of a start brings what was counted before it: a cell as the
 * daemon before told it, and what gathered since. Later ones come each tick.
 */
static void observed_in(const struct node *node, const struct cell *cell, struct instant first, struct instant last, uint64_t tick,
			uint64_t *ret_from, uint64_t *ret_to)
{
	const uint32_t entry = ledger_find(&node->count->ledger, &cell->key);
	const struct ledger_cell *told = told_of(node, cell, entry);
	uint64_t from = node->tick, to = tick;

	if (!node->ticked) {
		from = mesh_tick_at(&node->mesh, told ? node_cell_instant(node, &node->count->ledger.entries[entry], told, told->last) : first);
		to = mesh_tick_at(&node->mesh, last) + 1;
	}
	*ret_to = to < tick ? to : tick;
	*ret_from = from < *ret_to ? from : *ret_to - 1;
}

bool node_observe(struct node *node, struct now now, const struct key *key, uint64_t slot, struct instant first, struct instant last,
		  uint64_t packets)
{
	const uint64_t slot_now = mesh_slot_at(&node->mesh, now.mesh), tick = mesh_tick_at(&node->mesh, now.mesh);
	struct cell cell = {
		.key = *key,
		.slot = slot,
		.first = slot_fraction(node, slot, first),
		.last = slot_fraction(node, slot, last),
		.packets = packets,
	};
	const struct ledger_cell *told;
	uint64_t from_tick, to_tick;
	enum reject reason;

	ledger_advance(&node->count->ledger, slot_oldest(slot_now));
	if (slot < slot_oldest(slot_now) || slot > slot_now + 1 || !frame_cell_is_valid(&cell))
		return false;
	told = told_of(node, &cell, ledger_find(&node->count->ledger, key));
	if (told)
		cell.first = told->first; /* a later reading of the table may no longer know it */
	observed_in(node, &cell, first, last, tick, &from_tick, &to_tick);
	reason = receive_cell(node, 0, &cell, from_tick, to_tick);
	if (reason == REJECT_QUOTA)
		node_reject(node, REJECT_QUOTA);
	return reason != REJECT_QUOTA;
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

	node->tick = mesh_tick_at(&node->mesh, now.mesh);
	node->ticked = true;
	if (slot > node->slot) {
		node->spread->publish.closing_slot = node->slot;
		node->spread->publish.closing_entry = node->spread->publish.closing_left = 0;
		node->judge->sweep = 0;
		node->judge->sweeping = true;
		node->slot = slot;
		ledger_advance(&node->count->ledger, slot_oldest(slot));
	}
	policy_tick(node, now);
	membership_tick(node, now);
	handshake_tick(node, now);
	spread_tick(node, now);
	overlay_tick(node, now);
	publish_tick(node, now);
	repair_tick(node, now);
	if (node->tick % seconds_ticks(node) == 0)
		loss_second(node, now);
	judge_tick(node);
	turn(node, now);
}

void node_turn(struct node *node, struct now now)
{
	publish_turn(node, now);
	turn(node, now);
}

struct instant node_next_turn(const struct node *node, struct now now)
{
	const struct instant due[] = { node->spread->ihave_due, node->spread->gaps_due, catch_up_due(node) };
	struct instant first = { INT64_MAX };

	if (judge_is_under_way(node) || publish_is_under_way(node))
		return now.mono;
	for (unsigned int i = 0; node->config.gossip && i < sizeof(due) / sizeof(due[0]); i++) {
		if (instant_is_before(due[i], first))
			first = due[i];
	}
	return first;
}

struct instant node_next_due(const struct node *node, struct now now)
{
	const uint64_t tick = mesh_tick_at(&node->mesh, now.mesh);

	return mesh_tick_start(&node->mesh, (tick > node->tick ? tick : node->tick) + (tick > node->tick ? 0 : 1));
}

void node_read_counters(const struct node *node, struct node_counters *ret_counters)
{
	*ret_counters = node->counters;
	ret_counters->keys_held = node->count->ledger.keys_held;
	ret_counters->keys_max = node->count->ledger.keys_max;
	ret_counters->cells_held = node->count->ledger.cells_held;
	ret_counters->cells_max = node->count->ledger.cells_max;
	ret_counters->changes_pending = node->judge->dirty.count;
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
	return true;
}
