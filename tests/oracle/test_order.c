/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Property P2 of the ledgers: what is delivered, in whatever order and however often, decides alone what they hold.
 * It is also shown something wrong, and must say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clients.h"
#include "node_internal.h"

#define DATAGRAMS_MAX 8192

struct recording {
	struct world *world;
	struct world_datagram *datagrams;
	int64_t *at_ns; /* when each was delivered */
	size_t count;
	unsigned int to;
	bool feeding; /* what is delivered is the recording's; else it is swallowed */
};

static bool record(void *user, struct world_datagram *datagram)
{
	struct recording *r = user;

	if (datagram->to != r->to)
		return true;
	if (r->count == DATAGRAMS_MAX)
		abort();
	r->at_ns[r->count] = world_now(r->world).mono.ns;
	r->datagrams[r->count++] = *datagram;
	return true;
}

static bool swallow(void *user, struct world_datagram *datagram)
{
	const struct recording *r = user;

	(void)datagram;
	return r->feeding;
}

static void shuffle(uint64_t *random, size_t *order, size_t count)
{
	for (size_t i = count; i-- > 1;) {
		const size_t j = draw(random) % (i + 1), swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
}

#define OBSERVER 1 /* counts nothing itself */
#define OBSERVED_S 10

static struct world *observed_begin(uint64_t seed)
{
	struct world_options options = options_of(4, seed);
	struct world *world;

	options.loss = 0.1;
	options.duplication = 0.2;
	options.delay_ms = 60;
	world = world_make(&options);
	world_run(world, 5);
	return world;
}

static struct world *observed_world(uint64_t seed, struct recording *recording)
{
	struct world *world = observed_begin(seed);
	uint64_t random = seed;

	recording->world = world;
	recording->count = 0;
	world_set_tap(world, record, recording);
	send(world, &random, OBSERVER + 1, 4, OBSERVED_S);
	world_set_tap(world, NULL, NULL);
	return world;
}

static struct recording recording_make(void)
{
	return (struct recording){
		.datagrams = calloc(DATAGRAMS_MAX, sizeof(struct world_datagram)),
		.at_ns = calloc(DATAGRAMS_MAX, sizeof(int64_t)),
		.to = OBSERVER,
	};
}

static void recording_free(struct recording *recording)
{
	free(recording->datagrams);
	free(recording->at_ns);
}

/* One delivery in the other world. */
struct delivery {
	size_t datagram;
	int64_t at_ns;
};

#define DELIVERIES_MAX (DATAGRAMS_MAX + DATAGRAMS_MAX / 2)

/*
 * Every datagram once and half as many a second time, in random order: half of them only at the end, the others some
 * time after they came.
 */
static size_t deliveries_draw(const struct recording *recording, uint64_t *random, int64_t end_ns,
			      struct delivery deliveries[DELIVERIES_MAX])
{
	const size_t count = recording->count + recording->count / 2;

	for (size_t i = 0; i < count; i++) {
		const size_t datagram = i < recording->count ? i : draw(random) % recording->count;
		const uint64_t left = (uint64_t)(end_ns - recording->at_ns[datagram]);

		deliveries[i] = (struct delivery){ datagram, end_ns };
		if (draw(random) % 2)
			deliveries[i].at_ns = recording->at_ns[datagram] +
					      (int64_t)(draw(random) * NS_PER_MS % (left + 1));
	}
	for (size_t i = count; i-- > 1;) {
		const size_t j = draw(random) % (i + 1);
		const struct delivery swap = deliveries[i];

		deliveries[i] = deliveries[j];
		deliveries[j] = swap;
	}
	return count;
}

/*
 * A world that went the same way up to the recording, then hears nothing but what was recorded, and of that the
 * first `heard`.
 */
static struct world *other_world(uint64_t seed, uint64_t order_seed, struct recording *recording, size_t heard)
{
	static struct delivery deliveries[DELIVERIES_MAX];
	struct world *world = observed_begin(seed);
	const int64_t end_ns = world_now(recording->world).mono.ns;
	uint64_t random = order_seed;
	const size_t count = deliveries_draw(recording, &random, end_ns, deliveries);

	world_set_tap(world, swallow, recording);
	for (;;) {
		const int64_t now_ns = world_now(world).mono.ns;

		recording->feeding = true;
		for (size_t i = 0; i < count; i++) {
			if (deliveries[i].at_ns > now_ns)
				continue;
			if (deliveries[i].datagram < heard)
				world_deliver(world, &recording->datagrams[deliveries[i].datagram]);
			deliveries[i].at_ns = INT64_MAX; /* done */
		}
		recording->feeding = false;
		if (now_ns >= end_ns)
			return world;
		world_run(world, 0.02);
	}
}

static bool digests_differ(struct world *a, struct world *b)
{
	uint8_t digest_a[HASH_BYTES], digest_b[HASH_BYTES];

	node_digest(world_node(a, OBSERVER), digest_a);
	node_digest(world_node(b, OBSERVER), digest_b);
	assert_int_equal(world_now(a).mesh.ns, world_now(b).mesh.ns);
	return memcmp(digest_a, digest_b, HASH_BYTES) != 0;
}

static void the_same_datagrams_in_any_order_make_the_same_ledger(void **state)
{
	struct recording recording = recording_make();
	size_t datagrams = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *world = observed_world(seed, &recording),
			     *other = other_world(seed, 1000 + seed, &recording, SIZE_MAX);

		datagrams += recording.count;
		assert_true(recording.count > 300);
		assert_true(world_node(world, OBSERVER)->count->ledger.cells_held > 20);
		assert_false(digests_differ(world, other));
		world_free(world);
		world_free(other);
	}
	print_message("# P2: 20 seeds, %zu datagrams on average, shuffled, half of them doubled, half of them only at "
		      "the end\n",
		      datagrams / 20);
	recording_free(&recording);
}

