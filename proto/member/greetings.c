/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The addresses to greet, when and how often: from the configuration, members that fell silent, and members that a
 * probe could not reach. handshake.c writes the HELLOs.
 */
#include <errno.h>
#include <sodium.h>

#include "member.h"
#include "node.h"

#define HELLO_TRIES_MAX 16 /* then every 2.5 s */

static struct greeting *greeting_of(struct node *node, const struct endpoint *endpoint)
{
	for (uint32_t i = 0; i < node->member->handshake.count; i++) {
		if (endpoint_equal(&node->member->handshake.greetings[i].endpoint, endpoint))
			return &node->member->handshake.greetings[i];
	}
	return NULL;
}

struct greeting *greeting_by_token(struct node *node, const uint8_t token[TOKEN_BYTES])
{
	for (uint32_t i = 0; i < node->member->handshake.count; i++) {
		if (sodium_memcmp(node->member->handshake.greetings[i].token, token, TOKEN_BYTES) == 0)
			return &node->member->handshake.greetings[i];
	}
	return NULL;
}

void token_draw(struct node *node, struct greeting *greeting)
{
	for (unsigned int i = 0; i < TOKEN_BYTES / 8; i++)
		put_le(greeting->token + 8 * i, node_random(node), 8);
}

static struct greeting *greeting_add(struct node *node, const struct endpoint *endpoint)
{
	struct greeting *greeting;

	if (node->member->handshake.count == node->config.limits.members_max + PEERS_SPARE)
		return NULL;
	greeting = &node->member->handshake.greetings[node->member->handshake.count++];
	*greeting = (struct greeting){ .endpoint = *endpoint, .member = MEMBER_NONE };
	token_draw(node, greeting);
	return greeting;
}

void greeting_keep(struct node *node, uint16_t member)
{
	const struct endpoint *endpoint = &node->member->table[member].endpoint;
	struct greeting *greeting = greeting_of(node, endpoint);

	for (uint32_t i = 0; !greeting && i < node->member->handshake.count; i++) {
		if (node->member->handshake.greetings[i].member == member)
			greeting = &node->member->handshake.greetings[i];
	}
	if (greeting) {
		greeting->member = member;
		return;
	}
	greeting = greeting_add(node, endpoint);
	if (greeting)
		greeting->member = member;
}

int node_greet(struct node *node, struct endpoint peer)
{
	struct greeting *greeting = greeting_of(node, &peer);

	if (!greeting)
		greeting = greeting_add(node, &peer);
	if (!greeting)
		return -ENOSPC;
	greeting->configured = true;
	return 0;
}

static void greet(struct node *node, struct now now, struct greeting *greeting)
{
	/*
	 * Up to a quarter of the interval of jitter: nodes that fell silent together do not greet together.
	 * Unanswered greetings grow rarer, so that a long way there and back has time to be gone.
	 */
	greeting->due = instant_after(now.mono, duration_ms(HELLO_INTERVAL_MS * (1 + greeting->tries / 4) +
							    (int64_t)(node_random(node) % (HELLO_INTERVAL_MS / 4))));
	/*
	 * A cookie came, but no welcome: one of the two last legs was lost, and those alone are gone once more. Then
	 * from the beginning: they may have started anew since.
	 */
	greeting->repeated = greeting->has_cookie && !greeting->repeated;
	if (!greeting->repeated) {
		greeting->secret = (uint8_t)secrets_to_greet(node, greeting->tries, now);
		greeting->has_cookie = false;
		token_draw(node, greeting);
	}
	greeting->tries += greeting->tries < HELLO_TRIES_MAX;
	outbox_add(node, (struct out){ .kind = OUT_HELLO,
				       .target = (uint16_t)(greeting - node->member->handshake.greetings) });
}

void greet_member(struct node *node, struct now now, uint16_t member)
{
	struct greeting *greeting = greeting_of(node, &node->member->table[member].endpoint);

	if (node->member->table[member].endpoint.port == 0 || (greeting && !instant_is_before(greeting->due, now.mono)))
		return;
	if (!greeting) {
		greeting = greeting_add(node, &node->member->table[member].endpoint);
		if (!greeting)
			return;
		greeting->transient = true;
	}
	greeting->member = member;
	greet(node, now, greeting);
}

/*
 * Is the address still to be greeted? A small mesh greets every member that is not near. A larger one greets the
 * addresses of its configuration, and members that a probe found silent.
 */
static bool is_wanted(const struct node *node, const struct greeting *greeting, struct now now)
{
	if (greeting->member == MEMBER_NONE)
		return greeting->configured;
	if (member_is_near(node, greeting->member, now))
		return false;
	if (node->member->table[greeting->member].state == MEMBER_LEFT ||
	    node->member->table[greeting->member].standing.revoked)
		return false;
	if (node_is_direct(node))
		return true;
	return greeting->configured &&
	       (node->member->table[greeting->member].state == MEMBER_DOWN || node->member->links_count == 0);
}

void handshake_tick(struct node *node, struct now now)
{
	for (uint32_t i = 0; i < node->member->handshake.count; i++) {
		struct greeting *greeting = &node->member->handshake.greetings[i];

		if (greeting->transient && !node_is_direct(node) && !instant_is_before(now.mono, greeting->due)) {
			*greeting = node->member->handshake.greetings[--node->member->handshake.count];
			i--;
			continue;
		}
		if (!is_wanted(node, greeting, now)) {
			greeting->tries = 0;
			continue;
		}
		if (!instant_is_before(now.mono, greeting->due))
			greet(node, now, greeting);
	}
}
