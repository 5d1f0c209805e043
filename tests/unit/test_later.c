/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A host that lost its table, its disk and the time is told by members which incarnation it had come to; nobody
 * else's tale makes it begin anew.
 */
#include <sodium.h>

#include "mesh_world.h"
#include "node_internal.h"
#include "vector.h"

static struct world *world_of(unsigned int nodes, double loss)
{
	const struct world_options options = {
		.nodes = nodes, .seed = 3, .delay_ms = 10, .loss = loss, .thresholds = world_thresholds,
		.publish = PUBLISH_ALL,
	};

	return world_make(&options);
}

static const struct member *known(struct world *world, unsigned int n, unsigned int of)
{
	return &world_node(world, n)->member->table[member_find(world_node(world, n), world_node(world, of)->id)];
}

static bool is_near(struct world *world, unsigned int n, unsigned int of)
{
	return member_is_near(world_node(world, n), member_find(world_node(world, n), world_node(world, of)->id),
			      world_now(world));
}

static unsigned int clones_at(struct world *world, unsigned int n)
{
	struct node_event event;
	unsigned int count = 0;

	while (node_next_event(world_node(world, n), &event))
		count += event.kind == EVENT_MEMBER_CLONED;
	return count;
}

static void comes_back(unsigned int nodes, unsigned int lost, double loss, double within_s)
{
	const struct key pair = world_key(1, 1);
	struct world *world = world_of(nodes, loss);

	world_run(world, 20);
	for (unsigned int n = 0; n < nodes; n++)
		clones_at(world, n);
	world_lose(world, lost, 3);
	world_run(world, within_s);
	for (unsigned int n = 0; n < nodes; n++) {
		if (n == lost)
			continue;
		assert_int_equal(known(world, n, lost)->incarnation, 1000 + lost + 1);
		assert_true(nodes > DIRECT_MEMBERS_MAX || (is_near(world, n, lost) && is_near(world, lost, n)));
		assert_int_equal(clones_at(world, n), 0);
	}
	assert_int_equal(world_told(world, lost), 1);
	world_packet(world, lost, &pair);
	world_run(world, 5);
	for (unsigned int n = 0; n < nodes; n++) {
		struct key_view view;

		assert_true(node_find_key(world_node(world, n), world_now(world), &pair, &view));
		assert_int_equal(view.count, 1);
	}
	assert_int_equal(world_told(world, lost), 1);
	world_free(world);
}

static void who_lost_everything_comes_back_in_seconds(void **state)
{
	(void)state;
	comes_back(3, 2, 0, 5);
	comes_back(3, 2, 0.3, 15);
	comes_back(3, 0, 0.1, 15); /* it has no address to greet but those of who greets it */
	comes_back(12, 11, 0.1, 60);
}

/*
 * A copy of the same start a second time, and then it dies: the first takes its place, once, and tells of the other
 * when that comes back.
 */
static void clones_do_not_overtake_each_other(void **state)
{
	struct world *world = world_of(4, 0);
	unsigned int told;

	(void)state;
	world_run(world, 5);
	world_clone(world, 3, 2);
	world_run(world, 130);
	assert_int_equal(world_told(world, 2) + world_told(world, 3), 0);
	assert_int_equal(clones_at(world, 0) + clones_at(world, 1) > 0, true);
	/* Each hears and is heard by one other alone, which is as bad as it gets. */
	world_cut(world, 2, 1, true);
	world_cut(world, 3, 0, true);
	world_run(world, 30);
	told = world_told(world, 2) + world_told(world, 3);
	assert_in_range(told, 0, 2);
	world_run(world, 300);
	assert_int_equal(world_told(world, 2) + world_told(world, 3), told);
	world_free(world);
}

/* What node 2 is told, by one who sees every datagram and has the mesh secret: `change` may do with it as it likes. */
struct announcer {
	struct world *world;
	unsigned int lessons;
	void (*change)(struct world *world, uint8_t record[MEMBER_RECORD_BYTES]);
};

