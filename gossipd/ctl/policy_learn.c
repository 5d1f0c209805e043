/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl policy learn: a policy file out of what monitor mode watched. Each client gets rules of the destinations
 * that it spoke to, and the rest is outside. What is written was read and checked as gossipd will read it.
 */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ask.h"
#include "files.h"
#include "learning.h"
#include "policy_file.h"
#include "text.h"
#include "time_text.h"

#define MARGIN_DEFAULT 100 /* percent: twice the highest rate that was seen */
#define MARGIN_MAX 10000
#define DAY_S 86400

struct teacher {
	struct control_status status;
	struct control_watch watch;
	struct learning learning;
	struct learning busy; /* a flow of each client that spoke to more destinations than are remembered */
	uint64_t margin, outside_rate;
	bool outside_blocks, failed;
};

/* ---- what is learnt ---- */

static void take_pair(struct teacher *teacher, const struct control_learnt *row)
{
	struct flow flow = { .peak = row->peak, .pairs = 1, .looks = row->looks };

	memcpy(flow.client.address.bytes, row->client, 16);
	memcpy(flow.destination.address.bytes, row->destination, 16);
	flow.client.bits = row->client_bits <= 128 ? (uint8_t)row->client_bits : 128;
	flow.destination.bits = 128;
	if (row->more && learning_holds_client(&teacher->busy, &flow.client))
		return;
	if (learning_add(row->more ? &teacher->busy : &teacher->learning, &flow))
		teacher->failed = true;
}

static bool take_row(void *user, enum control_type type, const void *row)
{
	struct teacher *teacher = user;

	if (type == CONTROL_TYPE_STATUS)
		teacher->status = *(const struct control_status *)row;
	else if (type == CONTROL_TYPE_WATCH)
		teacher->watch = *(const struct control_watch *)row;
	else if (type == CONTROL_TYPE_LEARNT)
		take_pair(teacher, row);
	return !teacher->failed;
}

/* ---- the file ---- */

static void write_reasons(FILE *file, const struct teacher *teacher)
{
	const struct learning *learning = &teacher->learning;

	fprintf(file,
		"#\n"
		"# A rule of a client and a destination: they spoke. Its pair_rate is the highest rate of such a pair\n"
		"# that was seen, and %llu %% more, rounded up to 1, 2 or 5 times a power of ten.\n"
		"# A rule with outside%s\n",
		(unsigned long long)teacher->margin,
		teacher->outside_blocks
			? ": what the client sends elsewhere drops."
			: "_rate: so much may the client send to each destination elsewhere, per second.");
	if (learning->client_level || learning->destination_level)
		fprintf(file, "# A policy has room for fewer prefixes: clients or destinations were joined to wider "
			      "ones. Each client of a\n# prefix may speak to all destinations of its rules. The rules "
			      "hold for those that were silent, too.\n");
}

static void write_gaps(FILE *file, const struct teacher *teacher)
{
	const size_t busy = teacher->busy.count;

	if (busy)
		fprintf(file, "# %zu client%s spoke to more destinations than are remembered, and %s no rules.\n",
			busy, busy == 1 ? "" : "s", busy == 1 ? "has" : "have");
	if (teacher->watch.missed)
		fprintf(file, "# Further clients found no room to be remembered: they have no rules.\n");
	if (teacher->status.policy_rules)
		fprintf(file, "# The %u rules and list entries in force now are not in this file.\n",
			teacher->status.policy_rules);
}

static void write_head(FILE *file, const struct teacher *teacher)
{
	const struct learning *learning = &teacher->learning;
	const int64_t seconds = (teacher->watch.until_ns - teacher->watch.since_ns) / NS_PER_S;
	char since[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES], name[160];
	size_t pairs = 0;

	for (size_t i = 0; i < learning->count; i++)
		pairs += learning->flows[i].pairs;
	time_text_full(teacher->watch.since_ns, since);
	time_text_full(teacher->watch.until_ns, until);
	text_escape(teacher->status.name, name, sizeof(name));
	fprintf(file,
		"# Learnt by gossipctl policy learn from what %s watched in monitor mode: %lld s, from %s to\n"
		"# %s, %llu looks at all that it knew of. %zu pairs became %zu rules of %zu client prefixes.\n",
		name, (long long)seconds, since, until, (unsigned long long)teacher->watch.rounds, pairs,
		learning->count, learning_clients(learning));
	write_reasons(file, teacher);
	if (seconds < DAY_S)
		fprintf(file, "# It was watched for less than a day. "
			      "What a client does once a day is not among this.\n");
	write_gaps(file, teacher);
	fprintf(file, "# Before it drops anything: put it into force in monitor mode and look at the counter "
		      "would_drop.\n\n");
}

