/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl mesh init and mesh issue: the authority's directory, and a complete folder for each node. Works offline; the
 * directory belongs on a machine that is not a proxy.
 */
#include <errno.h>
#include <libconfig.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "../identity.h"
#include "../keys.h"
#include "ctl.h"
#include "example.h"
#include "issued.h"

#define PAIR_RATE_DEFAULT 1000
#define DESTINATION_RATE_DEFAULT 10000
#define EXAMPLE_BYTES 65536
#define PATH_BYTES (FILES_PATH_BYTES - 64) /* of the mesh directory: file names come behind it */

/* Says the problem, and how a command ends with it. */
static int failed(const struct problem *problem)
{
	complain("%s", problem->text);
	return EXIT_FAILED;
}

static const char *directory_of(const struct arguments *arguments)
{
	const char *directory = arguments->value[OPTION_DIRECTORY];

	if (!directory)
		complain("--directory DIR is needed: where the mesh's authority is kept");
	else if (*directory == '\0' || strlen(directory) >= PATH_BYTES)
		complain("--directory: a path of 1 to %d characters is needed", PATH_BYTES - 1);
	else
		return directory;
	return NULL;
}

static void path_in(const char *directory, const char *name, char ret_path[FILES_PATH_BYTES])
{
	snprintf(ret_path, FILES_PATH_BYTES, "%.*s/%s", PATH_BYTES, directory, name);
}

/* ---- mesh init ---- */

static int write_parameters(const char *directory, const struct mesh *mesh, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES], text[512];
	int size;

	path_in(directory, "mesh.conf", path);
	size = snprintf(
		text, sizeof(text),
		"# Parameters of the mesh, in every certificate. Fixed: nodes with others cannot join. Times are milliseconds.\n"
		"tick_ms = %u;\nwindow_max_ms = %u;\ndecay = %u;\n",
		mesh->tick_ms, mesh->window_max_ms, mesh->decay);
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
	path_in(directory, "authority.key", path);
	err = keys_write(path, KEYS_SECRET, seed, sizeof(seed), false, ret_problem);
	path_in(directory, "authority.pub", path);
	if (!err)
		err = keys_write(path, KEYS_PUBLIC, public_key, sizeof(public_key), false, ret_problem);
	path_in(directory, "mesh.secret", path);
	if (!err)
		err = keys_write(path, KEYS_SECRET, secret, sizeof(secret), false, ret_problem);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(secret_key, sizeof(secret_key));
	sodium_memzero(secret, sizeof(secret));
	return err;
}

static void show_initialised(struct output *output, const char *directory, const struct mesh *mesh)
{
	const struct field fields[] = {
		TEXT("directory", NULL, 0, directory),
		NUMBER("tick_ms", NULL, 0, mesh->tick_ms),
		NUMBER("window_max_ms", NULL, 0, mesh->window_max_ms),
		NUMBER("decay", NULL, 0, mesh->decay),
		NUMBER("slot_ms", NULL, 0, (uint64_t)(mesh_slot_length(mesh).ns / NS_PER_MS)),
	};

	output_facts(output, "mesh", FIELDS(fields));
	output_say(output, "%s: a mesh with a tick of %u ms and slots of %llu ms", directory, mesh->tick_ms,
		   (unsigned long long)(mesh_slot_length(mesh).ns / NS_PER_MS));
	output_say(output, "authority.key signs its nodes: keep this directory secret, and off the proxies");
	output_say(output, "next: gossipctl mesh issue NAME --directory %s --address IP:PORT --interface IF", directory);
}

static bool read_mesh_options(const struct arguments *arguments, struct mesh *ret_mesh)
{
	uint64_t tick, window, decay;
	const char *why = "";

	if (!arguments_number(arguments, OPTION_TICK_MS, 1, UINT32_MAX, TICK_MS_DEFAULT, &tick) ||
	    !arguments_number(arguments, OPTION_WINDOW_MAX_MS, 1, UINT32_MAX, WINDOW_MAX_MS_DEFAULT, &window) ||
	    !arguments_number(arguments, OPTION_DECAY, 1, UINT32_MAX, DECAY_DEFAULT, &decay))
		return false;
	*ret_mesh = (struct mesh){ .tick_ms = (uint32_t)tick, .window_max_ms = (uint32_t)window, .decay = (uint32_t)decay };
	if (mesh_check(ret_mesh, &why)) {
		complain("%s", why);
		return false;
	}
	return true;
}

