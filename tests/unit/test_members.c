/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is who: members learnt from anybody, larger meshes, addresses, two hosts with one key, leaving. */
#include <sodium.h>

#include "mesh_world.h"
#include "node_internal.h"
#include "vector.h"
#include "world_asks.h"

static struct world_options options_of(unsigned int nodes)
{
	return (struct world_options){ .nodes = nodes, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds };
}

static bool find_member(struct world *world, unsigned int n, unsigned int of, struct member_view *ret_view)
{
	uint32_t cursor = 0;
	char name[16];

	snprintf(name, sizeof(name), "node-%u", of);
	while (node_next_member(world_node(world, n), world_now(world), &cursor, ret_view)) {
		if (strcmp(ret_view->name, name) == 0)
			return true;
	}
	return false;
}

/* Two that never exchange a datagram know each other, and hold each other's counts, through a third. */
static void a_member_is_learnt_from_anybody(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct member_view view;

	(void)state;
	world_cut(world, 1, 2, true);
	world_run(world, 2);
	assert_true(find_member(world, 1, 2, &view) && view.boot == 1 && view.incarnation == 1002);
	assert_true(find_member(world, 2, 1, &view));
	offer(world, 3, &pair, 60, 3);
	world_run(world, 1);
	assert_true(ledgers_equal(world, 3));
	/* Another start of one is learnt that way, too. */
	world_restart(world, 2);
	world_run(world, 2);
	assert_true(find_member(world, 1, 2, &view) && view.boot == 2);
	world_free(world);
}

static void a_larger_mesh_hands_frames_on(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(16);
	struct world *world = world_make(&options);
	uint64_t received = 0, duplicate = 0, relayed = 0;

	(void)state;
	world_run(world, 4);
	for (unsigned int n = 0; n < 16; n++)
		assert_int_equal(members_up(world, n), 15);
	offer(world, 16, &pair, 80, 6);
	world_run(world, 1);
	assert_true(ledgers_equal(world, 16));
	for (unsigned int n = 0; n < 16; n++) {
		struct node_counters counters;

		node_read_counters(world_node(world, n), &counters);
		received += counters.frames_received;
		duplicate += counters.frames_duplicate;
		relayed += counters.frames_relayed;
		assert_true(counters.links >= 2 && counters.links <= NEIGHBOURS_MAX);
	}
	assert_true(relayed > 0);
	assert_true(duplicate < received);
	world_free(world);
}

static void a_larger_mesh_is_exact_under_loss(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(16);

	(void)state;
	options.loss = 0.3;
	options.duplication = 0.2;
	for (options.seed = 1; options.seed <= 3; options.seed++) {
		struct world *world = world_make(&options);

		world_run(world, 4);
		offer(world, 16, &pair, 80, 5);
		world_run(world, 5);
		assert_true(ledgers_equal(world, 16));
		world_free(world);
	}
}

static void a_silent_member_of_a_larger_mesh_is_found_and_comes_back(void **state)
{
	struct world_options options = options_of(12);
	struct world *world = world_make(&options);
	struct member_view view;

	(void)state;
	world_run(world, 4);
	world_cut(world, 5, -1, true);
	world_run(world, 40);
	for (unsigned int n = 0; n < 12; n++)
		assert_true(n == 5 || (find_member(world, n, 5, &view) && !view.up));
	world_cut(world, 5, -1, false);
	world_run(world, 10);
	for (unsigned int n = 0; n < 12; n++)
		assert_true(n == 5 || (find_member(world, n, 5, &view) && view.up));
	world_free(world);
}

static struct {
	struct address of, to;
	uint16_t port;
	bool deaf; /* what is sent to the new place does not arrive */
} move;

static bool as_moved(void *user, struct world_datagram *datagram)
{
	(void)user;
	if (address_equal(&datagram->from.address, &move.of)) {
		datagram->from.address = move.to;
		datagram->from.port = move.port;
	}
	return true;
}

static struct address address_of(uint8_t last)
{
	return address_of_ipv4((uint8_t[]){ 192, 0, 2, last });
}

static void a_member_that_moved_is_followed_in_a_round_trip(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct member_view view;

	(void)state;
	world_run(world, 2);
	move.of = move.to = address_of(2);
	move.port = 9999;
	world_set_tap(world, as_moved, NULL);
	world_run(world, 0.5);
	assert_true(find_member(world, 0, 1, &view));
	assert_int_equal(view.endpoint.port, 9999);
	assert_true(view.up);
	world_free(world);
}

