/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A bundle: all that one host needs to be a node, in one file. It is a ustar archive with the paths as they are below
 * /etc/xpro, signed by the mesh's authority:
 *
 *	NAME.conf  NAME/node.key  NAME/node.cert  NAME/mesh.secret  NAME/bundle.sig
 *
 * The signature covers every byte before its own header, the time of each file included.
 */
#ifndef CTL_BUNDLE_H
#define CTL_BUNDLE_H

#include "certificate.h"
#include "problem.h"
#include "tar.h"

enum bundle_part {
	BUNDLE_CONFIG,
	BUNDLE_KEY,
	BUNDLE_CERTIFICATE,
	BUNDLE_SECRET,
	BUNDLE_SIGNATURE, /* the last */
	BUNDLE_PARTS
};

#define BUNDLE_CONFIG_BYTES_MAX 262144 /* as of any configuration */
#define BUNDLE_KEY_BYTES_MAX 2048 /* as of any key file */
#define BUNDLE_BYTES_MAX                                                                         \
	(TAR_BLOCK_BYTES + BUNDLE_CONFIG_BYTES_MAX + 4 * (TAR_BLOCK_BYTES + BUNDLE_KEY_BYTES_MAX) + \
	 2 * TAR_BLOCK_BYTES)

struct bundle {
	char name[NAME_BYTES_MAX + 1];
	int64_t made_s; /* UTC */
	struct {
		const char *bytes; /* in the archive */
		size_t size;
	} part[BUNDLE_PARTS];
	/* what bundle_open found in it */
	struct mesh mesh; /* its widths after bundle_take_widths */
	struct certificate certificate;
};

/* The files' names below a node's folder, by part; of the configuration, ".conf". */
extern const char *const bundle_names[BUNDLE_PARTS];
unsigned int bundle_mode(enum bundle_part part);

/* Is this the name of a node? */
bool bundle_is_name(const char *name);

/* Writes name, time and the first `parts` parts; the archive ends when they are all. False: they do not fit. */
bool bundle_put(const struct bundle *bundle, unsigned int parts, char *archive, size_t bytes_max, size_t *ret_size);
/* Reads the parts, and nothing of what they hold. False: it is no bundle. */
bool bundle_take(const char *archive, size_t size, struct bundle *ret_bundle);

/* Signs what bundle_put wrote of all parts but the signature: the text of the last part, with its newline. */
#define BUNDLE_SIGNATURE_TEXT_BYTES 96
void bundle_sign(const char *archive, size_t size, const uint8_t authority_secret[SECRET_KEY_BYTES],
		 char ret_text[BUNDLE_SIGNATURE_TEXT_BYTES]);

/*
 * Reads a bundle and checks it: its form, the certificate's signature by the authority that the certificate names, the
 * bundle's by the same, that the key is the certificate's, that the names are one. `path` is for the message.
 */
int bundle_open(const char *path, const char *archive, size_t size, struct bundle *ret_bundle,
		struct problem *ret_problem);

/*
 * The widths of an opened bundle's mesh, which its configuration has, and of which the certificate has a digest. -EDOM:
 * they are others.
 */
int bundle_take_widths(const char *path, struct bundle *bundle, const struct widths *widths,
		       struct problem *ret_problem);

#endif
