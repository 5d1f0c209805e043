/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns. Whatever came in, every turn ends alike: datagrams leave, records are written, events are told, each up to a bound; what
 * is left goes on in the next turn, so that no callback holds the loop for long. Allocates nothing.
 */
#include "daemon.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

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
		size_t size = node_poll(daemon->node, now, &to, udp_slot(daemon->udp));

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
	else if (err == -ENOSPC)
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
		events_tell(&daemon->events, now, &event);
}

/* Not while a harvest is half through. */
static void collect(struct daemon *daemon, struct now now)
{
	if (!daemon->collect_due || daemon->ticking)
		return;
	daemon->collect_due = false;
	table_collect(daemon->table, now, duration_ms(COLLECT_IDLE_MS));
}

void daemon_drain(struct daemon *daemon, struct now now)
{
	bool datagrams;

	/* What was believed is durable before anybody hears of it. */
	documents_keep(&daemon->state, daemon->node, &daemon->documents_unkept);
	datagrams = send_datagrams(daemon, now);
	bool records = write_records(daemon, now);

	tell_events(daemon, now);
	collect(daemon, now);
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
		log_warning("policy: version %llu of the mesh: %s%s%s is 0: no limit", (unsigned long long)policy->version,
			    policy->defaults.pair_rate ? "" : "pair_rate",
			    policy->defaults.pair_rate || policy->defaults.destination_rate ? "" : ", ",
			    policy->defaults.destination_rate ? "" : "destination_rate");
}

bool daemon_monitors(const struct daemon *daemon)
{
	return daemon->config.monitor || node_policy(daemon->node)->defaults.monitor;
}

