/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a host can lack, found out before anything is installed on it. */
#include "host_check.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#define CLOCK_TOLERANCE_S 60 /* the authority's clock may be wrong by as much */

static void time_text(int64_t at_s, char ret_text[32])
{
	const time_t seconds = (time_t)at_s;
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int host_check_clock(const char *path, int64_t made_s, struct problem *ret_problem)
{
	const int64_t now_s = time(NULL);
	char made[32], now[32];

	if (now_s + CLOCK_TOLERANCE_S >= made_s)
		return 0;
	time_text(made_s, made);
	time_text(now_s, now);
	return problem_set(ret_problem, -EINVAL,
			   "%s: was made at %s, and the clock of this host says %s; set it by NTP, then join", path,
			   made, now);
}

bool host_clock_is_kept(void)
{
	struct timex clock = { .modes = 0 };

	return adjtimex(&clock) != TIME_ERROR && !(clock.status & STA_UNSYNC);
}

/* The names of the interfaces of this host, for a hint. */
static void list_interfaces(char *ret_text, size_t bytes)
{
	struct if_nameindex *interfaces = if_nameindex();

	ret_text[0] = '\0';
	for (struct if_nameindex *at = interfaces; at && at->if_index != 0; at++) {
		const size_t used = strlen(ret_text);

		if (strcmp(at->if_name, "lo") != 0)
			snprintf(ret_text + used, bytes - used, "%s%.15s", used ? ", " : "", at->if_name);
	}
	if_freenameindex(interfaces);
}

int host_check_interfaces(const struct config *config, struct problem *ret_problem)
{
	char there[256];

	for (uint32_t i = 0; i < config->interface_count; i++) {
		if (if_nametoindex(config->interfaces[i]) != 0)
			continue;
		list_interfaces(there, sizeof(there));
		return problem_set(ret_problem, -ENODEV,
				   "%s:%u: interfaces: %s: there is no such interface here (%s); name one with "
				   "--interface",
				   config->path, config->line[CONFIG_INTERFACES], config->interfaces[i],
				   *there ? there : "only lo");
	}
	return 0;
}

/* What two daemons of one host cannot share. NULL: nothing is shared. */
static const char *shared(const struct config *one, const struct config *other)
{
	for (uint32_t i = 0; i < one->interface_count; i++) {
		for (uint32_t j = 0; j < other->interface_count; j++) {
			if (strcmp(one->interfaces[i], other->interfaces[j]) == 0)
				return one->interfaces[i];
		}
	}
	for (uint32_t i = 0; i < one->listen_count; i++) {
		for (uint32_t j = 0; j < other->listen_count; j++) {
			const struct endpoint *a = &one->listen[i].endpoint, *b = &other->listen[j].endpoint;

			if (a->port == b->port && address_equal(&a->address, &b->address))
				return "the address it hears at";
		}
	}
	if (strcmp(one->state_directory, other->state_directory) == 0)
		return one->state_directory;
	if (strcmp(one->pin_path, other->pin_path) == 0)
		return one->pin_path;
	return strcmp(one->control_socket, other->control_socket) == 0 ? one->control_socket : NULL;
}

int host_check_others(const char *directory, const struct config *config, struct problem *ret_problem)
{
	char pattern[FILES_PATH_BYTES + 8];
	static struct config other;
	struct problem ignored;
	glob_t found = { 0 };
	int err = 0;

	snprintf(pattern, sizeof(pattern), "%.*s/*.conf", FILES_PATH_BYTES, directory);
	if (glob(pattern, 0, NULL, &found))
		found.gl_pathc = 0;
	for (size_t i = 0; !err && i < found.gl_pathc; i++) {
		const char *what, *path = found.gl_pathv[i];

		if (strcmp(path, config->path) == 0 || config_load(path, &other, &ignored))
			continue;
		what = shared(config, &other);
		if (what)
			err = problem_set(
				ret_problem, -EEXIST,
				"%s: is the node %s of this host, and has %s too; end it (systemctl disable --now "
				"gossipd@%s) and remove that file, then join",
				path, other.name, what, other.name);
	}
	globfree(&found);
	return err;
}