static bool tamper(void *user, struct world_datagram *datagram)
{
	struct announcer *announcer = user;
	const struct node *node = world_node(announcer->world, 0);
	struct seal_context context = { .sender = 0 };
	struct datagram_header header;
	uint8_t plain[HELLO_BYTES];
	struct world_datagram copy = *datagram;
	size_t size;

	if (datagram->to != 2 || datagram->size != HELLO_BYTES)
		return true;
	memcpy(context.mesh_id, world_mesh(announcer->world)->id, MESH_ID_BYTES);
	if (seal_header(copy.bytes, copy.size, &header) != REJECT_NONE ||
	    seal_open(copy.bytes, copy.size, &context, node->member->secrets.items[0].hello_key, &size) !=
		    REJECT_NONE ||
	    copy.bytes[SEAL_HEADER_BYTES] != 4)
		return true;
	announcer->lessons++;
	memcpy(plain, copy.bytes + SEAL_HEADER_BYTES, size);
	announcer->change(announcer->world, plain + 1 + 8 + 8 + 8 + COOKIE_BYTES + TOKEN_BYTES + 2);
	seal_close(&header, &context, node->member->secrets.items[0].hello_key, plain, size, datagram->bytes);
	return true;
}

static void forge_incarnation(struct world *world, uint8_t record[MEMBER_RECORD_BYTES])
{
	(void)world;
	put_le(record, 1ULL << 40, 8);
}

static void forge_signature(struct world *world, uint8_t record[MEMBER_RECORD_BYTES])
{
	(void)world;
	record[MEMBER_RECORD_BYTES - 1] ^= 1;
}

static void give_anothers(struct world *world, uint8_t record[MEMBER_RECORD_BYTES])
{
	memcpy(record, world_node(world, 1)->member->table[0].record_signed, MEMBER_RECORD_BYTES);
}

static void a_false_record_tells_nothing(void **state)
{
	void (*const changes[])(struct world * world, uint8_t record[MEMBER_RECORD_BYTES]) = { forge_incarnation,
											       forge_signature,
											       give_anothers };

	(void)state;
	for (unsigned int i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct announcer announcer = { world_of(3, 0), 0, changes[i] };

		world_set_tap(announcer.world, tamper, &announcer);
		world_run(announcer.world, 5);
		world_lose(announcer.world, 2, 3);
		world_run(announcer.world, 10);
		assert_true(announcer.lessons > 0);
		assert_int_equal(world_told(announcer.world, 2), 0);
		assert_int_equal(world_node(announcer.world, 2)->config.incarnation, 3);
		world_free(announcer.world);
	}
}

/* An older record, the very one, and one of the highest incarnation there is, which none could follow. */
static void a_record_that_is_no_later_tells_nothing(void **state)
{
	struct world *world = world_of(2, 0);
	struct node *node = world_node(world, 1);
	uint8_t own[MEMBER_RECORD_BYTES], highest[MEMBER_RECORD_BYTES];

	(void)state;
	world_run(world, 3);
	memcpy(own, node->member->table[0].record_signed, sizeof(own));
	assert_int_equal(record_receive_later(node, world_now(world), own), REJECT_NONE);
	world_restart(world, 1);
	memcpy(highest, own, sizeof(highest));
	put_le(highest, UINT64_MAX, 8);
	assert_int_equal(record_receive_later(node, world_now(world), own), REJECT_NONE);
	assert_int_equal(record_receive_later(node, world_now(world), highest), REJECT_NONE);
	assert_int_equal(node_later_incarnation(node), 0);
	/* A start that nobody has heard yet believes it; one that was heard is patient. */
	world_lose(world, 1, 3);
	assert_int_equal(record_receive_later(node, world_now(world), own), REJECT_NONE);
	assert_int_equal(node_later_incarnation(node), 1001);
	world_lose(world, 1, 3);
	node->member->table[1] = (struct member){ .used = true, .heard_at = { 1 } };
	node->member->high = 2;
	assert_int_equal(record_receive_later(node, world_now(world), own), REJECT_NONE);
	assert_int_equal(node_later_incarnation(node), 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_lost_everything_comes_back_in_seconds),
		cmocka_unit_test(clones_do_not_overtake_each_other),
		cmocka_unit_test(a_false_record_tells_nothing),
		cmocka_unit_test(a_record_that_is_no_later_tells_nothing),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
