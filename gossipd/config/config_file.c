/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The config file as text: read whole, looked over for what libconfig would misread or explain badly, and parsed
 * into libconfig's tree. What the settings mean is config.c's.
 */
#define _GNU_SOURCE /* strchrnul */
#include "config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "numbers.h"

#define FILE_BYTES_MAX 262144

int config_check_text(const char *path, const char *text, size_t size, struct problem *ret_problem)
{
	unsigned int line = 1;

	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return problem_set(ret_problem, -EINVAL,
				   "%s:1: starts with a byte order mark; run: sed -i '1s/^\\xef\\xbb\\xbf//' %s", path,
				   path);
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\r')
			return problem_set(ret_problem, -EINVAL,
					   "%s:%u: the line ends in CRLF; run: sed -i 's/\\r$//' %s", path, line, path);
		if (text[i] == '\0')
			return problem_set(ret_problem, -EINVAL, "%s:%u: holds a zero byte; is this a text file?", path,
					   line);
		line += text[i] == '\n';
	}
	return 0;
}

/* The common ways to write something libconfig does not take. */
static const char *syntax_hint(const char *text, unsigned int line)
{
	char copy[256];
	const char *at = text, *equals, *end;

	while (line > 1 && (at = strchr(at, '\n'))) {
		at++;
		line--;
	}
	if (!at || *at == '\0')
		return "a closing bracket or quote is missing before the end";
	end = strchrnul(at, '\n');
	snprintf(copy, sizeof(copy), "%.*s", (int)(end - at < 255 ? end - at : 255), at);
	equals = strpbrk(copy, "=:");
	if (equals) {
		equals += 1 + strspn(equals + 1, " \t");
		if (!strncmp(equals, "on", 2) || !strncmp(equals, "off", 3) || !strncmp(equals, "yes", 3) ||
		    !strncmp(equals, "no", 2))
			return "switches are written true or false";
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/", *equals) && *equals)
			return "texts stand in double quotes";
	}
	return "settings are written name = value; is a quote, bracket or semicolon missing here or on the line "
	       "before?";
}

int config_parse(const char *path, const char *text, config_t *tree, struct problem *ret_problem)
{
	const char *what;
	int err;

	if (config_read_string(tree, text) == CONFIG_TRUE) {
		err = numbers_check(path, text, ret_problem);
		return err ? err : numbers_check_included(config_root_setting(tree), ret_problem);
	}
	what = config_error_text(tree);
	if (config_error_file(tree))
		path = config_error_file(tree);
	if (what && strstr(what, "duplicate"))
		return problem_set(ret_problem, -EINVAL,
				   "%s:%d: this setting stands here for the second time; remove one", path,
				   config_error_line(tree));
	return problem_set(ret_problem, -EINVAL, "%s:%d: %s; %s", path, config_error_line(tree),
			   what ? what : "syntax error", syntax_hint(text, (unsigned int)config_error_line(tree)));
}

int config_read_text(const char *path, char **ret_text, struct problem *ret_problem)
{
	char *text = malloc(FILE_BYTES_MAX + 1);
	size_t size = 0;
	int err;

	if (!text)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	err = files_read_at(AT_FDCWD, path, text, FILE_BYTES_MAX, &size);
	if (err == -EFBIG)
		err = problem_set(ret_problem, err, "%s: is larger than 256 KiB", path);
	else if (err == -EINVAL)
		err = problem_set(ret_problem, err, "%s: is not a file", path);
	else if (err)
		err = problem_set(ret_problem, err, "%s: %s", path, strerror(-err));
	else
		err = config_check_text(path, text, size, ret_problem);
	if (err) {
		free(text);
		return err;
	}
	text[size] = '\0';
	*ret_text = text;
	return 0;
}
