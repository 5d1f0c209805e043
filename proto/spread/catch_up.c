/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Catch-up: a node that has just started, or has fallen SEQUENCES_KEPT frames or more behind, requests everything
 * that a neighbour stores, closing frames (totals of slots) first. It requests one piece of PIECE_FRAMES places at a
 * time, and again until all frames of the piece have come, so loss costs only time. After an interruption it
 * continues with the same piece. PROTOCOL section "Repair".
 */
#include "spreading.h"

#define ANSWER_MS 400 /* wait for an answer: longer than any round trip on earth and the frames of a piece */
#define PIECE_MS 50 /* between requests: 64 frames each, 12 Mbit/s at most */
#define TRIES_MAX 12 /* requests for one piece */
#define AGAIN_MS 10000 /* a node that falls behind again within this time does not begin anew */
#define PLACES_MAX_LEAST 65536 /* lower bound for the places assumed in a neighbour's store: 52 s at PIECE_MS each */
#define ROUNDS 3 /* neighbours asked in a larger mesh: each may have frames that the others lack */

/*
 * The most places that a neighbour's store is assumed to have. Why a bound: a neighbour could claim more and more
 * places for ever, and no other neighbour would be asked.
 */
static uint32_t places_max(const struct node *node)
{
	const uint32_t some = 4 * node->config.limits.frames_max;

	return some > PLACES_MAX_LEAST ? some : PLACES_MAX_LEAST;
}

void catch_up_begin(struct node *node, struct now now)
{
	struct catch_up *c = &node->spread->catch_up;

	if (c->begun_at.ns != 0 && duration_between(c->begun_at, now.mono).ns < AGAIN_MS * NS_PER_MS)
		return;

	*c = (struct catch_up){
		.member = MEMBER_NONE, .last = MEMBER_NONE, .rounds = ROUNDS, .due = now.mono, .begun_at = now.mono
	};
}

struct instant catch_up_due(const struct node *node)
{
	const struct catch_up *c = &node->spread->catch_up;

	return c->member == MEMBER_NONE ? (struct instant){ INT64_MAX } : c->due;
}

static uint64_t bit_of(const struct node *node, uint16_t member)
{
	return 1ULL << node->member->table[member].id % 64;
}

/*
 * A member that started again, or was silent, may have frames that the others lack. In a small mesh it is asked again.
 */
void catch_up_again(struct node *node, uint16_t member)
{
	node->spread->catch_up.asked &= ~bit_of(node, member);
}

/* The next member to ask: in a small mesh each near member once, in a larger one some neighbours. */
static uint16_t whom(struct node *node, struct now now)
{
	const struct catch_up *c = &node->spread->catch_up;

	for (uint16_t i = 1; node_is_direct(node) && i < node->member->high; i++) {
		if (member_is_near(node, i, now) && !(c->asked & bit_of(node, i)))
			return i;
	}
	for (uint32_t i = 0; !node_is_direct(node) && c->rounds > 0 && i < node->member->links_count; i++) {
		if (node->member->links[i].agreed && !(c->asked & bit_of(node, node->member->links[i].member)))
			return node->member->links[i].member;
	}
	return MEMBER_NONE;
}

static void done(struct node *node)
{
	struct catch_up *c = &node->spread->catch_up;

	c->asked |= bit_of(node, c->member);
	c->rounds -= c->rounds > 0;
	c->member = c->last = MEMBER_NONE;
}

/*
 * Requests the piece that is due. A neighbour that fell silent is asked again when it is back, and continues with the
 * same piece. (Repair, 6)
 */
void catch_up_turn(struct node *node, struct now now)
{
	struct catch_up *c = &node->spread->catch_up;

	if (!node->config.gossip)
		return;
	if (c->member == MEMBER_NONE) {
		c->member = whom(node, now);
		if (c->member != c->last) { /* else it goes on where it stopped */
			c->cursor = 0;
			c->have = 0;
		}
		c->last = c->member;
		c->tries = 0;
		c->due = now.mono;
	}
	if (c->member == MEMBER_NONE || instant_is_before(now.mono, c->due))
		return;
	if (c->tries++ >= TRIES_MAX || !node->member->table[c->member].used) {
		if (member_is_near(node, c->member, now))
			done(node); /* it does not send frames that it claims to have: ask others */
		c->member = MEMBER_NONE; /* a silent one is not marked as asked */
		return;
	}
	c->due = instant_after(now.mono, duration_ms(ANSWER_MS));
	outbox_add(node, (struct out){ .kind = OUT_CATCH_UP, .target = c->member });
}

