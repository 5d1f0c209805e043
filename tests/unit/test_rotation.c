/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Another mesh secret, other node keys: no count is lost, nothing is said of it, and who slept comes back. */
#include "trust_world.h"

static void assert_quiet(struct world *world, unsigned int nodes)
{
	for (unsigned int n = 0; n < nodes; n++) {
		struct node_event event;

		while (node_next_event(world_node(world, n), &event)) {
			if (event.kind != EVENT_DOCUMENT && event.kind != EVENT_MEMBER_UP)
				fail_msg("node %u: event %d of %s", n, event.kind, event.member);
		}
	}
}

static void a_new_secret_loses_no_count_and_raises_no_alarm(void **state)
{
	static struct sealed_document rotation;
	const struct key pair = world_key(1, 1);
	const unsigned int all[] = { 0, 1, 2, 3 };
	struct world *world = world_of(4);
	unsigned int sent;

	(void)state;
	world_run(world, 2);
	sent = offer(world, 4, &pair, 60, 2);
	rotation_of(world, 1, all, 4, 43, 1, &rotation);
	assert_int_equal(command(world, 0, &rotation), REJECT_NONE);
	sent += offer(world, 4, &pair, 60, 16); /* through the change and the end of the grace: two slots more */
	world_run(world, 0.5);
	for (unsigned int n = 0; n < 4; n++) {
		assert_int_equal(packets_at(world, n, &pair), sent);
		assert_int_equal(rejects(world, n, REJECT_SEAL) + rejects(world, n, REJECT_OLD_SECRET), 0);
		for (uint16_t m = 1; m < 4; m++)
			assert_int_equal(world_node(world, n)->member->table[m].standing.spoken, 0);
	}
	assert_true(ledgers_equal(world, 4));
	assert_quiet(world, 4);
	world_free(world);
}

static void who_slept_through_a_rotation_comes_back(void **state)
{
	static struct sealed_document rotation;
	const struct key pair = world_key(1, 1);
	const unsigned int all[] = { 0, 1, 2 };

	(void)state;
	for (unsigned int sleeper = 0; sleeper < 3; sleeper += 2) { /* node 0 has no addresses of its own to greet */
		struct world *world = world_of(3);
		const unsigned int awake = sleeper == 0 ? 1 : 0;

		world_run(world, 2);
		world_stop(world, sleeper);
		rotation_of(world, 1, all, 3, 43, 0, &rotation);
		assert_int_equal(command(world, awake, &rotation), REJECT_NONE);
		world_run(world, 6);
		rotation_of(world, 2, all, 3, 44, 0, &rotation);
		assert_int_equal(command(world, awake, &rotation), REJECT_NONE);
		world_run(world, 12); /* grace: two slots */
		world_restart(world, sleeper);
		world_run(world, 8);
		assert_true(all_have(world, 3, DOCUMENT_ROTATION, 2));
		for (unsigned int n = 0; n < 3; n++)
			assert_int_equal(members_up(world, n), 2);
		offer(world, 3, &pair, 60, 1);
		world_run(world, 1);
		assert_true(ledgers_equal(world, 3));
		world_free(world);
	}
}

/* It has the first secret alone and is refused a part in the second. */
static void without_a_box_the_old_secret_opens_nothing(void **state)
{
	static struct sealed_document rotation;
	const struct key pair = world_key(1, 1);
	const unsigned int some[] = { 0, 1 };
	struct world *world = world_of(3);
	uint64_t before;

	(void)state;
	world_run(world, 2);
	rotation_of(world, 1, some, 2, 43, 0, &rotation);
	assert_int_equal(command(world, 0, &rotation), REJECT_NONE);
	world_run(world, 13);
	assert_int_equal(events_of(world, 2, EVENT_LEFT_OUT), 1);
	before = packets_at(world, 0, &pair);
	for (unsigned int i = 0; i < 100; i++)
		world_packet(world, 2, &pair);
	world_run(world, 2);
	assert_int_equal(packets_at(world, 0, &pair), before);
	assert_true(rejects(world, 0, REJECT_OLD_SECRET) + rejects(world, 0, REJECT_SEAL) > 0);
	assert_int_equal(members_up(world, 0), 1);
	world_free(world);
}

