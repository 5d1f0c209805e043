/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A node that hears one member, the announcer, whose certificate states a line rate of so many packets in a slot. */
#ifndef TESTS_LINE_BED_H
#define TESTS_LINE_BED_H

#include "vector.h"

#include "node_internal.h"

#define START_NS (1760000000LL * NS_PER_S)
#define LINE_RATE 50 /* of the announcer's: 200 packets in a slot of 4 s */
#define LINE_PACKETS 200

static struct {
	struct node_config config;
	struct certificate announcer;
	struct node *node;
	void *memory;
	struct now now;
	uint16_t member;
} bed;

static uint32_t bed_destination_rate; /* 0: no limit */

static inline void issue(struct certificate *certificate, uint8_t n, uint64_t line_rate, struct node_config *config)
{
	const uint8_t seed[32] = { n };

	*certificate = (struct certificate){ .serial = n, .name = { (char)('a' + n) }, .line_rate = line_rate };
	crypto_sign_seed_keypair(certificate->public_key, config->secret_key, seed);
	certificate->id = member_id_of(certificate->public_key);
	assert_int_equal(certificate_issue(certificate, &config->mesh, keys_authority().secret, config->certificate,
					   &config->certificate_bytes),
			 0);
}

static inline int bed_make(void **state)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	struct node_config other = { .mesh = mesh_make() };
	struct certificate self;
	size_t bytes;

	(void)state;
	bed.config = (struct node_config){
		.limits = { .keys_max = 64, .cells_max = 256, .frames_max = 64, .members_max = 4 },
		.mesh = mesh_make(),
		.thresholds = { .pair_rate = 100,
				.destination_rate = bed_destination_rate,
				.idle_reset = { 10 * NS_PER_S },
				.pair_min_window = { NS_PER_S },
				.destination_min_window = { NS_PER_S },
				.early = true },
		.incarnation = 1,
		.boot = 1,
		.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
		.frames_per_tick = 8,
		.gossip = true
	};
	bed.now = (struct now){ .mono = { NS_PER_S }, .mesh = { START_NS } };
	issue(&self, 1, 0, &bed.config);
	issue(&bed.announcer, 2, LINE_RATE, &other);
	bytes = node_bytes(&bed.config.limits);
	bed.memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	memset(bed.memory, 0, bytes);
	assert_int_equal(node_init(bed.memory, bytes, &bed.config, bed.now, &bed.node), 0);
	assert_int_equal(member_meet(bed.node, bed.now, &bed.announcer, 7, 1, &from, &bed.member), REJECT_NONE);
	node_tick(bed.node, bed.now);
	return 0;
}

static inline int bed_free(void **state)
{
	(void)state;
	node_close(bed.node);
	free(bed.memory);
	return 0;
}

static inline struct key key_of(uint8_t client)
{
	return (struct key){ .client = address_of_ipv4((uint8_t[]){ 198, 18, 0, client }),
			     .destination = address_of_ipv4((uint8_t[]){ 203, 0, 113, 9 }) };
}

/* The announcer, in this incarnation, has counted so much of a key in the running slot. */
static inline void tell(uint64_t incarnation, const struct key *key, uint64_t packets)
{
	const uint64_t tick = mesh_tick_ended(&bed.config.mesh, bed.now.mesh);
	const struct cell cell = {
		.key = *key, .slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh), .last = 1, .packets = packets
	};
	uint32_t origin;

	bed.node->member->table[bed.member].account.incarnation_slot = 0; /* else one new incarnation per slot */
	origin = origin_of(bed.node, bed.member, incarnation);

	assert_int_not_equal(origin, INDEX_NONE);
	bed.node->count->origins[origin].frames_received++; /* so that its place is its own */
	assert_int_equal(receive_cell(bed.node, origin, &cell, tick - 1, tick), REJECT_NONE);
}

static inline void next_slot(void)
{
	bed.now.mesh.ns += mesh_slot_length(&bed.config.mesh).ns;
	bed.now.mono.ns += mesh_slot_length(&bed.config.mesh).ns;
	node_tick(bed.node, bed.now);
}

static inline struct key_view view_of(uint8_t client)
{
	const struct key key = key_of(client);
	struct key_view view;

	assert_true(node_find_key(bed.node, bed.now, &key, &view));
	return view;
}

static inline struct key_view destination_view(void)
{
	const struct key key = key_of(0), destination = key_of_destination(&key.destination);
	struct key_view view;

	assert_true(node_find_key(bed.node, bed.now, &destination, &view));
	return view;
}

static inline unsigned int times_told_of(enum key_kind kind)
{
	struct node_event event;
	unsigned int times = 0;

	while (node_next_event(bed.node, &event))
		times += event.kind == EVENT_LINE_RATE && strcmp(event.member, bed.announcer.name) == 0 &&
			 event.line_rate == LINE_RATE && event.line_kind == kind;
	return times;
}

static inline unsigned int times_told(void)
{
	return times_told_of(KEY_PAIR);
}

static inline uint64_t cells_over_line(void)
{
	struct node_counters counters;

	node_read_counters(bed.node, &counters);
	return counters.cells_over_line;
}

static inline int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_free)

#endif
