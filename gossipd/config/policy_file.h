/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A policy as people write it: policy = { ... } in the config, or a file of its own with the same settings. Every
 * problem is told as file:line.
 */
#ifndef GOSSIPD_POLICY_FILE_H
#define GOSSIPD_POLICY_FILE_H

#include "files.h"
#include "policy.h"
#include "problem.h"

struct config_setting_t;

/* Where a setting stands. */
struct policy_place {
	char path[FILES_PATH_BYTES];
	unsigned int line;
};

struct policy_file {
	char path[FILES_PATH_BYTES]; /* where the rules stand, for messages */
	unsigned int line; /* of the group, or 1 */
	unsigned int lines[POLICY_RULES_MAX]; /* of each rule */
	struct policy_place pair_rate, destination_rate, client_rate, network_rate, contact_rate; /* of the defaults */
	struct policy_document document;
};

/* Reads the settings of a group into file->document: rules and lists are added, thresholds replace its defaults. */
int policy_file_read(const struct config_setting_t *group, const char *path, struct policy_file *file,
		     struct problem *ret_problem);

/* The same from a file of its own. file->document.defaults holds the thresholds it need not name. */
int policy_file_load(const char *path, struct policy_file *file, struct problem *ret_problem);

/* policy_check, its problem told with the line of the rule at fault. */
int policy_file_check(const struct policy_file *file, const struct mesh *mesh, struct problem *ret_problem);

/*
 * What is allowed, and may not be what is meant: a rate of 0 of a pair or destination, which is no limit; a rate of
 * clients or networks, which drops nothing; clients of whom all is outside. Tells one sentence, "file:line: ...", for
 * each such default, and one for the rules of each sort.
 */
void policy_file_warn(const struct policy_file *file, void (*tell)(const char *text));

#endif
