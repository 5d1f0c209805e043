/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shares of very many clients are worked out over several turns: the old ones hold until the new are known, and then
 * all have them.
 */
#include <sodium.h>

#include "node_internal.h"
#include "vector.h"

#define CLIENTS 70000 /* more than a turn looks at */

static struct now at(int64_t ns)
{
	return (struct now){ { ns }, { 1760000000LL * NS_PER_S + ns } };
}

static struct key pair_of(uint32_t client)
{
	return (struct key){
		.client = address_of_ipv4(
			(uint8_t[]){ 10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client }),
		.destination = address_of_ipv4((uint8_t[]){ 198, 51, 100, 1 }),
	};
}

static struct node *lone_node(uint32_t tick_ms)
{
	struct mesh mesh = mesh_make();
	const struct keys authority = keys_authority(), a = keys_a();
	struct certificate certificate = { .name = "a", .serial = 1 };
	struct node_config config = {
		.limits = { .keys_max = 4 * CLIENTS, .cells_max = 4 * CLIENTS, .frames_max = 4096, .members_max = 4 },
		.mesh = mesh,
		.thresholds = { .pair_rate = 100,
				.destination_rate = 1000,
				.fair = true,
				.idle_reset = { 10 * NS_PER_S },
				.pair_min_window = { NS_PER_S },
				.destination_min_window = { NS_PER_S } },
		.incarnation = 5,
		.boot = 1,
		.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
		.frames_per_tick = 64,
		.gossip = true,
	};
	struct node *node;
	void *memory;

	mesh.tick_ms = tick_ms;
	config.mesh = mesh;
	memcpy(certificate.public_key, a.public_key, PUBLIC_KEY_BYTES);
	memcpy(config.secret_key, a.secret, SECRET_KEY_BYTES);
	assert_int_equal(certificate_issue(&certificate, &mesh, authority.secret, config.certificate,
					   &config.certificate_bytes),
			 0);
	memory = aligned_alloc(64, (node_bytes(&config.limits) + 63) / 64 * 64);
	assert_non_null(memory);
	memset(memory, 0, node_bytes(&config.limits));
	assert_int_equal(node_init(memory, node_bytes(&config.limits), &config, at(0), &node), 0);
	return node;
}

static void observe(struct node *node, int64_t ns, const struct key *key, uint64_t packets)
{
	assert_true(node_observe(node, at(ns), key, mesh_slot_at(&node->mesh, at(ns).mesh), at(ns).mesh, at(ns).mesh,
				 packets));
}

static bool is_due(const struct node *node, int64_t ns)
{
	return !instant_is_before(at(ns).mono, node_next_turn(node, at(ns)));
}

static uint32_t clients_thinned(const struct node *node)
{
	uint32_t thinned = 0;

	for (uint32_t i = 0; i < node->count->ledger.entries_high; i++)
		thinned += entry_kind(&node->count->ledger.entries[i]) == KEY_PAIR &&
			   node->count->ledger.entries[i].pass_share < SHARE_ALL;
	return thinned;
}

static void many_clients_are_shared_among_over_turns(void **state)
{
	const int64_t ns = TICK_MS_DEFAULT * NS_PER_MS;
	const struct key first = pair_of(1), destination = key_of_destination(&first.destination);
	struct node *node = lone_node(TICK_MS_DEFAULT);
	struct change change;
	unsigned int turns = 0;

	(void)state;
	for (uint32_t client = 1; client <= CLIENTS; client++) {
		const struct key key = pair_of(client);

		observe(node, ns, &key, 1);
	}
	observe(node, ns, &destination, CLIENTS);
	node_tick(node, at(ns));
	while (node_next_change(node, at(ns), &change))
		;
	assert_true(is_due(node, ns));
	assert_int_equal(clients_thinned(node), 0); /* not all rates are known */
	for (; is_due(node, ns) && turns < 100; turns++)
		node_turn(node, at(ns));
	assert_in_range(turns, 2, 99);
	assert_int_equal(clients_thinned(node), CLIENTS);
	assert_true(node->count->ledger.entries[ledger_find(&node->count->ledger, &destination)].flags & ENTRY_THIN);
	free(node);
}

/* With slots of four ticks, the fewest there may be, a rate may be asked of ticks before the two slots. */
static void rates_are_numbers_whatever_the_slots(void **state)
{
	const int64_t tick_ns = 1000 * NS_PER_MS;
	const struct key key = pair_of(1);
	struct node *node = lone_node(1000);

	(void)state;
	for (int64_t tick = 1; tick <= 24; tick++) {
		observe(node, tick * tick_ns - 1, &key, (uint64_t)(tick - 1) % 4 + 1); /* one in each tick */
		node_tick(node, at(tick * tick_ns));
		for (uint64_t before = 0; before <= CARRY_TICKS + FAIR_TICKS - 1; before++) {
			const struct entry *entry = &node->count->ledger.entries[ledger_find(&node->count->ledger,
											     &key)];
			const struct offer offer = offered_of(node, entry, node->tick - before);

			if (!(offer.counted > 0 && offer.counted <= 10 && offer.judged > 0 && offer.judged <= 10))
				fail_msg("tick %lld, %llu before: counted %g, judged %g, expected up to 10",
					 (long long)tick, (unsigned long long)before, offer.counted, offer.judged);
		}
	}
	free(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_clients_are_shared_among_over_turns),
		cmocka_unit_test(rates_are_numbers_whatever_the_slots),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
