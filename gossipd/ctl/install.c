/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The new folder is written beside the old one and changes places with it in one rename. A crash before that leaves
 * the old node, a crash after it the new one; what lies beside is removed by the next join.
 */
#define _GNU_SOURCE /* renameat2 */
#include "install.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"
#include "owner.h"

#define BESIDE_BYTES (NAME_BYTES_MAX + 8)

/* ".NAME.new" is being written, ".NAME.old" was in use. */
static void name_beside(const struct install *install, const char *suffix, char ret_name[BESIDE_BYTES])
{
	snprintf(ret_name, BESIDE_BYTES, ".%s.%s", install->bundle->name, suffix);
}

static bool is_part(const char *name)
{
	for (unsigned int part = BUNDLE_KEY; part < BUNDLE_PARTS; part++) {
		if (strcmp(name, bundle_names[part]) == 0)
			return true;
	}
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A folder is replaced as a whole, so it must hold nothing but what a bundle puts there. */
static int look_at_folder(struct install *install, struct problem *ret_problem)
{
	int fd = openat(install->directory_fd, install->bundle->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	int err = 0;

	if (!folder && errno == ENOENT)
		return 0;
	if (!folder) {
		err = problem_set(ret_problem, -errno, "%s: %s", install->folder,
				  errno == ENOTDIR || errno == ELOOP ? "is not a folder; move it away"
								     : strerror(errno));
		if (fd >= 0)
			close(fd);
		return err;
	}
	install->has_folder = true;
	while (!err && (entry = readdir(folder))) {
		if (!is_part(entry->d_name))
			err = problem_set(
				ret_problem, -EEXIST,
				"%s/%.255s: comes from no bundle and would be lost; move it out of this folder",
				install->folder, entry->d_name);
	}
	closedir(folder);
	return err;
}

static bool holds_same(const struct install *install, enum bundle_part part)
{
	char path[2 * FILES_PATH_BYTES], text[BUNDLE_KEY_BYTES_MAX];
	size_t size = 0;

	snprintf(path, sizeof(path), "%s/%s", install->folder, bundle_names[part]);
	return files_read_at(AT_FDCWD, path, text, sizeof(text), &size) == 0 &&
	       size == install->bundle->part[part].size && memcmp(text, install->bundle->part[part].bytes, size) == 0;
}

/* What is installed must be an earlier state of this node. One that cannot be read is replaced. */
static int look_at_keys(struct install *install, struct problem *ret_problem)
{
	const struct bundle *bundle = install->bundle;
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	char path[2 * FILES_PATH_BYTES];
	struct certificate certificate;
	struct problem ignored;
	enum reject reject;
	struct mesh mesh;
	size_t size = 0;

	snprintf(path, sizeof(path), "%s/%s", install->folder, bundle_names[BUNDLE_CERTIFICATE]);
	if (keys_read(path, KEYS_PUBLIC, bytes, sizeof(bytes), &size, &ignored) ||
	    certificate_issuer(bytes, size, &mesh))
		return 0;
	if (memcmp(mesh.id, bundle->mesh.id, sizeof(mesh.id)) != 0)
		return problem_set(
			ret_problem, -EPERM,
			"%s: is of another mesh; to leave that one remove %s, %s and the state directory first", path,
			install->config, install->folder);
	reject = certificate_open(bytes, size, &mesh, &certificate);
	if (reject != REJECT_NONE && reject != REJECT_WIDTHS)
		return 0;
	if (certificate.serial > bundle->certificate.serial)
		return problem_set(
			ret_problem, -ESTALE,
			"%s: number %llu is installed, and the bundle has number %llu, which is older; bring the "
			"newest bundle",
			path, (unsigned long long)certificate.serial, (unsigned long long)bundle->certificate.serial);
	install->same_keys = holds_same(install, BUNDLE_KEY) && holds_same(install, BUNDLE_CERTIFICATE) &&
			     holds_same(install, BUNDLE_SECRET);
	return 0;
}

static int open_directory(struct install *install, struct problem *ret_problem)
{
	char why[2 * FILES_PATH_BYTES + 128];
	int err;

	err = files_make_directory(install->directory, 0755, ret_problem);
	if (err)
		return err;
	if (owner_check(install->directory, why, sizeof(why)))
		return problem_set(ret_problem, -EACCES, "%s", why);
	install->directory_fd = open(install->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (install->directory_fd < 0)
		return problem_set(ret_problem, -errno, "%s: %s", install->directory, strerror(errno));
	if (flock(install->directory_fd, LOCK_EX | LOCK_NB))
		return problem_set(ret_problem, -errno, "%s: %s", install->directory,
				   errno == EWOULDBLOCK ? "another join is at work" : strerror(errno));
	return 0;
}

int install_open(const char *directory, const struct bundle *bundle, struct install *ret_install,
		 struct problem *ret_problem)
{
	struct install *install = ret_install;
	int err;

	*install = (struct install){ .directory = directory, .bundle = bundle, .directory_fd = -1 };
	snprintf(install->config, sizeof(install->config), "%s/%s.conf", directory, bundle->name);
	snprintf(install->folder, sizeof(install->folder), "%s/%s", directory, bundle->name);
	err = open_directory(install, ret_problem);
	if (!err)
		err = look_at_folder(install, ret_problem);
	if (!err)
		err = look_at_keys(install, ret_problem);
	install->has_config = !err && access(install->config, F_OK) == 0;
	return err;
}

void install_close(struct install *install)
{
	if (install->directory_fd >= 0)
		close(install->directory_fd);
}

/* A part, and what a crash left of writing it (files.h). */
static void remove_part(int folder_fd, const char *name)
{
	char temporary[64];

	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	unlinkat(folder_fd, temporary, 0);
	unlinkat(folder_fd, name, 0);
}

/* Of a folder beside: its parts, then itself. */
static int remove_folder(const struct install *install, const char *name, struct problem *ret_problem)
{
	int fd = openat(install->directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	for (unsigned int part = BUNDLE_KEY; fd >= 0 && part < BUNDLE_PARTS; part++)
		remove_part(fd, bundle_names[part]);
	if (fd >= 0)
		close(fd);
	if (unlinkat(install->directory_fd, name, AT_REMOVEDIR) && errno != ENOENT)
		return problem_set(ret_problem, -errno, "%s/%s: cannot be removed: %s", install->directory, name,
				   strerror(errno));
	return 0;
}

static int write_parts(const struct install *install, int folder_fd, struct problem *ret_problem)
{
	int err = 0;

	for (unsigned int part = BUNDLE_KEY; !err && part < BUNDLE_SIGNATURE; part++) {
		char path[2 * FILES_PATH_BYTES];

		snprintf(path, sizeof(path), "%s/%s", install->folder, bundle_names[part]);
		err = files_write(folder_fd, path, bundle_names[part], bundle_mode(part),
				  install->bundle->part[part].bytes, install->bundle->part[part].size, false,
				  ret_problem);
	}
	return err;
}

static int write_folder(const struct install *install, const char *name, struct problem *ret_problem)
{
	int err, fd;

	err = remove_folder(install, name, ret_problem); /* what a crash left behind */
	if (err)
		return err;
	if (mkdirat(install->directory_fd, name, 0700))
		return problem_set(ret_problem, -errno, "%s/%s: cannot be made: %s", install->directory, name,
				   strerror(errno));
	fd = openat(install->directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return problem_set(ret_problem, -errno, "%s/%s: %s", install->directory, name, strerror(errno));
	err = write_parts(install, fd, ret_problem);
	close(fd);
	return err;
}

/* The old folder, if there is one, goes to the place of the new one. */
static int change_places(const struct install *install, const char *name)
{
	const int fd = install->directory_fd;
	const char *place = install->bundle->name;
	char old[BESIDE_BYTES];

	if (!install->has_folder)
		return renameat(fd, name, fd, place) ? -errno : 0;
	if (renameat2(fd, name, fd, place, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EXDEV)
		return -errno;
	/* A file system that cannot exchange. A crash in between leaves no folder, and never a mixed one. */
	name_beside(install, "old", old);
	if (renameat(fd, place, fd, old) || renameat(fd, name, fd, place))
		return -errno;
	return renameat(fd, old, fd, name) ? -errno : 0;
}

/* Both wait beside their places, on disk, so that what follows is renames alone. */
static int stage(const struct install *install, const char *config, struct problem *ret_problem)
{
	char name[BESIDE_BYTES];
	int err;

	name_beside(install, "old", name);
	err = remove_folder(install, name, ret_problem);
	name_beside(install, "new", name);
	if (!err)
		err = write_folder(install, name, ret_problem);
	name_beside(install, "conf", name);
	remove_part(install->directory_fd, name);
	if (!err && config)
		err = files_write(install->directory_fd, install->config, name, 0644, config, strlen(config), true,
				  ret_problem);
	return err;
}

static int put_in_place(const struct install *install, bool config)
{
	char name[BESIDE_BYTES], file[NAME_BYTES_MAX + 8];
	int err;

	name_beside(install, "new", name);
	err = change_places(install, name);
	name_beside(install, "conf", name);
	snprintf(file, sizeof(file), "%s.conf", install->bundle->name);
	if (!err && config && renameat(install->directory_fd, name, install->directory_fd, file))
		err = -errno;
	return err || fsync(install->directory_fd) == 0 ? err : -errno;
}

int install_write(const struct install *install, const char *config, struct problem *ret_problem)
{
	char name[BESIDE_BYTES];
	struct problem ignored;
	int err;

	name_beside(install, "new", name);
	err = stage(install, config, ret_problem);
	if (!err) {
		err = put_in_place(install, config != NULL);
		if (err)
			problem_set(ret_problem, err, "%s: cannot be replaced: %s", install->folder, strerror(-err));
	}
	if (!err)
		return remove_folder(install, name, ret_problem); /* the keys of before */
	remove_folder(install, name, &ignored);
	name_beside(install, "conf", name);
	remove_part(install->directory_fd, name);
	return err;
}
