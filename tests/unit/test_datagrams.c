/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams that were changed, recorded and sent again, or meant for another: nothing changes by them, and it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mesh_world.h"
#include "seal.h"
#include "world_asks.h"

static struct world_options options_of(unsigned int nodes)
{
	return (struct world_options){ .nodes = nodes,
				       .seed = 1,
				       .delay_ms = 10,
				       .thresholds = world_thresholds,
				       .publish = PUBLISH_ALL };
}

struct tamper {
	uint64_t seen, every;
	int kind;
};

static bool tamper(void *user, struct world_datagram *datagram)
{
	struct tamper *t = user;

	if (++t->seen % t->every == 0)
		datagram->bytes[(t->seen * 7919) % datagram->size] ^= (uint8_t)(1 << t->seen % 8);
	return true;
}

static void changed_datagrams_change_nothing_and_show(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct tamper t = { .every = 3 };
	uint64_t rejected = 0;
	unsigned int sent;

	(void)state;
	world_run(world, 1);
	world_set_tap(world, tamper, &t);
	sent = offer(world, 3, &pair, 60, 5);
	world_set_tap(world, NULL, NULL);
	world_run(world, 2);
	for (unsigned int n = 0; n < 3; n++) {
		struct node_counters counters;

		node_read_counters(world_node(world, n), &counters);
		rejected += counters.rejects[REJECT_SEAL] + counters.rejects[REJECT_VERSION] +
			    counters.rejects[REJECT_OTHER_VERSION] +
			    counters.rejects[REJECT_SENDER] + counters.rejects[REJECT_SIZE] +
			    counters.rejects[REJECT_SELF];
		assert_int_equal(packets_at(world, n, &pair), sent);
	}
	assert_true(rejected >= t.seen / t.every);
	assert_true(ledgers_equal(world, 3));
	world_free(world);
}

struct record {
	struct world_datagram datagrams[4096];
	size_t count;
};

static bool record(void *user, struct world_datagram *datagram)
{
	struct record *r = user;

	if (r->count < sizeof(r->datagrams) / sizeof(r->datagrams[0]))
		r->datagrams[r->count++] = *datagram;
	return true;
}

/*
 * What was recorded for node 1, once more after node n has started again: all but its greetings is sealed for
 * another session.
 */
static void replay_after_a_restart_of(struct world *world, unsigned int n, const struct record *r)
{
	uint8_t before[HASH_BYTES], after[HASH_BYTES];
	struct node_counters counters;
	uint64_t refused, sent = 0;

	world_restart(world, n);
	world_run(world, 2);
	node_digest(world_node(world, 1), before);
	node_read_counters(world_node(world, 1), &counters);
	refused = counters.rejects[REJECT_SEAL];
	for (size_t i = 0; i < r->count; i++) {
		if (r->datagrams[i].to != 1 || r->datagrams[i].bytes[3] != DATAGRAM_SEALED)
			continue;
		world_deliver(world, &r->datagrams[i]);
		sent++;
	}
	node_digest(world_node(world, 1), after);
	assert_memory_equal(before, after, HASH_BYTES);
	node_read_counters(world_node(world, 1), &counters);
	assert_true(sent > 10);
	assert_int_equal(counters.rejects[REJECT_SEAL] - refused, sent);
}

static void replayed_datagrams_change_nothing_and_show(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	static struct record r;
	uint8_t before[HASH_BYTES], after[HASH_BYTES];
	struct node_counters counters;
	size_t recorded;

	(void)state;
	r.count = 0;
	world_run(world, 1);
	world_set_tap(world, record, &r);
	offer(world, 3, &pair, 60, 3);
	world_set_tap(world, NULL, NULL);
	world_run(world, 0.1);
	node_digest(world_node(world, 1), before);
	recorded = r.count;
	assert_true(recorded > 50);
	for (size_t i = 0; i < recorded; i++)
		world_deliver(world, &r.datagrams[i]);
	node_digest(world_node(world, 1), after);
	assert_memory_equal(before, after, HASH_BYTES);
	node_read_counters(world_node(world, 1), &counters);
	assert_true(counters.rejects[REJECT_REPLAY] > 10);

	/* After a restart of the receiver, then of a sender, so of both, they do not even open. */
	replay_after_a_restart_of(world, 1, &r);
	replay_after_a_restart_of(world, 0, &r);
	replay_after_a_restart_of(world, 2, &r);
	world_free(world);
}

