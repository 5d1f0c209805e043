/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns. Every turn ends with daemon_drain: it sends datagrams, writes records and reports events, each up to a bound.
 * The rest waits for the next turn, so that no callback holds the loop for long. Allocates nothing.
 */
#include "daemon.h"

#include <errno.h>

#include "documents.h"
#include "seal.h"

/* ---- what every turn ends with ---- */

static bool send_datagrams(struct daemon *daemon, struct now now)
{
	struct endpoint to;
	unsigned int sent = 0;

	if (!daemon->udp)
		return false;
	while (sent < DATAGRAMS_PER_TURN) {
		size_t size = node_poll(daemon->node, now, &to, udp_entry(daemon->udp));

		if (size == 0)
			break;
		udp_queue(daemon->udp, &to, size);
		sent++;
	}
	udp_flush(daemon->udp);
	return sent == DATAGRAMS_PER_TURN;
}

static void write_record(struct daemon *daemon, const struct change *change)
{
	const int err = table_apply_hinted(daemon->table, change, &daemon->hints[change->number]);

	if (!err)
		daemon->counters.records_written++;
	else if (err == -ENOSPC || err == -EDQUOT)
		daemon->counters.records_refused++;
	/* -ENOENT: a key never seen here and not worth a record. */
}

static bool write_records(struct daemon *daemon, struct now now)
{
	struct change changes[CHANGES_AHEAD];
	unsigned int count = CHANGES_AHEAD, written = 0, i;

	for (; count == CHANGES_AHEAD && written < CHANGES_PER_TURN; written += count) {
		for (count = 0; count < CHANGES_AHEAD && node_next_change(daemon->node, now, &changes[count]); count++)
			table_foresee(daemon->table, &changes[count].key, daemon->hints[changes[count].number]);
		for (i = 0; i < count; i++)
			write_record(daemon, &changes[i]);
	}
	return count == CHANGES_AHEAD;
}

static void tell_events(struct daemon *daemon, struct now now)
{
	struct node_event event;

	for (unsigned int i = 0; i < EVENTS_PER_TURN && node_next_event(daemon->node, &event); i++)
		events_tell(&daemon->events, now, &event, summing_size(daemon->summing, &event.key));
}

void daemon_drain(struct daemon *daemon, struct now now)
{
	bool datagrams;

	/* A document that was accepted is durable before any datagram announces it. */
	documents_keep(&daemon->state, daemon->node, &daemon->documents_unkept);
	datagrams = send_datagrams(daemon, now);
	bool records = write_records(daemon, now);

	tell_events(daemon, now);
	daemon->pending = datagrams || records;
}

/* ---- policy ---- */

static void tell_warning(const char *text)
{
	log_warning("warning: %s", text);
}

/* The configuration's own policy is warned of with its lines. */
static void warn_of_mesh_policy(const struct policy_document *policy)
{
	if (policy->version != 0 && (policy->defaults.pair_rate == 0 || policy->defaults.destination_rate == 0))
		log_warning("policy: version %llu of the mesh: %s%s%s is 0: no limit",
			    (unsigned long long)policy->version, policy->defaults.pair_rate ? "" : "pair_rate",
			    policy->defaults.pair_rate || policy->defaults.destination_rate ? "" : ", ",
			    policy->defaults.destination_rate ? "" : "destination_rate");
}

/* Gives the kernel the policy the core judges by, if that is another than it has. */
static void take_policy(struct daemon *daemon)
{
	const uint32_t generation = node_policy_generation(daemon->node);
	int err;

	if (generation == daemon->policy_taken)
		return;
	err = table_set_policy(daemon->table, node_policy(daemon->node), node_policy_table(daemon->node),
			       &daemon->identity.mesh, daemon->config.monitor);
	if (err == -EAGAIN)
		return; /* the change before is not through yet: with the next tick */
	daemon->policy_taken = generation;
	if (!err)
		daemon->events.monitor = daemon_monitors(daemon) || sides_drop_nothing(daemon);
	warn_of_mesh_policy(node_policy(daemon->node));
	if (err)
		log_error("policy: cannot be written to the table: %s; the kernel goes on with the old one",
			  strerror(-err));
	else
		log_info("policy: version %llu is in force in the kernel%s",
			 (unsigned long long)node_policy(daemon->node)->version,
			 daemon_monitors(daemon)
				 ? "; mode = monitor: what is over its rate would be dropped, and passes"
				 : "");
}

