/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Asks the resolver for the configured names and greets the answers. A name is asked for again, at growing intervals,
 * until a member answers at its address.
 */
#include "resolve.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"

int resolve_start(struct daemon *daemon, struct problem *ret_problem)
{
	int err;

	if (!daemon->config.gossip || daemon->config.name_count == 0)
		return 0;
	err = resolver_start(&daemon->config, &daemon->resolve.fd, ret_problem);
	daemon->resolve.running = !err;
	return err;
}

void resolve_stop(struct daemon *daemon)
{
	if (daemon->resolve.running)
		close(daemon->resolve.fd);
	daemon->resolve.running = false;
}

static void greet(struct daemon *daemon, const struct endpoint *endpoint)
{
	struct resolve *resolve = &daemon->resolve;

	for (uint32_t i = 0; i < resolve->greeted_count; i++) {
		if (resolve->greeted[i].port == endpoint->port &&
		    address_equal(&resolve->greeted[i].address, &endpoint->address))
			return;
	}
	if (resolve->greeted_count < RESOLVE_GREETED_MAX && node_greet(daemon->node, *endpoint) == 0) {
		resolve->greeted[resolve->greeted_count++] = *endpoint;
		daemon->pending = true;
		return;
	}
	if (!resolve->full_told)
		log_warning("peers: names had more addresses than are greeted (%d); restart gossipd to begin anew",
			    RESOLVE_GREETED_MAX);
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

static void take(struct daemon *daemon, struct now now, const struct resolver_answer *answer)
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
			log_warning("peers: %s: %s; asked again, up to once a minute", host,
				    gai_strerror(answer->error));
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
	struct resolver_answer answer;

	while (recv(daemon->resolve.fd, &answer, sizeof(answer), MSG_DONTWAIT) == sizeof(answer)) {
		if (answer.name < daemon->config.name_count && answer.count <= RESOLVER_ADDRESSES_MAX)
			take(daemon, now, &answer);
	}
}

/* Does somebody answer from where the name last led? */
static bool is_heard(const struct daemon *daemon, struct now now, const struct resolver_answer *answer)
{
	struct member_view view;
	uint32_t cursor = 0;

	while (answer->count > 0 && node_next_member(daemon->node, now, &cursor, &view)) {
		for (uint32_t i = 0; i < answer->count && (view.up || view.self); i++) {
			const struct endpoint *at = &answer->endpoint[i];

			if (view.self ? config_peer_is_own(&daemon->config, &daemon->identity.certificate, at)
				      : view.endpoint.port == at->port &&
						address_equal(&view.endpoint.address, &at->address))
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
