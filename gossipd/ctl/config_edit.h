/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One setting of a configuration is given another value, and every other byte of the text stays. */
#ifndef CTL_CONFIG_EDIT_H
#define CTL_CONFIG_EDIT_H

#include "problem.h"

/*
 * Replaces the value of a setting ("mesh.mode") that stands on one line of *text, which is allocated anew. `value` is
 * written as in the file: "\"monitor\"". The setting must be there: -ENOENT; -EINVAL: it stands where only a person
 * can change it. `path` is for the message.
 */
int config_edit(const char *path, char **text, const char *setting, const char *value, struct problem *ret_problem);

/*
 * Writes the text into a configuration that is there, and keeps its owner and mode; a symbolic link is followed. Either
 * the old text stands there afterwards or the new one.
 */
int config_edit_write(const char *path, const char *text, struct problem *ret_problem);

#endif
