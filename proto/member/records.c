/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Member records: what a member publishes about itself, signed. Any member may forward a record, together with the
 * certificate. With another member's record a member can send it sealed datagrams at once, without a handshake.
 * PROTOCOL section "Member records".
 */
#include <sodium.h>

#include "member.h"
#include "node.h"

#define DOMAIN "xpro-mesh record v1"
#define RECORD_MESSAGE_BYTES (sizeof(DOMAIN) - 1 + MESH_ID_BYTES + PUBLIC_KEY_BYTES + MEMBER_RECORD_BODY_BYTES)
#define ENTRY_HEAD_BYTES (8 + 2)
#define RECORD_LEFT 0x01
#define SPREAD_TO 5 /* neighbours that a new record is sent to; digests spread it to the others */
#define RENEW_MS 10000 /* shortest time between two records because of load */
#define LATER_PATIENCE_MS 600000
#define LOAD_STEP 26 /* a tenth of the capacity */

static void body_write(const struct record_body *body, uint8_t ret_bytes[MEMBER_RECORD_BODY_BYTES])
{
	uint8_t *at = ret_bytes;

	at = put_le(at, body->incarnation, 8);
	at = put_le(at, body->boot, 8);
	at = put_le(at, body->version, 8);
	at = put_le(at, body->start, 8);
	at = put_le(at, (uint64_t)body->at_ns, 8);
	at = put_le(at, body->left ? RECORD_LEFT : 0, 1);
	at = put_bytes(at, body->endpoint.address.bytes, 16);
	at = put_le(at, body->endpoint.port, 2);
	at = put_le(at, body->load, 1);
	put_le(at, body->load_limit, 1);
}

static struct record_body body_read(struct cursor *c)
{
	struct record_body body = { .incarnation = get_le(c, 8) };

	body.boot = get_le(c, 8);
	body.version = get_le(c, 8);
	body.start = get_le(c, 8);
	body.at_ns = (int64_t)get_le(c, 8);
	body.left = get_le(c, 1) & RECORD_LEFT;
	get_bytes(c, body.endpoint.address.bytes, 16);
	body.endpoint.port = (uint16_t)get_le(c, 2);
	body.load = (uint8_t)get_le(c, 1);
	body.load_limit = (uint8_t)get_le(c, 1);
	return body;
}

