/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* systemctl is run as an administrator would, found by PATH. What it prints goes to standard error. */
#include "unit.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xpro/bounds.h>

#define UNIT_BYTES (NAME_BYTES_MAX + 16)

extern char **environ;

/* sd_booted(3) */
bool unit_has_manager(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* Runs a program with its standard output at `output`. -EIO: it ended otherwise than with 0. */
static int run(char *const words[], int output)
{
	posix_spawn_file_actions_t actions;
	int status = 0;
	pid_t child;
	int err;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	err = -posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!err)
		err = -posix_spawnp(&child, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		return err;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static void name_unit(const char *node, char ret_unit[UNIT_BYTES])
{
	snprintf(ret_unit, UNIT_BYTES, "gossipd@%s", node);
}

int unit_start(const char *node)
{
	char unit[UNIT_BYTES], program[] = "systemctl", enable[] = "enable", restart[] = "restart";
	char *const first[] = { program, enable, unit, NULL }, *const second[] = { program, restart, unit, NULL };
	int err;

	name_unit(node, unit);
	err = run(first, STDERR_FILENO);
	return err ? err : run(second, STDERR_FILENO);
}

int unit_log(const char *node, char *ret_text, size_t bytes, size_t *ret_size)
{
	char program[] = "journalctl", quiet[] = "--quiet", pager[] = "--no-pager", lines[] = "--lines=2000";
	char of[] = "--unit", unit[UNIT_BYTES];
	char *const words[] = { program, quiet, pager, lines, of, unit, NULL };
	FILE *file = tmpfile();
	int err;

	if (!file)
		return -errno;
	name_unit(node, unit);
	err = run(words, fileno(file));
	if (!err) {
		rewind(file);
		*ret_size = fread(ret_text, 1, bytes, file);
	}
	fclose(file);
	return err;
}
