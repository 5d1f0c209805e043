/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl detach: takes the filter off, with or without a daemon. Links are detached, then every pin in the
 * directory is removed, then the directory. Only a directory of a bpffs, only what is pinned in it by name, nothing
 * below it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "config.h"
#include "egress_filters.h"
#include "owner.h"
#include "ctl.h"

struct detaching {
	struct output *output;
	const char *path;
	int directory_fd;
	unsigned int links, pins, failed;
};

/* An attached link's interface, or false when the pin is of something else. */
static bool read_link(int fd, struct bpf_link_info *ret_info)
{
	uint32_t size = sizeof(*ret_info);
	char path[64], line[128];
	bool is_link = false;
	FILE *file;

	/* Maps and programs answer the same question with their own structure: the descriptor's kind is asked first. */
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		is_link |= strncmp(line, "link_type:", 10) == 0;
	if (file)
		fclose(file);
	memset(ret_info, 0, sizeof(*ret_info));
	return is_link && bpf_obj_get_info_by_fd(fd, ret_info, &size) == 0;
}

static void show_pin(struct detaching *detaching, const char *name, const char *kind, uint32_t ifindex,
		     const char *result)
{
	char interface[IF_NAMESIZE] = "";
	const struct field fields[] = {
		TEXT("pin", "pin", -28, name),
		TEXT("kind", "kind", -8, kind),
		ifindex && if_indextoname(ifindex, interface) ? TEXT("interface", "interface", -16, interface)
							      : TEXT("interface", "interface", -16, ""),
		TEXT("result", "result", 0, result),
	};

	output_row(detaching->output, FIELDS(fields));
}

/* A daemon that runs holds the link too, so removing the pin alone would leave the program on. */
static void detach_one(struct detaching *detaching, const char *name)
{
	char path[FILES_PATH_BYTES];
	struct bpf_link_info info;
	const char *kind = "map", *result = "removed";
	uint32_t ifindex = 0;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", detaching->path, name) >= sizeof(path)) {
		detaching->failed++;
		return;
	}
	fd = bpf_obj_get(path);
	if (fd >= 0 && read_link(fd, &info)) {
		kind = "link";
		ifindex = info.type == BPF_LINK_TYPE_XDP ? info.xdp.ifindex : 0;
		detaching->links++;
		if (bpf_link_detach(fd) == 0)
			result = "detached";
		else if (ifindex != 0 && errno != ENOLINK) /* an interface that went took its link along */
			result = strerror(errno);
	}
	if (fd >= 0)
		close(fd);
	if (unlinkat(detaching->directory_fd, name, 0)) {
		result = strerror(errno);
		detaching->failed++;
	} else {
		detaching->pins++;
	}
	show_pin(detaching, name, kind, ifindex, result);
}

/* Whoever can put another directory into its place would have us take off another daemon's filter. */
static int open_directory(const char *path, int *ret_fd)
{
	char why[2 * FILES_PATH_BYTES + 128];
	struct statfs fs;
	int fd;

	if (owner_check(path, why, sizeof(why))) {
		complain("%s", why);
		return EXIT_FAILED;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		complain("%s: %s%s", path, strerror(errno), errno == ENOENT ? "; nothing is pinned there" : "");
		return EXIT_FAILED;
	}
	if (fstatfs(fd, &fs) || (unsigned long)fs.f_type != BPF_FS_MAGIC) {
		complain("%s: is not in a bpffs, so nothing can be pinned there (in a namespace of its own? use "
			 "nsenter --net)",
			 path);
		close(fd);
		return EXIT_FAILED;
	}
	*ret_fd = fd;
	return EXIT_OK;
}

/* Entries of a bpffs may not be walked while they are removed: one at a time, from the start. */
static bool next_pin(int directory_fd, char ret_name[NAME_MAX + 1])
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		struct stat st;

		if (fstatat(directory_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		found = text_copy(entry->d_name, ret_name, NAME_MAX + 1);
	}
	if (directory)
		closedir(directory);
	return found;
}

/* Filters that count answers stand on interfaces, and no pin names them: they use a map that is pinned. */
static void detach_filters(const char *path)
{
	char pin[FILES_PATH_BYTES];
	int fd;

	if ((size_t)snprintf(pin, sizeof(pin), "%s/" EGRESS_PIN, path) >= sizeof(pin))
		return;
	fd = bpf_obj_get(pin);
	if (fd < 0)
		return;
	libbpf_set_print(NULL); /* of interfaces that have no filters, libbpf would say so */
	egress_filters_remove(fd, NULL, 0);
	close(fd);
}

static int detach(struct output *output, const char *path)
{
	struct detaching detaching = { .output = output, .path = path, .directory_fd = -1 };
	char name[NAME_MAX + 1];
	int status;

	status = open_directory(path, &detaching.directory_fd);
	if (status != EXIT_OK)
		return status;
	output_list(output, "pins");
	detach_filters(path);
	while (detaching.failed == 0 && next_pin(detaching.directory_fd, name))
		detach_one(&detaching, name);
	close(detaching.directory_fd);
	if (detaching.failed > 0) {
		complain("%s: not everything could be removed", path);
		return EXIT_FAILED;
	}
	if (rmdir(path) && errno != EBUSY) {
		complain("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	output_say(output, "%u links detached, %u pins removed: nothing is filtered any more", detaching.links,
		   detaching.pins);
	return EXIT_OK;
}

int run_detach(const struct arguments *arguments, struct output *output)
{
	static struct config config;
	const char *path = arguments->value[OPTION_PIN_PATH];
	struct problem problem;

	if (!path == !arguments->value[OPTION_CONFIG]) {
		complain("detach needs either --pin-path PATH or --config FILE");
		return EXIT_USAGE;
	}
	if (!path) {
		if (config_load(arguments->value[OPTION_CONFIG], &config, &problem)) {
			complain("%s", problem.text);
			return EXIT_FAILED;
		}
		path = config.pin_path;
	}
	return detach(output, path);
}
