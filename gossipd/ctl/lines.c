/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lists of the mesh directory, read whole and taken apart line by line. */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int lines_read(const char *path, size_t bytes_max, const char *writer, bool (*take)(void *user, char *line), void *user,
	       struct problem *ret_problem)
{
	char *text = malloc(bytes_max + 1), *rest = text, *line;
	unsigned int number = 1;
	size_t size = 0;
	int err;

	if (!text)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	err = files_read_at(AT_FDCWD, path, text, bytes_max, &size);
	if (err)
		err = problem_set(ret_problem, err, "%s: %s", path, strerror(-err));
	text[size] = '\0';
	for (; !err && (line = strsep(&rest, "\n")); number++) {
		if (*line != '\0' && !take(user, line))
			err = problem_set(ret_problem, -EINVAL, "%s:%u: not a line that %s wrote", path, number,
					  writer);
	}
	free(text);
	return err;
}
