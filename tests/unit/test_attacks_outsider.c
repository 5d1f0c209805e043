// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Somebody without a node key, who hears and repeats datagrams, with the mesh secret or without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "mesh_world.h"
#include "node_internal.h"

/* The last GREET of node 1 to node 0 with a cookie. */
struct recorder {
	struct world *world;
	struct world_datagram datagram, opened;
	bool has;
};

static struct recorder recorder;

static enum reject open_hello(struct recorder *r, size_t *ret_size)
{
	const struct node *node = world_node(r->world, 0);
	struct seal_context context = { .sender = 0 };

	memcpy(context.mesh_id, world_mesh(r->world)->id, MESH_ID_BYTES);
	return seal_open(r->opened.bytes, r->opened.size, &context, node->member->secrets.items[0].hello_key, ret_size);
}

static bool record(void *user, struct world_datagram *datagram)
{
	struct recorder *r = user;
	size_t size;

	if (r->has || datagram->to != 0 || datagram->size != HELLO_BYTES)
		return true;
	r->opened = r->datagram = *datagram;
	r->has = open_hello(r, &size) == REJECT_NONE && r->opened.bytes[SEAL_HEADER_BYTES] == 1 &&
		 r->opened.bytes[SEAL_HEADER_BYTES + 1] != 0;
	return true;
}

static struct world *world_recorded(void)
{
	const struct world_options options = { .nodes = 2, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds };

	recorder = (struct recorder){ .world = world_make(&options) };
	world_set_tap(recorder.world, record, &recorder);
	world_run(recorder.world, 3);
	assert_true(recorder.has);
	return recorder.world;
}

/* With the mesh secret: the same greeting under a counter that its sender never reaches. */
static void a_greeting_sealed_anew_is_not_taken(void **state)
{
	struct world *world = world_recorded();
	struct node *node = world_node(world, 0);
	const uint16_t member = member_find(node, world_node(world, 1)->id);
	const uint64_t counter = node->member->table[member].hello_counter;
	struct datagram_header header = { .type = DATAGRAM_HELLO, .sender = world_node(world, 1)->id };
	struct seal_context context = { .sender = 0 };
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	static const uint8_t zero[16];
	size_t size;

	(void)state;
	memcpy(context.mesh_id, world_mesh(world)->id, MESH_ID_BYTES);
	nonce_make(1ULL << 60, zero, header.nonce);
	size = seal_close(&header, &context, node->member->secrets.items[0].hello_key,
			  recorder.opened.bytes + SEAL_HEADER_BYTES, HELLO_BYTES - SEAL_BYTES, bytes);
	assert_int_equal(node_receive(node, world_now(world), (struct duration){ 0 }, &recorder.datagram.from, bytes,
				      size),
			 REJECT_SIGNATURE);
	assert_int_equal(node->member->table[member].hello_counter, counter);
	world_free(world);
}

/* Without any secret: a greeting of before a restart accuses nobody, and is not looked at again and again. */
static void a_greeting_of_an_earlier_start_repeated_accuses_nobody(void **state)
{
	struct world *world = world_recorded();
	struct node *node = world_node(world, 0);
	struct node_event event;
	struct world_datagram copy;
	unsigned int clones = 0;

	(void)state;
	world_restart(world, 1);
	world_run(world, 12);
	for (unsigned int i = 0; i < 2 * CERTIFICATE_CHECKS_PER_S; i++) {
		copy = recorder.datagram;
		node_receive(node, world_now(world), (struct duration){ 0 }, &copy.from, copy.bytes, copy.size);
	}
	while (node_next_event(node, &event))
		clones += event.kind == EVENT_MEMBER_CLONED;
	assert_int_equal(clones, 0);
	assert_true(node->member->handshake.checks_left > 0 ||
		    node->member->handshake.checks_second != world_now(world).mono.ns / NS_PER_S);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_greeting_sealed_anew_is_not_taken),
		cmocka_unit_test(a_greeting_of_an_earlier_start_repeated_accuses_nobody),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
