/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The text of an issued config. One setting per line: people edit it with sed as well. */
#include "example.h"

#include <stdarg.h>

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->at, text->left, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= text->left) {
		text->left = 0; /* sticky */
		return;
	}
	text->at += length;
	text->left -= (size_t)length;
}

static void add_endpoints(struct text *text, const char *name, const struct config_endpoint *endpoints, uint32_t count)
{
	char endpoint[TEXT_ENDPOINT_BYTES];

	add(text, "%s = [", name);
	for (uint32_t i = 0; i < count; i++) {
		text_of_endpoint(&endpoints[i].endpoint, endpoint);
		add(text, "%s\"%s\"", i ? ", " : "", endpoint);
	}
	add(text, "];\n");
}

static void add_node(struct text *text, const struct config *config)
{
	add(text,
	    "# Configuration of gossipd on %s. Paths are relative to this file. Lines that start with # are "
	    "comments.\n"
	    "# gossipd --config FILE --check-config tells whether it is right; gossipd reads it at start (systemctl "
	    "reload gossipd@%s: policy, mode and log_level again).\n"
	    "\n"
	    "# Who this node is, as the certificate says. The key and the mesh secret belong to root alone (chmod "
	    "600).\n"
	    "name = \"%s\";\n"
	    "key_file = \"%s\";\n"
	    "certificate_file = \"%s\";\n"
	    "mesh_secret_file = \"%s\";\n"
	    "\n"
	    "# Where the numbers are kept that must never go back. Must survive a reboot.\n"
	    "state_directory = \"%s\";\n"
	    "\n",
	    config->name, config->name, config->name, config->key_file, config->certificate_file,
	    config->mesh_secret_file, config->state_directory);
}

static void add_sides(struct text *text, const struct config *config)
{
	char prefix[TEXT_PREFIX_BYTES];

	add(text,
	    "# Where the clients are, at most %d prefixes. What they send is judged; what others send to them is an "
	    "answer and passes,\n"
	    "# unless it enters from the clients' side: then its source is spoofed, and it drops. Read at start "
	    "alone.\n"
	    "%sclients = [",
	    CLIENTS_MAX, config->client_count ? "" : "# ");
	for (uint32_t i = 0; i < config->client_count; i++) {
		text_of_prefix(&config->clients[i], prefix);
		add(text, "%s\"%s\"", i ? ", " : "", prefix);
	}
	add(text,
	    "%s];\n"
	    "\n"
	    "# Those of interfaces that do not face clients. Not set: those with a default route.\n"
	    "# outer_interfaces = [\"eth1\"];\n"
	    "\n"
	    "# false: packets from the clients' side whose source is not in clients are judged like any other.\n"
	    "# drop_foreign_sources = true;\n"
	    "\n"
	    "# Without clients packets from an outer interface are counted and judged, and none drops, since replies "
	    "are among them.\n"
	    "# true: they drop like any other.\n"
	    "# judge_replies = false;\n"
	    "\n",
	    config->client_count ? "" : "\"10.0.0.0/8\", \"2001:db8:1::/48\"");
}

static void add_filter(struct text *text, const struct config *config)
{
	add(text, "# Interfaces whose incoming packets are counted and filtered: those that face the clients. [] = "
		  "none: only listens.\n"
		  "interfaces = [");
	for (uint32_t i = 0; i < config->interface_count; i++)
		add(text, "%s\"%s\"", i ? ", " : "", config->interfaces[i]);
	add(text, "];\n\n");
	add_sides(text, config);
	add(text,
	    "# How the XDP program is attached: \"native\" (in the driver) or \"generic\" (any driver, several times "
	    "slower).\n"
	    "mode = \"native\";\n"
	    "\n"
	    "# true: an XDP program of somebody else on an interface is replaced; false: gossipd does not start.\n"
	    "replace_program = false;\n"
	    "\n"
	    "# Directory in a bpffs where the table and the program are kept while gossipd does not run.\n"
	    "pin_path = \"%s\";\n"
	    "\n",
	    config->pin_path);
	add(text, "# Who sends on what passes: \"kernel\", or \"fast\": XDP itself where it can, past netfilter and "
		  "rp_filter; the kernel the rest.\n"
		  "# forward = \"kernel\";\n"
		  "\n"
		  "# Tunnels that end here: their packets are judged by the addresses inside. From elsewhere they are "
		  "packets like any other.\n"
		  "# type: ipip (IPv4 or IPv6 in either), gre, gue, fou, vxlan; port: of the last three. decapsulate: "
		  "XDP takes the outer headers\n"
		  "# off; false: the kernel's tunnel device does.\n"
		  "# tunnels = ( { type = \"gre\"; local = \"192.0.2.1\"; from = [\"198.51.100.0/24\"]; decapsulate = "
		  "true; } );\n"
		  "\n");
}

