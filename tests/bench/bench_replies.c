/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program costs a reply, which comes from elsewhere to a client, beside a packet of a known pair: by
 * BPF_PROG_RUN, and in live frames. A client that downloads receives ten replies for each packet it sends.
 */
#define _GNU_SOURCE /* namespaces */
#include "spray.h"

#define ROUNDS 41
#define RUN_PACKETS 100000
#define LIVE_PACKETS 150000
#define INTERFACE 1 /* what BPF_PROG_RUN gives a packet: the loopback */
#define LOCALS 8 /* addresses of the proxy itself, as many as a small router has */

enum contender { BARE, KNOWN, REPLY, CONTENDERS };

/* To another host's link address: in live frames the kernel's stack then ends its way at once. */
static struct packet packet_of(bool ipv6)
{
	struct packet packet = ipv6 ? packet6() : packet4();

	packet.bytes[0] = 0x02;
	return packet;
}

/* A reply to such a packet: lane_turn gives it the rest of its addresses. */
static struct packet reply_of(struct packet packet, bool ipv6)
{
	if (ipv6)
		inet_pton(AF_INET6, "2001:db8:a00::", packet.bytes + ETH_HLEN + offsetof(struct ipv6hdr, daddr));
	return packet;
}

static void lane_turn(struct spray *spray, uint32_t cpu, const struct load *load, bool reply)
{
	struct spray_lane *lane = &spray->bss->lanes[cpu];

	lane->client = reply ? DESTINATION : CLIENT;
	lane->destination = reply ? CLIENT : DESTINATION;
	lane->client_shift = reply ? 31 : 0;
	lane->destinations_mask = reply ? load->pairs - 1 : load->destinations - 1;
}

static struct prefix prefix_of(const char *text, uint8_t bits)
{
	struct prefix prefix = { .bits = bits };

	must(inet_pton(AF_INET6, text, prefix.address.bytes) == 1, "%s is no address", text);
	return prefix;
}

/* One of the first prefixes, which no packet is in. They are of the packets' kind: others cost a packet nothing. */
static struct prefix prefix_before(bool ipv6, uint8_t i)
{
	struct prefix prefix = { address_of_ipv4((const uint8_t[4]){ 172, 16, i, 0 }), 120 };

	if (ipv6) {
		prefix = prefix_of("2001:db8:b00::", 48);
		prefix.address.bytes[5] = i;
	}
	return prefix;
}

static struct table *table_of_sides(uint32_t slots, bool ipv6)
{
	struct table_config config = { .pairs4_max = slots,
				       .pairs6_max = slots,
				       .destinations_max = 64,
				       .client_count = CLIENTS_MAX,
				       .drop_foreign_sources = true,
				       .sides[0] = SIDE_OUTER };
	struct table *table;

	for (uint8_t i = 0; i < CLIENTS_MAX - 2; i++) /* the packets' own come last */
		config.clients[i] = prefix_before(ipv6, i);
	config.clients[CLIENTS_MAX - 2] = prefix_of("::ffff:10.0.0.0", 104);
	config.clients[CLIENTS_MAX - 1] = prefix_of("2001:db8:a00::", 40);
	table = table_make_as(&config);
	sides_note(table, 0, INTERFACE);
	for (uint8_t i = 0; i < LOCALS; i++) {
		const uint8_t local[4] = { 192, 0, 2, i };
		const struct address address = address_of_ipv4(local);

		must(table_add_local(table, &address) == 0, "a local address is refused");
	}
	return table;
}

struct run {
	struct load load;
	bool ipv6, live;
	const char *name;
};

static void tell(const struct run *run, double seconds[CONTENDERS][ROUNDS])
{
	struct round rounds[ROUNDS], middle;

	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = (struct round){ seconds[REPLY][i] - seconds[BARE][i],
					    seconds[KNOWN][i] - seconds[BARE][i] };
	middle = round_middle(rounds, ROUNDS);
	bench_figure(run->name, middle.ours * 1e9, middle.theirs * 1e9, "ns/packet",
		     run->live ? "net of a bare pass, live frames, 7 prefixes of the kind: a reply / a known pair" :
				 "net of a bare pass, 7 prefixes of the kind: a reply / a known pair");
}

static void bench(struct spray *spray, const struct run *run)
{
	const struct packet known = packet_of(run->ipv6), reply = reply_of(known, run->ipv6);
	const struct packet *const packets[CONTENDERS] = { &known, &known, &reply };
	struct table *table = table_of_sides(2 * run->load.pairs, run->ipv6);
	const uint32_t cpu = (uint32_t)sched_getcpu(), count = run->live ? LIVE_PACKETS : RUN_PACKETS;
	double seconds[CONTENDERS][ROUNDS];
	uint64_t replies;

	table_limit(table, RATE_NEVER, RATE_NEVER, EVERYTHING);
	spray_aim(spray, table->program_fd);
	spray_fill(spray, &known, &run->load);
	spray_fold(table, &run->load, run->ipv6);
	spray_load(spray, cpu, &run->load, false);
	replies = table_reason(table, REASON_PASS_ANSWER);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = BARE; i < CONTENDERS; i++) {
			table_beat(table);
			lane_turn(spray, cpu, &run->load, i == REPLY);
			spray_aim(spray, i == BARE ? bpf_program__fd(spray->progs.pass) : table->program_fd);
			seconds[i][round] = run->live ? spray_run_live(spray, packets[i], count) :
							spray_run(spray, packets[i], count, VERDICT_PASS);
			must(seconds[i][round] >= 0, "%s: this kernel runs no live frames", run->name);
			seconds[i][round] /= count;
		}
	}
	replies = table_reason(table, REASON_PASS_ANSWER) - replies;
	must(replies == (uint64_t)ROUNDS * count, "%s: %llu replies passed as such", run->name,
	     (unsigned long long)replies);
	tell(run, seconds);
	table_close(table);
}

int main(void)
{
	static const struct run runs[] = {
		{ { 1024, 1 }, false, false, "xdp.reply" },
		{ { 1024, 1 }, true, false, "xdp.reply.ipv6" },
		{ { 1024, 1 }, false, true, "xdp.reply.1k" },
		{ { 1024, 1 }, true, true, "xdp.reply.1k.ipv6" },
		{ { 131072, 1 }, false, true, "xdp.reply.131k" },
		{ { 131072, 1 }, true, true, "xdp.reply.131k.ipv6" },
	};
	struct spray *spray;

	pin_to(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0); /* interrupts like CPU 0 */
	must(unshare(CLONE_NEWNET) == 0 && system("ip link set lo up") == 0, "no network namespace");
	spray = spray_make(64);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		bench(spray, &runs[i]);
	spray__destroy(spray);
	return 0;
}
