/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checks a certificate against the revocation list and against later certificates of the member, and selects the public
 * key that verifies a frame's signature.
 */
#include "member.h"

enum reject standing_check(const struct node *node, const struct certificate *certificate)
{
	const uint16_t number = member_find(node, certificate->id);
	const struct certificate *known = number == MEMBER_NONE ? NULL : &node->member->table[number].certificate;

	if (revocation_has_lost(&node->member->secrets.revocation, certificate->id))
		return REJECT_REVOKED;
	if (revocation_find(&node->member->secrets.revocation, certificate->public_key))
		return REJECT_SUPERSEDED;
	if (known && certificate->serial < known->serial &&
	    memcmp(certificate->public_key, known->public_key, PUBLIC_KEY_BYTES) != 0)
		return REJECT_SUPERSEDED;
	return REJECT_NONE;
}

/* A key that was replaced still verifies the frames that it signed, while their slots are held. */
bool standing_frame_is_signed(const struct node *node, uint16_t number, const struct frame_root *root)
{
	const struct member *member = &node->member->table[number];

	if (frame_verify(root, &node->mesh, member->certificate.public_key))
		return true;
	return member->certificate.has_previous && node->slot < member->standing.key_slot + SLOTS_HELD &&
	       frame_verify(root, &node->mesh, member->certificate.previous_key);
}
