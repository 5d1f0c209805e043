/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The list `tunnels` of the config: groups of their own, so their settings are checked here, with the same kind of
 * message.
 */
#include "config_internal.h"

#include <errno.h>

#include "numbers.h"

static const char *const types[] = { "ipip", "gre", "gue", "fou", "vxlan" };
static const char *const names[] = { "type", "local", "from", "port", "decapsulate" };
#define TYPES (sizeof(types) / sizeof(types[0]))
#define NAMES (sizeof(names) / sizeof(names[0]))

/* Where a wrong value stands, and the sink for what is said of it. */
struct place {
	const struct config *config;
	struct problem *problem;
	unsigned int index; /* of the tunnel */
};

static int wrong(const struct place *place, const config_setting_t *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong(const struct place *place, const config_setting_t *at, const char *format, ...)
{
	const char *file = config_setting_source_file(at);
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return problem_set(place->problem, -EINVAL, "%s:%u: entry %u of tunnels: %s", file ? file : place->config->path,
			   config_setting_source_line(at), place->index + 1, text);
}

static bool is_udp(enum tunnel_type type)
{
	return type == TUNNEL_GUE || type == TUNNEL_FOU || type == TUNNEL_VXLAN;
}

static int check_names(const struct place *place, const config_setting_t *group)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *at = config_setting_get_elem(group, (unsigned int)i);
		const char *name = config_setting_name(at), *nearest = text_nearest(name, names, NAMES);
		bool known = false;

		for (size_t j = 0; j < NAMES; j++)
			known = known || strcmp(names[j], name) == 0;
		if (!known)
			return wrong(place, at, "no such setting; %s%s",
				     nearest ? "did you mean " : "write type, local, from, port, decapsulate",
				     nearest ? nearest : "");
	}
	return 0;
}

static int read_type(const struct place *place, const config_setting_t *group, enum tunnel_type *ret_type)
{
	const config_setting_t *at = config_setting_get_member(group, "type");
	const char *text = at ? config_setting_get_string(at) : NULL;

	for (size_t i = 0; text && i < TYPES; i++) {
		if (strcmp(text, types[i]) == 0) {
			*ret_type = (enum tunnel_type)i;
			return 0;
		}
	}
	return wrong(place, at ? at : group, "type: must be one of \"ipip\", \"gre\", \"gue\", \"fou\", \"vxlan\"");
}

static int read_local(const struct place *place, const config_setting_t *group, struct address *ret_local)
{
	const config_setting_t *at = config_setting_get_member(group, "local");
	const char *text = at ? config_setting_get_string(at) : NULL;

	if (!text || !text_to_address(text, ret_local) || address_is_zero(ret_local))
		return wrong(place, at ? at : group,
			     "local: must be the address the tunnel ends at, like \"192.0.2.1\"");
	return 0;
}

static int read_source(const struct place *place, const config_setting_t *entry, const struct address *local,
		       struct table_source *ret_source)
{
	const char *text = config_setting_get_string(entry), *why = "";
	struct prefix prefix;
	char escaped[80];

	if (!text)
		return wrong(place, entry, "from: must be a list of prefixes: [\"198.51.100.0/24\"]");
	text_escape(text, escaped, sizeof(escaped));
	if (text_to_prefix(text, &prefix, &why))
		return wrong(place, entry, "from: \"%s\": %s", escaped, why);
	if (address_is_ipv4(&prefix.address) != address_is_ipv4(local))
		return wrong(place, entry, "from: \"%s\" is of another family than local; nothing can come from there",
			     escaped);
	*ret_source = (struct table_source){ .address = prefix.address, .bits = prefix.bits };
	return 0;
}

