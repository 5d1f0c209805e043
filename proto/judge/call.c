// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Thresholds of the call rule (PROTOCOL). Pure arithmetic: publish.c decides what a call makes of a cell, and
 * count/sums.c what `least` means for a sum.
 */
#include "call.h"

#include <sodium.h>
#include <string.h>

_Static_assert(CALL_SECRET_BYTES == crypto_shorthash_siphash24_KEYBYTES, "the draw is SipHash-2-4");

struct call call_of_rate(double rate, struct duration window, uint32_t members)
{
	const double packets = rate * (double)window.ns / NS_PER_S; /* T W: below 2^53 by RATE_MAX */
	struct call call = { .least = CALL_NEVER, .span = 1 };

	if (rate <= 0)
		return call;
	call.least = (uint64_t)(packets / (4.0 * members));
	call.span = (uint64_t)(packets / 2);
	if (call.span < 1)
		call.span = 1;
	return call;
}

struct call call_of(const struct policy_effective *policy, enum key_kind kind, uint32_t members)
{
	bool shadow;

	return call_of_rate(policy_limit(policy, kind, &shadow), policy_min_window(policy, kind), members);
}

struct call call_of_contacts(const struct policy_effective *policy, uint32_t members)
{
	bool shadow;

	return call_of_rate(policy_contact_limit(policy, &shadow), policy_min_window(policy, KEY_CLIENT), members);
}

static uint64_t draw(uint64_t span, const uint8_t secret[CALL_SECRET_BYTES], const struct key *key, uint64_t slot)
{
	uint8_t bytes[sizeof(*key) + sizeof(slot)];
	uint64_t hash;

	memcpy(bytes, key, sizeof(*key));
	memcpy(bytes + sizeof(*key), &slot, sizeof(slot));
	crypto_shorthash_siphash24((uint8_t *)&hash, bytes, sizeof(bytes), secret);
	return hash % span;
}

/* Most cells are decided without a draw, which costs a hash. */
bool call_is_made(const struct call *call, const uint8_t secret[CALL_SECRET_BYTES], const struct key *key,
		  uint64_t slot, uint64_t packets)
{
	if (call->least == CALL_NEVER || packets <= call->least)
		return false;
	packets -= call->least;
	return packets >= call->span || packets > draw(call->span, secret, key, slot);
}
