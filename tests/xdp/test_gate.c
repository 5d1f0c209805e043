/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gate at the gossip port: who comes in, and how much of it. */
#include <xpro/bounds.h>

#include "wrap.h"

#define PORT 7946
#define UDP 17

static int setup(void **state)
{
	struct key own = key4(0, LOCAL), own6 = key6(LOCAL6, LOCAL6);

	(void)state;
	bed_configure(1024, 64);
	bed.config.gate_ports[0] = PORT;
	bed.config.gate_ports[1] = PORT + 7;
	if (bed_begin(true))
		return -1;
	return table_add_local(bed.table, &own.destination) || table_add_local(bed.table, &own6.destination);
}

/* A datagram with so much payload. */
static struct frame datagram(bool ipv6, uint16_t port, uint32_t payload)
{
	struct wrap wrap = wrap_outer(ipv6, UDP);

	wrap_put_udp(&wrap, port);
	wrap.frame.length += payload;
	wrap_close(&wrap);
	return wrap.frame;
}

static struct address peer_of(bool ipv6)
{
	return ipv6 ? address6(PEER6) : key4(PEER, LOCAL).client;
}

/* How many of `count` equal frames pass, all in the same jiffy. */
static unsigned int passed_of(const struct frame *frame, unsigned int count)
{
	uint64_t passed = bed_reason(REASON_PASS_LOCAL), dropped = bed_reason(REASON_DROP_GOSSIP);

	bed_run_many(frame, (int)count, NULL);
	passed = bed_reason(REASON_PASS_LOCAL) - passed;
	assert_int_equal(passed + bed_reason(REASON_DROP_GOSSIP) - dropped, count);
	return (unsigned int)passed;
}

/* As a member's seal begins: its id, a counter, what it drew when it started. */
static struct frame sealed(bool ipv6, uint64_t sender, uint64_t counter, uint64_t mark)
{
	const struct gate_head head = { { 'X', 'M', 1, 2 }, sender, counter, mark };
	struct wrap wrap = wrap_outer(ipv6, UDP);

	wrap_put_udp(&wrap, PORT);
	wrap_put(&wrap, &head, sizeof(head));
	wrap.frame.length += 400;
	wrap_close(&wrap);
	return wrap.frame;
}

static void a_members_mark_has_room_for_its_frames_from_anywhere(void **state)
{
	const struct gate_marked key = { 7, 0x1122334455667788 };
	struct frame frame;

	(void)state;
	assert_int_equal(table_gate_mark(bed.table, &key), 0);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		frame = sealed(ipv6, 7, 1, 0x1122334455667788);

		assert_int_equal(passed_of(&frame, GATE_MARKED_PER_S + 500), GATE_MARKED_PER_S + GATE_STRANGER_PER_S);
		bed_at(bed.jiffies + BED_HZ);
	}
	table_gate_unmark(bed.table, &key);
	frame = sealed(false, 7, 1, 0x1122334455667788);
	assert_int_equal(passed_of(&frame, 100), GATE_STRANGER_PER_S);
}

/* Who knows a member's address and id, and not its mark, takes from another bucket than the member. */
static void a_flood_in_a_members_name_takes_nothing_of_the_members(void **state)
{
	struct frame own = sealed(false, 7, 1, 0x1122334455667788), forged = sealed(false, 7, 1, 0x1122334455667789),
		     other = sealed(false, 8, 1, 0x1122334455667788);
	const struct gate_marked key = { 7, 0x1122334455667788 };
	const struct address peer = peer_of(false);

	(void)state;
	assert_int_equal(table_gate_mark(bed.table, &key), 0);
	assert_int_equal(table_gate_open(bed.table, &peer), 0);
	assert_int_equal(passed_of(&forged, 200000), GATE_MEMBER_PER_S);
	assert_int_equal(passed_of(&other, 1000), 0);
	assert_int_equal(passed_of(&own, 10000), 10000);
}

/* Another member knows the mark, too. */
static void a_flood_with_a_members_mark_from_elsewhere_does_not_keep_it_out(void **state)
{
	struct frame own = sealed(false, 7, 1, 0x1122334455667788), flood = own;
	const struct gate_marked key = { 7, 0x1122334455667788 };
	const struct address peer = peer_of(false);

	(void)state;
	flood.bytes[ETH_HLEN + 15]++; /* not from there */
	assert_int_equal(table_gate_mark(bed.table, &key), 0);
	assert_int_equal(table_gate_open(bed.table, &peer), 0);
	assert_int_equal(passed_of(&flood, 200000), GATE_MARKED_PER_S + GATE_STRANGER_PER_S);
	assert_int_equal(passed_of(&own, GATE_MEMBER_PER_S), GATE_MEMBER_PER_S);
}

