/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A row of the table of commands (main.c): usage, checks of arguments, completion and manual page come from it. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "ctl.h"

#define OR_MORE 0x100u

struct command {
	const char *name;
	int (*run)(const struct arguments *arguments, struct output *output);
	const char *arguments;
	unsigned int words; /* arguments that are no options; OR_MORE */
	uint64_t takes; /* options */
	bool streams;
	const char *help;
};

/*
 * What may stand in place of the last of the words, one candidate a line; behind a tab what it is. `:files` and
 * `:directories` leave it to the shell. Names come from where they are: interfaces from the host, nodes from the
 * authority's directory, addresses from the daemon.
 */
void complete(const struct command *commands, size_t count, unsigned int words, char *const *word);

#endif
