/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets and batches. IPv4 and IPv6 have sockets of their own (IPV6_V6ONLY), so an address has one form on each. No
 * fragments: IP's don't-fragment bit is set, and what is too long for the path is refused by the kernel and counted.
 */
#define _GNU_SOURCE /* recvmmsg */
#include "udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BUFFER_BYTES (8 << 20) /* ~6,000 full datagrams: several ticks of 64 members */
#define SEND_BUFFER_BYTES (4 << 20)

#define STAMP_BYTES CMSG_SPACE(sizeof(struct timespec))

struct batch {
	struct mmsghdr messages[UDP_BATCH];
	uint8_t stamps[UDP_BATCH][STAMP_BYTES] __attribute__((aligned(8))); /* received: when each came */
	struct iovec vectors[UDP_BATCH];
	struct sockaddr_storage names[UDP_BATCH];
	uint8_t bytes[UDP_BATCH][UDP_SLOT_BYTES] __attribute__((aligned(64)));
};

struct udp {
	unsigned int sockets;
	int fd[CONFIG_LISTEN_MAX];
	bool ipv4[CONFIG_LISTEN_MAX];
	unsigned int queued;
	unsigned int queued_socket; /* all of a batch leave by one */
	struct udp_counters counters;
	struct batch in, out;
};

static socklen_t name_of(const struct endpoint *endpoint, struct sockaddr_storage *ret_name)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret_name;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_name;

	memset(ret_name, 0, sizeof(*ret_name));
	if (address_is_ipv4(&endpoint->address)) {
		in->sin_family = AF_INET;
		in->sin_port = htons(endpoint->port);
		memcpy(&in->sin_addr, endpoint->address.bytes + 12, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(endpoint->port);
	memcpy(&in6->sin6_addr, endpoint->address.bytes, 16);
	return sizeof(*in6);
}

static struct endpoint endpoint_of(const struct sockaddr_storage *name)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)name;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)name;
	struct endpoint endpoint = { 0 };

	if (name->ss_family == AF_INET) {
		endpoint.address = address_of_ipv4((const uint8_t *)&in->sin_addr);
		endpoint.port = ntohs(in->sin_port);
	} else {
		memcpy(endpoint.address.bytes, &in6->sin6_addr, 16);
		endpoint.port = ntohs(in6->sin6_port);
	}
	return endpoint;
}

/* ---- opening ---- */

static void set_option(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) && level != SOL_SOCKET)
		log_debug("udp: socket option %d/%d: %s", level, option, strerror(errno));
}

/* Force needs CAP_NET_ADMIN; the plain option is cut to the system's limit. */
static void set_buffers(int fd)
{
	set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES);
}

