/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Revocation among nodes: who is out is out everywhere, at once, with all its counts, and stays out. */
#include "trust_world.h"

static void a_revoked_member_is_out_everywhere_within_five_seconds(void **state)
{
	static struct sealed_document revocation;
	const struct key pair = world_key(1, 1);
	const unsigned int out[] = { 3 };
	struct world *world = world_of(4);
	struct key_view view;

	(void)state;
	world_run(world, 2);
	for (unsigned int i = 0; i < 1500; i++) { /* the liar's alone */
		world_packet(world, 3, &pair);
		world_run(world, 0.002);
	}
	world_run(world, 0.4);
	assert_true(node_find_key(world_node(world, 0), world_now(world), &pair, &view) && view.over);
	revocation_of(world, 1, out, 1, REVOKED_LOST, &revocation);
	assert_int_equal(command(world, 2, &revocation), REJECT_NONE);
	world_run(world, 0.4);
	for (unsigned int n = 0; n < 3; n++) {
		assert_int_equal(events_of(world, n, EVENT_MEMBER_REVOKED), 1);
		assert_int_equal(packets_at(world, n, &pair), 0);
		assert_false(node_find_key(world_node(world, n), world_now(world), &pair, &view) && view.over);
		assert_int_equal(members_up(world, n), 2);
	}
	world_run(world, 4);
	assert_true(ledgers_equal(world, 3));
	world_free(world);
}

/* What a revoked member sends is refused even when it never hears of its end, and after a restart of the others. */
static void a_revoked_member_stays_out(void **state)
{
	static struct sealed_document revocation;
	const struct key pair = world_key(1, 1);
	const unsigned int out[] = { 2 };
	struct world *world = world_of(3);

	(void)state;
	world_run(world, 2);
	revocation_of(world, 1, out, 1, REVOKED_LOST, &revocation);
	world_cut_one_way(world, 0, 2, true);
	world_cut_one_way(world, 1, 2, true);
	assert_int_equal(command(world, 0, &revocation), REJECT_NONE);
	world_run(world, 1);
	offer(world, 3, &pair, 100, 1);
	world_run(world, 0.4);
	assert_true(rejects(world, 0, REJECT_REVOKED) > 0 && rejects(world, 1, REJECT_REVOKED) > 0);
	assert_int_equal(packets_at(world, 0, &pair), world_counted(world, 0, &pair) + world_counted(world, 1, &pair));
	world_cut_one_way(world, 0, 2, false);
	world_cut_one_way(world, 1, 2, false);
	world_restart(world, 0);
	world_run(world, 4);
	assert_int_equal(members_up(world, 0), 1);
	assert_true(rejects(world, 0, REJECT_REVOKED) > 0);
	assert_int_equal(packets_at(world, 0, &pair), world_counted(world, 0, &pair) + world_counted(world, 1, &pair));
	world_free(world);
}

/* Node 0 never hears of the revocation; what it has of the revoked member's frames it offers to node 1, which has. */
static void frames_of_a_revoked_member_are_refused_from_anybody(void **state)
{
	static struct sealed_document revocation;
	const struct key pair = world_key(1, 1);
	const unsigned int out[] = { 2 };
	struct world *world = world_of(3);

	(void)state;
	world_run(world, 2);
	offer(world, 3, &pair, 100, 1);
	world_run(world, 0.4);
	revocation_of(world, 1, out, 1, REVOKED_LOST, &revocation);
	assert_int_equal(command(world, 1, &revocation), REJECT_NONE);
	assert_int_equal(packets_at(world, 1, &pair), world_counted(world, 0, &pair) + world_counted(world, 1, &pair));
	struct node *relay = world_node(world, 0), *node = world_node(world, 1);
	uint32_t offered = 0;

	for (uint32_t i = 0; i < relay->spread->store.frames_max; i++) {
		const struct stored *frame = &relay->spread->store.frames[i];

		const struct arrival arrival = { .now = world_now(world),
						 .arrived = world_now(world),
						 .member = member_find(node, relay->id),
						 .bytes = frame->frame,
						 .size = frame->size };

		if (frame->sequence == 0 || frame->origin != world_certificate(world, 2)->id)
			continue;
		assert_int_equal(frame_receive(node, &arrival), REJECT_REVOKED);
		offered++;
	}
	assert_true(offered > 0);
	assert_int_equal(packets_at(world, 1, &pair), world_counted(world, 0, &pair) + world_counted(world, 1, &pair));
	world_free(world);
}

static void a_revocation_is_never_taken_back(void **state)
{
	static struct sealed_document revocation;
	const unsigned int both[] = { 1, 2 };
	struct world *world = world_of(3);

	(void)state;
	revocation_of(world, 1, both, 2, REVOKED_LOST, &revocation);
	assert_int_equal(command(world, 0, &revocation), REJECT_NONE);
	revocation_of(world, 2, both, 1, REVOKED_LOST, &revocation);
	assert_int_equal(command(world, 0, &revocation), REJECT_DOCUMENT);
	assert_int_equal(serial_at(world, 0, DOCUMENT_REVOCATION), 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_revoked_member_is_out_everywhere_within_five_seconds),
		cmocka_unit_test(a_revoked_member_stays_out),
		cmocka_unit_test(frames_of_a_revoked_member_are_refused_from_anybody),
		cmocka_unit_test(a_revocation_is_never_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
