/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long after a pair's last packet at one proxy every other proxy's table holds its count. Run by convergence.sh
 * in the namespace of the clients: sends real packets at the proxies in turn, each trial a new pair and enough of it
 * to bring it over its rate, at times that have nothing to do with the proxies' ticks; and watches the pinned tables
 * of the others.
 *
 *     probe_convergence FIGURE AGAINST FIRST PAIR_RATE PINS...
 *
 * FIGURE: the name of the p99 in bench.jsonl, "-" for none. AGAINST: what it is held against in ms, "-" for a tick
 * and a little. FIRST: number of the first pair, TRIALS apart for runs on one mesh. PINS: each proxy's pin
 * directory, in order; proxy I hears on the other end of the interface toI.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <xpro/bounds.h>
#include <xpro/record.h>

#include "../../scripts/demo/packet.h"
#include "figure.h"

#define PROXIES_LIMIT 16
#define TRIALS 400
#define PAUSE_MS_MEAN 60
#define POLL_US 200 /* the error of every latency; shorter would take the CPU from the daemons */
#define PATIENCE_S 5.0
#define REACH_MS 20 /* beyond a tick */

struct watched {
	struct pair4_set *sets;
	uint32_t count;
	uint64_t seed;
	int fd;
};

struct trial {
	uint64_t tag;
	unsigned int proxy;
	double sent_at;
	double latency; /* seconds; NAN until all others agree */
};

static struct watched proxies[PROXIES_LIMIT];
static unsigned int proxy_count;
static struct trial trials[TRIALS];

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int pin_get(const char *directory, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = bpf_obj_get(path);
	must(fd >= 0, path);
	return fd;
}

static void watch(struct watched *proxy, const char *directory)
{
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info), zero = 0;
	struct table_state state;
	int fd = pin_get(directory, "state");

	must(bpf_map_lookup_elem(fd, &zero, &state) == 0, "state");
	close(fd);
	must(state.layout == TABLE_LAYOUT, "the table's layout is another");
	proxy->seed = state.seed;
	fd = pin_get(directory, "pairs4");
	must(bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0, "pairs4");
	proxy->count = info.max_entries;
	proxy->sets = mmap(NULL, (size_t)proxy->count * sizeof(*proxy->sets), PROT_READ, MAP_SHARED, fd, 0);
	must(proxy->sets != MAP_FAILED, "pairs4");
	close(fd);
}

static void socket_open(struct watched *proxy, unsigned int number)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "to%u", number);
	to.sll_ifindex = (int)if_nametoindex(name);
	proxy->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	must(to.sll_ifindex && proxy->fd >= 0 && bind(proxy->fd, (struct sockaddr *)&to, sizeof(to)) == 0, name);
}

/* The count a proxy's record is judged by, 0 when it has none. */
static uint32_t count_at(const struct watched *proxy, uint64_t tag)
{
	unsigned int choice, way;

	for (choice = 0; choice < 2; choice++) {
		const struct pair4_set *set =
			&proxy->sets[set_of(tag_hash(tag, proxy->seed, false), proxy->count, choice)];

		for (way = 0; way < SET_WAYS; way++) {
			const struct pair_record *record = &set->records[way];

			if (__atomic_load_n(&set->tags[way], __ATOMIC_ACQUIRE) != tag)
				continue;
			return (uint32_t)__atomic_load_n(&record->packets, __ATOMIC_ACQUIRE) +
			       WORD_HIGH(__atomic_load_n(&record->base, __ATOMIC_ACQUIRE));
		}
	}
	return 0;
}

static bool all_hold(const struct trial *trial, uint32_t packets)
{
	unsigned int i;

	for (i = 0; i < proxy_count; i++)
		if (i != trial->proxy && count_at(&proxies[i], trial->tag) != packets)
			return false;
	return true;
}

