/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ways to lie. */
#include "liar.h"

#include <stdlib.h>
#include <string.h>

#include "node_internal.h"
#include "pages.h"
#include "world.h"

#define SLANDERED_MAX 64 /* honest pairs whose counts are made up */
#define INVENTED_CLIENTS 200
#define INVENTED_FIRST 0xf00000 /* numbers of clients that do not exist */

/* ---- its own cells, invented ---- */

/* `rate` packets per second of a key since the slot began, or since the lie did. */
static void claim(struct proxy *proxy, struct node *node, const struct key *key, double rate)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);
	const uint64_t slot = mesh_slot_at(&world->mesh, now.mesh);
	const struct instant begins = mesh_slot_start(&world->mesh, slot);
	const int64_t since_ns = proxy_mesh_ns(proxy, (int64_t)(liar_of(world, proxy->number)->start_s * NS_PER_S));
	const struct instant first = { since_ns > begins.ns ? since_ns : begins.ns };
	const double packets = rate * (double)duration_between(first, now.mesh).ns / NS_PER_S;

	keys_intern(&world->keys, key);
	if (packets >= 1)
		node_observe(node, now, key, slot, first, now.mesh, (uint64_t)packets);
}

/* Honest clients' pairs, far over their rate. */
static void inflate(struct proxy *proxy, struct node *node, double amount)
{
	struct world *world = proxy->world;
	unsigned int slandered = 0;

	for (uint32_t i = 0; i < world->traffic.count && slandered < SLANDERED_MAX; i++) {
		const struct flow *flow = &world->traffic.flows[i];
		const struct key key = world->keys.keys[flow->pair];

		if (world->scenario.groups[flow->group].bot)
			continue;
		slandered++;
		claim(proxy, node, &key, amount * world->scenario.thresholds.pair_rate);
	}
}

/*
 * Clients that do not exist, so that a destination seems to be over its rate and its clients are thinned; or without
 * the destination, so that they have a past when it is attacked.
 */
static void invent(struct proxy *proxy, double amount, bool destination_too)
{
	struct world *world = proxy->world;
	const double rate = amount * world->scenario.thresholds.destination_rate;
	struct key pair = { .destination = destination_address((unsigned int)world->scenario.groups[0].destination) };
	const struct key destination = key_of_destination(&pair.destination);

	for (unsigned int i = 0; i < INVENTED_CLIENTS; i++) {
		pair.client = client_address(INVENTED_FIRST + i);
		claim(proxy, proxy->node, &pair, rate / INVENTED_CLIENTS);
	}
	if (destination_too)
		claim(proxy, proxy->node, &destination, rate);
}

/* A packet of each honest pair, in turn. The liar itself tells all it has. */
static void call(struct proxy *proxy, double amount)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);
	const uint64_t slot = mesh_slot_at(&world->mesh, now.mesh);

	proxy->node->config.publish = PUBLISH_ALL;
	for (int i = 0; world->traffic.count > 0 && i < (int)(amount * world->scenario.tick_ms / 1000); i++) {
		const struct flow *flow = &world->traffic.flows[proxy->liar->invented++ % world->traffic.count];

		if (!world->scenario.groups[flow->group].bot)
			node_observe(proxy->node, now, &world->keys.keys[flow->pair], slot, now.mesh, now.mesh, 1);
	}
}

/* New keys without end, to take the room of others. */
static void flood(struct proxy *proxy, double amount)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);

	for (int i = 0; i < (int)(amount * world->scenario.tick_ms / 1000); i++) {
		struct liar_state *state = proxy->liar;
		const struct key key = {
			.client = client_address(INVENTED_FIRST + (unsigned int)(state->invented & 0xfffff)),
			.destination = destination_address(40000 + (unsigned int)(state->invented >> 4 & 0xfff))
		};

		state->invented++;
		keys_intern(&world->keys, &key);
		node_observe(proxy->node, now, &key, mesh_slot_at(&world->mesh, now.mesh), now.mesh, now.mesh, 1);
	}
}

static struct key invented(enum lie kind, unsigned int number)
{
	struct key key = { .client = client_address(0) };
	struct address address;

