/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Documents among nodes: how they spread, what a revocation and a rotation do to members, counts and secrets, and what a liar achieves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "mesh_world.h"
#include "node_internal.h"
#include "policy_wire.h"


struct sealed_document {
	size_t size;
	uint8_t bytes[DOCUMENT_BYTES_MAX];
};

static struct world *world_of(unsigned int nodes)
{
	const struct world_options options = { .nodes = nodes, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds };

	return world_make(&options);
}

static void issue(const struct world *world, enum document_kind kind, uint64_t serial, const uint8_t *content, size_t size,
		  struct sealed_document *ret)
{
	const struct document document = { kind, serial, content, size };

	assert_int_equal(document_issue(&document, world_mesh(world), world_authority(world), ret->bytes, &ret->size), 0);
}

/* `rules` client overrides of one address each: a document of any length. */
static void policy_from(const struct world *world, uint64_t serial, uint32_t rules, uint64_t slot, struct sealed_document *ret)
{
	static struct policy_document policy;
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	size_t size;

	policy = (struct policy_document){ .effective_slot = slot, .defaults = world_thresholds, .rules_count = rules };
	for (uint32_t i = 0; i < rules; i++)
		policy.rules[i] = (struct policy_rule){
			.prefix = { address_of_ipv4((uint8_t[]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i }), 128 },
			.kind = POLICY_OVERRIDE,
			.fields = POLICY_PAIR_RATE,
			.pair_rate = 5,
		};
	assert_int_equal(policy_wire_write(&policy, content, sizeof(content), &size), 0);
	issue(world, DOCUMENT_POLICY, serial, content, size, ret);
}

/* Of a slot long past: in force at once. */
static void policy_of(const struct world *world, uint64_t serial, uint32_t rules, struct sealed_document *ret)
{
	policy_from(world, serial, rules, 7, ret);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, PUBLIC_KEY_BYTES);
}

static void revocation_of(const struct world *world, uint64_t serial, const unsigned int *nodes, uint32_t count, enum revoked_reason reason,
			  struct sealed_document *ret)
{
	static struct revocation revocation;
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	size_t size;

	revocation.count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct certificate *certificate = world_certificate(world, nodes[i]);

		revocation.keys[i] = (struct revoked_key){ .id = certificate->id, .reason = reason };
		memcpy(revocation.keys[i].public_key, reason == REVOKED_LOST ? certificate->public_key : certificate->previous_key,
		       PUBLIC_KEY_BYTES);
	}
	qsort(revocation.keys, count, sizeof(*revocation.keys), by_key);
	assert_int_equal(revocation_write(&revocation, content, sizeof(content), &size), 0);
	issue(world, DOCUMENT_REVOCATION, serial, content, size, ret);
}

/* The new secret is all `fill`, the one before all `fill` - 1, down to the first, 42; in force after `slots`. */
static void rotation_of(const struct world *world, uint64_t serial, const unsigned int *nodes, uint32_t count, uint8_t fill, uint64_t slots,
			struct sealed_document *ret)
{
	struct rotation rotation = { .effective_slot = mesh_slot_at(world_mesh(world), world_now(world).mesh) + slots, .grace_slots = 2 };
	struct rotation_member members[WORLD_NODES_MAX];
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES], seed[32] = { 0x77, fill }, ephemeral[SECRET_KEY_BYTES], public_key[PUBLIC_KEY_BYTES];
	uint8_t content[8192];
	size_t size;

	for (rotation.secrets = 0; rotation.secrets < SECRETS_MAX && fill - rotation.secrets >= 42; rotation.secrets++)
		memset(secrets[rotation.secrets], (int)(fill - rotation.secrets), MESH_SECRET_BYTES);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = i;

		for (; place > 0 && members[place - 1].id > world_certificate(world, nodes[i])->id; place--)
			members[place] = members[place - 1];
		members[place].id = world_certificate(world, nodes[i])->id;
		memcpy(members[place].public_key, world_certificate(world, nodes[i])->public_key, PUBLIC_KEY_BYTES);
	}
	crypto_sign_seed_keypair(public_key, ephemeral, seed);
	assert_int_equal(rotation_write(&rotation, world_mesh(world), secrets, members, count, ephemeral, content, sizeof(content), &size), 0);
	issue(world, DOCUMENT_ROTATION, serial, content, size, ret);
}

static enum reject command(struct world *world, unsigned int n, const struct sealed_document *document)
{
	return node_command(world_node(world, n), world_now(world), document->bytes, document->size);
}

static uint64_t serial_at(struct world *world, unsigned int n, enum document_kind kind)
{
	struct document_view view;

	return node_document(world_node(world, n), kind, &view) ? view.serial : 0;
}

static bool all_have(struct world *world, unsigned int nodes, enum document_kind kind, uint64_t serial)
{
	for (unsigned int n = 0; n < nodes; n++) {
		if (serial_at(world, n, kind) != serial)
			return false;
	}
	return true;
}

/* Events of a kind so far; the others are thrown away. */
static unsigned int events_of(struct world *world, unsigned int n, enum node_event_kind kind)
{
	struct node_event event;
	unsigned int count = 0;

	while (node_next_event(world_node(world, n), &event))
		count += event.kind == kind;
	return count;
}

static unsigned int members_up(struct world *world, unsigned int n)
{
	struct member_view view;
	unsigned int up = 0;
	uint32_t cursor = 0;

	while (node_next_member(world_node(world, n), world_now(world), &cursor, &view))
		up += view.up && !view.self && !view.behind;
	return up;
}

static uint64_t packets_at(struct world *world, unsigned int n, const struct key *key)
{
	struct cell_view cell;
	uint64_t packets = 0;
	uint32_t cursor = 0;

	while (node_next_cell(world_node(world, n), key, &cursor, &cell))
		packets += cell.packets;
	return packets;
}

