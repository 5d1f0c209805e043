/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl support: what somebody far away needs to understand a proxy, as one tar archive: the answers of the daemon
 * as JSON, its metrics, log and configuration, and what host it runs on. No file that holds a key is ever opened.
 * Addresses of clients are in it, in events and in the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "host_check.h"
#include "installed.h"
#include "look.h"
#include "tar.h"
#include "unit.h"

#define ARCHIVE_BYTES_MAX (64u << 20)
#define FILE_BYTES_MAX (1u << 20) /* of a file of the host, and of the log */
#define SUPPORT_FILE "xpro-support.tar"

struct packing {
	const struct arguments *arguments;
	struct output *output; /* that names what is put in */
	int64_t now_s;
	char *archive; /* ARCHIVE_BYTES_MAX */
	size_t used;
	char *bytes; /* FILE_BYTES_MAX: the file at work */
};

static const struct {
	const char *file;
	int (*run)(const struct arguments *arguments, struct output *output);
	bool streams, text;
} answers[] = {
	{ "status.json", run_status, false, false },
	{ "members.json", run_members, false, false },
	{ "events.json", run_events, true, false },
	{ "policy.json", run_policy_show, false, false },
	{ "documents.json", run_mesh_show, false, false },
	{ "metrics.prom", run_metrics, false, true },
};

static const char *const host_files[] = { "/etc/os-release", "/proc/version", "/proc/meminfo", "/proc/net/dev",
					  "/proc/interrupts" };

static void put(struct packing *packing, const char *name, const char *bytes, size_t size)
{
	struct tar_file file = { .mode = 0600, .made_s = packing->now_s, .bytes = bytes, .size = size };
	const struct field fields[] = { TEXT("name", NULL, 0, name), NUMBER("bytes", NULL, 0, size) };

	snprintf(file.name, sizeof(file.name), "xpro-support/%s", name);
	/* Room for the end is kept. What does not fit is left out, and so not named. */
	if (tar_put(packing->archive, ARCHIVE_BYTES_MAX - 2 * TAR_BLOCK_BYTES, &packing->used, &file))
		output_row_unless(packing->output, true, FIELDS(fields));
}

/* A command as if it were asked with --json, and what went wrong as its `error`. */
static void put_answer(struct packing *packing, size_t i)
{
	struct arguments arguments = { .value[OPTION_SOCKET] = packing->arguments->value[OPTION_SOCKET],
				       .value[OPTION_CONFIG] = packing->arguments->value[OPTION_CONFIG] };
	struct output output = { .way = answers[i].text ? &output_as_table : &output_as_json,
				 .streaming = answers[i].streams };
	char *bytes = NULL;
	size_t size = 0;
	int status;

	output.file = open_memstream(&bytes, &size);
	if (!output.file)
		return;
	output_begin(&output, answers[i].file);
	status = answers[i].run(&arguments, &output);
	output_end(&output, status == EXIT_OK || status == EXIT_DEGRADED ? NULL : complaint_last());
	if (fclose(output.file) == 0)
		put(packing, answers[i].file, bytes, size);
	free(bytes);
}

static void put_file(struct packing *packing, const char *path, const char *name)
{
	size_t size = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got;

	/* Files of /proc have no size of their own. */
	while (fd >= 0 && size < FILE_BYTES_MAX && (got = read(fd, packing->bytes + size, FILE_BYTES_MAX - size)) > 0)
		size += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (size > 0)
		put(packing, name, packing->bytes, size);
}

static void put_host(struct packing *packing)
{
	struct statfs bpffs = { .f_type = 0 };
	struct sysinfo memory = { .uptime = 0 };
	struct utsname kernel = { .release = "" };
	char text[1024];
	int size;

	uname(&kernel);
	sysinfo(&memory);
	statfs("/sys/fs/bpf", &bpffs);
	size = snprintf(
		text, sizeof(text),
		"kernel %.64s %.64s\nprocessors %ld\nmemory_mib %llu\nuptime_s %ld\nbpffs %s\nclock %s\nmanager %s\n",
		kernel.release, kernel.machine, sysconf(_SC_NPROCESSORS_ONLN),
		(unsigned long long)memory.totalram * memory.mem_unit >> 20, memory.uptime,
		(unsigned long)bpffs.f_type == BPF_FS_MAGIC ? "mounted" : "not mounted",
		host_clock_is_kept() ? "kept by NTP" : "not kept by NTP", unit_has_manager() ? "systemd" : "none");
	put(packing, "host.txt", text, (size_t)size);
	for (size_t i = 0; i < sizeof(host_files) / sizeof(host_files[0]); i++) {
		snprintf(text, sizeof(text), "host%s", host_files[i]);
		put_file(packing, host_files[i], text);
	}
}

/* The configuration names key files, and holds no key. Of the name comes the unit whose log is wanted. */
static void put_config(struct packing *packing)
{
	char found[FILES_PATH_BYTES] = "";
	const char *path = packing->arguments->value[OPTION_CONFIG];
	static struct config config;
	struct problem problem;
	size_t size = 0;

	if (!path && !packing->arguments->value[OPTION_SOCKET] && installed_configs(found) == 1)
		path = found;
	if (!path)
		return;
	put_file(packing, path, "gossipd.conf");
	if (config_load(path, &config, &problem)) {
		put(packing, "gossipd.conf.problem", problem.text, strlen(problem.text));
		return;
	}
	if (unit_has_manager() && unit_log(config.name, packing->bytes, FILE_BYTES_MAX, &size) == 0 && size > 0)
		put(packing, "log.txt", packing->bytes, size);
}

static int pack(struct packing *packing, const char *path, struct problem *ret_problem)
{
	packing->archive = malloc(ARCHIVE_BYTES_MAX);
	packing->bytes = malloc(FILE_BYTES_MAX);
	if (!packing->archive || !packing->bytes)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	output_list(packing->output, "files");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		put_answer(packing, i);
	put_host(packing);
	put_config(packing);
	tar_put_end(packing->archive, ARCHIVE_BYTES_MAX, &packing->used);
	return files_write_path(path, 0600, packing->archive, packing->used, false, ret_problem);
}

int run_support(const struct arguments *arguments, struct output *output)
{
	const char *path = arguments->value[OPTION_OUTPUT] ? arguments->value[OPTION_OUTPUT] : SUPPORT_FILE;
	struct packing packing = { .arguments = arguments, .output = output, .now_s = time(NULL) };
	struct problem problem;
	int err = pack(&packing, path, &problem);

	free(packing.archive);
	free(packing.bytes);
	if (err) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	const struct field fields[] = { TEXT("file", NULL, 0, path), NUMBER("bytes", NULL, 0, packing.used) };

	output_facts(output, "written", FIELDS(fields));
	output_say(output, "%s: no keys are in it; addresses of clients are, in events and in the log", path);
	return EXIT_OK;
}