/* Whoever sends a member's datagrams on from elsewhere does not have it served there. */
static void an_address_that_brings_nothing_back_is_not_served(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct member_view view;

	(void)state;
	world_run(world, 2);
	move.of = address_of(2);
	move.to = address_of(200);
	move.port = 7946;
	world_set_tap(world, as_moved, NULL);
	world_run(world, 3);
	assert_true(find_member(world, 0, 1, &view));
	assert_int_equal(view.endpoint.address.bytes[15], 2);
	assert_true(view.up); /* it is heard all the same */
	world_free(world);
}

/* A record as node 1 of the world would sign it. */
static size_t record_make(const struct world *world, uint64_t boot, uint64_t version, uint64_t start, bool left,
			  uint8_t *ret_bytes)
{
	static const char domain[] = "xpro-mesh record v1";
	const struct node *node = world_node((struct world *)(uintptr_t)world, 1);
	const struct member *self = &node->member->table[0];
	uint8_t message[sizeof(domain) - 1 + MESH_ID_BYTES + PUBLIC_KEY_BYTES + MEMBER_RECORD_BODY_BYTES],
		*at = message, *body;

	at = put_bytes(at, domain, sizeof(domain) - 1);
	at = put_bytes(at, world_mesh(world)->id, MESH_ID_BYTES);
	at = put_bytes(at, self->certificate.public_key, PUBLIC_KEY_BYTES);
	body = at;
	memset(body, 0, MEMBER_RECORD_BODY_BYTES);
	at = put_le(at, node->config.incarnation, 8);
	at = put_le(at, boot, 8);
	at = put_le(at, version, 8);
	at = put_le(at, start, 8);
	at = put_le(at, (uint64_t)world_now(world).mesh.ns, 8);
	put_le(at, left, 1);
	at = put_le(ret_bytes, self->id, 8);
	at = put_le(at, self->certificate_bytes, 2);
	at = put_bytes(at, self->certificate_issued, self->certificate_bytes);
	at = put_bytes(at, body, MEMBER_RECORD_BODY_BYTES);
	crypto_sign_detached(at, NULL, message, sizeof(message), node->config.secret_key);
	return (size_t)(at - ret_bytes) + SIGNATURE_BYTES;
}

/* A record that `from` hands on. */
static enum reject record_take(struct node *node, uint16_t from, const uint8_t *bytes, size_t size, struct now now)
{
	return record_receive(node, &(struct arrival){ .now = now, .member = from, .bytes = bytes, .size = size });
}

static void only_its_owner_changes_a_record(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct node *node = world_node(world, 0);
	uint8_t bytes[DATAGRAM_BYTES_MAX], changed[DATAGRAM_BYTES_MAX];
	struct member_view view;
	uint64_t start;
	uint16_t from;
	size_t size;

	(void)state;
	world_run(world, 2);
	from = member_find(node, world_node(world, 2)->id);
	start = world_node(world, 1)->member->table[0].record.start;
	size = record_make(world, 1, 9, start, false, bytes);
	/* 1: any byte of body or signature changed */
	for (size_t i = size - MEMBER_RECORD_BYTES; i < size; i += 7) {
		node->member->table[from].bad_signatures_left = 1;
		memcpy(changed, bytes, size);
		changed[i] ^= 1;
		assert_int_not_equal(record_take(node, from, changed, size, world_now(world)) == REJECT_NONE &&
					     node->member->table[member_find(node, world_node(world, 1)->id)]
							     .record.version == 9,
				     true);
	}
	/* 2: any length but its own */
	for (size_t n = 0; n < size; n++)
		assert_int_equal(record_take(node, from, bytes, n, world_now(world)), REJECT_MESSAGE);
	/* 3: as it was signed, whoever brings it; 4: a second time it changes nothing; 5: an older one neither */
	node->member->table[from].bad_signatures_left = 1;
	assert_int_equal(record_take(node, from, bytes, size, world_now(world)), REJECT_NONE);
	assert_int_equal(node->member->table[member_find(node, world_node(world, 1)->id)].record.version, 9);
	size = record_make(world, 1, 8, start, true, bytes);
	assert_int_equal(record_take(node, from, bytes, size, world_now(world)), REJECT_NONE);
	assert_true(find_member(world, 0, 1, &view) && !view.left);
	/* 6: a neighbour that brings bad ones is not looked at */
	size = record_make(world, 1, 10, start, true, bytes);
	bytes[size - 1] ^= 1;
	node->member->table[from].bad_signatures_left = 1;
	assert_int_equal(record_take(node, from, bytes, size, world_now(world)), REJECT_SIGNATURE);
	bytes[size - 1] ^= 1;
	assert_int_equal(record_take(node, from, bytes, size, world_now(world)), REJECT_SIGNATURE);
	assert_true(find_member(world, 0, 1, &view) && !view.left);
	world_free(world);
}

