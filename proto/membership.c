/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members, their sessions, their incarnations, how far their clocks are off. A member is learnt from a certificate in a greeting (greet.c)
 * and never forgotten while the node runs; only silence and skew change what it counts for.
 */
#include <errno.h>

#include "node_internal.h"

int membership_init(struct node *node, const struct certificate *self)
{
	struct member *member = &node->members[0];

	*member = (struct member){
		.used = true,
		.self = true,
		.up = true,
		.id = node->id,
		.certificate = *self,
		.incarnation = node->config.incarnation,
		.boot = node->config.boot,
	};
	if (self->endpoints > 0)
		member->endpoint = (struct endpoint){ self->endpoint[0].address, self->endpoint[0].port };
	node->origins[0] = (struct origin){ .used = true, .incarnation = node->config.incarnation };
	return 0;
}

uint16_t member_find(const struct node *node, uint64_t id)
{
	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		if (node->members[i].used && node->members[i].id == id)
			return i;
	}
	return MEMBER_NONE;
}

static uint16_t member_new(struct node *node, const struct certificate *certificate)
{
	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		struct member *member = &node->members[i];

		if (member->used)
			continue;
		*member = (struct member){ .used = true, .certificate = *certificate, .rtt_ms = NAN, .skew_ms = NAN };
		member->id = certificate->id;
		member->standing.key_slot = node->slot;
		return i;
	}
	return MEMBER_NONE;
}

enum reject member_meet(struct node *node, struct now now, const struct certificate *certificate, uint64_t incarnation, uint64_t boot,
			const struct endpoint *endpoint, uint16_t *ret_member)
{
	uint16_t number = member_find(node, certificate->id);
	struct member *member;

	if (number == MEMBER_NONE)
		number = member_new(node, certificate);
	if (number == MEMBER_NONE)
		return REJECT_MEMBERS_FULL;
	member = &node->members[number];
	if (member->session && (incarnation < member->incarnation || (incarnation == member->incarnation && boot < member->boot)))
		return REJECT_STALE_SESSION;
	if (!member->session || incarnation != member->incarnation || boot != member->boot) {
		/* Another start of the member: its counters begin anew, and datagrams of the old start no longer open. Ours go on: no nonce
		 * is used twice under the pair's key. */
		member->window = (struct window){ .highest = 0 };
		member->peer_sent_ns = 0;
		member->incarnation = incarnation;
		member->boot = boot;
		member->heard = false;
		member->hello_counter = 0;
		member->trust = BAD_SIGNATURES_PER_TICK;
	}
	trust_certificate(node, number, certificate);
	/* A member that is heard is where it is heard from. */
	if (!member_is_near(node, number, now))
		member->endpoint = *endpoint;
	member->session = true;
	*ret_member = number;
	return REJECT_NONE;
}

uint32_t origin_find(const struct node *node, uint16_t member, uint64_t incarnation)
{
	const uint32_t first = (uint32_t)member * INCARNATIONS_MAX;

	for (uint32_t i = first; i < first + INCARNATIONS_MAX; i++) {
		if (node->origins[i].used && node->origins[i].incarnation == incarnation)
			return i;
	}
	return INDEX_NONE;
}

uint32_t origin_of(struct node *node, uint16_t member, uint64_t incarnation)
{
	const uint32_t first = (uint32_t)member * INCARNATIONS_MAX;
	uint32_t oldest = origin_find(node, member, incarnation);

	if (oldest != INDEX_NONE)
		return oldest;
	/* Making room for an incarnation takes a walk through the ledger: one per member and slot is more than an honest one needs. */
	if (node->members[member].incarnation_slot == node->slot)
		return INDEX_NONE;
	node->members[member].incarnation_slot = node->slot;
	oldest = first;
	for (uint32_t i = first; i < first + INCARNATIONS_MAX; i++) {
		if (!node->origins[i].used)
			oldest = i;
		else if (node->origins[oldest].used && node->origins[i].incarnation < node->origins[oldest].incarnation)
			oldest = i;
	}
	if (node->origins[oldest].used) {
		if (incarnation < node->origins[oldest].incarnation)
			return INDEX_NONE;
		ledger_forget_origin(&node->ledger, (uint16_t)oldest);
	}
	node->origins[oldest] = (struct origin){ .used = true, .incarnation = incarnation };
	node->excluded[oldest] = node->members[member].skewed;
	return oldest;
}

