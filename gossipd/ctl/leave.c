/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl leave: this proxy goes for good. Its daemon tells the mesh and ends; the filter stays until detach takes
 * it off.
 */
#include "ask.h"

static bool no_row(void *user, enum control_type type, const void *row)
{
	(void)user, (void)type, (void)row;
	return true;
}

int run_leave(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_LEAVE };
	const struct field fields[] = { FLAG("left", NULL, 0, true) };
	int status = ask(arguments, &request, no_row, NULL);

	if (status != EXIT_OK)
		return status;
	output_facts(output, "leave", FIELDS(fields));
	output_say(output,
		   "the mesh is told, and gossipd ends; members forget it after %lld h, or welcome its next start. The "
		   "filter is still on:",
		   LEFT_RETIRE_MS / 3600000);
	output_say(output, "gossipctl detach takes it off");
	return EXIT_OK;
}