	switch (kind) {
	case LIE_PAIRS6:
		return (struct key){ client_address6(INVENTED_FIRST + number, 0), destination_address6(60000) };
	case LIE_PAIRS:
		key.destination = scanned_address(INVENTED_FIRST + number);
		return key;
	case LIE_CLIENTS:
		address = client_address(INVENTED_FIRST + number);
		return key_of_client(&address);
	case LIE_NETWORKS:
		address = scanned_address((INVENTED_FIRST + number) << 8);
		address = network_of(&address);
		return key_of_network(&address);
	default:
		return (struct key){ .destination = scanned_address(INVENTED_FIRST + number) };
	}
}

/* What the kind's rate allows in a second; without a rate the named default. */
static uint64_t rate_of(const struct thresholds *thresholds, enum lie kind)
{
	switch (kind) {
	case LIE_DESTINATIONS:
		return thresholds->destination_rate;
	case LIE_CLIENTS:
		return thresholds->client_rate ? thresholds->client_rate
					       : (uint64_t)SHADOW_CLIENT_RATES * thresholds->pair_rate;
	case LIE_NETWORKS:
		return thresholds->network_rate ? thresholds->network_rate
						: (uint64_t)SHADOW_NETWORK_RATES * thresholds->destination_rate;
	default:
		return thresholds->pair_rate;
	}
}

/*
 * Keys worth a record or a limit at every proxy, to fill the others' tables: each has as many packets as its rate
 * allows in a second. Only so many are different, as a simulated liar's memory has an end.
 */
static void fill(struct proxy *proxy, enum lie kind, double amount)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);

	for (int i = 0; i < (int)(amount * world->scenario.tick_ms / 1000); i++) {
		const struct key key = invented(kind, (unsigned int)(proxy->liar->invented++ & 0xfffff));

		keys_intern(&world->keys, &key);
		node_observe(proxy->node, now, &key, mesh_slot_at(&world->mesh, now.mesh), now.mesh, now.mesh,
			     rate_of(&world->scenario.thresholds, kind));
	}
}

/* The same of each kind at once, without end. */
static void keys_at_their_rate(struct proxy *proxy, double amount)
{
	struct world *world = proxy->world;
	const struct thresholds *t = &world->scenario.thresholds;
	const struct now now = proxy_now(proxy, world->now_ns);
	const uint64_t slot = mesh_slot_at(&world->mesh, now.mesh);
	struct liar_state *state = proxy->liar;

	for (int i = 0; i < (int)(amount * world->scenario.tick_ms / 1000); i++, state->invented++) {
		const unsigned int number = (unsigned int)(state->invented & 0xffff);
		const struct key pair = { .client = client_address(INVENTED_FIRST + number),
					  .destination = destination_address(40000 + (number & 0xff)) };
		const struct address destination = destination_address(50000 + number % 10000);
		const struct key head = key_of_destination(&destination);

		keys_intern(&world->keys, &pair);
		keys_intern(&world->keys, &head);
		node_observe(proxy->node, now, &pair, slot, now.mesh, now.mesh, t->pair_rate);
		node_observe(proxy->node, now, &head, slot, now.mesh, now.mesh, t->destination_rate);
	}
}

/* ---- datagrams no honest core would send, in good seals ---- */

static void send_message(struct proxy *proxy, uint16_t number, const uint8_t *plain, size_t size)
{
	struct node *node = proxy->node;
	struct member *member = &node->member->table[number];
	struct datagram_header header = { .type = DATAGRAM_SEALED, .sender = node->id };
	struct seal_context context = {
		.sender = node->id,
		.receiver = member->id,
		.sender_incarnation = node->config.incarnation,
		.receiver_incarnation = member->incarnation,
		.sender_boot = node->config.boot,
		.receiver_boot = member->boot,
	};
	uint8_t bytes[DATAGRAM_BYTES_MAX];

	if (!member->used || member->self || !member->session || !secrets_key(node, number, 0))
		return;
	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	nonce_make(++member->send_counter, node->nonce_random, header.nonce);
	size = seal_close(&header, &context, secrets_key(node, number, 0), plain, size, bytes);
	proxy->liar->sent++;
	network_send(proxy->world, proxy->number, &member->endpoint, proxy->world->now_ns, bytes, size);
}

