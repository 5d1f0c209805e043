/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clients of the control socket. An epoll set of our own holds the listener and the clients; the event loop sees
 * only its descriptor. The socket's file decides who may ask, control_socket.c who may have more done than reading.
 */
#define _GNU_SOURCE /* accept4 */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "control_socket.h"

struct client {
	int fd;	    /* -1 = place is free */
	bool asked; /* the whole request is here */
	size_t request_bytes, payload_bytes; /* here so far */
	struct control_request request;
	struct answer answer;
	struct instant accepted, deadline; /* mono */
	bool timed;			   /* the deadline counts */
	struct instant look;		   /* mono: a capture's samples are looked for again */
	struct answer_buffer buffer;
};

struct control {
	int listener, epoll;
	char path[CONFIG_SOCKET_BYTES];
	gid_t admins; /* control_admin_group; 0: root alone */
	struct log_limit refusals;
	struct client clients[CONTROL_CLIENTS_MAX];
};

#define CLIENT_GONE SIZE_MAX
_Static_assert(ANSWER_BYTES >= DOCUMENT_BYTES_MAX, "a document fits where the answer will");

#define LISTENER CONTROL_CLIENTS_MAX /* its number in the epoll set */

/* ---- opening ---- */

static int watch(struct control *control, int fd, unsigned int number, uint32_t events, int operation)
{
	struct epoll_event event = { .events = events, .data.u32 = number };

	return epoll_ctl(control->epoll, operation, fd, &event) ? -errno : 0;
}

