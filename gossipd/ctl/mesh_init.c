/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gossipctl mesh init: a new mesh, offline. */
#include "authority.h"
#include "checkout.h"
#include "text.h"

static void show_initialised(struct output *output, const char *directory, const struct mesh *mesh)
{
	const struct field fields[] = {
		TEXT("directory", NULL, 0, directory),
		NUMBER("tick_ms", NULL, 0, mesh->tick_ms),
		NUMBER("window_max_ms", NULL, 0, mesh->window_max_ms),
		NUMBER("decay", NULL, 0, mesh->decay),
		NUMBER("slot_ms", NULL, 0, (uint64_t)(mesh_slot_length(mesh).ns / NS_PER_MS)),
		NUMBER("client_bits", NULL, 0, mesh->widths.client_bits),
		NUMBER("client_hosts", NULL, 0, mesh->widths.hosts_count),
	};

	output_facts(output, "mesh", FIELDS(fields));
	output_say(output, "%s: a mesh with a tick of %u ms and slots of %llu ms", directory, mesh->tick_ms,
		   (unsigned long long)(mesh_slot_length(mesh).ns / NS_PER_MS));
	output_say(output, "an IPv6 client is its /%u%s", mesh->widths.client_bits,
		   mesh->widths.hosts_count ? ", in the prefixes of --client-hosts its address" : "");
	output_say(output, "authority.key signs its nodes: keep this directory secret, and off the proxies");
	output_say(output, "next: gossipctl mesh issue NAME --directory %s --address IP:PORT --interface IF",
		   directory);
}

static bool read_hosts(const struct arguments *arguments, struct widths *widths)
{
	for (unsigned int i = 0; i < arguments->host_count; i++) {
		const char *why = "";
		struct prefix prefix;

		if (text_to_prefix(arguments->hosts[i], &prefix, &why)) {
			complain("--client-hosts %s: %s", arguments->hosts[i], why);
			return false;
		}
		widths_add_hosts(widths, &prefix);
	}
	return true;
}

static bool read_mesh_options(const struct arguments *arguments, struct mesh *ret_mesh)
{
	uint64_t tick, window, decay, bits;
	const char *why = "";

	if (!arguments_number(arguments, OPTION_TICK_MS, 1, UINT32_MAX, TICK_MS_DEFAULT, &tick) ||
	    !arguments_number(arguments, OPTION_WINDOW_MAX_MS, 1, UINT32_MAX, WINDOW_MAX_MS_DEFAULT, &window) ||
	    !arguments_number(arguments, OPTION_DECAY, 1, UINT32_MAX, DECAY_DEFAULT, &decay) ||
	    !arguments_number(arguments, OPTION_CLIENT_BITS, CLIENT_BITS_MIN, CLIENT_BITS_MAX, CLIENT_BITS_DEFAULT,
			      &bits))
		return false;
	*ret_mesh = (struct mesh){ .tick_ms = (uint32_t)tick,
				   .window_max_ms = (uint32_t)window,
				   .decay = (uint32_t)decay,
				   .widths = { .client_bits = (uint8_t)bits } };
	if (!read_hosts(arguments, &ret_mesh->widths))
		return false;
	if (mesh_check(ret_mesh, &why)) {
		complain("%s", why);
		return false;
	}
	return true;
}

int run_mesh_init(const struct arguments *arguments, struct output *output)
{
	const char *directory = authority_directory(arguments);
	struct problem problem;
	struct mesh mesh;

	if (!directory || !read_mesh_options(arguments, &mesh))
		return EXIT_USAGE;
	if (checkout_guard(arguments, directory, &problem) || authority_make(directory, &mesh, &problem)) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	show_initialised(output, directory, &mesh);
	return EXIT_OK;
}
