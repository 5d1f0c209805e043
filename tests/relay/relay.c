// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A bad network between real daemons. The relay is a switch in user space: it reads Ethernet frames from its ports
 * (veth ends, one per host) and carries them to the others. What is UDP it loses, doubles, delays, changes and cuts
 * off as told; every decision is drawn from the seed, the link and the number of the datagram on that link, so a
 * link meets the same fate in every run. What is not UDP (ARP, neighbour discovery, ICMP) is only ever cut.
 *
 *     relay SEED INTERFACE...       commands on standard input, one line of answer each:
 *
 *     loss P | duplicate P | corrupt P | reorder P     of 100 datagrams; reorder holds one back for 50 ms
 *     delay MS JITTER                                  of every datagram
 *     mtu BYTES                                        longer IP packets vanish, without a word (a black hole)
 *     cut FROM TO | heal FROM TO                       one way; 0 is every port
 *     version PORT FROM TO                             of the protocol: what comes from the port and goes to it says so
 *     clear                                            no faults, no cuts, every version as it was sent
 *     report                                           counters
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame_fix.h"

#define PORTS_MAX 16
#define FRAME_BYTES_MAX 2048
#define HELD_MAX 16384 /* 30 MB: a second of 16,000 delayed datagrams */
#define LEARNT_MAX 64
#define FRAMES_PER_TURN 64
#define REORDER_MS 50

struct held {
	double due;
	uint64_t order;
	unsigned int to;
	size_t size;
	uint8_t bytes[FRAME_BYTES_MAX];
};

struct learnt {
	uint8_t mac[6];
	unsigned int port;
};

static struct {
	uint64_t seed, order;
	unsigned int ports;
	int fd[PORTS_MAX];
	ev_io watchers[PORTS_MAX], commands;
	ev_timer timer;
	double loss, duplicate, corrupt, reorder, delay_ms, jitter_ms;
	size_t mtu;
	bool cut[PORTS_MAX][PORTS_MAX];
	uint8_t version_from[PORTS_MAX], version_to[PORTS_MAX]; /* 0: as it was sent */
	uint64_t numbers[PORTS_MAX][PORTS_MAX]; /* datagrams so far on each link */
	struct learnt learnt[LEARNT_MAX];
	unsigned int learnt_count;
	struct held *held[HELD_MAX]; /* a heap by (due, order) */
	unsigned int held_count;
	struct {
		uint64_t carried, lost, doubled, changed, late, too_long, cut, unreachable, overflow, of_version;
	} counted;
	char line[256];
	size_t line_bytes;
} relay;

