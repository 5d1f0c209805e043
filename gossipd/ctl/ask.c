/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The client's side of the control socket. Which socket: --socket, else the one --config names, else the usual one,
 * else the only one in the usual directory.
 */
#define _GNU_SOURCE /* struct ucred */
#include "ask.h"

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"

#define ANSWER_TIMEOUT_S 10

struct answers {
	int fd;
	size_t at, end;
	char bytes[65536] __attribute__((aligned(8)));
};

static const size_t row_sizes[] = {
	[CONTROL_END] = sizeof(struct control_end),
	[CONTROL_TYPE_STATUS] = sizeof(struct control_status),
	[CONTROL_TYPE_REASON] = sizeof(struct control_reason),
	[CONTROL_TYPE_REJECT] = sizeof(struct control_reject),
	[CONTROL_TYPE_ATTACHMENT] = sizeof(struct control_attachment),
	[CONTROL_TYPE_MEMBER] = sizeof(struct control_member),
	[CONTROL_TYPE_KEY] = sizeof(struct control_key),
	[CONTROL_TYPE_RECORD] = sizeof(struct control_record),
	[CONTROL_TYPE_CELL] = sizeof(struct control_cell),
	[CONTROL_TYPE_EVENT] = sizeof(struct control_event),
	[CONTROL_TYPE_RULE] = sizeof(struct control_rule),
	[CONTROL_TYPE_SAMPLE] = sizeof(struct control_sample),
	[CONTROL_TYPE_PUSHED] = sizeof(struct control_pushed),
	[CONTROL_TYPE_DOCUMENT] = sizeof(struct control_document),
	[CONTROL_TYPE_STANDING] = sizeof(struct control_standing),
	[CONTROL_TYPE_CONDITION] = sizeof(struct control_condition),
	[CONTROL_TYPE_COARSE] = sizeof(struct control_coarse),
	[CONTROL_TYPE_CLIENT] = sizeof(struct control_client),
	[CONTROL_TYPE_WATCH] = sizeof(struct control_watch),
	[CONTROL_TYPE_LEARNT] = sizeof(struct control_learnt),
	[CONTROL_TYPE_BUCKET] = sizeof(struct control_bucket),
	[CONTROL_TYPE_TOP] = sizeof(struct control_top),
	[CONTROL_TYPE_SHADOW] = sizeof(struct control_shadow),
};

/* ---- which socket ---- */

static int from_config(const char *path, char ret_path[CONFIG_SOCKET_BYTES])
{
	static struct config config;
	struct problem problem;

	if (config_load(path, &config, &problem)) {
		complain("%s", problem.text);
		return EXIT_FAILED;
	}
	text_copy(config.control_socket, ret_path, CONFIG_SOCKET_BYTES);
	return EXIT_OK;
}

/* On a host with one daemon its socket need not be named, whatever it is called. */
static int from_directory(char ret_path[CONFIG_SOCKET_BYTES])
{
	glob_t found = { 0 };
	int status = EXIT_OK;

	text_copy(CONTROL_SOCKET_DEFAULT, ret_path, CONFIG_SOCKET_BYTES);
	if (access(ret_path, F_OK) == 0)
		return EXIT_OK;
	if (glob("/run/xpro/*.sock", 0, NULL, &found) == 0 && found.gl_pathc == 1) {
		text_copy(found.gl_pathv[0], ret_path, CONFIG_SOCKET_BYTES);
	} else if (found.gl_pathc > 1) {
		complain("%zu daemons have a socket in /run/xpro; say which with --socket, for example --socket %s",
			 found.gl_pathc, found.gl_pathv[0]);
		status = EXIT_USAGE;
	}
	globfree(&found);
	return status;
}

static int find_socket(const struct arguments *arguments, char ret_path[CONFIG_SOCKET_BYTES])
{
	const char *given = arguments->value[OPTION_SOCKET];

	if (!given)
		return arguments->value[OPTION_CONFIG] ? from_config(arguments->value[OPTION_CONFIG], ret_path)
						       : from_directory(ret_path);
	if (*given == '\0' || !text_copy(given, ret_path, CONFIG_SOCKET_BYTES)) {
		complain("--socket: a path of 1 to %d characters is needed", CONFIG_SOCKET_BYTES - 1);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

/* ---- the exchange ---- */

/* A connection, or -1 with errno. */
static int open_connection(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	text_copy(path, name.sun_path, sizeof(name.sun_path));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name))) {
		const int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	}
	return fd;
}

static int connect_to(const char *path, int *ret_fd)
{
	char shown[4 * CONFIG_SOCKET_BYTES];

	*ret_fd = open_connection(path);
	if (*ret_fd >= 0)
		return EXIT_OK;
	text_escape(path, shown, sizeof(shown));
	complain("%s: cannot reach gossipd: %s%s", shown, strerror(errno),
		 errno == ENOENT || errno == ECONNREFUSED
			 ? "; is it running? --socket PATH or --config FILE names another"
			 : "");
	return EXIT_UNREACHABLE;
}

pid_t ask_daemon(const char *path)
{
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof(peer);
	int fd = open_connection(path);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		peer.pid = 0;
	if (fd >= 0)
		close(fd);
	return peer.pid;
}

/*
 * Waits for the daemon, or for the reader of our output to leave: `events --follow | head` must end although nothing
 * happens.
 */
static bool wait_patiently(int fd)
{
	struct pollfd polled[2] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };

	while (poll(polled, 2, -1) < 0 && errno == EINTR)
		continue;
	return !(polled[1].revents & POLLERR);
}