int daemon_set_policy(struct daemon *daemon, struct now now, struct problem *ret_problem)
{
	int err = node_set_policy(daemon->node, now, &daemon->config.policy.document);

	if (!err)
		policy_file_warn(&daemon->config.policy, tell_warning);
	if (err == -ESTALE) {
		log_info("policy: version %llu of the mesh stays in force, the one of %s waits below it",
			 (unsigned long long)node_policy(daemon->node)->version, daemon->config.policy.path);
		err = 0;
	}
	if (err)
		return problem_set(ret_problem, err, "%s: the core refused the policy: %s", daemon->config.policy.path,
				   strerror(-err));
	daemon->policy_taken = 0; /* mode may have changed, which is none of the core's business */
	take_policy(daemon);
	return 0;
}

void daemon_set_shadow(struct daemon *daemon, struct now now)
{
	const bool set = daemon->config.shadow_path[0] != '\0';

	shadow_set(&daemon->watch->shadow, set ? &daemon->config.shadow.document : NULL, now);
	if (set)
		log_info("shadow policy: %s is judged beside the policy and only counted", daemon->config.shadow_path);
}

int daemon_reload(struct daemon *daemon, struct now now, struct problem *ret_problem)
{
	static struct config config;
	int err = config_load(daemon->config.path, &config, ret_problem);

	if (!err)
		err = config_check(&config, &daemon->identity.mesh, &daemon->identity.certificate, ret_problem);
	if (err)
		return err;
	daemon->config.log_level = config.log_level;
	daemon->config.monitor = config.monitor;
	daemon->config.policy = config.policy;
	memcpy(daemon->config.shadow_path, config.shadow_path, sizeof(config.shadow_path));
	daemon->config.shadow = config.shadow;
	daemon_set_shadow(daemon, now);
	log_set_level(config.log_level);
	return daemon_set_policy(daemon, now, ret_problem);
}

/* ---- what turns begin with ---- */

struct observing {
	struct daemon *daemon;
	struct now now;
};

static void observe(void *user, const struct harvested *cells, size_t count)
{
	const struct observing *observing = user;
	struct daemon_counters *counters = &observing->daemon->counters;

	counters->cells_harvested += count;
	summing_add(observing->daemon->summing, cells, count);
	for (const struct harvested *cell = cells; cell < cells + count; cell++) {
		if (cell->kind != KEY_PAIR && cell->kind != KEY_DESTINATION)
			continue; /* a gain of a sum */
		/* False: not taken (node.h). For want of room the core reports EVENT_QUOTA. */
		if (!node_observe(observing->daemon->node, observing->now, &cell->key, cell->slot, cell->first,
				  cell->last, cell->packets))
			counters->cells_unheld++;
	}
}

static void measure_tick(struct daemon *daemon)
{
	struct now ended = mesh_clock_read(&daemon->clock);
	double work_ms = (double)duration_between(daemon->tick_begun, ended.mono).ns / NS_PER_MS;

	if (work_ms > daemon->counters.tick_ms_worst)
		daemon->counters.tick_ms_worst = work_ms;
}

static void tick_begin(struct daemon *daemon, struct now now)
{
	double late_ms = (double)duration_between(node_next_due(daemon->node, now), now.mesh).ns / NS_PER_MS;

	daemon->ticking = true;
	daemon->tick_begun = now.mono;
	if (late_ms > daemon->counters.tick_late_ms_worst)
		daemon->counters.tick_late_ms_worst = late_ms;
	if (late_ms > daemon->health.late_ms)
		daemon->health.late_ms = late_ms;
	table_anchor(daemon->table, mesh_clock_of_kernel(&daemon->clock, now));
	summing_tick(daemon->summing, now);
	daemon->harvested = false;
}

bool daemon_tick(struct daemon *daemon, struct now now)
{
	struct observing observing = { daemon, now };

	if (!daemon->ticking)
		tick_begin(daemon, now);
	if (!daemon->harvested) {
		daemon->harvested = table_harvest_some(daemon->table, now, mesh_slot_length(&daemon->identity.mesh),
						       HARVEST_WORK_PER_TURN, observe, &observing);
		if (daemon->harvested)
			summing_contacts(daemon->summing);
	}
	if (!daemon->harvested || !summing_go_on(daemon->summing, now))
		return false;
	answers_tick(daemon, now);
	node_tick(daemon->node, now);
	table_collect(daemon->table, now, duration_ms(COLLECT_IDLE_MS));
	scans_tick(daemon, now);
	watch_tick(daemon, now);
	take_policy(daemon);
	daemon->pending = true; /* the next turn sends: stamped then, for the harvest took its time */
	daemon->ticking = false;
	measure_tick(daemon);
	return true;
}

static void receive(void *user, const struct endpoint *from, struct duration waited, uint8_t *bytes, size_t size)
{
	const struct observing *observing = user;

	/* The reason for a refusal is counted by the core; nothing is said per packet. */
	if (node_receive(observing->daemon->node, observing->now, waited, from, bytes, size) == REJECT_NONE &&
	    bytes[3] == DATAGRAM_SEALED)
		gate_heard(observing->daemon, bytes);
}

