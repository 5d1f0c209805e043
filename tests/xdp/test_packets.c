/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets in, reasons out: one row per kind of frame the program can meet. Bytes at offsets from the start of the IP
 * header.
 */
#include "bed.h"
#include "frame.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201

struct edit {
	uint16_t offset;
	uint8_t value;
};

struct row {
	const char *name;
	bool ipv6;
	uint16_t length; /* of the frame, 0 = as made */
	enum reason reason;
	struct edit edits[10];
};

#define TCP 6
#define UDP 17
#define ICMP6 58
/* IPv6: next header at 6, hop limit at 7, client at 8, destination at 24, payload at 40. */
static const struct row rows[] = {
	{ "plain IPv4", false, 0, REASON_PASS, { { 0 } } },
	{ "the shortest total length", false, 34, REASON_PASS, { { 2, 0 }, { 3, 20 } } },
	{ "total length below the header", false, 0, REASON_PASS_MALFORMED, { { 2, 0 }, { 3, 19 } } },
	{ "total length as long as the frame", false, 0, REASON_PASS, { { 3, 50 } } },
	{ "total length one past the frame", false, 0, REASON_PASS_MALFORMED, { { 3, 51 } } },
	{ "total length of 65535", false, 0, REASON_PASS_MALFORMED, { { 2, 255 }, { 3, 255 } } },
	{ "header length 4 words", false, 0, REASON_PASS_MALFORMED, { { 0, 0x44 } } },
	{ "header length 0 words", false, 0, REASON_PASS_MALFORMED, { { 0, 0x40 } } },
	{ "options: 6 words", false, 0, REASON_PASS, { { 0, 0x46 }, { 20, 1 } } },
	{ "options: 12 words, all of the packet", false, 0, REASON_PASS, { { 0, 0x4c }, { 3, 48 } } },
	{ "options past the total length", false, 0, REASON_PASS_MALFORMED, { { 0, 0x4d }, { 3, 48 } } },
	{ "version 5", false, 0, REASON_PASS_MALFORMED, { { 0, 0x55 } } },
	{ "version 6 under the IPv4 type", false, 0, REASON_PASS_MALFORMED, { { 0, 0x65 } } },
	{ "cut inside the IPv4 header", false, 33, REASON_PASS_MALFORMED, { { 3, 20 } } },
	{ "Ethernet header alone", false, 14, REASON_PASS_MALFORMED, { { 0 } } },
	{ "first fragment", false, 0, REASON_PASS, { { 6, 0x20 } } },
	{ "later fragment", false, 0, REASON_PASS, { { 7, 0x10 } } },
	{ "to 224.0.0.1", false, 0, REASON_PASS_NOT_UNICAST, { { 16, 224 }, { 17, 0 }, { 18, 0 }, { 19, 1 } } },
	{ "to 223.255.255.255", false, 0, REASON_PASS, { { 16, 223 }, { 17, 255 }, { 18, 255 }, { 19, 255 } } },
	{ "to 239.255.255.255", false, 0, REASON_PASS_NOT_UNICAST,
		{ { 16, 239 }, { 17, 255 }, { 18, 255 }, { 19, 255 } } },
	{ "to 240.0.0.0, which the kernel forwards", false, 0, REASON_PASS,
		{ { 16, 240 }, { 17, 0 }, { 18, 0 }, { 19, 0 } } },
	{ "from 255.255.255.254", false, 0, REASON_PASS, { { 12, 255 }, { 13, 255 }, { 14, 255 }, { 15, 254 } } },
	{ "from 255.255.255.255", false, 0, REASON_PASS_NOT_UNICAST,
		{ { 12, 255 }, { 13, 255 }, { 14, 255 }, { 15, 255 } } },
	{ "to 255.255.255.255", false, 0, REASON_PASS_NOT_UNICAST,
		{ { 16, 255 }, { 17, 255 }, { 18, 255 }, { 19, 255 } } },
	{ "from 0.0.0.0", false, 0, REASON_PASS_NOT_UNICAST, { { 12, 0 }, { 13, 0 }, { 14, 0 }, { 15, 0 } } },
	{ "from 0.0.0.1, which the kernel forwards", false, 0, REASON_PASS,
		{ { 12, 0 }, { 13, 0 }, { 14, 0 }, { 15, 1 } } },
	{ "from 1.0.0.0", false, 0, REASON_PASS, { { 12, 1 }, { 15, 0 } } },
	{ "from 127.0.0.1, which the kernel forwards with route_localnet", false, 0, REASON_PASS, { { 12, 127 } } },
	{ "from 127.0.0.1 to 224.0.0.1", false, 0, REASON_PASS_NOT_UNICAST,
		{ { 12, 127 }, { 16, 224 }, { 17, 0 }, { 18, 0 }, { 19, 1 } } },
	{ "from 126.255.255.255", false, 0, REASON_PASS, { { 12, 126 }, { 13, 255 }, { 14, 255 }, { 15, 255 } } },
	{ "from 128.0.0.0", false, 0, REASON_PASS, { { 12, 128 } } },
	{ "to 127.0.0.1", false, 0, REASON_PASS_NOT_UNICAST, { { 16, 127 } } },
	{ "from 224.0.0.1", false, 0, REASON_PASS_NOT_UNICAST, { { 12, 224 } } },

	{ "plain IPv6", true, 0, REASON_PASS, { { 0 } } },
	{ "no payload", true, 54, REASON_PASS, { { 5, 0 }, { 6, 59 } } },
	{ "payload one past the frame", true, 0, REASON_PASS_MALFORMED, { { 5, 61 } } },
	{ "payload of 65535", true, 0, REASON_PASS_MALFORMED, { { 4, 255 }, { 5, 255 } } },
	{ "cut inside the IPv6 header", true, 53, REASON_PASS_MALFORMED, { { 5, 0 } } },
	{ "version 4 under the IPv6 type", true, 0, REASON_PASS_MALFORMED, { { 0, 0x40 } } },
	{ "neighbour solicitation to a group",
	  true,
	  0,
	  REASON_PASS_NOT_UNICAST,
	  { { 6, ICMP6 }, { 7, 255 }, { 24, 0xff }, { 25, 2 }, { 40, 135 } } },
	{ "neighbour advertisement to a link-local address",
	  true,
	  0,
	  REASON_PASS_NOT_UNICAST,
	  { { 6, ICMP6 }, { 7, 255 }, { 24, 0xfe }, { 25, 0x80 }, { 40, 136 } } },
	{ "neighbour advertisement from one to another's, which would be forwarded by the way it came",
	  true,
	  0,
	  REASON_PASS,
	  { { 6, ICMP6 }, { 7, 255 }, { 8, 0xfe }, { 9, 0x80 }, { 40, 136 } } },
	{ "what looks like one, and would be forwarded", true, 0, REASON_PASS,
		{ { 6, ICMP6 }, { 7, 255 }, { 40, 135 } } },
	{ "a redirect that would be", true, 0, REASON_PASS, { { 6, ICMP6 }, { 7, 255 }, { 40, 137 } } },
	{ "behind seven extension headers",
	  true,
	  0,
	  REASON_PASS,
	  { { 6, 0 }, { 40, 60 }, { 48, 43 }, { 56, 60 }, { 64, 60 }, { 72, 60 }, { 80, 60 }, { 88, ICMP6 },
	  	{ 96, 128 } } },
	{ "a fragment", true, 0, REASON_PASS, { { 6, 44 }, { 40, ICMP6 }, { 48, 128 } } },
	{ "a chain that leaves the frame", true, 0, REASON_PASS, { { 7, 255 }, { 6, 0 }, { 40, ICMP6 }, { 41, 255 } } },
	{ "an unknown header", true, 0, REASON_PASS, { { 7, 255 }, { 6, 200 } } },
	{ "to ff02::1", true, 0, REASON_PASS_NOT_UNICAST, { { 24, 0xff }, { 25, 2 } } },
	{ "from fe80::, which the kernel sends back by the way it came", true, 0, REASON_PASS,
		{ { 8, 0xfe }, { 9, 0x80 } } },
	{ "from febf::", true, 0, REASON_PASS, { { 8, 0xfe }, { 9, 0xbf } } },
	{ "from fec0::", true, 0, REASON_PASS, { { 8, 0xfe }, { 9, 0xc0 } } },
	{ "from fe7f::", true, 0, REASON_PASS, { { 8, 0xfe }, { 9, 0x7f } } },
	/* 2001:db8::1 without its first four bytes is ::1. */
	{ "from ::1", true, 0, REASON_PASS_NOT_UNICAST, { { 8, 0 }, { 9, 0 }, { 10, 0 }, { 11, 0 } } },
	{ "from ::, which the kernel sends back by the way it came", true, 0, REASON_PASS,
		{ { 8, 0 }, { 9, 0 }, { 10, 0 }, { 11, 0 }, { 23, 0 } } },
	{ "from ::2", true, 0, REASON_PASS, { { 8, 0 }, { 9, 0 }, { 10, 0 }, { 11, 0 }, { 23, 2 } } },
	{ "from ::ffff:0.0.0.1, which the kernel forwards",
	  true,
	  0,
	  REASON_PASS,
	  { { 8, 0 }, { 9, 0 }, { 10, 0 }, { 11, 0 }, { 18, 255 }, { 19, 255 } } },
	{ "from :: to a group (duplicate address detection)",
	  true,
	  0,
	  REASON_PASS_NOT_UNICAST,
	  { { 8, 0 }, { 9, 0 }, { 10, 0 }, { 11, 0 }, { 23, 0 }, { 24, 0xff }, { 25, 2 } } },
	/* So is 2001:db8::99 without them ::99. */
	{ "to ::99", true, 0, REASON_PASS, { { 24, 0 }, { 25, 0 }, { 26, 0 }, { 27, 0 } } },
	{ "to ::1", true, 0, REASON_PASS_NOT_UNICAST, { { 24, 0 }, { 25, 0 }, { 26, 0 }, { 27, 0 }, { 39, 1 } } },
	{ "to ::, which the kernel forwards", true, 0, REASON_PASS,
		{ { 24, 0 }, { 25, 0 }, { 26, 0 }, { 27, 0 }, { 39, 0 } } },
	{ "to ::ffff:0.0.0.153, likewise",
	  true,
	  0,
	  REASON_PASS,
	  { { 24, 0 }, { 25, 0 }, { 26, 0 }, { 27, 0 }, { 34, 255 }, { 35, 255 } } },
	{ "from fe80:: to fe80::", true, 0, REASON_PASS_NOT_UNICAST,
		{ { 8, 0xfe }, { 9, 0x80 }, { 24, 0xfe }, { 25, 0x80 } } },
	{ "to febf::", true, 0, REASON_PASS_NOT_UNICAST, { { 24, 0xfe }, { 25, 0xbf } } },
	{ "to fec0::", true, 0, REASON_PASS, { { 24, 0xfe }, { 25, 0xc0 } } },
	{ "to fe80::", true, 0, REASON_PASS_NOT_UNICAST, { { 24, 0xfe }, { 25, 0x80 } } },
};

