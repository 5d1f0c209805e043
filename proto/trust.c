// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What follows from the authority's documents: who is out, which mesh secret is spoken, which policy holds. A document is believed when its
 * signature, serial and whole content are right, and takes effect at once; how it got here is spread_documents.c's. PROTOCOL.md sections
 * "Documents", "Revocation", "Rotation".
 */
#include <errno.h>

#include <sodium.h>

#include "node_internal.h"
#include "policy_wire.h"

static void secret_set(struct mesh_secret *place, const uint8_t secret[MESH_SECRET_BYTES])
{
	memcpy(place->secret, secret, MESH_SECRET_BYTES);
	rotation_fingerprint(secret, place->fingerprint);
	seal_hello_key(secret, place->hello_key);
}

void trust_init(struct node *node)
{
	struct trust *trust = node->trust;

	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++) {
		trust->held[kind].news = (struct news){ .serial = 0 };
		trust->held[kind].unkept = false;
		for (unsigned int i = 0; i < FETCHES_MAX; i++)
			trust->coming[kind][i].active = false;
		trust->patience[kind] = 0;
	}
	trust->revocation.count = 0;
	trust->secrets_count = 1;
	trust->effective_slot = trust->grace_end_slot = 0;
	secret_set(&trust->secrets[0], node->config.mesh_secret);
	node->members[0].standing.key_slot = node->slot;
}

void trust_close(struct node *node)
{
	sodium_memzero(node->trust->secrets, sizeof(node->trust->secrets));
	for (uint32_t i = 0; i < node->members_high; i++)
		sodium_memzero(node->members[i].standing.keys, sizeof(node->members[i].standing.keys));
}

/* ---- secrets ---- */

/* 0 from the effective slot on, the one before until then. */
static unsigned int secret_in_use(const struct node *node, struct now now)
{
	const struct trust *trust = node->trust;

	return trust->secrets_count == 1 || mesh_slot_at(&node->mesh, now.mesh) >= trust->effective_slot ? 0 : 1;
}

static bool grace_is_over(const struct node *node, struct now now)
{
	return mesh_slot_at(&node->mesh, now.mesh) >= node->trust->grace_end_slot;
}

/* Worked out when first needed: X25519 costs 0.1 ms. */
const uint8_t *trust_key(struct node *node, uint16_t number, unsigned int secret)
{
	struct member *member = &node->members[number];
	struct member_standing *t = &member->standing;

	if (!(t->keys_known >> secret & 1) &&
	    seal_key(node->config.secret_key, member->certificate.public_key, node->trust->secrets[secret].secret, t->keys[secret]) != 0)
		return NULL; /* no certificate that was opened holds such a key */
	t->keys_known |= (uint8_t)(1 << secret);
	return t->keys[secret];
}

/* As spoken to; the newest from its time on, once the other side is known to have it. */
unsigned int trust_secret_for(const struct node *node, uint16_t number, struct now now)
{
	const struct member_standing *t = &node->members[number].standing;

	if (secret_in_use(node, now) == 0 && t->news[DOCUMENT_ROTATION].serial >= node->trust->held[DOCUMENT_ROTATION].news.serial)
		return 0;
	return t->spoken;
}

unsigned int trust_secret_to_greet(const struct node *node, unsigned int tries, struct now now)
{
	return (secret_in_use(node, now) + tries) % node->trust->secrets_count;
}

bool trust_is_behind(const struct node *node, uint16_t number, struct now now)
{
	return node->members[number].standing.spoken > 0 && grace_is_over(node, now);
}

