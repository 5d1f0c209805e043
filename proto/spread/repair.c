/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Repair. Members tell each other what they hold: in a small mesh a digest to everybody each tick, in a larger one hashes over groups of
 * members to one neighbour, and rows of the groups that differ. What is missing is asked for within milliseconds (a want: a window of
 * sequences with those it has), from who told of it, from its origin, then from any neighbour, until it has come or is too old to count.
 * Frames are handed on verbatim. A digest also carries the time stamps that clock skew and round-trip time are measured by. PROTOCOL.md
 * section "Repair".
 */
#include "spreading.h"

#define GROUPS_ALL UINT64_MAX
#define ROWS_ALWAYS 24 /* so many fit into one datagram: hashes would save nothing */
#define DIGESTS_MAX 4 /* datagrams of rows in answer to one */
#define DIGEST_ANSWER 0x01 /* rows of the same groups are asked for */
#define DIGEST_RELAY 0x02 /* in a small mesh: what comes to the receiver is to be handed on to the sender */
#define REQUESTS_PER_TICK 256
#define STRANGER_TICKS 5 /* between comparisons with a member that is no neighbour: 1 s */
#define STRANGER_DRAWS 8 /* members looked at for one that may be sent to */
#define LATE_MS 100 /* what a third party holds of an origin may be this much longer on its way to us */

static uint64_t group_of(uint64_t id)
{
	return 1ULL << (id >> 58);
}

/* ---- what is held ---- */

/* What is told of a member's origin in one start. */
struct row {
	uint64_t id, incarnation, highest, leaf, record;
};

/* Stands for a record: two members with one number hold the same. */
static uint64_t record_number(const struct member *member)
{
	const struct record_body *record = &member->record;

	return member->has_record ? mix64(mix64(record->incarnation) ^ (record->boot << SEQUENCE_BOOT_SHIFT | record->version)) | 1 : 0;
}

/* The k-th row of a member: its origins in both starts; the first one also stands for its record. False: there is none. */
static bool row_of(const struct node *node, uint16_t number, unsigned int k, bool leaves, struct row *ret_row)
{
	const struct member *member = &node->member->table[number];
	const uint32_t at = (uint32_t)number * INCARNATIONS_MAX + k / STARTS_KEPT;
	const struct origin *origin = &node->count->origins[at];
	const struct track *track = origin->used ? &origin->track[k % STARTS_KEPT] : NULL;
	const bool held = track && track->base != 0 && track->highest >= track->base;
	const struct stored *stored;

	if (!member->used || (k > 0 && (!held || (node->count->ledger.origin_cells[at] == 0 && origin->incarnation != member->incarnation))))
		return false;
	*ret_row = (struct row){ .id = member->id, .incarnation = held ? origin->incarnation : 0, .highest = held ? track->highest : 0 };
	if (k == 0)
		ret_row->record = record_number(member);
	stored = leaves && held ? store_find(&node->spread->store, member->id, origin->incarnation, track->highest) : NULL;
	if (stored && stored->size)
		memcpy(&ret_row->leaf, stored->leaf, 8);
	return held || (k == 0 && member->has_record);
}

#define ROWS_PER_MEMBER (INCARNATIONS_MAX * STARTS_KEPT)

static void groups_hash(const struct node *node, uint64_t ret_hash[SUMMARY_GROUPS])
{
	memset(ret_hash, 0, SUMMARY_GROUPS * sizeof(*ret_hash));
	for (uint16_t m = 0; m < node->member->high; m++) {
		for (unsigned int k = 0; k < ROWS_PER_MEMBER; k++) {
			struct row row;

			if (row_of(node, m, k, false, &row))
				ret_hash[row.id >> 58] ^= mix64(mix64(mix64(row.id ^ mix64(row.incarnation)) ^ row.highest) ^ row.record);
		}
	}
}

/* ---- digests ---- */

