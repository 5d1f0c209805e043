/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is counted is what goes on from here: a packet to the proxy itself with a route on from it drops, a frame to
 * another host counts at that one, and a client of 127.0.0.0/8 counts under a name of its own.
 */
#include "bed.h"
#include "frame.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201
#define OWN 0x0a0000fe
#define OWN6 "2001:db8::fe"
#define UDP 17
#define BED_INTERFACE 1 /* what BPF_PROG_RUN gives a packet: the loopback */
#define MAC 0x010203040506ULL

static int setup(void **state)
{
	const struct key own = key4(0, OWN), own6 = key6("::", OWN6);

	(void)state;
	bed_configure(1024, 64);
	if (bed_begin(true))
		return -1;
	return table_add_local(bed.table, &own.destination) || table_add_local(bed.table, &own6.destination);
}

/* ---- source routes ---- */

struct row {
	const char *name;
	bool drops;
	uint8_t bytes[104]; /* IPv4: of options; IPv6: of headers, the first of kind `next` */
	uint8_t count, next;
};

static const struct row rows4[] = {
	{ "no options", false, { 0 }, 0, 0 },
	{ "a loose route", true, { 131, 7, 4, 10, 0, 0, 9, 0 }, 8, 0 },
	{ "a strict route", true, { 137, 7, 4, 10, 0, 0, 9, 0 }, 8, 0 },
	{ "at its last stop", true, { 131, 11, 8, 10, 0, 0, 9, 10, 0, 0, 8, 0 }, 12, 0 },
	{ "a route that is used up", false, { 131, 7, 8, 10, 0, 0, 9, 0 }, 8, 0 },
	{ "behind one that does nothing", true, { 1, 131, 7, 4, 10, 0, 0, 9 }, 8, 0 },
	{ "behind a time stamp", true, { 68, 8, 5, 0, 131, 131, 131, 131, 131, 7, 4, 10, 0, 0, 9, 0 }, 16, 0 },
	{ "behind the end, where nobody looks", false, { 0, 131, 7, 4, 10, 0, 0, 9 }, 8, 0 },
	{ "in another one", false, { 68, 8, 5, 0, 131, 7, 4, 10 }, 8, 0 },
	{ "a router alert", false, { 148, 4, 0, 0 }, 4, 0 },
	{ "an option of no length", false, { 68, 0, 0, 0, 131, 7, 4, 10 }, 8, 0 },
	{ "a length beyond the header", false, { 68, 255, 0, 0 }, 4, 0 },
	{ "at the end of the longest header", true, { [0 ... 32] = 1, [33] = 131, 7, 4, 10, 0, 0, 9 }, 40, 0 },
	{ "the longest header without one", false, { [0 ... 39] = 1 }, 40, 0 },
};

/* Ten headers of destination options, eight bytes each. */
#define CHAIN 60, [8] = 60, [16] = 60, [24] = 60, [32] = 60, [40] = 60, [48] = 60, [56] = 60, [64] = 60, [72] = 60

static const struct row rows6[] = {
	{ "no headers", false, { 0 }, 0, UDP },
	{ "a segment left", true, { UDP, 0, 4, 1 }, 8, 43 },
	{ "of any kind", true, { UDP, 0, 0, 1 }, 8, 43 },
	{ "none left", false, { UDP, 0, 4, 0 }, 8, 43 },
	{ "behind options", true, { 43, 0, 0, 0, 0, 0, 0, 0, UDP, 0, 4, 2 }, 16, 60 },
	{ "behind longer ones", true, { 43, 1, [16] = UDP, 0, 4, 2 }, 24, 0 },
	{ "behind one that is used up", true, { 43, 0, 4, 0, 0, 0, 0, 0, UDP, 0, 4, 2 }, 16, 43 },
	{ "in a first fragment", true, { 43, 0, 0, 1, 0, 0, 0, 0, UDP, 0, 4, 2 }, 16, 44 },
	{ "a later fragment", false, { 43, 0, 0, 8, 0, 0, 0, 0, UDP, 0, 4, 2 }, 16, 44 },
	{ "behind an authentication header of 12 bytes", true, { 43, 1, [12] = UDP, 0, 4, 1 }, 20, 51 },
	{ "behind three", true, { [0] = 60, [8] = 60, [16] = 43, [24] = UDP, 0, 4, 1 }, 32, 60 },
	{ "eleven headers without a route", false, { CHAIN, [80] = UDP }, 88, 60 },
	{ "more than are looked at", true, { CHAIN, [80] = 60, [88] = UDP }, 96, 60 },
};

static struct frame routed4(const struct row *row, uint32_t destination)
{
	struct frame frame = frame4(CLIENT, destination);

	frame.length = 128;
	frame.bytes[ETH_HLEN] = (uint8_t)(0x45 + row->count / 4);
	frame.bytes[ETH_HLEN + 3] = 100;
	memcpy(frame.bytes + ETH_HLEN + 20, row->bytes, row->count);
	return frame;
}

static struct frame routed6(const struct row *row, const char *destination)
{
	struct frame frame = frame6("2001:db8::1", destination, row->next);

	frame.length = ETH_HLEN + 40 + 112;
	frame.bytes[ETH_HLEN + 5] = 112;
	memcpy(frame.bytes + ETH_HLEN + 40, row->bytes, row->count);
	return frame;
}

