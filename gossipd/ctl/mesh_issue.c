/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl mesh issue: a complete folder for one node: key, certificate, mesh secret and a config that works as written.
 * Offline; what was written is read back as gossipd would before the node is entered in the list.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "identity.h"
#include "keys.h"
#include "authority.h"
#include "checkout.h"
#include "example.h"

#define PAIR_RATE_DEFAULT 1000
#define DESTINATION_RATE_DEFAULT 10000
#define EXAMPLE_BYTES 65536

struct issuing {
	const struct arguments *arguments;
	const char *directory, *name;
	char folder[FILES_PATH_BYTES];
	struct authority authority;
	struct certificate certificate;
	struct config config;
};

/* The node's key: the one it has when it is issued again, so that its peers still know it; else a fresh one. */
static int make_key(struct issuing *issuing, uint8_t ret_seed[crypto_sign_SEEDBYTES], struct problem *ret_problem)
{
	uint8_t secret_key[SECRET_KEY_BYTES];
	char path[FILES_PATH_BYTES];
	FILE *file;
	int err = 0;

	authority_path(issuing->folder, "node.key", path);
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
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0' || *name == '-' || strcmp(name, "issued") == 0 ||
	    strcmp(name, "revoked") == 0 || strcmp(name, "secret") == 0) {
		complain("NAME must be 1 to %d of a-z, 0-9 and -, and not \"issued\", \"revoked\" or \"secret\"", NAME_BYTES_MAX);
		return false;
	}
	issuing->name = name;
	authority_path(issuing->directory, name, issuing->folder);
	text_copy(name, issuing->certificate.name, sizeof(issuing->certificate.name));
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

	if (region && (!text_copy(region, issuing->certificate.region, sizeof(issuing->certificate.region)) ||
		       region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')) {
		complain("--region: at most %d of a-z, 0-9 and -", REGION_BYTES_MAX);
		return false;
	}
	if (!arguments_number(arguments, OPTION_LINE_RATE, 1, INT64_MAX, 0, &issuing->certificate.line_rate) ||
	    !arguments_number(arguments, OPTION_PAIR_RATE, 0, 100000000, PAIR_RATE_DEFAULT, &pair_rate) ||
	    !arguments_number(arguments, OPTION_DESTINATION_RATE, 0, 100000000, DESTINATION_RATE_DEFAULT, &destination_rate))
		return false;
	config->pair_rate = (uint32_t)pair_rate;
	config->destination_rate = (uint32_t)destination_rate;
	for (unsigned int i = 0; i < arguments->interface_count; i++) {
		if (*arguments->interfaces[i] == '\0' ||
		    !text_copy(arguments->interfaces[i], config->interfaces[config->interface_count++], IFNAMSIZ)) {
			complain("--interface %s: a name of 1 to %d characters is needed", arguments->interfaces[i],
				 IFNAMSIZ - 1);
			return false;
		}
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

	text_copy(issuing->name, config->name, sizeof(config->name));
	text_copy("node.key", config->key_file, sizeof(config->key_file));
	text_copy("node.cert", config->certificate_file, sizeof(config->certificate_file));
	text_copy("mesh.secret", config->mesh_secret_file, sizeof(config->mesh_secret_file));
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

	for (uint32_t i = 0; i < issuing->authority.issued.nodes; i++) {
		const struct issued_node *node = &issuing->authority.issued.node[i];
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
	struct issued_node *node = issued_find(&issuing->authority.issued, issuing->name);

	if (node && !issuing->arguments->value[OPTION_AGAIN])
		return problem_set(ret_problem, -EEXIST,
				   "%s: was issued already; --again issues it anew and writes its folder over", issuing->name);
	for (uint32_t i = 0; i < certificate->endpoints; i++) {
		struct endpoint endpoint = { certificate->endpoint[i].address, certificate->endpoint[i].port };
		const struct issued_node *other = issued_at(&issuing->authority.issued, &endpoint);

		if (other && other != node)
			return problem_set(ret_problem, -EEXIST, "--address %s: belongs to %s already",
					   issuing->arguments->addresses[i], other->name);
	}
	if (!node && issuing->authority.issued.nodes == ISSUED_NODES_MAX)
		return problem_set(ret_problem, -ENOSPC, "a mesh has at most %d nodes", ISSUED_NODES_MAX);
	certificate->serial = authority_next_serial(&issuing->authority);
	certificate->id = node ? node->id : 0;
	if (!node)
		node = &issuing->authority.issued.node[issuing->authority.issued.nodes++];
	*node = (struct issued_node){ .serial = certificate->serial, .id = certificate->id, .endpoints = certificate->endpoints };
	text_copy(issuing->name, node->name, sizeof(node->name));
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
	authority_path(issuing->folder, file, path);
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
	if (certificate_issue(&issuing->certificate, &issuing->authority.mesh, issuing->authority.secret_key, certificate,
			      &size)) {
		sodium_memzero(seed, sizeof(seed));
		return problem_set(ret_problem, -EINVAL, "%s: the certificate cannot be issued: a field is out of bounds",
				   issuing->name);
	}
	authority_path(issuing->folder, "node.key", path);
	err = keys_write(path, KEYS_SECRET, seed, sizeof(seed), true, ret_problem);
	sodium_memzero(seed, sizeof(seed));
	authority_path(issuing->folder, "node.cert", path);
	if (!err)
		err = keys_write(path, KEYS_PUBLIC, certificate, size, true, ret_problem);
	authority_path(issuing->folder, "mesh.secret", path);
	if (!err)
		err = keys_write(path, KEYS_SECRET, issuing->authority.secrets[0], MESH_SECRET_BYTES, true,
				 ret_problem);
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
	authority_path(issuing->folder, file, ret_path);
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

	err = checkout_guard(issuing->arguments, issuing->directory, ret_problem);
	if (!err) /* it may be a link that leads elsewhere */
		err = checkout_guard(issuing->arguments, issuing->folder, ret_problem);
	if (!err)
		err = files_make_directory(issuing->folder, 0700, ret_problem);
	if (!err)
		err = write_credentials(issuing, ret_problem);
	if (!err)
		err = write_config(issuing, ret_problem);
	if (!err)
		err = check_folder(issuing, ret_path, ret_problem);
	if (err)
		return err;
	sodium_bin2hex(issued_find(&issuing->authority.issued, issuing->name)->key, 2 * PUBLIC_KEY_BYTES + 1,
		       issuing->certificate.public_key, PUBLIC_KEY_BYTES);
	if (issuing->certificate.id == 0)
		issued_find(&issuing->authority.issued, issuing->name)->id = member_id_of(issuing->certificate.public_key);
	authority_path(issuing->directory, "issued", issued);
	return issued_write(issued, &issuing->authority.issued, ret_problem);
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
	if (issuing->config.pair_rate == 0 || issuing->config.destination_rate == 0)
		output_say(output, "warning: a rate of 0 is no limit:%s%s", issuing->config.pair_rate ? "" : " --pair-rate",
			   issuing->config.destination_rate ? "" : " --destination-rate");
	output_say(output, "copy that folder to the host, then run there: gossipd --config %s.conf", issuing->name);
}

int run_mesh_issue(const struct arguments *arguments, struct output *output)
{
	static struct issuing issuing;
	char path[FILES_PATH_BYTES];
	struct problem problem;
	int err;

	issuing = (struct issuing){ .arguments = arguments,
				    .directory = authority_directory(arguments),
				    .config = *config_defaults() };
	if (!issuing.directory || !read_name(&issuing) || !read_addresses(&issuing) || !read_issue_options(&issuing) ||
	    !read_paths(&issuing))
		return EXIT_USAGE;
	err = authority_read(issuing.directory, &issuing.authority, &problem);
	if (!err)
		err = enter(&issuing, &problem);
	if (!err) {
		uint32_t slot_ms = (uint32_t)(mesh_slot_length(&issuing.authority.mesh).ns / NS_PER_MS);
		uint32_t most =
			issuing.authority.mesh.window_max_ms / (issuing.authority.mesh.decay * issuing.authority.mesh.decay);

		/* Defaults that this mesh's parameters do not allow give way to the nearest that they do. */
		if (issuing.config.idle_reset_ms < slot_ms)
			issuing.config.idle_reset_ms = slot_ms;
		if (issuing.config.pair_min_window_ms > most)
			issuing.config.pair_min_window_ms = issuing.config.destination_min_window_ms = most;
		choose_listeners(&issuing);
		choose_peers(&issuing);
		err = write_folder(&issuing, path, &problem);
	}
	authority_wipe(&issuing.authority);
	if (err) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	show_issued(output, &issuing, path);
	return EXIT_OK;
}
