/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Digests: members compare which frames they hold. In a small mesh each member sends a DIGEST to every member each
 * tick. In a larger one it sends a SUMMARY (hashes over groups of members) to one neighbour, and then rows of the
 * groups that differ. A row claims frames; repair.c requests those that are missing here. DIGESTs also contain the
 * time stamps for clock skew and round-trip time. PROTOCOL section "Repair".
 */
#include "spreading.h"

#define GROUPS_ALL UINT64_MAX
#define ROWS_ALWAYS 24 /* up to this many members: their rows fit into one datagram, so hashes would save nothing */
#define DIGESTS_MAX 4 /* datagrams of rows in answer to one SUMMARY */
#define DIGEST_ANSWER 0x01 /* the sender wants rows of the same groups in return */
#define DIGEST_RELAY 0x02 /* small mesh: the receiver is to forward other members' frames to the sender */
/* small mesh, by need: so many members send rows to a member in each tick, or all if they are fewer */
#define ROWS_FROM 1
#define STRANGER_TICKS 5 /* ticks between comparisons with a member that is no neighbour: 1 s */
#define STRANGER_DRAWS 8 /* draws to find a member that is no neighbour and can be compared with */
#define LATE_MS 100 /* a frame that a third member holds may need this much longer to reach this node */

static uint64_t group_of(uint64_t id)
{
	return 1ULL << (id >> 58);
}

/* ---- what is held ---- */

/* What a DIGEST says about one boot of a member's origin. */
struct row {
	uint64_t id, incarnation, highest, leaf, record;
};

/* A number for a member record: equal numbers, equal records. */
static uint64_t record_number(const struct member *member)
{
	const struct record_body *record = &member->record;

	if (!member->has_record)
		return 0;
	return mix64(mix64(record->incarnation) ^ (record->boot << SEQUENCE_BOOT_SHIFT | record->version)) | 1;
}

/*
 * The k-th row of a member: one for each tracked boot of each of its origins. The first row also has the number of its
 * member record. False: there is no such row.
 */
static bool row_of(const struct node *node, uint16_t number, unsigned int k, bool leaves, struct row *ret_row)
{
	const struct member *member = &node->member->table[number];
	const uint32_t at = (uint32_t)number * INCARNATIONS_MAX + k / BOOTS_KEPT;
	const struct origin *origin = &node->count->origins[at];
	const struct track *track = origin->used ? &origin->track[k % BOOTS_KEPT] : NULL;
	const bool held = track && track->base != 0 && track->highest >= track->base;
	const struct stored *stored = NULL;

	if (!member->used || (k > 0 && !held))
		return false;
	if (k > 0 && node->count->ledger.origin_cells[at] == 0 && origin->incarnation != member->incarnation)
		return false;
	*ret_row = (struct row){ .id = member->id,
				 .incarnation = held ? origin->incarnation : 0,
				 .highest = held ? track->highest : 0 };
	if (k == 0)
		ret_row->record = record_number(member);
	if (leaves && held)
		stored = store_find(&node->spread->store, member->id, origin->incarnation, track->highest);
	if (stored && stored->size)
		memcpy(&ret_row->leaf, stored->leaf, 8);
	return held || (k == 0 && member->has_record);
}

#define ROWS_PER_MEMBER (INCARNATIONS_MAX * BOOTS_KEPT)

static uint64_t row_hash(const struct row *row)
{
	return mix64(mix64(mix64(row->id ^ mix64(row->incarnation)) ^ row->highest) ^ row->record);
}

static void groups_hash(const struct node *node, uint64_t ret_hash[SUMMARY_GROUPS])
{
	memset(ret_hash, 0, SUMMARY_GROUPS * sizeof(*ret_hash));
	for (uint16_t m = 0; m < node->member->high; m++) {
		for (unsigned int k = 0; k < ROWS_PER_MEMBER; k++) {
			struct row row;

			if (row_of(node, m, k, false, &row))
				ret_hash[row.id >> 58] ^= row_hash(&row);
		}
	}
}

/* ---- digests ---- */

/* Queues a further datagram for the rows from member `first` on. */
static void digest_go_on(struct node *node, const struct out *out, uint16_t first)
{
	struct out more = *out;

	if (out->digest.more == 0)
		return;
	more.digest.first = first;
	more.digest.more--;
	outbox_add(node, more);
}

static uint8_t *row_write(const struct row *row, uint8_t *at)
{
	at = put_le(at, row->id, 8);
	at = put_le(at, row->incarnation, 8);
	at = put_le(at, row->highest, 8);
	at = put_le(at, row->leaf, 8);
	return put_le(at, row->record, 8);
}

size_t digest_write(struct node *node, const struct departure *departure, uint8_t *ret_plain)
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
			digest_go_on(node, out, (uint16_t)m);
			break;
		}
		for (unsigned int k = 0; k < ROWS_PER_MEMBER; k++) {
			struct row row;

			if (!row_of(node, (uint16_t)m, k, true, &row))
				continue;
			at = row_write(&row, at);
			rows++;
		}
	}
	put_le(count_at, rows, 2);
	return (size_t)(at - ret_plain);
}

size_t digest_write_summary(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	uint64_t hash[SUMMARY_GROUPS];
	uint8_t *at = put_le(ret_plain, MESSAGE_SUMMARY, 1);

	(void)departure;
	groups_hash(node, hash);
	for (unsigned int i = 0; i < SUMMARY_GROUPS; i++)
		at = put_le(at, hash[i], 8);
	return (size_t)(at - ret_plain);
}