/* At least `size` bytes in the buffer. A stream that follows may be silent for ever. */
static int need(struct answers *answers, size_t size, bool patient)
{
	if (answers->end - answers->at >= size)
		return EXIT_OK;
	memmove(answers->bytes, answers->bytes + answers->at, answers->end - answers->at);
	answers->end -= answers->at;
	answers->at = 0;
	while (answers->end < size) {
		ssize_t got;

		if (patient && !wait_patiently(answers->fd)) {
			complain("standard output: nobody reads it any more");
			return EXIT_FAILED;
		}
		got = recv(answers->fd, answers->bytes + answers->end, sizeof(answers->bytes) - answers->end, 0);

		if (got < 0 && (errno == EINTR || (patient && errno == EAGAIN)))
			continue;
		if (got <= 0) {
			const char *why = errno == EAGAIN ? "does not answer" : strerror(errno);

			complain("gossipd %s", got == 0 ? "ended the connection early" : why);
			return EXIT_UNREACHABLE;
		}
		answers->end += (size_t)got;
	}
	return EXIT_OK;
}

static void complain_of_rights(gid_t group)
{
	const struct group *found = group ? getgrgid(group) : NULL;

	if (group)
		complain("gossipd refused: this is for root and members of group %s (control_admin_group)",
			 found ? found->gr_name : "without a name");
	else
		complain("gossipd refused: this is for root alone; control_admin_group in its configuration can name a "
			 "group that may, too");
}

static int end_of(const struct control_end *end)
{
	if (end->error == 0)
		return EXIT_OK;
	if (end->error == -EPERM) {
		complain_of_rights(end->group);
		return EXIT_FAILED;
	}
	if (end->error == -EPROTO)
		complain("gossipd refused: it is of another version than gossipctl");
	else if (end->error == -EDOM)
		complain("--client: the prefix is longer than an IPv6 client of this mesh; ask for the client, or for "
			 "one of its addresses");
	else if (end->error == -EBUSY)
		complain("gossipd refused: too many clients are connected, or another capture runs; try again");
	else
		complain("gossipd refused: %s", strerror(-end->error));
	return EXIT_FAILED;
}

static int read_rows(struct answers *answers, bool patient, ask_row *each, void *user)
{
	for (;;) {
		struct control_header header;
		int status = need(answers, sizeof(header), patient);

		if (status != EXIT_OK)
			return status;
		memcpy(&header, answers->bytes + answers->at, sizeof(header));
		if (header.type < CONTROL_END || header.type >= sizeof(row_sizes) / sizeof(row_sizes[0]) ||
		    header.size != row_sizes[header.type]) {
			complain("gossipd sent what gossipctl does not understand; are both of one version?");
			return EXIT_FAILED;
		}
		answers->at += sizeof(header);
		status = need(answers, header.size, patient);
		if (status != EXIT_OK)
			return status;
		if (header.type == CONTROL_END)
			return end_of((const struct control_end *)(answers->bytes + answers->at));
		if (!each(user, header.type, answers->bytes + answers->at))
			return EXIT_FAILED;
		answers->at += header.size;
	}
}

static bool take_prefix(const char *option, const char *text, uint8_t address[16], uint8_t *bits)
{
	struct prefix prefix;
	const char *why = "";

	if (text_to_prefix(text, &prefix, &why)) {
		complain("%s: %s", option, why);
		return false;
	}
	memcpy(address, prefix.address.bytes, 16);
	*bits = prefix.bits;
	return true;
}

/* Of two prefixes, is one IPv4 and the other IPv6? ::/0 and its like hold both. */
static bool is_mixed(const uint8_t a[16], const uint8_t b[16])
{
	struct address one, other;

	memcpy(one.bytes, a, 16);
	memcpy(other.bytes, b, 16);
	return address_is_ipv4(&one) != address_is_ipv4(&other) && !address_is_zero(&one) && !address_is_zero(&other);
}

bool ask_prefixes(const struct arguments *arguments, struct control_request *request)
{
	const char *client = arguments->value[OPTION_CLIENT], *destination = arguments->value[OPTION_DESTINATION];

	if (client && !take_prefix("--client", client, request->client, &request->client_bits))
		return false;
	if (destination && !take_prefix("--destination", destination, request->destination, &request->destination_bits))
		return false;
	if (client && destination && is_mixed(request->client, request->destination)) {
		complain("--client, --destination: one is IPv4, the other IPv6; no packet goes from one to the other");
		return false;
	}
	request->flags |= (client ? CONTROL_HAS_CLIENT : 0) | (destination ? CONTROL_HAS_DESTINATION : 0);
	return true;
}

static bool send_all(int fd, const void *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t sent = send(fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EPIPE || errno == ECONNRESET;
		done += (size_t)sent;
	}
	return true;
}

int ask(const struct arguments *arguments, struct control_request *request, ask_row *each, void *user)
{
	return ask_with(arguments, request, NULL, 0, each, user);
}

int ask_with(const struct arguments *arguments, struct control_request *request, const void *payload, size_t size,
	     ask_row *each, void *user)
{
	static struct answers answers;
	char path[CONFIG_SOCKET_BYTES];
	int status;

	request->magic = CONTROL_MAGIC;
	request->version = CONTROL_VERSION;
	status = find_socket(arguments, path);
	if (status == EXIT_OK)
		status = connect_to(path, &answers.fd);
	if (status != EXIT_OK)
		return status;
	answers.at = answers.end = 0;
	/* A daemon that refuses at once has answered before we ask; what it said is still to be read. */
	if (!send_all(answers.fd, request, sizeof(*request)) || !send_all(answers.fd, payload, size)) {
		complain("%s: %s", path, strerror(errno));
		status = EXIT_UNREACHABLE;
	} else {
		status = read_rows(&answers, request->flags & CONTROL_FOLLOW, each, user);
	}
	close(answers.fd);
	return status;
}
