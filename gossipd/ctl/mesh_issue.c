/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl mesh issue: a complete folder for each node: key, certificate, mesh secret and a config that works as
 * written; with --bundle also one file to carry to the host. Offline; what was written is read back as gossipd would
 * before the nodes are entered in the list.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "identity.h"
#include "keys.h"
#include "bundle_write.h"
#include "checkout.h"
#include "example.h"
#include "issuing.h"

#define EXAMPLE_BYTES 65536

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

static bool is_ipv4(const struct endpoint *endpoint)
{
	return address_is_ipv4(&endpoint->address);
}

/* Listens on the wildcard of each of its ports, both families: an IPv6 peer may come later. */
static void choose_listeners(struct issuing *issuing)
{
	struct config *config = &issuing->config;
	uint16_t port = issuing->certificate.endpoint[0].port;

	config->listen[0].endpoint = (struct endpoint){ .address = address_of_ipv4((const uint8_t[4]){ 0 }),
							.port = port };
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

/* Two words of one name: --again would issue the node twice. */
static bool was_named(const struct issuing *issuing, unsigned int index)
{
	const size_t length = strlen(issuing->name);

	for (unsigned int i = 0; i < index; i++) {
		const char *word = issuing->arguments->words[i];

		if (strncmp(word, issuing->name, length) == 0 && (word[length] == '\0' || word[length] == '='))
			return true;
	}
	return false;
}

/* Enters the node among those issued; what stood there of it before is replaced. */
static int enter(struct issuing *issuing, struct problem *ret_problem)
{
	struct certificate *certificate = &issuing->certificate;
	struct issued_node *node = issued_find(&issuing->authority.issued, issuing->name);

	if (node && !issuing->arguments->value[OPTION_AGAIN])
		return problem_set(ret_problem, -EEXIST,
				   "%s: was issued already; --again issues it anew and writes its folder over",
				   issuing->name);
	for (uint32_t i = 0; i < certificate->endpoints; i++) {
		struct endpoint endpoint = { certificate->endpoint[i].address, certificate->endpoint[i].port };
		const struct issued_node *other = issued_at(&issuing->authority.issued, &endpoint);
		char text[TEXT_ENDPOINT_BYTES];

		text_of_endpoint(&endpoint, text);
		if (other && other != node)
			return problem_set(ret_problem, -EEXIST, "%s: %s: belongs to %s already",
					   issuing->name, text, other->name);
	}
	if (!node && issuing->authority.issued.nodes == ISSUED_NODES_MAX)
		return problem_set(ret_problem, -ENOSPC, "a mesh has at most %d nodes", ISSUED_NODES_MAX);
	certificate->serial = authority_next_serial(&issuing->authority);
	certificate->id = node ? node->id : 0;
	if (!node)
		node = &issuing->authority.issued.node[issuing->authority.issued.nodes++];
	*node = (struct issued_node){ .serial = certificate->serial,
				      .id = certificate->id,
				      .endpoints = certificate->endpoints };
	text_copy(issuing->name, node->name, sizeof(node->name));
	for (uint32_t i = 0; i < certificate->endpoints; i++)
		node->endpoint[i] = (struct endpoint){ certificate->endpoint[i].address,
						       certificate->endpoint[i].port };
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
	if (certificate_issue(&issuing->certificate, &issuing->authority.mesh, issuing->authority.secret_key,
			      certificate, &size)) {
		sodium_memzero(seed, sizeof(seed));
		return problem_set(ret_problem, -EINVAL,
				   "%s: the certificate cannot be issued: a field is out of bounds", issuing->name);
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

/* The key that the node was given, for the list; a first key makes the member's id. */
static void note_key(struct issuing *issuing)
{
	struct issued_node *node = issued_find(&issuing->authority.issued, issuing->name);

	sodium_bin2hex(node->key, sizeof(node->key), issuing->certificate.public_key, PUBLIC_KEY_BYTES);
	if (node->id == 0)
		node->id = member_id_of(issuing->certificate.public_key);
}

static int write_folder(struct issuing *issuing, char ret_path[FILES_PATH_BYTES], struct problem *ret_problem)
{
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
	if (!err)
		note_key(issuing);
	return err;
}

/* One node's facts stand alone, those of several in a list. */
static void show_issued(struct output *output, const struct issuing *issuing, const char *path, const char *bundle)
{
	char key[2 * PUBLIC_KEY_BYTES + 1];
	const struct field fields[] = {
		TEXT("name", NULL, 0, issuing->name),
		TEXT("folder", NULL, 0, issuing->folder),
		TEXT("config", NULL, 0, path),
		NUMBER("serial", NULL, 0, issuing->certificate.serial),
		TEXT("key", NULL, 0, key),
		NUMBER("peers", NULL, 0, issuing->config.peer_count),
		bundle ? TEXT("bundle", NULL, 0, bundle) : UNKNOWN("bundle"),
	};

	sodium_bin2hex(key, sizeof(key), issuing->certificate.public_key, PUBLIC_KEY_BYTES);
	if (issuing->arguments->word_count == 1)
		output_facts(output, "issued", FIELDS(fields));
	else
		output_row_unless(output, true, FIELDS(fields)); /* sentences say it in a table */
	output_say(output, "%s: issued as number %llu, with %u peers; the whole node is in %s", issuing->name,
		   (unsigned long long)issuing->certificate.serial, issuing->config.peer_count,
		   bundle ? bundle : issuing->folder);
	if (bundle)
		output_say(output, "copy that file to the host, then run there: gossipctl join %s" BUNDLE_SUFFIX,
			   issuing->name);
	else
		output_say(output, "copy that folder to the host, then run there: gossipd --config %s.conf",
			   issuing->name);
}

static void warn_of_options(struct output *output, const struct config *config)
{
	if (config->interface_count == 0)
		output_say(output, "no --interface was given: it will listen and filter nothing");
	if (config->pair_rate == 0 || config->destination_rate == 0)
		output_say(output, "warning: a rate of 0 is no limit:%s%s", config->pair_rate ? "" : " --pair-rate",
			   config->destination_rate ? "" : " --destination-rate");
}

/* Defaults that this mesh's parameters do not allow give way to the nearest that they do. */
static void fit_to_mesh(struct config *config, const struct mesh *mesh)
{
	const uint32_t slot_ms = (uint32_t)(mesh_slot_length(mesh).ns / NS_PER_MS);
	const uint32_t most = mesh->window_max_ms / (mesh->decay * mesh->decay);

	if (config->idle_reset_ms < slot_ms)
		config->idle_reset_ms = slot_ms;
	if (config->pair_min_window_ms > most)
		config->pair_min_window_ms = config->destination_min_window_ms = most;
	config->widths = mesh->widths;
}

/* Every node is in the list before the first folder is written: each greets all the others. */
static int enter_all(struct issuing *issuing, struct problem *ret_problem)
{
	int err = authority_read(issuing->directory, &issuing->authority, ret_problem);

	if (err)
		return err;
	fit_to_mesh(&issuing->common, &issuing->authority.mesh);
	for (unsigned int i = 0; i < issuing->arguments->word_count; i++) {
		if (!issuing_read_node(issuing, issuing->arguments->words[i]))
			return problem_set(ret_problem, -EINVAL, "nothing was issued");
		if (was_named(issuing, i))
			return problem_set(ret_problem, -EINVAL, "%s: is named twice", issuing->name);
		err = enter(issuing, ret_problem);
		if (err)
			return err;
	}
	return 0;
}

static int write_node(struct issuing *issuing, const char *word, struct output *output, struct problem *ret_problem)
{
	const bool bundled = issuing->arguments->value[OPTION_BUNDLE];
	char config[FILES_PATH_BYTES], bundle[FILES_PATH_BYTES];
	const struct issued_node *node;
	int err = 0;

	if (!issuing_read_node(issuing, word))
		return problem_set(ret_problem, -EINVAL, "%s was not issued", word);
	node = issued_find(&issuing->authority.issued, issuing->name);
	issuing->certificate.serial = node->serial;
	issuing->certificate.id = node->id;
	choose_listeners(issuing);
	choose_peers(issuing);
	err = write_folder(issuing, config, ret_problem);
	if (!err && bundled)
		err = bundle_write(&issuing->authority, issuing->directory, issuing->name, bundle, ret_problem);
	if (!err)
		show_issued(output, issuing, config, bundled ? bundle : NULL);
	return err;
}

static int write_all_nodes(struct issuing *issuing, struct output *output, struct problem *ret_problem)
{
	char issued[FILES_PATH_BYTES];

	if (issuing->arguments->word_count > 1)
		output_list(output, "nodes");
	for (unsigned int i = 0; i < issuing->arguments->word_count; i++) {
		int err = write_node(issuing, issuing->arguments->words[i], output, ret_problem);

		if (err)
			return err;
	}
	authority_path(issuing->directory, "issued", issued);
	return issued_write(issued, &issuing->authority.issued, ret_problem);
}

/* Every word must be right before anything is written. */
static bool check_words(struct issuing *issuing)
{
	for (unsigned int i = 0; i < issuing->arguments->word_count; i++) {
		if (!issuing_read_node(issuing, issuing->arguments->words[i]))
			return false;
	}
	return true;
}

int run_mesh_issue(const struct arguments *arguments, struct output *output)
{
	static struct issuing issuing;
	struct problem problem;
	int err;

	issuing = (struct issuing){ .arguments = arguments,
				    .directory = authority_directory(arguments),
				    .common = *config_defaults() };
	if (!issuing.directory || !issuing_read_options(&issuing) || !check_words(&issuing))
		return EXIT_USAGE;
	err = enter_all(&issuing, &problem);
	if (!err)
		err = write_all_nodes(&issuing, output, &problem);
	authority_wipe(&issuing.authority);
	if (err) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	warn_of_options(output, &issuing.common);
	return EXIT_OK;
}
