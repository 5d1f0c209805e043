/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The directory of the pins: made in a bpffs, nobody else's, and locked. A bpffs that was mounted without a mode is
 * 1777, so anybody may have made the directory before us, and could later remove the pins or put others into their
 * place. Also the names of what is pinned there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "owner.h"
#include "table_internal.h"

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif
#define BPF_FS "/sys/fs/bpf"

/* Dots are reserved in a bpffs; ':' is not possible in the name of an interface, and so stands for them. */
int pins_path(char ret_path[PIN_PATH_MAX + 32], const char *pin_path, const char *name)
{
	const char *section = ".data.";
	char *dot;
	int length = snprintf(ret_path, PIN_PATH_MAX + 32, "%s/", pin_path);

	if (length < 0 || length > PIN_PATH_MAX)
		return -ENAMETOOLONG;
	if (strncmp(name, section, strlen(section)) == 0)
		name += strlen(section);
	snprintf(ret_path + length, PIN_PATH_MAX + 32 - (size_t)length, "%s", name);
	for (dot = ret_path + length; *dot; dot++)
		if (*dot == '.')
			*dot = ':';
	return 0;
}

int link_path(char ret_path[PIN_PATH_MAX + 32], const char *pin_path, const char *interface)
{
	char name[32];

	snprintf(name, sizeof(name), LINK_PREFIX "%s", interface);
	return pins_path(ret_path, pin_path, name);
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* mkdir -p, but only inside of a bpffs: elsewhere a directory would be in the way of the one that is mounted later. */
static void make_parts(const char *pin_path)
{
	char path[PIN_PATH_MAX];
	bool inside = false;

	snprintf(path, sizeof(path), "%s", pin_path);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (inside)
			mkdir(path, 0700);
		inside = inside || is_bpffs(path);
		*slash = '/';
	}
	if (inside)
		mkdir(path, 0700);
}

/* The usual bpffs is mounted when nobody has done so yet. */
static int directory_make(const char *pin_path, struct table_problem *problem)
{
	int err;

	if (strncmp(pin_path, BPF_FS "/", sizeof(BPF_FS)) == 0 && !is_bpffs(BPF_FS) &&
	    mount("bpf", BPF_FS, "bpf", 0, "mode=0700")) {
		err = -errno;
		problem_say(problem, "%s: no bpf file system there, and mounting one failed: %s", BPF_FS,
			    strerror(errno));
		return err;
	}
	err = owner_check(pin_path, problem->text, sizeof(problem->text));
	if (err)
		return err;
	make_parts(pin_path);
	if (is_bpffs(pin_path))
		return 0;
	problem_say(problem, "%s: not a directory in a bpf file system (mount -t bpf bpf %s)", pin_path, BPF_FS);
	return -ENOENT;
}

/* Pins that somebody else owns or may write to were not made by a daemon, or are not its own any more. */
static int pins_check(const char *pin_path, int directory_fd, struct table_problem *problem)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!directory)
		return -errno;
	while (!err && (entry = readdir(directory))) {
		char path[PIN_PATH_MAX + NAME_MAX + 2];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(directory_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		snprintf(path, sizeof(path), "%s/%s", pin_path, entry->d_name);
		err = owner_check_one(path, &st, problem->text, sizeof(problem->text));
	}
	closedir(directory);
	return err;
}

/* One daemon per table: two would write each other's words. */
static int directory_lock(const char *pin_path, int *ret_fd, struct table_problem *problem)
{
	int fd = open(pin_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_fd = fd;
		return 0;
	}
	err = fd < 0 ? -errno : -EBUSY;
	problem_say(problem, "%s: in use by another daemon", pin_path);
	if (fd >= 0)
		close(fd);
	return err;
}

int directory_open(const char *pin_path, int *ret_fd, struct table_problem *problem)
{
	int err = directory_make(pin_path, problem), fd = -1;

	if (!err)
		err = directory_lock(pin_path, &fd, problem);
	if (!err)
		err = owner_check(pin_path, problem->text, sizeof(problem->text));
	if (!err)
		err = pins_check(pin_path, fd, problem);
	if (!err)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return err;
}