size_t repair_write_digest(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct now now = departure->now;
	const struct out *out = departure->out;
	const struct member *member = &node->member->table[out->target];
	const size_t room = node->config.datagram_bytes - SEAL_BYTES;
	const int64_t hold = member->clock.peer_sent_ns ? duration_between(member->clock.peer_sent_at, now.mono).ns : 0;
	uint8_t *at = ret_plain, *count_at;
	uint16_t rows = 0;

	at = put_le(at, MESSAGE_DIGEST, 1);
	at = put_le(at, (uint64_t)now.mesh.ns, 8);
	at = put_le(at, (uint64_t)member->clock.peer_sent_ns, 8);
	at = put_le(at, (uint64_t)hold, 8);
	at = put_le(at, (out->digest.answer ? DIGEST_ANSWER : 0) | (member->relay_wanted ? DIGEST_RELAY : 0), 1);
	at = put_le(at, out->digest.groups, 8);
	count_at = at;
	at += 2;
	for (uint32_t m = out->digest.first; out->digest.groups != 0 && m < node->member->high; m++) {
		if (!node->member->table[m].used || !(group_of(node->member->table[m].id) & out->digest.groups))
			continue;
		if ((size_t)(at - ret_plain) + (size_t)ROWS_PER_MEMBER * DIGEST_ROW_BYTES > room) {
			if (out->digest.more > 0)
				outbox_add(node, (struct out){ .kind = OUT_DIGEST,
							       .target = out->target,
							       .digest = { .groups = out->digest.groups,
									   .first = (uint16_t)m,
									   .more = (uint8_t)(out->digest.more - 1),
									   .answer = out->digest.answer } });
			break;
		}
		for (unsigned int k = 0; k < ROWS_PER_MEMBER; k++) {
			struct row row;

			if (!row_of(node, (uint16_t)m, k, true, &row))
				continue;
			at = put_le(at, row.id, 8);
			at = put_le(at, row.incarnation, 8);
			at = put_le(at, row.highest, 8);
			at = put_le(at, row.leaf, 8);
			at = put_le(at, row.record, 8);
			rows++;
		}
	}
	put_le(count_at, rows, 2);
	return (size_t)(at - ret_plain);
}

size_t repair_write_summary(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	uint64_t hash[SUMMARY_GROUPS];
	uint8_t *at = put_le(ret_plain, MESSAGE_SUMMARY, 1);

	(void)departure;
	groups_hash(node, hash);
	for (unsigned int i = 0; i < SUMMARY_GROUPS; i++)
		at = put_le(at, hash[i], 8);
	return (size_t)(at - ret_plain);
}

/* Rows of some groups to a member, from a member drawn at random on when they may not all fit. */
static void tell_groups(struct node *node, uint16_t to, uint64_t groups, bool answer, unsigned int datagrams)
{
	const bool all_fit = node->member->count <= ROWS_ALWAYS * datagrams;

	outbox_add(node, (struct out){
				 .kind = OUT_DIGEST,
				 .target = to,
				 .digest = { .groups = groups,
					     .first = all_fit ? 0 : (uint16_t)(node_random(node) % node->member->high),
					     .more = (uint8_t)(datagrams - 1),
					     .answer = answer },
			 });
}

enum reject repair_receive_summary(struct node *node, const struct arrival *arrival)
{
	const uint16_t from = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	uint64_t hash[SUMMARY_GROUPS], groups = 0;

	if (node->member->table[from].serve_budget < REQUEST_COST)
		return REJECT_NONE;
	node->member->table[from].serve_budget -= REQUEST_COST;
	groups_hash(node, hash);
	for (unsigned int i = 0; i < SUMMARY_GROUPS; i++)
		groups |= (uint64_t)(get_le(&c, 8) != hash[i]) << i;
	if (groups)
		tell_groups(node, from, groups, true, DIGESTS_MAX);
	return REJECT_NONE;
}

