/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Greeting: how two nodes that know only an address and the mesh secret learn each other's certificate and session.
 * Three HELLOs (hello.c) of one exact length under the mesh secret (PROTOCOL section "Handshake"):
 *
 *   A -> B  GREET    A's certificate, A's token, the cookie that B sent to A's address (or none)
 *   B -> A  COOKIE   when the cookie is not valid: a new one. B checks nothing else and stores nothing
 *   B -> A  WELCOME  when it is valid: B's certificate, A's token
 *   B -> A  LATER    when it is valid, but B knows a later boot of A, which has fallen silent: A's own record of that
 *                    boot
 *
 * GREET and WELCOME are signed by the key of their certificate: every member has every certificate, so a certificate
 * alone proves nothing. A GREET with a cookie names its receiver, so a receiver cannot use it to greet another member.
 */
#include <sodium.h>

#include "assertion.h"
#include "hello.h"

/*
 * Greetings of an earlier start show a clone after this long: by then no cookie is good that an ended start had been
 * given, and a recorded datagram shows nothing.
 */
#define CLONE_AFTER_MS (2 * COOKIE_LIFETIME_MS)
#define CLONE_CHECK_MS 60000 /* between checks of a signature, per member: replays use up none of the greetings' */
#define COOKIES_PER_S 200 /* given away for a datagram each: 1 Mbit/s */

/*
 * A cookie says: a datagram sent to this address, to this id, reached its reader not long ago. Nothing is stored for
 * it.
 */
static void cookie_make(const struct node *node, const struct endpoint *to, uint64_t greeter, int64_t period,
			uint8_t ret_cookie[COOKIE_BYTES])
{
	uint8_t input[16 + 2 + 8 + 8], *at = input;

	at = put_bytes(at, to->address.bytes, 16);
	at = put_le(at, to->port, 2);
	at = put_le(at, greeter, 8);
	put_le(at, (uint64_t)period, 8);
	crypto_generichash(ret_cookie, COOKIE_BYTES, input, sizeof(input), node->member->handshake.cookie_secret,
			   sizeof(node->member->handshake.cookie_secret));
}

static int64_t cookie_period(struct now now)
{
	return now.mono.ns / (COOKIE_LIFETIME_MS * NS_PER_MS);
}

static bool cookie_is_ours(const struct node *node, const struct endpoint *from, uint64_t greeter, struct now now,
			   const uint8_t cookie[COOKIE_BYTES])
{
	uint8_t expected[COOKIE_BYTES];

	for (int64_t age = 0; age < 2; age++) {
		cookie_make(node, from, greeter, cookie_period(now) - age, expected);
		if (sodium_memcmp(expected, cookie, COOKIE_BYTES) == 0)
			return true;
	}
	return false;
}

/* In the place of a certificate. */
static bool put_record_of(const struct node *node, uint64_t id, struct hello *hello)
{
	const uint16_t number = member_find(node, id);

	if (number == MEMBER_NONE || !node->member->table[number].has_record)
		return false;
	hello->certificate_bytes = MEMBER_RECORD_BYTES;
	memcpy(hello->certificate, node->member->table[number].record_signed, MEMBER_RECORD_BYTES);
	return true;
}

static uint8_t stage_of(uint8_t reply)
{
	switch (reply) {
	case OUT_COOKIE:
		return HELLO_COOKIE;
	case OUT_WELCOME:
		return HELLO_WELCOME;
	default:
		return HELLO_LATER;
	}
}

