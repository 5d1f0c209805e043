/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The call: from how many packets on an own cell is published although no other member counted its key. T is the rate
 * by which the key is judged, W its minimum window, and n the number of members. In every slot the key calls when
 *
 *	its packets > a + draw		a = floor(T W / 4n), K = max(1, floor(T W / 2)), draw in [0, K)
 *
 * The draw is a keyed hash of the key and the slot. So nobody outside can stay just below the threshold, and each
 * member draws for itself. C packets of a slot, however they are split over the members, are called by nobody with a
 * probability of at most exp(-(C - n a) / K).
 */
#ifndef PROTO_CALL_H
#define PROTO_CALL_H

#include "policy.h"

#define CALL_SECRET_BYTES 16
#define CALL_NEVER UINT64_MAX /* no cell has more packets */

struct call {
	uint64_t least; /* a; CALL_NEVER: the key has no rate, so its packets call nobody */
	uint64_t span; /* K, at least 1 */
};

/* Of a rate in packets per second; 0, which is no limit, never calls. `members`: this one included, at least 1. */
struct call call_of_rate(double rate, struct duration window, uint32_t members);

/*
 * Of a key with this policy: by its limit, or by the default of its kind where nobody set one (policy_limit).
 * `members`: those whose certificate is valid and that are not known to be gone, this one included.
 */
struct call call_of(const struct policy_effective *policy, enum key_kind kind, uint32_t members);

/* The same of a client's contacts: T is contact_rate, or its default (policy_contact_limit). */
struct call call_of_contacts(const struct policy_effective *policy, uint32_t members);

/*
 * Does an own cell with so many packets call? The secret is random for each start of a node: a new draw may publish
 * what the one before did not, and nothing that was published is taken back.
 */
bool call_is_made(const struct call *call, const uint8_t secret[CALL_SECRET_BYTES], const struct key *key,
		  uint64_t slot, uint64_t packets);

#endif
