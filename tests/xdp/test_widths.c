/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Widths in the kernel: a device that rotates through its /64 is one client, in every way its packets come and by
 * whatever they are judged; in a listed prefix every address is one. Sides, tunnels and the gate see whole addresses.
 */
#include "policies.h"
#include "wrap.h"

#define RATE 10
#define GRE 47
#define VXLAN_PORT 4789

static const struct address any_ipv4 = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

struct listed {
	const char *text;
	uint8_t bits;
};

static void begin(uint8_t client_bits, const struct listed listed[], size_t count)
{
	const char *problem = "";

	bed_configure(1024, 64);
	bed.config.widths.client_bits = client_bits;
	for (size_t i = 0; i < count; i++) {
		const struct prefix prefix = { address6(listed[i].text), listed[i].bits };

		assert_int_equal(widths_add_hosts(&bed.config.widths, &prefix), 0);
	}
	if (widths_check(&bed.config.widths, &problem))
		fail_msg("%s", problem);
	assert_int_equal(bed_begin(true), 0);
	bed_policy(policy_plain(RATE, 0, POLICY_EARLY));
}

static uint32_t judged(const char *client, const char *destination)
{
	const struct frame frame = frame6(client, destination, IPPROTO_UDP);

	return bed_run(&frame);
}

/* The packets of a pair that pass, of so many, each from an address of its own: in the last 16 bits. */
static unsigned int rotated(const char *prefix, unsigned int packets)
{
	unsigned int passed = 0;
	char client[64];

	for (unsigned int i = 0; i < packets; i++) {
		snprintf(client, sizeof(client), "%s%x", prefix, i + 1);
		passed += judged(client, "2001:db8:99::1") == XDP_VERDICT_PASS;
	}
	return passed;
}

static void a_device_that_rotates_through_its_64_is_one_client(void **state)
{
	struct key key;

	(void)state;
	begin(64, NULL, 0);
	key = key6("2001:db8:0:1::", "2001:db8:99::1");
	assert_int_equal(rotated("2001:db8:0:1::", 600), RATE);
	assert_int_equal(rotated("2001:db8:0:1:ffff:ffff:ffff:", 20), 0);
	assert_int_equal(bed_reason(REASON_DROP_PAIR), 610);
	assert_int_equal(rotated("2001:db8:0:2::", 20), RATE); /* its neighbour */
	bed_harvest();
	assert_int_equal(bed.table->pairs6.used, 2);
	assert_int_equal(bed_cell(&key)->packets, 620);
}

static void in_a_listed_prefix_every_address_is_a_client(void **state)
{
	static const struct listed listed[] = { { "2001:db8:0:1::", 64 } };

	(void)state;
	begin(64, listed, 1);
	assert_int_equal(rotated("2001:db8:0:1::", 100), 100);
	assert_int_equal(bed_reason(REASON_DROP_PAIR), 0);
	for (unsigned int i = 0; i < 2 * RATE; i++)
		judged("2001:db8:0:1::7", "2001:db8:99::1");
	assert_int_equal(bed_reason(REASON_DROP_PAIR), RATE + 1);
	bed_harvest();
	assert_int_equal(bed.table->pairs6.used, 100);
	assert_int_equal(rotated("2001:db8:0:2::", 100), RATE); /* not listed */
}

/* One packet: under which client it counts. */
static void counts_as(const char *client, const char *as)
{
	const struct key key = { address6(as), address6("2001:db8:99::1") };
	const struct harvested *cell;

	judged(client, "2001:db8:99::1");
	bed_harvest();
	cell = bed_cell(&key);
	if (!cell || bed.cell_count != 2) /* it and the destination */
		fail_msg("%s does not count as %s", client, as);
}

