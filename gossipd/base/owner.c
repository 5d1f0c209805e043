/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns a path. Whoever may write to a directory can rename what is in it and put something else into its place; in
 * a sticky one only what is his own. The mode tells of ACLs, too: its group bits are then the most that an ACL grants.
 */
#include "owner.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define WRITABLE (S_IWGRP | S_IWOTH)

static bool is_foreign(const struct stat *st)
{
	return st->st_uid != 0 && st->st_uid != geteuid();
}

int owner_check_one(const char *path, const struct stat *st, char *ret_why, size_t why_bytes)
{
	const unsigned int mode = st->st_mode & 07777;

	if (is_foreign(st))
		snprintf(ret_why, why_bytes,
			 "%s: belongs to uid %u (mode %04o), who can change what is there; remove it, or give it to "
			 "root",
			 path, st->st_uid, mode);
	else if (!S_ISLNK(st->st_mode) && (st->st_mode & WRITABLE))
		snprintf(ret_why, why_bytes,
			 "%s: others may write to it (mode %04o, uid %u); look at what is there, then run: chmod go-w "
			 "%s",
			 path, mode, st->st_uid, path);
	else
		return 0;
	return -EACCES;
}

static int check_part(const char *part, bool last, char *ret_why, size_t why_bytes)
{
	struct stat st;
	int err = lstat(part, &st) ? -errno : 0;

	if (err == -ENOENT)
		return 0;
	if (err) {
		snprintf(ret_why, why_bytes, "%s: %s", part, strerror(-err));
		return err;
	}
	if (!last && (st.st_mode & S_ISVTX))
		st.st_mode &= ~(mode_t)WRITABLE;
	return owner_check_one(part, &st, ret_why, why_bytes);
}

static int check_parts(const char *path, char *ret_why, size_t why_bytes)
{
	char part[PATH_BYTES];
	int err = path[0] == '/' ? check_part("/", false, ret_why, why_bytes) : 0;

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part)) {
		snprintf(ret_why, why_bytes, "%.64s...: %s", path, strerror(ENAMETOOLONG));
		return -ENAMETOOLONG;
	}
	for (char *at = part + 1; !err; at++) {
		const char end = *at;

		if (end != '/' && end != '\0')
			continue;
		*at = '\0';
		err = check_part(part, end == '\0' || at[1] == '\0', ret_why, why_bytes);
		*at = end;
		if (end == '\0')
			break;
	}
	return err;
}

int owner_check(const char *path, char *ret_why, size_t why_bytes)
{
	int err = check_parts(path, ret_why, why_bytes);
	char *real = err ? NULL : realpath(path, NULL);

	if (real && strcmp(real, path) != 0)
		err = check_parts(real, ret_why, why_bytes);
	free(real);
	return err;
}
