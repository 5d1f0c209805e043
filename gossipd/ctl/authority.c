/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The authority's directory, written once and read for every node. It belongs on a machine that is no proxy. */
#include "authority.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_internal.h"
#include "example.h"
#include "keys.h"
#include "numbers.h"

const char *authority_directory(const struct arguments *arguments)
{
	const char *directory = arguments->value[OPTION_DIRECTORY];

	if (!directory)
		complain("--directory DIR is needed: where the mesh's authority is kept");
	else if (*directory == '\0' || strlen(directory) >= AUTHORITY_PATH_BYTES)
		complain("--directory: a path of 1 to %d characters is needed", AUTHORITY_PATH_BYTES - 1);
	else
		return directory;
	return NULL;
}

void authority_path(const char *directory, const char *name, char ret_path[FILES_PATH_BYTES])
{
	snprintf(ret_path, FILES_PATH_BYTES, "%.*s/%s", AUTHORITY_PATH_BYTES, directory, name);
}

static int write_parameters(const char *directory, const struct mesh *mesh, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES], hosts[EXAMPLE_HOSTS_BYTES], text[512 + EXAMPLE_HOSTS_BYTES];
	int size;

	authority_path(directory, "mesh.conf", path);
	example_hosts(&mesh->widths, hosts);
	size = snprintf(text, sizeof(text),
			"# Parameters of the mesh, in every certificate. Fixed: nodes with others cannot join. Times "
			"are milliseconds.\n"
			"tick_ms = %u;\nwindow_max_ms = %u;\ndecay = %u;\n"
			"# What an IPv6 client is: a prefix of so many bits; in these prefixes every address.\n"
			"client_bits = %u;\nclient_hosts = %s;\n",
			mesh->tick_ms, mesh->window_max_ms, mesh->decay, mesh->widths.client_bits, hosts);
	return files_write_path(path, 0644, text, (size_t)size, false, ret_problem);
}

static int write_authority(const char *directory, struct problem *ret_problem)
{
	uint8_t seed[crypto_sign_SEEDBYTES], secret_key[SECRET_KEY_BYTES], public_key[PUBLIC_KEY_BYTES],
		secret[MESH_SECRET_BYTES];
	char path[FILES_PATH_BYTES];
	int err;

	randombytes_buf(seed, sizeof(seed));
	randombytes_buf(secret, sizeof(secret));
	crypto_sign_seed_keypair(public_key, secret_key, seed);
	authority_path(directory, "authority.key", path);
	err = keys_write(path, KEYS_SECRET, seed, sizeof(seed), false, ret_problem);
	authority_path(directory, "authority.pub", path);
	if (!err)
		err = keys_write(path, KEYS_PUBLIC, public_key, sizeof(public_key), false, ret_problem);
	authority_path(directory, "mesh.secret", path);
	if (!err)
		err = keys_write(path, KEYS_SECRET, secret, sizeof(secret), false, ret_problem);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(secret_key, sizeof(secret_key));
	sodium_memzero(secret, sizeof(secret));
	return err;
}

int authority_make(const char *directory, const struct mesh *mesh, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES];
	int err;

	err = files_make_directory(directory, 0700, ret_problem);
	if (!err)
		err = write_authority(directory, ret_problem);
	if (!err)
		err = write_parameters(directory, mesh, ret_problem);
	authority_path(directory, "issued", path);
	return err ? err : files_write_path(path, 0644, "", 0, false, ret_problem);
}

static int read_parameter(const config_t *tree, const char *path, const char *name, uint32_t *ret_number,
			  struct problem *ret_problem)
{
	const config_setting_t *at = config_lookup(tree, name);
	int64_t number;

	if (!at)
		return problem_set(ret_problem, -EINVAL, "%s: tick_ms, window_max_ms and decay must all be there",
				   path);
	if (!numbers_read(at, &number) || number < 1)
		return problem_set(ret_problem, -EINVAL, "%s:%u: %s: must be a whole number from 1 on", path,
				   config_setting_source_line(at), name);
	*ret_number = (uint32_t)number;
	return 0;
}

/* Without them the defaults. */
static int read_widths(const config_t *tree, const char *path, struct widths *ret_widths, struct problem *ret_problem)
{
	const config_setting_t *bits = config_lookup(tree, "client_bits"), *hosts = config_lookup(tree, "client_hosts");
	int64_t number = CLIENT_BITS_DEFAULT;

	if (bits && (!numbers_read(bits, &number) || number < CLIENT_BITS_MIN || number > CLIENT_BITS_MAX))
		return problem_set(ret_problem, -EINVAL, "%s:%u: client_bits: must be a whole number from %d to %d",
				   path, config_setting_source_line(bits), CLIENT_BITS_MIN, CLIENT_BITS_MAX);
	*ret_widths = (struct widths){ .client_bits = (uint8_t)number };
	return hosts ? config_read_hosts(hosts, path, ret_widths, ret_problem) : 0;
}

