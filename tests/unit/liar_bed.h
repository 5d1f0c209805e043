// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One node and a member that lies to it, sealed and signed as a member would: for test_faults_member.c and
 * test_attacks_member.c.
 */
#ifndef TESTS_LIAR_BED_H
#define TESTS_LIAR_BED_H

#include "vector.h"

#include "node_internal.h"

#define LIAR_INCARNATION 7
#define START_NS (1760000000LL * NS_PER_S)

struct side {
	struct node_config config;
	struct certificate certificate;
	uint64_t id;
};

/* One node, and two members it has met: the liar, who speaks, and a third, in whose name it may try to. */
struct bed {
	struct side self, liar, third;
	struct node *node;
	void *memory;
	struct now now;
	uint64_t counter, number;
	struct duration waited; /* by what is said, before the node reads it */
};

static struct bed bed;

static inline struct side side_make(uint8_t n)
{
	const struct node_limits limits = { .keys_max = 64, .cells_max = 128, .frames_max = 64, .members_max = 4 };
	uint8_t seed[32] = { n };
	struct side side = { .config = { .limits = limits,
					 .mesh = mesh_make(),
					 .thresholds = { .pair_rate = 10,
							 .destination_rate = 20,
							 .idle_reset = { 10 * NS_PER_S },
							 .pair_min_window = { NS_PER_S },
							 .destination_min_window = { NS_PER_S } },
					 .incarnation = n,
					 .boot = 1,
					 .datagram_bytes = DATAGRAM_BYTES_DEFAULT,
					 .frames_per_tick = 8,
					 .gossip = true },
			     .certificate = { .serial = n } };

	crypto_sign_seed_keypair(side.certificate.public_key, side.config.secret_key, seed);
	side.certificate.id = member_id_of(side.certificate.public_key);
	side.certificate.name[0] = (char)('a' + n);
	assert_int_equal(certificate_issue(&side.certificate, &side.config.mesh, keys_authority().secret,
					   side.config.certificate, &side.config.certificate_bytes),
			 0);
	side.id = side.certificate.id;
	return side;
}

static inline int bed_make(void **state)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	uint16_t member;
	size_t bytes;

	(void)state;
	bed = (struct bed){ .self = side_make(1),
			    .liar = side_make(2),
			    .third = side_make(3),
			    .now = { .mono = { NS_PER_S }, .mesh = { START_NS } } };
	bytes = node_bytes(&bed.self.config.limits);
	bed.memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	memset(bed.memory, 0, bytes);
	assert_int_equal(node_init(bed.memory, bytes, &bed.self.config, bed.now, &bed.node), 0);
	assert_int_equal(member_meet(bed.node, bed.now, &bed.liar.certificate, LIAR_INCARNATION, 1, &from, &member),
			 REJECT_NONE);
	assert_int_equal(member_meet(bed.node, bed.now, &bed.third.certificate, 3, 1, &from, &member), REJECT_NONE);
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

/* ---- the liar's mouth ---- */

static inline enum reject say(const uint8_t *message, size_t size)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	const struct member *member = &bed.node->member->table[member_find(bed.node, bed.liar.id)];
	struct datagram_header header = { .type = DATAGRAM_SEALED, .sender = bed.liar.id };
	struct seal_context context = { .sender = bed.liar.id,
					.receiver = bed.self.id,
					.sender_incarnation = member->incarnation,
					.receiver_incarnation = 1,
					.sender_boot = member->boot,
					.receiver_boot = 1 };
	static const uint8_t zero[16];
	uint8_t bytes[2 * DATAGRAM_BYTES_MAX];
	size_t sealed;

	memcpy(context.mesh_id, bed.self.config.mesh.id, MESH_ID_BYTES);
	nonce_make(++bed.counter, zero, header.nonce);
	sealed = seal_close(&header, &context, secrets_key(bed.node, member_find(bed.node, bed.liar.id), 0), message,
			    size, bytes);
	return node_receive(bed.node, bed.now, bed.waited, &from, bytes, sealed);
}

/* What is said, and under whose name and number. */
struct speech {
	uint64_t origin, incarnation, sequence; /* 0: the next */
	enum frame_kind kind;
	const struct side *signer; /* NULL: the liar */
	const struct cell *cells;
	unsigned int count;
	uint64_t ticks_ahead; /* of the running one */
};