static void two_hosts_with_one_key_are_told(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct node *node = world_node(world, 0), *own = world_node(world, 1);
	size_t size;

	(void)state;
	world_run(world, 2);
	events_of(world, 0, EVENT_MEMBER_CLONED);
	/* Started as often as the other: seen by a third. */
	size = record_make(world, 1, 1, 4711, false, bytes);
	assert_int_equal(record_take(node, member_find(node, world_node(world, 2)->id), bytes, size, world_now(world)),
			 REJECT_NONE);
	assert_int_equal(events_of(world, 0, EVENT_MEMBER_CLONED), 1);
	/* Once a minute. */
	size = record_make(world, 1, 2, 4711, false, bytes);
	record_take(node, member_find(node, world_node(world, 2)->id), bytes, size, world_now(world));
	assert_int_equal(events_of(world, 0, EVENT_MEMBER_CLONED), 0);
	/* And by the one whose key it is, of a later start. */
	size = record_make(world, 2, 1, 4711, false, bytes);
	assert_int_equal(record_take(own, member_find(own, node->id), bytes, size, world_now(world)), REJECT_NONE);
	assert_int_equal(events_of(world, 1, EVENT_MEMBER_CLONED), 1);
	/* Its own record come back is no news. */
	node = world_node(world, 2);
	size = record_make(world, 1, own->member->table[0].record.version, own->member->table[0].record.start, false,
			   bytes);
	own->member->table[0].clone.reported_at.ns = 0;
	assert_int_equal(record_take(own, member_find(own, node->id), bytes, size, world_now(world)), REJECT_NONE);
	assert_int_equal(events_of(world, 1, EVENT_MEMBER_CLONED), 0);
	world_free(world);
}

static void who_leaves_is_not_waited_for_and_may_come_back(void **state)
{
	struct world_options options = options_of(4);
	struct world *world = world_make(&options);
	struct member_view view;

	(void)state;
	world_run(world, 2);
	node_leave(world_node(world, 3), world_now(world));
	world_run(world, 0.5);
	world_cut(world, 3, -1, true);
	world_run(world, 4);
	for (unsigned int n = 0; n < 3; n++) {
		assert_true(find_member(world, n, 3, &view) && view.left && !view.up);
		assert_int_equal(events_of(world, n, EVENT_MEMBER_SILENT), 0);
	}
	world_cut(world, 3, -1, false);
	world_restart(world, 3);
	world_run(world, 2);
	for (unsigned int n = 0; n < 3; n++)
		assert_true(find_member(world, n, 3, &view) && !view.left && view.up);
	world_free(world);
}

static void load_is_told_when_it_has_changed(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct member_view view;

	(void)state;
	world_run(world, 12);
	node_set_load(world_node(world, 1), world_now(world), 0.5, 0.8);
	world_run(world, 0.5);
	assert_true(find_member(world, 0, 1, &view) && fabs(view.load - 0.5) < 0.01 &&
		    fabs(view.load_limit - 0.8) < 0.01);
	node_set_load(world_node(world, 1), world_now(world), 0.95, 0.8); /* too soon */
	world_run(world, 0.5);
	assert_true(find_member(world, 0, 1, &view) && view.load < 0.6);
	world_run(world, 10);
	node_set_load(world_node(world, 1), world_now(world), 0.95, 0.8);
	world_run(world, 0.5);
	assert_true(find_member(world, 0, 1, &view) && view.load > 0.9);
	world_free(world);
}

/*
 * By frames alone: so many of them, a tick apart, the ends of their ticks this far ahead of our clock; one of them,
 * by chance, quicker.
 */
