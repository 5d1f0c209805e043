/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Failure detection. In a mesh of more than DIRECT_MEMBERS_MAX each member probes one other per period, in an order
 * shuffled anew each round (SWIM). A member that does not answer is probed through other members, then suspected, then
 * called down, unless it refutes this with a newer member record. A member that itself receives few answers is slower
 * to suspect others (Lifeguard). The same PING, sent to a new address, is the challenge of address.c. PROTOCOL
 * section "Failure detection".
 */
#include "assertion.h"
#include "member.h"

#define TELLINGS 4 /* x log2(members): how often each member sends each rumour, as in SWIM */

void swim_init(struct node *node)
{
	node->member->swim.probe.member = MEMBER_NONE;
	for (unsigned int i = 0; i < ERRANDS_SIZE; i++)
		node->member->swim.errands[i].member = MEMBER_NONE;
	for (unsigned int i = 0; i < RUMOURS_SIZE; i++)
		node->member->swim.rumours[i].member = MEMBER_NONE;
}

static int64_t members_log2(const struct node *node)
{
	int64_t log = 0;

	for (uint32_t members = node->member->count; members > 1; members /= 2)
		log++;
	return log;
}

/* ---- rumours ---- */

static uint8_t tellings(const struct node *node)
{
	return (uint8_t)(TELLINGS * (1 + members_log2(node)));
}

static void rumour_add(struct node *node, uint16_t member)
{
	struct rumour *place = &node->member->swim.rumours[0];

	for (unsigned int i = 0; i < RUMOURS_SIZE; i++) {
		struct rumour *rumour = &node->member->swim.rumours[i];

		if (rumour->member == member) {
			rumour->tellings = tellings(node);
			return;
		}
		if (place->member != MEMBER_NONE &&
		    (rumour->member == MEMBER_NONE || rumour->tellings < place->tellings))
			place = rumour;
	}
	*place = (struct rumour){ .member = member, .tellings = tellings(node) };
}

static uint64_t record_number(const struct record_body *record)
{
	return record->boot << SEQUENCE_BOOT_SHIFT | record->version;
}

static uint8_t *rumour_write(const struct member *member, uint8_t *at)
{
	at = put_le(at, member->id, 8);
	at = put_le(at, member->state, 1);
	at = put_le(at, member->record.incarnation, 8);
	return put_le(at, record_number(&member->record), 8);
}

/* What is said of the receiver comes first: it alone can refute it. */
static uint8_t *rumours_write(struct node *node, const struct member *to, uint8_t *at)
{
	unsigned int told = 0;

	if (to->has_record && (to->state == MEMBER_SUSPECT || to->state == MEMBER_DOWN)) {
		at = rumour_write(to, at);
		told++;
	}
	for (unsigned int i = 0; i < RUMOURS_SIZE && told < RUMOURS_PER_PROBE; i++) {
		struct rumour *rumour = &node->member->swim.rumours[i];
		const struct member *member;

		if (rumour->member == MEMBER_NONE)
			continue;
		member = &node->member->table[rumour->member];
		if (!member->used || !member->has_record || rumour->tellings == 0) {
			rumour->member = MEMBER_NONE;
			continue;
		}
		at = rumour_write(member, at);
		rumour->tellings--;
		told++;
	}
	return at;
}

static void set_state(struct node *node, struct now now, uint16_t number, enum member_state state)
{
	struct member *member = &node->member->table[number];

	if (member->state == state)
		return;
	member->state = (uint8_t)state;
	member->state_at = now.mono;
	rumour_add(node, number);
	if (state == MEMBER_DOWN && member->up) {
		member->up = false;
		member_report(node, now, number, EVENT_MEMBER_SILENT);
	}
}

/* A probe that this node sent failed, or it is suspected. probe_done is the opposite. (Failure detection, 6) */
static void health_worsen(struct node *node)
{
	node->member->swim.health += node->member->swim.health < HEALTH_MAX - 1;
}

/* What a member tells of another one, or of this node. (Failure detection, 4) */
static void rumour_receive(struct node *node, struct now now, uint64_t id, uint8_t state, uint64_t incarnation,
			   uint64_t number)
{
	const uint16_t which = member_find(node, id);
	struct member *member = which == MEMBER_NONE ? NULL : &node->member->table[which];

	/* A record we have not, or one that was refuted: not about what is known here. */
	if (!member || !member->has_record || member->record.incarnation != incarnation ||
	    record_number(&member->record) != number)
		return;
	if (state != MEMBER_SUSPECT && state != MEMBER_DOWN)
		return;
	if (member->self) {
		/*
		 * No honest suspicion is younger than a probe's timeout. A liar's would draw a signature and a flood
		 * of records each. (Failure detection, 5)
		 */
		if (now.mesh.ns - member->record.at_ns < PROBE_TIMEOUT_MS * NS_PER_MS)
			return;
		health_worsen(node);
		record_renew(node, now);
		return;
	}
	/*
	 * A member that is near, or suspected already, stays as it is. One that others call down is only suspected
	 * here, so that it has the same time to refute a lie at every member.
	 */
	if (!member_is_near(node, which, now) && member->state == MEMBER_ALIVE)
		set_state(node, now, which, MEMBER_SUSPECT);
}