/* Proves and says a body of `size` bytes that stands in `message` behind the type. */
static inline enum reject say_body(uint8_t message[DATAGRAM_BYTES_MAX], size_t size, const struct frame_head *head,
				   const struct side *signer)
{
	struct frame_root root = { .origin = head->origin,
				   .incarnation = head->incarnation,
				   .tick = head->tick,
				   .kind = head->kind,
				   .tick_frames = 1,
				   .leaves = 1 };
	uint8_t leaf[1][HASH_BYTES];

	message[0] = MESSAGE_FRAME;
	frame_leaf(message + 1, size, leaf[0]);
	frame_sign(&root, leaf, &bed.self.config.mesh, signer->config.secret_key);
	return say(message, 1 + frame_prove(message + 1, size, &root, leaf, 0));
}

static inline enum reject say_frame(struct speech speech)
{
	static struct frame_writer writer;
	const uint64_t tick = mesh_tick_ended(&bed.self.config.mesh, bed.now.mesh) + speech.ticks_ahead;
	struct frame_head head = { .origin = speech.origin,
				   .incarnation = speech.incarnation,
				   .sequence = 1ULL << SEQUENCE_BOOT_SHIFT |
					       (speech.sequence ? speech.sequence : ++bed.number),
				   .tick = tick,
				   .kind = speech.kind };
	uint8_t message[DATAGRAM_BYTES_MAX];

	frame_begin(&writer, &head, 900);
	for (unsigned int i = 0; i < speech.count; i++)
		assert_true(frame_add(&writer, &speech.cells[i]));
	return say_body(message, frame_finish(&writer, message + 1), &head, speech.signer ? speech.signer : &bed.liar);
}

/* A frame of one group, whatever its bytes are. */
static inline enum reject say_group(const char *hex)
{
	static struct frame_writer writer;
	const struct frame_head head = { .origin = bed.liar.id,
					 .incarnation = LIAR_INCARNATION,
					 .sequence = 1ULL << SEQUENCE_BOOT_SHIFT | ++bed.number,
					 .tick = mesh_tick_ended(&bed.self.config.mesh, bed.now.mesh) };
	uint8_t message[DATAGRAM_BYTES_MAX];
	size_t size;

	frame_begin(&writer, &head, 900);
	size = frame_finish(&writer, message + 1);
	message[size] = 0x91; /* one group, where there was none */
	size += hex_read(hex, message + 1 + size, sizeof(message) - 1 - size);
	return say_body(message, size, &head, &bed.liar);
}

static inline enum reject tell(const struct cell *cells, unsigned int count)
{
	return say_frame((struct speech){
		.origin = bed.liar.id, .incarnation = LIAR_INCARNATION, .cells = cells, .count = count });
}

static inline struct key pair_of(uint8_t client)
{
	return (struct key){ address_of_ipv4((uint8_t[]){ 10, 0, 0, client }),
			     address_of_ipv4((uint8_t[]){ 198, 51, 100, 1 }) };
}

static inline struct cell cell_of(uint8_t client, int64_t slots_from_now, uint64_t packets)
{
	return (struct cell){ .key = pair_of(client),
			      .slot = (uint64_t)((int64_t)mesh_slot_at(&bed.self.config.mesh, bed.now.mesh) +
						 slots_from_now),
			      .first = 1,
			      .last = 2,
			      .packets = packets };
}

static inline uint64_t rejected(enum reject reason)
{
	struct node_counters counters;

	node_read_counters(bed.node, &counters);
	return counters.rejects[reason];
}

static inline uint64_t cells_held(void)
{
	struct node_counters counters;

	node_read_counters(bed.node, &counters);
	return counters.cells_held;
}

/* Packets that the ledger has of a pair, over all slots. */
static inline uint64_t packets_of(uint8_t client)
{
	const struct key key = pair_of(client);
	struct cell_view view;
	uint32_t cursor = 0;
	uint64_t sum = 0;

	while (node_next_cell(bed.node, &key, &cursor, &view))
		sum += view.packets;
	return sum;
}

static inline bool event_comes(enum node_event_kind kind)
{
	struct node_event event;
	bool came = false;

	while (node_next_event(bed.node, &event))
		came = came || event.kind == kind;
	return came;
}

static inline int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_free)

#endif