/* ---- claims ---- */

/* Another record than ours: whichever is older, its holder is told the newer. */
static void claim_record(struct node *node, uint16_t from, const struct row *row, uint16_t number)
{
	const struct member *member = number == MEMBER_NONE ? NULL : &node->member->table[number];

	if (row->record == 0 || (member && record_number(member) == row->record) || !member_spend(&node->member->table[from], 1))
		return;
	if (!member || !member->self)
		outbox_add(node, (struct out){ .kind = OUT_RECORD_REQUEST, .target = from, .record_request.id = row->id });
	if (member && member->has_record && number != from)
		record_send(node, from, number);
}

static int64_t patience_ms(const struct node *node, uint16_t from, uint16_t owner)
{
	const double rtt = node->member->table[owner].clock.rtt_ms;

	if (from == owner)
		return GAP_MS;
	return node_is_direct(node) && !isnan(rtt) ? GAP_MS + (int64_t)rtt : LATE_MS;
}

/*
 * A row of a digest is a claim. A neighbour's may bring forward what is asked for by one window and no more, and makes no origin but the one
 * its member's record or greeting names; only the origin's own word tells of another start.
 */
static void claim_frames(struct node *node, struct now now, uint16_t from, const struct row *row, uint16_t number)
{
	const struct member *member = &node->member->table[number];
	const struct stored *held;
	struct origin *origin;
	uint32_t place;

	if ((!member->session && !member->self) || row->highest == 0 || row->highest > UINT64_MAX - 2 * SEQUENCES_KEPT)
		return;
	place = origin_find(node, number, row->incarnation);
	if (place == INDEX_NONE && row->incarnation == member->incarnation)
		place = origin_of(node, number, row->incarnation);
	if (place == INDEX_NONE)
		place = origin_claimed(node, number, row->incarnation);
	if (place == INDEX_NONE || node->count->origins[place].quarantined)
		return;
	if (row->incarnation == member->incarnation && row->highest >> SEQUENCE_BOOT_SHIFT > member->boot)
		return;
	if (member->self && row->incarnation == member->incarnation && row->highest >> SEQUENCE_BOOT_SHIFT == member->boot &&
	    row->highest >= node->spread->publish.next_sequence)
		return; /* this start never signed it: frames of another host with our key, if it is true */
	origin = &node->count->origins[place];
	if (!origin_has(origin, row->highest)) {
		origin_claim(origin, row->highest);
	} else {
		uint8_t leaf[8];

		put_le(leaf, row->leaf, 8);
		held = row->leaf ? store_find(&node->spread->store, row->id, row->incarnation, row->highest) : NULL;
		if (held && held->size && memcmp(&row->leaf, held->leaf, 8) != 0 && member_spend(&node->member->table[from], 1))
			outbox_add(node, (struct out){ .kind = OUT_REQUEST, .target = from, .request = { .sequence = row->highest, .origin = place, .alone = true } });
	}
	if (origin_has_gap(origin))
		repair_note(node, now, place, from, patience_ms(node, from, number));
}

enum reject repair_receive_digest(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t from = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	const int64_t sent = (int64_t)get_le(&c, 8), echo = (int64_t)get_le(&c, 8), hold = (int64_t)get_le(&c, 8);
	const uint8_t flags = (uint8_t)get_le(&c, 1);
	const uint64_t groups = get_le(&c, 8);
	const uint16_t rows = (uint16_t)get_le(&c, 2);

	if (c.failed || (size_t)(c.end - c.at) != (size_t)rows * DIGEST_ROW_BYTES)
		return REJECT_MESSAGE;
	member_measure(node, from, now, sent, echo, hold);
	node->member->table[from].relay_asked = flags & DIGEST_RELAY;
	for (uint16_t i = 0; i < rows; i++) {
		struct row row = { .id = get_le(&c, 8) };
		uint16_t number;

		row.incarnation = get_le(&c, 8);
		row.highest = get_le(&c, 8);
		get_bytes(&c, &row.leaf, 8);
		row.record = get_le(&c, 8);
		number = member_find(node, row.id);
		claim_record(node, from, &row, number);
		if (number != MEMBER_NONE)
			claim_frames(node, now, from, &row, number);
	}
	if ((flags & DIGEST_ANSWER) && groups && node->member->table[from].serve_budget >= REQUEST_COST) {
		node->member->table[from].serve_budget -= REQUEST_COST;
		tell_groups(node, from, groups, false, DIGESTS_MAX);
	}
	return REJECT_NONE;
}

