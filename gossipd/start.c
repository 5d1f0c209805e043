/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The order of starting. First what only reads, then what only this process sees (sockets), then what is durable
 * (the state), and the kernel's filter last; privileges end when the last thing that needs them is open.
 */
#include "start.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "trace.h"
#include "control.h"
#include "gate.h"
#include "documents.h"
#include "privileges.h"

#define BOOT_MAX ((1ULL << 24) - 1) /* node.h: the upper bits of a frame's sequence */

int start_check(const char *path, struct config *ret_config, struct identity *ret_identity, struct problem *ret_problem)
{
	int err;

	err = config_load(path, ret_config, ret_problem);
	return err ? err : identity_read(ret_config, ret_identity, ret_problem);
}

static struct node_limits limits_of(const struct config *config)
{
	return (struct node_limits){
		.keys_max = config->keys,
		.cells_max = config->cells,
		.frames_max = config->frames,
		.members_max = config->members,
		.notes_max = REMEMBERED_MAX,
	};
}

/* Reserved here, filled by the kernel as it is used. */
static int reserve_memory(struct daemon *daemon, struct problem *ret_problem)
{
	struct node_limits limits = limits_of(&daemon->config);

	daemon->node_bytes = node_bytes(&limits);
	if (daemon->node_bytes == 0)
		return problem_set(ret_problem, -EINVAL, "%s:%u: limits: the ledger's limits do not fit together",
				   daemon->config.path, daemon->config.line[CONFIG_LIMITS]);
	daemon->node_memory = mmap(NULL, daemon->node_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				   0);
	if (daemon->node_memory == MAP_FAILED)
		daemon->node_memory = NULL;
	daemon->hints = calloc(limits.keys_max, sizeof(*daemon->hints));
	if (!daemon->node_memory || !daemon->hints) {
		return problem_set(ret_problem, -ENOMEM,
				   "%s:%u: limits: no memory for a ledger of %zu MiB; lower keys and cells",
				   daemon->config.path, daemon->config.line[CONFIG_LIMITS], daemon->node_bytes >> 20);
	}
	return 0;
}

static int open_state(struct daemon *daemon, struct problem *ret_problem)
{
	int err = state_open(daemon->config.state_directory, &daemon->state, ret_problem);

	if (!err && daemon->state.damaged)
		log_warning("state: %s/state was damaged and is kept as state.damaged; going on with the clock and the "
			    "table",
			    daemon->config.state_directory);
	return err;
}

/* The fresh incarnation is on disk before the table may use it. (Life of a table, 1) */
static int store_fresh(struct daemon *daemon, uint64_t *ret_fresh, struct problem *ret_problem)
{
	uint64_t fresh = state_fresh_incarnation(&daemon->state, mesh_clock_unix_ms());
	int err = state_store(&daemon->state, fresh, daemon->state.boot, ret_problem);

	if (!err)
		*ret_fresh = fresh;
	return err;
}

static int open_table(struct daemon *daemon, uint64_t fresh, struct problem *ret_problem)
{
	const struct config *config = &daemon->config;
	struct table_config table = {
		.pin_path = config->pin_path,
		.pairs4_max = config->pairs4,
		.pairs6_max = config->pairs6,
		.destinations_max = config->destinations,
		.interface_count = config->interface_count,
		.generic = config->generic,
		.replace = config->replace_program,
		.forward_fast = config->forward_fast,
		.tunnel_count = config->tunnel_count,
		.client_count = config->client_count,
		.drop_foreign_sources = config->drop_foreign_sources,
		.widths = daemon->identity.mesh.widths,
	};
	static struct address locals[LOCAL_ADDRESSES_MAX];
	struct table_problem problem = { "" };
	uint8_t seed[8];
	int err;

	for (uint32_t i = 0; i < config->interface_count; i++)
		table.interfaces[i] = config->interfaces[i];
	/* Which policy of the mesh is in force is not known yet: sides_look finds out whether it is protected_only. */
	err = sides_find(config, config->policy.document.protected_only, NULL, &daemon->sides);
	if (err)
		log_warning("interfaces: the kernel does not tell its routes: %s; every packet is judged until it does",
			    strerror(-err));
	memcpy(table.sides, daemon->sides.side, sizeof(table.sides));
	memcpy(table.clients, config->clients, sizeof(table.clients));
	memcpy(table.tunnels, config->tunnels, sizeof(table.tunnels));
	for (uint32_t i = 0; config->gossip && config->gossip_gate && i < config->listen_count; i++)
		table.gate_ports[i] = config->listen[i].endpoint.port;
	err = local_addresses_read(locals, &table.local_count);
	if (err)
		log_warning("local addresses: %s", strerror(-err));
	table.locals = locals;
	randombytes_buf(seed, sizeof(seed));
	err = table_open(&table, fresh, seed, &daemon->table, &problem);
	if (err)
		return problem_set(ret_problem, err, "%s", problem.text[0] ? problem.text : strerror(-err));
	return 0;
}

