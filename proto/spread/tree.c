/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Spreads frames. In a small mesh an origin sends its frames to every member. In a larger mesh (Plumtree) a verified
 * frame is pushed, verbatim, to each neighbour that has not sent PRUNE for this origin. The others get IHAVE a little
 * later and can request the frame. A member that receives more copies than it wants sends PRUNE to the sender of the
 * last one. The links that remain form a tree per origin along the fastest paths. PROTOCOL section "Spreading".
 */
#include "spreading.h"

#define IHAVE_ALL 32 /* up to this many frames are announced to every such neighbour; of more, each frame to some */
#define IHAVE_SOME 3 /* neighbours to which each frame is then announced */
#define PRUNE_GRAFT 1 /* the opposite of PRUNE: push again */

static bool set_has(const uint64_t *set, uint16_t member)
{
	return set[member / 64] >> member % 64 & 1;
}

static void push(struct node *node, uint16_t to, uint32_t frame, bool own)
{
	const struct out out = { .kind = own ? OUT_FRAME : OUT_RELAY,
				 .target = to,
				 .frame = { .sequence = node->spread->store.frames[frame].sequence,
					    .number = frame,
					    .message = MESSAGE_FRAME } };

	outbox_add(node, out);
	node->counters.frames_relayed += !own;
}

static void soon(struct node *node, struct now now)
{
	const struct instant due = instant_after(now.mono, duration_ms(LAZY_MS));

	if (instant_is_before(due, node->spread->ihave_due))
		node->spread->ihave_due = due;
}

/*
 * Small mesh: pushes an own frame to every near member, and another member's frame to the members that asked for relay.
 * A member that is not near requests the frame when it is back. (Spreading, 1)
 */
static void push_direct(struct node *node, struct now now, uint32_t frame, uint16_t owner, uint16_t from)
{
	const bool own = owner == 0 && from == 0;

	for (uint16_t i = 1; i < node->member->high; i++) {
		if (i != owner && i != from && member_is_near(node, i, now) &&
		    (own || node->member->table[i].relay_asked))
			push(node, i, frame, own);
	}
}

void tree_frame(struct node *node, struct now now, uint32_t origin, uint32_t frame, uint16_t from)
{
	const uint16_t owner = origin_member(origin);
	const bool own = owner == 0 && from == 0;
	struct fresh *fresh = &node->spread->fresh[node->spread->fresh_next % FRESH_SIZE];

	if (node_is_direct(node)) {
		push_direct(node, now, frame, owner, from);
		return;
	}
	for (uint32_t i = 0; i < node->member->links_count; i++) {
		const struct link *link = &node->member->links[i];

		if (link->agreed && link->member != from && link->member != owner && !set_has(link->lazy, owner))
			push(node, link->member, frame, own);
	}
	*fresh = (struct fresh){ .origin = origin,
				 .from = from,
				 .sequence = node->spread->store.frames[frame].sequence };
	memcpy(fresh->leaf, node->spread->store.frames[frame].leaf, sizeof(fresh->leaf));
	node->spread->fresh_next++;
	soon(node, now);
}

/*
 * Is `from` the parent in the tree of this origin, the neighbour that gets no PRUNE? Why: if two neighbours overtake
 * each other in turn, both would get PRUNE, and the origin's frames would come from neither. The parent is the
 * neighbour that first pushed a frame of the origin, for as long as it is a neighbour.
 */
static bool is_parent(struct node *node, uint16_t owner, uint16_t from)
{
	struct member *member = &node->member->table[owner];

	if (member->parent == MEMBER_NONE || !link_find(node, member->parent))
		member->parent = from;
	return member->parent == from;
}

void tree_first(struct node *node, uint32_t origin, uint16_t from, bool served)
{
	struct member *member = &node->member->table[origin_member(origin)];

	if (served || member->parent == MEMBER_NONE || !link_find(node, member->parent))
		member->parent = link_find(node, from) ? from : MEMBER_NONE;
}

