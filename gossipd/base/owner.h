/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks that only root and this process's user can change a path, so its content is what they put there. */
#ifndef GOSSIPD_OWNER_H
#define GOSSIPD_OWNER_H

#include <stddef.h>

struct stat;

/*
 * Every directory of the path, and of what it leads to by symbolic links, must belong to root or to us. In none but the
 * last may others write, unless it is sticky; in the last they may not write at all. Parts that do not exist are
 * nobody's. -EACCES with the reason, which names the part, its owner and mode, and what to do; else -errno of a part
 * that cannot be looked at.
 */
int owner_check(const char *path, char *ret_why, size_t why_bytes);

/* The same for one file or directory with known `st`, without the directories above it. */
int owner_check_one(const char *path, const struct stat *st, char *ret_why, size_t why_bytes);

#endif
