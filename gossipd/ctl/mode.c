/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl enforce, gossipctl monitor: the `mode` of the configuration, on disk and in the gossipd that runs. The
 * daemon reads its file again on SIGHUP; the kernel tells which process is at the other end of its socket.
 */
#define _GNU_SOURCE /* struct ucred */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "ask.h"
#include "config_edit.h"
#include "config_internal.h"
#include "install.h"
#include "installed.h"

#define WAIT_MS 5000 /* a daemon takes its configuration within a tick */
#define LOOK_MS 50

/* The file that was given, or the only one there is. */
static int find_config(const struct arguments *arguments, char ret_path[FILES_PATH_BYTES])
{
	const char *given = arguments->value[OPTION_CONFIG];
	size_t count;

	if (given && *given && text_copy(given, ret_path, FILES_PATH_BYTES))
		return EXIT_OK;
	if (given) {
		complain("--config: a path of 1 to %d characters is needed", FILES_PATH_BYTES - 1);
		return EXIT_USAGE;
	}
	count = installed_configs(ret_path);
	if (count == 1)
		return EXIT_OK;
	if (count == 0)
		complain(INSTALL_DIRECTORY ": there is no configuration; name one with --config FILE");
	else
		complain(INSTALL_DIRECTORY ": there are %zu configurations; say which, for example --config %s", count,
			 ret_path);
	return EXIT_USAGE;
}

/* Writes the mode where it is another. A file that names none enforces. */
static int write_mode(const char *path, bool monitor, struct config *ret_config, struct problem *ret_problem)
{
	char *text = NULL;
	int err;

	err = config_read_text(path, &text, ret_problem);
	if (!err)
		err = config_load_text(path, text, ret_config, ret_problem);
	if (!err && (ret_config->monitor != 0) != monitor) {
		err = config_edit(path, &text, "mesh.mode", monitor ? "\"monitor\"" : "\"enforce\"", ret_problem);
		if (err == -ENOENT)
			problem_set(ret_problem, err,
				    "%s: mode is not set there; write mode = \"%s\"; into mesh = { ... }", path,
				    monitor ? "monitor" : "enforce");
		if (!err)
			err = config_edit_write(path, text, ret_problem);
	}
	free(text);
	return err;
}

struct seen {
	bool known, monitor;
};

static bool see_status(void *user, enum control_type type, const void *row)
{
	const struct control_status *status = row;
	struct seen *seen = user;

	if (type == CONTROL_TYPE_STATUS)
		*seen = (struct seen){ true, status->policy_flags & POLICY_MONITOR };
	return true;
}

/* Waits until the daemon judges in this mode. */
static int wait_for_mode(const struct arguments *arguments, bool monitor)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	struct seen seen = { .known = false };

	for (unsigned int looks = 0; looks < WAIT_MS / LOOK_MS; looks++) {
		struct control_request request = { .verb = CONTROL_STATUS };
		int status = ask(arguments, &request, see_status, &seen);

		if (status != EXIT_OK)
			return status;
		if (seen.known && seen.monitor == monitor)
			return EXIT_OK;
		nanosleep(&pause, NULL);
	}
	complain("gossipd goes on in %s mode: %s", seen.monitor ? "monitor" : "enforce",
		 monitor ? "its log says why"
			 : "a policy of the mesh may say mode = \"monitor\" (gossipctl policy show), else its log says "
			   "why");
	return EXIT_FAILED;
}

static int tell_daemon(const struct config *config, bool monitor, bool *ret_runs)
{
	struct arguments arguments = { .value[OPTION_SOCKET] = config->control_socket };
	pid_t daemon = ask_daemon(config->control_socket);

	*ret_runs = daemon > 0;
	if (!*ret_runs)
		return EXIT_OK;
	if (kill(daemon, SIGHUP)) {
		complain("gossipd (process %d): %s", (int)daemon, strerror(errno));
		return EXIT_FAILED;
	}
	return wait_for_mode(&arguments, monitor);
}

static int set_mode(const struct arguments *arguments, struct output *output, bool monitor)
{
	const char *mode = monitor ? "monitor" : "enforce";
	static struct config config;
	char path[FILES_PATH_BYTES];
	struct problem problem;
	bool runs = false;
	int status = find_config(arguments, path);

	if (status != EXIT_OK)
		return status;
	if (write_mode(path, monitor, &config, &problem)) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	status = tell_daemon(&config, monitor, &runs);
	if (status != EXIT_OK)
		return status;
	const struct field fields[] = {
		TEXT("config", NULL, 0, path),
		TEXT("mode", NULL, 0, mode),
		FLAG("running", NULL, 0, runs),
	};

	output_facts(output, "mode", FIELDS(fields));
	output_say(output, "%s: mode = \"%s\"%s", path, mode, runs ? "" : "; gossipd does not run, and starts in it");
	if (runs)
		output_say(output, monitor ? "%s counts what would be dropped, and drops nothing"
					   : "%s drops what is over its rate",
			   config.name);
	return EXIT_OK;
}

int run_enforce(const struct arguments *arguments, struct output *output)
{
	return set_mode(arguments, output, false);
}

int run_monitor(const struct arguments *arguments, struct output *output)
{
	return set_mode(arguments, output, true);
}
