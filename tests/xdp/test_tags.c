/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What may stand around a packet: tags, extension headers, fragments, pages behind the first, or no Ethernet header
 * at all.
 */
#include "bed.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201
#define CLIENT6 "2001:db8::1"
#define TARGET6 "2001:db8::99"
#define UDP 17
#define JUMBO_BYTES 9014

/* Tags in front of a packet, outermost first; 0 ends them. */
struct row {
	const char *name;
	uint16_t tags[10];
	bool ipv6;
	enum reason reason;
};

static const struct row rows[] = {
	{ "802.1Q, IPv4", { 0x8100 }, false, REASON_PASS },
	{ "802.1Q, IPv6", { 0x8100 }, true, REASON_PASS },
	{ "802.1ad, IPv4", { 0x88a8 }, false, REASON_PASS },
	{ "802.1ad, IPv6", { 0x88a8 }, true, REASON_PASS },
	{ "QinQ, IPv4", { 0x88a8, 0x8100 }, false, REASON_PASS },
	{ "QinQ, IPv6", { 0x88a8, 0x8100 }, true, REASON_PASS },
	{ "two 802.1Q", { 0x8100, 0x8100 }, false, REASON_PASS },
	{ "the wrong way round", { 0x8100, 0x88a8 }, true, REASON_PASS },
	{ "three tags", { 0x88a8, 0x8100, 0x8100 }, false, REASON_PASS },
	{ "eight tags", { 0x88a8, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100 }, true, REASON_PASS },
	{ "an old QinQ ethertype", { 0x9100 }, false, REASON_PASS_NOT_IP },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct frame frame_of(const struct row *row)
{
	struct frame frame = row->ipv6 ? frame6(CLIENT6, TARGET6, UDP) : frame4(CLIENT, TARGET);
	unsigned int tags = 0;

	while (row->tags[tags])
		tags++;
	memmove(frame.bytes + 12 + 4 * tags, frame.bytes + 12, frame.length - 12);
	for (unsigned int i = 0; i < tags; i++) {
		const uint8_t tag[] = { (uint8_t)(row->tags[i] >> 8), (uint8_t)row->tags[i], 0x60, (uint8_t)(100 + i) };

		memcpy(frame.bytes + 12 + 4 * i, tag, 4);
	}
	frame.length += 4 * tags;
	return frame;
}

static struct key key_of(const struct row *row)
{
	return row->ipv6 ? key6(CLIENT6, TARGET6) : key4(CLIENT, TARGET);
}

/* The row's frame passes as it came, for its reason; its pair is counted when it can be read. */
static void check(const struct row *row, const struct frame *frame, enum reason reason)
{
	struct key key = key_of(row);
	struct pair_record *record = bed_record(&key);
	uint64_t before = bed_reason(reason), counted = record ? record->packets : 0;

	if (bed_run(frame) != XDP_VERDICT_PASS || bed_reason(reason) != before + 1)
		fail_msg("\"%s\", %u bytes: not passed as reason %d", row->name, frame->length, reason);
	assert_int_equal(bed.out_length, frame->length);
	assert_memory_equal(bed.out, frame->bytes, frame->length);
	record = bed_record(&key);
	if ((record ? record->packets : 0) != counted + (reason == REASON_PASS))
		fail_msg("\"%s\", %u bytes: the pair's count is wrong", row->name, frame->length);
}

static void tagged_packets_are_counted_like_plain_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct frame frame = frame_of(&rows[i]);

		check(&rows[i], &frame, rows[i].reason);
	}
}

static void more_tags_than_are_read_drop(void **state)
{
	const struct row nine = { "nine tags",
				  { 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100 },
				  false,
				  REASON_DROP_TAGS };
	struct frame frame = frame_of(&nine);

	(void)state;
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
	assert_int_equal(bed_reason(REASON_DROP_TAGS), 1);
	bed_policy(policy_plain(0, 0, POLICY_MONITOR));
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), 1);
}

/* Cut anywhere before the end of the packet, the frame passes as malformed and is nobody's. */
static void cut_frames_pass_uncounted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct frame frame = frame_of(&rows[i]);
		uint32_t packet_end = frame.length; /* no padding behind the packet */

		if (rows[i].reason != REASON_PASS)
			continue;
		for (frame.length = ETH_HLEN; frame.length < packet_end; frame.length++)
			check(&rows[i], &frame, REASON_PASS_MALFORMED);
	}
}

/* 802.1Q's priority bits and number are not looked at: one pair, one count. */
static void the_vlan_is_no_part_of_the_pair(void **state)
{
	struct frame frame = frame_of(&rows[0]);
	struct key key = key_of(&rows[0]);

	(void)state;
	for (unsigned int vlan = 0; vlan < 5; vlan++) {
		frame.bytes[15] = (uint8_t)vlan;
		bed_run(&frame);
	}
	assert_int_equal(bed_record(&key)->packets, 5);
}

static void tagged_packets_are_dropped_like_plain_ones(void **state)
{
	struct frame frame = frame_of(&rows[5]);

	(void)state;
	bed_policy(policy_plain(10, 0, POLICY_EARLY));
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
}

/* ---- IPv6 chains and fragments: a pair needs no port ---- */

