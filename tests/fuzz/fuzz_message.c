// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A member that says anything: a sequence of messages, each sealed as the member would, some with a body it signed.
 * The node must take none of another origin's cells, exceed no bound, and go on working. Input: messages of { kind,
 * (length - 1) / 4, bytes }.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "node_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define START_NS (1760000000LL * NS_PER_S)

struct side {
	struct node_config config;
	struct certificate certificate;
};

static struct side fuzz_self, fuzz_other;
static struct mesh fuzz_mesh;
static void *fuzz_memory;

static void side_make(struct side *side, uint8_t n, const uint8_t authority[SECRET_KEY_BYTES])
{
	uint8_t seed[32] = { n };

	*side = (struct side){ .config = {
				       .limits = { .keys_max = 256,
						   .cells_max = 512,
						   .frames_max = 32,
						   .members_max = 4 },
				       .mesh = fuzz_mesh,
				       .thresholds = { .pair_rate = 10,
						       .destination_rate = 20,
						       .idle_reset = { 10 * NS_PER_S },
						       .pair_min_window = { NS_PER_S },
						       .destination_min_window = { NS_PER_S },
						       .fair = true },
				       .incarnation = n,
				       .boot = 1,
				       .datagram_bytes = DATAGRAM_BYTES_DEFAULT,
				       .frames_per_tick = 4,
				       .gossip = true,
			       } };
	crypto_sign_seed_keypair(side->certificate.public_key, side->config.secret_key, seed);
	side->certificate.name[0] = (char)('a' + n);
	side->certificate.id = member_id_of(side->certificate.public_key);
	side->certificate.serial = 1;
	if (certificate_issue(&side->certificate, &fuzz_mesh, authority, side->config.certificate,
			      &side->config.certificate_bytes))
		abort();
}

static void once(void)
{
	uint8_t authority[SECRET_KEY_BYTES], seed[32] = { 99 };

	if (fuzz_memory)
		return;
	if (sodium_init() < 0)
		abort();
	fuzz_mesh = (struct mesh){ .tick_ms = TICK_MS_DEFAULT,
				   .window_max_ms = WINDOW_MAX_MS_DEFAULT,
				   .decay = DECAY_DEFAULT,
				   .widths = WIDTHS_DEFAULT };
	crypto_sign_seed_keypair(fuzz_mesh.authority, authority, seed);
	mesh_id_of(fuzz_mesh.authority, fuzz_mesh.id);
	side_make(&fuzz_self, 1, authority);
	side_make(&fuzz_other, 2, authority);
	fuzz_memory = aligned_alloc(64, (node_bytes(&fuzz_self.config.limits) + 63) / 64 * 64);
	if (!fuzz_memory)
		abort();
}

/* The member signs a frame with these bytes as its groups, whatever they are. */
static size_t frame_forge(uint8_t *frame, const uint8_t *groups, size_t size, uint8_t kind, struct now now)
{
	static struct frame_writer writer;
	const struct frame_head head = {
		.origin = member_id_of(fuzz_other.certificate.public_key),
		.incarnation = 2,
		.sequence = 1ULL << SEQUENCE_BOOT_SHIFT | (uint64_t)(1 + (kind & 7)),
		.tick = mesh_tick_ended(&fuzz_mesh, now.mesh),
		.kind = kind & 8 ? FRAME_CLOSING : FRAME_TICK,
	};
	struct frame_root root = { .origin = head.origin,
				   .incarnation = 2,
				   .tick = head.tick,
				   .kind = head.kind,
				   .tick_frames = 1,
				   .leaves = 1 };
	uint8_t leaf[1][HASH_BYTES];
	size_t body;

	frame_begin(&writer, &head, DATAGRAM_BYTES_MAX);
	body = frame_finish(&writer, frame) - 1; /* without its empty array of groups */
	memcpy(frame + body, groups, size);
	body += size;
	frame_leaf(frame, body, leaf[0]);
	frame_sign(&root, leaf, &fuzz_mesh, fuzz_other.config.secret_key);
	return frame_prove(frame, body, &root, leaf, 0);
}

