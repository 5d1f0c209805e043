/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tunnels that end at the proxy: whose packet it is, what is left to the kernel, and what comes out when XDP takes
 * the rest off.
 */
#include "wrap.h"

#define GUE_PORT 6080
#define FOU_PORT 5555
#define VXLAN_PORT 4789
#define GRE 47
#define UDP 17

static struct table_source source_of(const char *text, uint8_t bits)
{
	struct table_source source = { .bits = bits };

	inet_pton(AF_INET6, text, source.address.bytes);
	return source;
}

static void add_tunnel(enum tunnel_type type, bool ipv6, uint16_t port, bool decapsulate)
{
	struct table_tunnel *tunnel = &bed.config.tunnels[bed.config.tunnel_count++];

	*tunnel = (struct table_tunnel){ .type = type, .port = port, .decapsulate = decapsulate, .source_count = 2 };
	tunnel->local = ipv6 ? key6(LOCAL6, LOCAL6).destination : key4(0, LOCAL).destination;
	tunnel->sources[0] = source_of("::ffff:198.51.100.0", 120);
	tunnel->sources[1] = source_of("2001:db8:f::", 48);
}

static int setup_with(bool decapsulate)
{
	bed_configure(1024, 64);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		add_tunnel(TUNNEL_IPIP, ipv6, 0, decapsulate);
		add_tunnel(TUNNEL_GRE, ipv6, 0, decapsulate);
		add_tunnel(TUNNEL_GUE, ipv6, GUE_PORT, decapsulate);
		add_tunnel(TUNNEL_FOU, ipv6, FOU_PORT, decapsulate);
		add_tunnel(TUNNEL_VXLAN, ipv6, VXLAN_PORT, decapsulate);
	}
	return bed_begin(true);
}

static int setup(void **state)
{
	(void)state;
	return setup_with(false);
}

static int setup_decapsulating(void **state)
{
	(void)state;
	return setup_with(true);
}

/* What stands between the outer IP header and the inner packet. */
struct row {
	const char *name;
	uint8_t protocol;
	uint16_t port; /* a UDP header for it comes first */
	uint8_t between[20];
	uint8_t between_bytes;
	bool ethernet; /* then an Ethernet header */
	bool ipv6;     /* inside */
	bool opened;
};

