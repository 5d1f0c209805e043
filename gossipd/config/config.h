/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The config file as gossipd understands it. Reading checks everything a file can get wrong by itself; config_check
 * what it can get wrong beside the certificate. Every problem reads "file:line: setting: what is wrong; what to
 * write".
 */
#ifndef GOSSIPD_CONFIG_H
#define GOSSIPD_CONFIG_H

#include <net/if.h>
#include <xpro/plane.h>

#include "certificate.h"
#include "files.h"
#include "log.h"
#include "node.h"
#include "policy_file.h"
#include "text.h"
#include "tunnel.h"

#define CONFIG_INTERFACES_MAX SIDES_MAX
#define CONFIG_LISTEN_MAX 4
#define CONFIG_SOCKET_BYTES 108 /* sun_path */
#define CONFIG_GROUP_BYTES 33
#define CONTROL_SOCKET_DEFAULT "/run/xpro/gossipd.sock"

/* Every setting, in the order the example shows them. */
enum config_key {
	CONFIG_NAME,
	CONFIG_STATE_DIRECTORY,
	CONFIG_KEY_FILE,
	CONFIG_CERTIFICATE_FILE,
	CONFIG_MESH_SECRET_FILE,
	CONFIG_INTERFACES,
	CONFIG_CLIENTS,
	CONFIG_OUTER_INTERFACES,
	CONFIG_DROP_FOREIGN_SOURCES,
	CONFIG_JUDGE_REPLIES,
	CONFIG_MODE,
	CONFIG_REPLACE_PROGRAM,
	CONFIG_PIN_PATH,
	CONFIG_FORWARD,
	CONFIG_TUNNELS,
	CONFIG_GOSSIP,
	CONFIG_PUBLISH,
	CONFIG_LISTEN,
	CONFIG_PEERS,
	CONFIG_GOSSIP_GATE,
	CONFIG_CAPACITY,
	CONFIG_LOAD_LIMIT,
	CONFIG_CONTROL_SOCKET,
	CONFIG_CONTROL_GROUP,
	CONFIG_CONTROL_ADMIN_GROUP,
	CONFIG_LOG_LEVEL,
	CONFIG_TRACE_FILE,
	CONFIG_TRACE_MIB,
	CONFIG_MESH,
	CONFIG_LIMITS,
	CONFIG_POLICY,
	CONFIG_POLICY_FILE,
	CONFIG_SHADOW_POLICY_FILE,
	CONFIG_ROOT_KEYS,
	CONFIG_PAIR_RATE = CONFIG_ROOT_KEYS,
	CONFIG_DESTINATION_RATE,
	CONFIG_CLIENT_RATE,
	CONFIG_CONTACT_RATE,
	CONFIG_NETWORK_RATE,
	CONFIG_IDLE_RESET,
	CONFIG_PAIR_MIN_WINDOW,
	CONFIG_DESTINATION_MIN_WINDOW,
	CONFIG_EARLY,
	CONFIG_PAIR_ACTION,
	CONFIG_AGGREGATE,
	CONFIG_ENFORCEMENT,
	CONFIG_CLIENT_BITS,
	CONFIG_CLIENT_HOSTS,
	CONFIG_MESH_KEYS,
	CONFIG_PAIRS4 = CONFIG_MESH_KEYS,
	CONFIG_PAIRS6,
	CONFIG_DESTINATIONS,
	CONFIG_KEYS,
	CONFIG_CELLS,
	CONFIG_FRAMES,
	CONFIG_MEMBERS,
	CONFIG_DATAGRAM_BYTES,
	CONFIG_FRAMES_PER_TICK,
	CONFIG_CLIENT_PAIRS,
	CONFIG_KEY_COUNT
};

struct config_endpoint {
	struct endpoint endpoint;
	unsigned int line;
};

#define CONFIG_NAMES_MAX 64 /* peers by name: a few are enough to be found by */
#define CONFIG_HOST_BYTES 254 /* of DNS, with its end */

struct config_name {
	char host[CONFIG_HOST_BYTES];
	uint16_t port;
	unsigned int line;
};

