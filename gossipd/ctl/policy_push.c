/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl policy push: a policy file, checked, signed with the authority's key, in force everywhere from the start
 * of one slot.
 */
#include <errno.h>
#include <stdlib.h>

#include "config.h"
#include "policy_file.h"
#include "policy_wire.h"
#include "publish.h"

#define RATE_UNSAID UINT32_MAX /* above every rate there is */

static int by_wire_order(const void *a, const void *b)
{
	return policy_wire_order(a, b);
}

static int load(const char *path, const struct mesh *mesh, struct policy_file *file, struct problem *ret_problem)
{
	struct thresholds *defaults = &file->document.defaults;
	int err;

	file->document = (struct policy_document){ .defaults = config_thresholds(config_defaults()) };
	defaults->early = config_defaults()->early;
	defaults->pair_rate = defaults->destination_rate = RATE_UNSAID;
	err = policy_file_load(path, file, ret_problem);
	if (err)
		return err;
	if (defaults->pair_rate == RATE_UNSAID || defaults->destination_rate == RATE_UNSAID)
		return problem_set(ret_problem, -EINVAL, "%s: %s must be said: packets per second; 0 is no limit", path,
				   defaults->pair_rate == RATE_UNSAID ? "pair_rate" : "destination_rate");
	return policy_file_check(file, mesh, ret_problem);
}

static int sign(const struct authority *authority, const char *directory, struct policy_document *policy, uint64_t in_s,
		uint64_t *ret_serial, struct problem *ret_problem)
{
	static uint8_t content[DOCUMENT_CONTENT_BYTES_MAX];
	size_t size;
	int err;

	policy->effective_slot = publish_slot(&authority->mesh, in_s);
	qsort(policy->rules, policy->rules_count, sizeof(policy->rules[0]), by_wire_order);
	err = policy_wire_write(policy, content, sizeof(content), &size);
	if (err)
		return problem_set(ret_problem, err,
				   "the policy cannot be written as a document: does a prefix stand twice in one "
				   "list?");
	return publish_sign(authority, directory, DOCUMENT_POLICY, content, size, ret_serial, ret_problem);
}

static void warn(const char *text)
{
	fprintf(stderr, "gossipctl: warning: %s\n", text);
}

int run_policy_push(const struct arguments *arguments, struct output *output)
{
	const char *directory = authority_directory(arguments), *path = arguments->words[0];
	static struct authority authority;
	static struct policy_file file;
	struct problem problem;
	uint64_t serial = 0, in_s;
	int err;

	if (!directory || !arguments_number(arguments, OPTION_IN, 0, 86400, IN_S_DEFAULT, &in_s))
		return EXIT_USAGE;
	err = authority_read(directory, &authority, &problem);
	if (!err)
		err = load(path, &authority.mesh, &file, &problem);
	if (!err)
		err = sign(&authority, directory, &file.document, in_s, &serial, &problem);
	authority_wipe(&authority);
	if (err) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	policy_file_warn(&file, warn);
	const struct field fields[] = {
		NUMBER("version", NULL, 0, serial),
		NUMBER("effective_slot", NULL, 0, file.document.effective_slot),
		NUMBER("rules", NULL, 0, file.document.rules_count),
	};

	output_facts(output, "policy", FIELDS(fields));
	output_say(output, "policy %llu: %u rules, in force about %llu s from now", (unsigned long long)serial,
		   file.document.rules_count, (unsigned long long)in_s);
	return publish_push(arguments, output, directory, DOCUMENT_POLICY);
}
