// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A member that lies: a good key and certificate, the core's own protocol, and counts of packets that nobody sent. It
 * has no table and filters nothing. What it invents is new keys, so many in a tick, each with the same count:
 *
 *     liar CONFIG                              the configuration that gossipd of this member would run with
 *
 * It begins as an honest member without packets. Commands on standard input, one line of answer each:
 *
 *     claim KIND PER_TICK KEYS PACKETS
 *         KIND       destinations             100.64.0.0 onwards
 *                    pairs4 | pairs6          a client of its own for each pair, all to 203.0.113.9 | 2001:db8:f::9
 *                    client=ADDRESS           pairs of this client, to 100.64.0.0 | 2001:db8:bad:: onwards
 *                    clients | networks       the sums of 100.64.0.0 onwards, of 20.0.0.0/24 onwards
 *                    call=ADDRESS             pairs of clients from this one on, and their sums, to 192.0.2.1
 *                    slander=ADDRESS          the same, and the sums of 192.0.2.1 and of its network
 *         PER_TICK   keys claimed in each tick
 *         KEYS       after so many the first comes again
 *         PACKETS    claimed of each key, once in a slot
 *     rest
 *     equivocate                               signs other frames under the last numbers it used, and claims on
 *     mute ADDRESS                             sends no datagram to this address from now on
 *
 * SIGTERM ends it.
 */
#include <ev.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "identity.h"
#include "mesh_clock.h"
#include "node_internal.h"
#include "udp.h"

#define FRAMES_PER_TICK 64
#define EQUIVOCATED_MAX 5 /* numbers of frames */
#define KEYS_MAX 400000 /* of all kinds, in the slots held */

static struct {
	struct config config;
	struct identity identity;
	struct mesh_clock clock;
	struct udp *udp;
	struct node *node;
	enum { DESTINATIONS,
	       PAIRS4,
	       PAIRS6,
	       CLIENTS,
	       NETWORKS,
	       CLIENT,
	       CALL,
	       SLANDER } kind;
	struct address client; /* of CLIENT, CALL and SLANDER */
	struct address deaf; /* to whom nothing is sent */
	uint32_t per_tick, keys;
	uint64_t packets, next;
	bool claims; /* else it rests */
	ev_timer tick, turn;
	ev_io sockets[CONFIG_LISTEN_MAX], commands;
	ev_signal end;
} liar;

static void fail(const char *what)
{
	fprintf(stderr, "liar: %s\n", what);
	exit(1);
}

/* Added to the byte `last` and those before it. */
static struct address numbered_at(const char *base, int last, uint32_t number)
{
	struct address address;

	if (!text_to_address(base, &address))
		fail(base);
	for (int i = last; number; i--, number >>= 8)
		address.bytes[i] = (uint8_t)(address.bytes[i] + number);
	return address;
}

static struct address numbered(const char *base, uint32_t number)
{
	return numbered_at(base, 15, number);
}

/* A /64: an IPv6 client. */
static struct address site_numbered(const char *base, uint32_t number)
{
	return numbered_at(base, 7, number);
}

/* The sums that a real victim of what is claimed would have. */
static struct key slandered(uint32_t number)
{
	const struct address victim = numbered("192.0.2.1", 0), network = numbered("192.0.2.0", 0);
	struct address client = liar.client;

	switch (number % 4) {
	case 0:
		client.bytes[15] = (uint8_t)(client.bytes[15] + number / 4);
		return (struct key){ .client = client, .destination = victim };
	case 1:
		client.bytes[15] = (uint8_t)(client.bytes[15] + number / 4);
		return key_of_client(&client);
	case 2:
		return liar.kind == CALL ? key_of_client(&client) : key_of_destination(&victim);
	default:
		return liar.kind == CALL ? key_of_client(&client) : key_of_network(&network);
	}
}

static struct key invented(uint32_t number)
{
	struct key key = { .client = { { 0 } } };
	struct address network;

