/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads and verifies the node's own credentials before anything is opened: a node that peers would refuse does not
 * start.
 */
#include "identity.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "keys.h"

/* The key file holds the seed; libsodium's secret key is the seed and the public key. */
static int read_key(const struct config *config, struct identity *identity, struct problem *ret_problem)
{
	uint8_t seed[crypto_sign_SEEDBYTES], public_key[PUBLIC_KEY_BYTES];
	int err;

	err = keys_read_exact(config->key_file, KEYS_SECRET, seed, sizeof(seed), ret_problem);
	if (!err)
		crypto_sign_seed_keypair(public_key, identity->secret_key, seed);
	sodium_memzero(seed, sizeof(seed));
	return err;
}

static int check_certificate(const struct config *config, struct identity *identity, struct problem *ret_problem)
{
	const char *path = config->certificate_file, *why = "";
	enum reject reject;
	int err = certificate_mesh(identity->certificate_bytes, identity->certificate_size, &config->widths,
				   &identity->mesh);

	if (err == -EDOM)
		return config_other_widths(config, ret_problem);
	if (err)
		return problem_set(ret_problem, -EBADMSG,
				   "%s: is not a certificate; copy it again from the folder that mesh issue wrote",
				   path);
	if (mesh_check(&identity->mesh, &why))
		return problem_set(ret_problem, -EBADMSG, "%s: the mesh's parameters are out of bounds: %s", path, why);
	reject = certificate_open(identity->certificate_bytes, identity->certificate_size, &identity->mesh,
				  &identity->certificate);
	if (reject != REJECT_NONE)
		return problem_set(ret_problem, -EBADMSG,
				   "%s: does not verify (%s): it was changed, or another authority signed it", path,
				   reject_names[reject]);
	if (sodium_memcmp(identity->certificate.public_key, identity->secret_key + crypto_sign_SEEDBYTES,
			  PUBLIC_KEY_BYTES) != 0)
		return problem_set(ret_problem, -EBADMSG, "%s: was issued for another key than %s holds", path,
				   config->key_file);
	return 0;
}

int identity_read(const struct config *config, struct identity *ret_identity, struct problem *ret_problem)
{
	struct identity identity = { 0 };
	int err;

	err = read_key(config, &identity, ret_problem);
	if (!err)
		err = keys_read_exact(config->mesh_secret_file, KEYS_SECRET, identity.mesh_secret,
				      sizeof(identity.mesh_secret), ret_problem);
	if (!err)
		err = keys_read(config->certificate_file, KEYS_PUBLIC, identity.certificate_bytes,
				sizeof(identity.certificate_bytes), &identity.certificate_size, ret_problem);
	if (!err)
		err = check_certificate(config, &identity, ret_problem);
	if (!err)
		err = config_check(config, &identity.mesh, &identity.certificate, ret_problem);
	if (!err)
		*ret_identity = identity;
	identity_wipe(&identity);
	return err;
}

void identity_wipe(struct identity *identity)
{
	sodium_memzero(identity, sizeof(*identity));
}
