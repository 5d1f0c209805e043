// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The demo's clients: the first station of its packets. Sends, from the clients' namespace and through every proxy,
 * what honest clients and bots would send: each evenly at its own rate with a phase of its own, honest ones alone at
 * first, then both. Writes down every packet the kernel took, and the moment the mesh-wide count of an attacked key
 * crossed the line, worked out from what was sent and nothing else.
 *
 *     traffic --proxies N --attack spread|many --pair-rate R --destination-rate R --warmup S --duration S [--family
 *     4|6] [--seed
 * N] TRACE
 *
 * Interfaces to1 ... toN; proxy i has the MAC address 02:00:00:00:01:i on the other end, traffic itself is
 * 02:00:00:00:00:i.
 */
#define _GNU_SOURCE /* sendmmsg, recvmmsg */
#include <getopt.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/if.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "trace.h"

#define BATCH 64	/* a veth with XDP queues 256 packets: four batches fit */
#define PAUSE_NS 200000 /* shortest sleep: bounds what a poll for the next packet may cost */
#define SECONDS_MAX 60
#define LAST_SECONDS 2
#define RATE_MAX 30000 /* packets per second, all clients: more is not offered, whatever was asked */

#define HONEST 40
#define BYSTANDERS 8
#define SPREAD_BOTS 20
#define MANY_BOT_RATE 48.0
#define BURST_PARTS 50
#define MANY_HONEST_SHARE 0.6 /* mean, of the fair share */
#define MANY_BYSTANDER_RATE 20.0
#define PROXY_SHARE 0.8	   /* what every proxy sees of the limit, at most */
#define MESH_SHARE_MAX 4.0 /* what the mesh sees of the limit, at most */

/*
 * Algorithm 1 with one master that hears of every packet at once; slots as by default. Says when an attack could
 * first be known.
 */
#define WINDOW_MAX_NS 8000000000LL
#define DECAY 2
#define SLOT_NS (WINDOW_MAX_NS / DECAY)
#define MIN_WINDOW_NS 1000000000LL

struct window {
	int64_t start, slot; /* mesh time is CLOCK_REALTIME */
	uint64_t packets;
};

struct client {
	uint8_t packet[PACKET_BYTES_MAX];
	size_t size;
	int64_t next_at, interval;
	unsigned int turn;
	struct window window;
};

struct proxy_queue {
	int fd;
	struct ethhdr header[2]; /* IPv4, IPv6 */
	struct iovec parts[BATCH][2];
	struct mmsghdr messages[BATCH];
	unsigned int client[BATCH];
	unsigned int queued;
};