static void send_frame(struct proxy *proxy, uint16_t number, const uint8_t *frame, size_t size)
{
	uint8_t plain[DATAGRAM_BYTES_MAX];

	plain[0] = MESSAGE_FRAME;
	memcpy(plain + 1, frame, size);
	send_message(proxy, number, plain, size + 1);
}

/* Others' frames again and again: as they were signed, but old. */
static void replay(struct proxy *proxy, double amount)
{
	struct liar_state *state = proxy->liar;
	const struct store *store = &proxy->node->spread->store;

	if (state->kept_count < LIAR_FRAMES_KEPT) {
		const struct stored *stored = &store->frames[rng_below(&proxy->rng, store->frames_max)];

		if (stored->sequence && stored->size && stored->origin != proxy->node->id) {
			state->kept[state->kept_count].size = stored->size;
			memcpy(state->kept[state->kept_count++].bytes, stored->frame, stored->size);
		}
	}
	for (int i = 0; state->kept_count > 0 && i < (int)(amount * proxy->world->scenario.tick_ms / 1000); i++) {
		const uint64_t which = rng_below(&proxy->rng, state->kept_count);

		send_frame(proxy, (uint16_t)rng_below(&proxy->rng, proxy->config.limits.members_max),
			   state->kept[which].bytes, state->kept[which].size);
	}
}

/*
 * A frame in another member's name, that it counted a million packets of an honest pair; signed with the only key at
 * hand.
 */
static size_t forged_frame(struct proxy *proxy, const struct member *victim, const struct origin *origin,
			   uint8_t *ret_frame)
{
	static struct frame_writer writer; /* large */
	struct world *world = proxy->world;
	struct node *node = proxy->node;
	const struct frame_head head = {
		.origin = victim->id,
		.incarnation = origin->incarnation,
		.sequence = origin_highest(origin) + 1 + proxy->liar->invented++ % 8,
		.tick = node->tick,
	};
	const struct cell cell = {
		.key = world->keys.keys[world->traffic.flows[0].pair],
		.slot = node->slot,
		.last = SLOT_FRACTIONS - 1,
		.packets = 1000000,
	};
	struct frame_root root = { .origin = victim->id,
				   .incarnation = head.incarnation,
				   .tick = head.tick,
				   .kind = FRAME_TICK,
				   .tick_frames = 1,
				   .leaves = 1 };
	uint8_t leaf[1][HASH_BYTES];
	size_t size;

	frame_begin(&writer, &head, 600);
	frame_add(&writer, &cell);
	size = frame_finish(&writer, ret_frame);
	frame_leaf(ret_frame, size, leaf[0]);
	frame_sign(&root, leaf, &node->mesh, node->config.secret_key);
	return frame_prove(ret_frame, size, &root, leaf, 0);
}

static void forge(struct proxy *proxy, double amount)
{
	struct node *node = proxy->node;
	uint8_t frame[DATAGRAM_BYTES_MAX];

	for (int i = 0; proxy->world->traffic.count > 0 && i < (int)(amount * proxy->world->scenario.tick_ms / 1000);
	     i++) {
		const uint16_t victim = (uint16_t)rng_below(&proxy->rng, node->config.limits.members_max),
			       to = (uint16_t)rng_below(&proxy->rng, node->config.limits.members_max);
		const uint32_t origin = node->member->table[victim].used
						? origin_find(node, victim, node->member->table[victim].incarnation)
						: INDEX_NONE;

		if (origin == INDEX_NONE || node->member->table[victim].self)
			continue;
		send_frame(proxy, to, frame,
			   forged_frame(proxy, &node->member->table[victim], &node->count->origins[origin], frame));
	}
}

/* ---- two cores with one identity ---- */

/* The twin speaks to every other member alone. */
bool liar_sends_to(const struct proxy *proxy, const struct endpoint *to)
{
	const int member = member_of_address(&to->address);

	if (liar_kind(proxy) == LIE_SHUN)
		return member != 0;
	return !proxy->liar || !proxy->liar->twin || member % 2 == 0;
}

