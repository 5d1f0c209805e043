/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The settings of a config file: what each is called, where it goes, its bounds, and what holds without it. */
#include "config_internal.h"

#include <xpro/record.h>

#define MIN_WINDOW_MS_MIN THRESHOLD_MIN_WINDOW_MS_MIN

_Static_assert(RATE_MAX <= UINT32_MAX / RHO_SCALE, "a rate fits the record's carry word");

static const char *const modes[] = { "native", "generic", NULL };
static const char *const forwards[] = { "kernel", "fast", NULL };
static const char *const actions[] = { "drop", "police", NULL };
static const char *const aggregates[] = { "fair", "strict", NULL };
static const char *const enforcements[] = { "enforce", "monitor", NULL };
static const char *const published[] = { "need", "all", NULL };
static const char *const levels[] = { "error", "warning", "info", "debug", NULL };

#define AT(kind_of, field) .kind = (kind_of), .offset = offsetof(struct config, field)
#define SIZE_OF(field) .max = sizeof(((struct config *)0)->field)
#define PATH_OF(field) AT(KIND_PATH, field), SIZE_OF(field)
#define TEXT_OF(field) AT(KIND_TEXT, field), SIZE_OF(field)
#define FLAG_OF(field) AT(KIND_FLAG, field)
#define CHOICE_OF(field, list) AT(KIND_CHOICE, field), .choices = (list)
#define NUMBER_OF(field, least, most) AT(KIND_NUMBER, field), .min = (least), .max = (most)