int run_mesh_init(const struct arguments *arguments, struct output *output)
{
	const char *directory = directory_of(arguments);
	char path[FILES_PATH_BYTES];
	struct problem problem;
	struct mesh mesh;

	if (!directory || !read_mesh_options(arguments, &mesh))
		return EXIT_USAGE;
	if (files_make_directory(directory, 0700, &problem) || write_authority(directory, &problem) ||
	    write_parameters(directory, &mesh, &problem))
		return failed(&problem);
	path_in(directory, "issued", path);
	if (files_write_path(path, 0644, "", 0, false, &problem))
		return failed(&problem);
	show_initialised(output, directory, &mesh);
	return EXIT_OK;
}

/* ---- mesh issue ---- */

struct issuing {
	const struct arguments *arguments;
	const char *directory, *name;
	char folder[FILES_PATH_BYTES];
	struct mesh mesh;
	uint8_t authority_secret[SECRET_KEY_BYTES];
	uint8_t mesh_secret[MESH_SECRET_BYTES];
	struct issued issued;
	struct certificate certificate;
	struct config config;
};

static int read_parameters(const char *directory, struct mesh *ret_mesh, struct problem *ret_problem)
{
	char path[FILES_PATH_BYTES];
	int tick, window, decay, err = 0;
	config_t tree;

	path_in(directory, "mesh.conf", path);
	config_init(&tree);
	if (!config_read_file(&tree, path))
		err = problem_set(ret_problem, -EINVAL, "%s:%d: %s; is this a directory that mesh init made?", path,
				  config_error_line(&tree), config_error_text(&tree));
	else if (!config_lookup_int(&tree, "tick_ms", &tick) || !config_lookup_int(&tree, "window_max_ms", &window) ||
		 !config_lookup_int(&tree, "decay", &decay))
		err = problem_set(ret_problem, -EINVAL, "%s: tick_ms, window_max_ms and decay must all be there", path);
	else
		*ret_mesh =
			(struct mesh){ .tick_ms = (uint32_t)tick, .window_max_ms = (uint32_t)window, .decay = (uint32_t)decay };
	config_destroy(&tree);
	return err;
}

static int read_authority(struct issuing *issuing, struct problem *ret_problem)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char path[FILES_PATH_BYTES];
	const char *why = "";
	int err;

	err = read_parameters(issuing->directory, &issuing->mesh, ret_problem);
	if (err)
		return err;
	path_in(issuing->directory, "authority.key", path);
	err = keys_read_exact(path, KEYS_SECRET, seed, sizeof(seed), ret_problem);
	if (err)
		return err;
	crypto_sign_seed_keypair(issuing->mesh.authority, issuing->authority_secret, seed);
	sodium_memzero(seed, sizeof(seed));
	mesh_id_of(issuing->mesh.authority, issuing->mesh.id);
	if (mesh_check(&issuing->mesh, &why))
		return problem_set(ret_problem, -EINVAL, "%s/mesh.conf: %s", issuing->directory, why);
	path_in(issuing->directory, "mesh.secret", path);
	err = keys_read_exact(path, KEYS_SECRET, issuing->mesh_secret, sizeof(issuing->mesh_secret), ret_problem);
	if (err)
		return err;
	path_in(issuing->directory, "issued", path);
	return issued_read(path, &issuing->issued, ret_problem);
}

/* The node's key: the one it has when it is issued again, so that its peers still know it; else a fresh one. */
static int make_key(struct issuing *issuing, uint8_t ret_seed[crypto_sign_SEEDBYTES], struct problem *ret_problem)
{
	uint8_t secret_key[SECRET_KEY_BYTES];
	char path[FILES_PATH_BYTES];
	FILE *file;
	int err = 0;

	path_in(issuing->folder, "node.key", path);
	file = fopen(path, "re");
	if (file) {
		fclose(file);
		err = keys_read_exact(path, KEYS_SECRET, ret_seed, crypto_sign_SEEDBYTES, ret_problem);
	} else {
		randombytes_buf(ret_seed, crypto_sign_SEEDBYTES);
	}
	crypto_sign_seed_keypair(issuing->certificate.public_key, secret_key, ret_seed);
	sodium_memzero(secret_key, sizeof(secret_key));
	return err;
}

static bool read_name(struct issuing *issuing)
{
	const char *name = issuing->arguments->words[0];

	if (*name == '\0' || strlen(name) > NAME_BYTES_MAX ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0' || *name == '-' || strcmp(name, "issued") == 0) {
		complain("NAME must be 1 to %d of a-z, 0-9 and -, and not \"issued\"", NAME_BYTES_MAX);
		return false;
	}
	issuing->name = name;
	path_in(issuing->directory, name, issuing->folder);
	strcpy(issuing->certificate.name, name);
	return true;
}

