/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Repair: requests missing frames within milliseconds, and answers such requests. A REQUEST names a window of sequences
 * and which of them are held. It goes to the member that announced the frame, then to the origin, then to any
 * neighbour, until the frame has come or is too old to count. Frames are served verbatim. digest.c, tree.c and frames.c
 * find out that a frame is missing. PROTOCOL section "Repair".
 */
#include "spreading.h"

#define REQUESTS_PER_TICK 256

/* ---- requests ---- */

size_t repair_write_request(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	const struct origin *origin = &node->count->origins[out->request.origin];
	struct origin_request request;
	uint8_t *at = ret_plain;

	if (!origin->used || !node->member->table[origin_member(out->request.origin)].used)
		return 0;
	if (out->request.alone) {
		memset(&request, 0xff, sizeof(request));
		request.first = out->request.sequence;
		request.have[0] &= ~1ULL;
	} else if (!origin_request(origin, out->request.track, &request)) {
		return 0; /* it has come meanwhile */
	}
	at = put_le(at, MESSAGE_REQUEST, 1);
	at = put_le(at, node->member->table[origin_member(out->request.origin)].id, 8);
	at = put_le(at, origin->incarnation, 8);
	at = put_le(at, request.first, 8);
	for (unsigned int i = 0; i < SEQUENCES_KEPT / 64; i++)
		at = put_le(at, request.have[i], 8);
	return (size_t)(at - ret_plain);
}

/* Sends a stored frame to one member, within its budget. (Repair, 5) */
static bool repair_serve(struct node *node, uint16_t number, const struct stored *frame)
{
	struct member *member = &node->member->table[number];
	const struct out out = { .kind = OUT_SERVE,
				 .target = number,
				 .frame = { .sequence = frame->sequence,
					    .number = (uint32_t)(frame - node->spread->store.frames),
					    .message = MESSAGE_SERVED } };

	if (member->serve_budget == 0)
		return false;
	member->serve_budget--;
	node->counters.frames_served++;
	outbox_add(node, out);
	return true;
}

enum reject repair_receive_request(struct node *node, const struct arrival *arrival)
{
	const uint16_t member = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	const uint64_t id = get_le(&c, 8), incarnation = get_le(&c, 8), first = get_le(&c, 8);
	struct link *link = link_find(node, member);
	uint64_t have[SEQUENCES_KEPT / 64];
	uint16_t owner;

	for (unsigned int i = 0; i < SEQUENCES_KEPT / 64; i++)
		have[i] = get_le(&c, 8);
	if (first == 0 || first > UINT64_MAX - SEQUENCES_KEPT)
		return REJECT_MESSAGE;
	if (node->member->table[member].serve_budget < REQUEST_COST)
		return REJECT_NONE;
	node->member->table[member].serve_budget -= REQUEST_COST;
	/* A neighbour that lacks something is pushed this origin's frames again. */
	owner = member_find(node, id);
	if (link && owner != MEMBER_NONE)
		link->lazy[owner / 64] &= ~(1ULL << owner % 64);
	for (unsigned int i = 0; i < SEQUENCES_KEPT; i++) {
		const struct stored *frame;

		if (have[i / 64] == UINT64_MAX) {
			i |= 63;
			continue;
		}
		if (have[i / 64] >> i % 64 & 1)
			continue;
		frame = store_find(&node->spread->store, id, incarnation, first + i);
		if (frame && frame->size && !repair_serve(node, member, frame))
			break;
	}
	return REJECT_NONE;
}

/* ---- missing frames ---- */

void repair_note(struct node *node, struct now now, uint32_t number, uint16_t announcer, int64_t wait_ms)
{
	struct origin *origin = &node->count->origins[number];
	struct instant due = instant_after(now.mono, duration_ms(wait_ms));

	if (!origin->listed) {
		origin->listed = true;
		origin->attempts = 0;
		origin->asked = MEMBER_NONE;
		origin->since = now.mono;
		origin->announcer = announcer;
		origin->due = due;
		node->spread->gaps[node->spread->gaps_count++] = number;
	} else if (instant_is_before(due, origin->due)) {
		/* Another member announced the frame: ask that member at once, but not the same one twice. */
		if (origin->attempts > 0 && (announcer == MEMBER_NONE || announcer == origin->asked))
			return;
		if (announcer != MEMBER_NONE)
			origin->announcer = announcer;
		origin->due = due;
	} else if (origin->announcer == MEMBER_NONE && announcer != origin->asked) {
		origin->announcer = announcer;
	}
	if (instant_is_before(origin->due, node->spread->gaps_due))
		node->spread->gaps_due = origin->due;
}