static void write_defaults(FILE *file, const struct control_status *s)
{
	fprintf(file,
		"# As in force when this was written.\n"
		"pair_rate = %u;\ndestination_rate = %u;\nclient_rate = %u;\nnetwork_rate = %u;\ncontact_rate = %u;\n"
		"idle_reset_ms = %u;\npair_min_window_ms = %u;\ndestination_min_window_ms = %u;\n"
		"early = %s;\npair_action = \"%s\";\naggregate = \"%s\";\n\n",
		s->pair_rate, s->destination_rate, s->client_rate, s->network_rate, s->contact_rate, s->idle_reset_ms,
		s->pair_min_window_ms, s->destination_min_window_ms, s->policy_flags & POLICY_EARLY ? "true" : "false",
		s->policy_flags & POLICY_POLICE ? "police" : "drop", s->policy_flags & POLICY_FAIR ? "fair" : "strict");
}

/* What is outside must not drop of clients without rules that a prefix holds since it was made wider. */
static bool is_left_open(const struct teacher *teacher, const struct prefix *client)
{
	return learning_holds_client(&teacher->busy, client) ||
	       (teacher->watch.missed > 0 && teacher->learning.client_level > 0);
}

/* The comma that the entry before needs, and what is to be said of the client as a whole. */
static void write_client(FILE *file, const struct teacher *teacher, const struct prefix *prefix, bool first)
{
	char client[TEXT_PREFIX_BYTES];

	text_of_prefix(prefix, client);
	if (is_left_open(teacher, prefix)) {
		fprintf(file, "%s\n\t# %s: nothing is said of what is outside, as it holds clients without rules",
			first ? "" : ",\n", client);
		return;
	}
	fprintf(file, "%s\n\t{ client = \"%s\"; ", first ? "" : ",\n", client);
	if (teacher->outside_blocks)
		fprintf(file, "outside = \"block\"; },");
	else
		fprintf(file, "outside_rate = %llu; },", (unsigned long long)teacher->outside_rate);
}

static void write_rules(FILE *file, const struct teacher *teacher)
{
	const struct learning *learning = &teacher->learning;
	const struct flow *before = NULL;
	char client[TEXT_PREFIX_BYTES], destination[TEXT_PREFIX_BYTES];

	fprintf(file, "rules = (");
	for (size_t i = 0; i < learning->count; i++) {
		const struct flow *flow = &learning->flows[i];
		const uint32_t rate = learning_rate(flow->peak, (uint32_t)teacher->margin);

		text_of_prefix(&flow->client, client);
		text_of_prefix(&flow->destination, destination);
		if (!before || !prefix_equal(&before->client, &flow->client))
			write_client(file, teacher, &flow->client, i == 0);
		else
			fprintf(file, ",");
		fprintf(file,
			"\n\t# %u/s at most, of %u pair%s, at %u look%s%s\n"
			"\t{ client = \"%s\"; destination = \"%s\"; pair_rate = %u; }",
			flow->peak, flow->pairs, flow->pairs == 1 ? "" : "s", flow->looks,
			flow->looks == 1 ? "" : "s",
			teacher->status.pair_rate && rate > teacher->status.pair_rate ? "; more than the default allows"
										      : "",
			client, destination, rate);
		before = flow;
	}
	fprintf(file, "\n);\n");
}