size_t handshake_write(struct node *node, struct now now, const struct out *out, struct endpoint *ret_to,
		       uint8_t *ret_bytes)
{
	struct hello hello = { .incarnation = node->config.incarnation, .boot = node->config.boot };
	unsigned int secret;

	hello.certificate_bytes = (uint16_t)node->config.certificate_bytes;
	memcpy(hello.certificate, node->config.certificate, node->config.certificate_bytes);
	switch (out->kind) {
	case OUT_HELLO: {
		const struct greeting *greeting = &node->member->handshake.greetings[out->target];

		hello.stage = HELLO_GREET;
		if (greeting->has_cookie) {
			hello.receiver = greeting->cookie_of;
			memcpy(hello.cookie, greeting->cookie, COOKIE_BYTES);
		}
		memcpy(hello.token, greeting->token, TOKEN_BYTES);
		secret = greeting->secret;
		*ret_to = greeting->endpoint;
		break;
	}
	case OUT_COOKIE:
	case OUT_WELCOME:
	case OUT_LATER: {
		const struct reply *reply = &node->member->replies.items[out->reply.place];

		if (reply_is_gone(node, out))
			return 0;
		ASSERT(reply->kind == REPLY_TO_HELLO);
		hello.stage = stage_of(out->kind);
		hello.receiver = reply->hello.greeter;
		memcpy(hello.token, reply->hello.token, TOKEN_BYTES);
		secret = reply->hello.secret;
		if (out->kind == OUT_COOKIE) {
			hello.certificate_bytes = 0;
			cookie_make(node, &reply->to, reply->hello.greeter, cookie_period(now), hello.cookie);
		}
		if (out->kind == OUT_LATER && !put_record_of(node, reply->hello.greeter, &hello))
			return 0;
		*ret_to = reply->to;
		break;
	}
	default:
		return 0;
	}
	if (secret >= node->member->secrets.count)
		return 0; /* gone meanwhile */
	return hello_close(node, &hello, secret, ret_bytes);
}

static void reply(struct node *node, enum out_kind kind, const struct greeter *greeter,
		  const uint8_t token[TOKEN_BYTES])
{
	const uint32_t place = node->member->replies.next++ % REPLIES_SIZE;
	struct reply *item = &node->member->replies.items[place];

	*item = (struct reply){ .kind = REPLY_TO_HELLO,
				.to = *greeter->from,
				.hello = { .greeter = greeter->id, .secret = (uint8_t)greeter->secret } };
	memcpy(item->hello.token, token, TOKEN_BYTES);
	outbox_add(node, (struct out){ .kind = (uint8_t)kind,
				       .reply = { .place = (uint16_t)place, .number = node->member->replies.next } });
}

/* Certificates cost a signature check each: a bounded number per second, whoever asks. */
static bool may_check(struct node *node, struct now now)
{
	const int64_t second = now.mono.ns / NS_PER_S;

	if (second != node->member->handshake.checks_second) {
		node->member->handshake.checks_second = second;
		node->member->handshake.checks_left = CERTIFICATE_CHECKS_PER_S;
	}
	if (node->member->handshake.checks_left == 0)
		return false;
	node->member->handshake.checks_left--;
	return true;
}

/*
 * A HELLO that was taken once, or is of a session left behind. Costs nothing, and keeps replays from using up the
 * checks.
 */
static enum reject freshness(const struct node *node, uint64_t sender, uint64_t counter, const struct hello *hello)
{
	const uint16_t number = member_find(node, sender);
	const struct member *member = number == MEMBER_NONE ? NULL : &node->member->table[number];

	if (!member || !member->session)
		return REJECT_NONE;
	if (hello->incarnation < member->incarnation ||
	    (hello->incarnation == member->incarnation && hello->boot < member->boot))
		return REJECT_STALE_SESSION;
	if (hello->incarnation == member->incarnation && hello->boot == member->boot &&
	    counter <= member->hello_counter)
		return REJECT_REPLAY;
	return REJECT_NONE;
}

/* The member's newest start, which another greets in the name of, ended: so it seems from here. */
static bool is_gone(const struct node *node, uint16_t number, struct now now)
{
	const struct member *member = &node->member->table[number];
	const int64_t silent_ns = MEMBER_SILENT_MS * NS_PER_MS;

	if (duration_between(member->met_at, now.mono).ns < silent_ns ||
	    duration_between(member->heard_at, now.mono).ns < silent_ns)
		return false;
	return node_is_direct(node) || member->state == MEMBER_DOWN || member->state == MEMBER_LEFT;
}

/* An earlier boot that sends HELLOs for CLONE_AFTER_MS, while a later boot is active, is a second host with one key. */
static void find_clone(struct node *node, struct now now, const struct greeter *greeter)
{
	const uint16_t number = member_find(node, greeter->id);
	struct member *member = number == MEMBER_NONE ? NULL : &node->member->table[number];

	if (!member || is_gone(node, number, now))
		return;
	if (member->clone.stale_since.ns == 0)
		member->clone.stale_since = now.mono;
	if (duration_between(member->clone.stale_since, now.mono).ns < CLONE_AFTER_MS * NS_PER_MS)
		return;
	if (member->clone.sought_at.ns != 0 &&
	    duration_between(member->clone.sought_at, now.mono).ns < CLONE_CHECK_MS * NS_PER_MS)
		return;
	if (!may_check(node, now))
		return;
	member->clone.sought_at = now.mono;
	if (hello_is_signed(node, greeter, member->certificate.public_key))
		member_cloned(node, now, number);
}

