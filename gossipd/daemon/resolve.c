/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The thread holds nothing but its end of the socket and the names. It ends when the daemon closes its own. */
#define _GNU_SOURCE
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

/* ---- the thread ---- */

static struct {
	int fd;
	uint32_t count;
	struct config_name names[CONFIG_NAMES_MAX];
} asking;

static bool endpoint_of(const struct sockaddr *name, uint16_t port, struct endpoint *ret_endpoint)
{
	ret_endpoint->port = port;
	if (name->sa_family == AF_INET)
		ret_endpoint->address = address_of_ipv4((const uint8_t *)&((const struct sockaddr_in *)name)->sin_addr);
	else if (name->sa_family == AF_INET6)
		memcpy(ret_endpoint->address.bytes, &((const struct sockaddr_in6 *)name)->sin6_addr, 16);
	return name->sa_family == AF_INET || name->sa_family == AF_INET6;
}

static void look_up(uint32_t number, struct resolve_answer *ret_answer)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	const struct config_name *name = &asking.names[number];
	struct addrinfo *all = NULL;

	*ret_answer = (struct resolve_answer){ .name = number };
	ret_answer->error = getaddrinfo(name->host, NULL, &hints, &all);
	for (const struct addrinfo *at = ret_answer->error ? NULL : all; at && ret_answer->count < RESOLVE_ADDRESSES_MAX; at = at->ai_next)
		ret_answer->count += endpoint_of(at->ai_addr, name->port, &ret_answer->endpoint[ret_answer->count]);
	if (all)
		freeaddrinfo(all);
}

static void *resolve_run(void *unused)
{
	struct resolve_answer answer;
	uint32_t number;

	(void)unused;
	while (recv(asking.fd, &number, sizeof(number), 0) == sizeof(number) && number < asking.count) {
		look_up(number, &answer);
		if (send(asking.fd, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			break;
	}
	close(asking.fd);
	return NULL;
}

/* Signals are the loop's: the thread begins with none let in. */
static int start_thread(void)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED); /* nobody waits for a resolver that hangs */
	err = pthread_create(&thread, &attributes, resolve_run, NULL);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int resolve_start(struct daemon *daemon, struct problem *ret_problem)
{
	const struct config *config = &daemon->config;
	int pair[2], err;

	if (!config->gossip || config->name_count == 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return problem_set(ret_problem, -errno, "resolve: %s", strerror(errno));
	asking.fd = pair[1];
	asking.count = config->name_count;
	memcpy(asking.names, config->names, sizeof(asking.names));
	daemon->resolve.fd = pair[0];
	err = start_thread();
	if (err) {
		close(pair[0]);
		close(pair[1]);
		return problem_set(ret_problem, err, "resolve: no thread: %s", strerror(-err));
	}
	daemon->resolve.running = true;
	return 0;
}

void resolve_stop(struct daemon *daemon)
{
	if (daemon->resolve.running)
		close(daemon->resolve.fd);
	daemon->resolve.running = false;
}

/* ---- the loop's side ---- */

static void greet(struct daemon *daemon, const struct endpoint *endpoint)
{
	struct resolve *resolve = &daemon->resolve;

	for (uint32_t i = 0; i < resolve->greeted_count; i++) {
		if (resolve->greeted[i].port == endpoint->port && address_equal(&resolve->greeted[i].address, &endpoint->address))
			return;
	}
	if (resolve->greeted_count < RESOLVE_GREETED_MAX && node_greet(daemon->node, *endpoint) == 0) {
		resolve->greeted[resolve->greeted_count++] = *endpoint;
		daemon->pending = true;
		return;
	}
	if (!resolve->full_told)
		log_warning("peers: names had more addresses than are greeted (%d); restart gossipd to begin anew", RESOLVE_GREETED_MAX);
	resolve->full_told = true;
}

/* This proxy's own name may stand in a list that all proxies share. */
static bool is_usable(const struct daemon *daemon, const struct endpoint *endpoint)
{
	char text[TEXT_ENDPOINT_BYTES];

	text_of_endpoint(endpoint, text);
	if (config_peer_is_own(&daemon->config, &daemon->identity.certificate, endpoint))
		return false;
	if (config_peer_is_host(&daemon->config, endpoint))
		return true;
	log_debug("peers: %s, which a name has as its address, cannot be greeted", text);
	return false;
}

static void take(struct daemon *daemon, struct now now, const struct resolve_answer *answer)
{
	struct resolve_name *name = &daemon->resolve.names[answer->name];
	const char *host = daemon->config.names[answer->name].host;

	name->asked = false;
	name->retry_ms = name->retry_ms ? name->retry_ms * 2 : RESOLVE_RETRY_MS;
	if (name->retry_ms > RESOLVE_RETRY_MS_MAX)
		name->retry_ms = RESOLVE_RETRY_MS_MAX;
	name->due = instant_after(now.mono, duration_ms(name->retry_ms));
	if (answer->error) {
		if (!name->told)
			log_warning("peers: %s: %s; asked again, up to once a minute", host, gai_strerror(answer->error));
		name->told = true;
		return; /* what it was before stays greeted */
	}
	name->told = false;
	name->resolved = true;
	name->last = *answer;
	for (uint32_t i = 0; i < answer->count; i++) {
		if (is_usable(daemon, &answer->endpoint[i]))
			greet(daemon, &answer->endpoint[i]);
	}
}

void resolve_read(struct daemon *daemon, struct now now)
{
	struct resolve_answer answer;

	while (recv(daemon->resolve.fd, &answer, sizeof(answer), MSG_DONTWAIT) == sizeof(answer)) {
		if (answer.name < daemon->config.name_count && answer.count <= RESOLVE_ADDRESSES_MAX)
			take(daemon, now, &answer);
	}
}

/* Does somebody answer from where the name last led? */
static bool is_heard(const struct daemon *daemon, struct now now, const struct resolve_answer *answer)
{
	struct member_view view;
	uint32_t cursor = 0;

	while (answer->count > 0 && node_next_member(daemon->node, now, &cursor, &view)) {
		for (uint32_t i = 0; i < answer->count && (view.up || view.self); i++) {
			const struct endpoint *at = &answer->endpoint[i];

			if (view.self ? config_peer_is_own(&daemon->config, &daemon->identity.certificate, at) :
					view.endpoint.port == at->port && address_equal(&view.endpoint.address, &at->address))
				return true;
		}
	}
	return false;
}

void resolve_second(struct daemon *daemon, struct now now)
{
	struct resolve *resolve = &daemon->resolve;

	for (uint32_t i = 0; resolve->running && i < daemon->config.name_count; i++) {
		struct resolve_name *name = &resolve->names[i];

		if (name->asked || instant_is_before(now.mono, name->due))
			continue;
		if (name->resolved && is_heard(daemon, now, &name->last)) {
			name->retry_ms = 0;
			continue;
		}
		name->asked = send(resolve->fd, &i, sizeof(i), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(i);
	}
}

const char *resolve_missing(const struct daemon *daemon)
{
	for (uint32_t i = 0; daemon->resolve.running && i < daemon->config.name_count; i++) {
		if (!daemon->resolve.names[i].resolved && daemon->resolve.names[i].told)
			return daemon->config.names[i].host;
	}
	return NULL;
}