static void a_clock_is_told_by_frames_where_it_cannot_be_measured(void **state)
{
	static const struct {
		int lead_ms, quickest_ms;
		bool served, measured, skewed;
	} rows[] = {
		/* 0: at once */ { -50, -10, false, false, false },
		/* 1 */ { -900, -600, false, false, false },
		/* 2 */ { -5000, -1400, false, false, false },
		/* 3: even the quickest comes too late */ { -5000, -1600, false, false, true },
		/* 4: was asked for late */ { -5000, -1600, true, false, false },
		/* 5: ahead, but as frames go on their way, within the bound */ { 300, 500, false, false, false },
		/* 6: before its tick had ended */ { 300, 600, false, false, true },
		/* 7 */ { 1000, 1000, true, false, true },
		/* 8: nor does it help to have been measured before */ { 2000, 2000, false, true, true },
		/* 9 */ { 300, 501, false, true, true },
		/* 10 */ { 300, 500, false, true, false },
		/* 11: who is measured is not behind for its late frames */ { -5000, -1600, false, true, false },
	};

	(void)state;
	for (unsigned int i = 0; i < ROWS(rows); i++) {
		struct world_options options = options_of(3);
		struct world *world = world_make(&options);
		struct node *node;
		struct member *member;
		struct now now;
		uint32_t origin;

		world_run(world, 1);
		node = world_node(world, 0);
		member = &node->member->table[1];
		now = world_now(world);
		member->clock.skew_ms = rows[i].measured ? 0 : NAN;
		member->clock.lead_frames = 0;
		origin = origin_of(node, 1, member->incarnation);
		for (unsigned int frame = 0; frame <= LEAD_WINDOW_MS / TICK_MS_DEFAULT; frame++) {
			const uint64_t tick = mesh_tick_ended(&node->mesh, now.mesh);
			struct now came = now;

			came.mesh.ns = mesh_tick_end(&node->mesh, tick).ns -
				       (frame == 20 ? rows[i].quickest_ms : rows[i].lead_ms) * NS_PER_MS;
			member_estimate(node, 1, came, tick, rows[i].served);
			now.mono.ns += TICK_MS_DEFAULT * NS_PER_MS;
			now.mesh.ns += TICK_MS_DEFAULT * NS_PER_MS;
		}
		if (member->clock.skewed != rows[i].skewed)
			fail_msg("row %u", i);
		assert_true(node->count->excluded[origin] == rows[i].skewed);
		world_free(world);
	}
}

/* Samples that jitter are smoothed; one that is further off than any jitter is a clock that was set. */
static void a_clock_that_was_set_is_seen_at_once(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct member *member;
	struct node *node;
	struct now now;

	(void)state;
	world_run(world, 1);
	node = world_node(world, 0);
	member = &node->member->table[1];
	now = world_now(world);
	member->clock.rtt_ms = 10;
	member->clock.skew_ms = 0;
	/* Sent now by its clock, in answer to what left 10 ms ago: 5 ms of it on the way here. */
	for (int ahead_ms = 0; ahead_ms <= 600000; ahead_ms += 600000) {
		member_measure(node, 1, now, now.mesh.ns + (ahead_ms - 5) * NS_PER_MS, now.mesh.ns - 10 * NS_PER_MS, 0);
		assert_true(fabs(member->clock.skew_ms - ahead_ms) < 1);
		assert_true(member->clock.skewed == (ahead_ms > 0));
	}
	member_measure(node, 1, now, now.mesh.ns - 5 * NS_PER_MS, now.mesh.ns - 10 * NS_PER_MS, 0);
	assert_false(member->clock.skewed);
	member_measure(node, 1, now, now.mesh.ns + (400 - 5) * NS_PER_MS, now.mesh.ns - 10 * NS_PER_MS, 0);
	assert_true(fabs(member->clock.skew_ms - 100) < 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_was_set_is_seen_at_once),
		cmocka_unit_test(a_member_is_learnt_from_anybody),
		cmocka_unit_test(a_larger_mesh_hands_frames_on),
		cmocka_unit_test(a_larger_mesh_is_exact_under_loss),
		cmocka_unit_test(a_silent_member_of_a_larger_mesh_is_found_and_comes_back),
		cmocka_unit_test(a_member_that_moved_is_followed_in_a_round_trip),
		cmocka_unit_test(an_address_that_brings_nothing_back_is_not_served),
		cmocka_unit_test(only_its_owner_changes_a_record),
		cmocka_unit_test(two_hosts_with_one_key_are_told),
		cmocka_unit_test(who_leaves_is_not_waited_for_and_may_come_back),
		cmocka_unit_test(a_clock_is_told_by_frames_where_it_cannot_be_measured),
		cmocka_unit_test(load_is_told_when_it_has_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
