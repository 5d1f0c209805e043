/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums over the cells as they come, by member. */
#include "shares.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

#define SAID_MAX 4 /* in the line for people */

void shares_take(struct shares *shares, const struct control_cell *cell)
{
	uint32_t i = 0;

	while (i < shares->count && strcmp(shares->of[i].member, cell->member) != 0)
		i++;
	shares->packets += cell->packets;
	if (i == SHARES_MAX) {
		shares->others += cell->packets;
		return;
	}
	if (i == shares->count) {
		memcpy(shares->of[i].member, cell->member, sizeof(shares->of[i].member));
		shares->of[i].packets = 0;
		shares->count++;
	}
	shares->of[i].packets += cell->packets;
}

static int by_packets(const void *a, const void *b)
{
	const struct share *left = a, *right = b;

	if (left->packets != right->packets)
		return left->packets < right->packets ? 1 : -1;
	return strcmp(left->member, right->member);
}

static double part_of(const struct shares *shares, uint64_t packets)
{
	return shares->packets ? (double)packets / (double)shares->packets : 0;
}

static void say_shares(struct output *output, const struct shares *shares)
{
	char line[SAID_MAX * (4 * NAME_BYTES_MAX + 16)] = "", member[4 * NAME_BYTES_MAX + 4];
	uint64_t rest = shares->packets;

	text_escape(shares->of[0].member, member, sizeof(member));
	if (shares->count == 1 && shares->others == 0) {
		output_say(output, "  only %s reports it", member);
		return;
	}
	for (uint32_t i = 0; i < shares->count && i < SAID_MAX; i++) {
		const size_t length = strlen(line);

		text_escape(shares->of[i].member, member, sizeof(member));
		snprintf(line + length, sizeof(line) - length, "%s%s %.0f %%", i ? ", " : "", member,
			 100 * part_of(shares, shares->of[i].packets));
		rest -= shares->of[i].packets;
	}
	if (rest)
		output_say(output, "  on whose word it rests: %s, all others %.0f %%", line,
			   100 * part_of(shares, rest));
	else
		output_say(output, "  on whose word it rests: %s", line);
}

void show_shares(struct output *output, const char *name, struct shares *shares)
{
	char list[48];

	qsort(shares->of, shares->count, sizeof(shares->of[0]), by_packets);
	snprintf(list, sizeof(list), "%s_shares", name);
	output_list(output, list);
	for (uint32_t i = 0; i < shares->count; i++) {
		const struct field fields[] = {
			TEXT("member", NULL, 0, shares->of[i].member),
			NUMBER("packets", NULL, 0, shares->of[i].packets),
			REAL("share", NULL, 0, part_of(shares, shares->of[i].packets), 3),
		};

		output_row_unless(output, true, FIELDS(fields));
	}
	if (shares->count > 0)
		say_shares(output, shares);
}
