/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl mesh rotate: another key for a node, under the same member id so that its counts go on, or another
 * secret for the mesh. Neither stops the filter.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "bundle_write.h"
#include "keys.h"
#include "checkout.h"
#include "publish.h"

static int write_key(const char *folder, const uint8_t seed[crypto_sign_SEEDBYTES], const uint8_t *certificate,
		     size_t size, const struct authority *authority, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES];
	int err;

	authority_path(folder, "node.key", path);
	err = keys_write(path, KEYS_SECRET, seed, crypto_sign_SEEDBYTES, true, ret_problem);
	authority_path(folder, "node.cert", path);
	if (!err)
		err = keys_write(path, KEYS_PUBLIC, certificate, size, true, ret_problem);
	authority_path(folder, "mesh.secret", path);
	return err ? err : keys_write(path, KEYS_SECRET, authority->secrets[0], MESH_SECRET_BYTES, true, ret_problem);
}

/* The successor of a certificate: the same member, another key. */
static int succeed(struct authority *authority, const char *directory, struct issued_node *node,
		   struct problem *ret_problem)
{
	uint8_t seed[crypto_sign_SEEDBYTES], secret_key[SECRET_KEY_BYTES], bytes[CERTIFICATE_BYTES_MAX];
	struct certificate certificate;
	char path[FILES_PATH_BYTES], folder[FILES_PATH_BYTES];
	size_t size;
	int err;

	err = authority_certificate(authority, directory, node->name, &certificate, path, ret_problem);
	if (err)
		return err;
	certificate.has_previous = true;
	memcpy(certificate.previous_key, certificate.public_key, PUBLIC_KEY_BYTES);
	certificate.serial = authority_next_serial(authority);
	randombytes_buf(seed, sizeof(seed));
	crypto_sign_seed_keypair(certificate.public_key, secret_key, seed);
	sodium_memzero(secret_key, sizeof(secret_key));
	authority_path(directory, node->name, folder);
	if (certificate_issue(&certificate, &authority->mesh, authority->secret_key, bytes, &size))
		err = problem_set(ret_problem, -EINVAL, "%s: the certificate cannot be issued", node->name);
	else
		err = write_key(folder, seed, bytes, size, authority, ret_problem);
	sodium_memzero(seed, sizeof(seed));
	if (err)
		return err;
	node->serial = certificate.serial;
	sodium_bin2hex(node->key, sizeof(node->key), certificate.public_key, PUBLIC_KEY_BYTES);
	authority_path(directory, "issued", path);
	return issued_write(path, &authority->issued, ret_problem);
}

static int rotate_key(const struct arguments *arguments, const char *directory, struct authority *authority,
		      struct output *output, struct problem *ret_problem)
{
	const char *name = arguments->words[0];
	struct issued_node *node = issued_find(&authority->issued, name);
	const bool bundled = arguments->value[OPTION_BUNDLE];
	char folder[FILES_PATH_BYTES], bundle[FILES_PATH_BYTES];
	int err;

	if (!node)
		return problem_set(ret_problem, -ENOENT, "%s: no node of this name is issued", name);
	authority_path(directory, name, folder);
	err = checkout_guard(arguments, folder, ret_problem); /* it may be a link that leads elsewhere */
	if (!err)
		err = succeed(authority, directory, node, ret_problem);
	if (!err && bundled)
		err = bundle_write(authority, directory, name, bundle, ret_problem);
	if (err)
		return err;
	const struct field fields[] = {
		TEXT("name", NULL, 0, node->name),
		NUMBER("serial", NULL, 0, node->serial),
		TEXT("key", NULL, 0, node->key),
		bundled ? TEXT("bundle", NULL, 0, bundle) : UNKNOWN("bundle"),
	};

	output_facts(output, "rotated", FIELDS(fields));
	if (bundled)
		output_say(output,
			   "%s: a new key is in %s; copy that file to the host and run there: gossipctl join %s.xpro",
			   name, bundle, name);
	else
		output_say(output,
			   "%s: a new key is in %s/%s; copy node.key, node.cert and mesh.secret to the host and run "
			   "there: systemctl restart gossipd@%s",
			   name, directory, name, name);
	output_say(output, "when it is up again: gossipctl mesh revoke %s --previous --directory %s", name, directory);
	return 0;
}

static int rotate_secret(const struct arguments *arguments, const char *directory, struct authority *authority,
			 struct output *output, struct problem *ret_problem)
{
	uint64_t serial = 0, in_s;
	int err;

	if (!arguments_number(arguments, OPTION_IN, 0, 86400, IN_S_DEFAULT, &in_s))
		return problem_set(ret_problem, -EINVAL, "nothing was rotated");
	err = publish_rotation(authority, directory, in_s, &serial, ret_problem);
	if (err)
		return err;
	const struct field fields[] = { NUMBER("rotation", NULL, 0, serial), NUMBER("in_s", NULL, 0, in_s) };

	output_facts(output, "rotated", FIELDS(fields));
	output_say(output, "mesh secret %llu: in force about %llu s from now", (unsigned long long)serial,
		   (unsigned long long)in_s);
	return 0;
}

int run_mesh_rotate(const struct arguments *arguments, struct output *output)
{
	const char *directory = authority_directory(arguments);
	const bool secret = strcmp(arguments->words[0], "secret") == 0;
	static struct authority authority;
	struct problem problem;
	int err;

	if (!directory)
		return EXIT_USAGE;
	err = checkout_guard(arguments, directory, &problem);
	if (!err)
		err = authority_read(directory, &authority, &problem);
	if (!err)
		err = secret ? rotate_secret(arguments, directory, &authority, output, &problem)
			     : rotate_key(arguments, directory, &authority, output, &problem);
	authority_wipe(&authority);
	if (err) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	return secret ? publish_push(arguments, output, directory, DOCUMENT_ROTATION) : EXIT_OK;
}