static enum reject rumours_read(struct node *node, struct now now, const uint8_t *bytes, size_t size)
{
	struct cursor c = { bytes, bytes + size, false };

	if (size % RUMOUR_BYTES != 0 || size > (size_t)RUMOURS_PER_PROBE * RUMOUR_BYTES)
		return REJECT_MESSAGE;
	while (!cursor_done(&c)) {
		const uint64_t id = get_le(&c, 8);
		const uint8_t state = (uint8_t)get_le(&c, 1);
		const uint64_t incarnation = get_le(&c, 8), number = get_le(&c, 8);

		rumour_receive(node, now, id, state, incarnation, number);
	}
	return REJECT_NONE;
}

/* ---- probes ---- */

/* Fisher and Yates; members that joined since the last round come in here. */
static void shuffle(struct node *node)
{
	node->member->swim.at = node->member->swim.count = 0;
	for (uint16_t i = 1; i < node->member->high; i++) {
		const uint32_t place = (uint32_t)(node_random(node) % (node->member->swim.count + 1));

		if (!node->member->table[i].used || node->member->table[i].state == MEMBER_LEFT)
			continue;
		node->member->swim.order[node->member->swim.count++] = node->member->swim.order[place];
		node->member->swim.order[place] = i;
	}
}

static uint16_t probe_next(struct node *node)
{
	if (node->member->swim.at >= node->member->swim.count)
		shuffle(node);
	while (node->member->swim.at < node->member->swim.count) {
		const uint16_t number = node->member->swim.order[node->member->swim.at++];

		if (node->member->table[number].used && node->member->table[number].session &&
		    node->member->table[number].state != MEMBER_LEFT)
			return number;
	}
	return MEMBER_NONE;
}

/* Begins a period with a PING to the next member. (Failure detection, 1) */
static void probe_begin(struct node *node, struct now now)
{
	const uint16_t number = probe_next(node);

	node->member->swim.probe = (struct probe){ .member = number, .at = now.mono };
	if (number == MEMBER_NONE)
		return;
	node->member->table[number].challenge.echo = 0;
	member_challenge(node, now, number, &node->member->table[number].endpoint);
	node->member->swim.probe.echo = node->member->table[number].challenge.echo;
	if (node->member->table[number].state != MEMBER_ALIVE)
		greet_member(node, now, number); /* it may have started again, or not know this start of ours */
}

/* No PONG has come in time: neighbours are asked to probe the member. (Failure detection, 2) */
static void ask_helpers(struct node *node, struct now now)
{
	const uint16_t about = node->member->swim.probe.member;

	node->member->swim.probe.helped = true;
	for (unsigned int i = 0; i < PROBE_HELPERS; i++) {
		const uint16_t helper = neighbour_any(node, now, about);
		const struct out out = { .kind = OUT_PING_REQ,
					 .target = helper,
					 .ping_req = { .echo = node->member->swim.probe.echo, .about = about } };

		if (helper != MEMBER_NONE)
			outbox_add(node, out);
	}
	if (!node->member->table[about].heard)
		greet_member(node, now, about);
}

/* Ends a probe period: a member that has not answered is suspected. (Failure detection, 3) */
static void probe_end(struct node *node, struct now now)
{
	const uint16_t number = node->member->swim.probe.member;

	node->member->swim.probe.member = MEMBER_NONE;
	if (number == MEMBER_NONE || !node->member->table[number].used)
		return;
	health_worsen(node);
	if (node->member->table[number].state == MEMBER_ALIVE && !member_is_near(node, number, now))
		set_state(node, now, number, MEMBER_SUSPECT);
}

static void suspects_age(struct node *node, struct now now)
{
	const int64_t patience_ns = SUSPECT_PERIODS * PROBE_MS * NS_PER_MS * (1 + node->member->swim.health) *
				    (10 + 3 * members_log2(node)) / 10;

	for (uint16_t i = 1; i < node->member->high; i++) {
		const struct member *member = &node->member->table[i];

		if (member->used && member->state == MEMBER_SUSPECT &&
		    duration_between(member->state_at, now.mono).ns > patience_ns)
			set_state(node, now, i, MEMBER_DOWN);
	}
}

