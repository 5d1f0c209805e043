/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is filtered, and where the clients are: the lists `interfaces`, `clients` and `outer_interfaces`, each entry
 * checked at its line, and what they say about each other. Also the list `client_hosts`.
 */
#include "config_internal.h"

#include <errno.h>

#define IPV4_BITS 96 /* of the mapped form before an IPv4 address begins */

static int wrong(const char *path, const config_setting_t *at, struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int wrong(const char *path, const config_setting_t *at, struct problem *problem, const char *format, ...)
{
	const char *file = config_setting_source_file(at);
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return problem_set(problem, -EINVAL, "%s:%u: %s", file ? file : path, config_setting_source_line(at),
			   text);
}

/* The entries are texts, and no more than `max`. */
static int texts_of(const config_setting_t *list, unsigned int max, const char *path, struct problem *problem,
		    unsigned int *ret_count)
{
	const char *name = config_setting_name(list);
	unsigned int count;

	if (!config_setting_is_array(list) && !config_setting_is_list(list))
		return wrong(path, list, problem, "%s: must be a list: [\"...\", \"...\"]", name);
	count = (unsigned int)config_setting_length(list);
	if (count > max)
		return wrong(path, list, problem, "%s: has %u entries; at most %u are possible", name, count, max);
	for (unsigned int i = 0; i < count; i++) {
		const config_setting_t *entry = config_setting_get_elem(list, i);

		if (!config_setting_get_string(entry))
			return wrong(path, entry, problem, "entry %u of %s: must be a text in quotes", i + 1, name);
	}
	*ret_count = count;
	return 0;
}

static int read_interfaces(const config_setting_t *list, char names[][IFNAMSIZ], const char *path,
			   struct problem *problem, uint32_t *ret_count)
{
	unsigned int count = 0;
	int err = texts_of(list, CONFIG_INTERFACES_MAX, path, problem, &count);

	for (unsigned int i = 0; !err && i < count; i++) {
		const config_setting_t *entry = config_setting_get_elem(list, i);
		const char *name = config_setting_get_string(entry);

		if (*name == '\0' || strpbrk(name, "/ \t\n") || !text_copy(name, names[i], IFNAMSIZ))
			return wrong(path, entry, problem,
				     "entry %u of %s: is not an interface's name (1 to %d characters)", i + 1,
				     config_setting_name(list), IFNAMSIZ - 1);
		for (unsigned int j = 0; j < i; j++) {
			if (strcmp(names[j], name) == 0)
				return wrong(path, entry, problem, "entry %u of %s: %s is listed twice; remove one",
					     i + 1, config_setting_name(list), name);
		}
	}
	if (!err)
		*ret_count = count;
	return err;
}

int config_read_interfaces(const config_setting_t *at, struct config *config, struct problem *problem)
{
	return read_interfaces(at, config->interfaces, config->path, problem, &config->interface_count);
}

int config_read_outer(const config_setting_t *at, struct config *config, struct problem *problem)
{
	return read_interfaces(at, config->outer_names, config->path, problem, &config->outer_count);
}

/* An IPv6 prefix that the IPv4-mapped addresses are in: ::/0 among them. */
static bool holds_ipv4(const struct prefix *prefix)
{
	static const struct address mapped = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

	return prefix->bits <= IPV4_BITS && prefix_holds(prefix, &mapped);
}

int config_add_client(struct config *config, const char *text, const char **ret_problem)
{
	struct prefix prefix;
	int err = text_to_prefix(text, &prefix, ret_problem);

	if (err)
		return err;
	*ret_problem = "is everybody; name the networks of the clients";
	if (holds_ipv4(&prefix))
		return -EINVAL;
	*ret_problem = "is listed twice; remove one";
	for (uint32_t i = 0; i < config->client_count; i++) {
		if (config->clients[i].bits == prefix.bits &&
		    address_equal(&config->clients[i].address, &prefix.address))
			return -EINVAL;
	}
	*ret_problem = "is one too many: at most 8 are possible";
	if (config->client_count == CLIENTS_MAX)
		return -EINVAL;
	config->clients[config->client_count++] = prefix;
	return 0;
}
_Static_assert(CLIENTS_MAX == 8, "the text says so");

int config_read_clients(const config_setting_t *at, struct config *config, struct problem *problem)
{
	const char *path = config->path;
	unsigned int count = 0;
	int err = texts_of(at, CLIENTS_MAX, path, problem, &count);

	for (unsigned int i = 0; !err && i < count; i++) {
		const config_setting_t *entry = config_setting_get_elem(at, i);
		const char *text = config_setting_get_string(entry), *why = "";
		char escaped[80];

		text_escape(text, escaped, sizeof(escaped));
		if (config_add_client(config, text, &why))
			err = wrong(path, entry, problem, "entry %u of clients: \"%s\": %s", i + 1, escaped, why);
	}
	return err;
}

int config_read_hosts(const config_setting_t *at, const char *path, struct widths *widths, struct problem *problem)
{
	unsigned int count = 0;
	int err = texts_of(at, CLIENT_HOSTS_MAX, path, problem, &count);

	for (unsigned int i = 0; !err && i < count; i++) {
		const config_setting_t *entry = config_setting_get_elem(at, i);
		const char *text = config_setting_get_string(entry), *why = "";
		struct prefix prefix;
		char escaped[80];

		text_escape(text, escaped, sizeof(escaped));
		if (text_to_prefix(text, &prefix, &why))
			return wrong(path, entry, problem, "entry %u of client_hosts: \"%s\": %s", i + 1, escaped, why);
		err = widths_add_hosts(widths, &prefix);
	}
	return err;
}

int config_check_sides(struct config *config, struct problem *problem)
{
	for (uint32_t i = 0; i < config->outer_count; i++) {
		uint32_t at = 0;

		while (at < config->interface_count && strcmp(config->interfaces[at], config->outer_names[i]) != 0)
			at++;
		if (at == config->interface_count)
			return problem_set(problem, -EINVAL,
					   "%s:%u: outer_interfaces: %s is none of interfaces, so nothing is filtered "
					   "there; remove it",
					   config->path, config->line[CONFIG_OUTER_INTERFACES],
					   config->outer_names[i]);
		config->outer[at] = true;
	}
	if (config->judge_replies && config->client_count)
		return problem_set(problem, -EINVAL,
				   "%s:%u: judge_replies: clients says which packets are replies, and they pass; "
				   "remove one of the two",
				   config->path, config->line[CONFIG_JUDGE_REPLIES]);
	return 0;
}

static bool has_family(const struct config *config, bool ipv4)
{
	for (uint32_t i = 0; i < config->client_count; i++) {
		if (address_is_ipv4(&config->clients[i].address) == ipv4)
			return true;
	}
	return false;
}

void config_warn(const struct config *config, void (*warn)(const char *text))
{
	char text[FILES_PATH_BYTES + 160];

	for (int ipv4 = 0; config->client_count && config->drop_foreign_sources && ipv4 < 2; ipv4++) {
		if (has_family(config, ipv4))
			continue;
		snprintf(text, sizeof(text),
			 "%s:%u: clients: there is no %s prefix: every %s packet from the clients' side drops",
			 config->path, config->line[CONFIG_CLIENTS], ipv4 ? "IPv4" : "IPv6", ipv4 ? "IPv4" : "IPv6");
		warn(text);
	}
}