static void eight_lists_and_their_edges(void **state)
{
	static const struct listed listed[CLIENT_HOSTS_MAX] = {
		{ "2001:db8:1::", 48 },	     { "2001:db8:2:3::", 64 },	{ "2001:db8:2:4::1:0", 112 },
		{ "2001:db8:2:5::8", 128 },  { "2001:db8:3:8000::", 49 }, { "80::5", 128 },
		{ "2001:db8:4::", 46 },	     { "2001:db8:2:6:8000::", 65 },
	};
	static const struct {
		const char *client, *as;
	} rows[] = {
		{ "2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8:0:ffff::" },
		{ "2001:db8:1::", "2001:db8:1::" },
		{ "2001:db8:1:ffff:ffff:ffff:ffff:ffff", "2001:db8:1:ffff:ffff:ffff:ffff:ffff" },
		{ "2001:db8:2::1", "2001:db8:2::" },
		{ "2001:db8:2:2:ffff:ffff:ffff:ffff", "2001:db8:2:2::" },
		{ "2001:db8:2:3::1", "2001:db8:2:3::1" },
		{ "2001:db8:2:3:ffff:ffff:ffff:ffff", "2001:db8:2:3:ffff:ffff:ffff:ffff" },
		{ "2001:db8:2:4::ffff", "2001:db8:2:4::" },
		{ "2001:db8:2:4::1:0", "2001:db8:2:4::1:0" },
		{ "2001:db8:2:4::1:ffff", "2001:db8:2:4::1:ffff" },
		{ "2001:db8:2:4::2:0", "2001:db8:2:4::" },
		{ "2001:db8:2:5::7", "2001:db8:2:5::" },
		{ "2001:db8:2:5::8", "2001:db8:2:5::8" },
		{ "2001:db8:2:5::9", "2001:db8:2:5::" },
		{ "2001:db8:3:7fff::1", "2001:db8:3:7fff::" },
		{ "2001:db8:3:8000::1", "2001:db8:3:8000::1" },
		{ "2001:db8:7:ffff::1", "2001:db8:7:ffff::1" },
		{ "2001:db8:8::1", "2001:db8:8::" },
		{ "2001:db8:2:6:7fff:ffff:ffff:ffff", "2001:db8:2:6::" },
		{ "2001:db8:2:6:8000::", "2001:db8:2:6:8000::" },
		{ "fe80::5", "80::5" },
		{ "fe80::6", "80::" },
		{ "::7", "::fffe:0:0" },
		{ "::ffff:10.0.0.1", "::fffe:0:0" },
	};

	(void)state;
	begin(64, listed, CLIENT_HOSTS_MAX);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct address source = address6(rows[i].client);
		struct address client = source;

		counts_as(rows[i].client, rows[i].as);
		if (source.bytes[0] == 0xfe || address_is_ipv4(&source))
			continue; /* renamed first */
		client = widths_client(&bed.config.widths, &source); /* the core says the same */
		assert_memory_equal(&client, address6(rows[i].as).bytes, sizeof(client));
	}
}

static void a_client_may_be_wider(void **state)
{
	(void)state;
	begin(56, NULL, 0);
	counts_as("2001:db8:0:12ff::1", "2001:db8:0:1200::");
	counts_as("2001:db8:0:1300::1", "2001:db8:0:1300::");
	assert_int_equal(rotated("2001:db8:0:1200::", RATE), RATE - 1); /* one came before */
	assert_int_equal(rotated("2001:db8:0:12ab::", RATE), 0);
}

/* In a tunnel, tagged, and without an Ethernet header. */
static void however_its_packets_come(void **state)
{
	struct key key;

	(void)state;
	bed_configure(1024, 64);
	key = key6(CLIENT6, TARGET6);
	for (uint32_t i = 0; i < 2; i++) {
		struct table_tunnel *tunnel = &bed.config.tunnels[i];

		*tunnel = (struct table_tunnel){ .type = i ? TUNNEL_VXLAN : TUNNEL_GRE, .port = i ? VXLAN_PORT : 0 };
		tunnel->local = key4(0, LOCAL).destination;
		tunnel->sources[0] = (struct table_source){ any_ipv4, 96 };
		tunnel->source_count = 1;
	}
	bed.config.tunnel_count = 2;
	assert_int_equal(bed_begin(true), 0);
	assert_int_equal(table_add_local(bed.table, &bed.config.tunnels[0].local), 0);
	bed_policy(policy_plain(RATE, 0, POLICY_EARLY));
	for (uint8_t i = 0; i < 2 * RATE; i++) {
		struct wrap wrap = wrap_outer(false, i % 4 < 2 ? GRE : IPPROTO_UDP);
		struct frame inner = frame6(CLIENT6, TARGET6, IPPROTO_UDP), tagged = inner;
		uint32_t verdict;

		inner.bytes[ETH_HLEN + 23] = i;
		if (i % 4 < 2) {
			WRAP_PUT(&wrap, 0, 0, 0x86, 0xdd);
		} else {
			wrap_put_udp(&wrap, VXLAN_PORT);
			WRAP_PUT(&wrap, 8, 0, 0, 0, 0, 0, 1, 0);
			wrap_put_ethernet(&wrap, ETH_P_IPV6);
		}
		wrap_put(&wrap, inner.bytes + ETH_HLEN, inner.length - ETH_HLEN);
		wrap_close(&wrap);
		memmove(tagged.bytes + 16, inner.bytes + 12, inner.length - 12);
		memcpy(tagged.bytes + 12, "\x81\x00\x00\x05", 4);
		tagged.length += 4;
		if (i % 5 == 3)
			verdict = bed_run(&tagged);
		else if (i % 5 == 4)
			verdict = bed_run_bytes(bed.table->l3_program_fd, inner.bytes + ETH_HLEN,
						inner.length - ETH_HLEN, 1, NULL);
		else
			verdict = bed_run(&wrap.frame);
		if (verdict != (i < RATE ? XDP_VERDICT_PASS : XDP_VERDICT_DROP))
			fail_msg("packet %u", i);
	}
	bed_harvest();
	assert_int_equal(bed.table->pairs6.used, 1);
	assert_int_equal(bed_cell(&key)->packets, 2 * RATE);
}