static int64_t period_ns(const struct node *node)
{
	return PROBE_MS * NS_PER_MS * (1 + node->member->swim.health);
}

void swim_turn(struct node *node, struct now now)
{
	int64_t jitter_ns;

	if (node_is_direct(node) || !node->config.gossip) {
		node->member->swim.probe.member = MEMBER_NONE;
		return;
	}
	if (node->member->swim.probe.member != MEMBER_NONE && !node->member->swim.probe.helped &&
	    duration_between(node->member->swim.probe.at, now.mono).ns >= PROBE_TIMEOUT_MS * NS_PER_MS)
		ask_helpers(node, now);
	if (instant_is_before(now.mono, node->member->swim.due))
		return;
	probe_end(node, now);
	suspects_age(node, now);
	probe_begin(node, now);
	/* A tenth of jitter: members that started together do not probe together. */
	jitter_ns = (int64_t)(node_random(node) % (PROBE_MS * NS_PER_MS / 10));
	node->member->swim.due = instant_after(now.mono, (struct duration){ period_ns(node) + jitter_ns });
}

/* ---- datagrams ---- */

/* A free place for an errand of this asker, or NULL. One asker gets at most ERRANDS_EACH. */
static struct errand *errand_free(struct node *node, struct now now, uint16_t asker)
{
	struct errand *free = NULL;
	unsigned int of_asker = 0;

	for (unsigned int i = 0; i < ERRANDS_SIZE; i++) {
		struct errand *errand = &node->member->swim.errands[i];

		if (errand->member == MEMBER_NONE ||
		    duration_between(errand->at, now.mono).ns >= 2 * PROBE_MS * NS_PER_MS)
			free = errand;
		else
			of_asker += errand->asker == asker;
	}
	return of_asker < ERRANDS_EACH ? free : NULL;
}

static void errand_add(struct node *node, struct now now, uint16_t asker, uint16_t about, uint64_t asker_echo)
{
	struct errand *errand = errand_free(node, now, asker);

	if (!errand)
		return;
	*errand = (struct errand){
		.asker = asker, .member = about, .asker_echo = asker_echo, .echo = echo_draw(node), .at = now.mono
	};
	outbox_add(node,
		   (struct out){ .kind = OUT_PING, .target = about, .ping = { .echo = errand->echo, .errand = true } });
}

enum reject swim_receive_ping_req(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t asker = arrival->member;
	struct cursor c = arrival_cursor(arrival);
	const uint64_t echo = get_le(&c, 8), id = get_le(&c, 8);
	uint16_t about;

	about = member_find(node, id);
	if (about != MEMBER_NONE && about != asker && !node->member->table[about].self &&
	    node->member->table[about].session)
		errand_add(node, now, asker, about, echo);
	return REJECT_NONE;
}

/* The answer goes to where the PING came from, and is no longer than it. */
static void answer(struct node *node, struct now now, uint16_t member, const struct endpoint *to, uint64_t echo,
		   int64_t sent_ns)
{
	const uint32_t place = node->member->replies.next++ % REPLIES_SIZE;

	node->member->replies.items[place] = (struct reply){ .kind = REPLY_TO_PING,
							     .to = *to,
							     .ping = { echo, sent_ns, now.mono } };
	outbox_add(node, (struct out){ .kind = OUT_PONG,
				       .target = member,
				       .reply = { .place = (uint16_t)place, .number = node->member->replies.next } });
}

enum reject swim_receive_ping(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t member = arrival->member;
	const struct endpoint *from = arrival->from;
	struct cursor c = arrival_cursor(arrival);
	const uint64_t echo = get_le(&c, 8);
	const int64_t sent = (int64_t)get_le(&c, 8);

	if (arrival->size < PROBE_PLAIN_BYTES - 1)
		return REJECT_MESSAGE;
	answer(node, arrival->arrived, member, from, echo, sent);
	return rumours_read(node, now, arrival->bytes + PROBE_PLAIN_BYTES - 1, arrival->size - (PROBE_PLAIN_BYTES - 1));
}

/* Changes this node's own address when two members see it at the same other address. */
static void seen_as(struct node *node, struct now now, uint64_t by, const struct endpoint *at)
{
	struct member *self = &node->member->table[0];

	if (at->port == 0 || endpoint_equal(at, &self->endpoint))
		return;
	if (!endpoint_equal(at, &node->member->swim.seen_as)) {
		node->member->swim.seen_as = *at;
		node->member->swim.seen_by = by;
		return;
	}
	if (node->member->swim.seen_by == by || now.mesh.ns - self->record.at_ns < MEMBER_SILENT_MS * NS_PER_MS)
		return;
	self->endpoint = *at;
	record_renew(node, now);
}