static int read_from(const struct place *place, const config_setting_t *group, struct table_tunnel *tunnel)
{
	const config_setting_t *at = config_setting_get_member(group, "from");
	int count = at && (config_setting_is_array(at) || config_setting_is_list(at)) ? config_setting_length(at) : 0;

	if (count == 0)
		return wrong(place, at ? at : group,
			     "from: must be a list of the prefixes the tunnel is accepted from: [\"198.51.100.0/24\"]");
	if (count > TUNNEL_SOURCES_MAX)
		return wrong(place, at, "from: has %d entries; at most %d are possible", count, TUNNEL_SOURCES_MAX);
	for (int i = 0; i < count; i++) {
		int err = read_source(place, config_setting_get_elem(at, (unsigned int)i), &tunnel->local,
				      &tunnel->sources[i]);

		if (err)
			return err;
	}
	tunnel->source_count = (uint32_t)count;
	return 0;
}

static int read_port(const struct place *place, const config_setting_t *group, struct table_tunnel *tunnel)
{
	const config_setting_t *at = config_setting_get_member(group, "port");
	int64_t port = tunnel->type == TUNNEL_VXLAN ? 4789 : tunnel->type == TUNNEL_GUE ? 6080 : 0;

	if (at && !is_udp(tunnel->type))
		return wrong(place, at, "port: %s has none; remove it", types[tunnel->type]);
	if (at && !numbers_read(at, &port))
		port = 0;
	if (is_udp(tunnel->type) && (port < 1 || port > 65535))
		return wrong(place, at ? at : group, "port: must be the UDP port of the tunnel, 1 to 65535");
	tunnel->port = (uint16_t)port;
	return 0;
}

static int read_decapsulate(const struct place *place, const config_setting_t *group, bool *ret_decapsulate)
{
	const config_setting_t *at = config_setting_get_member(group, "decapsulate");

	if (at && config_setting_type(at) != CONFIG_TYPE_BOOL)
		return wrong(place, at, "decapsulate: must be true or false, without quotes");
	*ret_decapsulate = at && config_setting_get_bool(at);
	return 0;
}

static int read_tunnel(const struct place *place, const config_setting_t *group, struct table_tunnel *ret_tunnel)
{
	struct table_tunnel tunnel = { .source_count = 0 };
	int err;

	if (!config_setting_is_group(group))
		return wrong(place, group, "must be a group: { type = \"gre\"; local = \"...\"; from = [\"...\"]; }");
	err = check_names(place, group);
	if (!err)
		err = read_type(place, group, &tunnel.type);
	if (!err)
		err = read_local(place, group, &tunnel.local);
	if (!err)
		err = read_from(place, group, &tunnel);
	if (!err)
		err = read_port(place, group, &tunnel);
	if (!err)
		err = read_decapsulate(place, group, &tunnel.decapsulate);
	if (!err)
		*ret_tunnel = tunnel;
	return err;
}

/* Packets of both would look alike. */
static bool is_same_end(const struct table_tunnel *a, const struct table_tunnel *b)
{
	return address_equal(&a->local, &b->local) &&
	       (is_udp(a->type) ? is_udp(b->type) && a->port == b->port : a->type == b->type);
}

int config_read_tunnels(const config_setting_t *at, struct config *config, struct problem *problem)
{
	struct place place = { config, problem, 0 };

	if (!config_setting_is_list(at))
		return wrong(&place, at, "tunnels must be a list of groups: ( { type = \"gre\"; ... }, { ... } )");
	if (config_setting_length(at) > TUNNELS_MAX)
		return wrong(&place, at, "there are %d tunnels; at most %d are possible", config_setting_length(at),
			     TUNNELS_MAX);
	for (; place.index < (unsigned int)config_setting_length(at); place.index++) {
		const config_setting_t *group = config_setting_get_elem(at, place.index);
		int err = read_tunnel(&place, group, &config->tunnels[place.index]);

		for (unsigned int i = 0; !err && i < place.index; i++)
			if (is_same_end(&config->tunnels[i], &config->tunnels[place.index]))
				err = wrong(&place, group,
					    "ends where entry %u does; join them, or use another port or address",
					    i + 1);
		if (err)
			return err;
	}
	config->tunnel_count = place.index;
	return 0;
}