/* This start's number: durable, then in the table, then in use. */
static int count_boot(struct daemon *daemon, struct problem *ret_problem)
{
	uint64_t incarnation = table_incarnation(daemon->table);
	uint64_t boot = table_boot(daemon->table);
	int err;

	if (boot < daemon->state.boot)
		boot = daemon->state.boot;
	boot++;
	if (boot > BOOT_MAX)
		return problem_set(ret_problem, -EOVERFLOW,
				   "state: this table was started %llu times, more than can be told apart; run "
				   "gossipctl detach, then start afresh with an empty state directory",
				   (unsigned long long)boot);
	if (incarnation < daemon->state.incarnation)
		incarnation = daemon->state.incarnation;
	err = state_store(&daemon->state, incarnation, boot, ret_problem);
	if (err)
		return err;
	table_set_boot(daemon->table, boot);
	daemon->boot = boot;
	return 0;
}

/* Capabilities belong to a thread: every thread of ours starts after this one has dropped them. */
static int drop_and_start_thread(struct daemon *daemon, struct problem *ret_problem)
{
	int err = privileges_drop(ret_problem);

	if (err)
		return err;
	err = table_start_thread(daemon->table);
	return err ? problem_set(ret_problem, err, "table: no thread: %s", strerror(-err)) : 0;
}

static int start_node(struct daemon *daemon, struct now now, struct problem *ret_problem)
{
	const struct identity *identity = &daemon->identity;
	struct node_config node = {
		.limits = limits_of(&daemon->config),
		.mesh = identity->mesh,
		.thresholds = config_thresholds(&daemon->config),
		.certificate_bytes = identity->certificate_size,
		.incarnation = table_incarnation(daemon->table),
		.boot = daemon->boot,
		.datagram_bytes = (uint16_t)daemon->config.datagram_bytes,
		.frames_per_tick = (uint16_t)daemon->config.frames_per_tick,
		.publish = daemon->config.publish_all ? PUBLISH_ALL : PUBLISH_NEED,
		.gossip = daemon->config.gossip,
	};
	int err;

	daemon->events.widths = identity->mesh.widths;
	memcpy(node.secret_key, identity->secret_key, sizeof(node.secret_key));
	memcpy(node.mesh_secret, identity->mesh_secret, sizeof(node.mesh_secret));
	memcpy(node.certificate, identity->certificate_bytes, identity->certificate_size);
	randombytes_buf(node.seed, sizeof(node.seed));
	err = node_init(daemon->node_memory, daemon->node_bytes, &node, now, &daemon->node);
	sodium_memzero(&node, sizeof(node));
	if (err)
		return problem_set(ret_problem, err, "core: refused the configuration: %s", strerror(-err));
	daemon->summing = summing_start(daemon->table, daemon->node, now);
	if (!daemon->summing)
		return problem_set(ret_problem, -ENOMEM, "sums: no memory");
	daemon->watch = watch_start();
	if (!daemon->watch)
		return problem_set(ret_problem, -ENOMEM, "what monitor mode watches: no memory");
	err = documents_restore(&daemon->state, daemon->node, now, ret_problem);
	if (err)
		return err;
	answers_load(daemon);
	for (uint32_t i = 0; daemon->config.gossip && i < daemon->config.peer_count; i++) {
		if (node_greet(daemon->node, daemon->config.peers[i].endpoint))
			return problem_set(ret_problem, -ENOSPC, "%s:%u: peers: more addresses than the core can greet",
					   daemon->config.path, daemon->config.peers[i].line);
	}
	return 0;
}

