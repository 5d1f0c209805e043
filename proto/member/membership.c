/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members, their sessions, their incarnations. A member becomes known by a handshake (handshake.c) or by its member
 * record, which any member may forward (records.c). It is forgotten a day after it announced that it leaves. A revoked
 * member keeps its place, so that it stays known as revoked.
 */
#include <sodium.h>

#include "member.h"

static uint32_t index_place(const struct node *node, uint64_t id)
{
	uint32_t at = (uint32_t)mix64(id ^ node->count->ledger.hash_seed[0]) & node->member->index_mask;

	/* Never full: it has twice as many places as there are members. */
	while (node->member->index[at] != MEMBER_NONE && node->member->table[node->member->index[at]].id != id)
		at = (at + 1) & node->member->index_mask;
	return at;
}

/* What its certificate now says its line carries bounds what its cells are read as. */
static void member_line(struct node *node, uint16_t number)
{
	const uint64_t rate = node->member->table[number].certificate.line_rate;
	const double slot_s = (double)mesh_slot_length(&node->mesh).ns / NS_PER_S;
	const double packets = ceil((double)rate * slot_s);
	const uint32_t line = rate == 0 || packets >= UINT32_MAX ? UINT32_MAX : (uint32_t)packets;

	if (node->count->ledger.line_packets[number] != line)
		ledger_set_line(&node->count->ledger, number, line);
}

/* At most half full, so that a search ends soon. */
static uint32_t index_size(const struct node_limits *limits)
{
	uint32_t size = 4;

	while (size < 2 * limits->members_max)
		size *= 2;
	return size;
}

void membership_take_memory(struct node *node, struct arena *arena, const struct node_limits *limits)
{
	struct membership *members = node->member;

	members->table = arena_take(arena, limits->members_max, sizeof(*members->table));
	members->index = arena_take(arena, index_size(limits), sizeof(*members->index));
	members->index_mask = index_size(limits) - 1;
	members->handshake.greetings = arena_take(arena, limits->members_max + PEERS_SPARE,
						  sizeof(*members->handshake.greetings));
	members->swim.order = arena_take(arena, limits->members_max, sizeof(*members->swim.order));
}

int membership_init(struct node *node, const struct certificate *self,
		    const uint8_t cookie_secret[COOKIE_SECRET_BYTES])
{
	struct member *member = &node->member->table[0];

	memcpy(node->member->handshake.cookie_secret, cookie_secret, COOKIE_SECRET_BYTES);
	node->member->handshake.checks_second = -1;
	node->member->handshake.cookies_second = -1;
	node->member->records_second = -1;
	for (uint32_t i = 0; i <= node->member->index_mask; i++)
		node->member->index[i] = MEMBER_NONE;
	*member = (struct member){
		.used = true,
		.self = true,
		.up = true,
		.id = node->id,
		.certificate = *self,
		.incarnation = node->config.incarnation,
		.boot = node->config.boot,
	};
	member_keep_certificate(member, node->config.certificate, node->config.certificate_bytes);
	if (self->endpoints > 0)
		member->endpoint = (struct endpoint){ self->endpoint[0].address, self->endpoint[0].port };
	node->member->index[index_place(node, node->id)] = 0;
	node->member->high = node->member->free = node->member->count = 1;
	member_line(node, 0);
	origin_begin(node, 0, true, node->config.incarnation);
	return 0;
}

void member_over_line(struct node *node, uint16_t number, enum key_kind kind)
{
	struct member *member = &node->member->table[number];
	struct node_event event = { .kind = EVENT_LINE_RATE, .at = mesh_tick_end(&node->mesh, node->tick) };
	const bool goes_on = member->account.line_slot + LINE_QUIET_SLOTS >= node->slot;

	member->account.line_slot = node->slot;
	if (goes_on)
		return;
	event.line_rate = member->certificate.line_rate;
	event.line_kind = kind;
	memcpy(event.member, member->certificate.name, sizeof(event.member));
	node_report(node, &event);
}

void member_keep_certificate(struct member *member, const uint8_t *bytes, size_t size)
{
	memcpy(member->certificate_issued, bytes, size);
	member->certificate_bytes = (uint16_t)size;
}

