/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The line of a setting is libconfig's own; the value is found on that line as text. The edited text is then parsed
 * again and must hold what was wanted, so a line that is read wrongly here is refused and never written.
 */
#include "config_edit.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_internal.h"

struct place {
	size_t at, length; /* of the value, in the text */
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

/* Behind the value that begins at `at`; NULL: it does not end on the same line. */
static const char *value_end(const char *at, const char *end)
{
	bool quoted = false, listed = *at == '[';

	for (; at < end; at++) {
		if (quoted && *at == '\\' && at + 1 < end)
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && listed && *at == ']')
			return at + 1;
		else if (!quoted && !listed && strchr(";,} \t#", *at))
			return at;
	}
	return quoted || listed ? NULL : end;
}

/* The value of `name` on a line of the text. */
static bool find_value(const char *text, unsigned int line, const char *name, struct place *ret_place)
{
	const char *at = text, *end, *last;

	for (; line > 1 && at; line--)
		at = (at = strchr(at, '\n')) ? at + 1 : NULL;
	if (!at)
		return false;
	end = at + strcspn(at, "\n");
	for (const char *word = at; word + strlen(name) < end; word++) {
		const char *value = word + strlen(name);

		if (strncmp(word, name, strlen(name)) != 0 || (word > at && is_word(word[-1])) || is_word(*value))
			continue;
		value += strspn(value, " \t");
		if (value >= end || (*value != '=' && *value != ':'))
			continue;
		value += 1 + strspn(value + 1, " \t");
		last = value < end ? value_end(value, end) : NULL;
		if (!last)
			return false;
		*ret_place = (struct place){ (size_t)(value - text), (size_t)(last - value) };
		return true;
	}
	return false;
}

static char *replace(const char *text, struct place place, const char *value)
{
	const size_t size = strlen(text) - place.length + strlen(value) + 1;
	char *edited = malloc(size);

	if (edited)
		snprintf(edited, size, "%.*s%s%s", (int)place.at, text, value, text + place.at + place.length);
	return edited;
}

/* Two texts, or two lists of texts. */
static bool same_value(const config_setting_t *a, const config_setting_t *b)
{
	const char *one = config_setting_get_string(a), *other = config_setting_get_string(b);

	if (one || other)
		return one && other && strcmp(one, other) == 0;
	if (!config_setting_is_array(a) || !config_setting_is_array(b) ||
	    config_setting_length(a) != config_setting_length(b))
		return false;
	for (int i = 0; i < config_setting_length(a); i++) {
		if (!same_value(config_setting_get_elem(a, (unsigned int)i),
				config_setting_get_elem(b, (unsigned int)i)))
			return false;
	}
	return true;
}

/* Does the edited text say what was wanted? */
static bool holds(const char *path, const char *edited, const char *setting, const char *value)
{
	char wanted_text[4096];
	struct problem problem;
	config_t tree, wanted;
	bool held;

	if ((size_t)snprintf(wanted_text, sizeof(wanted_text), "value = %s;", value) >= sizeof(wanted_text))
		return false;
	config_init(&tree);
	config_init(&wanted);
	held = config_parse(path, edited, &tree, &problem) == 0 &&
	       config_parse(path, wanted_text, &wanted, &problem) == 0 && config_lookup(&tree, setting) &&
	       same_value(config_lookup(&tree, setting), config_lookup(&wanted, "value"));
	config_destroy(&tree);
	config_destroy(&wanted);
	return held;
}

/* Where the setting stands; 0 with -ENOENT: nowhere. */
static int find_line(const char *path, const char *text, const char *setting, unsigned int *ret_line,
		     struct problem *ret_problem)
{
	const config_setting_t *at;
	config_t tree;
	int err;

	config_init(&tree);
	err = config_parse(path, text, &tree, ret_problem);
	at = err ? NULL : config_lookup(&tree, setting);
	if (!err && !at)
		err = problem_set(ret_problem, -ENOENT, "%s: %s is not set there", path, setting);
	else if (at && config_setting_source_file(at))
		err = problem_set(ret_problem, -EINVAL, "%s:%u: %s stands in an included file: change it by hand",
				  config_setting_source_file(at), config_setting_source_line(at), setting);
	else if (at)
		*ret_line = config_setting_source_line(at);
	config_destroy(&tree);
	return err;
}

int config_edit(const char *path, char **text, const char *setting, const char *value, struct problem *ret_problem)
{
	const char *dot = strrchr(setting, '.');
	struct place place;
	unsigned int line = 0;
	char *edited;
	int err;

	err = find_line(path, *text, setting, &line, ret_problem);
	if (err)
		return err;
	if (!find_value(*text, line, dot ? dot + 1 : setting, &place))
		return problem_set(ret_problem, -EINVAL, "%s:%u: %s is not on one line: change it by hand to %s", path,
				   line, setting, value);
	edited = replace(*text, place, value);
	if (!edited)
		return problem_set(ret_problem, -ENOMEM, "%s: no memory", path);
	if (!holds(path, edited, setting, value)) {
		free(edited);
		return problem_set(ret_problem, -EINVAL, "%s:%u: %s cannot be changed here: change it by hand to %s",
				   path, line, setting, value);
	}
	free(*text);
	*text = edited;
	return 0;
}

int config_edit_write(const char *path, const char *text, struct problem *ret_problem)
{
	struct stat st = { .st_mode = 0 };
	char *real = realpath(path, NULL);
	int err;

	if (!real || stat(real, &st)) {
		err = problem_set(ret_problem, -errno, "%s: %s", path, strerror(errno));
		free(real);
		return err;
	}
	err = files_write_path(real, st.st_mode & 0777, text, strlen(text), true, ret_problem);
	if (!err && (st.st_uid != geteuid() || st.st_gid != getegid()) && chown(real, st.st_uid, st.st_gid))
		err = problem_set(ret_problem, -errno, "%s: cannot keep its owner: %s", path, strerror(errno));
	free(real);
	return err;
}
