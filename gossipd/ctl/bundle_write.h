/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A node's folder in the authority's directory becomes a bundle. */
#ifndef CTL_BUNDLE_WRITE_H
#define CTL_BUNDLE_WRITE_H

#include "authority.h"

#define BUNDLE_SUFFIX ".xpro" /* of the file's name */

/*
 * Writes D/NAME.xpro, mode 0600, over an earlier one. Its configuration is the folder's, with the paths of the keys as
 * `join` installs them and in monitor mode.
 */
int bundle_write(const struct authority *authority, const char *directory, const char *name,
		 char ret_path[FILES_PATH_BYTES], struct problem *ret_problem);

#endif
