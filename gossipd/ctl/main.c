/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl: the table of commands; usage is made from it and the table of options. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>

#include "config.h"
#include "files.h"
#include "command.h"

#ifndef XPRO_VERSION
#define XPRO_VERSION "0.1"
#endif

#define WORDS_MAX 2 /* of a command's name, and of its arguments */

/* ---- the commands ---- */

#define BIT(option) (1ull << OPTION_##option)
#define ASKS (BIT(SOCKET) | BIT(CONFIG))
_Static_assert(OPTION_COUNT <= 64, "one bit for each option");

static const struct command commands[] = {
	{ "mesh init", run_mesh_init, "", 0,
	  BIT(DIRECTORY) | BIT(TICK_MS) | BIT(WINDOW_MAX_MS) | BIT(DECAY) | BIT(CLIENT_BITS) | BIT(CLIENT_HOSTS) |
		  BIT(IN_GIT_CHECKOUT),
	  false,
	  "make a new mesh: its authority's key, its secret, its parameters" },
	{ "mesh issue", run_mesh_issue, " NAME[=ADDR]...", 1 | OR_MORE,
	  BIT(DIRECTORY) | BIT(ADDRESS) | BIT(REGION) | BIT(LINE_RATE) | BIT(INTERFACE) | BIT(CLIENTS) |
		  BIT(PAIR_RATE) | BIT(DESTINATION_RATE) | BIT(CLIENT_RATE) | BIT(NETWORK_RATE) | BIT(STATE_DIRECTORY) |
		  BIT(PIN_PATH) | BIT(CONTROL_SOCKET) | BIT(AGAIN) | BIT(BUNDLE) | BIT(IN_GIT_CHECKOUT),
	  false, "write each node's folder: key, certificate, mesh secret, configuration" },
	{ "mesh revoke", run_mesh_revoke, " NAME|KEY", 1,
	  ASKS | BIT(DIRECTORY) | BIT(IN) | BIT(PREVIOUS) | BIT(IN_GIT_CHECKOUT), false,
	  "a node counts no more, anywhere; with a new mesh secret for the others" },
	{ "mesh rotate", run_mesh_rotate, " NAME|secret", 1,
	  ASKS | BIT(DIRECTORY) | BIT(IN) | BIT(BUNDLE) | BIT(IN_GIT_CHECKOUT), false,
	  "another key for a node, or another secret for the mesh, while both run" },
	{ "mesh push", run_mesh_push, " FILE", 1, ASKS, false, "bring a proxy a document that the authority signed" },
	{ "mesh show", run_mesh_show, "", 0, ASKS, false, "documents held here, and which member is behind" },
	{ "join", run_join, " FILE", 1, BIT(INTERFACE) | BIT(TO) | BIT(AGAIN), false,
	  "make this host the node of a bundle: install it, start it in monitor mode" },
	{ "enforce", run_enforce, "", 0, BIT(CONFIG), false, "drop from now on what is over its rate" },
	{ "monitor", run_monitor, "", 0, BIT(CONFIG), false, "count what would be dropped, and drop nothing" },
	{ "policy push", run_policy_push, " FILE", 1, ASKS | BIT(DIRECTORY) | BIT(IN), false,
	  "sign a policy and bring it to the mesh: in force everywhere at once" },
	{ "status", run_status, "", 0, ASKS | BIT(DIGEST), false,
	  "is this proxy healthy, and what has it done; exits 4 when degraded" },
	{ "members", run_members, "", 0, ASKS, false, "the proxies of the mesh as seen from here" },
	{ "pairs", run_pairs, "", 0, ASKS | BIT(CLIENT) | BIT(DESTINATION) | BIT(OVER), false,
	  "clients, their destinations and rates" },
	{ "destinations", run_destinations, "", 0, ASKS | BIT(DESTINATION) | BIT(OVER), false,
	  "destinations and their rates" },
	{ "clients", run_clients, "", 0, ASKS | BIT(CLIENT) | BIT(OVER), false,
	  "clients over all their destinations, their rates, and what is granted" },
	{ "networks", run_networks, "", 0, ASKS | BIT(DESTINATION) | BIT(OVER), false,
	  "networks of destinations, their rates, and what is granted" },
	{ "explain", run_explain, " CLIENT DESTINATION", 2, ASKS, false,
	  "why a client's packets pass or drop: the counts behind the verdict" },
	{ "policy show", run_policy_show, "", 0, ASKS, false, "the defaults and the rules this proxy judges by" },
	{ "policy learn", run_policy_learn, "", 0,
	  ASKS | BIT(CLIENT) | BIT(MARGIN) | BIT(OUTSIDE_RATE) | BIT(OUTPUT), false,
	  "write a policy from what monitor mode saw: who may speak to whom, and how fast" },
	{ "suggest", run_suggest, "", 0, ASKS | BIT(MARGIN), false,
	  "rates for a policy from what monitor mode saw, and who would have been over them" },
	{ "metrics", run_metrics, "", 0, ASKS | BIT(OUTPUT), false, "the counters of this proxy for Prometheus" },
	{ "check", run_check, "", 0, ASKS, false,
	  "one line for Nagios; exits 0 ok, 1 warning, 2 critical, 3 unknown" },
	{ "support", run_support, "", 0, ASKS | BIT(OUTPUT), false,
	  "write xpro-support.tar for who helps: answers, log, configuration; no keys" },
	{ "events", run_events, "", 0, ASKS | BIT(FOLLOW), true, "what happened lately" },
	{ "capture", run_capture, "", 0,
	  ASKS | BIT(CLIENT) | BIT(DESTINATION) | BIT(PACKETS) | BIT(SECONDS) | BIT(OUTPUT), true,
	  "samples of the packets dropped here, or in monitor mode of those that would be, as pcap" },
	{ "leave", run_leave, "", 0, ASKS, false, "this proxy goes for good: the mesh is told, and gossipd ends" },
	{ "detach", run_detach, "", 0, BIT(PIN_PATH) | BIT(CONFIG), false,
	  "take the filter off, with or without gossipd" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* ---- usage ---- */

static void print_option(FILE *file, unsigned int option)
{
	char text[64];

	snprintf(text, sizeof(text), "--%s%s%s", options[option].name, options[option].value ? " " : "",
		 options[option].value ? options[option].value : "");
	fprintf(file, "  %-26s %s\n", text, options[option].help);
}

static void print_usage(FILE *file)
{
	fprintf(file, "usage: gossipctl [--socket PATH | --config FILE] [--json] COMMAND ...\n\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s%s", commands[i].name, commands[i].arguments);
		fprintf(file, "  %-26s %s\n", text, commands[i].help);
	}
	fprintf(file, "\n`gossipctl COMMAND --help` lists a command's options.\n");
	fprintf(file, "exit: 0 ok, 1 failed, 2 usage, 3 gossipd cannot be reached, 4 degraded\n");
}

static void print_command(FILE *file, const struct command *command)
{
	fprintf(file, "usage: gossipctl %s%s [OPTION]...\n%s\n\n", command->name, command->arguments, command->help);
	for (unsigned int option = 0; option < OPTION_COUNT; option++) {
		if ((command->takes & (1ull << option)) || option == OPTION_JSON || option == OPTION_HELP)
			print_option(file, option);
	}
}

/* ---- arguments ---- */

static bool take_option(struct arguments *arguments, unsigned int option, const char *value)
{
	arguments->value[option] = value ? value : "";
	if (option == OPTION_ADDRESS) {
		if (arguments->address_count == ENDPOINTS_MAX) {
			complain("--address: at most %d", ENDPOINTS_MAX);
			return false;
		}
		arguments->addresses[arguments->address_count++] = value;
	}
	if (option == OPTION_INTERFACE) {
		if (arguments->interface_count == INTERFACES_GIVEN_MAX) {
			complain("--interface: at most %d", INTERFACES_GIVEN_MAX);
			return false;
		}
		arguments->interfaces[arguments->interface_count++] = value;
	}
	if (option == OPTION_CLIENTS) {
		if (arguments->client_count == CLIENTS_MAX) {
			complain("--clients: at most %d", CLIENTS_MAX);
			return false;
		}
		arguments->clients[arguments->client_count++] = value;
	}
	if (option == OPTION_CLIENT_HOSTS) {
		if (arguments->host_count == CLIENT_HOSTS_MAX) {
			complain("--client-hosts: at most %d", CLIENT_HOSTS_MAX);
			return false;
		}
		arguments->hosts[arguments->host_count++] = value;
	}
	return true;
}

/* Options may stand before, between and behind the words; which of them fit is checked when the command is known. */
static bool parse_options(int argc, char **argv, struct arguments *arguments)
{
	struct option table[OPTION_COUNT + 1] = { { 0 } };
	int option;

	for (unsigned int i = 0; i < OPTION_COUNT; i++)
		table[i] = (struct option){ options[i].name, options[i].value ? required_argument : no_argument, NULL,
					    (int)i + 256 };
	while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		if (option == 'h')
			option = OPTION_HELP + 256;
		if (option < 256 || !take_option(arguments, (unsigned int)option - 256, optarg))
			return false;
	}
	arguments->words = argv + optind;
	arguments->word_count = (unsigned int)(argc - optind);
	return true;
}