static void check(const struct row *row, const struct frame *frame, bool drops, enum reason otherwise)
{
	const enum reason reason = drops ? REASON_DROP_SOURCE_ROUTE : otherwise;
	const uint64_t before = bed_reason(reason);
	const uint32_t verdict = bed_run(frame);

	if (verdict != (drops ? XDP_VERDICT_DROP : XDP_VERDICT_PASS) || bed_reason(reason) != before + 1)
		fail_msg("row \"%s\": verdict %u, not for reason %d", row->name, verdict, reason);
}

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static void a_route_on_from_the_proxy_drops(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows4); i++) {
		const struct frame own = routed4(&rows4[i], OWN), other = routed4(&rows4[i], TARGET);

		check(&rows4[i], &own, rows4[i].drops, REASON_PASS_LOCAL);
		check(&rows4[i], &other, false, REASON_PASS); /* its pair names where it goes from here */
	}
	for (size_t i = 0; i < ROWS(rows6); i++) {
		const struct frame own = routed6(&rows6[i], OWN6), other = routed6(&rows6[i], "2001:db8::99");

		check(&rows6[i], &own, rows6[i].drops, REASON_PASS_LOCAL);
		check(&rows6[i], &other, false, REASON_PASS);
	}
}

static void in_monitor_mode_it_passes(void **state)
{
	const struct frame frame = routed4(&rows4[1], OWN);

	(void)state;
	bed_policy(policy_plain(10, 0, POLICY_EARLY | POLICY_MONITOR));
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), 1);
}

/* ---- whose frame it is ---- */

static struct frame framed(const uint8_t mac[6], uint32_t client, bool ipv6)
{
	struct frame frame = ipv6 ? frame6("2001:db8::1", "2001:db8::99", UDP) : frame4(client, TARGET);

	memcpy(frame.bytes, mac, 6);
	return frame;
}

static void tell_mac(uint64_t mac)
{
	uint64_t first = htobe64(mac << 16);

	table_set_mac(bed.table, 0, first);
}

static void a_frame_to_another_host_is_not_counted(void **state)
{
	static const uint8_t ours[6] = { 1, 2, 3, 4, 5, 6 }, others[][6] = { { 1, 2, 3, 4, 5, 7 },
									     { 0, 2, 3, 4, 5, 6 },
									     { 1, 2, 0, 4, 5, 6 },
									     { 255, 255, 255, 255, 255, 255 } };
	const struct key pair = key4(CLIENT, TARGET), pair6 = key6("2001:db8::1", "2001:db8::99");
	struct frame frame;

	(void)state;
	sides_note(bed.table, 0, BED_INTERFACE);
	tell_mac(MAC);
	for (size_t i = 0; i < ROWS(others); i++) {
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			frame = framed(others[i], CLIENT, ipv6);
			assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
		}
	}
	assert_int_equal(bed_reason(REASON_PASS_OTHER_HOST), 2 * ROWS(others));
	assert_null(bed_record(&pair));
	assert_null(bed_record(&pair6));
	assert_int_equal(bed_harvest(), 0);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		frame = framed(ours, CLIENT, ipv6);
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	}
	assert_int_equal(bed_reason(REASON_PASS), 2);
	assert_non_null(bed_record(&pair));
	assert_non_null(bed_record(&pair6));
}

/* Where others stand on the interface, or its address is not known, whatever comes in may go on. */
static void without_an_address_every_frame_counts(void **state)
{
	static const uint8_t other[6] = { 1, 2, 3, 4, 5, 7 };
	const struct key pair = key4(CLIENT, TARGET);
	const struct frame frame = framed(other, CLIENT, false);

	(void)state;
	sides_note(bed.table, 0, BED_INTERFACE);
	tell_mac(MAC);
	sides_note(bed.table, 0, BED_INTERFACE + 1); /* another interface has the name: its address is not known yet */
	sides_note(bed.table, 0, BED_INTERFACE);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_non_null(bed_record(&pair));
}

/* ---- clients of 127.0.0.0/8 ---- */

static void a_client_that_every_host_has_counts_as_one_of_0(void **state)
{
	static const struct {
		uint32_t client, counted;
	} rows[] = { { 0x7f000001, 0x00000001 },
		     { 0x7f000000, 0x00000001 },
		     { 0x7f0a0b0c, 0x000a0b0c },
		     { 0x7fffffff, 0x00ffffff } };

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct frame frame = frame4(rows[i].client, TARGET);
		const struct key key = key4(rows[i].counted, TARGET);
		const struct harvested *cell;

		bed_remove();
		assert_int_equal(setup(state), 0);
		bed_policy(policy_plain(2, 0, POLICY_EARLY));
		bed_run_many(&frame, 2, NULL);
		bed_harvest();
		cell = bed_cell(&key);
		if (!cell || cell->packets != 2)
			fail_msg("row %zu: expected 2 packets, got %d", i, cell ? (int)cell->packets : -1);
		assert_true(frame_cell_is_valid(&(struct cell){ .key = key, .packets = 2 }));
		assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_route_on_from_the_proxy_drops),
		TEST(in_monitor_mode_it_passes),
		TEST(a_frame_to_another_host_is_not_counted),
		TEST(without_an_address_every_frame_counts),
		TEST(a_client_that_every_host_has_counts_as_one_of_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