/* Meets the sender of a HELLO by its certificate and its signature. */
static enum reject meet(struct node *node, struct now now, const struct greeter *greeter, const struct hello *hello,
			uint16_t *ret_member)
{
	struct certificate certificate;
	enum reject reason = freshness(node, greeter->id, greeter->counter, hello), opened;

	if (reason == REJECT_STALE_SESSION)
		find_clone(node, now, greeter);
	if (reason != REJECT_NONE)
		return reason;
	if (!may_check(node, now))
		return REJECT_HELLO_RATE;
	opened = certificate_open(hello->certificate, hello->certificate_bytes, &node->mesh, &certificate);
	if (opened != REJECT_NONE && opened != REJECT_WIDTHS)
		return opened;
	if (certificate.id != greeter->id)
		return REJECT_CERTIFICATE;
	reason = standing_check(node, &certificate);
	if (reason != REJECT_NONE)
		return reason;
	if (!hello_is_signed(node, greeter, certificate.public_key))
		return REJECT_SIGNATURE;
	if (opened == REJECT_WIDTHS) {
		misfit_note(node, &certificate, greeter->from);
		return opened;
	}
	reason = member_meet(node, now, &certificate, hello->incarnation, hello->boot, greeter->from, ret_member);
	if (reason != REJECT_NONE)
		return reason;
	node->member->table[*ret_member].hello_counter = greeter->counter;
	node->member->table[*ret_member].standing.spoken = (uint8_t)greeter->secret;
	if (certificate.serial >= node->member->table[*ret_member].certificate.serial)
		member_keep_certificate(&node->member->table[*ret_member], hello->certificate,
					hello->certificate_bytes);
	return REJECT_NONE;
}

/* Sends a COOKIE or LATER. Anybody can cause them at no cost, so their number per second is bounded. */
static void give(struct node *node, struct now now, enum out_kind kind, const struct greeter *greeter,
		 const uint8_t token[TOKEN_BYTES])
{
	const int64_t second = now.mono.ns / NS_PER_S;

	if (second != node->member->handshake.cookies_second) {
		node->member->handshake.cookies_second = second;
		node->member->handshake.cookies_left = COOKIES_PER_S;
	}
	if (node->member->handshake.cookies_left == 0)
		return;
	node->member->handshake.cookies_left--;
	reply(node, kind, greeter, token);
}

/*
 * A host that lost its table, its disk and the time begins with a lower incarnation than before. LATER sends it its own
 * record of the higher one, which it can verify. While that later boot is active, the greeter is a second host with its
 * key, and gets no LATER.
 */
static void give_later(struct node *node, struct now now, const struct greeter *greeter, const struct hello *hello)
{
	const uint16_t number = member_find(node, greeter->id);
	const struct member *member = number == MEMBER_NONE ? NULL : &node->member->table[number];

	if (!member || !member->has_record || member->standing.revoked || !is_gone(node, number, now))
		return;
	if (record_compare(&member->record, hello->incarnation, hello->boot, UINT64_MAX) > 0)
		give(node, now, OUT_LATER, greeter, hello->token);
}

/* The first sealed datagrams go out at once: they let the other side count us as up, and hand us on. */
static void introduce(struct node *node, uint16_t member)
{
	outbox_add(node, (struct out){ .kind = OUT_NEWS, .target = member });
	record_send(node, member, 0);
	outbox_add(node, (struct out){ .kind = OUT_DIGEST,
				       .target = member,
				       .digest = { .groups = UINT64_MAX, .more = 1, .answer = true } });
}

