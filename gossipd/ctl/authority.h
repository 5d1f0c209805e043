/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The mesh authority's directory: its key, the mesh secret, the mesh's parameters and the list of nodes issued. */
#ifndef CTL_AUTHORITY_H
#define CTL_AUTHORITY_H

#include "ctl.h"
#include "issued.h"
#include "mesh.h"
#include "certificate.h"
#include "revoked.h"

#define AUTHORITY_PATH_BYTES (FILES_PATH_BYTES - 64) /* of the directory: file names come behind it */

struct authority {
	struct mesh mesh;
	uint8_t secret_key[SECRET_KEY_BYTES];
	uint8_t secrets[SECRETS_MAX][MESH_SECRET_BYTES]; /* newest first */
	uint32_t secrets_count;
	struct issued issued;
	struct revoked revoked;
};

/* The directory that was given, or NULL with the error told. */
const char *authority_directory(const struct arguments *arguments);

void authority_path(const char *directory, const char *name, char ret_path[FILES_PATH_BYTES]);

/* Makes a directory with fresh keys and an empty list; -EEXIST when one is there. */
int authority_make(const char *directory, const struct mesh *mesh, struct problem *ret_problem);

/* Reads one, and checks it. */
int authority_read(const char *directory, struct authority *ret_authority, struct problem *ret_problem);

/* The file of the newest secret (0) or of one before it. */
void authority_secret_path(const char *directory, unsigned int age, char ret_path[FILES_PATH_BYTES]);

/* The certificate in a node's folder, as this authority signed it. */
int authority_certificate(const struct authority *authority, const char *directory, const char *name,
			  struct certificate *ret_certificate, char ret_path[FILES_PATH_BYTES],
			  struct problem *ret_problem);

/* Above every serial a certificate ever had. */
uint64_t authority_next_serial(const struct authority *authority);

/* Overwrites the secrets. */
void authority_wipe(struct authority *authority);

#endif