uint16_t member_find(const struct node *node, uint64_t id)
{
	return node->member->index[index_place(node, id)];
}

static uint16_t member_new(struct node *node, const struct certificate *certificate)
{
	const uint64_t id = certificate->id;

	for (uint32_t i = node->member->free; i < node->config.limits.members_max; i++) {
		struct member *member = &node->member->table[i];

		if (member->used)
			continue;
		node->member->free = i + 1;
		*member = (struct member){ .used = true,
					   .id = id,
					   .certificate = *certificate,
					   .parent = MEMBER_NONE,
					   .clock = { .rtt_ms = NAN, .skew_ms = NAN } };
		member->standing.key_slot = node->slot;
		node->member->index[index_place(node, id)] = i;
		node->member->count++;
		if (i >= node->member->high)
			node->member->high = i + 1;
		member_line(node, i);
		return i;
	}
	return MEMBER_NONE;
}

/* Rare: a member left a day ago. What it counted goes with it. */
void member_forget(struct node *node, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (number == 0 || !member->used)
		return;
	for (uint32_t i = 0; i < INCARNATIONS_MAX; i++) {
		const uint32_t origin = (uint32_t)number * INCARNATIONS_MAX + i;

		if (node->count->origins[origin].used)
			ledger_forget_origin(&node->count->ledger, (uint16_t)origin);
		origin_begin(node, origin, false, 0);
		origin_exclude(node, origin, false);
	}
	for (uint32_t i = 0; i < node->member->handshake.count; i++) {
		struct handshake *handshake = &node->member->handshake;

		if (handshake->greetings[i].member == number)
			handshake->greetings[i--] = handshake->greetings[--handshake->count];
	}
	if (member->state != MEMBER_LEFT)
		node->member->count--;
	sodium_memzero(member, sizeof(*member));
	if (number < node->member->free)
		node->member->free = number;
	for (uint32_t i = 0; i <= node->member->index_mask; i++)
		node->member->index[i] = MEMBER_NONE;
	for (uint16_t i = 0; i < node->member->high; i++) {
		if (node->member->table[i].used)
			node->member->index[index_place(node, node->member->table[i].id)] = i;
	}
}

void member_report(struct node *node, struct now now, uint16_t number, enum node_event_kind kind)
{
	struct node_event event = { .kind = kind, .at = now.mesh };

	memcpy(event.member, node->member->table[number].certificate.name, sizeof(event.member));
	node_report(node, &event);
}

void member_cloned(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (member->clone.reported_at.ns != 0 &&
	    duration_between(member->clone.reported_at, now.mono).ns < REPORT_AGAIN_MS * NS_PER_MS)
		return;
	member->clone.reported_at = now.mono;
	member_report(node, now, number, EVENT_MEMBER_CLONED);
}

/*
 * Another start of the member: its counters begin anew, and datagrams of the old start no longer open. Ours go on:
 * no nonce is used twice under the pair's key.
 */
static void session_begin(struct member *member, struct now now, uint64_t incarnation, uint64_t boot)
{
	member->anti_replay = (struct anti_replay){ .highest = 0 };
	member->path = (struct path_loss){ .measured = false };
	member->relay_asked = false;
	member->clock.peer_sent_ns = 0;
	member->incarnation = incarnation;
	member->boot = boot;
	member->heard = false;
	member->hello_counter = 0;
	member->bad_signatures_left = BAD_SIGNATURES_PER_TICK;
	member->serve_budget = SERVE_FRAMES_PER_TICK;
	member->challenge.echo = 0;
	member->proven = false;
	member->met_at = now.mono;
	member->clone.stale_since.ns = 0;
	member->session = true;
}

/* A member shows a certificate: the later one counts. */
static void member_certificate(struct node *node, uint16_t number, const struct certificate *certificate)
{
	struct member *member = &node->member->table[number];

	if (certificate->serial <= member->certificate.serial)
		return;
	if (memcmp(certificate->public_key, member->certificate.public_key, PUBLIC_KEY_BYTES) != 0) {
		member->standing.keys_known = 0;
		member->standing.key_slot = node->slot;
	}
	member->certificate = *certificate;
	member_line(node, number);
}

