/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Documents among nodes: how they spread, and what a liar among them achieves. */
#include "trust_world.h"

static void a_document_reaches_everybody_within_a_tick(void **state)
{
	static struct sealed_document policy;
	struct world *world = world_of(5);

	(void)state;
	world_run(world, 2);
	policy_of(world, 1, 3, &policy);
	assert_int_equal(command(world, 3, &policy), REJECT_NONE);
	world_run(world, 0.2);
	assert_true(all_have(world, 5, DOCUMENT_POLICY, 1));
	world_free(world);
}

static void the_longest_comes_through_loss(void **state)
{
	static struct sealed_document policy;
	struct world_options options = {
		.nodes = 4, .seed = 3, .delay_ms = 20, .loss = 0.3, .thresholds = world_thresholds
	};
	struct world *world = world_make(&options);

	(void)state;
	world_run(world, 4);
	policy_of(world, 9, POLICY_RULES_MAX, &policy);
	assert_true(policy.size > 10 * DOCUMENT_CHUNK_BYTES);
	assert_int_equal(command(world, 0, &policy), REJECT_NONE);
	world_run(world, 8);
	assert_true(all_have(world, 4, DOCUMENT_POLICY, 9));
	world_free(world);
}

static void who_was_away_gets_the_newest_alone(void **state)
{
	static struct sealed_document policy;
	struct world *world = world_of(3);

	(void)state;
	world_run(world, 2);
	world_cut(world, 2, -1, true);
	for (uint64_t serial = 1; serial <= 3; serial++) {
		policy_of(world, serial, 2, &policy);
		assert_int_equal(command(world, 0, &policy), REJECT_NONE);
		world_run(world, 1);
	}
	assert_int_equal(serial_at(world, 2, DOCUMENT_POLICY), 0);
	world_cut(world, 2, -1, false);
	world_run(world, 3);
	assert_int_equal(serial_at(world, 2, DOCUMENT_POLICY), 3);
	assert_int_equal(events_of(world, 2, EVENT_DOCUMENT), 1);
	world_free(world);
}

static void only_the_newest_of_a_serial_is_taken(void **state)
{
	static struct sealed_document first, second, other;
	struct world *world = world_of(2);

	(void)state;
	policy_of(world, 2, 1, &second);
	policy_of(world, 1, 1, &first);
	policy_of(world, 2, 4, &other);
	assert_int_equal(command(world, 0, &second), REJECT_NONE);
	assert_int_equal(command(world, 0, &second), REJECT_DOCUMENT_OLD);
	assert_int_equal(command(world, 0, &first), REJECT_DOCUMENT_OLD);
	assert_int_equal(command(world, 0, &other), REJECT_DOCUMENT_CONFLICT);
	other.bytes[other.size - 1] ^= 1;
	assert_int_equal(command(world, 0, &other), REJECT_AUTHORITY);
	assert_int_equal(rejects(world, 0, REJECT_DOCUMENT_OLD), 2);
	assert_int_equal(rejects(world, 0, REJECT_DOCUMENT_CONFLICT), 1);
	assert_int_equal(rejects(world, 0, REJECT_AUTHORITY), 1);
	world_free(world);
}

static void a_restarted_node_has_what_it_had(void **state)
{
	static struct sealed_document policy;
	struct world *world = world_of(2);

	(void)state;
	world_run(world, 2);
	policy_of(world, 5, 1, &policy);
	assert_int_equal(command(world, 0, &policy), REJECT_NONE);
	world_run(world, 1);
	world_cut(world, 1, -1, true);
	world_restart(world, 1);
	assert_int_equal(serial_at(world, 1, DOCUMENT_POLICY), 5);
	world_free(world);
}

static bool all_go_by(struct world *world, unsigned int nodes, uint64_t version)
{
	for (unsigned int n = 0; n < nodes; n++) {
		if (node_policy(world_node(world, n))->version != version)
			return false;
	}
	return true;
}

/*
 * One tick before the slot begins all go by the old policy, with its first tick all by the new; so does one that is
 * restarted then.
 */
static void a_policy_comes_into_force_everywhere_at_once(void **state)
{
	static struct sealed_document first, second;
	struct world *world = world_of(4);
	const struct mesh *mesh = world_mesh(world);
	uint64_t slot;
	double left_s;

	(void)state;
	world_run(world, 2);
	policy_of(world, 1, 2, &first);
	assert_int_equal(command(world, 1, &first), REJECT_NONE);
	world_run(world, 0.4);
	assert_true(all_go_by(world, 4, 1));
	slot = mesh_slot_at(mesh, world_now(world).mesh) + 2;
	policy_from(world, 2, 5, slot, &second);
	assert_int_equal(command(world, 2, &second), REJECT_NONE);
	world_run(world, 0.4);
	assert_true(all_have(world, 4, DOCUMENT_POLICY, 2));
	left_s = (double)duration_between(world_now(world).mesh, mesh_slot_start(mesh, slot)).ns / NS_PER_S;
	world_run(world, left_s - 0.1);
	assert_true(all_go_by(world, 4, 1));
	world_run(world, 0.3);
	assert_true(all_go_by(world, 4, 2));
	world_restart(world, 3);
	assert_true(all_go_by(world, 4, 2));
	world_free(world);
}

