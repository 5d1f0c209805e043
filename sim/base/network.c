/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Delivery of datagrams, and what happens to them on the way. */
#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "pcap.h"
#include "regions.h"
#include "world.h"

#define LOCAL_NS 50000 /* never faster than this */

/* Datagrams come and go by the million: freed ones are kept for the next, small and large ones apart. */
#define POOLS 3
static const size_t pool_bytes[POOLS] = { sizeof(struct flight), sizeof(struct parcel) + 256,
					  sizeof(struct parcel) + DATAGRAM_BYTES_MAX };
static void *pools[POOLS]; /* lists, linked through the first word */

static void *pool_take(unsigned int pool)
{
	void *piece = pools[pool];

	if (piece)
		memcpy(&pools[pool], piece, sizeof(void *));
	else
		piece = malloc(pool_bytes[pool]);
	if (!piece)
		abort();
	return piece;
}

static void pool_give(unsigned int pool, void *piece)
{
	memcpy(piece, &pools[pool], sizeof(void *));
	pools[pool] = piece;
}

static void pools_free(void)
{
	for (unsigned int pool = 0; pool < POOLS; pool++) {
		while (pools[pool])
			free(pool_take(pool));
	}
}

static struct parcel *parcel_new(unsigned int from, const uint8_t *bytes, size_t size)
{
	const unsigned int pool = size <= 256 ? 1 : 2;
	struct parcel *parcel = pool_take(pool);

	*parcel = (struct parcel){ .from = (uint16_t)from, .size = (uint16_t)size, .pool = (uint8_t)pool };
	memcpy(parcel->bytes, bytes, size);
	return parcel;
}

static void parcel_drop(struct parcel *parcel)
{
	if (--parcel->references == 0)
		pool_give(parcel->pool, parcel);
}

void flight_free(struct flight *flight)
{
	parcel_drop(flight->parcel);
	pool_give(0, flight);
}

static void arrive(struct world *world, uint64_t who, void *what)
{
	(void)who;
	world->network.delivered++;
	world->network.deliver(world, what);
}

static void depart(struct world *world, struct parcel *parcel, const struct endpoint *from, unsigned int to,
		   int64_t at_ns)
{
	struct flight *flight = pool_take(0);

	*flight = (struct flight){ .parcel = parcel, .from = *from, .to = (uint16_t)to };
	parcel->references++;
	heap_add(&world->heap, at_ns, arrive, to, flight);
}

/* The outsider's memory: every so many datagrams it keeps one. */
static void overhear(struct network *network, struct parcel *parcel, unsigned int to)
{
	const uint64_t place = network->overheard++ % REPLAY_KEPT;

	if (network->replay_per_s <= 0 && network->forge_per_s <= 0)
		return;
	if (network->kept[place])
		parcel_drop(network->kept[place]);
	network->kept[place] = parcel;
	network->kept_to[place] = (uint16_t)to;
	parcel->references++;
}

static int64_t travel_ns(struct network *network, unsigned int from, unsigned int to)
{
	const int64_t base = network->delay_ns[from * network->members + to];
	double extra = network->jitter * rng_unit(&network->rng);

	if (rng_chance(&network->rng, network->reordering))
		extra += 3 * rng_unit(&network->rng) + 10 * NS_PER_MS * rng_unit(&network->rng) / (double)base;
	return base + (int64_t)((double)base * extra);
}

static struct parcel *corrupted(struct network *network, const struct parcel *parcel)
{
	struct parcel *changed = parcel_new(parcel->from, parcel->bytes, parcel->size);

	changed->forged = true;
	if (changed->size > 1 && rng_chance(&network->rng, 0.2))
		changed->size = (uint16_t)(1 + rng_below(&network->rng, changed->size - 1U));
	else
		changed->bytes[rng_below(&network->rng, changed->size)] ^= (uint8_t)(1U << rng_below(&network->rng, 8));
	network->corrupted++;
	return changed;
}

static void send_copy(struct world *world, struct parcel *parcel, unsigned int to, int64_t at_ns)
{
	struct network *network = &world->network;
	const unsigned int link = parcel->from * network->members + to;
	const struct endpoint from = member_endpoint(parcel->from);
	int64_t arrival_ns = at_ns + travel_ns(network, parcel->from, to);

	if (arrival_ns < network->clogged_until_ns[link])
		arrival_ns = network->clogged_until_ns[link] + (int64_t)rng_below(&network->rng, NS_PER_MS);
	if (rng_chance(&network->rng, network->corruption)) {
		struct parcel *changed = corrupted(network, parcel);

		depart(world, changed, &from, to, arrival_ns);
		return;
	}
	depart(world, parcel, &from, to, arrival_ns);
}

void network_send(struct world *world, unsigned int from, const struct endpoint *endpoint, int64_t at_ns,
		  const uint8_t *bytes, size_t size)
{
	struct network *network = &world->network;
	const int to = member_of_address(&endpoint->address);
	struct parcel *parcel;

	const struct endpoint source = member_endpoint(from);

	if (network->capture)
		pcap_write(network->capture, WORLD_START_NS + at_ns, &source, endpoint, bytes, size);
	network->sent++;
	network->bytes += size;
	if (to < 0 || (unsigned int)to >= network->members)
		return;
	if (network->cut[from * network->members + (unsigned int)to] || rng_chance(&network->rng, network->loss)) {
		network->lost++;
		return;
	}
	parcel = parcel_new(from, bytes, size);
	parcel->references = 1;
	overhear(network, parcel, (unsigned int)to);
	send_copy(world, parcel, (unsigned int)to, at_ns);
	if (rng_chance(&network->rng, network->duplication)) {
		network->doubled++;
		send_copy(world, parcel, (unsigned int)to, at_ns);
	}
	parcel_drop(parcel);
}