/* Addresses of IPv6 packets that stand for something else in a key, and what they count as. */
static const struct {
	const char *in_packet, *counted;
	bool client_alone; /* as a destination it is not counted */
} renamed[] = {
	{ "::", "::fffe:0:0", false },
	{ "::ffff:0:0", "::fffe:0:0", false },
	{ "::ffff:10.9.0.1", "::fffe:10.9.0.1", false },
	{ "::ffff:127.0.0.1", "::fffe:127.0.0.1", false },
	{ "::ffff:255.255.255.255", "::fffe:255.255.255.255", false },
	{ "::fffd:0:0", "::fffe:0:0", false },
	{ "::fffd:0:1", "::fffd:0:1", false },
	{ "::fffc:ffff:ffff", "::fffc:ffff:ffff", false },
	{ "::fffe:10.9.0.2", "::fffe:10.9.0.2", false },
	{ "0:0:0:1::", "0:0:0:1::", false },
	{ "::1:fffd:0:0", "::1:fffd:0:0", false },
	{ "0:0:0:1:0:fffd::", "0:0:0:1:0:fffd::", false },
	{ "::1:ffff:10.9.0.3", "::1:ffff:10.9.0.3", false },
	{ "fe80::1:2", "80::1:2", true },
	{ "febf:ffff::1:2", "bf:ffff::1:2", true },
	{ "fec0::1:2", "fec0::1:2", false },
};