/* A bound socket or -errno. */
static int open_socket(const struct endpoint *endpoint)
{
	bool ipv4 = address_is_ipv4(&endpoint->address);
	struct sockaddr_storage name;
	socklen_t length = name_of(endpoint, &name);
	int err, fd;

	fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	set_buffers(fd);
	set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (ipv4) {
		set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	} else {
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	}
	if (bind(fd, (struct sockaddr *)&name, length) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void prepare(struct batch *batch)
{
	for (unsigned int i = 0; i < UDP_BATCH; i++) {
		batch->vectors[i] = (struct iovec){ .iov_base = batch->bytes[i], .iov_len = UDP_SLOT_BYTES };
		batch->messages[i].msg_hdr = (struct msghdr){
			.msg_iov = &batch->vectors[i],
			.msg_iovlen = 1,
			.msg_name = &batch->names[i],
			.msg_namelen = sizeof(batch->names[i]),
		};
	}
}

static bool may_lack(const struct endpoint *endpoint, int err)
{
	return address_is_zero(&endpoint->address) && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
}

int udp_open(const struct config *config, struct udp **ret_udp, struct problem *ret_problem)
{
	struct udp *udp = aligned_alloc(64, sizeof(*udp));

	if (!udp)
		return problem_set(ret_problem, -ENOMEM, "udp: no memory for %zu bytes", sizeof(*udp));
	memset(udp, 0, sizeof(*udp));
	prepare(&udp->in);
	prepare(&udp->out);
	for (uint32_t i = 0; i < config->listen_count; i++) {
		const struct endpoint *endpoint = &config->listen[i].endpoint;
		char text[TEXT_ENDPOINT_BYTES];
		int fd = open_socket(endpoint);

		text_of_endpoint(endpoint, text);
		if (fd < 0 && may_lack(endpoint, fd) && config->listen_count > 1) {
			log_warning("udp: %s: this host has no IPv6; going on without", text);
			continue;
		}
		if (fd < 0) {
			udp_close(udp);
			return problem_set(ret_problem, fd, "%s:%u: listen: cannot bind %s: %s%s", config->path,
					   config->listen[i].line, text, strerror(-fd),
					   fd == -EADDRINUSE ? "; is another gossipd running?" : "");
		}
		udp->fd[udp->sockets] = fd;
		udp->ipv4[udp->sockets++] = address_is_ipv4(&endpoint->address);
	}
	*ret_udp = udp;
	return 0;
}

void udp_close(struct udp *udp)
{
	if (!udp)
		return;
	for (unsigned int i = 0; i < udp->sockets; i++)
		close(udp->fd[i]);
	free(udp);
}

unsigned int udp_sockets(const struct udp *udp)
{
	return udp->sockets;
}

int udp_fd(const struct udp *udp, unsigned int index)
{
	return udp->fd[index];
}

const struct udp_counters *udp_counters(const struct udp *udp)
{
	return &udp->counters;
}

/* ---- batches ---- */

static int64_t ns_of(const struct timespec *at)
{
	return (int64_t)at->tv_sec * NS_PER_S + at->tv_nsec;
}

/* Since the kernel stamped it, up to this time of the host's clock. */
static struct duration waited(struct msghdr *message, const struct timespec *now)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct timespec came;
	int64_t ns;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
		return (struct duration){ 0 };
	memcpy(&came, CMSG_DATA(control), sizeof(came));
	ns = ns_of(now) - ns_of(&came);
	return (struct duration){ ns > 0 && ns <= UDP_WAIT_MS_MAX * NS_PER_MS ? ns - ns % NS_PER_US : 0 };
}

unsigned int udp_receive(struct udp *udp, unsigned int index, udp_each *each, void *user)
{
	struct batch *in = &udp->in;
	struct timespec now;
	int count;

	for (unsigned int i = 0; i < UDP_BATCH; i++) {
		in->messages[i].msg_hdr.msg_namelen = sizeof(in->names[i]);
		in->messages[i].msg_hdr.msg_control = in->stamps[i];
		in->messages[i].msg_hdr.msg_controllen = STAMP_BYTES;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	count = recvmmsg(udp->fd[index], in->messages, UDP_BATCH, MSG_DONTWAIT, NULL);
	if (count < 0) {
		/* ECONNREFUSED and its kin are somebody's ICMP: the next call goes on. */
		udp->counters.receive_errors += errno != EAGAIN && errno != EINTR;
		return 0;
	}
	for (int i = 0; i < count; i++) {
		struct endpoint from = endpoint_of(&in->names[i]);

		each(user, &from, waited(&in->messages[i].msg_hdr, &now), in->bytes[i], in->messages[i].msg_len);
	}
	return (unsigned int)count;
}

/*
 * The first socket of the family. Replies leave by it too: members answer to the address in the seal's session, not
 * to a port of ours.
 */
static int socket_for(const struct udp *udp, const struct endpoint *to)
{
	for (unsigned int i = 0; i < udp->sockets; i++) {
		if (udp->ipv4[i] == address_is_ipv4(&to->address))
			return (int)i;
	}
	return -1;
}

uint8_t *udp_entry(struct udp *udp)
{
	return udp->out.bytes[udp->queued];
}

void udp_queue(struct udp *udp, const struct endpoint *to, size_t size)
{
	struct batch *out = &udp->out;
	int index = socket_for(udp, to);
	unsigned int slot = udp->queued;

	if (index < 0) {
		udp->counters.unroutable++;
		return;
	}
	if (slot > 0 && (unsigned int)index != udp->queued_socket) {
		/* Another family: what waits leaves first, and its slots are free again. */
		udp_flush(udp);
		memcpy(out->bytes[0], out->bytes[slot], size);
		slot = 0;
	}
	out->vectors[slot].iov_len = size;
	out->messages[slot].msg_hdr.msg_namelen = name_of(to, &out->names[slot]);
	udp->queued_socket = (unsigned int)index;
	udp->queued = slot + 1;
	if (udp->queued == UDP_BATCH)
		udp_flush(udp);
}

void udp_flush(struct udp *udp)
{
	unsigned int at = 0, count = udp->queued;

	udp->queued = 0;
	while (at < count) {
		int sent = sendmmsg(udp->fd[udp->queued_socket], udp->out.messages + at, count - at,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0) {
			/*
			 * One is refused, the next may pass (another peer, a shorter datagram). A full socket
			 * refuses all.
			 */
			udp->counters.send_errors++;
			sent = 1;
		}
		at += (unsigned int)sent;
	}
}
