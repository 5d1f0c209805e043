/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of a status, collected. Their order is that of control.h. */
#include "look.h"

#include <stdio.h>
#include <string.h>

static void take_gravest(struct look *look, const struct control_condition *row)
{
	if (row->severity < CONTROL_SEVERITIES)
		look->conditions[row->severity]++;
	for (unsigned int id = 0; id < CONDITION_COUNT; id++) {
		if (strcmp(row->id, condition_kinds[id].name) == 0)
			look->subjects[id] += 1 + row->omitted;
	}
	if (look->first[0] == '\0')
		condition_line(row, look->first);
}

static void take_reason(struct look *look, const struct control_reason *row)
{
	if (look->reasons == REASON_COUNT)
		return;
	if (strncmp(row->name, "drop_", 5) == 0)
		look->dropped += row->packets;
	look->reason[look->reasons++] = *row;
}

static bool take_row(void *user, enum control_type type, const void *row)
{
	struct look *look = user;
	const struct control_reject *reject = row;

	switch (type) {
	case CONTROL_TYPE_CONDITION:
		take_gravest(look, row);
		break;
	case CONTROL_TYPE_STATUS:
		look->status = *(const struct control_status *)row;
		break;
	case CONTROL_TYPE_REASON:
		take_reason(look, row);
		break;
	case CONTROL_TYPE_REJECT:
		look->rejects += reject->count;
		break;
	case CONTROL_TYPE_ATTACHMENT:
		if (look->attachments < SIDES_MAX)
			look->attachment[look->attachments++] = *(const struct control_attachment *)row;
		break;
	case CONTROL_TYPE_SHADOW:
		if (look->shadows < KEY_KINDS)
			look->shadow[look->shadows++] = *(const struct control_shadow *)row;
		break;
	default:
		break;
	}
	return true;
}

int look_at(const struct arguments *arguments, struct look *ret_look)
{
	struct control_request request = { .verb = CONTROL_STATUS };

	memset(ret_look, 0, sizeof(*ret_look));
	return ask(arguments, &request, take_row, ret_look);
}