static const struct row rows[] = {
	{ "IPv4 in IP", 4, 0, { 0 }, 0, false, false, true },
	{ "IPv6 in IP", 41, 0, { 0 }, 0, false, true, true },
	{ "IPv6 called IPv4", 4, 0, { 0 }, 0, false, true, false },
	{ "GRE, IPv4", GRE, 0, { 0, 0, 8, 0 }, 4, false, false, true },
	{ "GRE, IPv6", GRE, 0, { 0, 0, 0x86, 0xdd }, 4, false, true, true },
	{ "GRE with a key", GRE, 0, { 0x20, 0, 8, 0, 1, 2, 3, 4 }, 8, false, false, true },
	{ "GRE with a checksum", GRE, 0, { 0x80, 0, 8, 0, 1, 2, 3, 4 }, 8, false, false, true },
	{ "GRE with a sequence", GRE, 0, { 0x10, 0, 8, 0, 1, 2, 3, 4 }, 8, false, false, true },
	{ "GRE with all three", GRE, 0, { 0xb0, 0, 0x86, 0xdd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9 }, 16, false, true,
		true },
	{ "GRE with routing", GRE, 0, { 0x40, 0, 8, 0 }, 4, false, false, false },
	{ "GRE version 1", GRE, 0, { 0x20, 1, 0x88, 0x0b, 0, 0, 0, 0 }, 8, false, false, false },
	{ "GRE version 1 with IPv4's type", GRE, 0, { 0, 1, 8, 0 }, 4, false, false, false },
	{ "GRE with strict source route", GRE, 0, { 0x08, 0, 8, 0 }, 4, false, false, false },
	{ "GRE with a reserved bit", GRE, 0, { 0, 0x80, 8, 0 }, 4, false, false, false },
	{ "GRE, a keepalive's type 0", GRE, 0, { 0, 0, 0, 0 }, 4, false, false, false },
	{ "GRE with Ethernet", GRE, 0, { 0, 0, 0x65, 0x58 }, 4, true, false, true },
	{ "GRE with Ethernet and a key, IPv6", GRE, 0, { 0x20, 0, 0x65, 0x58, 0, 0, 0, 7 }, 8, true, true, true },
	{ "GUE, IPv4", UDP, GUE_PORT, { 0, 4, 0, 0 }, 4, false, false, true },
	{ "GUE, IPv6", UDP, GUE_PORT, { 0, 41, 0, 0 }, 4, false, true, true },
	{ "GUE with two words of options", UDP, GUE_PORT, { 2, 4, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2 }, 12, false, false,
		true },
	{ "GUE variant 1, IPv4", UDP, GUE_PORT, { 0 }, 0, false, false, true },
	{ "GUE variant 1, IPv6", UDP, GUE_PORT, { 0 }, 0, false, true, true },
	{ "GUE control", UDP, GUE_PORT, { 0x20, 4, 0, 0 }, 4, false, false, false },
	{ "GUE with TCP", UDP, GUE_PORT, { 0, 6, 0, 0 }, 4, false, false, false },
	{ "GUE variant 2", UDP, GUE_PORT, { 0x80, 4, 0, 0 }, 4, false, false, false },
	{ "FOU, IPv4", UDP, FOU_PORT, { 0 }, 0, false, false, true },
	{ "FOU, IPv6", UDP, FOU_PORT, { 0 }, 0, false, true, true },
	{ "FOU, neither", UDP, FOU_PORT, { 0x50, 0, 0, 0 }, 4, false, false, false },
	{ "VXLAN, IPv4", UDP, VXLAN_PORT, { 8, 0, 0, 0, 0, 0, 42, 0 }, 8, true, false, true },
	{ "VXLAN, IPv6", UDP, VXLAN_PORT, { 8, 0, 0, 0, 0, 0, 42, 0 }, 8, true, true, true },
	{ "VXLAN without a number", UDP, VXLAN_PORT, { 0, 0, 0, 0, 0, 0, 42, 0 }, 8, true, false, false },
	{ "VXLAN with a group policy", UDP, VXLAN_PORT, { 0x88, 0, 0x12, 0x34, 0, 0, 42, 0 }, 8, true, false, true },
	{ "VXLAN with every reserved bit", UDP, VXLAN_PORT, { 0xfb, 0xff, 0xff, 0xff, 0, 0, 42, 0xff }, 8, true, true,
		true },
	{ "VXLAN with a protocol, IPv4", UDP, VXLAN_PORT, { 0x0c, 0, 0, 1, 0, 0, 42, 0 }, 8, false, false, true },
	{ "VXLAN with a protocol, IPv6", UDP, VXLAN_PORT, { 0x0c, 0, 0, 2, 0, 0, 42, 0 }, 8, false, true, true },
	{ "VXLAN with a protocol, Ethernet", UDP, VXLAN_PORT, { 0x0c, 0, 0, 3, 0, 0, 42, 0 }, 8, true, false, true },
	{ "VXLAN with a protocol, NSH", UDP, VXLAN_PORT, { 0x0c, 0, 0, 4, 0, 0, 42, 0 }, 8, true, false, false },
	{ "VXLAN with a protocol and no number", UDP, VXLAN_PORT, { 4, 0, 0, 1, 0, 0, 42, 0 }, 8, false, false, false },
	{ "FOU at a port of no tunnel", UDP, FOU_PORT + 1, { 0 }, 0, false, false, false },
	{ "a protocol of no tunnel", 132, 0, { 0 }, 0, false, false, false },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct wrap wrap_of(const struct row *row, bool outer_ipv6)
{
	struct wrap wrap = wrap_outer(outer_ipv6, row->protocol);

	if (row->port)
		wrap_put_udp(&wrap, row->port);
	wrap_put(&wrap, row->between, row->between_bytes);
	if (row->ethernet)
		wrap_put_ethernet(&wrap, row->ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	wrap_put_inner(&wrap, row->ipv6);
	wrap_close(&wrap);
	return wrap;
}

static uint64_t inner_count(bool ipv6)
{
	struct key key = ipv6 ? key6(CLIENT6, TARGET6) : key4(CLIENT, TARGET);
	struct pair_record *record = bed_record(&key);

	return record ? record->packets : 0;
}

/* Runs the frame; it must pass for the reason and leave the inner pair's count so much higher. */
static void check(const char *name, const struct frame *frame, bool ipv6, enum reason reason, unsigned int counted)
{
	uint64_t before = bed_reason(reason), count = inner_count(ipv6);

	if (bed_run(frame) != XDP_VERDICT_PASS || bed_reason(reason) != before + 1)
		fail_msg("\"%s\", %u bytes: not passed as reason %d", name, frame->length, reason);
	if (inner_count(ipv6) != count + counted)
		fail_msg("\"%s\", %u bytes: the inner pair counts %u more, not %u", name, frame->length,
			 (unsigned int)(inner_count(ipv6) - count), counted);
}

static void the_pair_is_the_one_inside(void **state)
{
	(void)state;
	for (int outer_ipv6 = 0; outer_ipv6 < 2; outer_ipv6++)
		for (size_t i = 0; i < ROWS; i++) {
			struct wrap wrap = wrap_of(&rows[i], outer_ipv6);

			check(rows[i].name, &wrap.frame, rows[i].ipv6,
			      !strcmp(rows[i].name, "IPv6 called IPv4") ? REASON_PASS_MALFORMED
			      : rows[i].opened				? REASON_PASS
									: REASON_PASS_LOCAL,
			      rows[i].opened);
			assert_int_equal(bed.out_length, wrap.frame.length);
			assert_memory_equal(bed.out, wrap.frame.bytes, wrap.frame.length);
		}
	assert_int_equal(bed.table->pairs4.used + bed.table->pairs6.used, 0); /* as of the last harvest */
	bed_harvest();
	assert_int_equal(bed.table->pairs4.used, 1);
	assert_int_equal(bed.table->pairs6.used, 1);
}

static void what_comes_out_is_the_inner_packet_behind_the_same_link_header(void **state)
{
	(void)state;
	for (int outer_ipv6 = 0; outer_ipv6 < 2; outer_ipv6++)
		for (size_t i = 0; i < ROWS; i++) {
			struct wrap wrap = wrap_of(&rows[i], outer_ipv6);
			uint32_t inner_bytes = rows[i].ipv6 ? 100 : 50, inner = wrap.frame.length - inner_bytes;

			if (!rows[i].opened)
				continue;
			assert_int_equal(bed_run(&wrap.frame), XDP_VERDICT_PASS);
			if (bed.out_length != ETH_HLEN + inner_bytes ||
			    memcmp(bed.out + ETH_HLEN, wrap.frame.bytes + inner, inner_bytes) ||
			    memcmp(bed.out, wrap.frame.bytes, 12) || bed.out[12] != (rows[i].ipv6 ? 0x86 : 0x08) ||
			    bed.out[13] != (rows[i].ipv6 ? 0xdd : 0x00))
				fail_msg("\"%s\": wrong bytes came out", rows[i].name);
		}
}

static void the_outer_tags_stay(void **state)
{
	static const uint8_t tags[8] = { 0x88, 0xa8, 0, 7, 0x81, 0, 0, 8 };

	(void)state;
	for (uint32_t bytes = 4; bytes <= 8; bytes += 4) {
		struct wrap wrap = wrap_of(&rows[1], false);
		uint8_t *frame = wrap.frame.bytes;

		memmove(frame + 12 + bytes, frame + 12, wrap.frame.length - 12);
		memcpy(frame + 12, tags, bytes);
		wrap.frame.length += bytes;
		check("tags around a tunnel", &wrap.frame, true, REASON_PASS, 1);
		assert_int_equal(bed.out_length, 14 + bytes + 100);
		assert_memory_equal(bed.out, frame, 12 + bytes);
		assert_int_equal(bed.out[12 + bytes], 0x86);
		assert_memory_equal(bed.out + 14 + bytes, frame + wrap.frame.length - 100, 100);
	}
}

static void a_pair_over_its_rate_drops_inside_and_outside(void **state)
{
	struct wrap wrap = wrap_of(&rows[3], false);
	struct frame plain = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(10, 0, POLICY_EARLY));
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(bed_run(i % 2 ? &plain : &wrap.frame), XDP_VERDICT_PASS);
	assert_int_equal(bed_run(&wrap.frame), XDP_VERDICT_DROP);
	assert_int_equal(bed.out_length, wrap.frame.length); /* dropped as it came */
	assert_int_equal(bed_run(&plain), XDP_VERDICT_DROP);
}

/* Cut anywhere, nothing is counted for the inner pair; the outer packet then is malformed or holds nothing readable. */
static void cut_anywhere_nobody_is_charged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct wrap wrap = wrap_of(&rows[i], false);
		uint32_t whole = wrap.frame.length;

		for (wrap.frame.length = ETH_HLEN + 20; rows[i].opened && wrap.frame.length < whole;
		     wrap.frame.length++) {
			uint64_t count = inner_count(rows[i].ipv6);

			assert_int_equal(bed_run(&wrap.frame), XDP_VERDICT_PASS); /* the outer total length lies */
			wrap_close(&wrap);
			assert_int_equal(bed_run(&wrap.frame), XDP_VERDICT_PASS); /* it fits, the inner one does not */
			assert_int_equal(inner_count(rows[i].ipv6), count);
		}
	}
}