/* Reads it as gossipd will. Of the widths nothing is asked: the clients are those of this mesh. */
static int check(const struct control_status *status, const char *text, size_t size, struct problem *ret_problem)
{
	static struct policy_file file;
	const struct mesh mesh = { .tick_ms = (uint16_t)status->tick_ms,
				   .window_max_ms = status->window_max_ms,
				   .decay = (uint8_t)status->decay,
				   .widths = { .client_bits = CLIENT_BITS_DEFAULT, .hosts_count = 1 } };
	const int fd = memfd_create("policy", 0);
	char path[64];
	int err;

	if (fd < 0)
		return problem_set(ret_problem, -errno, "a file in memory: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	file = (struct policy_file){ .line = 0 };
	if (write(fd, text, size) != (ssize_t)size)
		err = problem_set(ret_problem, -EIO, "a file in memory: cannot be written");
	else
		err = policy_file_load(path, &file, ret_problem);
	if (!err)
		err = policy_file_check(&file, &mesh, ret_problem);
	close(fd);
	return err;
}

/* ---- the command ---- */

static int take_options(const struct arguments *arguments, struct teacher *teacher)
{
	teacher->outside_blocks = !arguments->value[OPTION_OUTSIDE_RATE];
	return arguments_number(arguments, OPTION_MARGIN, 0, MARGIN_MAX, MARGIN_DEFAULT, &teacher->margin) &&
	       arguments_number(arguments, OPTION_OUTSIDE_RATE, 1, RATE_MAX, 0, &teacher->outside_rate);
}

/* What keeps the command from writing rules, or NULL. */
static const char *obstacle(const struct teacher *teacher, bool asked)
{
	if (teacher->failed)
		return "no memory";
	if (teacher->watch.since_ns == 0)
		return "nothing was watched: this proxy was not in monitor mode since gossipd started (gossipctl "
		       "monitor)";
	if (teacher->status.clients == 0 && !asked)
		return "whose rules? The configuration names no clients: name them by --client PREFIX";
	if (teacher->learning.count == 0)
		return "no client was seen that a rule could be learnt of";
	return NULL;
}

static int put(struct output *output, const char *path, const char *text, size_t size, struct problem *ret_problem)
{
	if (path) {
		const struct field fields[] = { TEXT("file", NULL, 0, path), NUMBER("bytes", NULL, 0, size) };

		output_facts(output, "written", FIELDS(fields));
		return files_write_path(path, 0644, text, size, true, ret_problem);
	}
	const struct field fields[] = { TEXT("policy", NULL, 0, text) };

	output_facts(output, "learnt", FIELDS(fields));
	if (output->way == &output_as_table)
		fwrite(text, 1, size, output->file);
	return 0;
}

static int write_policy(const struct arguments *arguments, struct output *output, const struct teacher *teacher)
{
	struct problem problem = { .text = "no memory" };
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	int err = file ? 0 : -ENOMEM;

	if (!err) {
		write_head(file, teacher);
		write_defaults(file, &teacher->status);
		write_rules(file, teacher);
		err = fclose(file) ? -ENOMEM : 0;
	}
	if (!err)
		err = check(&teacher->status, text, size, &problem);
	if (!err)
		err = put(output, arguments->value[OPTION_OUTPUT], text, size, &problem);
	if (err)
		complain("%s", problem.text);
	free(text);
	return err ? EXIT_FAILED : EXIT_OK;
}

int run_policy_learn(const struct arguments *arguments, struct output *output)
{
	struct control_request request = { .verb = CONTROL_LEARNT };
	struct teacher teacher = { .failed = false };
	const char *why;
	int status;

	if (!take_options(arguments, &teacher) || !ask_prefixes(arguments, &request))
		return EXIT_USAGE;
	status = ask(arguments, &request, take_row, &teacher);
	why = status == EXIT_OK ? obstacle(&teacher, request.flags & CONTROL_HAS_CLIENT) : NULL;
	if (status == EXIT_OK && !why && learning_fit(&teacher.learning))
		why = "more clients or destinations than a policy has room for: learn a part by --client PREFIX";
	if (why) {
		complain("%s", why);
		status = EXIT_FAILED;
	}
	if (status == EXIT_OK)
		status = write_policy(arguments, output, &teacher);
	learning_free(&teacher.learning);
	learning_free(&teacher.busy);
	return status;
}
