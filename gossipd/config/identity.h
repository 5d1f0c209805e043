/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who this node is: its key, its certificate and the mesh secret, read from the files the config names and checked
 * against each other.
 */
#ifndef GOSSIPD_IDENTITY_H
#define GOSSIPD_IDENTITY_H

#include "config.h"

struct identity {
	uint8_t secret_key[SECRET_KEY_BYTES];
	uint8_t mesh_secret[MESH_SECRET_BYTES];
	uint8_t certificate_bytes[CERTIFICATE_BYTES_MAX];
	size_t certificate_size;
	struct mesh mesh; /* as the certificate states it, checked */
	struct certificate certificate;
};

/*
 * Reads the three files and checks: modes and lengths, the mesh's bounds, the certificate's signature, key and name,
 * the config beside it.
 */
int identity_read(const struct config *config, struct identity *ret_identity, struct problem *ret_problem);

/* Overwrites the secrets. */
void identity_wipe(struct identity *identity);

#endif