/* Takes the command's name off the words. */
static const struct command *find_command(struct arguments *arguments)
{
	char name[64] = "";
	const char *names[COMMANDS], *nearest;

	for (unsigned int words = 0; words < WORDS_MAX && words < arguments->word_count; words++) {
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s%s", words ? " " : "",
			 arguments->words[words]);
		for (size_t i = 0; i < COMMANDS; i++) {
			names[i] = commands[i].name;
			if (strcmp(name, commands[i].name) != 0)
				continue;
			arguments->words += words + 1;
			arguments->word_count -= words + 1;
			return &commands[i];
		}
	}
	if (arguments->word_count == 0) {
		print_usage(stderr);
		return NULL;
	}
	nearest = text_nearest(name, names, COMMANDS);
	if (!nearest)
		nearest = text_nearest(arguments->words[0], names, COMMANDS);
	if (nearest)
		complain("no such command; did you mean %s?", nearest);
	else
		complain("no such command; `gossipctl --help` lists them");
	return NULL;
}

static bool check_command(const struct command *command, const struct arguments *arguments)
{
	for (unsigned int i = 0; i < OPTION_COUNT; i++) {
		if (!arguments->value[i] || i == OPTION_JSON || (command->takes & (1ull << i)))
			continue;
		complain("%s does not take --%s; `gossipctl %s --help` lists what it takes", command->name,
			 options[i].name, command->name);
		return false;
	}
	if (arguments->word_count == (command->words & ~OR_MORE) ||
	    ((command->words & OR_MORE) && arguments->word_count > (command->words & ~OR_MORE)))
		return true;
	complain("usage: gossipctl %s%s [OPTION]...", command->name, command->arguments);
	return false;
}

