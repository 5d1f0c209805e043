/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program costs a packet of a pair that has its record, and the daemon's words in it: beside Debian's
 * xdp-filter with one rule, by BPF_PROG_RUN; and two CPUs on one destination beside two CPUs on one each.
 */
#define _GNU_SOURCE /* CPU affinity */
#include <pthread.h>

#include "spray.h"

#define ROUNDS 33 /* to aim at another program takes the kernel a grace period */
#define RUN_PACKETS 200000
#define HOT_ROUNDS 101
#define HOT_PACKETS 100000 /* some 10 ms: what else the host does hits both halves of a round alike, or few rounds */
#define KNOWN_PAIRS 1024
#define FILTER_DESTINATION 2 /* xdp-filter's flag in a rule's value: the address as destination */

static const char filter_path[] = "/usr/lib/" BENCH_TRIPLET "/bpf/xdpfilt_alw_ip.o";

/* One program under test. Its own state is set up before every run, since they take turns. */
struct contender {
	struct packet packet;
	int program_fd;
	uint32_t verdict;
	uint32_t pair_rate;
	double seconds[ROUNDS]; /* per packet */
};

/* xdp-filter's program in the mode "allow but for the rules", with one rule: an address as destination. */
static int filter_open(const char *address4, const char *address6)
{
	struct bpf_object *filter = bpf_object__open_file(filter_path, NULL);
	uint64_t rule[CPUS_MAX];
	struct bpf_program *program;
	struct bpf_map *map;
	uint8_t address[16];
	int cpu;

	must(filter != NULL, "%s cannot be opened", filter_path);
	for (cpu = 0; cpu < CPUS_MAX; cpu++)
		rule[cpu] = FILTER_DESTINATION;
	bpf_object__for_each_map(map, filter) bpf_map__set_pin_path(map, NULL);
	program = bpf_object__next_program(filter, NULL);
	/* or a tail call to it is refused */
	bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_XDP_HAS_FRAGS);
	must(bpf_object__load(filter) == 0, "%s cannot be loaded", filter_path);
	inet_pton(AF_INET, address4, address);
	must(bpf_map_update_elem(bpf_object__find_map_fd_by_name(filter, "filter_ipv4"), address, rule, BPF_ANY) == 0,
	     "filter_ipv4");
	inet_pton(AF_INET6, address6, address);
	must(bpf_map_update_elem(bpf_object__find_map_fd_by_name(filter, "filter_ipv6"), address, rule, BPF_ANY) == 0,
	     "filter_ipv6");
	return bpf_program__fd(program);
}

/* Both net of a bare drop of the same round; the round in the middle. */
static void tell_net(const char *figure, const struct contender *ours, const struct contender *theirs,
		     const struct contender *bare, const char *how)
{
	struct round rounds[ROUNDS], middle;

	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = (struct round){ ours->seconds[i] - bare->seconds[i],
					    theirs->seconds[i] - bare->seconds[i] };
	middle = round_middle(rounds, ROUNDS);
	bench_figure(figure, middle.ours * 1e9, middle.theirs * 1e9, "ns/packet", how);
}

static void bench_known(struct spray *spray)
{
	enum { BARE4, BARE6, PASS4, PASS6, DROP4, FILTER_PASS4, FILTER_PASS6, FILTER_DROP4, CONTENDERS };
	const struct load load = { KNOWN_PAIRS, 1 };
	struct table *table = table_make(2 * KNOWN_PAIRS, 2 * KNOWN_PAIRS, 64);
	const int bare = bpf_program__fd(spray->progs.drop), ours = table->program_fd;
	const int passing = filter_open("203.0.113.9", "2001:db8:f::9"),
		  dropping = filter_open("198.18.0.0", "2001:db8:2::c612:0");
	struct contender contenders[CONTENDERS] = {
		[BARE4] = { packet4(), bare, VERDICT_DROP, 0, { 0 } },
		[BARE6] = { packet6(), bare, VERDICT_DROP, 0, { 0 } },
		[PASS4] = { packet4(), ours, VERDICT_PASS, RATE_NEVER, { 0 } },
		[PASS6] = { packet6(), ours, VERDICT_PASS, RATE_NEVER, { 0 } },
		[DROP4] = { packet4(), ours, VERDICT_DROP, 1, { 0 } },
		[FILTER_PASS4] = { packet4(), passing, VERDICT_PASS, 0, { 0 } },
		[FILTER_PASS6] = { packet6(), passing, VERDICT_PASS, 0, { 0 } },
		[FILTER_DROP4] = { packet4(), dropping, VERDICT_DROP, 0, { 0 } },
	};
	const uint32_t cpu = (uint32_t)sched_getcpu();
	uint64_t passed = 0, dropped = 0;
	struct bpf_prog_info info = { 0 };
	uint32_t info_bytes = sizeof(info);
	int round, i;

	table_limit(table, RATE_NEVER, RATE_NEVER, EVERYTHING);
	spray_aim(spray, ours);
	spray_fill(spray, &contenders[PASS4].packet, &load);
	spray_fill(spray, &contenders[PASS6].packet, &load);
	spray_fold(table, &load, false);
	spray_fold(table, &load, true);
	spray_load(spray, cpu, &load, false);
	passed = table_reason(table, REASON_PASS);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < CONTENDERS; i++) {
			struct contender *contender = &contenders[i];

			table_beat(table);
			table_limit(table, contender->pair_rate, RATE_NEVER,
				    contender->verdict == VERDICT_DROP ? POLICY_EARLY | POLICY_FAIR : EVERYTHING);
			spray_aim(spray, contender->program_fd);
			contender->seconds[round] =
				spray_run(spray, &contender->packet, RUN_PACKETS, contender->verdict) / RUN_PACKETS;
		}
	}
	passed = table_reason(table, REASON_PASS) - passed;
	dropped = table_reason(table, REASON_DROP_PAIR);
	must(passed == 2ULL * ROUNDS * RUN_PACKETS && dropped == (uint64_t)ROUNDS * RUN_PACKETS,
	     "%llu packets passed and %llu dropped", (unsigned long long)passed, (unsigned long long)dropped);
	tell_net("xdp.pass.known", &contenders[PASS4], &contenders[FILTER_PASS4], &contenders[BARE4],
		 "net of a bare drop, 1,024 random folded pairs / xdp-filter passing, one rule");
	tell_net("xdp.pass.known.ipv6", &contenders[PASS6], &contenders[FILTER_PASS6], &contenders[BARE6],
		 "the same with IPv6 / xdp-filter passing IPv6, one rule");
	tell_net("xdp.drop.known", &contenders[DROP4], &contenders[FILTER_DROP4], &contenders[BARE4],
		 "net of a bare drop, pairs over their rate / xdp-filter dropping by its one rule, a destination");
	must(bpf_obj_get_info_by_fd(ours, &info, &info_bytes) == 0, "the program tells nothing of itself");
	bench_figure("xdp.instructions", info.verified_insns, NAN, "instructions", "the verifier walked through");
	table_close(table);
}

