/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * gossipctl: what every command is given, and what it may end with. The commands themselves stand in one table in
 * main.c.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/plane.h>

#include "output.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_DEGRADED = 4 };

#define INTERFACES_GIVEN_MAX 16
#define IN_S_DEFAULT 10 /* a document reaches every member that is up well within it */

/* Every option there is; a command says which ones it takes. */
enum option_name {
	OPTION_SOCKET,
	OPTION_CONFIG,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_DIRECTORY,
	OPTION_TICK_MS,
	OPTION_WINDOW_MAX_MS,
	OPTION_DECAY,
	OPTION_CLIENT_BITS,
	OPTION_CLIENT_HOSTS,
	OPTION_ADDRESS,
	OPTION_REGION,
	OPTION_LINE_RATE,
	OPTION_INTERFACE,
	OPTION_CLIENTS,
	OPTION_PAIR_RATE,
	OPTION_DESTINATION_RATE,
	OPTION_CLIENT_RATE,
	OPTION_NETWORK_RATE,
	OPTION_STATE_DIRECTORY,
	OPTION_PIN_PATH,
	OPTION_CONTROL_SOCKET,
	OPTION_AGAIN,
	OPTION_CLIENT,
	OPTION_DESTINATION,
	OPTION_OVER,
	OPTION_DIGEST,
	OPTION_FOLLOW,
	OPTION_PACKETS,
	OPTION_SECONDS,
	OPTION_OUTPUT,
	OPTION_IN,
	OPTION_PREVIOUS,
	OPTION_IN_GIT_CHECKOUT,
	OPTION_BUNDLE,
	OPTION_TO,
	OPTION_MARGIN,
	OPTION_OUTSIDE_RATE,
	OPTION_COUNT
};

/* An option's name, what follows it (NULL: it is a switch), and a line of help. */
struct option_text {
	const char *name, *value, *help;
};
extern const struct option_text options[OPTION_COUNT];

struct arguments {
	const char *value[OPTION_COUNT]; /* NULL = not given; "" for switches */
	const char *addresses[ENDPOINTS_MAX];
	unsigned int address_count;
	const char *interfaces[INTERFACES_GIVEN_MAX];
	unsigned int interface_count;
	const char *clients[CLIENTS_MAX];
	unsigned int client_count;
	const char *hosts[CLIENT_HOSTS_MAX];
	unsigned int host_count;
	char *const *words; /* after the command's own name */
	unsigned int word_count;
};

/* A number given to an option, or `otherwise`. False, with the error told, when it is none or out of bounds. */
bool arguments_number(const struct arguments *arguments, enum option_name option, uint64_t min, uint64_t max,
		      uint64_t otherwise, uint64_t *ret_number);

/* One line on standard error: "gossipctl: ..." */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last line that complain wrote, for JSON. */
const char *complaint_last(void);

/* The commands. Each returns an exit code and has told its own errors. */
int run_mesh_init(const struct arguments *arguments, struct output *output);
int run_mesh_issue(const struct arguments *arguments, struct output *output);
int run_join(const struct arguments *arguments, struct output *output);
int run_enforce(const struct arguments *arguments, struct output *output);
int run_monitor(const struct arguments *arguments, struct output *output);
int run_mesh_revoke(const struct arguments *arguments, struct output *output);
int run_mesh_rotate(const struct arguments *arguments, struct output *output);
int run_mesh_push(const struct arguments *arguments, struct output *output);
int run_mesh_show(const struct arguments *arguments, struct output *output);
int run_policy_push(const struct arguments *arguments, struct output *output);
int run_status(const struct arguments *arguments, struct output *output);
int run_members(const struct arguments *arguments, struct output *output);
int run_pairs(const struct arguments *arguments, struct output *output);
int run_destinations(const struct arguments *arguments, struct output *output);
int run_clients(const struct arguments *arguments, struct output *output);
int run_networks(const struct arguments *arguments, struct output *output);
int run_explain(const struct arguments *arguments, struct output *output);
int run_policy_learn(const struct arguments *arguments, struct output *output);
int run_suggest(const struct arguments *arguments, struct output *output);
int run_policy_show(const struct arguments *arguments, struct output *output);
int run_metrics(const struct arguments *arguments, struct output *output);
int run_check(const struct arguments *arguments, struct output *output);
int run_support(const struct arguments *arguments, struct output *output);
int run_events(const struct arguments *arguments, struct output *output);
int run_capture(const struct arguments *arguments, struct output *output);
int run_leave(const struct arguments *arguments, struct output *output);
int run_detach(const struct arguments *arguments, struct output *output);

#endif
