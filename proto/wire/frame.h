/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames: what an origin signs. A frame is a body (canonical msgpack: head and columns of cells) and a proof (Merkle
 * path and the signature of the root). Relays pass both on verbatim. PROTOCOL section "Frames" draws every byte.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <stddef.h>

#include <xpro/bounds.h>
#include <xpro/key.h>

#include "cell.h"
#include "mesh.h"
#include "reject.h"
#include "unpack.h"

enum frame_kind {
	FRAME_TICK, /* the cells that changed in a tick */
	FRAME_CLOSING, /* the final totals of a slot's cells; head.tick is the tick they were published in */
};

struct frame_head {
	uint64_t origin; /* member id */
	uint64_t incarnation;
	uint64_t sequence; /* of the frame: boot << 40 | number */
	uint64_t tick;
	uint32_t epoch; /* 0 until parameters can change while running */
	enum frame_kind kind;
};

/*
 * The form of a group: the kind of its keys, IPv4 or IPv6, and how many bytes of each address are on the wire. A frame
 * groups cells of one slot, one form and, for pairs, one destination.
 */
enum frame_form {
	FORM_DESTINATION_IPV4,
	FORM_DESTINATION_IPV6,
	FORM_PAIR_IPV4,
	FORM_PAIR_IPV6,
	FORM_CLIENT_IPV4,
	FORM_CLIENT_IPV6, /* whose low half is not 0 */
	FORM_CLIENT_PREFIX6, /* whose low half is 0 */
	FORM_NETWORK_IPV4,
	FORM_NETWORK_IPV6,
	FORM_COUNT
};

enum frame_form frame_form_of(const struct key *key);

/* How the addresses of a form are written: the first so many bytes of an IPv4 or IPv6 address, the rest being 0. */
struct frame_layout {
	uint8_t key_bytes; /* of each cell */
	uint8_t destination_bytes; /* of the group: a pair's destination; 0 for other kinds */
	enum key_kind kind;
	bool ipv4;
};

extern const struct frame_layout frame_layouts[FORM_COUNT];

static inline bool frame_form_is_pair(enum frame_form form)
{
	return form == FORM_PAIR_IPV4 || form == FORM_PAIR_IPV6;
}

/*
 * Is the cell valid? Both addresses of a pair are of one family, and each host address is of a single host. A network
 * holds hosts and has no host bits. first <= last, at least one packet, or for a pair answers and nothing else. Extras
 * that its kind does not have are 0. The same rule holds for own and for received cells.
 */
bool frame_cell_is_valid(const struct cell *cell);

/* Is the client of a valid cell a whole one, cut to its width? So is that of a key without a client. */
bool frame_client_is_whole(const struct widths *widths, const struct cell *cell);

/* The order of cells in a frame: slot, form, destination, client. */
int frame_cell_compare(const struct cell *a, const struct cell *b);

/* ---- writing ---- */

#define FRAME_HEAD_BYTES_MAX (1 + 4 * 9 + 5 + 1 + 3) /* array, four numbers of 64 bits, epoch, kind, array of groups */

/* What the numbers of a group's cells take: the packets, then each extra. */
struct frame_counts {
	size_t bytes[1 + EXTRAS_MAX];
	uint32_t extras; /* so many are written: behind the last that is not 0 all cells have 0 */
};

/* A body under construction. Cells must be valid and come ordered by frame_cell_compare, each once. */
struct frame_writer {
	struct frame_head head;
	size_t bytes_max;
	size_t estimate; /* bytes the body takes with the cells so far: exact */
	size_t closed_bytes; /* of the groups before the last */
	uint32_t groups, cells;
	uint32_t group_cells; /* of the last group */
	struct frame_counts group_counts;
	struct cell cell[CELLS_PER_FRAME_MAX];
};

/* Starts a body of at most bytes_max bytes, itself at least FRAME_HEAD_BYTES_MAX. */
void frame_begin(struct frame_writer *writer, const struct frame_head *head, size_t bytes_max);

/* Adds a cell; false when it does not fit any more (finish this frame, begin the next). */
bool frame_add(struct frame_writer *writer, const struct cell *cell);