static bool ledgers_equal(struct world *world, unsigned int nodes)
{
	uint8_t first[HASH_BYTES], other[HASH_BYTES];

	node_digest(world_node(world, 0), first);
	for (unsigned int n = 1; n < nodes; n++) {
		node_digest(world_node(world, n), other);
		if (memcmp(first, other, HASH_BYTES) != 0)
			return false;
	}
	return true;
}

static unsigned int offer(struct world *world, unsigned int nodes, const struct key *pair, double rate, double seconds)
{
	unsigned int sent = 0;

	for (double t = 0; t < seconds; t += 1 / rate) {
		world_packet(world, sent++ % nodes, pair);
		world_run(world, 1 / rate);
	}
	return sent;
}

static uint64_t rejects(struct world *world, unsigned int n, enum reject reason)
{
	struct node_counters counters;

	node_read_counters(world_node(world, n), &counters);
	return counters.rejects[reason];
}

/* ---- spreading ---- */

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
	struct world_options options = { .nodes = 4, .seed = 3, .delay_ms = 20, .loss = 0.3, .thresholds = world_thresholds };
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

/* One tick before the slot begins all go by the old policy, with its first tick all by the new; so does one that is restarted then. */
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
	bool announce; /* it announces serial 77 of a policy that there is not */
};

static bool rubbish(void *user, struct world_datagram *datagram)
{
	struct liar *liar = user;
	struct node *node = world_node(liar->world, datagram->to);
	struct datagram_header header;
	uint8_t copy[DATAGRAM_BYTES_MAX];
	uint16_t number;
	size_t plain;

	if (datagram->to != 2 || seal_header(datagram->bytes, datagram->size, &header) != REJECT_NONE || header.type != DATAGRAM_SEALED ||
	    header.sender != world_certificate(liar->world, 1)->id)
		return true;
	number = member_find(node, header.sender);
	if (number == MEMBER_NONE)
		return true;
	struct seal_context context = { .sender = header.sender,
					.receiver = node->id,
					.sender_incarnation = node->members[number].incarnation,
					.receiver_incarnation = node->config.incarnation,
					.sender_boot = node->members[number].boot,
					.receiver_boot = node->config.boot };

	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	memcpy(copy, datagram->bytes, datagram->size);
	if (seal_open(copy, datagram->size, &context, trust_key(node, number, 0), &plain) != REJECT_NONE)
		return true;
	if (copy[SEAL_HEADER_BYTES] == MESSAGE_CHUNK)
		copy[SEAL_HEADER_BYTES + plain - 1] ^= 0x55;
	else if (liar->announce && copy[SEAL_HEADER_BYTES] == MESSAGE_NEWS)
		put_le(put_le(copy + SEAL_HEADER_BYTES + 1 + DOCUMENT_POLICY * 44, 77, 8), 5000, 4);
	else
		return true;
	memmove(copy, copy + SEAL_HEADER_BYTES, plain);
	seal_close(&header, &context, trust_key(node, number, 0), copy, plain, datagram->bytes);
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

/* ---- revocation ---- */

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

	for (uint32_t i = 0; i < relay->store.frames_max; i++) {
		const struct stored *frame = &relay->store.frames[i];

		if (frame->sequence == 0 || frame->origin != world_certificate(world, 2)->id)
			continue;
		assert_int_equal(receive_frame(node, world_now(world), member_find(node, relay->id), frame->frame, frame->size), REJECT_REVOKED);
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

/* ---- rotation ---- */

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
			assert_int_equal(world_node(world, n)->members[m].standing.spoken, 0);
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
	assert_int_equal(trust_check(world_node(world, 0), &old), REJECT_SUPERSEDED);
	/* Also where the later certificate was never seen, once it is listed. */
	world_cut(world, 1, -1, true);
	revocation_of(world, 1, one, 1, REVOKED_SUPERSEDED, &revocation);
	assert_int_equal(command(world, 0, &revocation), REJECT_NONE);
	world_run(world, 0.1);
	world_restart(world, 0);
	assert_int_equal(trust_check(world_node(world, 0), &old), REJECT_SUPERSEDED);
	assert_int_equal(trust_check(world_node(world, 0), world_certificate(world, 1)), REJECT_NONE);
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
		cmocka_unit_test(a_document_reaches_everybody_within_a_tick),
		cmocka_unit_test(the_longest_comes_through_loss),
		cmocka_unit_test(who_was_away_gets_the_newest_alone),
		cmocka_unit_test(only_the_newest_of_a_serial_is_taken),
		cmocka_unit_test(a_restarted_node_has_what_it_had),
		cmocka_unit_test(a_policy_comes_into_force_everywhere_at_once),
		cmocka_unit_test(one_member_feeding_rubbish_holds_up_nobody),
		cmocka_unit_test(a_document_that_there_is_not_holds_up_nobody),
		cmocka_unit_test(a_revoked_member_is_out_everywhere_within_five_seconds),
		cmocka_unit_test(a_revoked_member_stays_out),
		cmocka_unit_test(frames_of_a_revoked_member_are_refused_from_anybody),
		cmocka_unit_test(a_revocation_is_never_taken_back),
		cmocka_unit_test(a_new_secret_loses_no_count_and_raises_no_alarm),
		cmocka_unit_test(who_slept_through_a_rotation_comes_back),
		cmocka_unit_test(without_a_box_the_old_secret_opens_nothing),
		cmocka_unit_test(replacing_every_node_key_loses_no_count_and_raises_no_alarm),
		cmocka_unit_test(a_key_that_was_replaced_greets_nobody),
		cmocka_unit_test(keys_and_secret_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
