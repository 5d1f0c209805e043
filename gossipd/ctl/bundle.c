/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A bundle in memory. Nothing of it is used before the authority's signature is verified. */
#include "bundle.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "keys.h"

static const char DOMAIN[] = "xpro-mesh bundle v1";
#define DOMAIN_BYTES (sizeof(DOMAIN) - 1)

const char *const bundle_names[BUNDLE_PARTS] = {
	[BUNDLE_CONFIG] = ".conf",
	[BUNDLE_KEY] = "node.key",
	[BUNDLE_CERTIFICATE] = "node.cert",
	[BUNDLE_SECRET] = "mesh.secret",
	[BUNDLE_SIGNATURE] = "bundle.sig",
};

unsigned int bundle_mode(enum bundle_part part)
{
	return part == BUNDLE_KEY || part == BUNDLE_SECRET ? 0600 : 0644;
}

bool bundle_is_name(const char *name)
{
	return *name != '\0' && *name != '-' && strlen(name) <= NAME_BYTES_MAX &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static void name_part(const char *name, enum bundle_part part, char ret_name[TAR_NAME_BYTES])
{
	snprintf(ret_name, TAR_NAME_BYTES, "%s%s%s", name, part == BUNDLE_CONFIG ? "" : "/", bundle_names[part]);
}

bool bundle_put(const struct bundle *bundle, unsigned int parts, char *archive, size_t bytes_max, size_t *ret_size)
{
	size_t used = 0;

	for (unsigned int part = 0; part < parts; part++) {
		struct tar_file file = {
			.mode = bundle_mode(part),
			.made_s = bundle->made_s,
			.bytes = bundle->part[part].bytes,
			.size = bundle->part[part].size,
		};

		name_part(bundle->name, part, file.name);
		if (!tar_put(archive, bytes_max, &used, &file))
			return false;
	}
	if (parts == BUNDLE_PARTS && !tar_put_end(archive, bytes_max, &used))
		return false;
	*ret_size = used;
	return true;
}

/* The node's name, from that of the first file. */
static bool take_name(const char *archive, size_t size, char ret_name[NAME_BYTES_MAX + 1])
{
	char file[TAR_NAME_BYTES], *end;

	if (!tar_peek(archive, size, 0, file))
		return false;
	end = strrchr(file, '.');
	if (!end || strcmp(end, bundle_names[BUNDLE_CONFIG]) != 0)
		return false;
	*end = '\0';
	if (!bundle_is_name(file))
		return false;
	snprintf(ret_name, NAME_BYTES_MAX + 1, "%.*s", NAME_BYTES_MAX, file);
	return true;
}

bool bundle_take(const char *archive, size_t size, struct bundle *ret_bundle)
{
	struct bundle bundle = { .made_s = 0 };
	size_t used = 0;

	if (!take_name(archive, size, bundle.name))
		return false;
	for (unsigned int part = 0; part < BUNDLE_PARTS; part++) {
		struct tar_file file;
		char name[TAR_NAME_BYTES];

		name_part(bundle.name, part, name);
		if (!tar_take(archive, size, &used, name, bundle_mode(part),
			      part == BUNDLE_CONFIG ? BUNDLE_CONFIG_BYTES_MAX : BUNDLE_KEY_BYTES_MAX, &file) ||
		    (part > 0 && file.made_s != bundle.made_s))
			return false;
		bundle.made_s = file.made_s;
		bundle.part[part].bytes = file.bytes;
		bundle.part[part].size = file.size;
	}
	if (!tar_ends(archive, size, used))
		return false;
	*ret_bundle = bundle;
	return true;
}

static void put_message(const char *archive, size_t size, uint8_t ret_message[DOMAIN_BYTES + HASH_BYTES])
{
	memcpy(ret_message, DOMAIN, DOMAIN_BYTES);
	crypto_generichash(ret_message + DOMAIN_BYTES, HASH_BYTES, (const uint8_t *)archive, size, NULL, 0);
}

void bundle_sign(const char *archive, size_t size, const uint8_t authority_secret[SECRET_KEY_BYTES],
		 char ret_text[BUNDLE_SIGNATURE_TEXT_BYTES])
{
	uint8_t message[DOMAIN_BYTES + HASH_BYTES], signature[SIGNATURE_BYTES];
	char text[BUNDLE_SIGNATURE_TEXT_BYTES - 1];

	put_message(archive, size, message);
	crypto_sign_detached(signature, NULL, message, sizeof(message), authority_secret);
	sodium_bin2base64(text, sizeof(text), signature, sizeof(signature), sodium_base64_VARIANT_ORIGINAL);
	snprintf(ret_text, BUNDLE_SIGNATURE_TEXT_BYTES, "%s\n", text);
}

/* ---- what a bundle holds ---- */

/* One line of base64 or hex, as in a key file; an error names it as PATH: NAME/node.key. */
static int decode(const char *path, const struct bundle *bundle, enum bundle_part part, uint8_t *ret_bytes,
		  size_t bytes_max, size_t *ret_size, struct problem *ret_problem)
{
	char name[FILES_PATH_BYTES + TAR_NAME_BYTES];

	snprintf(name, sizeof(name), "%.*s: %s/%s", FILES_PATH_BYTES, path, bundle->name, bundle_names[part]);
	return keys_decode(name, bundle->part[part].bytes, bundle->part[part].size, ret_bytes, bytes_max, ret_size,
			   ret_problem);
}

static int wrong(const char *path, const char *why, struct problem *ret_problem)
{
	return problem_set(ret_problem, -EBADMSG, "%s: %s; copy it again from the directory of the mesh's authority",
			   path, why);
}

static int check_certificate(const char *path, struct bundle *bundle, struct problem *ret_problem)
{
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	const char *why = "";
	enum reject reject;
	size_t size = 0;
	int err;

	err = decode(path, bundle, BUNDLE_CERTIFICATE, bytes, sizeof(bytes), &size, ret_problem);
	if (err)
		return err;
	if (certificate_issuer(bytes, size, &bundle->mesh) || mesh_check(&bundle->mesh, &why))
		return wrong(path, *why ? why : "node.cert is not a certificate", ret_problem);
	reject = certificate_open(bytes, size, &bundle->mesh, &bundle->certificate);
	if (reject != REJECT_NONE && reject != REJECT_WIDTHS)
		return wrong(path, "the certificate does not verify: it was changed, or another authority signed it",
			     ret_problem);
	if (strcmp(bundle->certificate.name, bundle->name) != 0)
		return wrong(path, "the certificate is for a node of another name", ret_problem);
	return 0;
}

static int check_signature(const char *path, const char *archive, const struct bundle *bundle,
			   struct problem *ret_problem)
{
	uint8_t message[DOMAIN_BYTES + HASH_BYTES], signature[SIGNATURE_BYTES];
	const size_t covered = (size_t)(bundle->part[BUNDLE_SIGNATURE].bytes - archive) - TAR_BLOCK_BYTES;
	size_t size = 0;
	int err;

	err = decode(path, bundle, BUNDLE_SIGNATURE, signature, sizeof(signature), &size, ret_problem);
	if (err)
		return err;
	put_message(archive, covered, message);
	if (size != sizeof(signature) ||
	    crypto_sign_verify_detached(signature, message, sizeof(message), bundle->mesh.authority) != 0)
		return wrong(path, "the signature of the bundle does not verify: the file was changed", ret_problem);
	return 0;
}

static int check_secrets(const char *path, const struct bundle *bundle, struct problem *ret_problem)
{
	uint8_t seed[crypto_sign_SEEDBYTES], secret[MESH_SECRET_BYTES], secret_key[SECRET_KEY_BYTES];
	uint8_t public_key[PUBLIC_KEY_BYTES];
	size_t seed_size = 0, secret_size = 0;
	int err;

	err = decode(path, bundle, BUNDLE_KEY, seed, sizeof(seed), &seed_size, ret_problem);
	if (!err)
		err = decode(path, bundle, BUNDLE_SECRET, secret, sizeof(secret), &secret_size, ret_problem);
	if (!err && (seed_size != sizeof(seed) || secret_size != sizeof(secret)))
		err = wrong(path, "node.key or mesh.secret has the wrong length", ret_problem);
	if (!err) {
		crypto_sign_seed_keypair(public_key, secret_key, seed);
		if (sodium_memcmp(public_key, bundle->certificate.public_key, sizeof(public_key)) != 0)
			err = wrong(path, "the certificate was issued for another key than node.key", ret_problem);
	}
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(secret_key, sizeof(secret_key));
	return err;
}

int bundle_take_widths(const char *path, struct bundle *bundle, const struct widths *widths,
		       struct problem *ret_problem)
{
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	size_t size = 0;
	int err = decode(path, bundle, BUNDLE_CERTIFICATE, bytes, sizeof(bytes), &size, ret_problem);

	return err ? err : certificate_mesh(bytes, size, widths, &bundle->mesh);
}

int bundle_open(const char *path, const char *archive, size_t size, struct bundle *ret_bundle,
		struct problem *ret_problem)
{
	struct bundle bundle;
	int err;

	if (!bundle_take(archive, size, &bundle))
		return wrong(path, "is not a bundle that mesh issue --bundle wrote, or it was cut", ret_problem);
	err = check_certificate(path, &bundle, ret_problem);
	if (!err)
		err = check_signature(path, archive, &bundle, ret_problem);
	if (!err)
		err = check_secrets(path, &bundle, ret_problem);
	if (!err)
		*ret_bundle = bundle;
	return err;
}