static int run(const struct command *command, const struct arguments *arguments)
{
	struct output output = {
		.way = arguments->value[OPTION_JSON] ? &output_as_json : &output_as_table,
		.file = stdout,
		.streaming = command->streams,
	};
	const char *error = NULL;
	int status;

	output_begin(&output, command->name);
	status = command->run(arguments, &output);
	if (status != EXIT_OK && status != EXIT_DEGRADED && *complaint_last())
		error = complaint_last();
	output_end(&output, error);
	return status;
}

static int start(int argc, char **argv)
{
	struct arguments arguments = { .word_count = 0 };
	const struct command *command;

	if (!parse_options(argc, argv, &arguments))
		return EXIT_USAGE;
	if (arguments.value[OPTION_VERSION]) {
		puts("gossipctl " XPRO_VERSION);
		return EXIT_OK;
	}
	if (arguments.value[OPTION_HELP] && arguments.word_count == 0) {
		print_usage(stdout);
		return EXIT_OK;
	}
	command = find_command(&arguments);
	if (!command)
		return EXIT_USAGE;
	if (arguments.value[OPTION_HELP]) {
		print_command(stdout, command);
		return EXIT_OK;
	}
	return check_command(command, &arguments) ? run(command, &arguments) : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	int status;

	files_hold_standard();
	if (argc > 1 && strcmp(argv[1], "--complete") == 0) { /* of what goes wrong a shell has no place to show */
		if (freopen("/dev/null", "w", stderr))
			complete(commands, COMMANDS, (unsigned int)argc - 2, argv + 2);
		return EXIT_OK;
	}
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, told and counted like any other */
	if (sodium_init() < 0) {
		complain("libsodium cannot be initialised");
		return EXIT_FAILED;
	}
	status = start(argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output: %s", errno ? strerror(errno) : "cannot be written");
		return EXIT_FAILED;
	}
	return status;
}