static void message_of(const struct node *node, const uint8_t public_key[PUBLIC_KEY_BYTES],
		       const uint8_t body[MEMBER_RECORD_BODY_BYTES], uint8_t ret_message[RECORD_MESSAGE_BYTES])
{
	uint8_t *at = put_bytes(ret_message, DOMAIN, sizeof(DOMAIN) - 1);

	at = put_bytes(at, node->mesh.id, MESH_ID_BYTES);
	at = put_bytes(at, public_key, PUBLIC_KEY_BYTES);
	put_bytes(at, body, MEMBER_RECORD_BODY_BYTES);
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int record_compare(const struct record_body *a, uint64_t incarnation, uint64_t boot, uint64_t version)
{
	if (a->incarnation != incarnation)
		return order(a->incarnation, incarnation);
	return a->boot != boot ? order(a->boot, boot) : order(a->version, version);
}

void record_send(struct node *node, uint16_t to, uint16_t of)
{
	outbox_add(node, (struct out){ .kind = OUT_RECORD, .target = to, .record.of = of });
}

/* Tells neighbours of a record that is new here. (Member records, 3) */
static void record_spread(struct node *node, struct now now, uint16_t of, uint16_t but)
{
	const uint32_t links = node->member->links_count, first = links ? (uint32_t)(node_random(node) % links) : 0;

	if (node_is_direct(node)) {
		for (uint16_t i = 1; i < node->member->high; i++) {
			if (i != but && i != of && member_is_near(node, i, now))
				record_send(node, i, of);
		}
		return;
	}
	for (uint32_t i = 0; i < node->member->links_count && i < SPREAD_TO; i++) {
		const uint16_t to = node->member->links[(first + i) % node->member->links_count].member;

		if (to != but && to != of)
			record_send(node, to, of);
	}
}

void record_renew(struct node *node, struct now now)
{
	struct member *self = &node->member->table[0];
	uint8_t message[RECORD_MESSAGE_BYTES];

	self->record.incarnation = node->config.incarnation;
	self->record.boot = node->config.boot;
	self->record.version++;
	self->record.at_ns = now.mesh.ns;
	self->record.endpoint = self->endpoint;
	if (self->record.start == 0)
		self->record.start = node_random(node) | 1;
	body_write(&self->record, self->record_signed);
	message_of(node, self->certificate.public_key, self->record_signed, message);
	crypto_sign_detached(self->record_signed + MEMBER_RECORD_BODY_BYTES, NULL, message, sizeof(message),
			     node->config.secret_key);
	node->counters.signatures_made++;
	self->has_record = true;
	record_spread(node, now, 0, 0);
}

size_t record_write(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct member *member = &node->member->table[departure->out->record.of];
	uint8_t *at = ret_plain;

	if (!member->used || !member->has_record)
		return 0;
	at = put_le(at, MESSAGE_RECORD, 1);
	at = put_le(at, member->id, 8);
	at = put_le(at, member->certificate_bytes, 2);
	at = put_bytes(at, member->certificate_issued, member->certificate_bytes);
	at = put_bytes(at, member->record_signed, MEMBER_RECORD_BYTES);
	return (size_t)(at - ret_plain);
}

size_t record_write_request(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	uint8_t *at = put_le(ret_plain, MESSAGE_RECORD_REQUEST, 1);

	(void)node;
	return (size_t)(put_le(at, departure->out->record_request.id, 8) - ret_plain);
}

enum reject record_receive_request(struct node *node, const struct arrival *arrival)
{
	const uint16_t member = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	const uint64_t id = get_le(&c, 8);
	uint16_t number;

	number = member_find(node, id);
	if (number != MEMBER_NONE && node->member->table[member].serve_budget > 0) {
		node->member->table[member].serve_budget--;
		record_send(node, member, number);
	}
	return REJECT_NONE;
}

static bool may_check(struct node *node, struct now now)
{
	const int64_t second = now.mono.ns / NS_PER_S;

	if (second != node->member->records_second) {
		node->member->records_second = second;
		node->member->records_left = RECORD_CHECKS_PER_S;
	}
	if (node->member->records_left == 0)
		return false;
	node->member->records_left--;
	return true;
}

/*
 * May one more new record of this member be taken in this second? Why: a member that renews its record all the time
 * would use up the checks and the datagrams of the whole mesh. Digests spread the last record later.
 */
static bool may_renew(struct member *member, struct now now)
{
	const int64_t second = now.mono.ns / NS_PER_S;

	if (second != member->account.records_second) {
		member->account.records_second = second;
		member->account.records_left = RECORDS_PER_MEMBER_PER_S;
	}
	return member->account.records_left > 0;
}

static bool is_signed_by(struct node *node, const uint8_t public_key[PUBLIC_KEY_BYTES],
			 const uint8_t record[MEMBER_RECORD_BYTES])
{
	uint8_t message[RECORD_MESSAGE_BYTES];

	message_of(node, public_key, record, message);
	node->counters.signatures_checked++;
	return !crypto_sign_verify_detached(record + MEMBER_RECORD_BODY_BYTES, message, sizeof(message), public_key);
}

static bool is_signed(struct node *node, const struct certificate *certificate,
		      const uint8_t record[MEMBER_RECORD_BYTES])
{
	return is_signed_by(node, certificate->public_key, record);
}

/* A record in this node's own name: an earlier start's is old news, another host's is not. */
static enum reject receive_own(struct node *node, struct now now, const struct record_body *body,
			       const uint8_t record[MEMBER_RECORD_BYTES])
{
	const struct member *self = &node->member->table[0];
	const int later = record_compare(body, node->config.incarnation, node->config.boot, body->version);

	if (later < 0 || (later == 0 && body->start == self->record.start))
		return REJECT_NONE;
	if (!may_check(node, now))
		return REJECT_HELLO_RATE;
	if (!is_signed(node, &self->certificate, record))
		return REJECT_SIGNATURE;
	member_cloned(node, now, 0);
	return REJECT_NONE;
}

static bool was_heard_by_anybody(const struct node *node)
{
	for (uint16_t i = 1; i < node->member->high; i++) {
		if (node->member->table[i].heard_at.ns != 0)
			return true;
	}
	return false;
}

/*
 * Two hosts with one key that each hear of the other alone must not overtake each other over and over: a start that
 * members have talked with gives way after LATER_PATIENCE_MS and no sooner.
 */
enum reject record_receive_later(struct node *node, struct now now, const uint8_t record[MEMBER_RECORD_BYTES])
{
	const struct certificate *own = &node->member->table[0].certificate;
	struct cursor c = { record, record + MEMBER_RECORD_BYTES, false };
	const struct record_body body = body_read(&c);

	if (body.incarnation == UINT64_MAX || body.incarnation <= node->member->later_incarnation ||
	    record_compare(&body, node->config.incarnation, node->config.boot, UINT64_MAX) <= 0)
		return REJECT_NONE;
	if (was_heard_by_anybody(node) &&
	    duration_between(node->started_at, now.mono).ns < LATER_PATIENCE_MS * NS_PER_MS)
		return REJECT_NONE;
	if (!may_check(node, now))
		return REJECT_HELLO_RATE;
	if (!is_signed(node, own, record) && !(own->has_previous && is_signed_by(node, own->previous_key, record)))
		return REJECT_SIGNATURE;
	node->member->later_incarnation = body.incarnation;
	return REJECT_NONE;
}

uint64_t node_later_incarnation(const struct node *node)
{
	return node->member->later_incarnation;
}

/* The member says that it leaves, or is back after that. (Member records, 6) */
static void member_set_left(struct node *node, struct now now, uint16_t number, bool left)
{
	struct member *member = &node->member->table[number];

	if (left == (member->state == MEMBER_LEFT))
		return;
	if (left) {
		node->member->count--;
		member->up = false;
		member_report(node, now, number, EVENT_MEMBER_LEFT);
	} else {
		node->member->count++;
	}
	member->state = left ? MEMBER_LEFT : MEMBER_ALIVE;
	member->state_at = now.mono;
}

struct entry_read {
	uint64_t id;
	const uint8_t *certificate;
	uint16_t certificate_bytes;
	const uint8_t *record;
	struct record_body body;
};

static bool entry_read(const uint8_t *bytes, size_t size, struct entry_read *ret_entry)
{
	struct cursor c = { bytes, bytes + size, false };

	ret_entry->id = get_le(&c, 8);
	ret_entry->certificate_bytes = (uint16_t)get_le(&c, 2);
	if (c.failed || ret_entry->certificate_bytes > CERTIFICATE_BYTES_MAX ||
	    size != (size_t)ENTRY_HEAD_BYTES + ret_entry->certificate_bytes + MEMBER_RECORD_BYTES)
		return false;
	ret_entry->certificate = c.at;
	ret_entry->record = c.at + ret_entry->certificate_bytes;
	c = (struct cursor){ ret_entry->record, ret_entry->record + MEMBER_RECORD_BYTES, false };
	ret_entry->body = body_read(&c);
	return ret_entry->body.boot < 1ULL << (64 - SEQUENCE_BOOT_SHIFT) && ret_entry->body.incarnation != 0 &&
	       ret_entry->body.at_ns >= 0;
}

/* The certificate a record is checked by: the one held, or a newer one that came along. */
static enum reject certificate_for(struct node *node, const struct entry_read *entry, uint16_t number,
				   struct certificate *ret_certificate, bool *ret_new)
{
	const struct member *member = number == MEMBER_NONE ? NULL : &node->member->table[number];
	enum reject reason;

	*ret_new = false;
	if (member && member->certificate_bytes == entry->certificate_bytes &&
	    memcmp(member->certificate_issued, entry->certificate, entry->certificate_bytes) == 0) {
		*ret_certificate = member->certificate;
		return standing_check(node, ret_certificate); /* it may have been revoked since */
	}
	reason = certificate_open(entry->certificate, entry->certificate_bytes, &node->mesh, ret_certificate);
	if (reason != REJECT_NONE)
		return reason;
	if (ret_certificate->id != entry->id)
		return REJECT_CERTIFICATE;
	reason = standing_check(node, ret_certificate);
	if (reason != REJECT_NONE)
		return reason;
	*ret_new = !member || member->certificate_bytes == 0 || ret_certificate->serial > member->certificate.serial;
	return REJECT_NONE;
}

static void record_keep(struct node *node, struct now now, uint16_t number, const struct entry_read *entry,
			bool new_certificate)
{
	struct member *member = &node->member->table[number];

	if (new_certificate)
		member_keep_certificate(member, entry->certificate, entry->certificate_bytes);
	memcpy(member->record_signed, entry->record, MEMBER_RECORD_BYTES);
	member->record = entry->body;
	member->has_record = true;
	if (may_renew(member, now))
		member->account.records_left--;
	member_set_left(node, now, number, entry->body.left);
	if (!entry->body.left)
		member_alive(node, now, number); /* only it could have signed something newer: suspicion is refuted */
}

enum reject record_receive(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t from = arrival->member;
	struct entry_read entry;
	const struct endpoint *endpoint = &entry.body.endpoint;
	struct certificate certificate;
	enum reject reason;
	uint16_t number;
	bool new_certificate;

	if (!entry_read(arrival->bytes, arrival->size, &entry))
		return REJECT_MESSAGE;
	if (entry.id == node->id)
		return receive_own(node, now, &entry.body, entry.record);
	number = member_find(node, entry.id);
	if (number != MEMBER_NONE && node->member->table[number].standing.revoked)
		return REJECT_REVOKED;
	if (number != MEMBER_NONE && node->member->table[number].has_record) {
		const struct record_body *held = &node->member->table[number].record;
		const int newer = record_compare(&entry.body, held->incarnation, held->boot, held->version);
		const bool twin = entry.body.incarnation == held->incarnation && entry.body.boot == held->boot &&
				  entry.body.start != held->start;

		if (newer <= 0 && !twin)
			return REJECT_NONE; /* the normal fate of a second copy */
		if (twin && newer <= 0 && node->member->table[number].clone.reported_at.ns != 0)
			return REJECT_NONE; /* told before */
	}
	/* Signatures are checked within bounds: of who brings them, of whose they are, of all. (Member records, 5) */
	if (node->member->table[from].bad_signatures_left == 0)
		return REJECT_SIGNATURE;
	if ((number != MEMBER_NONE && !may_renew(&node->member->table[number], now)) || !may_check(node, now))
		return REJECT_HELLO_RATE;
	reason = certificate_for(node, &entry, number, &certificate, &new_certificate);
	if (reason == REJECT_NONE && !is_signed(node, &certificate, entry.record))
		reason = REJECT_SIGNATURE;
	if (reason != REJECT_NONE) {
		node->member->table[from].bad_signatures_left--;
		return reason;
	}
	if (number != MEMBER_NONE && node->member->table[number].has_record) {
		const struct record_body *held = &node->member->table[number].record;

		if (entry.body.incarnation == held->incarnation && entry.body.boot == held->boot &&
		    entry.body.start != held->start)
			member_cloned(node, now, number); /* two hosts with one key, started as often */
		if (record_compare(&entry.body, held->incarnation, held->boot, held->version) <= 0)
			return REJECT_NONE;
	}
	if (entry.body.endpoint.port == 0 && number != MEMBER_NONE)
		endpoint = &node->member->table[number].endpoint;
	/* A record begins a session, as a handshake does. (Member records, 2) */
	reason = member_meet(node, now, &certificate, entry.body.incarnation, entry.body.boot, endpoint, &number);
	if (reason != REJECT_NONE)
		return reason;
	record_keep(node, now, number, &entry, new_certificate);
	record_spread(node, now, number, from);
	return REJECT_NONE;
}

static uint8_t share_byte(double share)
{
	const double nearest = share * 255 + 0.5; /* by hand: the core does not call lround */

	return !(share > 0) ? 0 : share >= 1 ? 255 : (uint8_t)nearest;
}

void node_set_load(struct node *node, struct now now, double load, double load_limit)
{
	struct record_body *record = &node->member->table[0].record;
	const uint8_t w = share_byte(load), limit = share_byte(load_limit);
	const int step = w > record->load ? w - record->load : record->load - w;

	if (limit == record->load_limit && (step < LOAD_STEP || now.mesh.ns - record->at_ns < RENEW_MS * NS_PER_MS))
		return;
	record->load = w;
	record->load_limit = limit;
	record_renew(node, now);
}

void node_leave(struct node *node, struct now now)
{
	node->member->table[0].record.left = true;
	record_renew(node, now);
}