void tree_duplicate(struct node *node, struct now now, uint16_t from, uint32_t origin, struct stored *held)
{
	struct link *link = link_find(node, from);
	const uint16_t owner = origin_member(origin);

	held->copies += held->copies < UINT8_MAX;
	if (!link || node_is_direct(node) || from == owner || held->copies <= node->spread->copies ||
	    is_parent(node, owner, from))
		return;
	link->prunes[owner / 64] |= 1ULL << owner % 64;
	link->pruning = true;
	soon(node, now);
}

/* Frames [first, end) are named to a neighbour. */
static void ihave_send(struct node *node, uint16_t to, uint64_t first, uint64_t end)
{
	outbox_add(node, (struct out){ .kind = OUT_IHAVE,
				       .target = to,
				       .ihave = { .first = first, .count = (uint32_t)(end - first) } });
}

void tree_turn(struct node *node, struct now now)
{
	if (instant_is_before(now.mono, node->spread->ihave_due))
		return;
	node->spread->ihave_due = (struct instant){ INT64_MAX };
	for (uint32_t i = 0; i < node->member->links_count; i++) {
		struct link *link = &node->member->links[i];

		if (!link->agreed)
			continue;
		if (link->pruning)
			outbox_add(node, (struct out){ .kind = OUT_PRUNE, .target = link->member });
		link->pruning = false;
		if (node->spread->fresh_next != node->spread->fresh_announced)
			ihave_send(node, link->member, node->spread->fresh_announced, node->spread->fresh_next);
	}
	node->spread->fresh_announced = node->spread->fresh_next;
}

/*
 * Is this frame announced to this neighbour? Not if it was pushed to, sent by or signed by it; of many, only some.
 * (Spreading, 4)
 */
static bool is_announced(const struct node *node, const struct link *link, uint64_t number, uint32_t batch)
{
	const struct fresh *fresh = &node->spread->fresh[number % FRESH_SIZE];
	const uint16_t owner = origin_member(fresh->origin);
	const uint32_t turn = (uint32_t)(number + (uint64_t)(link - node->member->links)) % node->member->links_count;

	if (fresh->from == link->member || owner == link->member || !set_has(link->lazy, owner))
		return false;
	if (fresh->sequence >> SEQUENCE_BOOT_SHIFT != node->member->table[owner].boot)
		return false; /* a row names no boot */
	return batch <= IHAVE_ALL || turn < IHAVE_SOME;
}

size_t tree_write_ihave(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	const struct link *link = link_find(node, out->target);
	const size_t room = node->config.datagram_bytes - SEAL_BYTES;
	uint64_t number = out->ihave.first;
	const uint64_t end = out->ihave.first + out->ihave.count;
	uint8_t *at = ret_plain;

	if (!link)
		return 0;
	if (number + FRESH_SIZE < node->spread->fresh_next)
		number = node->spread->fresh_next - FRESH_SIZE; /* the others were overwritten: digests announce them */
	at = put_le(at, MESSAGE_IHAVE, 1);
	for (; number < end; number++) {
		const struct fresh *fresh = &node->spread->fresh[number % FRESH_SIZE];

		if (!is_announced(node, link, number, out->ihave.count))
			continue;
		if ((size_t)(at - ret_plain) + IHAVE_ROW_BYTES > room) {
			ihave_send(node, out->target, number, end);
			break;
		}
		at = put_le(at, node->member->table[origin_member(fresh->origin)].id, 8);
		at = put_le(at, fresh->sequence & ((1ULL << SEQUENCE_BOOT_SHIFT) - 1), 5);
		at = put_bytes(at, fresh->leaf, 3);
	}
	return at - ret_plain > 1 ? (size_t)(at - ret_plain) : 0;
}

