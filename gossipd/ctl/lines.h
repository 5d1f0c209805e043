/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The mesh directory's lists: text files of one entry per line, written by us alone. */
#ifndef CTL_LINES_H
#define CTL_LINES_H

#include "files.h"

/*
 * Reads a list of at most `bytes_max` bytes, line by line; empty lines are passed over. `take` is given each to take
 * apart, and answers whether it is one that `writer` ("mesh issue") wrote and that there is room for. -EINVAL names
 * the line; -ENOENT when there is no file.
 */
int lines_read(const char *path, size_t bytes_max, const char *writer, bool (*take)(void *user, char *line), void *user,
	       struct problem *ret_problem);

#endif