int control_open(const struct config *config, struct control **ret_control, struct problem *ret_problem)
{
	struct control *control;
	int err = control_socket_clear(config, ret_problem);

	if (err)
		return err;
	control = calloc(1, sizeof(*control));
	if (!control)
		return problem_set(ret_problem, -ENOMEM, "control: no memory for %zu bytes", sizeof(*control));
	for (unsigned int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	control->epoll = epoll_create1(EPOLL_CLOEXEC);
	control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control->epoll < 0 || control->listener < 0)
		err = problem_set(ret_problem, -errno, "control: %s", strerror(errno));
	if (!err)
		err = control_socket_bind(control->listener, config, &control->admins, ret_problem);
	if (!err) {
		text_copy(config->control_socket, control->path, sizeof(control->path));
		err = watch(control, control->listener, LISTENER, EPOLLIN, EPOLL_CTL_ADD);
	}
	if (err) {
		control_close(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

static void drop(struct client *client)
{
	close(client->fd); /* leaves the epoll set by itself */
	client->fd = -1;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (unsigned int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].fd >= 0)
			drop(&control->clients[i]);
	}
	if (control->path[0])
		unlink(control->path);
	if (control->listener >= 0)
		close(control->listener);
	if (control->epoll >= 0)
		close(control->epoll);
	free(control);
}

int control_fd(const struct control *control)
{
	return control->epoll;
}

/* ---- one client ---- */

static bool is_ours(const struct control_request *request)
{
	return request->magic == CONTROL_MAGIC && request->version == CONTROL_VERSION;
}

/* What follows the request: a document, or nothing. A request that will be refused anyway is not waited for. */
static uint32_t payload_of(const struct control_request *request)
{
	return is_ours(request) && request->verb == CONTROL_PUSH && request->payload_bytes <= DOCUMENT_BYTES_MAX
		       ? request->payload_bytes
		       : 0;
}

/*
 * The payload lies where the answer will: nothing is answered before it is whole. True when it is; CLIENT_GONE when
 * it never will be.
 */
static bool read_payload(struct client *client)
{
	const uint32_t wanted = payload_of(&client->request);

	while (client->payload_bytes < wanted) {
		ssize_t got = recv(client->fd, client->buffer.bytes + client->payload_bytes,
				   wanted - client->payload_bytes, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (got <= 0) {
			client->payload_bytes = CLIENT_GONE;
			return false;
		}
		client->payload_bytes += (size_t)got;
	}
	return true;
}

/*
 * One reply, without a look at what may follow the request. A line in the log for each is too much: anybody who may
 * read can ask for ever.
 */
static void refuse_to_act(struct control *control, struct client *client, struct daemon *daemon, struct now now)
{
	answer_refused(&client->answer, control->admins, &client->buffer);
	daemon->counters.requests_refused++;
	if (log_allow(&control->refusals, now, "refused requests"))
		log_warning("control: %s was refused: uid %u is neither root nor in control_admin_group",
			    control_socket_act_name(client->request.verb), control_socket_uid(client->fd));
}

static bool is_refused(const struct control *control, const struct client *client)
{
	return is_ours(&client->request) && control_socket_act_name(client->request.verb) &&
	       !control_socket_may_act(client->fd, control->admins);
}

/* False when the client is gone. */
static bool read_request(struct control *control, struct client *client, struct daemon *daemon, struct now now)
{
	while (client->request_bytes < sizeof(client->request)) {
		ssize_t got = recv(client->fd, (char *)&client->request + client->request_bytes,
				   sizeof(client->request) - client->request_bytes, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (got <= 0)
			return false;
		client->request_bytes += (size_t)got;
	}
	if (client->asked)
		return true;
	const bool refused = is_refused(control, client);

	if (!refused && !read_payload(client))
		return client->payload_bytes <= payload_of(&client->request);
	client->asked = true;
	client->deadline = instant_after(now.mono, duration_ms(CONTROL_STALL_MS));
	answer_begin(&client->answer, &client->request, daemon);
	if (refused)
		refuse_to_act(control, client, daemon, now);
	return true;
}

static bool write_answer(struct client *client, struct now now)
{
	struct answer_buffer *buffer = &client->buffer;

	while (buffer->at < buffer->end) {
		ssize_t sent = send(client->fd, buffer->bytes + buffer->at, buffer->end - buffer->at,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (sent < 0)
			return false;
		buffer->at += (size_t)sent;
		client->deadline = instant_after(now.mono, duration_ms(CONTROL_STALL_MS));
	}
	buffer->at = buffer->end = 0;
	return client->answer.state != ANSWER_DONE;
}

/* What to wait for next. A client that waits for events is not timed: it owes us nothing. */
static void rearm(struct control *control, struct client *client)
{
	unsigned int number = (unsigned int)(client - control->clients);
	bool sending = client->buffer.at < client->buffer.end;
	bool idle = client->asked && client->answer.state == ANSWER_WAITING && !sending;
	uint32_t events = EPOLLRDHUP | (client->asked ? 0 : EPOLLIN) | (client->asked && !idle ? EPOLLOUT : 0);

	client->timed = !idle;
	watch(control, client->fd, number, events, EPOLL_CTL_MOD);
}

/* Only what the authority signed is taken, whoever brings it. */
static void take_document(struct client *client, struct daemon *daemon, struct now now)
{
	const enum reject reason = daemon_command(daemon, now, client->buffer.bytes, client->payload_bytes);

	client->payload_bytes = 0;
	answer_pushed(&client->answer, reason, &client->buffer);
	log_info("control: a document was brought: %s", reason == REJECT_NONE ? "taken" : reject_names[reason]);
}

/* What a request asks for beyond an answer; not when it was refused, nor under another version's numbers. */
static void act(struct client *client, struct daemon *daemon, struct now now)
{
	if (client->answer.state == ANSWER_DONE || !is_ours(&client->request))
		return;
	if (client->request.verb == CONTROL_PUSH && client->payload_bytes > 0)
		take_document(client, daemon, now);
	else if (client->request.verb == CONTROL_LEAVE)
		daemon_leave(daemon, now);
	else if (client->request.verb == CONTROL_STATUS && answer_is_new(&client->answer))
		health_look(daemon, now);
}

static void serve(struct control *control, struct client *client, struct daemon *daemon, struct now now,
		  unsigned int *budget)
{
	bool stays = read_request(control, client, daemon, now);

	if (stays && client->asked) {
		act(client, daemon, now);
		if (client->buffer.at == 0)
			answer_fill(&client->answer, daemon, now, &client->buffer, budget);
		stays = write_answer(client, now);
	}
	if (stays)
		rearm(control, client);
	else
		drop(client);
}

/* ---- all of them ---- */

/* A free place; when there is none, that of the client which has been silent longest without having asked. */
static struct client *find_place(struct control *control)
{
	struct client *oldest = NULL;

	for (unsigned int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0)
			return client;
		if (!client->asked && (!oldest || instant_is_before(client->accepted, oldest->accepted)))
			oldest = client;
	}
	if (oldest)
		drop(oldest);
	return oldest;
}

static void refuse(int fd)
{
	struct {
		struct control_header header;
		struct control_end end;
	} reply = { { CONTROL_END, sizeof(struct control_end) }, { -EBUSY, 0 } };

	if (send(fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("control: a client left before it was refused");
	close(fd);
}

static void accept_clients(struct control *control, struct daemon *daemon, struct now now, unsigned int *budget)
{
	for (unsigned int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		int fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct client *client;

		if (fd < 0)
			return;
		client = find_place(control);
		if (!client) {
			refuse(fd);
			continue;
		}
		client->fd = fd;
		client->asked = false;
		client->request_bytes = client->payload_bytes = 0;
		client->buffer.at = client->buffer.end = 0;
		client->accepted = now.mono;
		client->deadline = instant_after(now.mono, duration_ms(CONTROL_ASK_MS));
		client->timed = true;
		client->look = now.mono;
		if (watch(control, fd, (unsigned int)(client - control->clients), EPOLLIN | EPOLLRDHUP, EPOLL_CTL_ADD))
			drop(client);
		else
			serve(control, client, daemon, now, budget);
	}
}

void control_turn(struct control *control, struct daemon *daemon, struct now now)
{
	struct epoll_event events[CONTROL_CLIENTS_MAX + 1];
	unsigned int budget = CONTROL_RECORDS_PER_TURN;
	int count = epoll_wait(control->epoll, events, CONTROL_CLIENTS_MAX + 1, 0);
	bool knocked = false;

	for (int i = 0; i < count; i++) {
		struct client *client;

		if (events[i].data.u32 == LISTENER) {
			knocked = true;
			continue;
		}
		client = &control->clients[events[i].data.u32];
		if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			drop(client);
		else
			serve(control, client, daemon, now, &budget);
	}
	/* Last: a newcomer may take the place of a client whose events were in this batch. */
	if (knocked)
		accept_clients(control, daemon, now, &budget);
}

/* Events it follows and has not been told, or the time to look for samples. */
static bool has_news(struct client *client, const struct daemon *daemon, struct now now)
{
	if (client->answer.request.verb != CONTROL_CAPTURE)
		return client->answer.event < daemon->events.rings.next;
	if (instant_is_before(now.mono, client->look))
		return false;
	client->look = instant_after(now.mono, duration_ms(CONTROL_LOOK_MS));
	return true;
}

void control_tell(struct control *control, struct daemon *daemon, struct now now)
{
	unsigned int budget = CONTROL_RECORDS_PER_TURN;

	for (unsigned int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd >= 0 && client->asked && client->answer.state == ANSWER_WAITING &&
		    has_news(client, daemon, now))
			serve(control, client, daemon, now, &budget);
	}
}

void control_second(struct control *control, struct now now)
{
	for (unsigned int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd >= 0 && client->timed && instant_is_before(client->deadline, now.mono))
			drop(client);
	}
}
