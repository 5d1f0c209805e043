/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The words and options of `mesh issue`, checked before anything is read or written. */
#include <string.h>

#include "bundle.h"
#include "issuing.h"

#define PAIR_RATE_DEFAULT 1000
#define DESTINATION_RATE_DEFAULT 10000

static bool copy_part(const char *text, size_t length, char *ret_text, size_t bytes)
{
	if (length >= bytes)
		return false;
	memcpy(ret_text, text, length);
	ret_text[length] = '\0';
	return true;
}

/* The name, up to the end or the =; what is behind it, or NULL. */
static bool read_name(struct issuing *issuing, const char *word, const char **ret_addresses)
{
	const char *equals = strchr(word, '=');
	char name[sizeof(issuing->name)];

	if (!copy_part(word, equals ? (size_t)(equals - word) : strlen(word), name, sizeof(name)) ||
	    !bundle_is_name(name) || strcmp(name, "issued") == 0 || strcmp(name, "revoked") == 0 ||
	    strcmp(name, "secret") == 0) {
		complain("NAME must be 1 to %d of a-z, 0-9 and -, and not \"issued\", \"revoked\" or \"secret\"",
			 NAME_BYTES_MAX);
		return false;
	}
	text_copy(name, issuing->name, sizeof(issuing->name));
	authority_path(issuing->directory, name, issuing->folder);
	text_copy(name, issuing->certificate.name, sizeof(issuing->certificate.name));
	*ret_addresses = equals ? equals + 1 : NULL;
	return true;
}

/* `before` is what stood before the text on the command line. */
static bool read_address(struct certificate *certificate, const char *before, const char *text)
{
	struct endpoint endpoint;
	const char *why = "";

	if (certificate->endpoints == ENDPOINTS_MAX) {
		complain("%s%s: a node has at most %d addresses", before, text, ENDPOINTS_MAX);
		return false;
	}
	if (text_to_endpoint(text, &endpoint, &why)) {
		complain("%s%s: %s", before, text, why);
		return false;
	}
	certificate->endpoint[certificate->endpoints].address = endpoint.address;
	certificate->endpoint[certificate->endpoints].port = endpoint.port;
	certificate->endpoints++;
	return true;
}

/* Of NAME=IP:PORT,IP:PORT. */
static bool read_address_list(struct issuing *issuing, const char *list)
{
	char text[TEXT_ENDPOINT_BYTES], before[NAME_BYTES_MAX + 2];

	snprintf(before, sizeof(before), "%s=", issuing->name);
	for (;;) {
		size_t length = strcspn(list, ",");

		if (!copy_part(list, length, text, sizeof(text))) {
			complain("%s%.*s...: is no address and port", before, TEXT_ENDPOINT_BYTES, list);
			return false;
		}
		if (!read_address(&issuing->certificate, before, text))
			return false;
		if (list[length] == '\0')
			return true;
		list += length + 1;
	}
}

static bool read_addresses(struct issuing *issuing, const char *list)
{
	const struct arguments *arguments = issuing->arguments;

	if (list && arguments->address_count) {
		complain("addresses are given either as NAME=IP:PORT or by --address");
		return false;
	}
	if (list)
		return read_address_list(issuing, list);
	if (arguments->address_count == 0) {
		if (arguments->word_count > 1)
			complain("%s=IP:PORT is needed: where the other nodes reach this one", issuing->name);
		else
			complain("--address IP:PORT is needed: where the other nodes reach this one");
		return false;
	}
	if (arguments->word_count > 1) {
		complain("--address is of one node; with several write NAME=IP:PORT");
		return false;
	}
	for (unsigned int i = 0; i < arguments->address_count; i++) {
		if (!read_address(&issuing->certificate, "--address ", arguments->addresses[i]))
			return false;
	}
	return true;
}

static bool read_clients(struct issuing *issuing)
{
	const struct arguments *arguments = issuing->arguments;

	for (unsigned int i = 0; i < arguments->client_count; i++) {
		const char *why = "";

		if (config_add_client(&issuing->common, arguments->clients[i], &why)) {
			complain("--clients %s: %s", arguments->clients[i], why);
			return false;
		}
	}
	return true;
}

static bool read_rates(struct issuing *issuing)
{
	const struct arguments *arguments = issuing->arguments;
	struct config *config = &issuing->common;
	uint64_t pair_rate, destination_rate, client_rate, network_rate;

	if (!arguments_number(arguments, OPTION_PAIR_RATE, 0, 100000000, PAIR_RATE_DEFAULT, &pair_rate) ||
	    !arguments_number(arguments, OPTION_DESTINATION_RATE, 0, 100000000, DESTINATION_RATE_DEFAULT,
			      &destination_rate) ||
	    !arguments_number(arguments, OPTION_CLIENT_RATE, 0, 100000000, 0, &client_rate) ||
	    !arguments_number(arguments, OPTION_NETWORK_RATE, 0, 100000000, 0, &network_rate))
		return false;
	config->pair_rate = (uint32_t)pair_rate;
	config->destination_rate = (uint32_t)destination_rate;
	config->client_rate = (uint32_t)client_rate;
	config->network_rate = (uint32_t)network_rate;
	return true;
}

static bool read_interfaces(struct issuing *issuing)
{
	const struct arguments *arguments = issuing->arguments;
	struct config *config = &issuing->common;

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
	return take_path(issuing->arguments, OPTION_STATE_DIRECTORY, "/var/lib/xpro/%s", issuing->name,
			 config->state_directory, sizeof(config->state_directory)) &&
	       take_path(issuing->arguments, OPTION_PIN_PATH, "/sys/fs/bpf/xpro/%s", issuing->name, config->pin_path,
			 sizeof(config->pin_path)) &&
	       take_path(issuing->arguments, OPTION_CONTROL_SOCKET, "/run/xpro/%s.sock", issuing->name,
			 config->control_socket, sizeof(config->control_socket));
}

bool issuing_read_options(struct issuing *issuing)
{
	const struct arguments *arguments = issuing->arguments;
	const char *region = arguments->value[OPTION_REGION];

	if (region && (!text_copy(region, issuing->region, sizeof(issuing->region)) ||
		       region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')) {
		complain("--region: at most %d of a-z, 0-9 and -", REGION_BYTES_MAX);
		return false;
	}
	return arguments_number(arguments, OPTION_LINE_RATE, 1, INT64_MAX, LINE_RATE_DEFAULT, &issuing->line_rate) &&
	       read_rates(issuing) && read_interfaces(issuing) && read_clients(issuing);
}

bool issuing_read_node(struct issuing *issuing, const char *word)
{
	const char *addresses;

	issuing->certificate = (struct certificate){ .line_rate = issuing->line_rate };
	text_copy(issuing->region, issuing->certificate.region, sizeof(issuing->certificate.region));
	issuing->config = issuing->common;
	return read_name(issuing, word, &addresses) && read_addresses(issuing, addresses) && read_paths(issuing);
}