size_t catch_up_write(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	uint8_t *at = put_le(ret_plain, MESSAGE_CATCH_UP, 1);

	(void)departure;
	at = put_le(at, node->spread->catch_up.cursor, 4);
	at = put_le(at, node->spread->catch_up.have, 8);
	return (size_t)(at - ret_plain);
}

size_t catch_up_write_end(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	uint8_t *at = put_le(ret_plain, MESSAGE_CAUGHT_UP, 1);

	(void)node;
	at = put_le(at, out->caught_up.cursor, 4);
	at = put_le(at, out->caught_up.places, 8);
	at = put_le(at, out->caught_up.last, 1);
	return (size_t)(at - ret_plain);
}

/* Places are counted from the end of the store, where the closing frames are. */
static const struct stored *stored_at(const struct node *node, uint32_t place)
{
	const struct store *store = &node->spread->store;
	const struct stored *frame;

	if (place >= store->frames_max)
		return NULL;
	frame = &store->frames[store->frames_max - 1 - place];
	if (!frame->sequence || !frame->size)
		return NULL;
	return frame->tick + (uint64_t)SLOTS_HELD * slot_ticks(node) >= node->tick ? frame : NULL;
}

static uint64_t piece_at(const struct node *node, uint32_t cursor)
{
	uint64_t places = 0;

	for (uint32_t i = 0; i < PIECE_FRAMES; i++)
		places |= (uint64_t)(stored_at(node, cursor + i) != NULL) << i;
	return places;
}

enum reject catch_up_receive(struct node *node, const struct arrival *arrival)
{
	const uint16_t member = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	uint32_t cursor = (uint32_t)get_le(&c, 4);
	uint64_t have = get_le(&c, 8), places;

	if (node->member->table[member].serve_budget < PIECE_FRAMES + REQUEST_COST)
		return REJECT_NONE; /* it asks again */
	node->member->table[member].serve_budget -= REQUEST_COST;
	places = piece_at(node, cursor);
	/* skip pieces without frames */
	while (places == 0 && cursor < node->spread->store.frames_max) {
		cursor += PIECE_FRAMES;
		have = 0;
		places = piece_at(node, cursor);
	}
	for (uint32_t i = 0; i < PIECE_FRAMES; i++) {
		const struct stored *frame = places & ~have & 1ULL << i ? stored_at(node, cursor + i) : NULL;

		if (!frame)
			continue;
		node->member->table[member].serve_budget--;
		node->counters.frames_served++;
		outbox_add(node, (struct out){ .kind = OUT_SERVE,
					       .target = member,
					       .frame = { .sequence = frame->sequence,
							  .number = (uint32_t)(frame - node->spread->store.frames),
							  .message = (uint8_t)(MESSAGE_PIECE | i) } });
	}
	outbox_add(node,
		   (struct out){ .kind = OUT_CAUGHT_UP,
				 .target = member,
				 .caught_up = { .places = places,
						.cursor = cursor,
						.last = cursor + PIECE_FRAMES >= node->spread->store.frames_max } });
	return REJECT_NONE;
}

void catch_up_note(struct node *node, uint16_t member, unsigned int place)
{
	if (member == node->spread->catch_up.member)
		node->spread->catch_up.have |= 1ULL << place;
}

enum reject catch_up_receive_end(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t member = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	const uint32_t cursor = (uint32_t)get_le(&c, 4);
	const uint64_t places = get_le(&c, 8);
	const bool last = get_le(&c, 1) != 0;
	struct catch_up *mine = &node->spread->catch_up;

	if (member != mine->member || cursor < mine->cursor || cursor > UINT32_MAX - 2 * PIECE_FRAMES)
		return REJECT_NONE; /* an answer to an earlier request */
	if (cursor == mine->cursor && (places & ~mine->have) != 0) {
		if (duration_between(now.mono, mine->due).ns > PIECE_MS * NS_PER_MS)
			mine->due = instant_after(now.mono, duration_ms(PIECE_MS));
		return REJECT_NONE; /* some frames were lost, or are still on their way: request the piece again */
	}
	/* the neighbour skipped pieces without frames */
	if (cursor > mine->cursor) {
		mine->cursor = cursor;
		if (places & ~mine->have) {
			mine->due = instant_after(now.mono, duration_ms(PIECE_MS));
			return REJECT_NONE;
		}
	}
	if (last || places == 0 || cursor >= places_max(node)) { /* places 0: no later piece has frames either */
		done(node);
		return REJECT_NONE;
	}
	mine->cursor += PIECE_FRAMES;
	mine->have = 0;
	mine->tries = 0;
	mine->due = instant_after(now.mono, duration_ms(PIECE_MS));
	return REJECT_NONE;
}