static void twin_drain(struct proxy *proxy)
{
	struct world *world = proxy->world;
	const struct now now = proxy_now(proxy, world->now_ns);
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct node_event event;
	struct change change;
	struct endpoint to;
	size_t size;

	while ((size = node_poll(proxy->liar->twin, now, &to, bytes)) > 0) {
		if (!liar_sends_to(proxy, &to))
			network_send(world, proxy->number, &to, world->now_ns, bytes, size);
	}
	while (node_next_change(proxy->liar->twin, now, &change))
		continue;
	while (node_next_event(proxy->liar->twin, &event))
		continue;
}

static struct node *twin_open(struct proxy *proxy)
{
	struct liar_state *state = proxy->liar;
	const size_t bytes = node_bytes(&proxy->config.limits);

	state->twin_memory = pages_take(bytes);
	if (!state->twin_memory ||
	    node_init(state->twin_memory, bytes, &proxy->config, proxy_now(proxy, proxy->world->now_ns), &state->twin))
		abort();
	for (int other = 1; other < proxy->world->scenario.members; other += 2)
		node_greet(state->twin, member_endpoint((unsigned int)other));
	state->twin->spread->publish.next_sequence = proxy->node->spread->publish.next_sequence;
	return state->twin;
}

/* What it tells one half of the mesh is not what it tells the other. */
static void equivocate(struct proxy *proxy, double amount)
{
	struct node *twin = proxy->liar->twin ? proxy->liar->twin : twin_open(proxy);

	twin->spread->publish.next_sequence = proxy->node->spread->publish.next_sequence;
	check_outside(proxy->world);
	inflate(proxy, twin, amount);
	node_tick(twin, proxy_now(proxy, proxy->world->now_ns));
	twin_drain(proxy);
	check_inside(proxy->world, proxy);
}

void liar_receive(struct proxy *proxy, const struct flight *flight)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];

	if (!proxy->liar || !proxy->liar->twin)
		return;
	memcpy(bytes, flight->parcel->bytes, flight->parcel->size);
	node_receive(proxy->liar->twin, proxy_now(proxy, proxy->world->now_ns), (struct duration){ 0 },
		     &flight->from, bytes,
		     flight->parcel->size);
	twin_drain(proxy);
}

void liar_tick(struct proxy *proxy)
{
	const struct liar *liar = liar_of(proxy->world, proxy->number);

	if (!liar || liar_kind(proxy) == LIE_NONE)
		return;
	if (!proxy->liar)
		proxy->liar = calloc(1, sizeof(*proxy->liar));
	if (!proxy->liar)
		abort();
	proxy->world->check.reached[REACHED_LIE]++;
	switch ((enum lie)liar->kind) {
	case LIE_INFLATE:
		inflate(proxy, proxy->node, liar->amount);
		break;
	case LIE_INVENT:
	case LIE_HISTORY:
		invent(proxy, liar->amount, liar->kind == LIE_INVENT);
		break;
	case LIE_FLOOD:
		flood(proxy, liar->amount);
		break;
	case LIE_KEYS:
		keys_at_their_rate(proxy, liar->amount);
		break;
	case LIE_DESTINATIONS:
	case LIE_PAIRS:
	case LIE_PAIRS6:
	case LIE_CLIENTS:
	case LIE_NETWORKS:
		fill(proxy, (enum lie)liar->kind, liar->amount);
		break;
	case LIE_REPLAY:
		replay(proxy, liar->amount);
		break;
	case LIE_FORGE:
		forge(proxy, liar->amount);
		break;
	case LIE_EQUIVOCATE:
		equivocate(proxy, liar->amount);
		break;
	case LIE_CALLS:
		call(proxy, liar->amount);
		break;
	case LIE_SHUN: /* liar_sends_to */
	case LIE_MUTE: /* proxy.c: what it counts does not reach its core */
	case LIE_NONE:
	case LIE_COUNT:
		break;
	}
}

void liar_close(struct proxy *proxy)
{
	if (!proxy->liar)
		return;
	pages_free(proxy->liar->twin_memory, node_bytes(&proxy->config.limits));
	free(proxy->liar);
	proxy->liar = NULL;
}