enum reject trust_open(struct node *node, struct now now, uint16_t number, const struct seal_context *context, uint8_t *bytes, size_t size,
		       size_t *ret_plain_size)
{
	struct member_standing *t = &node->members[number].standing;
	/* Who has spoken under the newest is not heard under an older one when the grace is over. */
	const unsigned int count = t->spoken == 0 && grace_is_over(node, now) ? 1 : node->trust->secrets_count;

	for (unsigned int i = 0; i < count; i++) {
		const unsigned int secret = (t->spoken + i) % count;
		const uint8_t *key = trust_key(node, number, secret);

		if (!key || seal_open(bytes, size, context, key, ret_plain_size) != REJECT_NONE)
			continue;
		if (secret < t->spoken)
			t->spoken = (uint8_t)secret;
		return REJECT_NONE;
	}
	return REJECT_SEAL;
}

enum reject trust_open_hello(struct node *node, const struct seal_context *context, uint8_t *bytes, size_t size, size_t *ret_plain_size,
			     unsigned int *ret_secret)
{
	for (unsigned int secret = 0; secret < node->trust->secrets_count; secret++) {
		if (seal_open(bytes, size, context, node->trust->secrets[secret].hello_key, ret_plain_size) != REJECT_NONE)
			continue;
		*ret_secret = secret;
		return REJECT_NONE;
	}
	return REJECT_SEAL;
}

/* ---- who is out ---- */

static bool id_is_lost(const struct revocation *revocation, uint64_t id)
{
	for (uint32_t i = 0; i < revocation->count; i++) {
		if (revocation->keys[i].id == id && revocation->keys[i].reason == REVOKED_LOST)
			return true;
	}
	return false;
}

enum reject trust_check(const struct node *node, const struct certificate *certificate)
{
	const uint16_t number = member_find(node, certificate->id);
	const struct certificate *known = number == MEMBER_NONE ? NULL : &node->members[number].certificate;

	if (id_is_lost(&node->trust->revocation, certificate->id))
		return REJECT_REVOKED;
	if (revocation_find(&node->trust->revocation, certificate->public_key))
		return REJECT_SUPERSEDED;
	if (known && certificate->serial < known->serial && memcmp(certificate->public_key, known->public_key, PUBLIC_KEY_BYTES) != 0)
		return REJECT_SUPERSEDED;
	return REJECT_NONE;
}

void trust_certificate(struct node *node, uint16_t number, const struct certificate *certificate)
{
	struct member *member = &node->members[number];

	if (certificate->serial <= member->certificate.serial)
		return;
	if (memcmp(certificate->public_key, member->certificate.public_key, PUBLIC_KEY_BYTES) != 0) {
		member->standing.keys_known = 0;
		member->standing.key_slot = node->slot;
	}
	member->certificate = *certificate;
	member_line(node, number);
}

/* A key that was replaced still vouches for what it signed before, as long as that is held. */
bool trust_frame_is_signed(const struct node *node, uint16_t number, const struct frame_root *root)
{
	const struct member *member = &node->members[number];

	if (frame_verify(root, &node->mesh, member->certificate.public_key))
		return true;
	return member->certificate.has_previous && node->slot < member->standing.key_slot + SLOTS_HELD &&
	       frame_verify(root, &node->mesh, member->certificate.previous_key);
}

static void tell_member(struct node *node, struct now now, uint16_t number, enum node_event_kind kind)
{
	struct node_event event = { .kind = kind, .at = now.mesh };

	memcpy(event.member, node->members[number].certificate.name, sizeof(event.member));
	node_tell(node, &event);
}

/* Its counts leave every verdict: the keys they stand in are judged again, then the cells go. */
static void forget_counts(struct node *node, uint16_t number)
{
	for (uint32_t i = 0; i < node->ledger.entries_high; i++) {
		const struct entry *entry = &node->ledger.entries[i];

		for (uint32_t at = entry->flags & ENTRY_USED ? entry->cells : INDEX_NONE; at != INDEX_NONE; at = ledger_below(&node->ledger, at)) {
			if (origin_member(ledger_at(&node->ledger, at)->origin) != number)
				continue;
			judge_dirty(node, i);
			break;
		}
	}
	for (uint32_t i = 0; i < INCARNATIONS_MAX; i++) {
		const uint32_t origin = (uint32_t)number * INCARNATIONS_MAX + i;

		node->excluded[origin] = true;
		if (node->origins[origin].used)
			ledger_forget_origin(&node->ledger, (uint16_t)origin);
	}
}

