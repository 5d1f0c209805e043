/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Accounts are lists through the entries of their places. A call costs the same whatever is held, but for giving back,
 * which looks at every account. */
#include "quota.h"

#include <errno.h>
#include <stdlib.h>

int quota_open(struct quota *quota, uint32_t places, uint32_t room)
{
	*quota = (struct quota){ .room = room, .places = places, .members = 1 };
	quota->entries = calloc(places, sizeof(*quota->entries)); /* pages of places never charged stay untouched */
	quota->accounts = calloc(MEMBERS_MAX, sizeof(*quota->accounts));
	if (!quota->entries || !quota->accounts)
		return -ENOMEM;
	for (uint32_t i = 0; i < MEMBERS_MAX; i++)
		quota->accounts[i].oldest = quota->accounts[i].newest = QUOTA_NONE;
	return 0;
}

void quota_close(struct quota *quota)
{
	free(quota->entries);
	free(quota->accounts);
	*quota = (struct quota){ .places = 0 };
}

void quota_share(struct quota *quota, uint32_t members)
{
	quota->members = members ? members : 1;
}

static uint32_t part_of(const struct quota *quota, uint16_t member)
{
	return member == QUOTA_COMMON ? 0 : quota_part(quota);
}

bool quota_is_above(const struct quota *quota, uint16_t member)
{
	return quota->accounts[member].held > part_of(quota, member);
}

static uint32_t places_free(const struct quota *quota)
{
	return quota->held < quota->room ? quota->room - quota->held : 0;
}

void quota_refuse(struct quota *quota, uint16_t member)
{
	quota->accounts[member].refused++;
	if (member >= quota->high)
		quota->high = member + 1U;
}

bool quota_admits(struct quota *quota, uint16_t member)
{
	const bool within = quota->accounts[member].held < part_of(quota, member);

	if (places_free(quota) > (within ? 0 : quota->reserved)) {
		quota->reserved -= within && quota->reserved > 0;
		quota->owed_before -= within && quota->owed_before > 0;
		return true;
	}
	quota_refuse(quota, member);
	quota->owed += within;
	return false;
}

static void entry_add(struct quota *quota, uint32_t place, uint16_t member)
{
	struct quota_account *account = &quota->accounts[member];
	struct quota_entry *entry = &quota->entries[place];

	entry->member = member;
	entry->older = account->newest;
	entry->newer = QUOTA_NONE;
	if (account->newest != QUOTA_NONE)
		quota->entries[account->newest].newer = place;
	else
		account->oldest = place;
	account->newest = place;
	account->held++;
	account->alone += entry->alone;
	if (member >= quota->high)
		quota->high = member + 1U;
}

static void entry_remove(struct quota *quota, uint32_t place)
{
	const struct quota_entry *entry = &quota->entries[place];
	struct quota_account *account = &quota->accounts[entry->member];

	if (entry->older != QUOTA_NONE)
		quota->entries[entry->older].newer = entry->newer;
	else
		account->oldest = entry->newer;
	if (entry->newer != QUOTA_NONE)
		quota->entries[entry->newer].older = entry->older;
	else
		account->newest = entry->older;
	account->held--;
	account->alone -= entry->alone;
}

void quota_charge(struct quota *quota, uint32_t place, uint16_t member, bool alone)
{
	struct quota_entry *entry = &quota->entries[place];

	if (entry->leaving || (entry->charged && entry->member == member && entry->alone == alone))
		return;
	if (entry->charged)
		entry_remove(quota, place);
	else
		quota->held++;
	*entry = (struct quota_entry){ .charged = true, .alone = alone };
	entry_add(quota, place, member);
}

bool quota_release(struct quota *quota, uint32_t place)
{
	struct quota_entry *entry = &quota->entries[place];

	if (!entry->charged)
		return false;
	if (entry->leaving)
		quota->leaving--;
	else
		entry_remove(quota, place);
	*entry = (struct quota_entry){ .charged = false };
	quota->held--;
	return true;
}

uint32_t quota_take_owed(struct quota *quota)
{
	const uint32_t staying = quota->held - quota->leaving;
	uint32_t owed = quota->owed;

	quota->owed = 0;
	quota->reserved = owed > quota->owed_before ? owed : quota->owed_before;
	quota->owed_before = owed;
	owed = owed > quota->leaving ? owed - quota->leaving : 0;
	if (staying > quota->room && staying - quota->room > owed)
		owed = staying - quota->room;
	return owed;
}

/* Places of the account beyond what it may keep. */
static uint32_t beyond(const struct quota *quota, uint32_t member, bool all)
{
	const uint32_t held = quota->accounts[member].held, kept = all ? 0 : part_of(quota, (uint16_t)member);

	return held > kept ? held - kept : 0;
}

/*
 * Picks the account with most to give back, and for how many places: until the next one has as much. A sixteenth more
 * at a time, or accounts of one size would all be looked at for every place.
 */
static void giver_pick(struct quota *quota, bool all)
{
	uint32_t most = 0, second = 0;

	for (uint32_t member = 0; member < quota->high; member++) {
		const uint32_t above = beyond(quota, member, all);

		if (above > most) {
			second = most;
			most = above;
			quota->giver = member;
		} else if (above > second) {
			second = above;
		}
	}
	quota->giver_left = most - second > most / 16 ? most - second : (most + 15) / 16;
}

uint32_t quota_give_back(struct quota *quota, bool all)
{
	uint32_t place;

	if (quota->giver_left == 0 || beyond(quota, quota->giver, all) == 0)
		giver_pick(quota, false);
	if (quota->giver_left == 0 && all)
		giver_pick(quota, true);
	if (quota->giver_left == 0)
		return QUOTA_NONE;
	quota->giver_left--;
	place = quota->accounts[quota->giver].oldest;
	entry_remove(quota, place);
	quota->entries[place].leaving = true;
	quota->leaving++;
	return place;
}

void quota_disown(struct quota *quota, uint16_t member)
{
	while (member != QUOTA_COMMON && quota->accounts[member].oldest != QUOTA_NONE)
		quota_charge(quota, quota->accounts[member].oldest, QUOTA_COMMON, false);
	quota->accounts[member].refused = 0;
}
