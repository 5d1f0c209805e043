/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a node is installed on its host: DIR/NAME.conf, and DIR/NAME/ with its key, certificate and the mesh secret.
 * The folder is replaced as a whole, so keys of two bundles never lie in one folder.
 */
#ifndef CTL_INSTALL_H
#define CTL_INSTALL_H

#include "bundle.h"
#include "files.h"

#define INSTALL_DIRECTORY "/etc/xpro"
#define INSTALL_PATH_BYTES (FILES_PATH_BYTES - 128) /* of the directory: file names come behind it */

struct install {
	const char *directory;
	const struct bundle *bundle;
	int directory_fd; /* locked while it is open: one join at a time */
	char config[FILES_PATH_BYTES], folder[FILES_PATH_BYTES]; /* paths */
	bool has_folder; /* keys are installed already */
	bool has_config;
	bool same_keys; /* and they are those of the bundle */
};

/*
 * Makes the directory where there is none, locks it, and looks at what is there. Refused are a folder that holds
 * other files, a certificate of another mesh, and one newer than the bundle's. install_close accepts a failed one.
 */
int install_open(const char *directory, const struct bundle *bundle, struct install *ret_install,
		 struct problem *ret_problem);
void install_close(struct install *install);

/*
 * Puts the folder in place, then the configuration, unless `config` is NULL: the one that is there stays. After a
 * failure what was there before is there.
 */
int install_write(const struct install *install, const char *config, struct problem *ret_problem);

#endif