/* Counted under a key that a frame takes, which is no IPv4 pair's, and dropped like any that is over its rate. */
static void check_renamed(const char *client, const char *destination, const struct key *key)
{
	struct frame frame = frame6(client, destination, UDP);
	const struct harvested *cell;
	uint32_t verdict;

	bed_policy(policy_plain(2, 0, POLICY_EARLY));
	bed_run_many(&frame, 2, NULL);
	bed_harvest();
	cell = bed_cell(key);
	if (!cell || cell->packets != 2)
		fail_msg("%s -> %s: expected 2 packets under its key, got %d", client, destination,
			 cell ? (int)cell->packets : -1);
	assert_true(frame_cell_is_valid(&(struct cell){ .key = *key, .packets = 2 }));
	assert_true(frame_client_is_whole(&bed.config.widths, &(struct cell){ .key = *key, .packets = 2 }));
	assert_false(address_is_ipv4(&key->destination) || address_is_ipv4(&key->client));
	verdict = bed_run(&frame);
	if (verdict != XDP_VERDICT_DROP)
		fail_msg("%s -> %s: expected the third packet to drop, got verdict %u", client, destination,
			 (unsigned int)verdict);
}

/* `hosts`: every address is a client. */
static void check_renaming(uint8_t hosts)
{
	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
		struct key from, to, both;

		bed_remove();
		bed_configure(1024, 64);
		bed.config.widths.hosts_count = hosts;
		assert_int_equal(bed_begin(true), 0);
		from = key6(renamed[i].counted, "2001:db8::99");
		to = key6("2001:db8::1", renamed[i].counted);
		both = key6(renamed[i].counted, renamed[i].counted);
		check_renamed(renamed[i].in_packet, "2001:db8::99", &from);
		if (renamed[i].client_alone)
			continue;
		check_renamed("2001:db8::1", renamed[i].in_packet, &to);
		check_renamed(renamed[i].in_packet, renamed[i].in_packet, &both);
	}
}