static void add_gossip(struct text *text, const struct config *config)
{
	add(text,
	    "# false: counts and filters alone, sends and hears nothing.\n"
	    "gossip = true;\n"
	    "\n"
	    "# \"need\": counts are told to the mesh when a key may come to its rate, at most 160 kB/s; \"all\": all "
	    "counts, as they change.\n"
	    "# A node that tells all makes the others tell more. Read at start alone.\n"
	    "# publish = \"need\";\n"
	    "\n"
	    "# Addresses to hear and send from (UDP), at most %d. The first of each family is sent from.\n",
	    CONFIG_LISTEN_MAX);
	add_endpoints(text, "listen", config->listen, config->listen_count);
	add(text, "\n"
		  "# Members to greet: \"192.0.2.1:7946\", \"[2001:db8::1]:7946\" or \"proxy1.example:7946\". One "
		  "that answers is enough to be found by: nodes issued later greet this one.\n");
	add_endpoints(text, "peers", config->peers, config->peer_count);
	add(text, "\n# false: XDP lets everything through to the gossip port; true: what members send, and little from "
		  "others.\n"
		  "# gossip_gate = true;\n"
		  "\n"
		  "# Packets per second this proxy can do, all interfaces together; 0 = the certificate's line rate, "
		  "if mesh issue was given one. Its load,\n"
		  "# as a share of this, is told to the mesh; from load_limit percent on, clients should go to another "
		  "proxy.\n"
		  "# capacity = 0;\n"
		  "# load_limit = 80;\n");
}

static void add_control(struct text *text, const struct config *config)
{
	add(text,
	    "\n"
	    "# Where gossipctl asks. Members of control_group may read. leave, push and capture act or show packets: "
	    "they are for root and\n"
	    "# members of control_admin_group, who may also read. Nobody else may write to the socket's directory.\n"
	    "control_socket = \"%s\";\n"
	    "# control_group = \"xpro\";\n"
	    "# control_admin_group = \"xpro-admin\";\n"
	    "\n"
	    "# \"error\", \"warning\", \"info\" or \"debug\".\n"
	    "log_level = \"info\";\n"
	    "\n"
	    "# A trace of everything the core is given, for xpro-sim replay: clients' addresses and counts, no keys. "
	    "Ends at trace_mib MiB.\n"
	    "# trace_file = \"%s.trace\";\n"
	    "# trace_mib = %u;\n"
	    "\n",
	    config->control_socket, config->name, config->trace_mib);
}

void example_hosts(const struct widths *widths, char ret_text[EXAMPLE_HOSTS_BYTES])
{
	struct text text = { ret_text, EXAMPLE_HOSTS_BYTES };
	char prefix[TEXT_PREFIX_BYTES];

	add(&text, "[");
	for (uint32_t i = 0; i < widths->hosts_count; i++) {
		text_of_prefix(&widths->hosts[i], prefix);
		add(&text, "%s\"%s\"", i ? ", " : "", prefix);
	}
	add(&text, "]");
}

static void add_mesh(struct text *text, const struct config *config)
{
	char hosts[EXAMPLE_HOSTS_BYTES];

	example_hosts(&config->widths, hosts);
	add(text,
	    "# What is too much. The same on every node, or they judge differently.\n"
	    "mesh = {\n"
	    "\t# Packets per second that one client may send to one destination, through all proxies together. 0 = no "
	    "limit.\n"
	    "\tpair_rate = %u;\n"
	    "\t# Packets per second that all clients together may send to one destination. 0 = no limit.\n"
	    "\tdestination_rate = %u;\n"
	    "\t# Packets per second that one client may send to all destinations together, and that one network of "
	    "destinations may get:\n"
	    "\t# a /24, in IPv6 a /48. 0 = no limit: then %d x pair_rate and "
	    "%d x destination_rate\n"
	    "\t# are judged and reported, and drop nothing.\n"
	    "\tclient_rate = %u;\n"
	    "\tnetwork_rate = %u;\n"
	    "\t# Contacts per second of one client at all proxies together: addresses that it begins to speak to, and "
	    "that do not answer.\n"
	    "\t# Above this it is named as one that scans; nothing drops for it. 0 = %d.\n"
	    "\tcontact_rate = %u;\n"
	    "\t# After this much silence counting starts anew; at least the mesh's slot.\n"
	    "\tidle_reset_ms = %u;\n"
	    "\t# Shortest time rates are taken over: short bursts are forgiven. At most window_max / decay^2 of the "
	    "mesh.\n"
	    "\tpair_min_window_ms = %u;\n"
	    "\tdestination_min_window_ms = %u;\n"
	    "\t# true: what exceeds a minimum window's worth of packets is judged at once; false: not before the "
	    "window is over.\n"
	    "\tearly = %s;\n"
	    "\t# A client over pair_rate: \"drop\" all it sends to that destination, or \"police\": let pair_rate "
	    "through.\n"
	    "\tpair_action = \"drop\";\n"
	    "\t# A destination over destination_rate: \"fair\" cuts its largest clients to one rate, \"strict\" drops "
	    "everything.\n"
	    "\taggregate = \"fair\";\n"
	    "\t# \"enforce\", or \"monitor\": count what would be dropped, drop nothing.\n"
	    "\tmode = \"enforce\";\n"
	    "\t# What an IPv6 client is: a prefix of so many bits, and in the prefixes listed every address. "
	    "Parameters of the mesh, as in\n"
	    "\t# the certificate: not to be changed here.\n"
	    "\tclient_bits = %u;\n"
	    "\tclient_hosts = %s;\n"
	    "};\n"
	    "\n",
	    config->pair_rate, config->destination_rate, SHADOW_CLIENT_RATES, SHADOW_NETWORK_RATES, config->client_rate,
	    config->network_rate, SCAN_CONTACTS_PER_S, config->contact_rate, config->idle_reset_ms,
	    config->pair_min_window_ms, config->destination_min_window_ms,
	    config->early ? "true" : "false", config->widths.client_bits, hosts);
}

