/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Repair: each tick a node tells every member what it holds (a digest: per origin the highest sequence), and asks one of them for what is
 * missing (a want: a window of sequences with those it has). Frames are handed on verbatim. A digest also carries the time stamps that
 * clock skew and round-trip time are measured by. PROTOCOL.md section "Spreading and repair".
 */
#include "node_internal.h"

#define DIGEST_HEAD_BYTES (1 + 8 + 8 + 8 + 2)
#define DIGEST_ROW_BYTES (8 + 8 + 8)
#define WANT_BYTES (1 + 8 + 8 + 1 + 8 + SEQUENCES_KEPT / 8)
#define SERVE_FRAMES_PER_TICK 256 /* to one member: at 200 ms and 1232 bytes 12 Mbit/s */
#define WANT_COST 2 /* of the frames served */
#define ATTEMPTS_MAX 10 /* two seconds of asking around */

static bool origin_is_told(const struct node *node, uint32_t origin)
{
	return node->origins[origin].used && node->origins[origin].highest > 0 && !node->members[origin_member(origin)].standing.revoked;
}

size_t repair_write_digest(struct node *node, struct now now, uint16_t number, uint32_t first_row, uint8_t *ret_plain)
{
	const struct member *member = &node->members[number];
	const size_t room = node->config.datagram_bytes - SEAL_BYTES;
	const int64_t hold = member->peer_sent_ns ? duration_between(member->peer_sent_at, now.mono).ns : 0;
	uint8_t *at = ret_plain, *count_at;
	uint16_t rows = 0;

	at = put_le(at, MESSAGE_DIGEST, 1);
	at = put_le(at, (uint64_t)now.mesh.ns, 8);
	at = put_le(at, (uint64_t)member->peer_sent_ns, 8);
	at = put_le(at, (uint64_t)hold, 8);
	count_at = at;
	at += 2;
	for (uint32_t i = first_row; i < node->config.limits.members_max * INCARNATIONS_MAX; i++) {
		if (!origin_is_told(node, i))
			continue;
		if ((size_t)(at - ret_plain) + DIGEST_ROW_BYTES > room) {
			outbox_add(node, (struct out){ .kind = OUT_DIGEST, .target = number, .what = i });
			break;
		}
		at = put_le(at, node->members[origin_member(i)].id, 8);
		at = put_le(at, node->origins[i].incarnation, 8);
		at = put_le(at, node->origins[i].highest, 8);
		rows++;
	}
	put_le(count_at, rows, 2);
	return (size_t)(at - ret_plain);
}

/*
 * A row of a digest is a claim. A neighbour's may bring forward what is asked for by one window and no more, and makes no origin but the one
 * its member greeted us as; only the origin's own word tells of another start.
 */
static void claim(struct node *node, uint16_t neighbour, uint64_t id, uint64_t incarnation, uint64_t highest)
{
	const uint16_t number = member_find(node, id);
	const struct member *member = number == MEMBER_NONE ? NULL : &node->members[number];
	struct origin *origin;
	uint32_t place;
	uint64_t most;

	if (!member || member->standing.revoked || (!member->session && !member->self))
		return; /* we meet it by its own greeting */
	place = origin_find(node, number, incarnation);
	if (place == INDEX_NONE && incarnation == member->incarnation)
		place = origin_of(node, number, incarnation);
	if (place == INDEX_NONE)
		return;
	origin = &node->origins[place];
	most = origin->highest ? origin->highest + SEQUENCES_KEPT : (member->boot << SEQUENCE_BOOT_SHIFT) + SEQUENCES_KEPT;
	if (neighbour != number && highest > most)
		highest = origin->highest ? most : highest >> SEQUENCE_BOOT_SHIFT <= member->boot ? highest : 0;
	if (highest > origin->advertised[0])
		origin->advertised[0] = highest;
}

enum reject repair_receive_digest(struct node *node, struct now now, uint16_t number, const uint8_t *bytes, size_t size)
{
	struct cursor c = { bytes, bytes + size, false };
	const int64_t sent = (int64_t)get_le(&c, 8), echo = (int64_t)get_le(&c, 8), hold = (int64_t)get_le(&c, 8);
	const uint16_t rows = (uint16_t)get_le(&c, 2);

	if (c.failed || (size_t)(c.end - c.at) != (size_t)rows * DIGEST_ROW_BYTES)
		return REJECT_MESSAGE;
	member_measure(node, number, now, sent, echo, hold);
	for (uint16_t i = 0; i < rows; i++) {
		const uint64_t id = get_le(&c, 8), incarnation = get_le(&c, 8), highest = get_le(&c, 8);
		claim(node, number, id, incarnation, highest);
	}
	return REJECT_NONE;
}

size_t repair_write_want(struct node *node, uint32_t number, bool everything, uint8_t *ret_plain)
{
	const struct origin *origin = &node->origins[number];
	struct origin_want want;
	uint8_t *at = ret_plain;

	origin_want(origin, &want);
	at = put_le(at, MESSAGE_WANT, 1);
	at = put_le(at, node->members[origin_member(number)].id, 8);
	at = put_le(at, origin->incarnation, 8);
	at = put_le(at, everything, 1);
	at = put_le(at, want.first, 8);
	for (unsigned int i = 0; i < SEQUENCES_KEPT / 64; i++)
		at = put_le(at, want.have[i], 8);
	return (size_t)(at - ret_plain);
}