static void what_is_nobodys_counts_under_a_reserved_name(void **state)
{
	(void)state;
	check_renaming(1);
	check_renaming(0); /* the client of the same name */
}

static void each_row(void (*check)(const struct row *row, const struct frame *frame))
{
	size_t i, j;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = rows[i].ipv6 ? frame6("2001:db8::1", "2001:db8::99", UDP) : frame4(CLIENT, TARGET);

		for (j = 0; j < 10 && (rows[i].edits[j].offset || rows[i].edits[j].value); j++)
			frame.bytes[ETH_HLEN + rows[i].edits[j].offset] = rows[i].edits[j].value;
		if (rows[i].length)
			frame.length = rows[i].length;
		check(&rows[i], &frame);
	}
}

static void check_reason(const struct row *row, const struct frame *frame)
{
	uint64_t before = bed_reason(row->reason), verdict = bed_run(frame);

	if (verdict != XDP_VERDICT_PASS || bed_reason(row->reason) != before + 1)
		fail_msg("row \"%s\": verdict %u, not counted as reason %d", row->name, (unsigned int)verdict,
			 row->reason);
}

static void every_frame_passes_for_its_reason(void **state)
{
	(void)state;
	each_row(check_reason);
}

static void check_total(const struct row *row, const struct frame *frame)
{
	struct reason_counter reasons[REASON_COUNT];
	uint64_t total = 0;
	static uint64_t runs;
	int i;

	(void)row;
	bed_run(frame);
	runs++;
	table_read_reasons(bed.table, reasons);
	for (i = REASON_PASS; i <= REASON_WOULD_DROP; i++)
		total += reasons[i].packets;
	assert_int_equal(total, runs);
}

static void every_packet_is_counted_once(void **state)
{
	(void)state;
	each_row(check_total);
}