/* A sender and a mark that read together like a member's address: anybody knows that, from anywhere. */
static void a_members_address_is_no_mark(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		const struct address peer = peer_of(ipv6);
		struct gate_marked alike;
		struct frame forged, own;

		memcpy(&alike, peer.bytes, sizeof(alike));
		forged = sealed(false, alike.sender, 1, alike.mark);
		forged.bytes[ETH_HLEN + 15]++; /* not from there */
		own = datagram(ipv6, PORT, 1000);
		assert_int_equal(table_gate_open(bed.table, &peer), 0);
		assert_int_equal(passed_of(&forged, 100000), GATE_STRANGER_PER_S);
		assert_int_equal(passed_of(&own, GATE_MEMBER_PER_S), GATE_MEMBER_PER_S);
		table_gate_close(bed.table, &peer);
		bed_at(bed.jiffies + BED_HZ);
	}
}

static void a_datagram_too_short_for_a_mark_bears_none(void **state)
{
	const struct gate_marked key = { 7, 0 };
	struct frame frame = datagram(false, PORT, sizeof(struct gate_head) - 1);

	(void)state;
	frame.bytes[ETH_HLEN + 28 + 4] = 7;
	assert_int_equal(table_gate_mark(bed.table, &key), 0);
	assert_int_equal(passed_of(&frame, 100), GATE_STRANGER_PER_S);
	frame = datagram(false, PORT, sizeof(struct gate_head));
	frame.bytes[ETH_HLEN + 28 + 4] = 7;
	assert_int_equal(passed_of(&frame, 100), 100);
}

static void a_members_address_has_room_for_its_frames(void **state)
{
	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct frame frame = datagram(ipv6, PORT, 1000);
		struct address peer = peer_of(ipv6);

		assert_int_equal(table_gate_open(bed.table, &peer), 0);
		assert_int_equal(passed_of(&frame, GATE_MEMBER_PER_S + 500), GATE_MEMBER_PER_S);
		bed_at(bed.jiffies + BED_HZ);
		assert_int_equal(passed_of(&frame, GATE_MEMBER_PER_S + 500), GATE_MEMBER_PER_S);
		table_gate_close(bed.table, &peer);
		assert_int_equal(passed_of(&frame, 100), GATE_STRANGER_PER_S);
		bed_at(bed.jiffies + BED_HZ);
	}
}

static void a_bucket_fills_evenly(void **state)
{
	struct frame frame = datagram(false, PORT, 1000);

	(void)state;
	assert_int_equal(passed_of(&frame, 100), GATE_STRANGER_PER_S);
	for (unsigned int i = 0; i < 2 * BED_HZ; i++) {
		bed_at(bed.jiffies + 1);
		passed_of(&frame, 1);
	}
	/* Two seconds at one a jiffy: two seconds' worth passed, whatever the length of a jiffy. */
	assert_in_range(bed_reason(REASON_PASS_LOCAL), 3 * GATE_STRANGER_PER_S - 1, 3 * GATE_STRANGER_PER_S + 1);
}

static void greetings_from_everywhere_share_one_small_bucket(void **state)
{
	struct frame frame = datagram(false, PORT, HELLO_BYTES);
	uint64_t passed;

	(void)state;
	for (unsigned int i = 0; i < 2 * GATE_HELLO_PER_S; i++) {
		frame.bytes[ETH_HLEN + 14] = (uint8_t)i; /* each from another address */
		bed_run(&frame);
	}
	passed = bed_reason(REASON_PASS_LOCAL);
	assert_int_equal(passed, GATE_HELLO_PER_S);
	frame = datagram(false, PORT, HELLO_BYTES + 1); /* no greeting: that bucket is another */
	assert_int_equal(passed_of(&frame, 1), 1);
	frame = datagram(false, PORT, HELLO_BYTES - 1);
	assert_int_equal(passed_of(&frame, 1), 1);
}

static void a_member_that_has_moved_is_heard_beside_a_noisy_stranger(void **state)
{
	struct frame noise = datagram(false, PORT, 1000), moved = datagram(false, PORT, 1000);

	(void)state;
	moved.bytes[ETH_HLEN + 15]++;
	passed_of(&noise, 100000);
	assert_int_equal(passed_of(&moved, 10), 10);
}

static void all_addresses_of_a_64_are_one_stranger(void **state)
{
	struct frame frame = datagram(true, PORT, 1000);

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		frame.bytes[ETH_HLEN + 8 + 15] = (uint8_t)i;
		bed_run(&frame);
	}
	assert_int_equal(bed_reason(REASON_PASS_LOCAL), GATE_STRANGER_PER_S);
}

static void a_known_address_greets_from_its_own_bucket(void **state)
{
	struct frame stranger = datagram(false, PORT, HELLO_BYTES), known = stranger;
	struct address peer = peer_of(false);

	(void)state;
	stranger.bytes[ETH_HLEN + 15]++;
	passed_of(&stranger, 2 * GATE_HELLO_PER_S);
	assert_int_equal(table_gate_open(bed.table, &peer), 0);
	assert_int_equal(passed_of(&known, 2 * GATE_HELLO_PER_S), 2 * GATE_HELLO_PER_S);
}

