/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For tests of what a node publishes: one node without neighbours, keys by number, and its frames as they were kept,
 * cell by cell.
 */
#ifndef TESTS_PUBLISH_BED_H
#define TESTS_PUBLISH_BED_H

#include <sodium.h>

#include "node_internal.h"
#include "vector.h"

#define TICK_NS (200 * NS_PER_MS)

static inline struct now at(int64_t ns)
{
	return (struct now){ { ns }, { 1760000000LL * NS_PER_S + ns } };
}

static inline struct node *lone_node(uint32_t frames_max, uint16_t frames_per_tick, uint32_t cells_max)
{
	const struct mesh mesh = mesh_make();
	const struct keys authority = keys_authority(), a = keys_a();
	struct certificate certificate = { .name = "a", .serial = 1 };
	struct node_config config = {
		.limits = { .keys_max = cells_max, .cells_max = cells_max, .frames_max = frames_max, .members_max = 4 },
		.mesh = mesh,
		.thresholds = { .pair_rate = 100,
				.destination_rate = 1000,
				.idle_reset = { 10 * NS_PER_S },
				.pair_min_window = { NS_PER_S },
				.destination_min_window = { NS_PER_S } },
		.incarnation = 5,
		.boot = 1,
		.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
		.frames_per_tick = frames_per_tick,
		.publish = PUBLISH_ALL,
		.gossip = true,
	};
	struct node *node;
	void *memory;

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

/* Keys are told apart by the last three bytes, in IPv6 of the first half, of the client or of the destination alone. */
static inline struct address address_numbered(bool ipv6, uint8_t net, uint32_t number)
{
	const uint8_t low[] = { (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };

	if (!ipv6)
		return address_of_ipv4((uint8_t[]){ net, low[0], low[1], low[2] });
	return (struct address){ { 0x20, 0x01, 0x0d, 0xb8, net, low[0], low[1], low[2] } };
}

static inline uint32_t key_number(const struct key *key)
{
	const struct address *address = key_kind(key) == KEY_DESTINATION ? &key->destination : &key->client;
	const uint8_t *low = address->bytes + (address_is_ipv4(address) ? 13 : 5);

	return (uint32_t)low[0] << 16 | (uint32_t)low[1] << 8 | low[2];
}

static inline struct key destination_numbered(bool ipv6, uint32_t number)
{
	const struct address address = address_numbered(ipv6, 11, number);

	return key_of_destination(&address);
}

static inline struct key pair_numbered(bool ipv6, uint32_t client, uint32_t destination)
{
	return (struct key){ .client = address_numbered(ipv6, 10, client),
			     .destination = address_numbered(ipv6, 11, destination) };
}

/* So many packets of the key, in the slot that holds `seen_ns`. */
static inline void observe_key(struct node *node, int64_t ns, int64_t seen_ns, struct key key, uint64_t packets)
{
	const struct instant seen = at(seen_ns).mesh;

	assert_true(node_observe(node, at(ns), &key, mesh_slot_at(&node->mesh, seen), seen, seen, packets));
}

static inline void turn(struct node *node, int64_t ns)
{
	struct change change;

	node_tick(node, at(ns));
	while (!instant_is_before(at(ns).mono, node_next_turn(node, at(ns))))
		node_turn(node, at(ns));
	while (node_next_change(node, at(ns), &change))
		;
}

/* The cells of what was published from sequence `next` on. */
struct published {
	const struct node *node;
	uint64_t next;
	uint32_t frames; /* read so far */
	bool open;
	struct frame_claim claim; /* of the frame of the last cell */
	struct frame_reader reader;
};

static inline bool published_next(struct published *published, struct cell *ret_cell)
{
	while (!published->open || !frame_next(&published->reader, ret_cell)) {
		const struct node *node = published->node;
		const struct stored *stored;

		if (published->next >= node->spread->publish.next_sequence)
			return published->open = false;
		stored = store_find(&node->spread->store, node->id, node->config.incarnation, published->next++);
		assert_non_null(stored);
		assert_int_equal(frame_split(stored->frame, stored->size, &published->claim), REJECT_NONE);
		frame_read(&published->reader, &published->node->mesh.widths, published->claim.body,
			   published->claim.body_bytes);
		published->open = true;
		published->frames++;
	}
	return true;
}

#endif
