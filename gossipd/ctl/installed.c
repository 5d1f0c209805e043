/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* On a host with one node its configuration need not be named. */
#include "installed.h"

#include <glob.h>

#include "install.h"
#include "text.h"

size_t installed_configs(char ret_first[FILES_PATH_BYTES])
{
	glob_t found = { 0 };
	size_t count = 0;

	if (glob(INSTALL_DIRECTORY "/*.conf", 0, NULL, &found) == 0 &&
	    text_copy(found.gl_pathv[0], ret_first, FILES_PATH_BYTES))
		count = found.gl_pathc;
	globfree(&found);
	return count;
}