static void revoke(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->members[number];

	if (member->standing.revoked)
		return;
	member->standing.revoked = true;
	tell_member(node, now, number, EVENT_MEMBER_REVOKED);
	if (member->self) {
		/* Nobody listens any more; what is counted here still holds here. */
		node->config.gossip = false;
		node->outbox_count = 0;
		return;
	}
	member->session = member->heard = member->up = false;
	forget_counts(node, number);
}

static void adopt_revocation(struct node *node, struct now now)
{
	struct trust *trust = node->trust;

	trust->revocation = trust->revocation_read;
	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		struct member *member = &node->members[i];

		if (!member->used)
			continue;
		if (id_is_lost(&trust->revocation, member->id))
			revoke(node, now, i);
		else if (!member->self && revocation_find(&trust->revocation, member->certificate.public_key))
			member->session = member->heard = false; /* until it greets with its next key */
	}
}

/* ---- rotation ---- */

/* Which secrets this node has of those the document speaks of, newest first; 0: not the newest. */
static uint32_t secrets_of(const struct node *node, const struct rotation *rotation, uint8_t ret_secrets[SECRETS_MAX][MESH_SECRET_BYTES])
{
	const struct trust *trust = node->trust;

	if (rotation_open(rotation, &node->mesh, node->config.secret_key, ret_secrets))
		return rotation->secrets;
	/* Issued since: the newest came with its certificate. */
	for (uint32_t i = 0; i < trust->secrets_count; i++) {
		if (memcmp(trust->secrets[i].fingerprint, rotation->fingerprint[0], FINGERPRINT_BYTES) != 0)
			continue;
		memcpy(ret_secrets[0], trust->secrets[i].secret, MESH_SECRET_BYTES);
		return 1;
	}
	return 0;
}

/* Members go on under the secret they spoke; whose is gone must greet again. */
static void members_follow(struct node *node, const struct mesh_secret before[SECRETS_MAX])
{
	const struct trust *trust = node->trust;

	for (uint16_t n = 0; n < node->config.limits.members_max; n++) {
		struct member *member = &node->members[n];
		uint32_t place = 0;

		if (!member->used || member->self)
			continue;
		while (place < trust->secrets_count && memcmp(trust->secrets[place].fingerprint, before[member->standing.spoken].fingerprint,
							      FINGERPRINT_BYTES) != 0)
			place++;
		member->standing.keys_known = 0;
		member->standing.spoken = place < trust->secrets_count ? (uint8_t)place : 0;
		if (place == trust->secrets_count)
			member->session = member->heard = false;
	}
}

static void adopt_rotation(struct node *node, struct now now, const struct rotation *rotation)
{
	struct trust *trust = node->trust;
	struct mesh_secret before[SECRETS_MAX];
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES];
	const uint32_t count = secrets_of(node, rotation, secrets);

	if (count == 0) {
		tell_member(node, now, 0, EVENT_LEFT_OUT);
		return;
	}
	memcpy(before, trust->secrets, sizeof(before));
	trust->secrets_count = count;
	for (uint32_t i = 0; i < count; i++)
		secret_set(&trust->secrets[i], secrets[i]);
	trust->effective_slot = rotation->effective_slot;
	trust->grace_end_slot = rotation->effective_slot + rotation->grace_slots;
	members_follow(node, before);
	for (uint32_t i = 0; i < node->greetings_count; i++)
		node->greetings[i].secret = 0;
	sodium_memzero(secrets, sizeof(secrets));
	sodium_memzero(before, sizeof(before));
}

/* ---- documents ---- */