static void an_inner_packet_must_end_in_its_outer_one(void **state)
{
	struct wrap wrap = wrap_of(&rows[0], false);

	(void)state;
	wrap.frame.length--;
	wrap_close(&wrap);
	wrap.frame.length += 40; /* padding behind the outer packet would make the inner one whole */
	check("one byte short", &wrap.frame, false, REASON_PASS_MALFORMED, 0);
}

static void from_elsewhere_it_is_a_packet_to_the_proxy(void **state)
{
	struct wrap wrap = wrap_of(&rows[0], false);

	(void)state;
	wrap.frame.bytes[wrap.ip + 14] = 101; /* 198.51.101.5 */
	check("from another prefix", &wrap.frame, false, REASON_PASS_LOCAL, 0);
}

static void to_another_host_it_is_a_packet_like_any_other(void **state)
{
	struct wrap wrap = wrap_of(&rows[0], false);
	struct key outer = key4(PEER, LOCAL + 1);

	(void)state;
	wrap.frame.bytes[wrap.ip + 19]++;
	check("to another host", &wrap.frame, false, REASON_PASS, 0);
	assert_int_equal(bed_record(&outer)->packets, 1);
}

static void a_tunnel_in_a_tunnel_is_not_opened(void **state)
{
	struct wrap wrap = wrap_outer(false, 4), inner = wrap_of(&rows[0], false);
	struct key key = key4(PEER, LOCAL);

	(void)state;
	wrap_put(&wrap, inner.frame.bytes + ETH_HLEN, inner.frame.length - ETH_HLEN);
	wrap_close(&wrap);
	check("nested", &wrap.frame, false, REASON_PASS_LOCAL, 0);
	assert_null(bed_record(&key));
}