/* Something overheard, as it was, from where it came or from elsewhere, to whom it was sent or to another. */
static void replay(struct world *world, uint64_t who, void *what)
{
	struct network *network = &world->network;
	const uint64_t place = rng_below(&network->outsider_rng, REPLAY_KEPT);
	struct parcel *parcel = network->kept[place];

	(void)who;
	(void)what;
	if (parcel) {
		const bool elsewhere = rng_chance(&network->outsider_rng, 0.2);
		const unsigned int member =
			elsewhere ? (unsigned int)rng_below(&network->outsider_rng, network->members) : parcel->from;
		const struct endpoint from = member_endpoint(member);

		depart(world, parcel, &from, network->kept_to[place], world->now_ns + LOCAL_NS);
	}
	heap_add(&world->heap,
		 world->now_ns + (int64_t)(rng_exponential(&network->outsider_rng, NS_PER_S / network->replay_per_s)) +
			 1,
		 replay, 0, NULL);
}

/* Made up: noise, or something overheard with other bytes in it, from a member's address. */
static void forge(struct world *world, uint64_t who, void *what)
{
	struct network *network = &world->network;
	struct rng *rng = &network->outsider_rng;
	const struct parcel *model = network->kept[rng_below(rng, REPLAY_KEPT)];
	const unsigned int to = (unsigned int)rng_below(rng, network->members);
	struct endpoint from = member_endpoint((unsigned int)rng_below(rng, network->members));
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	size_t size = 1 + rng_below(rng, sizeof(bytes));
	struct parcel *parcel;

	(void)who;
	(void)what;
	rng_fill(rng, bytes, size);
	if (model && rng_chance(rng, 0.8)) {
		const size_t keep = rng_below(rng, model->size);

		size = model->size;
		rng_fill(rng, bytes, size);
		memcpy(bytes, model->bytes, keep);
		if (memcmp(bytes, model->bytes, size) == 0)
			bytes[size - 1] ^= 1;
	}
	parcel = parcel_new(member_of_address(&from.address) >= 0 ? (unsigned int)member_of_address(&from.address) : 0,
			    bytes, size);
	parcel->forged = true;
	depart(world, parcel, &from, to, world->now_ns + LOCAL_NS);
	heap_add(&world->heap, world->now_ns + (int64_t)(rng_exponential(rng, NS_PER_S / network->forge_per_s)) + 1,
		 forge, 0, NULL);
}

static int64_t delay_between(const struct scenario *scenario, unsigned int from, unsigned int to)
{
	const int a = scenario->regions[from % (unsigned int)scenario->regions_count];
	const int b = scenario->regions[to % (unsigned int)scenario->regions_count];
	const double one_way_ms = scenario->delay_ms >= 0 ? scenario->delay_ms
							  : region_round_trip_ms((unsigned int)a, (unsigned int)b) / 2;
	const int64_t ns = (int64_t)(one_way_ms * NS_PER_MS);

	return ns < LOCAL_NS ? LOCAL_NS : ns;
}

void network_open(struct world *world)
{
	const struct scenario *scenario = &world->scenario;
	struct network *network = &world->network;
	const unsigned int members = (unsigned int)scenario->members;
	const size_t links = (size_t)members * members;

	*network = (struct network){
		.members = members,
		.delay_ns = calloc(links, sizeof(*network->delay_ns)),
		.cut = calloc(links, sizeof(*network->cut)),
		.clogged_until_ns = calloc(links, sizeof(*network->clogged_until_ns)),
		.loss = scenario->loss,
		.duplication = scenario->duplication,
		.reordering = scenario->reordering,
		.corruption = scenario->corruption,
		.jitter = scenario->jitter,
		.replay_per_s = scenario->replay_per_s,
		.forge_per_s = scenario->forge_per_s,
		.rng = rng_make(world->seed, "network", 0),
		.outsider_rng = rng_make(world->seed, "outsider", 0),
	};
	if (!network->delay_ns || !network->cut || !network->clogged_until_ns)
		abort();
	for (unsigned int from = 0; from < members; from++) {
		for (unsigned int to = 0; to < members; to++)
			network->delay_ns[from * members + to] = delay_between(scenario, from, to);
	}
	if (network->replay_per_s > 0)
		heap_add(&world->heap, NS_PER_S, replay, 0, NULL);
	if (network->forge_per_s > 0)
		heap_add(&world->heap, NS_PER_S, forge, 0, NULL);
}

bool network_forget(const struct event *event)
{
	if (event->run != arrive)
		return false;
	flight_free(event->what);
	return true;
}

void network_close(struct world *world)
{
	struct network *network = &world->network;

	for (unsigned int i = 0; i < REPLAY_KEPT; i++) {
		if (network->kept[i])
			parcel_drop(network->kept[i]);
	}
	pools_free();
	free(network->delay_ns);
	free(network->cut);
	free(network->clogged_until_ns);
}

void network_cut(struct network *network, unsigned int a, unsigned int b, bool cut)
{
	network->cut[a * network->members + b] = cut;
}

void network_heal(struct network *network)
{
	const size_t links = (size_t)network->members * network->members;

	memset(network->cut, 0, links);
	memset(network->clogged_until_ns, 0, links * sizeof(*network->clogged_until_ns));
}
