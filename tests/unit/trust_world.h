/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For tests of documents among nodes: makes and signs them, brings them to a node of a world, and asks what came of
 * it.
 */
#ifndef TESTS_TRUST_WORLD_H
#define TESTS_TRUST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "mesh_world.h"
#include "world_asks.h"
#include "node_internal.h"
#include "policy_wire.h"

struct sealed_document {
	size_t size;
	uint8_t bytes[DOCUMENT_BYTES_MAX];
};

static inline struct world *world_of(unsigned int nodes)
{
	const struct world_options options = {
		.nodes = nodes, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds,
		.publish = PUBLISH_ALL,
	};

	return world_make(&options);
}

static inline void issue(const struct world *world, enum document_kind kind, uint64_t serial, const uint8_t *content,
			 size_t size, struct sealed_document *ret)
{
	const struct document document = { kind, serial, content, size };

	assert_int_equal(document_issue(&document, world_mesh(world), world_authority(world), ret->bytes, &ret->size),
			 0);
}

/* `rules` client overrides of one address each: a document of any length. */
static inline void policy_from(const struct world *world, uint64_t serial, uint32_t rules, uint64_t slot,
			       struct sealed_document *ret)
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
static inline void policy_of(const struct world *world, uint64_t serial, uint32_t rules, struct sealed_document *ret)
{
	policy_from(world, serial, rules, 7, ret);
}

static inline int by_key(const void *a, const void *b)
{
	return memcmp(a, b, PUBLIC_KEY_BYTES);
}

static inline void revocation_of(const struct world *world, uint64_t serial, const unsigned int *nodes, uint32_t count,
				 enum revoked_reason reason, struct sealed_document *ret)
{
	static struct revocation revocation;
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	size_t size;

	revocation.count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct certificate *certificate = world_certificate(world, nodes[i]);

		revocation.keys[i] = (struct revoked_key){ .id = certificate->id, .reason = reason };
		memcpy(revocation.keys[i].public_key,
		       reason == REVOKED_LOST ? certificate->public_key : certificate->previous_key, PUBLIC_KEY_BYTES);
	}
	qsort(revocation.keys, count, sizeof(*revocation.keys), by_key);
	assert_int_equal(revocation_write(&revocation, content, sizeof(content), &size), 0);
	issue(world, DOCUMENT_REVOCATION, serial, content, size, ret);
}

/* The new secret is all `fill`, the one before all `fill` - 1, down to the first, 42; in force after `slots`. */
static inline void rotation_of(const struct world *world, uint64_t serial, const unsigned int *nodes, uint32_t count,
			       uint8_t fill, uint64_t slots, struct sealed_document *ret)
{
	struct rotation rotation = { .effective_slot = mesh_slot_at(world_mesh(world), world_now(world).mesh) + slots,
				     .grace_slots = 2 };
	struct rotation_member members[WORLD_NODES_MAX];
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES], seed[32] = { 0x77, fill }, ephemeral[SECRET_KEY_BYTES],
							 public_key[PUBLIC_KEY_BYTES];
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
	assert_int_equal(rotation_write(&rotation, world_mesh(world), secrets, members, count, ephemeral, content,
					sizeof(content), &size),
			 0);
	issue(world, DOCUMENT_ROTATION, serial, content, size, ret);
}

static inline enum reject command(struct world *world, unsigned int n, const struct sealed_document *document)
{
	return node_command(world_node(world, n), world_now(world), document->bytes, document->size);
}

static inline uint64_t serial_at(struct world *world, unsigned int n, enum document_kind kind)
{
	struct document_view view;

	return node_document(world_node(world, n), kind, &view) ? view.serial : 0;
}

static inline bool all_have(struct world *world, unsigned int nodes, enum document_kind kind, uint64_t serial)
{
	for (unsigned int n = 0; n < nodes; n++) {
		if (serial_at(world, n, kind) != serial)
			return false;
	}
	return true;
}

static inline uint64_t rejects(struct world *world, unsigned int n, enum reject reason)
{
	struct node_counters counters;

	node_read_counters(world_node(world, n), &counters);
	return counters.rejects[reason];
}

#endif