static void fail(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- chance ---- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* One datagram's own stream of random numbers. */
static double draw(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return (double)(mix(*state) >> 11) / (double)(1ULL << 53);
}

static bool happens(uint64_t *state, double percent)
{
	return draw(state) * 100 < percent;
}

/* ---- what is held back ---- */

static bool is_earlier(const struct held *a, const struct held *b)
{
	return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static void swap(unsigned int a, unsigned int b)
{
	struct held *kept = relay.held[a];

	relay.held[a] = relay.held[b];
	relay.held[b] = kept;
}

static void hold(struct held *one)
{
	unsigned int at = relay.held_count++;

	for (relay.held[at] = one; at > 0 && is_earlier(relay.held[at], relay.held[(at - 1) / 2]); at = (at - 1) / 2)
		swap(at, (at - 1) / 2);
}

static struct held *take_first(void)
{
	struct held *first = relay.held[0];
	unsigned int at = 0;

	relay.held[0] = relay.held[--relay.held_count];
	for (;;) {
		unsigned int least = at, child = 2 * at + 1;

		for (unsigned int i = child; i <= child + 1 && i < relay.held_count; i++)
			least = is_earlier(relay.held[i], relay.held[least]) ? i : least;
		if (least == at)
			return first;
		swap(at, least);
		at = least;
	}
}

static void put_out(unsigned int to, const uint8_t *frame, size_t size)
{
	/* A full or absent interface loses the frame, as a wire would. */
	if (send(relay.fd[to], frame, size, MSG_DONTWAIT) == (ssize_t)size)
		relay.counted.carried++;
	else
		relay.counted.overflow++;
}

static void set_timer(struct ev_loop *loop)
{
	double wait;

	ev_timer_stop(loop, &relay.timer);
	if (relay.held_count == 0)
		return;
	wait = relay.held[0]->due - ev_time();
	ev_timer_set(&relay.timer, wait > 0 ? wait : 0, 0);
	ev_timer_start(loop, &relay.timer);
}

static void on_due(struct ev_loop *loop, ev_timer *watcher, int events)
{
	(void)watcher, (void)events;
	while (relay.held_count > 0 && relay.held[0]->due <= ev_time()) {
		struct held *one = take_first();

		put_out(one->to, one->bytes, one->size);
		free(one);
	}
	set_timer(loop);
}

/* ---- one link ---- */

static void carry_later(unsigned int to, const uint8_t *frame, size_t size, double wait_ms)
{
	struct held *one = relay.held_count < HELD_MAX && wait_ms > 0 ? malloc(sizeof(*one)) : NULL;

	if (wait_ms <= 0) {
		put_out(to, frame, size);
		return;
	}
	if (!one) {
		relay.counted.overflow++;
		return;
	}
	one->due = ev_time() + wait_ms / 1000;
	one->order = relay.order++;
	one->to = to;
	one->size = size;
	memcpy(one->bytes, frame, size);
	hold(one);
}

/* The third byte of a datagram of ours (PROTOCOL, Datagrams). */
static void set_version(unsigned int from, unsigned int to, uint8_t *frame, const struct datagram_place *place)
{
	const uint8_t version = relay.version_from[from] ? relay.version_from[from] : relay.version_to[to];
	uint8_t *payload = frame + place->payload;

	if (version == 0 || place->end - place->payload < 3 || payload[0] != 'X' || payload[1] != 'M')
		return;
	payload[2] = version;
	relay.counted.of_version++;
}

static void carry_datagram(unsigned int from, unsigned int to, const uint8_t *original, size_t size,
			   const struct datagram_place *place)
{
	uint64_t state = mix(relay.seed ^ mix((uint64_t)from * PORTS_MAX + to) ^ mix(relay.numbers[from][to]++ << 16));
	unsigned int copies = 1;
	uint8_t frame[FRAME_BYTES_MAX];

	if (relay.mtu && place->end - place->ip > relay.mtu) {
		relay.counted.too_long++;
		return;
	}
	if (happens(&state, relay.loss)) {
		relay.counted.lost++;
		return;
	}
	memcpy(frame, original, size);
	set_version(from, to, frame, place);
	if (happens(&state, relay.corrupt) && place->end > place->payload) {
		frame[place->payload + (size_t)(draw(&state) * (double)(place->end - place->payload))] ^=
			(uint8_t)(1 + draw(&state) * 255);
		relay.counted.changed++;
	}
	frame_set_checksum(frame, place);
	if (happens(&state, relay.duplicate)) {
		relay.counted.doubled++;
		copies = 2;
	}
	for (; copies > 0; copies--) {
		double wait_ms = relay.delay_ms + draw(&state) * relay.jitter_ms;

		if (happens(&state, relay.reorder)) {
			relay.counted.late++;
			wait_ms += REORDER_MS;
		}
		carry_later(to, frame, size, wait_ms);
	}
}

static void carry(unsigned int from, unsigned int to, const uint8_t *frame, size_t size)
{
	struct datagram_place place;

	if (relay.cut[from][to]) {
		relay.counted.cut++;
		return;
	}
	if (frame_find_udp(frame, size, &place)) {
		carry_datagram(from, to, frame, size, &place);
		return;
	}
	relay.counted.unreachable += frame_is_unreachable(frame, size);
	put_out(to, frame, size);
}

/* ---- the switch ---- */

static void learn(const uint8_t mac[6], unsigned int port)
{
	for (unsigned int i = 0; i < relay.learnt_count; i++) {
		if (memcmp(relay.learnt[i].mac, mac, 6) == 0) {
			relay.learnt[i].port = port;
			return;
		}
	}
	if (relay.learnt_count < LEARNT_MAX) {
		memcpy(relay.learnt[relay.learnt_count].mac, mac, 6);
		relay.learnt[relay.learnt_count++].port = port;
	}
}

static void switch_frame(unsigned int from, const uint8_t *frame, size_t size)
{
	if (size < ETHERNET_BYTES)
		return;
	learn(frame + 6, from);
	for (unsigned int i = 0; !(frame[0] & 1) && i < relay.learnt_count; i++) {
		if (memcmp(relay.learnt[i].mac, frame, 6) == 0) {
			if (relay.learnt[i].port != from)
				carry(from, relay.learnt[i].port, frame, size);
			return;
		}
	}
	for (unsigned int to = 0; to < relay.ports; to++) {
		if (to != from)
			carry(from, to, frame, size);
	}
}

static void on_frames(struct ev_loop *loop, ev_io *watcher, int events)
{
	const unsigned int from = (unsigned int)(watcher - relay.watchers);
	uint8_t frame[FRAME_BYTES_MAX];

	(void)events;
	for (unsigned int i = 0; i < FRAMES_PER_TURN; i++) {
		ssize_t size = recv(relay.fd[from], frame, sizeof(frame), MSG_DONTWAIT);

		if (size <= 0)
			break; /* an interface that is down reads ENETDOWN once, and goes on when it is up */
		switch_frame(from, frame, (size_t)size);
	}
	set_timer(loop);
}

static int open_port(const char *interface)
{
	struct sockaddr_ll place = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	int fd, one = 1, buffer = 8 << 20;

	all.mr_ifindex = place.sll_ifindex = (int)if_nametoindex(interface);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (place.sll_ifindex == 0 || fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
	    bind(fd, (struct sockaddr *)&place, sizeof(place)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
		fail(interface);
	return fd;
}

/* ---- commands ---- */

static void set_cut(unsigned int from, unsigned int to, bool cut)
{
	for (unsigned int a = 0; a < relay.ports; a++) {
		for (unsigned int b = 0; b < relay.ports; b++) {
			if ((from == 0 || from == a + 1) && (to == 0 || to == b + 1))
				relay.cut[a][b] = cut;
		}
	}
}

static void clear(void)
{
	relay.loss = relay.duplicate = relay.corrupt = relay.reorder = relay.delay_ms = relay.jitter_ms = 0;
	relay.mtu = 0;
	memset(relay.version_from, 0, sizeof(relay.version_from));
	memset(relay.version_to, 0, sizeof(relay.version_to));
	set_cut(0, 0, false);
}

static void report(void)
{
	printf("{\"carried\": %llu, \"lost\": %llu, \"doubled\": %llu, \"changed\": %llu, \"late\": %llu, "
	       "\"too_long\": %llu, \"cut\": %llu, "
	       "\"unreachable\": %llu, \"overflow\": %llu, \"of_version\": %llu}\n",
	       (unsigned long long)relay.counted.carried, (unsigned long long)relay.counted.lost,
	       (unsigned long long)relay.counted.doubled, (unsigned long long)relay.counted.changed,
	       (unsigned long long)relay.counted.late, (unsigned long long)relay.counted.too_long,
	       (unsigned long long)relay.counted.cut, (unsigned long long)relay.counted.unreachable,
	       (unsigned long long)relay.counted.overflow, (unsigned long long)relay.counted.of_version);
}

static void obey(const char *line)
{
	char verb[32];
	double a = 0, b = 0, c = 0;
	const int numbers = sscanf(line, "%31s %lf %lf %lf", verb, &a, &b, &c) - 1;

	if (numbers == 0 && strcmp(verb, "report") == 0) {
		report();
		return;
	}
	if (numbers == 0 && strcmp(verb, "clear") == 0)
		clear();
	else if (numbers == 1 && strcmp(verb, "loss") == 0)
		relay.loss = a;
	else if (numbers == 1 && strcmp(verb, "duplicate") == 0)
		relay.duplicate = a;
	else if (numbers == 1 && strcmp(verb, "corrupt") == 0)
		relay.corrupt = a;
	else if (numbers == 1 && strcmp(verb, "reorder") == 0)
		relay.reorder = a;
	else if (numbers == 1 && strcmp(verb, "mtu") == 0)
		relay.mtu = (size_t)a;
	else if (numbers == 2 && strcmp(verb, "delay") == 0)
		relay.delay_ms = a, relay.jitter_ms = b;
	else if (numbers == 2 && strcmp(verb, "cut") == 0)
		set_cut((unsigned int)a, (unsigned int)b, true);
	else if (numbers == 2 && strcmp(verb, "heal") == 0)
		set_cut((unsigned int)a, (unsigned int)b, false);
	else if (numbers == 3 && strcmp(verb, "version") == 0 && a >= 1 && a <= relay.ports)
		relay.version_from[(int)a - 1] = (uint8_t)b, relay.version_to[(int)a - 1] = (uint8_t)c;
	else {
		printf("no such command: %s\n", line);
		return;
	}
	puts("ok");
}

static void on_commands(struct ev_loop *loop, ev_io *watcher, int events)
{
	char *end;
	ssize_t got = read(STDIN_FILENO, relay.line + relay.line_bytes, sizeof(relay.line) - 1 - relay.line_bytes);

	(void)watcher, (void)events;
	if (got <= 0) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	relay.line_bytes += (size_t)got;
	relay.line[relay.line_bytes] = '\0';
	while ((end = strchr(relay.line, '\n'))) {
		*end = '\0';
		obey(relay.line);
		relay.line_bytes -= (size_t)(end + 1 - relay.line);
		memmove(relay.line, end + 1, relay.line_bytes + 1);
	}
	if (relay.line_bytes == sizeof(relay.line) - 1)
		relay.line_bytes = 0; /* no command is that long */
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);

	if (argc < 3 || argc - 2 > PORTS_MAX || !loop) {
		fprintf(stderr, "usage: relay SEED INTERFACE... (at most %d)\n", PORTS_MAX);
		return 2;
	}
	relay.seed = strtoull(argv[1], NULL, 10);
	relay.ports = (unsigned int)argc - 2;
	ev_timer_init(&relay.timer, on_due, 0, 0);
	for (unsigned int i = 0; i < relay.ports; i++) {
		relay.fd[i] = open_port(argv[i + 2]);
		ev_io_init(&relay.watchers[i], on_frames, relay.fd[i], EV_READ);
		ev_io_start(loop, &relay.watchers[i]);
	}
	ev_io_init(&relay.commands, on_commands, STDIN_FILENO, EV_READ);
	ev_io_start(loop, &relay.commands);
	puts("ready");
	fflush(stdout);
	ev_run(loop, 0);
	return 0;
}