	switch (liar.kind) {
	case DESTINATIONS:
		key.destination = numbered("100.64.0.0", number);
		break;
	case PAIRS4:
		key.client = numbered("100.64.0.0", number);
		key.destination = numbered("203.0.113.9", 0);
		break;
	case PAIRS6:
		key.client = site_numbered("2001:db8:bad::", number);
		key.destination = numbered("2001:db8:f::9", 0);
		break;
	case CLIENT:
		key.client = liar.client;
		key.destination = numbered(address_is_ipv4(&liar.client) ? "100.64.0.0" : "2001:db8:bad::", number);
		break;
	case CLIENTS:
		network = numbered("100.64.0.0", number);
		return key_of_client(&network);
	case NETWORKS:
		network = numbered_at("20.0.0.0", 14, number);
		return key_of_network(&network);
	case CALL:
	case SLANDER:
		return slandered(number);
	}
	return key;
}

static void claim(struct now now)
{
	const struct mesh *mesh = &liar.identity.mesh;
	const uint64_t slot = mesh_slot_at(mesh, now.mesh);
	const struct instant first = mesh_slot_start(mesh, slot);

	for (uint32_t i = 0; liar.claims && i < liar.per_tick; i++) {
		const struct key key = invented((uint32_t)(liar.next++ % liar.keys));

		node_observe(liar.node, now, &key, slot, first, now.mesh, liar.packets);
	}
}

/* What the daemon would write to its table goes nowhere. */
static void drain(struct now now)
{
	struct endpoint to;
	struct change change;
	struct node_event event;
	size_t size;

	while ((size = node_poll(liar.node, now, &to, udp_entry(liar.udp))) > 0) {
		if (!address_equal(&to.address, &liar.deaf))
			udp_queue(liar.udp, &to, size);
	}
	udp_flush(liar.udp);
	while (node_next_change(liar.node, now, &change))
		continue;
	while (node_next_event(liar.node, &event))
		continue;
}

static void set_timers(struct ev_loop *ev)
{
	const struct now now = mesh_clock_read(&liar.clock);
	const double tick_s = (double)duration_between(now.mesh, node_next_due(liar.node, now)).ns / NS_PER_S;
	const struct instant turn = node_next_turn(liar.node, now);

	ev_now_update(ev);
	ev_timer_stop(ev, &liar.tick);
	ev_timer_set(&liar.tick, tick_s > 0 ? tick_s : 0., 0.);
	ev_timer_start(ev, &liar.tick);
	ev_timer_stop(ev, &liar.turn);
	if (turn.ns == INT64_MAX)
		return;
	ev_timer_set(&liar.turn, turn.ns > now.mono.ns ? (double)(turn.ns - now.mono.ns) / NS_PER_S : 0., 0.);
	ev_timer_start(ev, &liar.turn);
}

static void on_tick(struct ev_loop *ev, ev_timer *watcher, int events)
{
	const struct now now = mesh_clock_read(&liar.clock);

	(void)watcher, (void)events;
	if (!instant_is_before(now.mesh, node_next_due(liar.node, now))) {
		claim(now);
		node_tick(liar.node, now);
		drain(now);
	}
	set_timers(ev);
}

static void on_turn(struct ev_loop *ev, ev_timer *watcher, int events)
{
	const struct now now = mesh_clock_read(&liar.clock);

	(void)watcher, (void)events;
	node_turn(liar.node, now);
	drain(now);
	set_timers(ev);
}

static void receive(void *user, const struct endpoint *from, struct duration waited, uint8_t *bytes, size_t size)
{
	node_receive(liar.node, *(const struct now *)user, waited, from, bytes, size);
}

static void on_datagrams(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct now now = mesh_clock_read(&liar.clock);

	(void)events;
	if (udp_receive(liar.udp, (unsigned int)(watcher - liar.sockets), receive, &now) > 0)
		drain(now);
	set_timers(ev);
}

/* ADDRESS of KIND=ADDRESS. */
static bool take_address(const char *kind)
{
	static const char *const names[] = { "client=", "call=", "slander=" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(kind, names[i], strlen(names[i])) == 0) {
			liar.kind = CLIENT + i;
			return text_to_address(kind + strlen(names[i]), &liar.client);
		}
	}
	return false;
}

static bool take_claim(const char *line)
{
	static const char *const kinds[] = { "destinations", "pairs4", "pairs6", "clients", "networks" };
	unsigned int number = 0, per_tick, keys;
	unsigned long long packets;
	char kind[80];

	if (sscanf(line, "claim %79s %u %u %llu", kind, &per_tick, &keys, &packets) != 4 || keys == 0)
		return false;
	while (number < CLIENT && strcmp(kind, kinds[number]) != 0)
		number++;
	if (number < CLIENT)
		liar.kind = number;
	else if (!take_address(kind))
		return false;
	liar.per_tick = per_tick;
	liar.keys = keys;
	liar.packets = packets;
	liar.next = 0;
	return true;
}

