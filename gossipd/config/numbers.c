/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A walk over the text by libconfig's own lexical rules: comments and texts are skipped, names are noted, whole
 * numbers are measured. */
#include "numbers.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*"
#define NAME_SHOWN 64 /* bytes of a name, and of a number, in a message */

struct token {
	const char *at;
	size_t length;
};

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

/* Behind the comment or the text in quotes that begins here, or here when none does. */
static const char *skip_untold(const char *at)
{
	const char *end;

	if (*at == '#' || (at[0] == '/' && at[1] == '/'))
		return at + strcspn(at, "\n");
	if (at[0] == '/' && at[1] == '*') {
		end = strstr(at + 2, "*/");
		return end ? end + 2 : at + strlen(at);
	}
	if (*at != '"')
		return at;
	for (at++; *at && *at != '"'; at++)
		at += *at == '\\' && at[1];
	return at + (*at == '"');
}

static bool is_float_from(const char *at)
{
	if (*at == '.')
		return true;
	if (*at != 'e' && *at != 'E')
		return false;
	at += is_one_of(at[1], "+-");
	return is_one_of(at[1], DIGITS);
}

/* Measures the number that begins at `at`, sign included. True when it is whole and an int does not hold it. */
static bool is_wide(const char *at, size_t *ret_length)
{
	const bool negative = *at == '-', hex = at[0] == '0' && is_one_of(at[1], "xX") && is_one_of(at[2], HEX_DIGITS);
	const char *digits = at + (hex ? 2 : is_one_of(*at, "+-"));
	const char *end = digits + strspn(digits, hex ? HEX_DIGITS : DIGITS);
	unsigned long long number;

	*ret_length = (size_t)(end - at);
	if (!hex && is_float_from(end)) {
		*ret_length += strspn(end, DIGITS ".eE+-");
		return false;
	}
	errno = 0;
	number = strtoull(digits, NULL, hex ? 16 : 10);
	return errno == ERANGE || number > (unsigned long long)INT_MAX + negative;
}

static bool begins_number(const char *at)
{
	at += is_one_of(*at, "+-");
	return is_one_of(*at, DIGITS) || (*at == '.' && is_one_of(at[1], DIGITS));
}

/* The first number that does not fit, and the setting it belongs to. */
static bool find_wide(const char *text, struct token *ret_name, struct token *ret_number)
{
	struct token name = { "", 0 };

	for (const char *at = text, *behind; *at; at = behind > at ? behind : at + 1) {
		size_t length;

		behind = skip_untold(at);
		if (behind > at)
			continue;
		if (is_one_of(*at, LETTERS)) {
			behind = at + strspn(at, LETTERS DIGITS "-_");
			if (is_one_of(behind[strspn(behind, " \t\r\n\f")], "=:"))
				name = (struct token){ at, (size_t)(behind - at) };
		} else if (begins_number(at)) {
			if (is_wide(at, &length)) {
				*ret_name = name;
				*ret_number = (struct token){ at, length };
				return true;
			}
			behind = at + length;
		}
	}
	return false;
}

static int shown(const struct token *token)
{
	return token->length < NAME_SHOWN ? (int)token->length : NAME_SHOWN;
}

int numbers_check(const char *path, const char *text, struct problem *ret_problem)
{
	struct token name, number;
	unsigned int line = 1;

	if (!find_wide(text, &name, &number))
		return 0;
	for (const char *at = text; at < number.at; at++)
		line += *at == '\n';
	return problem_set(ret_problem, -EINVAL, "%s:%u: %.*s%s%.*s%s is out of bounds; no number may be %s %d", path,
			   line, shown(&name), name.at, name.length ? ": " : "", shown(&number), number.at,
			   number.length > NAME_SHOWN ? "..." : "", *number.at == '-' ? "below" : "above",
			   *number.at == '-' ? INT_MIN : INT_MAX);
}

static int check_file(const char *path, struct problem *ret_problem)
{
	char *text = numbers_read_text(path);
	int err;

	if (!text)
		return problem_set(ret_problem, -errno, "%s: %s", path, strerror(errno));
	err = numbers_check(path, text, ret_problem);
	free(text);
	return err;
}

/* *last: the file that was looked at last; settings of one file stand together. */
static int check_below(const config_setting_t *group, const char **last, struct problem *ret_problem)
{
	int err = 0;

	for (int i = 0; !err && i < config_setting_length(group); i++) {
		const config_setting_t *at = config_setting_get_elem(group, (unsigned int)i);
		const char *file = config_setting_source_file(at);

		if (file && (!*last || strcmp(file, *last) != 0)) {
			*last = file;
			err = check_file(file, ret_problem);
		}
		if (!err && config_setting_is_aggregate(at))
			err = check_below(at, last, ret_problem);
	}
	return err;
}

int numbers_check_included(const config_setting_t *root, struct problem *ret_problem)
{
	const char *last = NULL;

	return check_below(root, &last, ret_problem);
}

bool numbers_read(const config_setting_t *at, int64_t *ret_number)
{
	const int type = config_setting_type(at);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return false;
	*ret_number = type == CONFIG_TYPE_INT64 ? config_setting_get_int64(at) : config_setting_get_int(at);
	return true;
}

char *numbers_read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	ssize_t size;
	int err;

	if (!file)
		return NULL;
	errno = 0;
	size = getdelim(&text, &room, '\0', file);
	err = ferror(file) || !text ? errno : size > 0 && text[size - 1] == '\0' ? EINVAL : 0;
	if (size < 0 && text)
		*text = '\0'; /* an empty file */
	fclose(file);
	if (!err)
		return text;
	free(text);
	errno = err;
	return NULL;
}