static struct client clients[CLIENTS_MAX];
static unsigned int heap[CLIENTS_MAX], heaped; /* clients by next_at, earliest first */
static struct proxy_queue queues[PROXIES_MAX];
static struct window attacked; /* attack 2: the destination */
static uint64_t attacked_lately[BURST_PARTS]; /* its packets of the last second, in parts; part n at n % BURST_PARTS */
static bool fair; /* aggregate */
static uint64_t prng_state;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* splitmix64 */
static double random_unit(void)
{
	uint64_t z = prng_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static double random_between(double low, double high)
{
	return low + (high - low) * random_unit();
}

static void heap_push(unsigned int client)
{
	unsigned int at = heaped++;

	for (; at > 0 && clients[heap[(at - 1) / 2]].next_at > clients[client].next_at; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = client;
}

static unsigned int heap_pop(void)
{
	unsigned int top = heap[0], moved = heap[--heaped], at = 0;

	for (;;) {
		unsigned int child = 2 * at + 1;

		if (child >= heaped)
			break;
		if (child + 1 < heaped && clients[heap[child + 1]].next_at < clients[heap[child]].next_at)
			child++;
		if (clients[heap[child]].next_at >= clients[moved].next_at)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
	return top;
}

/* Counts a packet; true when the count is over rate x max(window, 1 s). */
static bool window_count(struct window *window, uint64_t rate, int64_t mesh)
{
	int64_t slot = mesh / SLOT_NS, length;

	if (window->packets == 0)
		*window = (struct window){ .start = mesh, .slot = slot };
	for (; window->slot < slot; window->slot++) {
		int64_t boundary = (window->slot + 1) * SLOT_NS;

		if (boundary - window->start > WINDOW_MAX_NS / DECAY) {
			window->start = boundary - (boundary - window->start) / DECAY;
			window->packets /= DECAY;
		}
	}
	window->packets++;
	length = mesh - window->start > MIN_WINDOW_NS ? mesh - window->start : MIN_WINDOW_NS;
	return (double)window->packets > (double)rate * (double)length / 1e9;
}

/* Counts a packet; true when those of the last second are over 1.1 x rate, which `fair` goes by as well. */
static bool burst_count(uint64_t rate, int64_t now)
{
	static int64_t newest;
	const int64_t part = now / (1000000000 / BURST_PARTS);
	uint64_t packets = 0;

	if (newest < part - BURST_PARTS)
		newest = part - BURST_PARTS;
	while (newest < part)
		attacked_lately[++newest % BURST_PARTS] = 0;
	attacked_lately[part % BURST_PARTS]++;
	for (unsigned int i = 0; i < BURST_PARTS; i++)
		packets += attacked_lately[i];
	return (double)packets > 1.1 * (double)rate;
}

static void add_client(struct trace *trace, enum class class, int family, enum path path, double rate)
{
	unsigned int number = trace->clients++;
	struct client *client = &clients[number];
	uint8_t protocol = number / 2 % 2 ? IPPROTO_TCP : IPPROTO_UDP;

	trace->client[number] = (struct trace_client){ .class = (uint8_t) class,
						       .family = (uint8_t)family,
						       .protocol = protocol,
						       .path = (uint8_t)path,
						       .home = (uint8_t)(number % trace->proxies),
						       .rate = rate,
						       .crossed_at = NEVER };
	client->size = packet_build(class, number, family, protocol, client->packet);
	client->interval = (int64_t)(1e9 / rate);
	client->turn = number % trace->proxies;
}

/* Attack 1: few bots, each over T_F1 by what all proxies see together and under it by what any one sees. */
static void make_spread(struct trace *trace)
{
	double share = fmin(PROXY_SHARE * trace->proxies, MESH_SHARE_MAX);

	for (unsigned int i = 0; i < HONEST; i++)
		add_client(trace, CLASS_HONEST, i % 2 ? 6 : 4, i / 2 % 3,
			   random_between(0.2, 0.8) * (double)trace->pair_rate);
	for (unsigned int i = 0; i < SPREAD_BOTS; i++)
		add_client(trace, CLASS_BOT, i % 2 ? 6 : 4, PATH_SPREAD, share * (double)trace->pair_rate);
}

/*
 * Attack 2: hundreds of bots, each below T_F1, together over T_F2 by what all proxies see and under it by what any
 * one sees. lambda solves sum of min(rate, lambda) = T_F2; every bot is above it, every honest client below: lambda
 * = T_F2 / (bots + sum of honest shares).
 */
static void make_many(struct trace *trace, int family)
{
	double share = fmin(PROXY_SHARE * trace->proxies, MESH_SHARE_MAX), shares[HONEST], sum = 0;
	unsigned int bots = (unsigned int)((share * (double)trace->destination_rate) / MANY_BOT_RATE);

	for (unsigned int i = 0; i < HONEST; i++)
		sum += shares[i] = random_between(MANY_HONEST_SHARE - 0.15, MANY_HONEST_SHARE + 0.15);
	for (int round = 0; round < 3; round++) { /* the honest take their part of what every proxy may see */
		trace->fair_rate = (double)trace->destination_rate / (bots + sum);
		bots = (unsigned int)((share * (double)trace->destination_rate - sum * trace->fair_rate) /
				      MANY_BOT_RATE);
	}
	if (bots > CLIENTS_MAX - HONEST - BYSTANDERS) {
		fprintf(stderr, "traffic: %u bots are more than this program drives\n", bots);
		exit(1);
	}
	trace->fair_rate = (double)trace->destination_rate / (bots + sum);
	trace->attacked_family = (uint32_t)family;
	for (unsigned int i = 0; i < HONEST; i++)
		add_client(trace, CLASS_HONEST, family, i % 3, shares[i] * trace->fair_rate);
	for (unsigned int i = 0; i < BYSTANDERS; i++)
		add_client(trace, CLASS_BYSTANDER, family == 4 ? 6 : 4, i % 3, MANY_BYSTANDER_RATE);
	for (unsigned int i = 0; i < bots; i++)
		add_client(trace, CLASS_BOT, family, i % 2 ? PATH_SPREAD : PATH_HOME, MANY_BOT_RATE);
}

static void open_queue(struct proxy_queue *queue, unsigned int proxy)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = 0 };
	char name[IFNAMSIZ];
	int bytes = 4 << 20;

	snprintf(name, sizeof(name), "to%u", proxy + 1);
	to.sll_ifindex = (int)if_nametoindex(name);
	queue->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: sends, hears nothing */
	if (to.sll_ifindex == 0 || queue->fd < 0 || bind(queue->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    setsockopt(queue->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
		perror(name);
		exit(1);
	}
	for (int i = 0; i < 2; i++) {
		queue->header[i] = (struct ethhdr){ .h_dest = { 2, 0, 0, 0, 1, (uint8_t)(proxy + 1) },
						    .h_source = { 2, 0, 0, 0, 0, (uint8_t)(proxy + 1) },
						    .h_proto = htons(i ? ETH_P_IPV6 : ETH_P_IP) };
	}
}

static void enqueue(struct trace *trace, unsigned int number, int64_t now)
{
	const struct trace_client *who = &trace->client[number];
	struct client *client = &clients[number];
	unsigned int proxy = who->home;
	struct proxy_queue *queue;
	struct iovec *parts;

	if (who->path == PATH_SPREAD)
		proxy = client->turn++ % trace->proxies;
	else if (who->path == PATH_ROAM)
		proxy = (who->home + (unsigned int)((now - trace->started_at) / 2000000000)) % trace->proxies;
	queue = &queues[proxy];
	parts = queue->parts[queue->queued];
	parts[0] = (struct iovec){ .iov_base = &queue->header[who->family == 6], .iov_len = ETH_HLEN };
	parts[1] = (struct iovec){ .iov_base = client->packet, .iov_len = client->size };
	queue->messages[queue->queued] = (struct mmsghdr){ .msg_hdr = { .msg_iov = parts, .msg_iovlen = 2 } };
	queue->client[queue->queued++] = number;
}

/* Watches the line; called for every packet the kernel took. */
static void count(struct trace *trace, unsigned int number, int64_t now, int64_t mono_to_real)
{
	struct trace_client *who = &trace->client[number];
	int64_t mesh = now + mono_to_real;

	if (window_count(&clients[number].window, trace->pair_rate, mesh) && who->crossed_at == NEVER)
		who->crossed_at = now;
	if (trace->attacked_family == 0) {
		if (who->class == CLASS_BOT && who->crossed_at < trace->crossed_at)
			trace->crossed_at = who->crossed_at;
	} else if (who->family == trace->attacked_family) {
		const bool over = window_count(&attacked, trace->destination_rate, mesh),
			   burst = burst_count(trace->destination_rate, now);

		if ((over || (fair && burst)) && trace->crossed_at == NEVER)
			trace->crossed_at = now;
	}
}

static void flush(struct trace *trace, unsigned int proxy, int64_t mono_to_real)
{
	struct proxy_queue *queue = &queues[proxy];
	int64_t now = clock_ns(CLOCK_MONOTONIC);

	for (unsigned int done = 0; done < queue->queued;) {
		int sent = sendmmsg(queue->fd, queue->messages + done, queue->queued - done, 0);

		if (sent <= 0) {
			trace->refused++;
			done++;
			continue;
		}
		for (int i = 0; i < sent; i++, done++) {
			unsigned int number = queue->client[done];

			trace->packets[trace->client[number].class]++;
			trace_append(trace, (struct trace_record){ .at = now,
								   .client = (uint16_t)number,
								   .proxy = (uint8_t)proxy,
								   .kind = trace->client[number].class,
								   .value = trace->client[number].family });
			count(trace, number, now, mono_to_real);
		}
	}
	queue->queued = 0;
}

/*
 * Every client's packets as they fall due; one that was missed while we were not running follows at once, in batches
 * with a pause.
 */
static void run(struct trace *trace, int64_t until, int64_t mono_to_real)
{
	while (!stopped) {
		int64_t now = clock_ns(CLOCK_MONOTONIC);

		if (now >= until)
			break;
		for (unsigned int taken = 0; taken < BATCH && heaped > 0 && clients[heap[0]].next_at <= now; taken++) {
			unsigned int number = heap_pop();

			enqueue(trace, number, now);
			clients[number].next_at += clients[number].interval;
			heap_push(number);
		}
		for (unsigned int i = 0; i < trace->proxies; i++)
			flush(trace, i, mono_to_real);
		now = clock_ns(CLOCK_MONOTONIC);
		if (heaped > 0 && clients[heap[0]].next_at > now + PAUSE_NS)
			sleep_until(clients[heap[0]].next_at < until ? clients[heap[0]].next_at : until);
		else
			sleep_until(now + PAUSE_NS);
	}
}

static void start(const struct trace *trace, bool bots, int64_t at)
{
	for (unsigned int i = 0; i < trace->clients; i++) {
		if ((trace->client[i].class == CLASS_BOT) != bots)
			continue;
		clients[i].next_at = at + (int64_t)(random_unit() * (double)clients[i].interval);
		heap_push(i);
	}
}

struct options {
	unsigned int proxies, warmup, duration, pair_rate, destination_rate, seed;
	int family;
	const char *attack, *trace;
};

static void usage(void)
{
	fprintf(stderr, "usage: traffic --proxies N --attack spread|many --pair-rate R --destination-rate R\n"
			"               --warmup S --duration S [--family 4|6] [--fair] [--seed N] TRACE\n");
	exit(2);
}

static struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "proxies", 1, 0, 'p' },	   { "attack", 1, 0, 'a' }, { "pair-rate", 1, 0, '1' },
		{ "destination-rate", 1, 0, '2' }, { "warmup", 1, 0, 'w' }, { "duration", 1, 0, 'd' },
		{ "family", 1, 0, 'f' },	   { "seed", 1, 0, 's' },   { "fair", 0, 0, 'F' },
		{ 0 }
	};
	struct options options = { .family = 4, .seed = 1, .attack = "" };
	int letter;

	while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		unsigned int number = optarg ? (unsigned int)strtoul(optarg, NULL, 10) : 0;

		switch (letter) {
		case 'p':
			options.proxies = number;
			break;
		case 'a':
			options.attack = optarg;
			break;
		case '1':
			options.pair_rate = number;
			break;
		case '2':
			options.destination_rate = number;
			break;
		case 'w':
			options.warmup = number;
			break;
		case 'd':
			options.duration = number;
			break;
		case 'f':
			options.family = (int)number;
			break;
		case 'F':
			fair = true;
			break;
		case 's':
			options.seed = number;
			break;
		default:
			usage();
		}
	}
	if (optind != argc - 1 || options.proxies == 0 || options.proxies > PROXIES_MAX || options.pair_rate == 0 ||
	    options.destination_rate == 0 || options.duration <= LAST_SECONDS ||
	    options.warmup + options.duration > SECONDS_MAX || (options.family != 4 && options.family != 6) ||
	    (strcmp(options.attack, "spread") != 0 && strcmp(options.attack, "many") != 0))
		usage();
	options.trace = argv[optind];
	return options;
}