/* Writes the body; returns its size, at most bytes_max. A frame without cells is the origin's sign of life. */
size_t frame_finish(const struct frame_writer *writer, uint8_t *ret_body);

/* ---- proving ---- */

/* What the signature covers besides the leaves. */
struct frame_root {
	uint64_t origin, incarnation, tick;
	enum frame_kind kind; /* so that tick frames and closing frames of one tick are never taken for each other */
	uint16_t tick_frames; /* of this kind published in this tick, over all trees: leaves..FRAMES_PER_TICK_MAX */
	uint8_t leaves; /* of this tree, 1..LEAVES_MAX */
	uint8_t hash[HASH_BYTES];
	uint8_t signature[SIGNATURE_BYTES];
};

void frame_leaf(const uint8_t *body, size_t size, uint8_t ret_leaf[HASH_BYTES]);

/* Computes root->hash over the leaves and signs it. root's other fields are given. */
void frame_sign(struct frame_root *root, const uint8_t leaves[][HASH_BYTES], const struct mesh *mesh,
		const uint8_t secret_key[SECRET_KEY_BYTES]);

/*
 * Appends the proof of leaf `index` to a body of `size` bytes in a buffer of at least size + FRAME_PROOF_BYTES_MAX;
 * returns the size of body and proof. Works the path out anew: up to 26 hashes, ~5 us, which is less than sharing a
 * tree would be worth.
 */
size_t frame_prove(uint8_t *frame, size_t size, const struct frame_root *root, const uint8_t leaves[][HASH_BYTES],
		   unsigned int index);

/* Bytes a proof takes in a tree of this many leaves, at most. A tick's only frame, alone in its tree, takes 69. */
size_t frame_proof_bytes(unsigned int leaves);

/* ---- reading ---- */

/*
 * A received frame taken apart, nothing verified yet: head fields are the unverified claims of the body, root the
 * proof's, with root.hash computed from the body's leaf hash and the path.
 */
struct frame_claim {
	struct frame_head head;
	struct frame_root root;
	uint8_t leaf[HASH_BYTES];
	const uint8_t *body;
	size_t body_bytes;
};

/*
 * Splits body and proof, from the end: the last five bytes tell the proof's length. Computes leaf and root.
 * REJECT_FRAME_SIZE, REJECT_PATH or REJECT_BODY (head not readable). Reads at most `size` bytes, allocates nothing.
 */
enum reject frame_split(const uint8_t *frame, size_t size, struct frame_claim *ret_claim);

/* Checks the root's signature: ~70 us, good or bad. */
bool frame_verify(const struct frame_root *root, const struct mesh *mesh, const uint8_t public_key[PUBLIC_KEY_BYTES]);

/*
 * Walks the cells of a verified body. Error is sticky in `reject`; a body is to be walked to its end once before any
 * cell is used (frame_check), so that nothing is half applied.
 */
struct frame_reader {
	enum reject reject;
	const struct widths *widths;
	struct frame_head head;
	struct unpack body; /* behind what was read */
	uint32_t groups_left, cells_left;
	bool has_group; /* else form, slot and destination say nothing */
	enum frame_form form;
	uint64_t slot;
	struct address destination; /* of pairs; else zero */
	const uint8_t *keys, *previous_key, *firsts, *lasts;
	struct unpack counts;
	uint32_t extras; /* of each cell of the group in `counts`, behind its packets */
	bool last_extra; /* one was not 0 */
};

/* Reads the head and stands before the first cell. NULL for the widths: the head alone is to be read. */
void frame_read(struct frame_reader *reader, const struct widths *widths, const uint8_t *body, size_t size);

/* The next cell, or false at the end or on error (reader->reject). */
bool frame_next(struct frame_reader *reader, struct cell *ret_cell);

/* Walks the whole body: REJECT_NONE, REJECT_BODY, REJECT_CELL or REJECT_CLIENT. Bounded by the body's size. */
enum reject frame_check(const struct widths *widths, const uint8_t *body, size_t size);

#endif