/* ---- a liar among them ---- */

/* What node 1 sends to node 2 in the parts of a document is rubbish; counted in *user. The seal is made anew. */
struct liar {
	struct world *world;
	unsigned int changed;
	bool announce; /* it announces serial 77 of a policy that there is not, */
	bool drip; /* of 67 parts, and sends one of these in place of each digest: a fetch that always goes on */
	uint16_t part;
};

static size_t drip(struct liar *liar, uint8_t *ret_plain)
{
	uint8_t *at = put_le(ret_plain, MESSAGE_CHUNK, 1);

	at = put_le(at, DOCUMENT_POLICY + 1, 1);
	at = put_le(at, 77, 8);
	at = put_le(at, 67 * DOCUMENT_CHUNK_BYTES, 4);
	at = put_le(at, liar->part++, 2);
	memset(at, 0x55, DOCUMENT_CHUNK_BYTES);
	return (size_t)(at + DOCUMENT_CHUNK_BYTES - ret_plain);
}

static bool rubbish(void *user, struct world_datagram *datagram)
{
	struct liar *liar = user;
	struct node *node = world_node(liar->world, datagram->to);
	struct datagram_header header;
	uint8_t copy[DATAGRAM_BYTES_MAX];
	uint16_t number;
	size_t plain;

	if (datagram->to != 2 || seal_header(datagram->bytes, datagram->size, &header) != REJECT_NONE ||
	    header.type != DATAGRAM_SEALED || header.sender != world_certificate(liar->world, 1)->id)
		return true;
	number = member_find(node, header.sender);
	if (number == MEMBER_NONE)
		return true;
	struct seal_context context = { .sender = header.sender,
					.receiver = node->id,
					.sender_incarnation = node->member->table[number].incarnation,
					.receiver_incarnation = node->config.incarnation,
					.sender_boot = node->member->table[number].boot,
					.receiver_boot = node->config.boot };

	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	memcpy(copy, datagram->bytes, datagram->size);
	if (seal_open(copy, datagram->size, &context, secrets_key(node, number, 0), &plain) != REJECT_NONE)
		return true;
	if (copy[SEAL_HEADER_BYTES] == MESSAGE_CHUNK)
		copy[SEAL_HEADER_BYTES + plain - 1] ^= 0x55;
	else if (liar->announce && copy[SEAL_HEADER_BYTES] == MESSAGE_NEWS)
		put_le(put_le(copy + SEAL_HEADER_BYTES + 1 + DOCUMENT_POLICY * 44, 77, 8),
		       liar->drip ? 67 * DOCUMENT_CHUNK_BYTES : 5000, 4);
	else if (liar->drip && liar->changed > 0 && liar->part < 60 && copy[SEAL_HEADER_BYTES] == MESSAGE_DIGEST)
		plain = drip(liar, copy + SEAL_HEADER_BYTES);
	else
		return true;
	memmove(copy, copy + SEAL_HEADER_BYTES, plain);
	datagram->size = seal_close(&header, &context, secrets_key(node, number, 0), copy, plain, datagram->bytes);
	liar->changed++;
	return true;
}

static void one_member_feeding_rubbish_holds_up_nobody(void **state)
{
	static struct sealed_document policy;
	struct world *world = world_of(3);
	struct liar liar = { .world = world };

	(void)state;
	world_run(world, 2);
	world_cut(world, 0, 2, true); /* at first node 2 hears of it from node 1 alone */
	world_set_tap(world, rubbish, &liar);
	policy_of(world, 1, 40, &policy);
	assert_int_equal(command(world, 0, &policy), REJECT_NONE);
	world_run(world, 1);
	assert_true(liar.changed > 0);
	assert_int_equal(serial_at(world, 1, DOCUMENT_POLICY), 1);
	assert_int_equal(serial_at(world, 2, DOCUMENT_POLICY), 0);
	assert_int_equal(events_of(world, 2, EVENT_DOCUMENT_FALSE), 1);
	world_cut(world, 0, 2, false);
	world_run(world, 5);
	assert_int_equal(serial_at(world, 2, DOCUMENT_POLICY), 1);
	world_free(world);
}

static void a_document_that_there_is_not_holds_up_nobody(void **state)
{
	static struct sealed_document policy;
	struct world *world = world_of(3);
	struct liar liar = { .world = world, .announce = true };

	(void)state;
	world_set_tap(world, rubbish, &liar);
	world_run(world, 2);
	assert_true(liar.changed > 0);
	policy_of(world, 1, 40, &policy);
	assert_int_equal(command(world, 0, &policy), REJECT_NONE);
	world_run(world, 4);
	assert_int_equal(serial_at(world, 2, DOCUMENT_POLICY), 1);
	world_free(world);
}