/* Gives the kernel the policy the core judges by, if that is another than it has. */
static void take_policy(struct daemon *daemon)
{
	const uint32_t generation = node_policy_generation(daemon->node);
	int err;

	if (generation == daemon->policy_taken)
		return;
	err = table_set_policy(daemon->table, node_policy(daemon->node), node_policy_table(daemon->node), &daemon->identity.mesh,
			       daemon->config.monitor);
	if (err == -EAGAIN)
		return; /* the change before is not through yet: with the next tick */
	daemon->policy_taken = generation;
	if (!err)
		daemon->events.monitor = daemon_monitors(daemon);
	warn_of_mesh_policy(node_policy(daemon->node));
	if (err)
		log_error("policy: cannot be written to the table: %s; the kernel goes on with the old one", strerror(-err));
	else
		log_info("policy: version %llu is in force in the kernel%s", (unsigned long long)node_policy(daemon->node)->version,
			 daemon->events.monitor ? "; mode = monitor: what is over its rate would be dropped, and passes" : "");
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
		return problem_set(ret_problem, err, "%s: the core refused the policy: %s", daemon->config.policy.path, strerror(-err));
	daemon->policy_taken = 0; /* mode may have changed, which is none of the core's business */
	take_policy(daemon);
	return 0;
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
	for (const struct harvested *cell = cells; cell < cells + count; cell++) {
		/* False: no room; the key's packets count in its destination alone, and the core has told so. */
		if (!node_observe(observing->daemon->node, observing->now, &cell->key, cell->slot, cell->first, cell->last,
				  cell->packets))
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
	table_anchor(daemon->table, mesh_clock_of_kernel(&daemon->clock, now));
}

bool daemon_tick(struct daemon *daemon, struct now now)
{
	struct observing observing = { daemon, now };

	if (!daemon->ticking)
		tick_begin(daemon, now);
	if (!table_harvest_some(daemon->table, now, mesh_slot_length(&daemon->identity.mesh), HARVEST_WORK_PER_TURN, observe, &observing))
		return false;
	node_tick(daemon->node, now);
	take_policy(daemon);
	daemon->pending = true; /* the next turn sends: stamped then, for the harvest took its time */
	daemon->ticking = false;
	measure_tick(daemon);
	return true;
}

static void receive(void *user, const struct endpoint *from, uint8_t *bytes, size_t size)
{
	const struct observing *observing = user;

	/* The reason for a refusal is counted by the core; nothing is said per packet. */
	if (node_receive(observing->daemon->node, observing->now, from, bytes, size) == REJECT_NONE && bytes[3] == DATAGRAM_SEALED)
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
			(double)warning->window / table_hz(daemon->table), warning->rate, warning->reason != REASON_WOULD_DROP);
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

/* Loopback and link-local addresses never reach a rule: no room is spent on them. */
static bool is_host(const struct address *address)
{
	if (address_is_ipv4(address))
		return address->bytes[12] != 127;
	return address->bytes[0] != 0 && !(address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80);
}

static void tell_local(struct daemon *daemon, const struct address *address)
{
	char text[TEXT_ADDRESS_BYTES];
	int err;

	if (daemon->local_count == LOCALS_MAX || is_told(daemon, address) || !is_host(address))
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

/* An address that was removed stays told until the table is made anew: it names nobody else's host. */
void daemon_tell_locals(struct daemon *daemon)
{
	struct ifaddrs *all, *at;

	if (getifaddrs(&all)) {
		log_warning("local addresses: %s", strerror(errno));
		return;
	}
	for (at = all; at; at = at->ifa_next) {
		struct address address;

		if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET)
			address = address_of_ipv4((const uint8_t *)&((struct sockaddr_in *)at->ifa_addr)->sin_addr);
		else if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET6)
			memcpy(address.bytes, &((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr, 16);
		else
			continue;
		tell_local(daemon, &address);
	}
	freeifaddrs(all);
}

static bool has_reason(const struct health *health, uint32_t what)
{
	for (uint32_t i = 0; i < health->count; i++) {
		if (health->reasons[i].what == what)
			return true;
	}
	return false;
}

/* Each reason is told when it comes and when it goes; its text may change meanwhile. */
static void tell_health(const struct health *before, const struct health *health)
{
	for (uint32_t i = 0; i < health->count; i++) {
		if (!has_reason(before, health->reasons[i].what))
			log_warning("degraded: %s", health->reasons[i].text);
	}
	for (uint32_t i = 0; health->count > 0 && i < before->count; i++) {
		if (!has_reason(health, before->reasons[i].what))
			log_info("no longer degraded for this: %s", before->reasons[i].text);
	}
	if (health->count == 0 && before->count > 0)
		log_info("healthy again");
}

static void look_at_health(struct daemon *daemon, struct now now)
{
	static struct health health;

	health_judge(daemon, now, &health);
	/* Members take a moment to find each other: no news in the log, though gossipctl status says so. */
	if (duration_between(daemon->started, now.mono).ns < HEALTH_QUIET_MS * NS_PER_MS)
		return;
	tell_health(&daemon->health, &health);
	daemon->health = health;
}

/* With protected_only replies to clients are not judged: the clients are none of the destinations that are protected. */
static void look_at_routes(struct daemon *daemon)
{
	char notices[DEFAULT_ROUTE_TEXT_BYTES] = "";

	if (!node_policy(daemon->node)->protected_only &&
	    default_route_warn((const char(*)[IFNAMSIZ])daemon->config.interfaces, daemon->config.interface_count, notices))
		return; /* the kernel has no answer now: what was told stays */
	if (strcmp(notices, daemon->notices) == 0)
		return;
	text_copy(notices, daemon->notices, sizeof(daemon->notices));
	if (notices[0])
		log_warning("warning: interfaces: %s", notices);
	else
		log_info("interfaces: no default route leads out by any of them any more");
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
	events_filter(&daemon->events, observing->now, text);
}

/* Told when the first client reaches its quota, and again after none has. */
static void look_at_quota(struct daemon *daemon, struct now now)
{
	const uint32_t full = table_clients_full(daemon->table);

	if (full > 0 && daemon->clients_full == 0)
		events_client_quota(&daemon->events, now, full, daemon->config.client_pairs);
	daemon->clients_full = full;
}

/* What a counter grew by since the last look. */
static uint64_t grown(uint64_t *seen, const struct reason_counter *counter)
{
	const uint64_t more = counter->packets - *seen;

	*seen = counter->packets;
	return more;
}

/* When something begins, and once a minute while it lasts. What was before the first look another daemon has told. */
static bool is_news(const struct daemon *daemon, uint64_t packets, uint64_t *told)
{
	if (daemon->seconds == 0 || packets == 0 || (*told > 0 && daemon->seconds - *told < NOTICE_EVERY_S))
		return false;
	*told = daemon->seconds;
	return true;
}

static void look_at_reasons(struct daemon *daemon, struct now now)
{
	struct reason_counter reasons[REASON_COUNT];
	uint64_t pairs, destinations, passed;

	table_read_reasons(daemon->table, reasons);
	pairs = grown(&daemon->pairs_missed, &reasons[REASON_TABLE_FULL]);
	destinations = grown(&daemon->destinations_missed, &reasons[REASON_DESTINATIONS_FULL]);
	passed = grown(&daemon->evidence_passed, &reasons[REASON_PASS_EVIDENCE]);
	if (is_news(daemon, pairs + destinations, &daemon->full_told))
		events_table_full(&daemon->events, now, pairs, destinations);
	if (is_news(daemon, passed, &daemon->evidence_told))
		events_evidence(&daemon->events, now, passed);
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
	look_at_quota(daemon, now);
	look_at_reasons(daemon, now);
	daemon->collect_due = true;
	collect(daemon, now);
	if (daemon->seconds++ % LOCALS_EVERY_S == 0)
		daemon_tell_locals(daemon);
	if (daemon->seconds % ROUTES_EVERY_S == 1)
		look_at_routes(daemon);
	gate_second(daemon, now);
	load_second(daemon, now);
	resolve_second(daemon, now);
	table_second(daemon->table, tell_table, &observing);
	look_at_health(daemon, now);
	clock_look_for_later(daemon);
	clock_second(daemon, now); /* last: from here on it may be later than now */
}