static void replacing_every_node_key_loses_no_count_and_raises_no_alarm(void **state)
{
	static struct sealed_document revocation;
	const struct key pair = world_key(1, 1);
	const unsigned int all[] = { 0, 1, 2 };
	struct world *world = world_of(3);
	unsigned int sent;

	(void)state;
	world_run(world, 2);
	sent = offer(world, 3, &pair, 60, 3);
	for (unsigned int n = 0; n < 3; n++) {
		assert_quiet(world, 3);
		world_rekey(world, n, NULL);
		sent += offer(world, 3, &pair, 60, 3);
	}
	world_run(world, 1);
	revocation_of(world, 1, all, 3, REVOKED_SUPERSEDED, &revocation);
	assert_int_equal(command(world, 0, &revocation), REJECT_NONE);
	sent += offer(world, 3, &pair, 60, 2);
	world_run(world, 1);
	for (unsigned int n = 0; n < 3; n++) {
		assert_int_equal(packets_at(world, n, &pair), sent);
		assert_int_equal(members_up(world, n), 2);
	}
	assert_true(ledgers_equal(world, 3));
	assert_quiet(world, 3);
	world_free(world);
}

static void a_key_that_was_replaced_greets_nobody(void **state)
{
	struct world *world = world_of(2);
	struct certificate old = *world_certificate(world, 1);
	static struct sealed_document revocation;
	const unsigned int one[] = { 1 };

	(void)state;
	world_run(world, 2);
	world_rekey(world, 1, NULL);
	world_run(world, 2);
	assert_int_equal(standing_check(world_node(world, 0), &old), REJECT_SUPERSEDED);
	/* Also where the later certificate was never seen, once it is listed. */
	world_cut(world, 1, -1, true);
	revocation_of(world, 1, one, 1, REVOKED_SUPERSEDED, &revocation);
	assert_int_equal(command(world, 0, &revocation), REJECT_NONE);
	world_run(world, 0.1);
	world_restart(world, 0);
	assert_int_equal(standing_check(world_node(world, 0), &old), REJECT_SUPERSEDED);
	assert_int_equal(standing_check(world_node(world, 0), world_certificate(world, 1)), REJECT_NONE);
	world_free(world);
}

/* Key and secret at once, as an administrator would in one evening. */
static void keys_and_secret_together(void **state)
{
	static struct sealed_document rotation;
	const struct key pair = world_key(1, 1);
	const unsigned int all[] = { 0, 1, 2 };
	struct world *world = world_of(3);
	uint8_t secret[MESH_SECRET_BYTES];
	unsigned int sent;

	(void)state;
	memset(secret, 43, sizeof(secret));
	world_run(world, 2);
	sent = offer(world, 3, &pair, 60, 2);
	rotation_of(world, 1, all, 3, 43, 1, &rotation);
	assert_int_equal(command(world, 0, &rotation), REJECT_NONE);
	for (unsigned int n = 0; n < 3; n++) {
		sent += offer(world, 3, &pair, 60, 4);
		world_rekey(world, n, secret); /* its box is for the key before: it needs the secret from its folder */
	}
	sent += offer(world, 3, &pair, 60, 2);
	world_run(world, 1);
	for (unsigned int n = 0; n < 3; n++)
		assert_int_equal(packets_at(world, n, &pair), sent);
	assert_true(ledgers_equal(world, 3));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_secret_loses_no_count_and_raises_no_alarm),
		cmocka_unit_test(who_slept_through_a_rotation_comes_back),
		cmocka_unit_test(without_a_box_the_old_secret_opens_nothing),
		cmocka_unit_test(replacing_every_node_key_loses_no_count_and_raises_no_alarm),
		cmocka_unit_test(a_key_that_was_replaced_greets_nobody),
		cmocka_unit_test(keys_and_secret_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