/* Sends the rows of some groups to a member. If not all may fit, they begin with a member drawn at random. */
static void send_groups(struct node *node, uint16_t to, uint64_t groups, bool answer, unsigned int datagrams)
{
	const bool all_fit = node->member->count <= ROWS_ALWAYS * datagrams;
	struct out out = { .kind = OUT_DIGEST, .target = to };

	out.digest.groups = groups;
	out.digest.first = all_fit ? 0 : (uint16_t)(node_random(node) % node->member->high);
	out.digest.more = (uint8_t)(datagrams - 1);
	out.digest.answer = answer;
	outbox_add(node, out);
}

enum reject digest_receive_summary(struct node *node, const struct arrival *arrival)
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
		send_groups(node, from, groups, true, DIGESTS_MAX);
	return REJECT_NONE;
}

/* ---- claims ---- */

/* The member has another record than this node: the holder of the older one gets the newer one. */
static void claim_record(struct node *node, uint16_t from, const struct row *row, uint16_t number)
{
	const bool is_member = number != MEMBER_NONE;
	const struct member *member = is_member ? &node->member->table[number] : NULL;
	const struct out request = { .kind = OUT_RECORD_REQUEST, .target = from, .record_request.id = row->id };

	if (row->record == 0 || (is_member && record_number(member) == row->record) ||
	    !member_spend(&node->member->table[from], 1))
		return;
	if (!is_member || !member->self)
		outbox_add(node, request);
	if (is_member && member->has_record && number != from)
		record_send(node, from, number);
}

static int64_t patience_ms(const struct node *node, uint16_t from, uint16_t owner)
{
	const double rtt = node->member->table[owner].clock.rtt_ms;

	if (from == owner)
		return GAP_MS;
	return node_is_direct(node) && !isnan(rtt) ? GAP_MS + (int64_t)rtt : LATE_MS;
}

/* Another frame than ours under one sequence is asked for: two of them prove that their origin equivocates. */
static void claim_leaf(struct node *node, uint16_t from, const struct row *row, uint32_t origin)
{
	const struct out request = { .kind = OUT_REQUEST,
				     .target = from,
				     .request = { .sequence = row->highest, .origin = origin, .alone = true } };
	const struct stored *held;

	if (row->leaf == 0)
		return;
	held = store_find(&node->spread->store, row->id, row->incarnation, row->highest);
	if (held && held->size && memcmp(&row->leaf, held->leaf, 8) != 0 &&
	    member_spend(&node->member->table[from], 1))
		outbox_add(node, request);
}

/*
 * A row of a DIGEST is a claim to hold frames. It adds at most SEQUENCES_KEPT sequences to the requested ones. It makes
 * an origin only for the member's running incarnation or, where a place is free, an earlier one. A boot later than the
 * one in the member's record or HELLO is not believed. (Repair, 2)
 */
static void claim_frames(struct node *node, struct now now, uint16_t from, const struct row *row, uint16_t number)
{
	const struct member *member = &node->member->table[number];
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
	if (member->self && row->incarnation == member->incarnation &&
	    row->highest >> SEQUENCE_BOOT_SHIFT == member->boot && row->highest >= node->spread->publish.next_sequence)
		return; /* this boot never signed it: if the claim is true, another host uses this node's key */
	origin = &node->count->origins[place];
	if (!origin_has(origin, row->highest))
		origin_claim(origin, row->highest);
	else
		claim_leaf(node, from, row, place);
	if (origin_has_gap(origin))
		repair_note(node, now, place, from, patience_ms(node, from, number));
}

enum reject digest_receive(struct node *node, const struct arrival *arrival)
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
	member_measure(node, from, arrival->arrived, sent, echo, hold);
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
		send_groups(node, from, groups, false, DIGESTS_MAX);
	}
	return REJECT_NONE;
}

/* ---- partners of comparisons ---- */

/* Compares the frames held with another member's: by rows while there are few, else by hashes of rows. */
static void compare_with(struct node *node, uint16_t member)
{
	if (node->member->count <= ROWS_ALWAYS)
		send_groups(node, member, GROUPS_ALL, true, DIGESTS_MAX);
	else
		outbox_add(node, (struct out){ .kind = OUT_SUMMARY, .target = member });
}

/*
 * Compares with a member that is no neighbour, drawn from all. Why: after a partition, or when packets pass in one
 * direction only, two parts of a mesh may have no neighbours in common. They still come to hold the same frames.
 * (Overlay, 3)
 */
static void compare_with_any(struct node *node)
{
	for (unsigned int i = 0; i < STRANGER_DRAWS; i++) {
		const uint16_t number = (uint16_t)(node_random(node) % node->member->high);
		const struct member *member = &node->member->table[number];

		if (number == 0 || !member->used || !member->session || !member->proven ||
		    member->state == MEMBER_LEFT || link_find(node, number))
			continue;
		compare_with(node, number);
		return;
	}
}

/*
 * Small mesh: whether this tick's DIGEST to a member has rows. By need the rows would be most of what is sent, so they
 * go to a part of the members in turn, and each member has rows from ROWS_FROM others in each tick.
 */
static bool has_rows(const struct node *node, uint16_t member)
{
	const uint32_t turns = (node->member->count - 1U) / ROWS_FROM;

	return node->config.publish == PUBLISH_ALL || turns < 2 ||
	       (member + node->spread->digest_turn) % turns == 0;
}

void digest_tick(struct node *node)
{
	for (uint16_t i = 1; node_is_direct(node) && i < node->member->high; i++) {
		const struct member *member = &node->member->table[i];

		if (member->used && member->session && member->state != MEMBER_LEFT)
			send_groups(node, i, has_rows(node, i) ? GROUPS_ALL : 0, false, DIGESTS_MAX);
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