struct config {
	char path[FILES_PATH_BYTES];	     /* of the file, for messages */
	unsigned int line[CONFIG_KEY_COUNT]; /* where a setting stands; 0 = not in the file */
	char name[NAME_BYTES_MAX + 1];
	char state_directory[FILES_PATH_BYTES], key_file[FILES_PATH_BYTES], certificate_file[FILES_PATH_BYTES];
	char mesh_secret_file[FILES_PATH_BYTES], pin_path[FILES_PATH_BYTES];
	char interfaces[CONFIG_INTERFACES_MAX][IFNAMSIZ];
	uint32_t interface_count;
	struct prefix clients[CLIENTS_MAX]; /* where the clients are; none: nobody says */
	uint32_t client_count;
	bool outer[CONFIG_INTERFACES_MAX]; /* outer_interfaces: of each interface, while line[] says that it is set */
	bool drop_foreign_sources, judge_replies;
	char outer_names[CONFIG_INTERFACES_MAX][IFNAMSIZ]; /* as read, before they are compared with `interfaces` */
	uint32_t outer_count;
	uint32_t generic; /* mode: 0 native, 1 generic */
	bool replace_program;
	uint32_t forward_fast; /* forward: 0 kernel, 1 fast */
	struct table_tunnel tunnels[TUNNELS_MAX];
	uint32_t tunnel_count;
	bool gossip;
	uint32_t publish_all; /* publish: 0 need, 1 all */
	struct config_endpoint listen[CONFIG_LISTEN_MAX];
	uint32_t listen_count;
	struct config_endpoint peers[MEMBERS_MAX];
	uint32_t peer_count;
	struct config_name names[CONFIG_NAMES_MAX]; /* peers that are to be resolved */
	uint32_t name_count;
	bool gossip_gate;
	uint32_t capacity; /* packets per second; 0: the certificate's line rate */
	uint32_t load_limit_percent; /* T_W */
	char control_socket[CONFIG_SOCKET_BYTES];
	char control_group[CONFIG_GROUP_BYTES]; /* may read; empty: root alone */
	char control_admin_group[CONFIG_GROUP_BYTES]; /* may have the daemon act, too; empty: root alone */
	uint32_t log_level;			/* enum log_level */
	char trace_file[FILES_PATH_BYTES]; /* empty: none */
	uint32_t trace_mib;
	/* mesh */
	uint32_t pair_rate, destination_rate, client_rate, network_rate, contact_rate;
	uint32_t idle_reset_ms, pair_min_window_ms, destination_min_window_ms;
	bool early;
	uint32_t police, strict, monitor; /* pair_action, aggregate, mode: 0 is the first choice */
	uint32_t client_bits; /* as read; the widths have it too */
	struct widths widths; /* of the mesh: the certificate has their digest */
	/* limits */
	uint32_t pairs4, pairs6, destinations, keys, cells, frames, members, datagram_bytes, frames_per_tick,
		client_pairs;
	/* policy */
	/* policy_file; empty: the rules stand in the config itself, or there are none */
	char policy_path[FILES_PATH_BYTES];
	struct policy_file policy; /* with the thresholds of mesh as defaults */
	char shadow_path[FILES_PATH_BYTES]; /* shadow_policy_file; empty: none */
	struct policy_file shadow; /* the same: judged beside the policy, and only counted */
};

/*
 * Reads and checks a file. -errno with the problem told; *ret_config is written only on success. Paths come out
 * absolute or relative to the config file's directory.
 */
int config_load(const char *path, struct config *ret_config, struct problem *ret_problem);

/* The same of a text that would stand in the file `path`. config_check_text (config_internal.h) is for the caller. */
int config_load_text(const char *path, const char *text, struct config *ret_config, struct problem *ret_problem);

/* -EINVAL: the widths are not those that the certificate states. */
int config_other_widths(const struct config *config, struct problem *ret_problem);

/* Checks what needs the certificate: the name, windows against the mesh's, a peer that is ourselves. */
int config_check(const struct config *config, const struct mesh *mesh, const struct certificate *certificate,
		 struct problem *ret_problem);

/* One more prefix of clients. -EINVAL with what is wrong with it. */
int config_add_client(struct config *config, const char *text, const char **ret_problem);

/* Tells of what is allowed and may be a mistake, each with its line. */
void config_warn(const struct config *config, void (*warn)(const char *text));

/* Is this address our own; does it name one host that a listener's family can reach? */
bool config_peer_is_own(const struct config *config, const struct certificate *certificate,
			const struct endpoint *peer);
bool config_peer_is_host(const struct config *config, const struct endpoint *peer);

/* What a setting is when the file does not name it; paths with a default are made from the name. */
const struct config *config_defaults(void);

/* The thresholds of mesh = { ... }. What the core judges by stands in config->policy. */
struct thresholds config_thresholds(const struct config *config);

#endif
