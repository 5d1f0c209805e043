/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a node publishes when there is more than fits: every frame whole, every cell in its turn. */
#include <sodium.h>

#include "node_internal.h"
#include "vector.h"

static struct now at(int64_t ns)
{
	return (struct now){ { ns }, { 1760000000LL * NS_PER_S + ns } };
}

static struct key pair_of(uint32_t client)
{
	return (struct key){
		.client = address_of_ipv4((uint8_t[]){ 10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client }),
		.destination = address_of_ipv4((uint8_t[]){ 198, 51, 100, 1 }),
	};
}

static struct node *lone_node(uint32_t frames_max, uint16_t frames_per_tick, uint32_t cells_max)
{
	const struct mesh mesh = mesh_make();
	const struct keys authority = keys_authority(), a = keys_a();
	struct certificate certificate = { .name = "a", .serial = 1 };
	struct node_config config = {
		.limits = { .keys_max = cells_max, .cells_max = cells_max, .frames_max = frames_max, .members_max = 4 },
		.mesh = mesh,
		.thresholds = { .pair_rate = 100,
				.destination_rate = 1000,
				.idle_reset = { 10 * NS_PER_S },
				.pair_min_window = { NS_PER_S },
				.destination_min_window = { NS_PER_S } },
		.incarnation = 5,
		.boot = 1,
		.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
		.frames_per_tick = frames_per_tick,
		.gossip = true,
	};
	struct node *node;
	void *memory;

	memcpy(certificate.public_key, a.public_key, PUBLIC_KEY_BYTES);
	memcpy(config.secret_key, a.secret, SECRET_KEY_BYTES);
	assert_int_equal(certificate_issue(&certificate, &mesh, authority.secret, config.certificate, &config.certificate_bytes), 0);
	memory = aligned_alloc(64, (node_bytes(&config.limits) + 63) / 64 * 64);
	assert_non_null(memory);
	memset(memory, 0, node_bytes(&config.limits));
	assert_int_equal(node_init(memory, node_bytes(&config.limits), &config, at(0), &node), 0);
	return node;
}

static void observe(struct node *node, int64_t ns, uint32_t client, uint64_t packets)
{
	const struct key key = pair_of(client);

	assert_true(node_observe(node, at(ns), &key, mesh_slot_at(&node->mesh, at(ns).mesh), at(ns).mesh, at(ns).mesh, packets));
}

static void turn(struct node *node, int64_t ns)
{
	struct change change;

	node_tick(node, at(ns));
	while (node_next_change(node, at(ns), &change))
		;
}

static void every_frame_kept_is_whole(const struct node *node)
{
	for (uint32_t i = 0; i < node->store.frames_max; i++) {
		const struct stored *stored = &node->store.frames[i];
		struct frame_claim claim;

		if (!stored->sequence)
			continue;
		assert_true(stored->size <= DATAGRAM_BYTES_MAX);
		assert_int_equal(frame_split(stored->frame, stored->size, &claim), REJECT_NONE);
		assert_true(frame_verify(&claim.root, &node->mesh, node->members[0].certificate.public_key));
	}
}

/* Far more closing cells than the ring of closing frames has places for. */
static void closing_frames_keep_to_their_ring(void **state)
{
	struct node *node = lone_node(64, 16, 65536);

	(void)state;
	for (uint32_t client = 1; client <= 20000; client++)
		observe(node, 100 * NS_PER_MS, client, 1);
	for (int64_t ns = 200 * NS_PER_MS; ns < 9 * NS_PER_S; ns += 200 * NS_PER_MS) {
		turn(node, ns);
		every_frame_kept_is_whole(node);
	}
	free(node);
}

#define PAIRS 4000

/* Counts in told[] the pairs of the frames of a kind published since *seen, and returns how many. */
static uint32_t read_published(const struct node *node, enum frame_kind kind, uint64_t *seen, uint32_t *told)
{
	uint32_t cells = 0;

	for (; *seen < node->next_sequence; (*seen)++) {
		const struct stored *stored = store_find(&node->store, node->id, 5, *seen);
		struct frame_reader reader;
		struct frame_claim claim;
		struct cell cell;

		assert_non_null(stored);
		assert_int_equal(frame_split(stored->frame, stored->size, &claim), REJECT_NONE);
		if (claim.head.kind != kind)
			continue;
		frame_read(&reader, claim.body, claim.body_bytes);
		while (frame_next(&reader, &cell)) {
			if (key_is_destination(&cell.key))
				continue;
			told[cell.key.client.bytes[13] << 16 | cell.key.client.bytes[14] << 8 | cell.key.client.bytes[15]]++;
			cells++;
		}
	}
	return cells;
}

/* Every pair changes in every tick, and a tick has frames for half of them. */
static void nothing_starves_when_the_budget_is_short(void **state)
{
	struct node *node = lone_node(4096, 16, 65536);
	static uint32_t told[PAIRS + 1];
	uint64_t seen = node->next_sequence, ticks = 0;

	(void)state;
	for (int64_t ns = 200 * NS_PER_MS; ns < 3900 * NS_PER_MS; ns += 200 * NS_PER_MS) {
		ticks++;
		for (uint32_t client = 1; client <= PAIRS; client++)
			observe(node, ns, client, ticks);
		turn(node, ns);
		read_published(node, FRAME_TICK, &seen, told);
	}
	for (uint32_t client = 1; client <= PAIRS; client++)
		assert_true(told[client] >= ticks / 4);
	free(node);
}

#define MANY 240000

/* A slot of so many pairs is closed by pieces, a turn each, and each pair once. */
static void a_turn_closes_no_more_than_a_piece(void **state)
{
	struct node *node = lone_node(16384, 256, 3 * MANY);
	uint32_t *told = calloc(MANY + 1, sizeof(*told)), pieces = 0;
	uint64_t seen;

	(void)state;
	assert_non_null(told);
	for (uint32_t client = 1; client <= MANY; client++)
		observe(node, 100 * NS_PER_MS, client, 1);
	for (int64_t ns = 200 * NS_PER_MS; ns < 4 * NS_PER_S; ns += 200 * NS_PER_MS)
		turn(node, ns);
	seen = node->next_sequence;
	for (int64_t ns = 4 * NS_PER_S; ns < 7 * NS_PER_S; ns += 200 * NS_PER_MS) {
		for (node_tick(node, at(ns));; node_turn(node, at(ns))) {
			const uint32_t cells = read_published(node, FRAME_CLOSING, &seen, told);

			assert_true(cells <= PUBLISH_CELLS);
			pieces += cells > 0;
			if (instant_is_before(at(ns).mono, node_next_turn(node, at(ns))))
				break;
		}
	}
	assert_true(pieces > 12); /* more than one in a tick */
	assert_int_equal(node->closing_entry, INDEX_NONE);
	for (uint32_t client = 1; client <= MANY; client++)
		assert_int_equal(told[client], 1);
	free(told);
	free(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_frames_keep_to_their_ring),
		cmocka_unit_test(nothing_starves_when_the_budget_is_short),
		cmocka_unit_test(a_turn_closes_no_more_than_a_piece),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