/*
 * It sends part after part, slowly, so that the fetch is never given up for silence: the others are asked all the
 * same.
 */
static void a_document_that_drips_in_holds_up_nobody(void **state)
{
	static struct sealed_document policy;
	struct world *world = world_of(3);
	struct liar liar = { .world = world, .announce = true, .drip = true };
	const struct coming_document *coming;

	(void)state;
	world_run(world, 1);
	world_set_tap(world, rubbish, &liar);
	for (unsigned int tenth = 0; tenth < 60 && liar.part < 2; tenth++)
		world_run(world, 0.1);
	coming = world_node(world, 2)->trust->coming[DOCUMENT_POLICY];
	/* it has begun */
	assert_true((coming[0].active && coming[0].have[0]) || (coming[1].active && coming[1].have[0]));
	policy_of(world, 1, 40, &policy);
	assert_int_equal(command(world, 0, &policy), REJECT_NONE);
	world_run(world, 1);
	assert_int_equal(serial_at(world, 2, DOCUMENT_POLICY), 1);
	assert_true(liar.part < 60); /* it was still at it */
	world_free(world);
}

/* Nothing new for a second: left alone for ten, then for twice as long each time; a good one makes it good. */
static void who_brings_nothing_is_asked_less_and_less(void **state)
{
	static struct sealed_document policy;
	struct world *world = world_of(3);
	struct liar liar = { .world = world, .announce = true };
	const struct member_standing *t;

	(void)state;
	world_set_tap(world, rubbish, &liar);
	world_run(world, 3);
	t = &world_node(world, 2)
		     ->member->table[member_find(world_node(world, 2), world_certificate(world, 1)->id)]
		     .standing;
	for (unsigned int times = t->distrusts[DOCUMENT_POLICY] + 1; times <= 3; times++) {
		for (unsigned int second = 0; second < 100 && t->distrusts[DOCUMENT_POLICY] < times; second++)
			world_run(world, 1);
		const double left_s =
			(double)duration_between(world_now(world).mono, t->distrusted_until[DOCUMENT_POLICY]).ns /
			NS_PER_S;

		assert_int_equal(t->distrusts[DOCUMENT_POLICY], times);
		assert_true(left_s > 10 * (1 << (times - 1)) - 1.1 && left_s <= 10 * (1 << (times - 1)));
	}
	world_set_tap(world, NULL, NULL);
	world_cut(world, 0, 2, true); /* only it can bring this one */
	policy_of(world, 78, 4, &policy);
	assert_int_equal(command(world, 0, &policy), REJECT_NONE);
	world_run(world, 50);
	assert_int_equal(serial_at(world, 2, DOCUMENT_POLICY), 78);
	assert_int_equal(t->distrusts[DOCUMENT_POLICY], 0);
	world_free(world);
}

/* While one is asked, an announcement draws nothing: whom to ask beside it is drawn by lot, in the next tick. */
static void who_announces_often_is_not_asked_first(void **state)
{
	struct world *world = world_of(3);
	struct node *node = world_node(world, 0);
	struct coming_document *coming = node->trust->coming[DOCUMENT_POLICY];
	uint8_t news[DOCUMENT_KINDS * (8 + 4 + HASH_BYTES)] = { 0 };
	struct arrival arrival = { .member = 2, .bytes = news, .size = sizeof(news) };

	(void)state;
	world_run(world, 2);
	arrival.now = world_now(world);
	news[DOCUMENT_POLICY * (8 + 4 + HASH_BYTES)] = 7; /* its serial */
	news[DOCUMENT_POLICY * (8 + 4 + HASH_BYTES) + 8] = 200; /* its size */
	for (unsigned int asked = 0; asked < 2; asked++) {
		coming[0] = (struct coming_document){ .active = asked, .source = 1 }; /* begun long ago */
		coming[1].active = false;
		assert_int_equal(spread_receive_news(node, &arrival), REJECT_NONE);
		assert_int_equal(coming[0].active + coming[1].active, 1);
	}
	assert_true(coming[0].source == 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_reaches_everybody_within_a_tick),
		cmocka_unit_test(the_longest_comes_through_loss),
		cmocka_unit_test(who_was_away_gets_the_newest_alone),
		cmocka_unit_test(only_the_newest_of_a_serial_is_taken),
		cmocka_unit_test(a_restarted_node_has_what_it_had),
		cmocka_unit_test(a_policy_comes_into_force_everywhere_at_once),
		cmocka_unit_test(one_member_feeding_rubbish_holds_up_nobody),
		cmocka_unit_test(a_document_that_there_is_not_holds_up_nobody),
		cmocka_unit_test(a_document_that_drips_in_holds_up_nobody),
		cmocka_unit_test(who_brings_nothing_is_asked_less_and_less),
		cmocka_unit_test(who_announces_often_is_not_asked_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