void daemon_receive(struct daemon *daemon, struct now now, unsigned int socket)
{
	struct observing observing = { daemon, now };

	if (udp_receive(daemon->udp, socket, receive, &observing) > 0)
		daemon_drain(daemon, now);
}

static void warn(void *user, const struct warning *warning)
{
	const struct observing *observing = user;
	struct daemon *daemon = observing->daemon;
	struct key key;

	memcpy(key.client.bytes, warning->client, 16);
	memcpy(key.destination.bytes, warning->destination, 16);
	events_overload(&daemon->events, observing->now, &key, warning->packets,
			(double)warning->window / table_hz(daemon->table), warning->rate,
			warning->reason != REASON_WOULD_DROP);
}

void daemon_warnings(struct daemon *daemon, struct now now)
{
	struct observing observing = { daemon, now };

	table_read_warnings(daemon->table, warn, &observing);
}

enum reject daemon_command(struct daemon *daemon, struct now now, const uint8_t *bytes, size_t size)
{
	const enum reject reason = node_command(daemon->node, now, bytes, size);

	if (reason == REJECT_NONE)
		daemon->pending = true; /* it leaves with the turn that follows at once */
	return reason;
}

void daemon_leave(struct daemon *daemon, struct now now)
{
	if (!daemon->config.gossip || daemon->leave_at.ns != 0)
		return;
	log_info("leaving the mesh for good: asked by the control socket");
	node_leave(daemon->node, now);
	daemon->leave_at = instant_after(now.mono, duration_ms(LEAVE_MS));
	daemon->pending = true;
}

/* ---- once a second ---- */

static bool is_told(const struct daemon *daemon, const struct address *address)
{
	for (uint32_t i = 0; i < daemon->local_count; i++) {
		if (address_equal(&daemon->locals[i], address))
			return true;
	}
	return false;
}

static void tell_local(struct daemon *daemon, const struct address *address)
{
	char text[TEXT_ADDRESS_BYTES];
	int err;

	if (daemon->local_count == LOCAL_ADDRESSES_MAX || is_told(daemon, address))
		return;
	text_of_address(address, text);
	err = table_add_local(daemon->table, address);
	if (err) {
		log_warning("local address %s: cannot be told to the table: %s", text, strerror(-err));
		return;
	}
	log_debug("local address %s: its packets pass uncounted", text);
	daemon->locals[daemon->local_count++] = *address;
}

/* An address that this host lost stays in the table until the table is made anew: no other host has it. */
void daemon_tell_locals(struct daemon *daemon)
{
	static struct address addresses[LOCAL_ADDRESSES_MAX];
	uint32_t count;
	int err = local_addresses_read(addresses, &count);

	if (err)
		log_warning("local addresses: %s", strerror(-err));
	for (uint32_t i = 0; i < count; i++)
		tell_local(daemon, &addresses[i]);
}

static void tell_table(void *user, enum table_news news, const char *text)
{
	const struct observing *observing = user;
	struct daemon *daemon = observing->daemon;

	if (news == TABLE_INTERFACE_GOOD || news == TABLE_INTERFACE_BAD) {
		events_interface(&daemon->events, observing->now, text, news == TABLE_INTERFACE_GOOD);
		return;
	}
	daemon->counters.filters_restored++;
	daemon->health.restored_at = daemon->seconds;
	snprintf(daemon->health.restored, sizeof(daemon->health.restored), "%s", text);
	events_filter(&daemon->events, observing->now, text);
}

static void look_at_silence(struct daemon *daemon, struct now now)
{
	struct duration silence;
	uint64_t packets;

	if (table_read_silence(daemon->table, &silence, &packets))
		events_silence(&daemon->events, now, silence, packets);
}

void daemon_second(struct daemon *daemon, struct now now)
{
	struct observing observing = { daemon, now };

	look_at_silence(daemon, now);
	documents_keep_again(&daemon->state, daemon->node, &daemon->documents_unkept);
	accounts_second(daemon, now);
	answers_store(daemon, now, false);
	if (daemon->seconds++ % LOCALS_EVERY_S == 0)
		daemon_tell_locals(daemon);
	if (daemon->seconds % ROUTES_EVERY_S == 1) {
		sides_look(daemon);
		daemon->events.monitor = daemon_monitors(daemon) || sides_drop_nothing(daemon);
	}
	sides_look_at_macs(daemon);
	gate_second(daemon, now);
	load_second(daemon, now);
	resolve_second(daemon, now);
	table_second(daemon->table, tell_table, &observing);
	health_second(daemon, now);
	clock_look_for_later(daemon);
	clock_second(daemon, now); /* last: from here on it may be later than now */
}