static void say(struct node *node, struct now now, uint64_t counter, const uint8_t *message, size_t size)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	const struct member *member = &node->member->table[1];
	struct datagram_header header = { .type = DATAGRAM_SEALED, .sender = member->id };
	struct seal_context context = {
		.sender = member->id,
		.receiver = node->id,
		.sender_incarnation = 2,
		.receiver_incarnation = 1,
		.sender_boot = 1,
		.receiver_boot = 1,
	};
	static const uint8_t zero[16];
	uint8_t bytes[2 * DATAGRAM_BYTES_MAX];
	size_t sealed;

	memcpy(context.mesh_id, fuzz_mesh.id, MESH_ID_BYTES);
	nonce_make(counter, zero, header.nonce);
	sealed = seal_close(&header, &context, secrets_key(node, 1, 0), message, size, bytes);
	node_receive(node, now, (struct duration){ 0 }, &from, bytes, sealed);
}

static void check(struct node *node, struct now now)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct node_counters counters;
	struct endpoint to;
	struct change change;
	struct key_view view;
	uint32_t cursor = 0;

	node_tick(node, now);
	while (node_poll(node, now, &to, bytes) > 0)
		;
	while (node_next_change(node, now, &change))
		;
	while (node_next_key(node, now, &cursor, &view)) {
		struct cell_view cell;
		uint32_t at = 0;

		while (node_next_cell(node, &view.key, &at, &cell)) {
			if (strcmp(cell.member, fuzz_other.certificate.name) != 0 || cell.packets == 0)
				abort();
		}
	}
	node_read_counters(node, &counters);
	if (counters.cells_held > counters.cells_max || counters.keys_held > 256 || counters.rejects[REJECT_SEAL])
		abort();
}

static const uint8_t kinds[] = {
	MESSAGE_FRAME, MESSAGE_DIGEST,	MESSAGE_REQUEST,  MESSAGE_RECORD,   MESSAGE_RECORD_REQUEST,
	MESSAGE_PING,  MESSAGE_PONG,	MESSAGE_PING_REQ, MESSAGE_LINK,	    MESSAGE_IHAVE,
	MESSAGE_PRUNE, MESSAGE_SUMMARY, MESSAGE_SERVED,	  MESSAGE_CATCH_UP, MESSAGE_CAUGHT_UP,
	MESSAGE_PIECE, MESSAGE_NEWS,	MESSAGE_GET,	  MESSAGE_CHUNK,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct now now = { .mono = { NS_PER_S }, .mesh = { START_NS } };
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	uint64_t counter = 0;
	struct node *node;
	uint16_t member;

	once();
	memset(fuzz_memory, 0, node_bytes(&fuzz_self.config.limits));
	if (node_init(fuzz_memory, node_bytes(&fuzz_self.config.limits), &fuzz_self.config, now, &node) ||
	    member_meet(node, now, &fuzz_other.certificate, 2, 1, &from, &member) != REJECT_NONE || member != 1)
		abort();
	member_prove(node, 1, &from);
	if (size % 2) /* as in a larger mesh */
		node->member->count += DIRECT_MEMBERS_MAX;
	while (size >= 2) {
		const uint8_t kind = data[0];
		size_t length = 4 * (size_t)data[1] + 1;
		uint8_t message[DATAGRAM_BYTES_MAX];

		data += 2, size -= 2;
		length = length > size ? size : length;
		if (kind & 0x80) {
			message[0] = MESSAGE_FRAME;
			say(node, now, ++counter, message, 1 + frame_forge(message + 1, data, length, kind, now));
		} else if (length > 0) {
			memcpy(message, data, length);
			message[0] = kinds[kind % sizeof(kinds)];
			say(node, now, ++counter, message, length);
		}
		data += length, size -= length;
		now.mono.ns += (int64_t)(kind & 0x70) * 10 * NS_PER_MS;
		now.mesh.ns += (int64_t)(kind & 0x70) * 10 * NS_PER_MS;
		check(node, now);
	}
	return 0;
}