static void other_traffic_to_the_proxy_is_let_be(void **state)
{
	struct frame frame = datagram(false, PORT + 1, 1000);

	(void)state;
	assert_int_equal(passed_of(&frame, 1000), 1000);
	frame.bytes[ETH_HLEN + 9] = 6; /* TCP to the same port */
	frame.bytes[ETH_HLEN + 23] = (uint8_t)PORT;
	assert_int_equal(passed_of(&frame, 1000), 1000);
	frame = datagram(false, PORT + 7, 1000); /* the second gossip port */
	assert_int_equal(passed_of(&frame, 1000), GATE_STRANGER_PER_S);
}

static void traffic_through_the_proxy_is_no_gossip(void **state)
{
	struct frame frame = datagram(false, PORT, 1000);

	(void)state;
	frame.bytes[ETH_HLEN + 19]++;
	bed_run_many(&frame, 1000, NULL);
	assert_int_equal(bed_reason(REASON_PASS), 1000);
}

static void fragments_of_datagrams_do_not_come_in(void **state)
{
	struct frame frame = datagram(false, PORT, 1000);
	struct address peer = peer_of(false);

	(void)state;
	table_gate_open(bed.table, &peer);
	frame.bytes[ETH_HLEN + 6] = 0x20;
	assert_int_equal(passed_of(&frame, 10), 0);
	frame.bytes[ETH_HLEN + 6] = 0x00;
	frame.bytes[ETH_HLEN + 7] = 0x10; /* a later one: alone it never becomes a datagram */
	assert_int_equal(passed_of(&frame, 10), 10);
}

/* What cannot be read as far as its port is taken for a datagram of a stranger's. */
static void nothing_hides_behind_headers(void **state)
{
	struct frame cut = datagram(false, PORT, 0), chain = datagram(true, PORT, 200);
	uint8_t *ip = chain.bytes + ETH_HLEN;

	(void)state;
	cut.length = ETH_HLEN + 27;
	cut.bytes[ETH_HLEN + 3] = 27;
	assert_int_equal(passed_of(&cut, 100), GATE_STRANGER_PER_S);
	ip[6] = 60;
	for (unsigned int i = 0; i < 8; i++) {
		ip[40 + 8 * i] = i == 7 ? UDP : 60;
		ip[40 + 8 * i + 1] = 0;
	}
	assert_int_equal(passed_of(&chain, 100), GATE_STRANGER_PER_S);
	bed_at(bed.jiffies + BED_HZ);
	ip[40 + 8 * 5] = UDP; /* six headers are walked */
	ip[40 + 8 * 6 + 2] = PORT >> 8;
	ip[40 + 8 * 6 + 3] = (uint8_t)PORT;
	assert_int_equal(passed_of(&chain, 100), GATE_STRANGER_PER_S);
	bed_at(bed.jiffies + BED_HZ);
	ip[40 + 8 * 6 + 3]++; /* another port */
	assert_int_equal(passed_of(&chain, 100), 100);
}

static void options_before_the_port_are_skipped(void **state)
{
	struct wrap wrap = wrap_outer(false, UDP);

	(void)state;
	wrap.frame.bytes[wrap.ip] = 0x48;
	WRAP_PUT(&wrap, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0);
	wrap_put_udp(&wrap, PORT);
	wrap.frame.length += 100;
	wrap_close(&wrap);
	assert_int_equal(passed_of(&wrap.frame, 100), GATE_STRANGER_PER_S);
}

static void without_a_port_there_is_no_gate(void **state)
{
	struct frame frame = datagram(false, PORT, 1000);

	(void)state;
	bed.config.gate_ports[0] = 0;
	bed.config.gate_ports[1] = 0;
	table_close(bed.table);
	assert_int_equal(bed_open(true), 0);
	assert_int_equal(passed_of(&frame, 1000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_members_address_has_room_for_its_frames, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_members_mark_has_room_for_its_frames_from_anywhere, setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(a_flood_in_a_members_name_takes_nothing_of_the_members, setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(a_datagram_too_short_for_a_mark_bears_none, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_flood_with_a_members_mark_from_elsewhere_does_not_keep_it_out, setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(a_members_address_is_no_mark, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_bucket_fills_evenly, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(greetings_from_everywhere_share_one_small_bucket, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_member_that_has_moved_is_heard_beside_a_noisy_stranger, setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(all_addresses_of_a_64_are_one_stranger, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_known_address_greets_from_its_own_bucket, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(other_traffic_to_the_proxy_is_let_be, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(traffic_through_the_proxy_is_no_gossip, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(fragments_of_datagrams_do_not_come_in, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(nothing_hides_behind_headers, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(options_before_the_port_are_skipped, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(without_a_port_there_is_no_gate, setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