/* ---- wants ---- */

size_t repair_write_request(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	const struct origin *origin = &node->count->origins[out->request.origin];
	struct origin_request want;
	uint8_t *at = ret_plain;

	if (!origin->used || !node->member->table[origin_member(out->request.origin)].used)
		return 0;
	if (out->request.alone) {
		memset(&want, 0xff, sizeof(want));
		want.first = out->request.sequence;
		want.have[0] &= ~1ULL;
	} else if (!origin_request(origin, out->request.start, &want)) {
		return 0; /* it has come meanwhile */
	}
	at = put_le(at, MESSAGE_REQUEST, 1);
	at = put_le(at, node->member->table[origin_member(out->request.origin)].id, 8);
	at = put_le(at, origin->incarnation, 8);
	at = put_le(at, want.first, 8);
	for (unsigned int i = 0; i < SEQUENCES_KEPT / 64; i++)
		at = put_le(at, want.have[i], 8);
	return (size_t)(at - ret_plain);
}

/* A frame for one member, within its budget. */
static bool repair_serve(struct node *node, uint16_t number, const struct stored *frame)
{
	struct member *member = &node->member->table[number];

	if (member->serve_budget == 0)
		return false;
	member->serve_budget--;
	node->counters.frames_served++;
	outbox_add(node, (struct out){
				 .kind = OUT_SERVE,
				 .target = number,
				 .frame = { .sequence = frame->sequence, .number = (uint32_t)(frame - node->spread->store.frames), .message = MESSAGE_SERVED },
			 });
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

/* ---- what is missing ---- */

void repair_note(struct node *node, struct now now, uint32_t number, uint16_t teller, int64_t wait_ms)
{
	struct origin *origin = &node->count->origins[number];
	struct instant due = instant_after(now.mono, duration_ms(wait_ms));

	if (!origin->listed) {
		origin->listed = true;
		origin->attempts = 0;
		origin->asked = MEMBER_NONE;
		origin->since = now.mono;
		origin->teller = teller;
		origin->due = due;
		node->spread->gaps[node->spread->gaps_count++] = number;
	} else if (instant_is_before(due, origin->due)) {
		/* Somebody else has it, or says so: asked at once, whatever was waited for. But not the same one twice. */
		if (origin->attempts > 0 && (teller == MEMBER_NONE || teller == origin->asked))
			return;
		if (teller != MEMBER_NONE)
			origin->teller = teller;
		origin->due = due;
	} else if (origin->teller == MEMBER_NONE) {
		origin->teller = teller;
	}
	if (instant_is_before(origin->due, node->spread->gaps_due))
		node->spread->gaps_due = origin->due;
}

/* Who told of it, then the origin itself, then anybody near. */
static uint16_t ask_whom(struct node *node, struct origin *origin, uint32_t number, struct now now)
{
	const uint16_t owner = origin_member(number), teller = origin->teller;

	origin->teller = MEMBER_NONE;
	if (teller != MEMBER_NONE && node->member->table[teller].used && node->member->table[teller].session)
		return teller;
	if (origin->attempts % 2 == 0 && owner != origin->asked && !node->member->table[owner].self && member_is_near(node, owner, now))
		return owner;
	const uint16_t other = neighbour_any(node, now, origin->asked);

	return other != MEMBER_NONE ? other : neighbour_any(node, now, MEMBER_NONE);
}

static void request_from(struct node *node, uint32_t number, uint16_t target)
{
	if (target == MEMBER_NONE || node->spread->requests_left == 0)
		return;
	node->spread->requests_left--;
	for (unsigned int start = 0; start < STARTS_KEPT; start++) {
		struct origin_request want;

		if (origin_request(&node->count->origins[number], start, &want))
			outbox_add(node, (struct out){ .kind = OUT_REQUEST, .target = target, .request = { .origin = number, .start = (uint8_t)start } });
	}
}

static void ask(struct node *node, struct now now, uint32_t number)
{
	struct origin *origin = &node->count->origins[number];
	const uint16_t target = ask_whom(node, origin, number, now);
	int64_t wait_ms = REPAIR_RETRY_MS << (origin->attempts < 5 ? origin->attempts : 5);

	if (target != MEMBER_NONE && !isnan(node->member->table[target].clock.rtt_ms))
		wait_ms += (int64_t)fmin(node->member->table[target].clock.rtt_ms, REPAIR_RETRY_MS_MAX);
	origin->due = instant_after(now.mono, duration_ms(wait_ms < REPAIR_RETRY_MS_MAX ? wait_ms : REPAIR_RETRY_MS_MAX));
	if (target == MEMBER_NONE || node->spread->requests_left == 0)
		return;
	origin->asked = target;
	origin->attempts += origin->attempts < UINT8_MAX;
	request_from(node, number, target);
	if (node->spread->copies > 1) /* a request or its answer will be lost, too: the nearest is asked beside */
		request_from(node, number, neighbour_nearest(node, now, target));
}

/* Nobody keeps frames of slots that are forgotten, and their cells would be refused. */
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

/* What one holds is compared with another's: rows while they are few, else hashes of them. */
static void compare_with(struct node *node, uint16_t member)
{
	if (node->member->count <= ROWS_ALWAYS)
		tell_groups(node, member, GROUPS_ALL, true, DIGESTS_MAX);
	else
		outbox_add(node, (struct out){ .kind = OUT_SUMMARY, .target = member });
}

/* With one of all members, whoever its neighbours are: two parts of a mesh that have no neighbours in common, after a cut or along lines that
 * carry one way only, still come to hold the same. */
static void compare_with_any(struct node *node)
{
	for (unsigned int i = 0; i < STRANGER_DRAWS; i++) {
		const uint16_t number = (uint16_t)(node_random(node) % node->member->high);
		const struct member *member = &node->member->table[number];

		if (number == 0 || !member->used || !member->session || !member->proven || member->state == MEMBER_LEFT || link_find(node, number))
			continue;
		compare_with(node, number);
		return;
	}
}

void repair_tick(struct node *node, struct now now)
{
	(void)now;
	node->spread->requests_left = REQUESTS_PER_TICK;
	for (uint16_t i = 1; i < node->member->high; i++) {
		if (!node->member->table[i].used || !node->member->table[i].session)
			continue;
		node->member->table[i].serve_budget = SERVE_FRAMES_PER_TICK;
		if (node_is_direct(node) && node->member->table[i].state != MEMBER_LEFT)
			tell_groups(node, i, GROUPS_ALL, false, DIGESTS_MAX);
	}
	for (uint32_t i = 0; i < node->member->links_count; i++) {
		const bool turn = i == node->spread->digest_turn % node->member->links_count;

		if (!node->member->links[i].agreed)
			continue;
		outbox_add(node, (struct out){ .kind = OUT_DIGEST, .target = node->member->links[i].member });
		if (turn)
			compare_with(node, node->member->links[i].member);
	}
	if (!node_is_direct(node) && (node->tick + node->id) % STRANGER_TICKS == 0)
		compare_with_any(node);
	node->spread->digest_turn++;
}