/* ---- two CPUs ---- */

struct hot {
	pthread_t thread;
	pthread_barrier_t *start;
	struct spray *spray;
	int cpu;
	bool ipv6;
	double seconds;
};

static void *hot_run(void *user)
{
	struct hot *hot = user;
	const struct packet packet = hot->ipv6 ? packet6() : packet4();

	pin_to(hot->cpu);
	pthread_barrier_wait(hot->start);
	hot->seconds = spray_run(hot->spray, &packet, HOT_PACKETS, VERDICT_PASS);
	return NULL;
}

/* Seconds per packet of the slower CPU; each has clients of its own. */
static double hot_half(struct spray *spray, const struct load *load, bool shared, bool ipv6)
{
	pthread_barrier_t start;
	struct hot hot[2];
	int i;

	pthread_barrier_init(&start, NULL, 2);
	for (i = 0; i < 2; i++) {
		hot[i] = (struct hot){ .start = &start, .spray = spray, .cpu = i, .ipv6 = ipv6 };
		spray_load(spray, (uint32_t)i, load, false);
		spray->bss->lanes[i].client += (uint32_t)i * KNOWN_PAIRS;
		spray->bss->lanes[i].destination += shared ? 0 : 1 + (uint32_t)i;
	}
	for (i = 0; i < 2; i++)
		must(pthread_create(&hot[i].thread, NULL, hot_run, &hot[i]) == 0, "no thread");
	for (i = 0; i < 2; i++)
		pthread_join(hot[i].thread, NULL);
	pthread_barrier_destroy(&start);
	return fmax(hot[0].seconds, hot[1].seconds) / HOT_PACKETS * 1e9;
}

static void bench_hot(struct spray *spray, bool ipv6)
{
	const struct load load = { KNOWN_PAIRS, 1 };
	struct table *table = table_make(16 * KNOWN_PAIRS, 16 * KNOWN_PAIRS, 64);
	struct round rounds[HOT_ROUNDS], middle;

	table_limit(table, RATE_NEVER, RATE_NEVER, EVERYTHING);
	spray_aim(spray, table->program_fd);
	for (int round = 0; round < HOT_ROUNDS; round++) {
		table_beat(table);
		if (round & 1) /* either goes first as often */
			rounds[round].ours = hot_half(spray, &load, true, ipv6);
		rounds[round].theirs = hot_half(spray, &load, false, ipv6);
		if (!(round & 1))
			rounds[round].ours = hot_half(spray, &load, true, ipv6);
	}
	middle = round_middle(rounds, HOT_ROUNDS);
	bench_figure(ipv6 ? "xdp.hot.2cpu.ipv6" : "xdp.hot.2cpu", middle.ours, middle.theirs, "ns/packet",
		     "two CPUs on one destination / on one each; of 101 rounds the one in the middle by ratio");
	table_close(table);
}

int main(void)
{
	struct spray *spray;

	pin_to(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0); /* interrupts like CPU 0 */
	spray = spray_make(64);
	bench_known(spray);
	for (int ipv6 = 0; ipv6 < 2 && sysconf(_SC_NPROCESSORS_ONLN) > 1; ipv6++)
		bench_hot(spray, ipv6);
	spray__destroy(spray);
	return 0;
}