enum reject member_meet(struct node *node, struct now now, const struct certificate *certificate, uint64_t incarnation,
			uint64_t boot, const struct endpoint *endpoint, uint16_t *ret_member)
{
	uint16_t number = member_find(node, certificate->id);
	struct member *member;

	if (number == MEMBER_NONE)
		number = member_new(node, certificate);
	if (number == MEMBER_NONE)
		return REJECT_MEMBERS_FULL;
	member = &node->member->table[number];
	if (member->session &&
	    (incarnation < member->incarnation || (incarnation == member->incarnation && boot < member->boot)))
		return REJECT_STALE_SESSION;
	if (!member->session || incarnation != member->incarnation || boot != member->boot)
		session_begin(member, now, incarnation, boot);
	member_certificate(node, number, certificate);
	/*
	 * A member that is heard is where it is heard from; one that proved its address stays there until it starts
	 * again.
	 */
	if (!member_is_near(node, number, now) && !member->proven && !endpoint_equal(&member->endpoint, endpoint)) {
		member->endpoint = *endpoint;
		member->proven = false;
	}
	*ret_member = number;
	return REJECT_NONE;
}

uint32_t origin_find(const struct node *node, uint16_t member, uint64_t incarnation)
{
	const uint32_t first = (uint32_t)member * INCARNATIONS_MAX;

	for (uint32_t i = first; i < first + INCARNATIONS_MAX; i++) {
		if (node->count->origins[i].used && node->count->origins[i].incarnation == incarnation)
			return i;
	}
	return INDEX_NONE;
}

/* A free place, one that was only claimed by others, or the oldest incarnation's. */
static uint32_t place_for(const struct node *node, uint16_t member)
{
	const uint32_t first = (uint32_t)member * INCARNATIONS_MAX;
	uint32_t oldest = first;

	for (uint32_t i = first; i < first + INCARNATIONS_MAX; i++) {
		const struct origin *origin = &node->count->origins[i];

		if (!origin->used || (origin->frames_received == 0 && member != 0 &&
				      origin->incarnation != node->member->table[member].incarnation))
			return i;
		if (origin->incarnation < node->count->origins[oldest].incarnation)
			oldest = i;
	}
	return oldest;
}

uint32_t origin_claimed(struct node *node, uint16_t member, uint64_t incarnation)
{
	const uint32_t place = place_for(node, member);

	if (incarnation == 0 || incarnation >= node->member->table[member].incarnation ||
	    node->count->origins[place].used)
		return INDEX_NONE;
	origin_begin(node, place, true, incarnation);
	origin_exclude(node, place, node->member->table[member].clock.skewed);
	return place;
}

uint32_t origin_of(struct node *node, uint16_t member, uint64_t incarnation)
{
	uint32_t oldest = origin_find(node, member, incarnation);

	if (oldest != INDEX_NONE)
		return oldest;
	/*
	 * Making room for an incarnation takes a walk through the ledger: one per member and slot is more than an
	 * honest one needs.
	 */
	if (node->member->table[member].account.incarnation_slot == node->slot)
		return INDEX_NONE;
	node->member->table[member].account.incarnation_slot = node->slot;
	oldest = place_for(node, member);
	if (node->count->origins[oldest].used && node->count->origins[oldest].frames_received > 0) {
		if (incarnation < node->count->origins[oldest].incarnation)
			return INDEX_NONE;
		ledger_forget_origin(&node->count->ledger, (uint16_t)oldest);
	}
	origin_begin(node, oldest, true, incarnation);
	origin_exclude(node, oldest, node->member->table[member].clock.skewed);
	return oldest;
}

void member_alive(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (member->state == MEMBER_LEFT)
		return;
	if (member->state != MEMBER_ALIVE) {
		member->state = MEMBER_ALIVE;
		member->state_at = now.mono;
	}
	if (member->up || (node_is_direct(node) && !member->heard))
		return;
	member->up = true;
	member_report(node, now, number, EVENT_MEMBER_UP);
}

uint32_t members_counted(const struct node *node)
{
	uint32_t members = 0;

	for (uint16_t i = 0; i < node->member->high; i++) {
		const struct member *member = &node->member->table[i];

		members += member->used && !member->standing.revoked && member->state != MEMBER_LEFT;
	}
	return members > 0 ? members : 1;
}