/* The member to ask: the one that announced the frame, then the origin itself, then any neighbour. */
static uint16_t ask_whom(struct node *node, struct origin *origin, uint32_t number, struct now now)
{
	const uint16_t owner = origin_member(number), announcer = origin->announcer;

	origin->announcer = MEMBER_NONE;
	if (announcer != MEMBER_NONE && node->member->table[announcer].used && node->member->table[announcer].session)
		return announcer;
	if (origin->attempts % 2 == 0 && owner != origin->asked && !node->member->table[owner].self &&
	    member_is_near(node, owner, now))
		return owner;
	const uint16_t other = neighbour_any(node, now, origin->asked);

	return other != MEMBER_NONE ? other : neighbour_any(node, now, MEMBER_NONE);
}

static void request_from(struct node *node, uint32_t number, uint16_t target)
{
	if (target == MEMBER_NONE || node->spread->requests_left == 0)
		return;
	node->spread->requests_left--;
	for (unsigned int i = 0; i < BOOTS_KEPT; i++) {
		const struct out out = { .kind = OUT_REQUEST,
					 .target = target,
					 .request = { .origin = number, .track = (uint8_t)i } };
		struct origin_request request;

		if (origin_request(&node->count->origins[number], i, &request))
			outbox_add(node, out);
	}
}

/* Requests what is missing of an origin, and sets when to ask again. (Repair, 3) */
static void ask(struct node *node, struct now now, uint32_t number)
{
	struct origin *origin = &node->count->origins[number];
	const uint16_t target = ask_whom(node, origin, number, now);
	int64_t wait_ms = REPAIR_RETRY_MS << (origin->attempts < 5 ? origin->attempts : 5);

	if (target != MEMBER_NONE && !isnan(node->member->table[target].clock.rtt_ms))
		wait_ms += (int64_t)fmin(node->member->table[target].clock.rtt_ms, REPAIR_RETRY_MS_MAX);
	if (wait_ms > REPAIR_RETRY_MS_MAX)
		wait_ms = REPAIR_RETRY_MS_MAX;
	origin->due = instant_after(now.mono, duration_ms(wait_ms));
	if (target == MEMBER_NONE || node->spread->requests_left == 0)
		return;
	origin->asked = target;
	origin->attempts += origin->attempts < UINT8_MAX;
	request_from(node, number, target);
	if (node->spread->copies > 1) /* a request or its answer may be lost, too: ask the nearest neighbour as well */
		request_from(node, number, neighbour_nearest(node, now, target));
}

/*
 * Are the missing frames too old? Nobody keeps frames of slots that are not held, and their cells would be refused.
 * (Repair, 4)
 */
static bool is_hopeless(const struct node *node, const struct origin *origin, struct now now)
{
	return duration_between(origin->since, now.mono).ns > SLOTS_HELD * mesh_slot_length(&node->mesh).ns;
}

void repair_turn(struct node *node, struct now now)
{
	if (instant_is_before(now.mono, node->spread->gaps_due))
		return;
	node->spread->gaps_due = (struct instant){ INT64_MAX };
	for (uint32_t i = 0; i < node->spread->gaps_count;) {
		struct origin *origin = &node->count->origins[node->spread->gaps[i]];

		if (origin->used && origin->listed && !origin->quarantined && is_hopeless(node, origin, now))
			origin_give_up(origin);
		if (!origin->used || !origin->listed || origin->quarantined || !origin_has_gap(origin)) {
			origin->listed = false;
			node->spread->gaps[i] = node->spread->gaps[--node->spread->gaps_count];
			continue;
		}
		if (!instant_is_before(now.mono, origin->due))
			ask(node, now, node->spread->gaps[i]);
		if (instant_is_before(origin->due, node->spread->gaps_due))
			node->spread->gaps_due = origin->due;
		i++;
	}
}

void repair_tick(struct node *node)
{
	node->spread->requests_left = REQUESTS_PER_TICK;
	for (uint16_t i = 1; i < node->member->high; i++) {
		if (node->member->table[i].used && node->member->table[i].session)
			node->member->table[i].serve_budget = SERVE_FRAMES_PER_TICK;
	}
}