static enum reject receive_greet(struct node *node, struct now now, const struct greeter *greeter,
				 const struct hello *hello)
{
	enum reject reason;
	uint16_t member;
	bool near;

	if (!cookie_is_ours(node, greeter->from, greeter->id, now, hello->cookie)) {
		give(node, now, OUT_COOKIE, greeter, hello->token);
		return REJECT_COOKIE;
	}
	if (hello->receiver != node->id)
		return REJECT_COOKIE; /* signed for another receiver */
	reason = meet(node, now, greeter, hello, &member);
	if (reason == REJECT_STALE_SESSION)
		give_later(node, now, greeter, hello);
	if (reason == REJECT_WIDTHS) /* so that the greeter learns why, too */
		reply(node, OUT_WELCOME, greeter, hello->token);
	if (reason != REJECT_NONE)
		return reason;
	near = member_is_near(node, member, now);
	/* The cookie was sent to this address and returned, so the member, or a relay of it, is there. */
	if (!near)
		member_prove(node, member, greeter->from);
	if (node_is_direct(node))
		greeting_keep(node, member); /* in a larger mesh probes find members that fall silent */
	reply(node, OUT_WELCOME, greeter, hello->token);
	if (near)
		outbox_add(node, (struct out){ .kind = OUT_NEWS, .target = member });
	else
		introduce(node, member);
	return REJECT_NONE;
}

/* One cookie is taken for each GREET without one, from where that went; then it is the turn of the WELCOME. */
static enum reject receive_cookie(struct node *node, const struct greeter *greeter, const struct hello *hello)
{
	struct greeting *greeting = greeting_by_token(node, hello->token);

	if (!greeting || greeting->has_cookie || !endpoint_equal(&greeting->endpoint, greeter->from))
		return REJECT_COOKIE;
	memcpy(greeting->cookie, hello->cookie, COOKIE_BYTES);
	greeting->cookie_of = greeter->id;
	greeting->has_cookie = true;
	greeting->tries = 0; /* a node answers there: retry soon if the next datagrams are lost */
	outbox_add(node, (struct out){ .kind = OUT_HELLO,
				       .target = (uint16_t)(greeting - node->member->handshake.greetings) });
	return REJECT_NONE;
}

static enum reject receive_welcome(struct node *node, struct now now, const struct greeter *greeter,
				   const struct hello *hello)
{
	struct greeting *greeting = greeting_by_token(node, hello->token);
	enum reject reason;
	uint16_t member;

	if (!greeting || !greeting->has_cookie || greeting->cookie_of != greeter->id || hello->receiver != node->id)
		return REJECT_COOKIE;
	reason = meet(node, now, greeter, hello, &member);
	if (reason != REJECT_NONE)
		return reason;
	greeting->member = member;
	greeting->has_cookie = false;
	token_draw(node, greeting); /* a welcome is taken once */
	if (!member_is_near(node, member, now))
		member_prove(node, member, &greeting->endpoint); /* our token came back from there */
	introduce(node, member);
	return REJECT_NONE;
}

/*
 * Taken only from a member that was greeted with its own cookie. Only the record in it is believed, and once it was
 * taken no further one is.
 */
static enum reject receive_later(struct node *node, struct now now, const struct greeter *greeter,
				 const struct hello *hello)
{
	const struct greeting *greeting = greeting_by_token(node, hello->token);

	if (!greeting || !greeting->has_cookie || greeting->cookie_of != greeter->id || hello->receiver != node->id)
		return REJECT_COOKIE;
	if (hello->certificate_bytes != MEMBER_RECORD_BYTES)
		return REJECT_MESSAGE;
	return record_receive_later(node, now, hello->certificate);
}

/* Opens a HELLO, and has it checked by its stage. (Order of checks, 2) */
enum reject handshake_receive(struct node *node, struct now now, const struct endpoint *from,
			      const struct datagram_header *header, uint8_t *bytes, size_t size)
{
	struct greeter greeter = { from, header->sender, nonce_counter(header->nonce), bytes + SEAL_HEADER_BYTES, 0 };
	struct seal_context context = { .sender = 0 };
	struct hello hello;
	size_t plain_size;

	memcpy(context.mesh_id, node->mesh.id, MESH_ID_BYTES);
	if (secrets_open_hello(node, &context, bytes, size, &plain_size, &greeter.secret) != REJECT_NONE)
		return REJECT_SEAL;
	if (plain_size != HELLO_PLAIN_BYTES || !hello_read(greeter.plain, &hello))
		return REJECT_MESSAGE;
	if (hello.receiver != 0 && hello.receiver != node->id)
		return REJECT_SEAL;
	switch (hello.stage) {
	case HELLO_GREET:
		return receive_greet(node, now, &greeter, &hello);
	case HELLO_COOKIE:
		return receive_cookie(node, &greeter, &hello);
	case HELLO_WELCOME:
		return receive_welcome(node, now, &greeter, &hello);
	case HELLO_LATER:
		return receive_later(node, now, &greeter, &hello);
	default:
		return REJECT_MESSAGE;
	}
}
