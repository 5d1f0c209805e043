/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A quota: how many places of a table the members of the mesh may take, and who took which. Each member is guaranteed
 * an equal part. What others leave of their parts is lent, and a member that holds more than its part is the first to
 * give places back.
 *
 *	held <= room                         when a place is charged
 *	part * members <= room               so that every member can have its part
 *
 * The caller asks before it takes a place, charges the place, and releases it. A place that is to be given back is
 * leaving until the caller releases it: it is on no member's account any more, and still takes room.
 */
#ifndef GOSSIPD_QUOTA_H
#define GOSSIPD_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>

#define QUOTA_NONE UINT32_MAX
/* The common account: of places whose member is not known, or is gone. No part is guaranteed to it. */
#define QUOTA_COMMON 0

/* A place's entry: in the list of its account, the oldest first. */
struct quota_entry {
	uint32_t older, newer; /* places, or QUOTA_NONE */
	uint16_t member;
	bool charged : 1, leaving : 1;
	bool alone : 1; /* no other member is known to vouch for it */
};
_Static_assert(sizeof(struct quota_entry) == 12, "of every place of a table");

struct quota_account {
	uint32_t held; /* places, without those that leave */
	uint32_t alone; /* of these */
	uint32_t oldest, newest; /* places, or QUOTA_NONE */
	uint64_t refused; /* requests */
};

struct quota {
	uint32_t room, places;
	uint32_t held; /* places charged, with those that leave */
	uint32_t leaving;
	uint32_t members; /* that share the room */
	uint32_t owed; /* requests refused to members within their part, since quota_take_owed */
	uint32_t owed_before; /* in the round before */
	uint32_t reserved; /* places lent to nobody, for those who were refused before it */
	uint32_t high; /* no account from here on was ever used */
	uint32_t giver, giver_left; /* who gives back, and how many places before all accounts are looked at again */
	struct quota_entry *entries; /* one for each place */
	struct quota_account *accounts; /* MEMBERS_MAX of them, by the number of the member */
};

/* -ENOMEM. quota_close accepts a quota that was never opened and is all zero. */
int quota_open(struct quota *quota, uint32_t places, uint32_t room);
void quota_close(struct quota *quota);

/* So many members share the room from now on. */
void quota_share(struct quota *quota, uint32_t members);

/* What is guaranteed to a member. */
static inline uint32_t quota_part(const struct quota *quota)
{
	return quota->room / quota->members;
}

static inline bool quota_holds(const struct quota *quota, uint32_t place)
{
	return quota->entries[place].charged;
}

static inline bool quota_is_leaving(const struct quota *quota, uint32_t place)
{
	return quota->entries[place].leaving;
}

/* Does the member hold more than is guaranteed to it? */
bool quota_is_above(const struct quota *quota, uint16_t member);

/* The member's record finds no room, and not for want of quota: it is counted as refused, and nothing is owed. */
void quota_refuse(struct quota *quota, uint16_t member);

/*
 * May the member take one more place? False counts as refused. When the member is within its part, a place that
 * another member holds above its own is then owed to it.
 */
bool quota_admits(struct quota *quota, uint16_t member);

/* Charges a place to a member, `alone` or not; one that is charged already passes to this member. */
void quota_charge(struct quota *quota, uint32_t place, uint16_t member, bool alone);

/* The place is free, or somebody's own. True: it was charged. */
bool quota_release(struct quota *quota, uint32_t place);

/*
 * How many places must be given back: those owed to members within their parts, and those held beyond the room. Call it
 * in regular rounds. What is owed stays reserved for two of them, or who floods would borrow every place that becomes
 * free.
 */
uint32_t quota_take_owed(struct quota *quota);

/*
 * The place to give back next, which leaves with this call: the oldest of the account that is furthest above its part.
 * `all`: also of accounts that are not, the largest first. QUOTA_NONE: there is none.
 */
uint32_t quota_give_back(struct quota *quota, bool all);

/* A member is gone: its places pass to the common account. */
void quota_disown(struct quota *quota, uint16_t member);

#endif