static void trial_begin(struct trial *trial, unsigned int number, uint32_t packets)
{
	static const uint8_t victim[4] = VICTIM4;
	const unsigned int proxy = number % proxy_count;
	struct ethhdr header = { .h_dest = { 2, 0, 0, 0, 1, (uint8_t)(proxy + 1) },
				 .h_source = { 2, 0, 0, 0, 0, (uint8_t)(proxy + 1) },
				 .h_proto = htons(ETH_P_IP) };
	uint8_t frame[ETH_HLEN + PACKET_BYTES_MAX], client[16];
	const size_t bytes = ETH_HLEN + packet_build(CLASS_HONEST, number, 4, IPPROTO_UDP, frame + ETH_HLEN);
	uint32_t client_be, victim_be, i;

	memcpy(frame, &header, sizeof(header));
	client_address(CLASS_HONEST, number, 4, client);
	memcpy(&client_be, client, 4);
	memcpy(&victim_be, victim, 4);
	*trial = (struct trial){ .tag = (uint64_t)ntohl(client_be) << 32 | ntohl(victim_be),
				 .proxy = proxy,
				 .latency = NAN };
	for (i = 0; i < packets; i++) {
		trial->sent_at = bench_seconds(); /* of the last one */
		must(send(proxies[proxy].fd, frame, bytes, 0) == (ssize_t)bytes, "send");
	}
}

/* Trials overlap: one begins while others are still on their way. Returns how many never arrived. */
static unsigned int trials_run(unsigned int first, uint32_t packets)
{
	unsigned int begun = 0, open = 0, i;
	double next = bench_seconds();

	srand48(1);
	do {
		double now = bench_seconds();

		if (begun < TRIALS && now >= next) {
			trial_begin(&trials[begun], first + begun, packets);
			begun++;
			next = now + 2 * drand48() * PAUSE_MS_MEAN / 1e3;
		}
		open = 0;
		for (i = 0; i < begun; i++) {
			now = bench_seconds();
			if (isfinite(trials[i].latency) || now - trials[i].sent_at > PATIENCE_S)
				continue;
			if (all_hold(&trials[i], packets))
				trials[i].latency = bench_seconds() - trials[i].sent_at;
			else
				open++;
		}
		usleep(POLL_US);
	} while (begun < TRIALS || open > 0);
	for (open = 0, i = 0; i < TRIALS; i++)
		open += !isfinite(trials[i].latency);
	return open;
}

static int by_latency(const void *a, const void *b)
{
	const double left = ((const struct trial *)a)->latency, right = ((const struct trial *)b)->latency;

	return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
	unsigned int lost, arrived, i;
	uint32_t packets;
	double p50, p99, max, against;
	char how[160];

	if (argc < 7 || argc - 5 > PROXIES_LIMIT) {
		fprintf(stderr, "usage: probe_convergence FIGURE AGAINST FIRST PAIR_RATE PINS...\n");
		return 2;
	}
	against = strcmp(argv[2], "-") == 0 ? TICK_MS_DEFAULT + REACH_MS : strtod(argv[2], NULL);
	packets = (uint32_t)strtoul(argv[4], NULL, 10) * 6 / 5; /* of one second: over the line at once */
	proxy_count = (unsigned int)(argc - 5);
	for (i = 0; i < proxy_count; i++) {
		watch(&proxies[i], argv[i + 5]);
		socket_open(&proxies[i], i + 1);
	}
	lost = trials_run((unsigned int)strtoul(argv[3], NULL, 10), packets);
	for (i = 0; i < TRIALS; i++)
		if (!isfinite(trials[i].latency))
			trials[i].latency = INFINITY; /* last, when sorted */
	qsort(trials, TRIALS, sizeof(trials[0]), by_latency);
	arrived = TRIALS - lost;
	must(arrived > 0, "no count arrived anywhere");
	p50 = trials[arrived / 2].latency * 1e3;
	p99 = trials[arrived * 99 / 100].latency * 1e3;
	max = trials[arrived - 1].latency * 1e3;
	printf("convergence: %u proxies, %u pairs, %u never arrived: p50 %.1f ms, p99 %.1f ms, max %.1f ms; p99 - tick "
	       "%.1f ms\n",
	       proxy_count, TRIALS, lost, p50, p99, max, p99 - TICK_MS_DEFAULT);
	snprintf(how, sizeof(how),
		 "p99 of %u pairs (p50 %.1f, max %.1f), last packet at one to every other's table / %s", arrived, p50,
		 max, strcmp(argv[2], "-") == 0 ? "tick + 20 ms" : "the same without the flood");
	if (strcmp(argv[1], "-") != 0)
		bench_figure(argv[1], p99, against, "ms", how);
	return 0;
}
