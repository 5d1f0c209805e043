/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet costs in live frames, as the kernel receives them: the XDP program beside a bare XDP_DROP, a program
 * that only touches one random record, and what an operator would otherwise use: iptables' hashlimit and an nft
 * meter on the same pairs, sized for them. All take turns in many short rounds; each figure is of the round in the
 * middle by its ratio. The peers' rules stand in network namespaces of their own, which end with this process.
 */
#define _GNU_SOURCE /* namespaces */
#include <fcntl.h>
#include <sys/wait.h>

#include "spray.h"

#define ROUNDS 25
#define PACKETS 300000
#define PEER_PACKETS 75000 /* they take a microsecond each */
#define DESTINATIONS_MANY 4096

enum contender { BARE, TOUCH, OURS, HASHLIMIT, METER, CONTENDERS };

/* Shell commands. Every packet is looked up, found within a rate nobody reaches, and dropped by the rule behind. */
static const char hashlimit_rules[] = "ip link set lo up && "
				      "iptables -t raw -A PREROUTING -m hashlimit --hashlimit-name xpro "
				      "--hashlimit-mode srcip,dstip --hashlimit-above "
				      "1000000/sec --hashlimit-burst 10000 "
				      "--hashlimit-htable-size $BUCKETS --hashlimit-htable-max $ENTRIES "
				      "--hashlimit-htable-expire 3600000 -j ACCEPT && "
				      "iptables -t raw -A PREROUTING -j DROP";
static const char meter_rules[] = "ip link set lo up && nft -f - <<END\n"
				  "table ip xpro {\n"
				  "	set pairs { type ipv4_addr . ipv4_addr; size $ENTRIES; flags dynamic,timeout; "
				  "timeout 1h; }\n"
				  "	chain first { type filter hook prerouting priority raw;\n"
				  "		update @pairs { ip saddr . ip daddr limit rate over 1000000/second "
				  "burst 10000 packets } accept\n"
				  "		drop\n"
				  "	}\n"
				  "}\n"
				  "END";

static int here_fd;

static int namespace_open(void)
{
	const int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	must(fd >= 0, "/proc/self/ns/net: %s", strerror(errno));
	return fd;
}

static void namespace_enter(int fd)
{
	must(setns(fd, CLONE_NEWNET) == 0, "setns: %s", strerror(errno));
}

/* A network namespace with these rules; back in the first one afterwards. */
static int peer_make(const char *rules, uint32_t pairs)
{
	char buckets[16], entries[16];
	int fd;

	must(unshare(CLONE_NEWNET) == 0, "unshare: %s", strerror(errno));
	fd = namespace_open();
	snprintf(buckets, sizeof(buckets), "%u", 2 * pairs);
	snprintf(entries, sizeof(entries), "%u", 4 * pairs);
	must(setenv("BUCKETS", buckets, 1) == 0 && setenv("ENTRIES", entries, 1) == 0 && system(rules) == 0,
	     "a peer's rules are refused: %s", rules);
	namespace_enter(here_fd);
	return fd;
}

/*
 * Packets that came in and got no further than the rules, in the namespace we are in. From the kernel's IPv4
 * counters: nft reads every element of a set to show a counter beside it, which with a million of them takes
 * minutes.
 */
static uint64_t peer_stopped(void)
{
	enum {
		RECEIVED = 2,
		FIRST_BEYOND,
		LAST_BEYOND = 8,
		FIELDS
	}; /* Forwarding DefaultTTL InReceives InHdrErrors ... InDelivers */
	unsigned long long field[FIELDS], stopped;
	FILE *snmp = fopen("/proc/thread-self/net/snmp", "r");
	bool found = false;
	char line[1024];

	must(snmp != NULL, "/proc/thread-self/net/snmp: %s", strerror(errno));
	while (!found && fgets(line, sizeof(line), snmp)) /* the first line of the two holds names */
		found = sscanf(line, "Ip: %llu %llu %llu %llu %llu %llu %llu %llu %llu", &field[0], &field[1],
			       &field[2], &field[3], &field[4], &field[5], &field[6], &field[7], &field[8]) == FIELDS;
	fclose(snmp);
	must(found, "no counters of IPv4");
	stopped = field[RECEIVED];
	for (int i = FIRST_BEYOND; i <= LAST_BEYOND; i++)
		stopped -= field[i];
	return stopped;
}

static double run_peer(struct spray *spray, int namespace_fd, const struct packet *packet, uint32_t packets)
{
	uint64_t stopped;
	double seconds;

	namespace_enter(namespace_fd);
	stopped = peer_stopped();
	seconds = spray_run_live(spray, packet, packets);
	stopped = peer_stopped() - stopped;
	must(stopped == packets, "%llu packets of %u ended at the peer's last rule", (unsigned long long)stopped,
	     packets);
	namespace_enter(here_fd);
	return seconds / packets;
}

