// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts the authority's documents into force: revoked keys, mesh secrets, policies. A document is accepted when its
 * signature, serial and whole content are valid, and takes effect at once. spread_documents.c fetches and forwards
 * documents. PROTOCOL sections "Documents", "Revocation", "Rotation".
 */
#include <errno.h>

#include <sodium.h>

#include "trust.h"
#include "node.h"
#include "policy_wire.h"

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
}

/* ---- revocation ---- */

/* Removes a member's cells from the ledger, and marks their keys to be judged again. */
static void forget_counts(struct node *node, uint16_t number)
{
	for (uint32_t i = 0; i < node->count->ledger.entries_high; i++) {
		const struct entry *entry = &node->count->ledger.entries[i];

		for (uint32_t at = entry->flags & ENTRY_USED ? entry->stack : INDEX_NONE; at != INDEX_NONE;
		     at = stack_below(&node->count->ledger, at)) {
			if (origin_member(ledger_at(&node->count->ledger, at)->origin) != number)
				continue;
			judge_dirty(node, i);
			break;
		}
	}
	for (uint32_t i = 0; i < INCARNATIONS_MAX; i++) {
		const uint32_t origin = (uint32_t)number * INCARNATIONS_MAX + i;

		origin_exclude(node, origin, true);
		if (node->count->origins[origin].used)
			ledger_forget_origin(&node->count->ledger, (uint16_t)origin);
	}
}

static void revoke(struct node *node, struct now now, uint16_t number)
{
	struct member *member = &node->member->table[number];

	if (member->standing.revoked)
		return;
	member->standing.revoked = true;
	member_report(node, now, number, EVENT_MEMBER_REVOKED);
	if (member->self) {
		/* Nobody listens any more; what is counted here still holds here. */
		node->config.gossip = false;
		outbox_stop(node);
		return;
	}
	member->session = member->heard = member->up = false;
	forget_counts(node, number);
}

static void adopt_revocation(struct node *node, struct now now)
{
	struct trust *trust = node->trust;

	node->member->secrets.revocation = trust->revocation_read;
	for (uint32_t i = 0; i < node->config.limits.members_max; i++) {
		struct member *member = &node->member->table[i];

		if (!member->used)
			continue;
		if (revocation_has_lost(&node->member->secrets.revocation, member->id))
			revoke(node, now, i);
		else if (!member->self &&
			 revocation_find(&node->member->secrets.revocation, member->certificate.public_key))
			member->session = member->heard = false; /* until it greets with its next key */
	}
}

/* ---- rotation ---- */

/* Which secrets this node has of those the document speaks of, newest first; 0: not the newest. */
static uint32_t secrets_of(const struct node *node, const struct rotation *rotation,
			   uint8_t ret_secrets[SECRETS_MAX][MESH_SECRET_BYTES])
{
	const struct secrets *held = &node->member->secrets;

	if (rotation_open(rotation, &node->mesh, node->config.secret_key, ret_secrets))
		return rotation->secrets;
	/* Issued since: the newest came with its certificate. */
	for (uint32_t i = 0; i < held->count; i++) {
		if (memcmp(held->items[i].fingerprint, rotation->fingerprint[0], FINGERPRINT_BYTES) != 0)
			continue;
		memcpy(ret_secrets[0], held->items[i].secret, MESH_SECRET_BYTES);
		return 1;
	}
	return 0;
}

/* Finds each member's mesh secret in the new list. A member whose secret is gone needs a new handshake. */
static void members_follow(struct node *node, const struct mesh_secret before[SECRETS_MAX])
{
	const struct secrets *held = &node->member->secrets;

	for (uint32_t n = 0; n < node->config.limits.members_max; n++) {
		struct member *member = &node->member->table[n];
		uint32_t place = 0;

		if (!member->used || member->self)
			continue;
		while (place < held->count &&
		       memcmp(held->items[place].fingerprint, before[member->standing.spoken].fingerprint,
			      FINGERPRINT_BYTES) != 0)
			place++;
		member->standing.keys_known = 0;
		member->standing.spoken = place < held->count ? (uint8_t)place : 0;
		if (place == held->count)
			member->session = member->heard = false;
	}
}

static void adopt_rotation(struct node *node, struct now now, const struct rotation *rotation)
{
	struct secrets *held = &node->member->secrets;
	struct mesh_secret before[SECRETS_MAX];
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES];
	const uint32_t count = secrets_of(node, rotation, secrets);

	if (count == 0) {
		member_report(node, now, 0, EVENT_LEFT_OUT);
		return;
	}
	memcpy(before, held->items, sizeof(before));
	held->count = count;
	for (uint32_t i = 0; i < count; i++)
		secret_set(&held->items[i], secrets[i]);
	held->effective_slot = rotation->effective_slot;
	held->grace_end_slot = rotation->effective_slot + rotation->grace_slots;
	members_follow(node, before);
	for (uint32_t i = 0; i < node->member->handshake.count; i++)
		node->member->handshake.greetings[i].secret = 0;
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
		    !revocation_covers(&trust->revocation_read, &node->member->secrets.revocation))
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
	if (document.kind == DOCUMENT_ROTATION)
		node->member->secrets.serial = news.serial;
	held->news = news;
	held->unkept = true;
	memcpy(held->bytes, bytes, size);
	node_report(node, &(struct node_event){
				  .kind = EVENT_DOCUMENT, .at = now.mesh, .document = { document.kind, news.serial } });
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
	*ret_view = (struct document_view){ .serial = held->news.serial,
					    .bytes = held->bytes,
					    .size = held->news.size };
	memcpy(ret_view->hash, held->news.hash, HASH_BYTES);
	return true;
}
