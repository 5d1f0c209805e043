/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the benches of the data plane stand on: a table that nobody can see, packets of many pairs through
 * BPF_PROG_RUN, and time measured around it. One packet is repeated; spray.bpf.c gives it another pair each time and
 * hands it to the program under test.
 */
#ifndef TESTS_BENCH_SPRAY_H
#define TESTS_BENCH_SPRAY_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "figure.h"
#include "table_internal.h"

#include "spray_lane.h"

#include "spray.skel.h"

#define CLIENT 0x0a000000U	/* 10.0.0.0 */
#define DESTINATION 0xc6120000U /* 198.18.0.0 */
#define EVERYTHING (POLICY_EARLY | POLICY_POLICE | POLICY_FAIR)
#define RATE_NEVER 4000000000U	/* packets per second nobody reaches */
#define SLOT ((struct duration){ 4 * NS_PER_S })
/* written back between two heartbeats: far from the three seconds of a dead daemon on any machine */
#define BEAT_PAIRS 16384
#define VERDICT_DROP 1
#define VERDICT_PASS 2

struct packet {
	uint8_t bytes[128];
	uint32_t size;
};

struct load {
	uint32_t pairs, destinations; /* powers of two */
};

static inline __attribute__((format(printf, 2, 3))) void must(bool ok, const char *format, ...)
{
	va_list arguments;

	if (ok)
		return;
	fputs("bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static inline struct now now_read(void)
{
	struct timespec mono, real;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	return (struct now){ { mono.tv_sec * NS_PER_S + mono.tv_nsec }, { real.tv_sec * NS_PER_S + real.tv_nsec } };
}

static inline void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(0, sizeof(set), &set) == 0, "no CPU %d", cpu);
}

/* ---- ratios ---- */

/* What two that take turns needed in one round. */
struct round {
	double ours, theirs;
};

static inline int round_compare(const void *a, const void *b)
{
	const struct round *left = a, *right = b;
	const double difference = left->ours / left->theirs - right->ours / right->theirs;

	return (difference > 0) - (difference < 0);
}

/*
 * The round in the middle by ratio. The quickest of each would be of different moments, when a shared host ran at
 * different speeds: their ratio swings by a fifth from run to run, this one by a few hundredths.
 */
static inline struct round round_middle(struct round *rounds, size_t count)
{
	qsort(rounds, count, sizeof(*rounds), round_compare);
	return rounds[count / 2];
}

/* ---- the table ---- */

/*
 * Its pins are taken away at once: the maps live as long as this process, and nothing is left behind however it
 * ends.
 */
static inline struct table *table_make_as(struct table_config *config)
{
	const uint8_t seed[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };
	struct table_problem problem;
	struct table *table;
	char pin_path[64];

	snprintf(pin_path, sizeof(pin_path), "/sys/fs/bpf/xpro-bench-%d", getpid());
	config->pin_path = pin_path;
	config->widths = (struct widths)WIDTHS_DEFAULT;
	must(table_open(config, 1, seed, &table, &problem) == 0, "%s", problem.text);
	pins_remove(pin_path);
	must(rmdir(pin_path) == 0, "%s is not empty", pin_path);
	return table;
}

static inline struct table *table_make(uint32_t slots4, uint32_t slots6, uint32_t destinations)
{
	struct table_config config = { .pairs4_max = slots4, .pairs6_max = slots6, .destinations_max = destinations };

	return table_make_as(&config);
}

/* Lives on: the daemon's words are in force only while its heartbeat is young. */
static inline void table_beat(struct table *table)
{
	table_anchor(table, now_read());
	table->state->heartbeat = table->clock.jiffies;
}

static inline void table_limit(struct table *table, uint32_t pair_rate, uint32_t destination_rate, uint32_t flags)
{
	const uint32_t hz = table_hz(table);
	const struct policy policy = { .pair_rate = pair_rate,
				       .destination_rate = destination_rate,
				       .pair_min_window = hz,
				       .destination_min_window = hz,
				       .idle_reset = 10 * hz,
				       .window_max = 8 * hz,
				       .decay = 2,
				       .flags = flags };

	policies_plain(table, &policy);
}

static inline uint64_t table_reason(const struct table *table, enum reason reason)
{
	struct reason_counter reasons[REASON_COUNT];

	table_read_reasons(table, reasons);
	return reasons[reason].packets;
}

static inline struct key key_of(uint32_t pair, const struct load *load)
{
	const uint32_t client = htonl(CLIENT + pair),
		       destination = htonl(DESTINATION + (pair & (load->destinations - 1)));

	return (struct key){ address_of_ipv4((const uint8_t *)&client),
			     address_of_ipv4((const uint8_t *)&destination) };
}

/* ---- packets ---- */

static inline struct packet packet4(void)
{
	const struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = htons(50), .ttl = 64, .protocol = IPPROTO_UDP };
	struct packet packet = { .bytes = { [12] = 0x08, [13] = 0x00 }, .size = 64 };

	memcpy(packet.bytes + ETH_HLEN, &ip, sizeof(ip));
	return packet;
}