const struct setting config_settings[CONFIG_KEY_COUNT] = {
	[CONFIG_NAME] = { "name", TEXT_OF(name), .required = true },
	[CONFIG_STATE_DIRECTORY] = { "state_directory", PATH_OF(state_directory) },
	[CONFIG_KEY_FILE] = { "key_file", PATH_OF(key_file), .required = true },
	[CONFIG_CERTIFICATE_FILE] = { "certificate_file", PATH_OF(certificate_file), .required = true },
	[CONFIG_MESH_SECRET_FILE] = { "mesh_secret_file", PATH_OF(mesh_secret_file), .required = true },
	[CONFIG_INTERFACES] = { "interfaces", .kind = KIND_LIST, .required = true },
	[CONFIG_CLIENTS] = { "clients", .kind = KIND_LIST },
	[CONFIG_OUTER_INTERFACES] = { "outer_interfaces", .kind = KIND_LIST },
	[CONFIG_DROP_FOREIGN_SOURCES] = { "drop_foreign_sources", FLAG_OF(drop_foreign_sources) },
	[CONFIG_JUDGE_REPLIES] = { "judge_replies", FLAG_OF(judge_replies) },
	[CONFIG_MODE] = { "mode", CHOICE_OF(generic, modes) },
	[CONFIG_REPLACE_PROGRAM] = { "replace_program", FLAG_OF(replace_program) },
	[CONFIG_PIN_PATH] = { "pin_path", PATH_OF(pin_path) },
	[CONFIG_FORWARD] = { "forward", CHOICE_OF(forward_fast, forwards) },
	[CONFIG_TUNNELS] = { "tunnels", .kind = KIND_LIST },
	[CONFIG_GOSSIP] = { "gossip", FLAG_OF(gossip) },
	[CONFIG_PUBLISH] = { "publish", CHOICE_OF(publish_all, published) },
	[CONFIG_LISTEN] = { "listen", .kind = KIND_LIST },
	[CONFIG_PEERS] = { "peers", .kind = KIND_LIST },
	[CONFIG_GOSSIP_GATE] = { "gossip_gate", FLAG_OF(gossip_gate) },
	[CONFIG_CAPACITY] = { "capacity", NUMBER_OF(capacity, 0, RATE_MAX) },
	[CONFIG_LOAD_LIMIT] = { "load_limit", NUMBER_OF(load_limit_percent, 1, 100) },
	[CONFIG_CONTROL_SOCKET] = { "control_socket", PATH_OF(control_socket) },
	[CONFIG_CONTROL_GROUP] = { "control_group", TEXT_OF(control_group) },
	[CONFIG_CONTROL_ADMIN_GROUP] = { "control_admin_group", TEXT_OF(control_admin_group) },
	[CONFIG_LOG_LEVEL] = { "log_level", CHOICE_OF(log_level, levels) },
	[CONFIG_TRACE_FILE] = { "trace_file", PATH_OF(trace_file) },
	[CONFIG_TRACE_MIB] = { "trace_mib", NUMBER_OF(trace_mib, 1, 65536) },
	[CONFIG_MESH] = { "mesh", .kind = KIND_GROUP, .required = true },
	[CONFIG_LIMITS] = { "limits", .kind = KIND_GROUP },
	[CONFIG_POLICY] = { "policy", .kind = KIND_GROUP },
	[CONFIG_POLICY_FILE] = { "policy_file", PATH_OF(policy_path) },
	[CONFIG_SHADOW_POLICY_FILE] = { "shadow_policy_file", PATH_OF(shadow_path) },
	[CONFIG_PAIR_RATE] = { "pair_rate", NUMBER_OF(pair_rate, 0, RATE_MAX), .required = true },
	[CONFIG_DESTINATION_RATE] = { "destination_rate", NUMBER_OF(destination_rate, 0, RATE_MAX), .required = true },
	[CONFIG_CLIENT_RATE] = { "client_rate", NUMBER_OF(client_rate, 0, RATE_MAX) },
	[CONFIG_CONTACT_RATE] = { "contact_rate", NUMBER_OF(contact_rate, 0, RATE_MAX) },
	[CONFIG_NETWORK_RATE] = { "network_rate", NUMBER_OF(network_rate, 0, RATE_MAX) },
	[CONFIG_IDLE_RESET] = { "idle_reset_ms", NUMBER_OF(idle_reset_ms, 100, IDLE_RESET_MS_MAX) },
	[CONFIG_PAIR_MIN_WINDOW] = { "pair_min_window_ms",
				     NUMBER_OF(pair_min_window_ms, MIN_WINDOW_MS_MIN, WINDOW_MAX_MS_MAX) },
	[CONFIG_DESTINATION_MIN_WINDOW] = { "destination_min_window_ms",
					    NUMBER_OF(destination_min_window_ms, MIN_WINDOW_MS_MIN,
						      WINDOW_MAX_MS_MAX) },
	[CONFIG_EARLY] = { "early", FLAG_OF(early) },
	[CONFIG_PAIR_ACTION] = { "pair_action", CHOICE_OF(police, actions) },
	[CONFIG_AGGREGATE] = { "aggregate", CHOICE_OF(strict, aggregates) },
	[CONFIG_ENFORCEMENT] = { "mode", CHOICE_OF(monitor, enforcements) },
	[CONFIG_CLIENT_BITS] = { "client_bits", NUMBER_OF(client_bits, CLIENT_BITS_MIN, CLIENT_BITS_MAX) },
	[CONFIG_CLIENT_HOSTS] = { "client_hosts", .kind = KIND_LIST },
	[CONFIG_PAIRS4] = { "pairs4", NUMBER_OF(pairs4, 64, 67108864) },
	[CONFIG_PAIRS6] = { "pairs6", NUMBER_OF(pairs6, 64, 67108864) },
	[CONFIG_DESTINATIONS] = { "destinations", NUMBER_OF(destinations, 16, DESTINATION_NONE - 1) },
	[CONFIG_KEYS] = { "keys", NUMBER_OF(keys, 64, 67108864) },
	[CONFIG_CELLS] = { "cells", NUMBER_OF(cells, 64, 268435456) },
	[CONFIG_FRAMES] = { "frames", NUMBER_OF(frames, 64, 1048576) },
	[CONFIG_MEMBERS] = { "members", NUMBER_OF(members, 1, MEMBERS_MAX) },
	[CONFIG_DATAGRAM_BYTES] = { "datagram_bytes",
				    NUMBER_OF(datagram_bytes, DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_MAX) },
	[CONFIG_CLIENT_PAIRS] = { "client_pairs", NUMBER_OF(client_pairs, 0, 67108864) },
	[CONFIG_FRAMES_PER_TICK] = { "frames_per_tick", NUMBER_OF(frames_per_tick, 1, FRAMES_PER_TICK_MAX) },
};

static const struct config defaults = {
	.drop_foreign_sources = true,
	.gossip = true,
	.gossip_gate = true,
	.load_limit_percent = 80,
	.control_socket = CONTROL_SOCKET_DEFAULT,
	.log_level = LOG_LEVEL_INFO,
	.trace_mib = 64,
	.idle_reset_ms = IDLE_RESET_MS_DEFAULT,
	.pair_min_window_ms = MIN_WINDOW_MS_DEFAULT,
	.destination_min_window_ms = MIN_WINDOW_MS_DEFAULT,
	.early = true,
	.client_bits = CLIENT_BITS_DEFAULT,
	.widths = WIDTHS_DEFAULT,
	.pairs4 = 262144,
	.pairs6 = 65536,
	.destinations = 16384,
	.keys = 262144,
	.cells = 1048576,
	.frames = 8192,
	.members = 64,
	.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
	.frames_per_tick = 256,
	.client_pairs = 1024,
};

const struct config *config_defaults(void)
{
	return &defaults;
}