static uint32_t header_sum(const struct packet *packet)
{
	uint16_t words[sizeof(struct iphdr) / 2];
	uint32_t sum = 0;

	memcpy(words, packet->bytes + ETH_HLEN, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	return sum;
}

struct run {
	struct spray *spray;
	struct load load;
	bool ipv6;
	const char *name;
};

static void tell(const struct run *run, double seconds[CONTENDERS][ROUNDS], bool peers_ran)
{
	static const struct {
		enum contender contender;
		const char *suffix, *how;
	} peers[] = {
		{ BARE, "", "live frames of random folded pairs, dropped as the last step / XDP_DROP" },
		{ TOUCH, ".touch", "the same / a program that adds 1 in one random record of as many" },
		{ HASHLIMIT, ".hashlimit",
		  "the same / iptables hashlimit by source and destination in raw PREROUTING, then DROP" },
		{ METER, ".meter", "the same / an nft meter by source and destination in raw prerouting, then drop" },
	};
	struct round rounds[ROUNDS], middle;
	char figure[64];

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		if (peers[i].contender > OURS && !peers_ran)
			continue;
		for (int round = 0; round < ROUNDS; round++)
			rounds[round] = (struct round){ seconds[OURS][round], seconds[peers[i].contender][round] };
		middle = round_middle(rounds, ROUNDS);
		snprintf(figure, sizeof(figure), "%s%s", run->name, peers[i].suffix);
		bench_figure(figure, middle.ours * 1e9, middle.theirs * 1e9, "ns/packet", peers[i].how);
	}
}

/*
 * A frame that passes goes on into the kernel's stack, which costs many times what is measured here. So every packet
 * walks the whole way of one that passes, and is dropped at its end because its destination is over its rate.
 */
static void bench_live(const struct run *run)
{
	const bool peers = !run->ipv6 && run->load.destinations == 1;
	const uint32_t cpu = (uint32_t)sched_getcpu(), slots = 2 * run->load.pairs;
	const struct packet packet = run->ipv6 ? packet6() : packet4();
	struct table *table = table_make(run->ipv6 ? 64 : slots, run->ipv6 ? slots : 64, 2 * DESTINATIONS_MANY);
	struct spray *spray = run->spray;
	const int programs[] = { bpf_program__fd(spray->progs.drop), bpf_program__fd(spray->progs.touch),
				 table->program_fd };
	const int hashlimit = peers ? peer_make(hashlimit_rules, run->load.pairs) : -1,
		  meter = peers ? peer_make(meter_rules, run->load.pairs) : -1;
	double seconds[CONTENDERS][ROUNDS];
	uint64_t dropped;

	table_limit(table, RATE_NEVER, RATE_NEVER, EVERYTHING);
	spray_aim(spray, table->program_fd);
	spray_fill(spray, &packet, &run->load);
	spray_fold(table, &run->load, run->ipv6);
	table_limit(table, RATE_NEVER, 1, POLICY_EARLY | POLICY_POLICE);
	usleep(50000);					      /* longer than a limit is kept */
	for (int filled = 0; peers && filled < 2; filled++) { /* every pair once, as ours has met them */
		spray_load(spray, cpu, &run->load, true);
		spray->bss->lanes[cpu].header_sum = header_sum(&packet);
		spray_aim(spray, bpf_program__fd(spray->progs.pass));
		run_peer(spray, filled ? meter : hashlimit, &packet, run->load.pairs);
	}
	spray_load(spray, cpu, &run->load, false);
	spray->bss->lanes[cpu].header_sum = run->ipv6 ? 0 : header_sum(&packet); /* the stack looks at it */
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = BARE; i <= OURS; i++) {
			table_beat(table);
			spray_aim(spray, programs[i]);
			seconds[i][round] = spray_run_live(spray, &packet, PACKETS) / PACKETS;
			must(seconds[i][round] >= 0, "%s: this kernel runs no live frames: %s", run->name,
			     strerror(errno));
		}
		spray_aim(spray, bpf_program__fd(spray->progs.pass));
		if (peers) {
			seconds[HASHLIMIT][round] = run_peer(spray, hashlimit, &packet, PEER_PACKETS);
			seconds[METER][round] = run_peer(spray, meter, &packet, PEER_PACKETS);
		}
	}
	dropped = table_reason(table, REASON_DROP_DESTINATION);
	/*
	 * A destination's window that idled away while the peers had their turn, or a million pairs were written,
	 * lets one packet through.
	 */
	must(dropped + (uint64_t)ROUNDS * run->load.destinations >= (uint64_t)ROUNDS * PACKETS,
	     "only %llu packets went all the way", (unsigned long long)dropped);
	tell(run, seconds, peers);
	table_close(table);
	if (peers) {
		close(hashlimit);
		close(meter);
	}
}

int main(void)
{
	static const struct run runs[] = {
		{ NULL, { 1024, 1 }, false, "xdp.pass.1k" },
		{ NULL, { 131072, 1 }, false, "xdp.pass.131k" },
		{ NULL, { 1048576, 1 }, false, "xdp.pass.1m" },
		{ NULL, { 1024, 1 }, true, "xdp.pass.1k.ipv6" },
		{ NULL, { 131072, 1 }, true, "xdp.pass.131k.ipv6" },
		{ NULL, { 1048576, 1 }, true, "xdp.pass.1m.ipv6" },
		{ NULL, { 1024, DESTINATIONS_MANY }, false, "xdp.pass.1k.4096" },
		{ NULL, { 131072, DESTINATIONS_MANY }, false, "xdp.pass.131k.4096" },
		{ NULL, { 1048576, DESTINATIONS_MANY }, false, "xdp.pass.1m.4096" },
		{ NULL, { 1024, DESTINATIONS_MANY }, true, "xdp.pass.1k.4096.ipv6" },
		{ NULL, { 131072, DESTINATIONS_MANY }, true, "xdp.pass.131k.4096.ipv6" },
		{ NULL, { 1048576, DESTINATIONS_MANY }, true, "xdp.pass.1m.4096.ipv6" },
	};

	pin_to(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0); /* interrupts like CPU 0 */
	here_fd = namespace_open();
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		struct run run = runs[i];

		run.spray = spray_make(2 * run.load.pairs);
		bench_live(&run);
		spray__destroy(run.spray);
	}
	return 0;
}