static inline struct packet packet6(void)
{
	struct ipv6hdr ip = { .version = 6, .payload_len = htons(24), .nexthdr = IPPROTO_UDP, .hop_limit = 64 };
	struct packet packet = { .bytes = { [12] = 0x86, [13] = 0xdd }, .size = 78 };

	inet_pton(AF_INET6, "2001:db8:1::", &ip.saddr);
	inet_pton(AF_INET6, "2001:db8:2::", &ip.daddr);
	memcpy(packet.bytes + ETH_HLEN, &ip, sizeof(ip));
	return packet;
}

/* `touched` is a power of two: records of the peer that touches one of them. */
static inline struct spray *spray_make(uint32_t touched)
{
	struct spray *spray = spray__open();

	must(spray != NULL, "spray.bpf.o cannot be opened");
	spray->rodata->touched_mask = touched - 1;
	must(bpf_map__set_max_entries(spray->maps.touched, touched) == 0 && spray__load(spray) == 0,
	     "spray.bpf.o cannot be loaded");
	return spray;
}

static inline void spray_aim(struct spray *spray, int program_fd)
{
	const uint32_t zero = 0;

	must(bpf_map_update_elem(bpf_map__fd(spray->maps.under_test), &zero, &program_fd, BPF_ANY) == 0,
	     "a tail call is refused: %s", strerror(errno));
}

static inline void spray_load(struct spray *spray, uint32_t cpu, const struct load *load, bool in_order)
{
	spray->bss->lanes[cpu] = (struct spray_lane){
		.state = in_order ? 0 : 88172645463325252ULL + cpu,
		.pairs_mask = load->pairs - 1,
		.destinations_mask = load->destinations - 1,
		.client = CLIENT,
		.destination = DESTINATION,
		.in_order = in_order,
	};
}

/* This thread's seconds on a CPU: what others take of it meanwhile does not count. */
static inline double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Seconds for `count` packets on this CPU, all of which got the verdict. */
static inline double spray_run(struct spray *spray, const struct packet *packet, uint32_t count, uint32_t verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet->bytes, .data_size_in = packet->size,
		    .repeat = (int)count);
	const double started = cpu_seconds();

	must(bpf_prog_test_run_opts(bpf_program__fd(spray->progs.spray), &run) == 0, "BPF_PROG_RUN: %s",
	     strerror(errno));
	must(run.retval == verdict, "the verdict is %u, not %u", run.retval, verdict);
	return cpu_seconds() - started;
}

/*
 * The same as frames the kernel receives: pages from its pool, in batches. Negative when the kernel has no live
 * frames.
 */
static inline double spray_run_live(struct spray *spray, const struct packet *packet, uint32_t count)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet->bytes, .data_size_in = packet->size,
		    .repeat = (int)count, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	const double started = cpu_seconds();

	if (bpf_prog_test_run_opts(bpf_program__fd(spray->progs.spray), &run) != 0)
		return -1;
	return cpu_seconds() - started;
}

/* Every pair of the load once, in order. */
static inline void spray_fill(struct spray *spray, const struct packet *packet, const struct load *load)
{
	spray_load(spray, (uint32_t)sched_getcpu(), load, true);
	spray_run(spray, packet, load->pairs, VERDICT_PASS);
}

/* ---- the daemon's words ---- */

static inline void spray_note(void *user, const struct harvested *cells, size_t count)
{
	(void)user, (void)cells, (void)count;
}

/*
 * What a tick does: harvest, and every key's words written back. So many packets that a limit of 1 a second is
 * exceeded all the while.
 */
static inline void spray_fold(struct table *table, const struct load *load, bool ipv6)
{
	const struct now now = now_read();
	struct change change = { .ts1 = now.mesh,
				 .ts2 = now.mesh,
				 .carry_from = now.mesh,
				 .count = 1000000,
				 .known = 1,
				 .rho = 1,
				 .pass_share = SHARE_ALL };
	struct record_view view;
	uint32_t pair;

	table_anchor(table, now);
	table_harvest(table, now, SLOT, spray_note, NULL);
	for (pair = 0; pair < load->pairs; pair++) {
		struct key key = key_of(pair, load);
		const uint32_t client = htonl(CLIENT + pair),
			       destination = htonl(DESTINATION + (pair & (load->destinations - 1)));

		if (pair % BEAT_PAIRS == 0)
			table_beat(table);
		if (ipv6) {
			inet_pton(AF_INET6, "2001:db8:1::", key.client.bytes);
			inet_pton(AF_INET6, "2001:db8:2::", key.destination.bytes);
			memcpy(key.client.bytes + 4, &client, 4);
			memcpy(key.destination.bytes + 12, &destination, 4);
		}
		change.key = key;
		must(table_apply(table, &change) == 0, "pair %u has no record", pair);
		must(table_find(table, &key, &view) && view.folded, "the fold of pair %u is not in force", pair);
		if (pair < load->destinations) {
			change.key = key_of_destination(&key.destination);
			must(table_apply(table, &change) == 0, "a destination has no record");
		}
	}
}

#endif
