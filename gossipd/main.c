/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipd: arguments, and the three ways it can end. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "control.h"
#include "files.h"
#include "loop.h"
#include "start.h"

#ifndef XPRO_VERSION
#define XPRO_VERSION "0.1"
#endif

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: gossipd --config FILE [--check-config]\n"
	"Counts packets per client and destination in XDP, shares the counts with the other proxies of the mesh, "
	"drops what is over its rate.\n"
	"\n"
	"  --config FILE    the configuration; `gossipctl mesh issue` writes one\n"
	"  --check-config   read and check the configuration and the keys it names, change nothing\n"
	"  --foreground     accepted and needless: there is no other way to run\n"
	"  --version        print the version\n"
	"  --help           print this\n"
	"\n"
	"exit: 0 ok, 1 failed, 2 usage. SIGTERM and SIGINT stop the daemon; the filter stays on (gossipctl detach "
	"takes it off).\n";

struct arguments {
	const char *config;
	bool check, done;
};

static int parse_arguments(int argc, char **argv, struct arguments *ret_arguments)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check-config", no_argument, NULL, 'k' },
		{ "foreground", no_argument, NULL, 'f' },   { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },	    { 0 },
	};
	struct arguments arguments = { .config = NULL };
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments.config = optarg;
			break;
		case 'k':
			arguments.check = true;
			break;
		case 'f':
			break;
		case 'v':
		case 'h':
			fputs(option == 'v' ? "gossipd " XPRO_VERSION "\n" : usage, stdout);
			arguments.done = true;
			*ret_arguments = arguments;
			return 0;
		default:
			return -EINVAL;
		}
	}
	if (!arguments.config || optind < argc)
		return -EINVAL;
	*ret_arguments = arguments;
	return 0;
}

/* What was found out about each interface, in one line. */
static void tell_ready(const struct daemon *daemon)
{
	struct attachment attachments[INTERFACES_MAX];
	size_t count = table_read_attachments(daemon->table, attachments);
	char text[INTERFACES_MAX * 32] = "";

	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %.15s (%.7s)", i ? "," : "",
			 attachments[i].interface, attachments[i].mode);
	log_info("ready: %s, incarnation %llu, start %llu, %s; %s%s", daemon->config.name,
		 (unsigned long long)table_incarnation(daemon->table), (unsigned long long)daemon->boot,
		 daemon->config.gossip ? "gossiping" : "alone",
		 daemon_monitors(daemon) ? "mode = monitor: counting, dropping nothing, on" : "filtering on",
		 count ? text : " no interface");
}

static void warn(const char *text)
{
	printf("warning: %s\n", text);
}

static void warn_of_routes(const struct config *config)
{
	struct sides_view sides;

	if (sides_find(config, config->policy.document.protected_only, NULL, &sides))
		return;
	if (sides.unenforced[0] || sides.notice[0])
		printf("warning: %s:%u: interfaces: %s\n", config->path, config->line[CONFIG_INTERFACES],
		       sides.unenforced[0] ? sides.unenforced : sides.notice);
}

static int check(const char *path)
{
	static struct config config;
	struct identity identity;
	struct problem problem;

	if (start_check(path, &config, &identity, &problem)) {
		log_error("%s", problem.text);
		return EXIT_FAILED;
	}
	identity_wipe(&identity);
	policy_file_warn(&config.policy, warn);
	config_warn(&config, warn);
	warn_of_routes(&config);
	printf("%s: ok\n", path);
	return EXIT_OK;
}

/*
 * Signals that come while it starts wait for the event loop (loop_run lets them in): whoever was asked to end ends
 * in order.
 */
static void hold_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

static int run(const char *path)
{
	static struct daemon daemon; /* a fourth of a megabyte */
	struct problem problem;
	int err;

	hold_signals();
	if (start_daemon(&daemon, path, &problem)) {
		log_error("%s", problem.text);
		return EXIT_FAILED;
	}
	tell_ready(&daemon);
	err = loop_run(&daemon);
	if (daemon.clock_watch.later)
		table_set_time_back(daemon.table);
	start_undo(&daemon);
	if (err) {
		log_error("event loop: %s", strerror(-err));
		return EXIT_FAILED;
	}
	log_info("stopped");
	return daemon.clock_watch.start_anew ? EXIT_FAILED : EXIT_OK;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	int status;

	files_hold_standard();
	if (parse_arguments(argc, argv, &arguments)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (sodium_init() < 0) {
		log_error("libsodium: cannot be initialised");
		return EXIT_FAILED;
	}
	if (arguments.done)
		status = EXIT_OK;
	else
		status = arguments.check ? check(arguments.config) : run(arguments.config);
	if (fflush(stdout) || ferror(stdout)) {
		log_error("standard output: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return status;
}
