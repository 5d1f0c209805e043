// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The victim's socket: the last station of the demo's packets. Receives whatever arrives from any proxy, checks it,
 * and writes down whose it was and when the kernel had it. Never answers. Runs until told to stop (SIGTERM), in the
 * victim's namespace.
 *
 *     victim PROXIES TRACE        interfaces from1 ... fromN
 */
#define _GNU_SOURCE /* sendmmsg, recvmmsg */
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "trace.h"

#define BATCH 64
#define FRAME_BYTES_MAX 256
#define SOCKET_BYTES (32 << 20) /* 25,000 small packets take 20 MB of socket memory: a second's worth */

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static int open_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int bytes = SOCKET_BYTES, on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0) {
		perror("victim: packet socket");
		exit(1);
	}
	return fd;
}

/* The kernel stamps with CLOCK_REALTIME; the traces speak CLOCK_MONOTONIC. */
static int64_t received_at(struct msghdr *message, int64_t real_to_mono)
{
	struct timespec at;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		return at.tv_sec * 1000000000LL + at.tv_nsec + real_to_mono;
	}
	return clock_ns(CLOCK_MONOTONIC);
}

static void receive(int fd, struct trace *trace, const uint8_t proxy_of[], unsigned int interfaces)
{
	static uint8_t frames[BATCH][FRAME_BYTES_MAX];
	static char controls[BATCH][64];
	static struct sockaddr_ll from[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	int64_t real_to_mono = clock_ns(CLOCK_MONOTONIC) - clock_ns(CLOCK_REALTIME);
	int received;

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = frames[i], .iov_len = FRAME_BYTES_MAX };
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i],
							     .msg_namelen = sizeof(from[i]),
							     .msg_iov = &parts[i],
							     .msg_iovlen = 1,
							     .msg_control = controls[i],
							     .msg_controllen = sizeof(controls[i]) } };
	}
	received = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < received; i++) {
		unsigned int interface = (unsigned int)from[i].sll_ifindex;
		struct parsed parsed;

		if (interface >= interfaces || proxy_of[interface] == 0 ||
		    !packet_parse(frames[i], messages[i].msg_len, &parsed)) {
			trace->foreign++;
			continue;
		}
		if (!parsed.intact)
			trace->damaged++;
		trace->packets[parsed.class]++;
		trace_append(trace, (struct trace_record){ .at = received_at(&messages[i].msg_hdr, real_to_mono),
							   .client = (uint16_t)parsed.client,
							   .proxy = (uint8_t)(proxy_of[interface] - 1),
							   .kind = (uint8_t)parsed.class,
							   .value = (uint32_t)parsed.family });
	}
}

int main(int argc, char **argv)
{
	uint8_t proxy_of[256] = { 0 }; /* by ifindex; a fresh namespace counts from 1 */
	unsigned int proxies = argc == 3 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	struct tpacket_stats lost = { 0 };
	socklen_t size = sizeof(lost);
	struct trace *trace;
	int fd;

	if (proxies == 0 || proxies > PROXIES_MAX) {
		fprintf(stderr, "usage: victim PROXIES TRACE\n");
		return 2;
	}
	for (unsigned int i = 1; i <= proxies; i++) {
		char name[IFNAMSIZ];
		unsigned int interface;

		snprintf(name, sizeof(name), "from%u", i);
		interface = if_nametoindex(name);
		if (interface == 0 || interface >= sizeof(proxy_of)) {
			fprintf(stderr, "victim: no interface %s here\n", name);
			return 1;
		}
		proxy_of[interface] = (uint8_t)i;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	setpriority(PRIO_PROCESS, 0, -10);
	fd = open_socket();
	trace = trace_create(argv[2]);
	if (!trace) {
		perror(argv[2]);
		return 1;
	}
	trace->proxies = proxies;
	trace_enter(trace, TRACE_READY);
	while (!stopped) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		if (poll(&wait, 1, 100) > 0)
			receive(fd, trace, proxy_of, sizeof(proxy_of));
	}
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &lost, &size);
	trace->overrun = lost.tp_drops;
	trace_enter(trace, TRACE_DONE);
	return 0;
}
