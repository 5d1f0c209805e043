/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fields: the settings of a libconfig group into a struct, by a table that says which words there are, of what type
 * and within what bounds. Every complaint names the file, the line and what is wrong.
 */
#ifndef SIM_FIELDS_H
#define SIM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include <libconfig.h>

#include "../gossipd/base/problem.h"

enum type { TYPE_INT, TYPE_REAL, TYPE_BOOL, TYPE_WORD, TYPE_BOOL_WORD, TYPE_TEXT, TYPE_MS, TYPE_UINT32, TYPE_OTHER };

struct field {
	const char *name;
	enum type type;
	size_t offset;
	double low, high; /* TYPE_TEXT: high is the size */
	const char *const *words;
};

struct reading {
	const char *path;
	struct problem *problem;
};

/* Always false, so that a caller can return it. */
bool fields_complain(const struct reading *reading, const config_setting_t *setting, const char *text);
bool fields_complain_words(const struct reading *reading, const config_setting_t *setting, const char *name,
			   const char *const *words);

/* Every word of a group that the table knows, which ends with one without a name; any other is an error. */
bool fields_read(const struct reading *reading, const config_setting_t *group, const struct field *fields, void *base);

/* One setting that stands outside a group. */
bool fields_read_number(const struct reading *reading, const config_setting_t *setting, const struct field *field,
			void *target);
bool fields_read_word(const struct reading *reading, const config_setting_t *setting, const struct field *field,
		      void *target);

#endif