static void a_datagram_for_another_receiver_does_not_open(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	static struct record r;
	struct node_counters counters;
	uint64_t seal_before;

	(void)state;
	r.count = 0;
	world_run(world, 1);
	world_set_tap(world, record, &r);
	offer(world, 3, &pair, 60, 1);
	world_set_tap(world, NULL, NULL);
	node_read_counters(world_node(world, 2), &counters);
	seal_before = counters.rejects[REJECT_SEAL];
	uint64_t misled = 0;

	for (size_t i = 0; i < r.count; i++) {
		if (r.datagrams[i].to != 1 || r.datagrams[i].from.address.bytes[15] == 3)
			continue; /* node 2's own come back as its own */
		r.datagrams[i].to = 2;
		world_deliver(world, &r.datagrams[i]);
		misled++;
	}
	node_read_counters(world_node(world, 2), &counters);
	assert_true(misled > 0);
	assert_int_equal(counters.rejects[REJECT_SEAL] - seal_before, misled);
	world_free(world);
}

/* Whoever has the mesh secret can open a HELLO, change it and seal it again; not sign it. */
static struct world_datagram hello_changed(const struct world *world, const struct world_datagram *hello, size_t offset)
{
	struct world_datagram changed = *hello;
	struct seal_context context = { .sender = 0 };
	uint8_t mesh_secret[MESH_SECRET_BYTES], key[SEAL_KEY_BYTES];
	struct datagram_header header;
	size_t size;

	memset(mesh_secret, 42, sizeof(mesh_secret));
	seal_hello_key(mesh_secret, key);
	memcpy(context.mesh_id, world_mesh(world)->id, MESH_ID_BYTES);
	assert_int_equal(seal_header(changed.bytes, changed.size, &header), REJECT_NONE);
	assert_int_equal(seal_open(changed.bytes, changed.size, &context, key, &size), REJECT_NONE);
	changed.bytes[SEAL_HEADER_BYTES + offset] ^= 1;
	header.nonce[2]++; /* a later send counter: no replay */
	changed.size = seal_close(&header, &context, key, changed.bytes + SEAL_HEADER_BYTES, size, changed.bytes);
	return changed;
}

static bool record_hellos(void *user, struct world_datagram *datagram)
{
	return datagram->size != HELLO_BYTES || record(user, datagram);
}

static void a_greeting_in_anothers_name_changes_nothing(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	static struct record r;
	struct node_counters before, after;
	unsigned int signatures = 0, replays = 0;

	(void)state;
	r.count = 0;
	world_set_tap(world, record_hellos, &r);
	world_run(world, 1);
	world_set_tap(world, NULL, NULL);
	assert_true(r.count > 0);
	for (size_t i = 0; i < r.count; i++) {
		const struct world_datagram changed = hello_changed(world, &r.datagrams[i], 18); /* a later boot */
		struct node *node = world_node(world, changed.to);

		node_read_counters(node, &before);
		world_deliver(world, &changed);
		node_read_counters(node, &after);
		signatures += after.rejects[REJECT_SIGNATURE] > before.rejects[REJECT_SIGNATURE];
		world_deliver(world, &r.datagrams[i]);
		node_read_counters(node, &after);
		replays += after.rejects[REJECT_REPLAY] > before.rejects[REJECT_REPLAY];
	}
	assert_true(signatures >= 3); /* a GREET with a cookie for each pair of nodes */
	assert_true(replays >= 3);
	world_run(world, 3);
	for (unsigned int n = 0; n < 3; n++)
		assert_int_equal(members_up(world, n), 2);
	world_free(world);
}

/* The first datagram that node n sent. */
static struct world_datagram first_of(const struct record *r, unsigned int n)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->datagrams[i].from.address.bytes[15] == n + 1)
			return r->datagrams[i];
	}
	fail_msg("node %u sent nothing", n);
	abort();
}

/* What node 0 sent to node 1, as a build of another version would have sealed it. */
static struct world_datagram of_version(const struct record *r, uint8_t version)
{
	struct world_datagram datagram = first_of(r, 0);