static bool read_addresses(struct issuing *issuing)
{
	struct certificate *certificate = &issuing->certificate;

	if (issuing->arguments->address_count == 0) {
		complain("--address IP:PORT is needed: where the other nodes reach this one");
		return false;
	}
	for (unsigned int i = 0; i < issuing->arguments->address_count; i++) {
		const char *text = issuing->arguments->addresses[i], *why = "";
		struct endpoint endpoint;

		if (text_to_endpoint(text, &endpoint, &why)) {
			complain("--address %s: %s", text, why);
			return false;
		}
		certificate->endpoint[i].address = endpoint.address;
		certificate->endpoint[i].port = endpoint.port;
		certificate->endpoints++;
	}
	return true;
}

static bool read_issue_options(struct issuing *issuing)
{
	const struct arguments *arguments = issuing->arguments;
	struct config *config = &issuing->config;
	const char *region = arguments->value[OPTION_REGION];
	uint64_t pair_rate, destination_rate;

	if (region &&
	    (strlen(region) > REGION_BYTES_MAX || region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')) {
		complain("--region: at most %d of a-z, 0-9 and -", REGION_BYTES_MAX);
		return false;
	}
	if (region)
		strcpy(issuing->certificate.region, region);
	if (!arguments_number(arguments, OPTION_LINE_RATE, 1, INT64_MAX, 0, &issuing->certificate.line_rate) ||
	    !arguments_number(arguments, OPTION_PAIR_RATE, 0, 100000000, PAIR_RATE_DEFAULT, &pair_rate) ||
	    !arguments_number(arguments, OPTION_DESTINATION_RATE, 0, 100000000, DESTINATION_RATE_DEFAULT, &destination_rate))
		return false;
	config->pair_rate = (uint32_t)pair_rate;
	config->destination_rate = (uint32_t)destination_rate;
	for (unsigned int i = 0; i < arguments->interface_count; i++) {
		if (*arguments->interfaces[i] == '\0' || strlen(arguments->interfaces[i]) >= IFNAMSIZ) {
			complain("--interface %s: a name of 1 to %d characters is needed", arguments->interfaces[i],
				 IFNAMSIZ - 1);
			return false;
		}
		strcpy(config->interfaces[config->interface_count++], arguments->interfaces[i]);
	}
	return true;
}

static bool take_path(const struct arguments *arguments, enum option_name option, const char *format, const char *name,
		      char *field, size_t bytes)
{
	const char *given = arguments->value[option];
	int length = given ? snprintf(field, bytes, "%s", given) : snprintf(field, bytes, format, name);

	if (length > 0 && (size_t)length < bytes && !strpbrk(field, "\"\\\n"))
		return true;
	complain("a path given is empty, longer than %zu characters, or has quotes in it", bytes - 1);
	return false;
}

static bool read_paths(struct issuing *issuing)
{
	struct config *config = &issuing->config;

	strcpy(config->name, issuing->name);
	strcpy(config->key_file, "node.key");
	strcpy(config->certificate_file, "node.cert");
	strcpy(config->mesh_secret_file, "mesh.secret");
	return take_path(issuing->arguments, OPTION_STATE_DIRECTORY, "/var/lib/xpro/%s", issuing->name, config->state_directory,
			 sizeof(config->state_directory)) &&
	       take_path(issuing->arguments, OPTION_PIN_PATH, "/sys/fs/bpf/xpro/%s", issuing->name, config->pin_path,
			 sizeof(config->pin_path)) &&
	       take_path(issuing->arguments, OPTION_CONTROL_SOCKET, "/run/xpro/%s.sock", issuing->name, config->control_socket,
			 sizeof(config->control_socket));
}

static bool is_ipv4(const struct endpoint *endpoint)
{
	return address_is_ipv4(&endpoint->address);
}

/* Listens on the wildcard of each of its ports, both families: an IPv6 peer may come later. */
static void choose_listeners(struct issuing *issuing)
{
	struct config *config = &issuing->config;
	uint16_t port = issuing->certificate.endpoint[0].port;

	config->listen[0].endpoint = (struct endpoint){ .address = address_of_ipv4((const uint8_t[4]){ 0 }), .port = port };
	config->listen[1].endpoint = (struct endpoint){ .port = port };
	config->listen_count = 2;
	for (uint32_t i = 1; i < issuing->certificate.endpoints && config->listen_count < CONFIG_LISTEN_MAX; i++) {
		if (issuing->certificate.endpoint[i].port == port)
			continue;
		config->listen[config->listen_count++].endpoint = (struct endpoint){
			.address = address_is_ipv4(&issuing->certificate.endpoint[i].address)
					   ? address_of_ipv4((const uint8_t[4]){ 0 })
					   : (struct address){ { 0 } },
			.port = issuing->certificate.endpoint[i].port,
		};
	}
}

/* One address of every other node: the first of a family that this one has, else its first. */
static void choose_peers(struct issuing *issuing)
{
	struct config *config = &issuing->config;
	bool ipv4 = address_is_ipv4(&issuing->certificate.endpoint[0].address);

	for (uint32_t i = 0; i < issuing->issued.nodes; i++) {
		const struct issued_node *node = &issuing->issued.node[i];
		uint32_t choice = 0;

		if (strcmp(node->name, issuing->name) == 0 || node->endpoints == 0)
			continue;
		while (choice < node->endpoints && is_ipv4(&node->endpoint[choice]) != ipv4)
			choice++;
		config->peers[config->peer_count++].endpoint = node->endpoint[choice < node->endpoints ? choice : 0];
	}
}

/* Enters the node among those issued; what stood there of it before is replaced. */
static int enter(struct issuing *issuing, struct problem *ret_problem)
{
	struct certificate *certificate = &issuing->certificate;
	struct issued_node *node = issued_find(&issuing->issued, issuing->name);

	if (node && !issuing->arguments->value[OPTION_AGAIN])
		return problem_set(ret_problem, -EEXIST,
				   "%s: was issued already; --again issues it anew and writes its folder over", issuing->name);
	for (uint32_t i = 0; i < certificate->endpoints; i++) {
		struct endpoint endpoint = { certificate->endpoint[i].address, certificate->endpoint[i].port };
		const struct issued_node *other = issued_at(&issuing->issued, &endpoint);

		if (other && other != node)
			return problem_set(ret_problem, -EEXIST, "--address %s: belongs to %s already",
					   issuing->arguments->addresses[i], other->name);
	}
	if (!node && issuing->issued.nodes == ISSUED_NODES_MAX)
		return problem_set(ret_problem, -ENOSPC, "a mesh has at most %d nodes", ISSUED_NODES_MAX);
	certificate->serial = issued_next_serial(&issuing->issued);
	if (!node)
		node = &issuing->issued.node[issuing->issued.nodes++];
	*node = (struct issued_node){ .serial = certificate->serial, .endpoints = certificate->endpoints };
	strcpy(node->name, issuing->name);
	for (uint32_t i = 0; i < certificate->endpoints; i++)
		node->endpoint[i] = (struct endpoint){ certificate->endpoint[i].address, certificate->endpoint[i].port };
	return 0;
}

static int write_config(struct issuing *issuing, struct problem *ret_problem)
{
	static char text[EXAMPLE_BYTES];
	char path[FILES_PATH_BYTES], file[NAME_BYTES_MAX + 8];
	size_t size = example_write(&issuing->config, text, sizeof(text));

	if (size == 0)
		return problem_set(ret_problem, -EFBIG, "%s: the config does not fit", issuing->name);
	snprintf(file, sizeof(file), "%s.conf", issuing->name);
	path_in(issuing->folder, file, path);
	return files_write_path(path, 0644, text, size, true, ret_problem);
}

static int write_credentials(struct issuing *issuing, struct problem *ret_problem)
{
	uint8_t seed[crypto_sign_SEEDBYTES], certificate[CERTIFICATE_BYTES_MAX];
	char path[FILES_PATH_BYTES];
	size_t size = 0;
	int err;

	err = make_key(issuing, seed, ret_problem);
	if (err)
		return err;
	if (certificate_issue(&issuing->certificate, &issuing->mesh, issuing->authority_secret, certificate, &size)) {
		sodium_memzero(seed, sizeof(seed));
		return problem_set(ret_problem, -EINVAL, "%s: the certificate cannot be issued: a field is out of bounds",
				   issuing->name);
	}
	path_in(issuing->folder, "node.key", path);
	err = keys_write(path, KEYS_SECRET, seed, sizeof(seed), true, ret_problem);
	sodium_memzero(seed, sizeof(seed));
	path_in(issuing->folder, "node.cert", path);
	if (!err)
		err = keys_write(path, KEYS_PUBLIC, certificate, size, true, ret_problem);
	path_in(issuing->folder, "mesh.secret", path);
	if (!err)
		err = keys_write(path, KEYS_SECRET, issuing->mesh_secret, sizeof(issuing->mesh_secret), true, ret_problem);
	return err;
}

/* What was written must be what gossipd takes. */
static int check_folder(const struct issuing *issuing, char ret_path[FILES_PATH_BYTES], struct problem *ret_problem)
{
	static struct config config;
	struct identity identity;
	char file[NAME_BYTES_MAX + 8];
	int err;

	snprintf(file, sizeof(file), "%s.conf", issuing->name);
	path_in(issuing->folder, file, ret_path);
	err = config_load(ret_path, &config, ret_problem);
	if (!err)
		err = identity_read(&config, &identity, ret_problem);
	if (!err)
		identity_wipe(&identity);
	return err;
}

static int write_folder(struct issuing *issuing, char ret_path[FILES_PATH_BYTES], struct problem *ret_problem)
{
	char issued[FILES_PATH_BYTES];
	int err;

	err = files_make_directory(issuing->folder, 0700, ret_problem);
	if (!err)
		err = write_credentials(issuing, ret_problem);
	if (!err)
		err = write_config(issuing, ret_problem);
	if (!err)
		err = check_folder(issuing, ret_path, ret_problem);
	if (err)
		return err;
	sodium_bin2hex(issued_find(&issuing->issued, issuing->name)->key, 2 * PUBLIC_KEY_BYTES + 1,
		       issuing->certificate.public_key, PUBLIC_KEY_BYTES);
	path_in(issuing->directory, "issued", issued);
	return issued_write(issued, &issuing->issued, ret_problem);
}

static void show_issued(struct output *output, const struct issuing *issuing, const char *path)
{
	char key[2 * PUBLIC_KEY_BYTES + 1];
	const struct field fields[] = {
		TEXT("name", NULL, 0, issuing->name),
		TEXT("folder", NULL, 0, issuing->folder),
		TEXT("config", NULL, 0, path),
		NUMBER("serial", NULL, 0, issuing->certificate.serial),
		TEXT("key", NULL, 0, key),
		NUMBER("peers", NULL, 0, issuing->config.peer_count),
	};

	sodium_bin2hex(key, sizeof(key), issuing->certificate.public_key, PUBLIC_KEY_BYTES);
	output_facts(output, "issued", FIELDS(fields));
	output_say(output, "%s: issued as number %llu, with %u peers; the whole node is in %s", issuing->name,
		   (unsigned long long)issuing->certificate.serial, issuing->config.peer_count, issuing->folder);
	if (issuing->config.interface_count == 0)
		output_say(output, "no --interface was given: it will listen and filter nothing");
	output_say(output, "copy that folder to the host, then run there: gossipd --config %s.conf", issuing->name);
}

int run_mesh_issue(const struct arguments *arguments, struct output *output)
{
	static struct issuing issuing;
	char path[FILES_PATH_BYTES];
	struct problem problem;
	int err;

	issuing = (struct issuing){ .arguments = arguments, .directory = directory_of(arguments), .config = *config_defaults() };
	if (!issuing.directory || !read_name(&issuing) || !read_addresses(&issuing) || !read_issue_options(&issuing) ||
	    !read_paths(&issuing))
		return EXIT_USAGE;
	err = read_authority(&issuing, &problem);
	if (!err)
		err = enter(&issuing, &problem);
	if (!err) {
		uint32_t slot_ms = (uint32_t)(mesh_slot_length(&issuing.mesh).ns / NS_PER_MS);
		uint32_t most = issuing.mesh.window_max_ms / (issuing.mesh.decay * issuing.mesh.decay);

		/* Defaults that this mesh's parameters do not allow give way to the nearest that they do. */
		if (issuing.config.idle_reset_ms < slot_ms)
			issuing.config.idle_reset_ms = slot_ms;
		if (issuing.config.pair_min_window_ms > most)
			issuing.config.pair_min_window_ms = issuing.config.destination_min_window_ms = most;
		choose_listeners(&issuing);
		choose_peers(&issuing);
		err = write_folder(&issuing, path, &problem);
	}
	sodium_memzero(issuing.authority_secret, sizeof(issuing.authority_secret));
	sodium_memzero(issuing.mesh_secret, sizeof(issuing.mesh_secret));
	if (err)
		return failed(&problem);
	show_issued(output, &issuing, path);
	return EXIT_OK;
}