/* What it counts from now on goes out under numbers that stand in frames already. */
static void equivocate(void)
{
	uint64_t *next = &liar.node->spread->publish.next_sequence;
	const uint64_t used = (*next & ((1ULL << SEQUENCE_BOOT_SHIFT) - 1)) - 1;

	*next -= used < EQUIVOCATED_MAX ? used : EQUIVOCATED_MAX;
}

static void on_command(struct ev_loop *ev, ev_io *watcher, int events)
{
	char line[256];
	const ssize_t got = read(STDIN_FILENO, line, sizeof(line) - 1);

	(void)events;
	if (got <= 0) {
		ev_io_stop(ev, watcher);
		return;
	}
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "mute ", 5) == 0) {
		printf("%s %s\n", text_to_address(line + 5, &liar.deaf) ? "ok" : "no such address:", line);
		return;
	}
	if (strcmp(line, "equivocate") == 0) {
		equivocate();
		printf("ok %s\n", line);
		return;
	}
	liar.claims = take_claim(line);
	printf("%s %s\n", liar.claims || strcmp(line, "rest") == 0 ? "ok" : "no such command:", line);
}

static void on_end(struct ev_loop *ev, ev_signal *watcher, int events)
{
	(void)watcher, (void)events;
	ev_break(ev, EVBREAK_ALL);
}

static void open_node(void)
{
	struct node_config node = {
		.limits = { .keys_max = KEYS_MAX,
			    .cells_max = 2 * KEYS_MAX,
			    .frames_max = 4096,
			    .members_max = liar.config.members },
		.mesh = liar.identity.mesh,
		.thresholds = config_thresholds(&liar.config),
		.certificate_bytes = liar.identity.certificate_size,
		.boot = 1,
		.datagram_bytes = (uint16_t)liar.config.datagram_bytes,
		.frames_per_tick = FRAMES_PER_TICK,
		.gossip = true,
	};
	const struct now now = mesh_clock_read(&liar.clock);
	const size_t bytes = node_bytes(&node.limits);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("no memory");
	node.incarnation = (uint64_t)(now.mesh.ns / NS_PER_MS);
	memcpy(node.secret_key, liar.identity.secret_key, sizeof(node.secret_key));
	memcpy(node.mesh_secret, liar.identity.mesh_secret, sizeof(node.mesh_secret));
	memcpy(node.certificate, liar.identity.certificate_bytes, liar.identity.certificate_size);
	randombytes_buf(node.seed, sizeof(node.seed));
	if (node_init(memory, bytes, &node, now, &liar.node))
		fail("the core refused the configuration");
	for (uint32_t i = 0; i < liar.config.peer_count; i++)
		node_greet(liar.node, liar.config.peers[i].endpoint);
}

int main(int argc, char **argv)
{
	struct ev_loop *ev = ev_default_loop(0);
	struct problem problem;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2)
		fail("usage: liar CONFIG");
	mesh_clock_start(&liar.clock);
	if (sodium_init() < 0 || config_load(argv[1], &liar.config, &problem) ||
	    identity_read(&liar.config, &liar.identity, &problem) || udp_open(&liar.config, &liar.udp, &problem))
		fail(problem.text);
	open_node();
	ev_init(&liar.tick, on_tick);
	ev_init(&liar.turn, on_turn);
	for (unsigned int i = 0; i < udp_sockets(liar.udp); i++) {
		ev_io_init(&liar.sockets[i], on_datagrams, udp_fd(liar.udp, i), EV_READ);
		ev_io_start(ev, &liar.sockets[i]);
	}
	ev_io_init(&liar.commands, on_command, STDIN_FILENO, EV_READ);
	ev_io_start(ev, &liar.commands);
	ev_signal_init(&liar.end, on_end, SIGTERM);
	ev_signal_start(ev, &liar.end);
	set_timers(ev);
	printf("ready\n");
	ev_run(ev, 0);
	return 0;
}