	assert_int_equal(datagram.to, 1);
	datagram.bytes[2] = version;
	return datagram;
}

/* How often node n was told that `name` speaks `version`. */
static unsigned int told_of(struct world *world, unsigned int n, const char *name, unsigned int version)
{
	struct node_event event;
	unsigned int times = 0;

	while (node_next_event(world_node(world, n), &event))
		times += event.kind == EVENT_MEMBER_VERSION && event.version == version &&
			 strcmp(event.member, name) == 0;
	return times;
}

static unsigned int versions_seen(struct world *world, unsigned int n, struct version_view *ret_last)
{
	unsigned int seen = 0;
	uint32_t cursor = 0;

	while (node_next_version(world_node(world, n), &cursor, ret_last))
		seen++;
	return seen;
}

static void a_member_of_another_version_is_named_once_a_slot(void **state)
{
	static const uint8_t versions[] = { 0, PROTOCOL_VERSION + 1, 255 };
	struct world_options options = options_of(2);
	struct world *world = world_make(&options);
	static struct record r;
	struct node_counters counters;
	struct version_view view;
	struct member_view member;
	uint32_t cursor = 1; /* behind node 1 itself */

	(void)state;
	r.count = 0;
	world_set_tap(world, record, &r);
	world_run(world, 1);
	world_set_tap(world, NULL, NULL);
	assert_true(node_next_member(world_node(world, 1), world_now(world), &cursor, &member));
	for (unsigned int i = 0; i < sizeof(versions); i++) {
		struct world_datagram datagram = of_version(&r, versions[i]);

		world_run(world, 10); /* another slot, and what was said is forgotten */
		assert_int_equal(versions_seen(world, 1, &view), 0);
		for (unsigned int times = 0; times < 3; times++)
			world_deliver(world, &datagram);
		assert_int_equal(told_of(world, 1, member.name, versions[i]), 1);
		assert_int_equal(versions_seen(world, 1, &view), 1);
		assert_string_equal(view.member, member.name);
		assert_int_equal(view.version, versions[i]);
		assert_true(view.configured);
		node_read_counters(world_node(world, 1), &counters);
		assert_int_equal(counters.rejects[REJECT_OTHER_VERSION], 3 * (i + 1));
	}
	assert_int_equal(members_up(world, 1), 1); /* nothing else followed */
	world_free(world);
}

/* An id that is no member's, from a configured address and from another; and this node's own id. */
static void who_is_no_member_is_known_by_its_address(void **state)
{
	struct world_options options = options_of(2);
	struct world *world = world_make(&options);
	static struct record r;
	struct world_datagram datagram, own;
	struct version_view view;

	(void)state;
	r.count = 0;
	world_set_tap(world, record, &r);
	world_run(world, 1);
	world_set_tap(world, NULL, NULL);
	datagram = of_version(&r, PROTOCOL_VERSION + 1);
	datagram.bytes[4] ^= 1;
	world_deliver(world, &datagram);
	assert_int_equal(versions_seen(world, 1, &view), 1);
	assert_string_equal(view.member, "");
	assert_true(view.configured);
	world_run(world, 10);
	datagram.from.port++;
	for (unsigned int i = 0; i < 100; i++) {
		datagram.bytes[5]++;
		world_deliver(world, &datagram);
	}
	assert_int_equal(versions_seen(world, 1, &view), 1); /* one place for all of them */
	assert_false(view.configured);
	assert_int_equal(view.from.port, datagram.from.port);
	assert_int_equal(events_of(world, 1, EVENT_MEMBER_VERSION), 0);
	world_run(world, 10);
	own = first_of(&r, 1);
	memcpy(datagram.bytes + 4, own.bytes + 4, 8);
	world_deliver(world, &datagram);
	assert_int_equal(versions_seen(world, 1, &view), 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_datagrams_change_nothing_and_show),
		cmocka_unit_test(replayed_datagrams_change_nothing_and_show),
		cmocka_unit_test(a_datagram_for_another_receiver_does_not_open),
		cmocka_unit_test(a_greeting_in_anothers_name_changes_nothing),
		cmocka_unit_test(a_member_of_another_version_is_named_once_a_slot),
		cmocka_unit_test(who_is_no_member_is_known_by_its_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