static void other_ethertypes_pass(void **state)
{
	static const uint16_t types[] = { 0x0806, 0x88cc, 0x8100, 0x88a8, 0x0000, 0xffff, 0x0801 };
	struct frame frame = frame4(CLIENT, TARGET);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		frame_set_type(&frame, types[i]);
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
		assert_int_equal(bed_reason(REASON_PASS_NOT_IP), i + 1);
	}
}

static void known_pairs_are_counted_in_pair_and_destination(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET), six = frame6("2001:db8::1", "2001:db8::99", UDP);
	struct key pair = key4(CLIENT, TARGET), destination = destination4(TARGET);
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		bed_run(&frame);
	bed_run(&six);
	bed_at(BED_START + 1);
	assert_int_equal(bed_harvest(), 4);
	assert_int_equal(bed_cell(&pair)->packets, 5);
	assert_int_equal(bed_cell(&destination)->packets, 5);
	assert_int_equal(bed.table->pairs4.used, 1);
	assert_int_equal(bed.table->pairs6.used, 1);
	assert_int_equal(bed_harvest(), 0);
}

static void packets_to_the_proxy_itself_leave_no_record(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct key pair = key4(CLIENT, TARGET);

	(void)state;
	assert_int_equal(table_add_local(bed.table, &pair.destination), 0);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_LOCAL), 1);
	assert_null(bed_record(&pair));
	assert_int_equal(bed_harvest(), 0);
}

static void an_address_that_becomes_the_proxys_own_passes_from_then_on(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct key pair = key4(CLIENT, TARGET);

	(void)state;
	bed_run(&frame);
	table_add_local(bed.table, &pair.destination);
	bed_at(BED_START + 1);
	bed_run(&frame);
	assert_int_equal(bed_reason(REASON_PASS_LOCAL), 1);
	assert_int_equal(bed_record(&pair)->packets, 1);
}

static void bytes_are_those_of_the_frame(void **state)
{
	struct reason_counter reasons[REASON_COUNT];
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_run(&frame);
	table_read_reasons(bed.table, reasons);
	assert_int_equal(reasons[REASON_PASS].bytes, 64);
}

static uint64_t prng = 1;

static uint32_t below(uint32_t bound)
{
	prng = prng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(prng >> 33) % bound;
}

/*
 * A frame of either family or none, up to nine tags before it, cut anywhere, with some bytes changed, most of them
 * in its headers.
 */
static struct frame frame_of_chance(void)
{
	struct frame plain = below(2) ? frame6("2001:db8::1", "2001:db8::99", UDP) : frame4(CLIENT, TARGET),
		     frame = plain;
	const uint32_t tags = below(4) ? 0 : below(10);

	for (uint32_t i = 0; i < tags; i++)
		memcpy(frame.bytes + 12 + 4 * i, (uint8_t[]){ below(2) ? 0x81 : 0x88, below(2) ? 0 : 0xa8, 0, 0 }, 4);
	memcpy(frame.bytes + 12 + 4 * tags, plain.bytes + 12, plain.length - 12);
	frame.length = below(3) ? plain.length + 4 * tags : ETH_HLEN + below(plain.length + 4 * tags - ETH_HLEN);
	for (uint32_t i = below(6); i > 0; i--)
		frame.bytes[below(frame.length < 80 ? frame.length : 80)] = (uint8_t)below(256);
	return frame;
}

static void whatever_comes_passes_or_drops(void **state)
{
	(void)state;
	bed_policy(policy_plain(100, 1000, POLICY_EARLY));
	for (unsigned int i = 0; i < 50000; i++) {
		const struct frame frame = frame_of_chance();
		const uint32_t verdict = bed_run(&frame);

		if (verdict != XDP_VERDICT_PASS && verdict != XDP_VERDICT_DROP)
			fail_msg("frame %u: verdict %u", i, verdict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_nobodys_counts_under_a_reserved_name, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(every_frame_passes_for_its_reason, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(every_packet_is_counted_once, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(other_ethertypes_pass, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(known_pairs_are_counted_in_pair_and_destination, bed_setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(packets_to_the_proxy_itself_leave_no_record, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(an_address_that_becomes_the_proxys_own_passes_from_then_on, bed_setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(bytes_are_those_of_the_frame, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(whatever_comes_passes_or_drops, bed_setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