static int read_parameters(const char *directory, struct mesh *ret_mesh, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES], *text = NULL;
	struct mesh mesh = { .tick_ms = 0 };
	config_t tree;
	int err;

	authority_path(directory, "mesh.conf", path);
	err = config_read_text(path, &text, ret_problem);
	if (err == -ENOENT)
		problem_set(ret_problem, err, "%s: %s; is this a directory that mesh init made?", path, strerror(-err));
	if (err)
		return err;
	config_init(&tree);
	err = config_parse(path, text, &tree, ret_problem);
	if (!err)
		err = read_parameter(&tree, path, "tick_ms", &mesh.tick_ms, ret_problem);
	if (!err)
		err = read_parameter(&tree, path, "window_max_ms", &mesh.window_max_ms, ret_problem);
	if (!err)
		err = read_parameter(&tree, path, "decay", &mesh.decay, ret_problem);
	if (!err)
		err = read_widths(&tree, path, &mesh.widths, ret_problem);
	if (!err)
		*ret_mesh = mesh;
	config_destroy(&tree);
	free(text);
	return err;
}

void authority_secret_path(const char *directory, unsigned int age, char ret_path[FILES_PATH_BYTES])
{
	char name[32];

	snprintf(name, sizeof(name), age ? "mesh.secret.%u" : "mesh.secret", age);
	authority_path(directory, name, ret_path);
}

/* The newest must be there; those before it as far as there are any. */
static int read_secrets(const char *directory, struct authority *authority, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES];
	int err = 0;

	for (authority->secrets_count = 0; !err && authority->secrets_count < SECRETS_MAX; authority->secrets_count++) {
		authority_secret_path(directory, authority->secrets_count, path);
		if (authority->secrets_count > 0 && access(path, F_OK))
			break;
		err = keys_read_exact(path, KEYS_SECRET, authority->secrets[authority->secrets_count],
				      MESH_SECRET_BYTES, ret_problem);
	}
	return err;
}

int authority_certificate(const struct authority *authority, const char *directory, const char *name,
			  struct certificate *ret_certificate, char ret_path[FILES_PATH_BYTES],
			  struct problem *ret_problem)
{
	uint8_t bytes[CERTIFICATE_BYTES_MAX];
	char folder[FILES_PATH_BYTES];
	enum reject reason;
	size_t size;
	int err;

	authority_path(directory, name, folder);
	authority_path(folder, "node.cert", ret_path);
	err = keys_read(ret_path, KEYS_PUBLIC, bytes, sizeof(bytes), &size, ret_problem);
	if (err)
		return err;
	reason = certificate_open(bytes, size, &authority->mesh, ret_certificate);
	return reason == REJECT_NONE ? 0
				     : problem_set(ret_problem, -EBADMSG, "%s: is no certificate of this mesh (%s)",
						   ret_path, reject_names[reason]);
}

uint64_t authority_next_serial(const struct authority *authority)
{
	const uint64_t next = issued_next_serial(&authority->issued),
		       revoked = revoked_highest_serial(&authority->revoked);

	return next > revoked ? next : revoked + 1;
}

int authority_read(const char *directory, struct authority *ret_authority, struct problem *ret_problem)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char path[FILES_PATH_BYTES];
	const char *why = "";
	int err;

	err = read_parameters(directory, &ret_authority->mesh, ret_problem);
	if (err)
		return err;
	authority_path(directory, "authority.key", path);
	err = keys_read_exact(path, KEYS_SECRET, seed, sizeof(seed), ret_problem);
	if (err)
		return err;
	crypto_sign_seed_keypair(ret_authority->mesh.authority, ret_authority->secret_key, seed);
	sodium_memzero(seed, sizeof(seed));
	mesh_id_of(ret_authority->mesh.authority, ret_authority->mesh.id);
	if (mesh_check(&ret_authority->mesh, &why))
		return problem_set(ret_problem, -EINVAL, "%s/mesh.conf: %s", directory, why);
	err = read_secrets(directory, ret_authority, ret_problem);
	if (err)
		return err;
	authority_path(directory, "revoked", path);
	err = revoked_read(path, &ret_authority->revoked, ret_problem);
	authority_path(directory, "issued", path);
	return err ? err : issued_read(path, &ret_authority->issued, ret_problem);
}

void authority_wipe(struct authority *authority)
{
	sodium_memzero(authority->secret_key, sizeof(authority->secret_key));
	sodium_memzero(authority->secrets, sizeof(authority->secrets));
}