/*
 * Negative control: with the last datagrams left out, the ledgers differ. Of one alone nobody would know: where some
 * are lost, each frame comes in several copies.
 */
static void datagrams_left_out_show(void **state)
{
	struct recording recording = recording_make();
	struct world *world = observed_world(1, &recording);
	unsigned int shows = 0;

	(void)state;
	for (size_t back = 1; back <= 24; back++) {
		struct world *other = other_world(1, back, &recording, recording.count - back);

		shows += digests_differ(world, other);
		world_free(other);
	}
	assert_true(shows > 0);
	world_free(world);
	recording_free(&recording);
}

/* The cells of every frame that a node keeps, in a plain replica whose join is given. */
struct replica_cell {
	struct key key;
	uint64_t origin, slot, packets;
};

#define REPLICA_MAX 2048

struct replica {
	struct replica_cell cells[REPLICA_MAX];
	size_t count;
};

static uint64_t join_totals(uint64_t held, uint64_t version)
{
	return held > version ? held : version;
}

static uint64_t join_increments(uint64_t held, uint64_t version)
{
	return held + version; /* what the mesh must not do */
}

static uint64_t join_latest(uint64_t held, uint64_t version)
{
	(void)held;
	return version; /* nor this */
}

static void replica_take(struct replica *replica, const struct stored *stored,
			 uint64_t (*join)(uint64_t held, uint64_t version))
{
	const struct widths widths = WIDTHS_DEFAULT;
	struct frame_claim claim;
	struct frame_reader reader;
	struct cell cell;

	assert_int_equal(frame_split(stored->frame, stored->size, &claim), REJECT_NONE);
	frame_read(&reader, &widths, claim.body, claim.body_bytes);
	while (frame_next(&reader, &cell)) {
		size_t at = 0;

		while (at < replica->count &&
		       (replica->cells[at].origin != claim.head.origin || replica->cells[at].slot != cell.slot ||
			!key_equal(&replica->cells[at].key, &cell.key)))
			at++;
		if (at == replica->count)
			replica->cells[replica->count++] = (struct replica_cell){ cell.key, claim.head.origin,
										  cell.slot, 0 };
		replica->cells[at].packets = join(replica->cells[at].packets, cell.packets);
	}
}

static uint64_t replica_of(const struct replica *replica, const struct replica_cell *cell)
{
	for (size_t i = 0; i < replica->count; i++) {
		if (replica->cells[i].origin == cell->origin && replica->cells[i].slot == cell->slot &&
		    key_equal(&replica->cells[i].key, &cell->key))
			return replica->cells[i].packets;
	}
	return 0;
}

/* Does a shuffled, doubled delivery of the frames in a store end as the orderly one does? */
static bool any_order_agrees(const struct store *store, uint64_t (*join)(uint64_t held, uint64_t version))
{
	static struct replica orderly, shuffled;
	static size_t order[8192];
	uint64_t random = 7;
	size_t count = 0;

	orderly.count = shuffled.count = 0;
	for (uint32_t i = 0; i < store->frames_max; i++) {
		if (store->frames[i].sequence == 0)
			continue;
		replica_take(&orderly, &store->frames[i], join);
		order[count++] = i;
		order[count++] = i;
	}
	assert_true(count > 200);
	shuffle(&random, order, count);
	for (size_t i = 0; i < count; i++)
		replica_take(&shuffled, &store->frames[order[i]], join);
	for (size_t i = 0; i < orderly.count; i++) {
		if (replica_of(&shuffled, &orderly.cells[i]) != orderly.cells[i].packets)
			return false;
	}
	return orderly.count == shuffled.count;
}

static void only_a_join_of_totals_agrees_in_any_order(void **state)
{
	struct recording recording = recording_make();
	struct world *world = observed_world(2, &recording);
	const struct store *store = &world_node(world, OBSERVER)->spread->store;

	(void)state;
	assert_true(any_order_agrees(store, join_totals));
	assert_false(any_order_agrees(store, join_increments));
	assert_false(any_order_agrees(store, join_latest));
	world_free(world);
	recording_free(&recording);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_datagrams_in_any_order_make_the_same_ledger),
		cmocka_unit_test(datagrams_left_out_show),
		cmocka_unit_test(only_a_join_of_totals_agrees_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
