/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl members: who is there, what each claims, and what was refused or left out of it. */
#include "ask.h"
#include "time_text.h"

static const char *state_of(const struct control_member *m)
{
	return m->left ? "left" : m->self ? "self" : m->suspect ? "suspect" : m->up ? "up" : "silent";
}

static bool show_member(void *user, enum control_type type, const void *row)
{
	struct output *output = user;
	const struct control_member *m = row;
	static const char *const left_out_names[CONTROL_LEFT_OUT_COUNT] = CONTROL_LEFT_OUT_NAMES;
	struct field left_out = TEXT("left_out", "left out", -12, ""), since = TEXT("left_out_since", "since", -20, "");
	char since_text[TIME_TEXT_BYTES];

	if (type != CONTROL_TYPE_MEMBER)
		return true;
	if (m->left_out == CONTROL_COUNTS || m->left_out >= CONTROL_LEFT_OUT_COUNT)
		left_out.kind = since.kind = FIELD_NONE;
	else
		left_out.text = left_out_names[m->left_out];
	time_text_full(m->left_out_since_ns, since_text);
	since.text = since_text;
	if (m->left_out_since_ns == 0)
		since.kind = FIELD_NONE;
	const struct field fields[] = {
		TEXT("name", "name", -20, m->name),
		TEXT("region", "region", -10, m->region),
		TEXT("endpoint", "address", -24, m->endpoint),
		TEXT("state", "state", -7, state_of(m)),
		FLAG("self", NULL, 0, m->self),
		FLAG("up", NULL, 0, m->up),
		FLAG("skewed", NULL, 0, m->skewed),
		FLAG("suspect", NULL, 0, m->suspect),
		FLAG("left", NULL, 0, m->left),
		FLAG("neighbour", NULL, 0, m->neighbour),
		REAL("rtt_ms", "rtt ms", 8, m->rtt_ms, 2),
		REAL("skew_ms", "skew ms", 8, m->skew_ms, 1),
		REAL("silent_s", "silent s", 8, m->silent_s, 1),
		REAL("load", "load", 5, m->load, 2),
		REAL("load_limit", "limit", 5, m->load_limit, 2),
		NUMBER("keys", "keys", 8, m->keys),
		NUMBER("cells", "cells", 9, m->cells),
		NUMBER("cells_refused", "refused", 8, m->cells_refused),
		NUMBER("vouched", "vouched", 9, m->vouched[0] + m->vouched[1] + m->vouched[2]),
		REAL("vouched_share", "part", 5, m->vouched_share, 2),
		REAL("line_used", "line", 5, m->line_used, 2),
		NUMBER("vouched_pairs4", NULL, 0, m->vouched[0]),
		NUMBER("vouched_pairs6", NULL, 0, m->vouched[1]),
		NUMBER("vouched_destinations", NULL, 0, m->vouched[2]),
		NUMBER("vouched_alone", NULL, 0, m->vouched_alone),
		NUMBER("vouched_refused", NULL, 0, m->vouched_refused),
		NUMBER("line_rate", NULL, 0, m->line_rate),
		NUMBER("frames_received", "frames", 9, m->frames_received),
		NUMBER("frames_repaired", "repaired", 9, m->frames_repaired),
		left_out,
		since,
		FLAG("cloned", NULL, 0, m->cloned),
		NUMBER("incarnation", NULL, 0, m->incarnation),
		NUMBER("boot", NULL, 0, m->boot),
		NUMBER("tick", NULL, 0, m->tick),
		TEXT("key", NULL, 0, m->key),
	};

	output_row(output, FIELDS(fields));
	return !ferror(output->file);
}

int run_members(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_MEMBERS };

	output_list(output, "members");
	return ask(arguments, &request, show_member, output);
}