int main(int argc, char **argv)
{
	struct options options = read_options(argc, argv);
	struct trace *trace = trace_create(options.trace);
	int64_t mono_to_real = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC), attack_at;
	double rate = 0;

	if (!trace) {
		perror(options.trace);
		return 1;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	setpriority(PRIO_PROCESS, 0, -10);
	prng_state = options.seed;
	trace->proxies = options.proxies;
	trace->pair_rate = options.pair_rate;
	trace->destination_rate = options.destination_rate;
	if (strcmp(options.attack, "spread") == 0)
		make_spread(trace);
	else
		make_many(trace, options.family);
	for (unsigned int i = 0; i < trace->clients; i++)
		rate += trace->client[i].rate;
	if (rate > RATE_MAX) {
		fprintf(stderr, "traffic: %.0f packets/s are more than the %d this program sends\n", rate, RATE_MAX);
		return 1;
	}
	for (unsigned int i = 0; i < trace->proxies; i++)
		open_queue(&queues[i], i);

	trace->started_at = clock_ns(CLOCK_MONOTONIC);
	attack_at = trace->started_at + options.warmup * 1000000000LL;
	start(trace, false, trace->started_at);
	trace_enter(trace, TRACE_WARMUP);
	run(trace, attack_at, mono_to_real);
	trace->attack_at = clock_ns(CLOCK_MONOTONIC);
	start(trace, true, trace->attack_at);
	trace_enter(trace, TRACE_ATTACK);
	run(trace, attack_at + (options.duration - LAST_SECONDS) * 1000000000LL, mono_to_real);
	puts("last seconds"); /* demo.sh waits for this line to ask the proxies what they think */
	fflush(stdout);
	run(trace, attack_at + options.duration * 1000000000LL, mono_to_real);
	trace->ended_at = clock_ns(CLOCK_MONOTONIC);
	trace_enter(trace, TRACE_DONE);
	return stopped ? 1 : 0;
}