static void errand_done(struct node *node, struct now now, uint16_t member, uint64_t echo)
{
	for (unsigned int i = 0; i < ERRANDS_SIZE; i++) {
		struct errand *errand = &node->member->swim.errands[i];

		if (errand->member != member || errand->echo != echo)
			continue;
		errand->member = MEMBER_NONE;
		if (node->member->table[errand->asker].used)
			answer(node, now, errand->asker, &node->member->table[errand->asker].endpoint,
			       errand->asker_echo, 0);
	}
}

static void probe_done(struct node *node, struct now now, uint64_t echo)
{
	if (node->member->swim.probe.member == MEMBER_NONE || node->member->swim.probe.echo != echo)
		return;
	member_alive(node, now, node->member->swim.probe.member); /* by itself or by a helper's word */
	node->member->swim.probe.member = MEMBER_NONE;
	node->member->swim.health -= node->member->swim.health > 0;
}

enum reject swim_receive_pong(struct node *node, const struct arrival *arrival)
{
	const struct now now = arrival->now;
	const uint16_t number = arrival->member;
	const struct endpoint *from = arrival->from;
	struct member *member = &node->member->table[number];
	struct cursor c = arrival_cursor(arrival);
	const uint64_t echo = get_le(&c, 8);
	const int64_t sent = (int64_t)get_le(&c, 8), ping_sent = (int64_t)get_le(&c, 8), hold = (int64_t)get_le(&c, 8);
	struct endpoint seen;

	get_bytes(&c, seen.address.bytes, 16);
	seen.port = (uint16_t)get_le(&c, 2);
	if (c.failed)
		return REJECT_MESSAGE;
	if (member->challenge.echo == echo && echo != 0) {
		member_measure(node, number, arrival->arrived, sent, ping_sent, hold);
		if (endpoint_equal(&member->challenge.to, from))
			member_prove(node, number, from);
		seen_as(node, now, member->id, &seen);
	}
	probe_done(node, now, echo);
	errand_done(node, now, number, echo);
	return rumours_read(node, now, arrival->bytes + PROBE_PLAIN_BYTES - 1, arrival->size - (PROBE_PLAIN_BYTES - 1));
}

size_t swim_write_ping(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	const struct member *member = &node->member->table[out->target];
	struct endpoint *to = departure->to;
	uint8_t *at = ret_plain;

	*to = !out->ping.errand && member->challenge.echo == out->ping.echo ? member->challenge.to : member->endpoint;
	if (to->port == 0)
		return 0;
	at = put_le(at, MESSAGE_PING, 1);
	at = put_le(at, out->ping.echo, 8);
	at = put_le(at, (uint64_t)departure->now.mesh.ns, 8);
	memset(at, 0, (size_t)(ret_plain + PROBE_PLAIN_BYTES - at));
	at = ret_plain + PROBE_PLAIN_BYTES;
	if (member->proven && endpoint_equal(departure->to, &member->endpoint))
		at = rumours_write(node, member, at);
	return (size_t)(at - ret_plain);
}

size_t swim_write_pong(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	const struct out *out = departure->out;
	const struct reply *reply = &node->member->replies.items[out->reply.place];
	const struct member *member = &node->member->table[out->target];
	uint8_t *at = ret_plain;

	if (reply_is_gone(node, out))
		return 0;
	ASSERT(reply->kind == REPLY_TO_PING);
	*departure->to = reply->to;
	at = put_le(at, MESSAGE_PONG, 1);
	at = put_le(at, reply->ping.echo, 8);
	at = put_le(at, (uint64_t)departure->now.mesh.ns, 8);
	at = put_le(at, (uint64_t)reply->ping.sent_ns, 8);
	at = put_le(at, (uint64_t)duration_between(reply->ping.came_at, departure->now.mono).ns, 8);
	at = put_bytes(at, reply->to.address.bytes, 16);
	at = put_le(at, reply->to.port, 2);
	if (member->proven && endpoint_equal(departure->to, &member->endpoint))
		at = rumours_write(node, member, at);
	return (size_t)(at - ret_plain);
}

size_t swim_write_ping_req(struct node *node, const struct departure *departure, uint8_t *ret_plain)
{
	uint8_t *at = ret_plain;

	at = put_le(at, MESSAGE_PING_REQ, 1);
	at = put_le(at, departure->out->ping_req.echo, 8);
	at = put_le(at, node->member->table[departure->out->ping_req.about].id, 8);
	return (size_t)(at - ret_plain);
}