/* What only this process sees; the state's lock first, since it tells best that another daemon runs. */
static int open_own(struct daemon *daemon, struct problem *ret_problem)
{
	int err;

	err = open_state(daemon, ret_problem);
	if (!err)
		err = reserve_memory(daemon, ret_problem);
	if (!err)
		err = trace_open(&daemon->config, ret_problem);
	if (!err && daemon->config.gossip)
		err = udp_open(&daemon->config, &daemon->udp, ret_problem);
	return err;
}

static int open_shared(struct daemon *daemon, struct problem *ret_problem)
{
	uint64_t fresh = 0;
	int err;

	err = control_open(&daemon->config, &daemon->control, ret_problem);
	if (!err)
		err = store_fresh(daemon, &fresh, ret_problem);
	if (!err)
		err = open_table(daemon, fresh, ret_problem);
	if (!err && table_time_went_back(daemon->table, mesh_clock_read(&daemon->clock), fresh))
		log_warning("clock: set back since the last start, or members knew a later start than that; counts go "
			    "on as incarnation %llu",
			    (unsigned long long)table_incarnation(daemon->table));
	if (!err)
		err = count_boot(daemon, ret_problem);
	if (err)
		return err;
	table_set_tick(daemon->table, mesh_tick_length(&daemon->identity.mesh));
	table_set_client_pairs(daemon->table, daemon->config.client_pairs);
	daemon_tell_locals(daemon);
	gate_start(daemon);
	return 0;
}

static void warn(const char *text)
{
	log_warning("warning: %s", text);
}

int start_daemon(struct daemon *daemon, const char *path, struct problem *ret_problem)
{
	struct now now;
	int err;

	daemon->state = STATE_CLOSED;
	mesh_clock_start(&daemon->clock);
	err = start_check(path, &daemon->config, &daemon->identity, ret_problem);
	log_set_level(daemon->config.log_level);
	if (!err)
		err = open_own(daemon, ret_problem);
	if (!err)
		err = open_shared(daemon, ret_problem);
	if (!err)
		err = drop_and_start_thread(daemon, ret_problem);
	now = mesh_clock_read(&daemon->clock);
	daemon->started = now.mono;
	if (!err)
		table_anchor(daemon->table, now);
	if (!err)
		err = start_node(daemon, now, ret_problem);
	if (!err)
		err = daemon_set_policy(daemon, now, ret_problem);
	if (!err)
		daemon_set_shadow(daemon, now);
	if (!err)
		config_warn(&daemon->config, warn);
	if (!err)
		err = resolve_start(daemon, ret_problem);
	if (!err)
		health_second(daemon, now); /* whoever asks at once is not told that all is well */
	/* The core has its own copy and wipes it; one is enough. */
	sodium_memzero(daemon->identity.secret_key, sizeof(daemon->identity.secret_key));
	sodium_memzero(daemon->identity.mesh_secret, sizeof(daemon->identity.mesh_secret));
	if (err)
		start_undo(daemon);
	return err;
}

void start_undo(struct daemon *daemon)
{
	if (daemon->node && daemon->table && daemon->seconds > 0)
		answers_store(daemon, mesh_clock_read(&daemon->clock), true);
	watch_stop(daemon->watch);
	summing_stop(daemon->summing);
	if (daemon->node)
		node_close(daemon->node);
	if (daemon->table)
		table_close(daemon->table);
	resolve_stop(daemon);
	control_close(daemon->control);
	udp_close(daemon->udp);
	free(daemon->hints);
	if (daemon->node_memory)
		munmap(daemon->node_memory, daemon->node_bytes);
	state_close(&daemon->state);
	identity_wipe(&daemon->identity);
	daemon->watch = NULL;
	daemon->summing = NULL;
	daemon->node = NULL;
	daemon->table = NULL;
	daemon->control = NULL;
	daemon->udp = NULL;
	daemon->hints = NULL;
	daemon->node_memory = NULL;
}