/* The source of a tunnel's outer packet, and a member's at the gate, are addresses. */
static void a_tunnels_source_is_an_address(void **state)
{
	struct table_tunnel *tunnel = &bed.config.tunnels[0];
	const struct key inside = key4(CLIENT, TARGET);
	struct wrap wrap = wrap_outer(true, 4);

	(void)state;
	bed_configure(1024, 64);
	*tunnel = (struct table_tunnel){ .type = TUNNEL_IPIP, .local = address6(LOCAL6), .source_count = 1 };
	tunnel->sources[0] = (struct table_source){ address6(PEER6), 128 };
	bed.config.tunnel_count = 1;
	assert_int_equal(bed_begin(true), 0);
	assert_int_equal(table_add_local(bed.table, &tunnel->local), 0);
	bed_policy(policy_plain(RATE, 0, POLICY_EARLY));
	wrap_put_inner(&wrap, false);
	wrap_close(&wrap);
	bed_run(&wrap.frame);
	wrap.frame.bytes[ETH_HLEN + 23] ^= 1; /* another address of the peer's /64 */
	bed_run(&wrap.frame);
	assert_int_equal(bed_reason(REASON_PASS_LOCAL), 1);
	bed_harvest();
	assert_int_equal(bed_cell(&inside)->packets, 1);
}

/* Longer than a client: the side of a packet is decided before its source is cut. */
static void sides_see_whole_addresses(void **state)
{
	struct key key, change_key;
	struct change change;

	(void)state;
	bed_configure(1024, 64);
	key = change_key = key6("2001:db8:0:1::", "2001:db8:99::1");
	bed.config.clients[0] = (struct prefix){ address6("2001:db8:0:1:8000::"), 65 };
	bed.config.client_count = 1;
	bed.config.drop_foreign_sources = true;
	assert_int_equal(bed_begin(true), 0);
	bed_policy(policy_plain(RATE, 0, POLICY_EARLY));
	sides_note(bed.table, 0, 1);
	assert_int_equal(judged("2001:db8:0:1::5", "2001:db8:99::1"), XDP_VERDICT_DROP);
	assert_int_equal(bed_reason(REASON_DROP_FOREIGN_SOURCE), 1);
	assert_null(bed_record(&key));
	assert_int_equal(judged("2001:db8:0:1:8000::5", "2001:db8:99::1"), XDP_VERDICT_PASS);
	assert_non_null(bed_record(&key));
	/* The client is no foreign one to the daemon, although the first address of its /64 is. */
	change = (struct change){ .ts1 = bed_now().mesh, .ts2 = bed_now().mesh, .count = 1, .pass_share = SHARE_ALL };
	change_key.destination = address6("2001:db8:99::2");
	assert_int_equal(bed_apply(&change_key, &change, true), 0);
	change_key.client = address6("2001:db8:0:2::");
	assert_int_equal(bed_apply(&change_key, &change, true), -ENOENT);
}

static void a_quota_is_of_the_whole_client(void **state)
{
	char client[64], destination[64];

	(void)state;
	begin(64, NULL, 0);
	bed_policy(policy_plain(RATE, 0, POLICY_EARLY));
	table_set_client_pairs(bed.table, 5);
	for (unsigned int i = 1; i <= 20; i++) {
		snprintf(client, sizeof(client), "2001:db8:0:1::%x", i);
		snprintf(destination, sizeof(destination), "2001:db8:99::%x", i);
		judged(client, destination);
	}
	assert_int_equal(bed_reason(REASON_CLIENT_QUOTA), 15);
	assert_int_equal(table_clients_full(bed.table), 1);
}