static bool serve(struct node *node, uint16_t number, const struct stored *frame)
{
	struct member *member = &node->members[number];

	if (member->serve_budget == 0)
		return false;
	member->serve_budget--;
	node->counters.frames_served++;
	outbox_add(node, (struct out){
				 .kind = OUT_FRAME,
				 .target = number,
				 .what = (uint32_t)(frame - node->store.frames),
				 .sequence = frame->sequence,
			 });
	return true;
}

/* Everything held of an origin, closing frames (the totals of whole slots) before tick frames. */
static void serve_all(struct node *node, uint16_t member, uint64_t origin, uint64_t incarnation)
{
	for (uint32_t i = node->store.frames_max; i-- > 0;) {
		const struct stored *frame = &node->store.frames[i];

		if (frame->sequence && frame->origin == origin && frame->incarnation == incarnation && !serve(node, member, frame))
			return;
	}
}

enum reject repair_receive_want(struct node *node, uint16_t member, const uint8_t *bytes, size_t size)
{
	struct cursor c = { bytes, bytes + size, false };
	const uint64_t origin = get_le(&c, 8), incarnation = get_le(&c, 8);
	const bool all = get_le(&c, 1) != 0;
	const uint64_t first = get_le(&c, 8);
	uint64_t have[SEQUENCES_KEPT / 64];

	for (unsigned int i = 0; i < SEQUENCES_KEPT / 64; i++)
		have[i] = get_le(&c, 8);
	if (!cursor_done(&c) || first == 0 || first > UINT64_MAX - SEQUENCES_KEPT)
		return REJECT_MESSAGE;
	const uint16_t owner = member_find(node, origin);

	if (owner != MEMBER_NONE && node->members[owner].standing.revoked)
		return REJECT_NONE; /* nobody gets its frames from here */
	/* Looking costs, too, even when nothing is found. */
	if (node->members[member].serve_budget < WANT_COST)
		return REJECT_NONE;
	node->members[member].serve_budget -= WANT_COST;
	if (all) {
		serve_all(node, member, origin, incarnation);
		return REJECT_NONE;
	}
	for (unsigned int i = 0; i < SEQUENCES_KEPT; i++) {
		const struct stored *frame;

		if (have[i / 64] >> i % 64 & 1)
			continue;
		frame = store_find(&node->store, origin, incarnation, first + i);
		if (frame && frame->size && !serve(node, member, frame))
			break;
	}
	return REJECT_NONE;
}

/* Whom to ask: the origin itself first, then anybody near. */
static uint16_t ask_whom(struct node *node, uint32_t number, struct now now)
{
	const uint16_t owner = origin_member(number);
	uint16_t near[MEMBERS_MAX];
	uint32_t count = 0;

	if (node->origins[number].attempts % 2 == 0 && !node->members[owner].self && member_is_near(node, owner, now))
		return owner;
	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		if (member_is_near(node, i, now))
			near[count++] = i;
	}
	return count == 0 ? MEMBER_NONE : near[node_random(node) % count];
}

/* Everything a near member has, from each of them once: what one has not another may. */
static bool want_everything(struct node *node, uint32_t number, struct now now)
{
	struct origin *origin = &node->origins[number];

	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		if (origin->asked[i / 64] >> i % 64 & 1 || !member_is_near(node, i, now))
			continue;
		origin->asked[i / 64] |= 1ULL << i % 64;
		outbox_add(node, (struct out){ .kind = OUT_WANT, .target = i, .what = number, .sequence = 1 });
		return true;
	}
	return false;
}

static void want(struct node *node, uint32_t number, struct now now)
{
	struct origin *origin = &node->origins[number];
	uint16_t target;

	if (want_everything(node, number, now) || !origin_has_gap(origin))
		return;
	target = ask_whom(node, number, now);
	if (target == MEMBER_NONE)
		return;
	if (origin->attempts++ >= ATTEMPTS_MAX) {
		origin_give_up(origin);
		return;
	}
	outbox_add(node, (struct out){ .kind = OUT_WANT, .target = target, .what = number });
}

void repair_tick(struct node *node, struct now now)
{
	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		struct member *member = &node->members[i];

		if (!member->used || member->self || !member->session)
			continue;
		member->serve_budget = SERVE_FRAMES_PER_TICK;
		member->trust = BAD_SIGNATURES_PER_TICK;
		outbox_add(node, (struct out){ .kind = OUT_DIGEST, .target = i });
	}
	for (uint32_t i = 0; i < node->config.limits.members_max * INCARNATIONS_MAX; i++) {
		if (!node->origins[i].used || node->members[origin_member(i)].standing.revoked)
			continue;
		origin_tick(&node->origins[i]);
		want(node, i, now);
	}
}