static enum reject compare(const struct held_document *held, const struct news *news)
{
	if (news->serial < held->news.serial)
		return REJECT_DOCUMENT_OLD;
	if (news->serial > held->news.serial)
		return REJECT_NONE;
	return memcmp(news->hash, held->news.hash, HASH_BYTES) == 0 ? REJECT_DOCUMENT_OLD : REJECT_DOCUMENT_CONFLICT;
}

/* Reads the whole content, and lets it take effect when there is nothing wrong with it. */
static enum reject take_effect(struct node *node, struct now now, const struct document *document)
{
	struct trust *trust = node->trust;
	struct rotation rotation;

	switch (document->kind) {
	case DOCUMENT_REVOCATION:
		if (!revocation_read(document->content, document->content_bytes, &trust->revocation_read) ||
		    !revocation_covers(&trust->revocation_read, &trust->revocation))
			return REJECT_DOCUMENT;
		adopt_revocation(node, now);
		return REJECT_NONE;
	case DOCUMENT_ROTATION:
		if (!rotation_read(document->content, document->content_bytes, node->id, &rotation))
			return REJECT_DOCUMENT;
		adopt_rotation(node, now, &rotation);
		return REJECT_NONE;
	case DOCUMENT_POLICY:
		if (!policy_wire_read(document->content, document->content_bytes, document->serial, &trust->policy) ||
		    node_set_policy(node, now, &trust->policy) != 0)
			return REJECT_DOCUMENT;
		return REJECT_NONE;
	default:
		return REJECT_DOCUMENT;
	}
}

enum reject trust_adopt(struct node *node, struct now now, const uint8_t *bytes, size_t size)
{
	struct document document;
	enum reject reason = document_open(bytes, size, &node->mesh, &document);
	struct held_document *held;
	struct news news;

	if (reason != REJECT_NONE)
		return reason;
	held = &node->trust->held[document.kind];
	news = (struct news){ .serial = document.serial, .size = (uint32_t)size };
	document_hash(bytes, size, news.hash);
	reason = compare(held, &news);
	if (reason == REJECT_NONE)
		reason = take_effect(node, now, &document);
	if (reason != REJECT_NONE)
		return reason;
	held->news = news;
	held->unkept = true;
	memcpy(held->bytes, bytes, size);
	struct node_event event = { .kind = EVENT_DOCUMENT, .at = now.mesh, .rate = (double)news.serial };

	memcpy(event.member, document_names[document.kind], strlen(document_names[document.kind]));
	node_tell(node, &event);
	return REJECT_NONE;
}

enum reject node_command(struct node *node, struct now now, const uint8_t *bytes, size_t size)
{
	const enum reject reason = trust_adopt(node, now, bytes, size);

	if (reason != REJECT_NONE)
		return node_reject(node, reason);
	spread_news_to_all(node, now);
	return REJECT_NONE;
}

enum reject node_restore(struct node *node, struct now now, const uint8_t *bytes, size_t size)
{
	const enum reject reason = trust_adopt(node, now, bytes, size);

	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++)
		node->trust->held[kind].unkept = false;
	return reason;
}

bool node_next_persist(struct node *node, enum document_kind *ret_kind, const uint8_t **ret_bytes, size_t *ret_size)
{
	for (unsigned int kind = 0; kind < DOCUMENT_KINDS; kind++) {
		struct held_document *held = &node->trust->held[kind];

		if (!held->unkept)
			continue;
		held->unkept = false;
		*ret_kind = (enum document_kind)kind;
		*ret_bytes = held->bytes;
		*ret_size = held->news.size;
		return true;
	}
	return false;
}

bool node_document(const struct node *node, enum document_kind kind, struct document_view *ret_view)
{
	const struct held_document *held = &node->trust->held[kind];

	if (held->news.serial == 0)
		return false;
	*ret_view = (struct document_view){ .serial = held->news.serial, .bytes = held->bytes, .size = held->news.size };
	memcpy(ret_view->hash, held->news.hash, HASH_BYTES);
	return true;
}