static void add_policy(struct text *text)
{
	add(text, "%s",
	    "# Exceptions, by prefix; read again on SIGHUP. The longest prefix counts, and what a client's rule sets "
	    "comes before its\n"
	    "# destination's. never_drop comes before block, block before every rate. policy_file = \"...\"; names a "
	    "file with the same settings.\n"
	    "policy = {\n"
	    "\t# Other thresholds of mesh = { ... }: { client = \"10.1.0.0/16\"; pair_rate = 50; },\n"
	    "\t# { destination = \"192.0.2.0/24\"; destination_rate = 5000; destination_min_window_ms = 500; }\n"
	    "\t# client_rate is of each client in the prefix, network_rate of each network, not of their sum.\n"
	    "\t# A client and a destination: { client = \"10.1.0.0/16\"; destination = \"192.0.2.53\"; pair_rate = 5; "
	    "}, and what becomes\n"
	    "\t# of the rest: { client = \"10.1.0.0/16\"; outside = \"block\"; } or outside_rate = 1, of each pair.\n"
	    "\trules = ( );\n"
	    "\t# Passes whatever its rate, and is counted: \"10.1.2.3\" is a client, { destination = \"192.0.2.1\"; } "
	    "a destination.\n"
	    "\tnever_drop = ( );\n"
	    "\t# Drops whatever its rate, for good or until: { client = \"10.9.0.0/16\"; until = "
	    "\"2026-12-01T00:00:00Z\"; }\n"
	    "\tblock = ( );\n"
	    "\t# true: only these destinations are counted and judged, all else passes.\n"
	    "\tprotected_only = false;\n"
	    "\tprotected = ( );\n"
	    "};\n"
	    "# A policy that is tried: judged beside the one above, and only counted (status, metrics); read again on "
	    "SIGHUP.\n"
	    "# shadow_policy_file = \"/etc/xpro/tried.policy\";\n"
	    "\n");
}

static void add_limits(struct text *text, const struct config *config)
{
	add(text,
	    "# Sizes, fixed at start. pairs and destinations: records in the kernel (72 and 104 bytes a pair). keys "
	    "and cells: the ledger\n"
	    "# of the whole mesh; each key has a cell per proxy and slot in which it was seen, and room for seven at "
	    "least: 209 bytes\n"
	    "# a key and 9 for each cell beyond. frames: kept to repair what was lost.\n"
	    "limits = {\n"
	    "\tpairs4 = %u;\n"
	    "\tpairs6 = %u;\n"
	    "\tdestinations = %u;\n"
	    "\t# Pairs that one client may have records of; what it sends beyond counts in its destinations alone. 0 "
	    "= any number.\n"
	    "\tclient_pairs = %u;\n"
	    "\tkeys = %u;\n"
	    "\tcells = %u;\n"
	    "\tframes = %u;\n"
	    "\tmembers = %u;\n"
	    "\t# Largest UDP payload, %d to %d; the path's MTU less 48.\n"
	    "\tdatagram_bytes = %u;\n"
	    "\t# Largest number of frames published per tick, up to %d: what does not fit waits for the next.\n"
	    "\tframes_per_tick = %u;\n"
	    "};\n",
	    config->pairs4, config->pairs6, config->destinations, config->client_pairs, config->keys, config->cells,
	    config->frames, config->members, DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_MAX, config->datagram_bytes,
	    FRAMES_PER_TICK_MAX, config->frames_per_tick);
}

size_t example_write(const struct config *config, char *ret_text, size_t bytes)
{
	struct text text = { ret_text, bytes };

	add_node(&text, config);
	add_filter(&text, config);
	add_gossip(&text, config);
	add_control(&text, config);
	add_mesh(&text, config);
	add_policy(&text);
	add_limits(&text, config);
	return text.left ? (size_t)(text.at - ret_text) : 0;
}