/* Without a head: the coarse entries of the client, and who fills the table. */
static void who_finds_no_record_is_named_as_a_client(void **state)
{
	static const struct listed listed[] = { { "2001:db8:1::", 48 } };
	struct coarse_view heaviest[COARSE_HEAVIEST_MAX], view;
	struct address client;
	static struct heavy sample;
	char text[64];

	(void)state;
	begin(64, listed, 1);
	for (unsigned int i = 1; i <= 64; i++) { /* every head */
		snprintf(text, sizeof(text), "2001:db8:99::%x", i);
		judged("2001:db8:5::1", text);
	}
	for (unsigned int i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "2001:db8:0:1::%x", i + 1);
		judged(text, "2001:db8:77::1");
		if (i < 30)
			judged("2001:db8:1::8", "2001:db8:77::1");
		if (i < 20)
			judged("2001:db8:1::9", "2001:db8:77::1");
	}
	assert_int_equal(bed_reason(REASON_COARSE), 110);
	assert_int_equal(table_coarse_heaviest(bed.table, COARSE_CLIENTS, heaviest), 3);
	assert_int_equal(heaviest[0].packets, 60);
	assert_int_equal(heaviest[0].prefix.bits, 64);
	assert_memory_equal(&heaviest[0].prefix.address, address6("2001:db8:0:1::").bytes, 16);
	assert_int_equal(heaviest[1].packets, 30);
	assert_int_equal(heaviest[1].prefix.bits, 128);
	assert_memory_equal(&heaviest[1].prefix.address, address6("2001:db8:1::8").bytes, 16);
	assert_int_equal(heaviest[2].packets, 20);
	client = address6("2001:db8:1::9");
	assert_true(table_coarse_of(bed.table, COARSE_CLIENTS, &client, &view));
	assert_int_equal(view.packets, 20);
	table_sample_clients(bed.table, true, &sample);
	assert_non_null(heavy_top(&sample));
	assert_memory_equal(&heavy_top(&sample)->client, address6("2001:db8:5::").bytes, 16);
}

/* Of the client as it is counted, whichever of its addresses drops. */
static void a_rule_of_a_client_holds_for_all_its_addresses(void **state)
{
	(void)state;
	begin(64, NULL, 0);
	document_start(RATE, 0);
	override_add(POLICY_CLIENT, (struct prefix){ address6("2001:db8:0:1::"), 64 }, 2 * RATE);
	rule_add(POLICY_CLIENT, POLICY_NEVER_DROP, (struct prefix){ address6("2001:db8:0:2::"), 64 });
	rule_add(POLICY_CLIENT, POLICY_BLOCK, (struct prefix){ address6("2001:db8:0:4::"), 62 });
	put_at(0);
	assert_int_equal(rotated("2001:db8:0:1::", 50), 2 * RATE);
	assert_int_equal(rotated("2001:db8:0:2::", 50), 50);
	assert_int_equal(rotated("2001:db8:0:3::", 50), RATE);
	assert_int_equal(rotated("2001:db8:0:4::", 50), 0);
	assert_int_equal(rotated("2001:db8:0:7::", 50), 0);
	/* A rule shorter than a client gives its rate to each. */
	document_start(RATE, 0);
	override_add(POLICY_CLIENT, (struct prefix){ address6("2001:db8:1::"), 48 }, 3 * RATE);
	put_at(0);
	assert_int_equal(rotated("2001:db8:1:1::", 50), 3 * RATE);
	assert_int_equal(rotated("2001:db8:1:2::", 50), 3 * RATE);
}

static void a_table_of_other_widths_is_not_taken_over(void **state)
{
	(void)state;
	begin(64, NULL, 0);
	table_close(bed.table);
	bed.config.widths.client_bits = 56;
	assert_int_equal(bed_open(true), -ESTALE);
	assert_non_null(strstr(bed.problem.text, "other widths"));
	bed.config.widths.client_bits = 64;
	assert_int_equal(bed_open(true), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_that_rotates_through_its_64_is_one_client),
		TEST(in_a_listed_prefix_every_address_is_a_client),
		TEST(eight_lists_and_their_edges),
		TEST(a_client_may_be_wider),
		TEST(however_its_packets_come),
		TEST(a_tunnels_source_is_an_address),
		TEST(sides_see_whole_addresses),
		TEST(a_quota_is_of_the_whole_client),
		TEST(who_finds_no_record_is_named_as_a_client),
		TEST(a_rule_of_a_client_holds_for_all_its_addresses),
		TEST(a_table_of_other_widths_is_not_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
