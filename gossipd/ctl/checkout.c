/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A checkout is known by a `.git`, a directory or (in a worktree, a submodule) a file, in any parent. git itself is
 * not run.
 */
#include "checkout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"

#define IGNORE_BYTES_MAX 16384 /* of a .gitignore */

struct ignore {
	char text[IGNORE_BYTES_MAX + 3]; /* with room for a line more */
	size_t size;
};

static bool cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || path[1] == '\0')
		return false;
	slash[slash == path] = '\0'; /* the root keeps its slash */
	return true;
}

/* The real path of a directory, or of its nearest parent that exists. -EINVAL: the rest leads upwards again. */
static int real_place(const char *directory, char ret_place[PATH_MAX])
{
	char path[FILES_PATH_BYTES + 2];

	snprintf(path, sizeof(path), "%s%.*s", *directory == '/' ? "" : "./", FILES_PATH_BYTES - 1, directory);
	while (!realpath(path, ret_place)) {
		const char *last = strrchr(path, '/');

		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
		if (last && strcmp(last, "/..") == 0)
			return -EINVAL;
		if (!cut_last(path))
			return -ENOENT;
	}
	return 0;
}

static bool is_there(const char *place, const char *name, mode_t type)
{
	char path[PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", place, name);
	return lstat(path, &st) == 0 && (type == 0 || (st.st_mode & S_IFMT) == type);
}

/* Not a symbolic link: git does not follow one here. */
static int read_ignore(const char *place, struct ignore *ret_ignore)
{
	char path[PATH_MAX + 16];

	ret_ignore->size = 0;
	if (!is_there(place, ".gitignore", S_IFREG))
		return 0;
	snprintf(path, sizeof(path), "%s/.gitignore", place);
	return files_read_at(AT_FDCWD, path, ret_ignore->text, IGNORE_BYTES_MAX, &ret_ignore->size);
}

/* The last pattern decides: is it the one that ignores everything? */
static bool ignores_all(const struct ignore *ignore)
{
	size_t size = ignore->size;

	while (size > 0 && strchr(" \t\r\n", ignore->text[size - 1]))
		size--;
	return size > 0 && ignore->text[size - 1] == '*' && (size == 1 || ignore->text[size - 2] == '\n');
}

/* Writes the root of the checkout that a place lies in. *ret_ignored: nothing of the place is taken by git. */
static bool find_checkout(const char *place, char ret_root[PATH_MAX], bool *ret_ignored)
{
	static struct ignore ignore;

	*ret_ignored = false;
	snprintf(ret_root, PATH_MAX, "%s", place);
	do {
		*ret_ignored = *ret_ignored || (!read_ignore(ret_root, &ignore) && ignores_all(&ignore));
		if (is_there(ret_root, ".git", 0))
			return true;
	} while (cut_last(ret_root));
	return false;
}

static int ignore_all(const char *directory, struct problem *ret_problem)
{
	static struct ignore ignore;
	char path[FILES_PATH_BYTES + 16];
	int err = files_make_directory(directory, 0700, ret_problem);

	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/.gitignore", directory);
	err = read_ignore(directory, &ignore);
	if (err)
		return problem_set(ret_problem, err, "%s: %s", path, strerror(-err));
	if (ignore.size > 0 && ignore.text[ignore.size - 1] != '\n')
		ignore.text[ignore.size++] = '\n';
	memcpy(ignore.text + ignore.size, "*\n", 2);
	return files_write_path(path, 0644, ignore.text, ignore.size + 2, true, ret_problem);
}

int checkout_guard(const struct arguments *arguments, const char *directory, struct problem *ret_problem)
{
	char place[PATH_MAX], root[PATH_MAX];
	int err = real_place(directory, place);
	bool ignored;

	if (err)
		return problem_set(ret_problem, err, "%s: %s", directory,
				   err == -EINVAL ? "leads through .. of a directory that is not there"
						  : strerror(-err));
	if (!find_checkout(place, root, &ignored) || ignored)
		return 0;
	if (arguments->value[OPTION_IN_GIT_CHECKOUT])
		return ignore_all(directory, ret_problem);
	return problem_set(ret_problem, -EPERM,
			   "%s: lies in the git checkout %.512s, and its keys would go with the next `git add -A`; "
			   "name a directory outside, or give --in-git-checkout: a .gitignore then keeps them out",
			   directory, root);
}