/* IHAVE announces frames of a member's running boot only; digests announce those of other boots. */
static void ihave_receive(struct node *node, struct now now, uint16_t from, uint64_t id, uint64_t number,
			  const uint8_t leaf[3])
{
	const uint16_t owner = member_find(node, id);
	const struct member *member = owner == MEMBER_NONE ? NULL : &node->member->table[owner];
	const uint64_t sequence = member ? member->boot << SEQUENCE_BOOT_SHIFT | number : 0;
	const struct stored *held;
	uint32_t origin;

	if (!member || !member->session || member->self || number == 0)
		return;
	origin = origin_of(node, owner, member->incarnation);
	if (origin == INDEX_NONE || node->count->origins[origin].quarantined)
		return;
	if (!origin_has(&node->count->origins[origin], sequence)) {
		origin_claim(&node->count->origins[origin], sequence);
		repair_note(node, now, origin, from, node->spread->copies > 1 ? GRAFT_LOSSY_MS : GRAFT_MS);
		return;
	}
	held = store_find(&node->spread->store, id, member->incarnation, sequence);
	if (!held || !held->size)
		return;
	if (memcmp(held->leaf, leaf, 3) == 0 && held->copies >= node->spread->copies)
		return;
	if (!member_spend(&node->member->table[from], 1))
		return;
	if (memcmp(held->leaf, leaf, 3) != 0)
		outbox_add(node, (struct out){ .kind = OUT_REQUEST,
					       .target = from,
					       .request = { .sequence = sequence, .origin = origin, .alone = true } });
	else /* fewer copies came than are wanted: this neighbour is to push as well (Spreading, 5) */
		outbox_add(node, (struct out){ .kind = OUT_PRUNE,
					       .target = from,
					       .prune = { .what = PRUNE_GRAFT, .owner = owner } });
}

enum reject tree_receive_ihave(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t from = arrival->member;
	struct cursor c = arrival_cursor(arrival);

	if (arrival->size == 0 || arrival->size % IHAVE_ROW_BYTES != 0)
		return REJECT_MESSAGE;
	while (!cursor_done(&c)) {
		const uint64_t id = get_le(&c, 8), number = get_le(&c, 5);
		uint8_t leaf[3];

		get_bytes(&c, leaf, sizeof(leaf));
		ihave_receive(node, now, from, id, number, leaf);
	}
	return REJECT_NONE;
}

size_t tree_write_prune(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	struct link *link = link_find(node, out->target);
	const size_t room = node->config.datagram_bytes - SEAL_BYTES;
	uint8_t *at = put_le(ret_plain, MESSAGE_PRUNE, 1);

	at = put_le(at, out->prune.what, 1);
	if (out->prune.what == PRUNE_GRAFT)
		return (size_t)(put_le(at, node->member->table[out->prune.owner].id, 8) - ret_plain);
	for (uint16_t i = 0; link && i < node->member->high; i++) {
		if (!set_has(link->prunes, i))
			continue;
		if ((size_t)(at - ret_plain) + 8 > room) {
			outbox_add(node, *out);
			break;
		}
		link->prunes[i / 64] &= ~(1ULL << i % 64);
		at = put_le(at, node->member->table[i].id, 8);
	}
	return at - ret_plain > 2 ? (size_t)(at - ret_plain) : 0;
}

enum reject tree_receive_prune(struct node *node, const struct arrival *arrival)
{
	const uint16_t from = arrival->member;
	struct link *link = link_find(node, from);
	struct cursor c = arrival_cursor(arrival);
	const uint64_t what = get_le(&c, 1);

	if (arrival->size < 1 + 8 || arrival->size % 8 != 1 || what > PRUNE_GRAFT)
		return REJECT_MESSAGE;
	while (link && !cursor_done(&c)) {
		const uint16_t member = member_find(node, get_le(&c, 8));

		if (member != MEMBER_NONE && what == PRUNE_GRAFT)
			link->lazy[member / 64] &= ~(1ULL << member % 64);
		else if (member != MEMBER_NONE)
			link->lazy[member / 64] |= 1ULL << member % 64;
	}
	return REJECT_NONE;
}