static void a_first_fragment_is_judged_and_left_whole(void **state)
{
	struct wrap wrap = wrap_of(&rows[3], false);
	uint32_t whole = wrap.frame.length;

	(void)state;
	wrap.frame.bytes[wrap.ip + 6] = 0x20; /* more fragments */
	wrap.frame.length = whole - 8;	      /* ends inside the inner payload */
	wrap_close(&wrap);
	check("first fragment", &wrap.frame, false, REASON_PASS, 1);
	assert_int_equal(bed.out_length, wrap.frame.length);
	wrap.frame.length = ETH_HLEN + 20 + 4 + 19; /* inside the inner header */
	wrap_close(&wrap);
	assert_int_equal(bed_run(&wrap.frame), XDP_VERDICT_DROP);
	assert_int_equal(bed_reason(REASON_DROP_TUNNEL), 1);
	wrap.frame.length = ETH_HLEN + 20 + 3; /* inside the GRE header */
	wrap_close(&wrap);
	assert_int_equal(bed_run(&wrap.frame), XDP_VERDICT_DROP);
	wrap.frame.bytes[wrap.ip + 6] = 0x00;
	wrap.frame.bytes[wrap.ip + 7] = 0x03; /* a later one */
	check("later fragment", &wrap.frame, false, REASON_PASS_LOCAL, 0);
}

static void outer_options_and_extension_headers_are_walked(void **state)
{
	struct wrap four = wrap_outer(false, 4), six = wrap_outer(true, 60);

	(void)state;
	four.frame.bytes[four.ip] = 0x47;
	WRAP_PUT(&four, 1, 1, 1, 1, 1, 1, 1, 0);
	wrap_put_inner(&four, false);
	wrap_close(&four);
	check("options", &four.frame, false, REASON_PASS, 1);
	WRAP_PUT(&six, 41, 0, 4, 1, 4, 1, 1, 0); /* the encapsulation limit of RFC 2473 */
	wrap_put_inner(&six, true);
	wrap_close(&six);
	check("encapsulation limit", &six.frame, true, REASON_PASS, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_pair_is_the_one_inside, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(what_comes_out_is_the_inner_packet_behind_the_same_link_header,
						setup_decapsulating, bed_teardown),
		cmocka_unit_test_setup_teardown(the_outer_tags_stay, setup_decapsulating, bed_teardown),
		cmocka_unit_test_setup_teardown(a_pair_over_its_rate_drops_inside_and_outside, setup_decapsulating,
						bed_teardown),
		cmocka_unit_test_setup_teardown(cut_anywhere_nobody_is_charged, setup_decapsulating, bed_teardown),
		cmocka_unit_test_setup_teardown(an_inner_packet_must_end_in_its_outer_one, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(from_elsewhere_it_is_a_packet_to_the_proxy, setup_decapsulating,
						bed_teardown),
		cmocka_unit_test_setup_teardown(to_another_host_it_is_a_packet_like_any_other, setup_decapsulating,
						bed_teardown),
		cmocka_unit_test_setup_teardown(a_tunnel_in_a_tunnel_is_not_opened, setup_decapsulating, bed_teardown),
		cmocka_unit_test_setup_teardown(a_first_fragment_is_judged_and_left_whole, setup_decapsulating,
						bed_teardown),
		cmocka_unit_test_setup_teardown(outer_options_and_extension_headers_are_walked, setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
