/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whole files: the rename is the only moment at which a reader, or a crash, can see a change. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int files_make_directory(const char *path, mode_t mode, struct problem *ret_problem)
{
	char part[FILES_PATH_BYTES];
	struct stat st;

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return problem_set(ret_problem, -ENAMETOOLONG, "%.64s...: the path is too long", path);
	for (char *at = part + 1;; at++) {
		char end = *at;

		if (end != '/' && end != '\0')
			continue;
		*at = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return problem_set(ret_problem, -errno, "%s: cannot make this directory: %s", part,
					   strerror(errno));
		*at = end;
		if (end == '\0')
			break;
	}
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return problem_set(ret_problem, -ENOTDIR, "%s: is not a directory", path);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

static int write_temporary(int directory_fd, const char *temporary, mode_t mode, const void *bytes, size_t size,
			   bool synced)
{
	int err, fd;

	unlinkat(directory_fd, temporary, 0); /* what a crash left behind */
	fd = openat(directory_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	err = fchmod(fd, mode) ? -errno : 0; /* whatever the umask says */
	if (!err)
		err = write_all(fd, bytes, size);
	if (!err && synced && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int write_and_rename(int directory_fd, const char *path, const char *name, mode_t mode, const void *bytes,
			    size_t size, bool synced, struct problem *ret_problem)
{
	char temporary[NAME_MAX + 8];
	int err;

	if (snprintf(temporary, sizeof(temporary), ".%s.new", name) >= NAME_MAX)
		return problem_set(ret_problem, -ENAMETOOLONG, "%s: the name is too long", path);
	err = write_temporary(directory_fd, temporary, mode, bytes, size, synced);
	if (!err && renameat(directory_fd, temporary, directory_fd, name))
		err = -errno;
	if (!err)
		return 0;
	unlinkat(directory_fd, temporary, 0);
	return problem_set(ret_problem, err, "%s: cannot write: %s", path, strerror(-err));
}

int files_write_unsynced(int directory_fd, const char *path, const char *name, mode_t mode, const void *bytes,
			 size_t size, struct problem *ret_problem)
{
	return write_and_rename(directory_fd, path, name, mode, bytes, size, false, ret_problem);
}

int files_write(int directory_fd, const char *path, const char *name, mode_t mode, const void *bytes, size_t size,
		bool replace, struct problem *ret_problem)
{
	int err;

	if (!replace && faccessat(directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return problem_set(ret_problem, -EEXIST, "%s: exists already", path);
	err = write_and_rename(directory_fd, path, name, mode, bytes, size, true, ret_problem);
	if (err)
		return err;
	if (fsync(directory_fd))
		return problem_set(ret_problem, -errno, "%s: cannot make the directory durable: %s", path,
				   strerror(errno));
	return 0;
}

int files_write_path(const char *path, mode_t mode, const void *bytes, size_t size, bool replace,
		     struct problem *ret_problem)
{
	char directory[FILES_PATH_BYTES];
	const char *slash = strrchr(path, '/');
	int err, fd;

	if (strlen(path) >= sizeof(directory))
		return problem_set(ret_problem, -ENAMETOOLONG, "%.64s...: the path is too long", path);
	if (slash)
		snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return problem_set(ret_problem, -errno, "%s: cannot open its directory: %s", path, strerror(errno));
	err = files_write(fd, path, slash ? slash + 1 : path, mode, bytes, size, replace, ret_problem);
	close(fd);
	return err;
}

int files_read_at(int directory_fd, const char *name, void *ret_bytes, size_t bytes_max, size_t *ret_size)
{
	size_t size = 0;
	struct stat st;
	int err = 0, fd;

	fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if ((uint64_t)st.st_size > bytes_max)
		err = -EFBIG;
	while (!err && size < bytes_max) {
		ssize_t got = read(fd, (char *)ret_bytes + size, bytes_max - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = -errno;
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	close(fd);
	if (!err)
		*ret_size = size;
	return err;
}

void files_hold_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/*
		 * The lowest free number is this one; opened for the other direction, so that using it is still an
		 * error.
		 */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return;
	}
}
