/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one value says about another: defaults that depend on the name, peers against listeners, and the config
 * beside the certificate.
 */
#include "config_internal.h"

#include <errno.h>
#include <grp.h>

static int wrong(const struct config *config, unsigned int line, struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int wrong(const struct config *config, unsigned int line, struct problem *problem, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return problem_set(problem, -EINVAL, "%s:%u: %s", config->path, line ? line : 1, text);
}

static int check_name(const struct config *config, struct problem *problem)
{
	if (config->name[strspn(config->name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return wrong(config, config->line[CONFIG_NAME], problem, "name: only a-z, 0-9 and - may be used");
	return 0;
}

static int check_group(const struct config *config, enum config_key key, const char *setting, const char *group,
		       struct problem *problem)
{
	if (group[0] && !getgrnam(group))
		return wrong(config, config->line[key], problem,
			     "%s: there is no group of this name; run: groupadd --system GROUP", setting);
	return 0;
}

static bool has_listener(const struct config *config, bool ipv4)
{
	for (uint32_t i = 0; i < config->listen_count; i++) {
		if (address_is_ipv4(&config->listen[i].endpoint.address) == ipv4)
			return true;
	}
	return false;
}

static bool is_one_host(const struct endpoint *peer)
{
	const bool ipv4 = address_is_ipv4(&peer->address);

	return !address_is_zero(&peer->address) && peer->address.bytes[0] != 0xff &&
	       !(ipv4 && (peer->address.bytes[12] >= 224 || peer->address.bytes[12] == 0));
}

bool config_peer_is_host(const struct config *config, const struct endpoint *peer)
{
	return is_one_host(peer) && has_listener(config, address_is_ipv4(&peer->address));
}

static int check_peers(const struct config *config, struct problem *problem)
{
	char text[TEXT_ENDPOINT_BYTES];

	for (uint32_t i = 0; config->gossip && i < config->peer_count; i++) {
		const struct endpoint *peer = &config->peers[i].endpoint;
		bool ipv4 = address_is_ipv4(&peer->address);

		text_of_endpoint(peer, text);
		if (!is_one_host(peer))
			return wrong(config, config->peers[i].line, problem,
				     "peers: %s names no single host; write the peer's own address", text);
		if (!has_listener(config, ipv4))
			return wrong(config, config->peers[i].line, problem,
				     "peers: %s cannot be reached: listen has no %s address; add \"%s\"", text,
				     ipv4 ? "IPv4" : "IPv6", ipv4 ? "0.0.0.0:7946" : "[::]:7946");
	}
	return 0;
}

static unsigned int line_of_widths(const struct config *config)
{
	return config->line[CONFIG_CLIENT_HOSTS]  ? config->line[CONFIG_CLIENT_HOSTS]
	       : config->line[CONFIG_CLIENT_BITS] ? config->line[CONFIG_CLIENT_BITS]
						  : config->line[CONFIG_MESH];
}

static int check_widths(struct config *config, struct problem *problem)
{
	const char *why = "";

	config->widths.client_bits = (uint8_t)config->client_bits;
	return widths_check(&config->widths, &why) ? wrong(config, line_of_widths(config), problem, "%s", why) : 0;
}

int config_finish(struct config *config, struct problem *problem)
{
	int err;

	err = check_name(config, problem);
	if (!err)
		err = check_widths(config, problem);
	if (err)
		return err;
	if (!config->line[CONFIG_STATE_DIRECTORY])
		snprintf(config->state_directory, sizeof(config->state_directory), "/var/lib/xpro/%s", config->name);
	if (!config->line[CONFIG_PIN_PATH])
		snprintf(config->pin_path, sizeof(config->pin_path), "/sys/fs/bpf/xpro/%s", config->name);
	if (config->gossip && !config->line[CONFIG_LISTEN]) {
		config->listen[0] = (struct config_endpoint){
			.endpoint = { .address = address_of_ipv4((const uint8_t[4]){ 0 }), .port = 7946 }
		};
		config->listen[1] = (struct config_endpoint){ .endpoint = { .port = 7946 } };
		config->listen_count = 2;
	}
	if (config->gossip && config->listen_count == 0)
		return wrong(config, config->line[CONFIG_LISTEN], problem,
			     "listen: is empty; name an address, or set gossip = false");
	if (config->cells < config->keys)
		return wrong(config,
			     config->line[CONFIG_CELLS] ? config->line[CONFIG_CELLS] : config->line[CONFIG_KEYS],
			     problem, "limits: cells (%u) must be at least keys (%u): every key holds a cell",
			     config->cells, config->keys);
	if (config->frames < 4 * config->frames_per_tick)
		return wrong(config,
			     config->line[CONFIG_FRAMES] ? config->line[CONFIG_FRAMES]
							 : config->line[CONFIG_FRAMES_PER_TICK],
			     problem,
			     "limits: frames (%u) must be at least four times frames_per_tick (%u): some ticks are "
			     "kept to repair what was lost",
			     config->frames, config->frames_per_tick);
	err = config_check_sides(config, problem);
	if (err)
		return err;
	err = check_group(config, CONFIG_CONTROL_GROUP, "control_group", config->control_group, problem);
	if (!err)
		err = check_group(config, CONFIG_CONTROL_ADMIN_GROUP, "control_admin_group",
				  config->control_admin_group, problem);
	return err ? err : check_peers(config, problem);
}

/* ---- beside the certificate ---- */

int config_other_widths(const struct config *config, struct problem *ret_problem)
{
	return wrong(config, line_of_widths(config), ret_problem,
		     "mesh: client_bits and client_hosts are not those of the certificate: copy them from the "
		     "configuration that mesh issue wrote, or issue this node anew");
}

static int check_windows(const struct config *config, const struct mesh *mesh, struct problem *problem)
{
	uint32_t most = mesh->window_max_ms / (mesh->decay * mesh->decay);
	uint32_t slot = (uint32_t)(mesh_slot_length(mesh).ns / NS_PER_MS);

	if (config->pair_min_window_ms > most)
		return wrong(config, config->line[CONFIG_PAIR_MIN_WINDOW], problem,
			     "pair_min_window_ms: %u is above %u, the mesh's window_max / decay^2; a window that long "
			     "would be aged away",
			     config->pair_min_window_ms, most);
	if (config->destination_min_window_ms > most)
		return wrong(config, config->line[CONFIG_DESTINATION_MIN_WINDOW], problem,
			     "destination_min_window_ms: %u is above %u, the mesh's window_max / decay^2; a window "
			     "that long would be aged away",
			     config->destination_min_window_ms, most);
	if (config->idle_reset_ms < slot)
		return wrong(config, config->line[CONFIG_IDLE_RESET], problem,
			     "idle_reset_ms: %u is below the mesh's slot of %u ms; silence shorter than a slot cannot "
			     "be seen",
			     config->idle_reset_ms, slot);
	return 0;
}

bool config_peer_is_own(const struct config *config, const struct certificate *certificate, const struct endpoint *peer)
{
	for (uint32_t i = 0; i < certificate->endpoints && i < ENDPOINTS_MAX; i++) {
		if (certificate->endpoint[i].port == peer->port &&
		    address_equal(&certificate->endpoint[i].address, &peer->address))
			return true;
	}
	for (uint32_t i = 0; i < config->listen_count; i++) {
		if (config->listen[i].endpoint.port == peer->port &&
		    address_equal(&config->listen[i].endpoint.address, &peer->address))
			return true;
	}
	return false;
}

int config_check(const struct config *config, const struct mesh *mesh, const struct certificate *certificate,
		 struct problem *ret_problem)
{
	char text[TEXT_ENDPOINT_BYTES];
	int err;

	if (strcmp(config->name, certificate->name) != 0)
		return wrong(config, config->line[CONFIG_NAME], ret_problem,
			     "name: is %s, but the certificate was issued to %s", config->name, certificate->name);
	for (uint32_t i = 0; i < config->peer_count; i++) {
		text_of_endpoint(&config->peers[i].endpoint, text);
		if (config_peer_is_own(config, certificate, &config->peers[i].endpoint))
			return wrong(config, config->peers[i].line, ret_problem,
				     "peers: %s is this node itself; remove it", text);
	}
	err = check_windows(config, mesh, ret_problem);
	if (!err)
		err = policy_file_check(&config->policy, mesh, ret_problem);
	return err || !config->shadow_path[0] ? err : policy_file_check(&config->shadow, mesh, ret_problem);
}