void member_heard(struct node *node, uint16_t number, struct now now, const struct endpoint *from)
{
	struct member *member = &node->members[number];

	/* A member that moved is followed: only it could have sealed this. */
	member->endpoint = *from;
	member->heard_at = now.mono;
	member->heard = true;
	if (member->up)
		return;
	member->up = true;
	struct node_event event = { .kind = EVENT_MEMBER_UP, .at = now.mesh };

	memcpy(event.member, member->certificate.name, sizeof(event.member));
	node_tell(node, &event);
}

static void member_set_skewed(struct node *node, uint16_t number, struct now now, bool skewed)
{
	struct member *member = &node->members[number];
	struct node_event event = { .kind = skewed ? EVENT_MEMBER_SKEWED : EVENT_MEMBER_SKEW_OK, .at = now.mesh, .rate = member->skew_ms };

	if (member->skewed == skewed)
		return;
	member->skewed = skewed;
	for (uint32_t i = 0; i < INCARNATIONS_MAX; i++) {
		const uint32_t origin = (uint32_t)number * INCARNATIONS_MAX + i;

		node->excluded[origin] = skewed || node->origins[origin].quarantined;
	}
	memcpy(event.member, member->certificate.name, sizeof(event.member));
	node_tell(node, &event);
	/* Keys that rest on its cells are judged anew as the sweep of the next slot comes by, or when they change. */
}

/* The four time stamps of NTP (RFC 5905 section 8): ours sent, theirs received and sent (hold apart), ours received. */
void member_measure(struct node *node, uint16_t number, struct now now, int64_t sent_ns, int64_t echo_ns, int64_t hold_ns)
{
	struct member *member = &node->members[number];

	if (sent_ns > member->peer_sent_ns) {
		member->peer_sent_ns = sent_ns;
		member->peer_sent_at = now.mono;
	}
	if (echo_ns <= 0 || hold_ns < 0 || echo_ns > now.mesh.ns || hold_ns > now.mesh.ns - echo_ns)
		return;
	const double rtt = (double)(now.mesh.ns - echo_ns - hold_ns) / NS_PER_MS;
	const double skew = ((double)sent_ns - (double)now.mesh.ns) / NS_PER_MS + rtt / 2;

	if (isnan(member->rtt_ms)) {
		member->rtt_ms = rtt;
		member->skew_ms = skew;
	} else if (rtt <= 2 * member->rtt_ms + 1) { /* a delayed sample tells little of the clock */
		member->rtt_ms += (rtt - member->rtt_ms) / 8;
		member->skew_ms += (skew - member->skew_ms) / 4;
	} else {
		member->rtt_ms += (rtt - member->rtt_ms) / 8;
	}
	member_set_skewed(node, number, now, fabs(member->skew_ms) > SKEW_MS_MAX);
}

void membership_tick(struct node *node, struct now now)
{
	for (uint16_t i = 0; i < node->config.limits.members_max; i++) {
		struct member *member = &node->members[i];

		if (!member->used || member->self || !member->up)
			continue;
		if (duration_between(member->heard_at, now.mono).ns < MEMBER_SILENT_MS * NS_PER_MS)
			continue;
		member->up = false;
		struct node_event event = { .kind = EVENT_MEMBER_SILENT, .at = now.mesh };

		memcpy(event.member, member->certificate.name, sizeof(event.member));
		node_tell(node, &event);
	}
}
