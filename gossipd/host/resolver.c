/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The thread holds nothing but its end of the socket and the names. It ends when the daemon closes its own. */
#define _GNU_SOURCE
#include "resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

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

static void look_up(uint32_t number, struct resolver_answer *ret_answer)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	const struct config_name *name = &asking.names[number];
	struct addrinfo *all = NULL;

	*ret_answer = (struct resolver_answer){ .name = number };
	ret_answer->error = getaddrinfo(name->host, NULL, &hints, &all);
	for (const struct addrinfo *at = ret_answer->error ? NULL : all;
	     at && ret_answer->count < RESOLVER_ADDRESSES_MAX; at = at->ai_next)
		ret_answer->count += endpoint_of(at->ai_addr, name->port, &ret_answer->endpoint[ret_answer->count]);
	if (all)
		freeaddrinfo(all);
}

static void *resolver_run(void *unused)
{
	struct resolver_answer answer;
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
	err = pthread_create(&thread, &attributes, resolver_run, NULL);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int resolver_start(const struct config *config, int *ret_fd, struct problem *ret_problem)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return problem_set(ret_problem, -errno, "resolve: %s", strerror(errno));
	asking.fd = pair[1];
	asking.count = config->name_count;
	memcpy(asking.names, config->names, sizeof(asking.names));
	err = start_thread();
	if (err) {
		close(pair[0]);
		close(pair[1]);
		return problem_set(ret_problem, err, "resolve: no thread: %s", strerror(-err));
	}
	*ret_fd = pair[0];
	return 0;
}
