/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configurations of this host. */
#ifndef CTL_INSTALLED_H
#define CTL_INSTALLED_H

#include <stddef.h>

#include "files.h"

/* How many there are where `join` installs them, and the path of the first. */
size_t installed_configs(char ret_first[FILES_PATH_BYTES]);

#endif