static void chains_and_fragments_are_counted(void **state)
{
	static const struct {
		const char *name;
		uint8_t bytes[12]; /* next header, then the first bytes behind the IPv6 header */
	} chains[] = {
		{ "hop-by-hop, then UDP", { 0, UDP, 0 } },
		{ "routing", { 43, UDP, 0 } },
		{ "destination options", { 60, UDP, 1 } },
		{ "first fragment", { 44, UDP, 0, 0, 1, 0, 0, 0, 7 } },
		{ "later fragment", { 44, UDP, 0, 0x05, 0xa8, 0, 0, 0, 7 } },
		{ "ESP", { 50, 0, 0, 0, 1 } },
		{ "no next header", { 59 } },
		{ "a protocol nobody has", { 253 } },
		{ "SCTP", { 132 } },
	};
	struct key key = key6(CLIENT6, TARGET6);

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		struct frame frame = frame6(CLIENT6, TARGET6, chains[i].bytes[0]);

		memcpy(frame.bytes + ETH_HLEN + 40, chains[i].bytes + 1, sizeof(chains[i].bytes) - 1);
		bed_run(&frame);
		if (bed_record(&key)->packets != i + 1)
			fail_msg("\"%s\" was not counted", chains[i].name);
	}
}

/* ---- frames in several pages ---- */

static uint32_t run_jumbo(uint16_t total_length, bool tagged)
{
	static uint8_t jumbo[JUMBO_BYTES];
	struct frame head = tagged ? frame_of(&rows[0]) : frame4(CLIENT, TARGET);
	uint32_t at = tagged ? ETH_HLEN + 4 : ETH_HLEN;

	memcpy(jumbo, head.bytes, at + 20);
	jumbo[at + 2] = (uint8_t)(total_length >> 8);
	jumbo[at + 3] = (uint8_t)total_length;
	return bed_run_bytes(bed.table->program_fd, jumbo, sizeof(jumbo), 1, NULL);
}

static void jumbo_frames_are_counted_whole(void **state)
{
	struct reason_counter reasons[REASON_COUNT];

	(void)state;
	assert_int_equal(run_jumbo(9000, false), XDP_VERDICT_PASS);
	assert_int_equal(run_jumbo(8996, true), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS), 2);
	table_read_reasons(bed.table, reasons);
	assert_int_equal(reasons[REASON_PASS].bytes, 2 * JUMBO_BYTES);
	assert_int_equal(run_jumbo(9001, false), XDP_VERDICT_PASS);
	assert_int_equal(run_jumbo(8997, true), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_MALFORMED), 2);
}

/* ---- interfaces without an Ethernet header ---- */

static uint32_t run_bare(const struct frame *frame, uint32_t length)
{
	return bed_run_bytes(bed.table->l3_program_fd, frame->bytes + ETH_HLEN, length, 1, NULL);
}

static void bare_packets_are_counted(void **state)
{
	struct frame four = frame4(CLIENT, TARGET), six = frame6(CLIENT6, TARGET6, UDP);
	struct key key = key4(CLIENT, TARGET), key_six = key6(CLIENT6, TARGET6);

	(void)state;
	assert_int_equal(run_bare(&four, 50), XDP_VERDICT_PASS);
	assert_int_equal(run_bare(&six, 100), XDP_VERDICT_PASS);
	assert_int_equal(bed_record(&key)->packets, 1);
	assert_int_equal(bed_record(&key_six)->packets, 1);
	assert_int_equal(bed_reason(REASON_PASS), 2);
}

static void bare_bytes_that_are_no_packet_pass_uncounted(void **state)
{
	struct frame four = frame4(CLIENT, TARGET), six = frame6(CLIENT6, TARGET6, UDP);
	uint32_t length, malformed = 0;

	(void)state;
	for (length = ETH_HLEN; length < 50; length++, malformed++)
		assert_int_equal(run_bare(&four, length), XDP_VERDICT_PASS);
	for (length = ETH_HLEN; length < 100; length++, malformed++)
		assert_int_equal(run_bare(&six, length), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_MALFORMED), malformed);
	four.bytes[ETH_HLEN] = 0x55;
	assert_int_equal(run_bare(&four, 50), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_NOT_IP), 1);
	assert_int_equal(bed_reason(REASON_PASS), 0);
}

static void both_programs_keep_one_table(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(10, 0, POLICY_EARLY));
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
		assert_int_equal(run_bare(&frame, 50), XDP_VERDICT_PASS);
	}
	assert_int_equal(run_bare(&frame, 50), XDP_VERDICT_DROP);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
}

#define INSTRUCTIONS_MAX 50000

static void the_verifier_is_not_overworked(void **state)
{
	const int programs[] = { bed.table->program_fd, bed.table->l3_program_fd };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t bytes = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(programs[i], &info, &bytes), 0);
		print_message("# %s: %u instructions verified\n", info.name, info.verified_insns);
		assert_in_range(info.verified_insns, 1, INSTRUCTIONS_MAX - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tagged_packets_are_counted_like_plain_ones, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(more_tags_than_are_read_drop, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(cut_frames_pass_uncounted, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(the_vlan_is_no_part_of_the_pair, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(tagged_packets_are_dropped_like_plain_ones, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(chains_and_fragments_are_counted, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(jumbo_frames_are_counted_whole, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(bare_packets_are_counted, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(bare_bytes_that_are_no_packet_pass_uncounted, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(both_programs_keep_one_table, bed_setup, bed_teardown),
		cmocka_unit_test_setup_teardown(the_verifier_is_not_overworked, bed_setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
