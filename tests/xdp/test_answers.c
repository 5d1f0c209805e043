/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers: what is one and what is none, by its headers; that none counts before the client sent, nor more than it
 * sent; where they stand without a record. The packets leave through the egress program by BPF_PROG_RUN;
 * tests/e2e/test_answers.sh has real interfaces, NAT and the fast way.
 */
#include <linux/pkt_cls.h>

#include "side_bed.h"

#define PACKETS 3

enum { FIN = 0x01, PSH = 0x08 }; /* flags of TCP */
enum { TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, ESP = 50, GRE = 47 };

static struct frame reply4(uint8_t protocol, uint16_t fragment, unsigned int at, uint8_t byte)
{
	struct frame frame = frame4(SERVER, DEVICE);

	frame.bytes[ETH_HLEN + 6] = (uint8_t)(fragment >> 8);
	frame.bytes[ETH_HLEN + 7] = (uint8_t)fragment;
	frame.bytes[ETH_HLEN + 9] = protocol;
	frame.bytes[ETH_HLEN + 20 + at] = byte;
	return frame;
}

static struct frame reply6(uint8_t protocol, unsigned int at, uint8_t byte)
{
	struct frame frame = frame6(SERVER6, DEVICE6, protocol);

	frame.bytes[ETH_HLEN + 40 + at] = byte;
	return frame;
}

static void leave_as(const struct frame *frame, uint32_t ingress, uint32_t segments)
{
	struct __sk_buff skb = { .ifindex = BED_INTERFACE, .ingress_ifindex = ingress, .gso_segs = segments };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame->bytes, .data_size_in = frame->length, .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	assert_int_equal(bpf_prog_test_run_opts(bed.table->egress_fd, &run), 0);
	assert_int_equal((int)run.retval, TC_ACT_UNSPEC);
}

static void leave(const struct frame *frame)
{
	leave_as(frame, 0, 0);
}

static void ask_server(bool ipv6, unsigned int packets)
{
	const struct frame frame = ipv6 ? frame6(DEVICE6, SERVER6, UDP) : frame4(DEVICE, SERVER);

	for (unsigned int i = 0; i < packets; i++)
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
}

static void tick(void)
{
	bed_at(bed.jiffies + BED_HZ / 5);
	bed_beat();
	bed_harvest();
}

/* The interface is the only one: answers leave by it, too. */
static int setup_asked(void **state)
{
	if (setup(state))
		return -1;
	bed_policy(policy_plain(0, 0, POLICY_EARLY));
	enter(SIDE_OUTER);
	ask_server(false, PACKETS);
	ask_server(true, PACKETS);
	tick();
	return 0;
}

static struct answers_view answers(bool ipv6)
{
	const struct key key = ipv6 ? key6(DEVICE6, SERVER6) : key4(DEVICE, SERVER);

	return table_answers(bed.table, &key);
}

static void check(const char *name, unsigned int row, bool ipv6, bool counts, bool tcp)
{
	const struct answers_view view = answers(ipv6);

	if (view.count != counts || view.tcp != (counts && tcp))
		fail_msg("%s, row %u: expected %u answers, got %u, tcp %d", name, row, counts, view.count, view.tcp);
}

static void what_is_an_answer_in_ipv4(void **state)
{
	static const struct {
		uint8_t protocol;
		uint16_t fragment;
		unsigned int at;
		uint8_t byte;
		bool counts;
	} rows[] = {
		/*  0 */ { TCP, 0, 13, 0x10, true },	    /* ACK: whoever repeats a SYN draws it, too */
		/*  1 */ { TCP, 0, 13, 0x18, true },	    /* PSH, ACK */
		/*  2 */ { TCP, 0, 13, 0x11, true },	    /* FIN, ACK */
		/*  3 */ { TCP, 0, 13, 0x12, false },	    /* SYN, ACK */
		/*  4 */ { TCP, 0, 13, 0x02, false },	    /* SYN */
		/*  5 */ { TCP, 0, 13, 0x04, false },	    /* RST */
		/*  6 */ { TCP, 0, 13, 0x14, false },	    /* RST, ACK */
		/*  7 */ { UDP, 0, 0, 0, true },
		/*  8 */ { ESP, 0, 0, 0, true },
		/*  9 */ { GRE, 0, 0, 0, true },
		/* 10 */ { ICMP, 0, 0, 0, true },	    /* echo reply */
		/* 11 */ { ICMP, 0, 0, 3, false },	    /* unreachable */
		/* 12 */ { ICMP, 0, 0, 4, false },
		/* 13 */ { ICMP, 0, 0, 5, false },
		/* 14 */ { ICMP, 0, 0, 8, true },	    /* echo request */
		/* 15 */ { ICMP, 0, 0, 11, false },	    /* time exceeded */
		/* 16 */ { ICMP, 0, 0, 12, false },
		/* 17 */ { ICMP, 0, 0, 14, true },	    /* timestamp reply */
		/* 18 */ { UDP, 0x2000, 0, 0, true },	    /* the first fragment */
		/* 19 */ { UDP, 0x2001, 0, 0, false },	    /* a later one */
		/* 20 */ { TCP, 0x00b9, 13, 0x10, false },  /* the last one */
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct frame frame = reply4(rows[i].protocol, rows[i].fragment, rows[i].at, rows[i].byte);

		leave(&frame);
		check("IPv4", i, false, rows[i].counts, rows[i].protocol == TCP && rows[i].byte & (PSH | FIN));
		bed_remove();
		assert_int_equal(setup_asked(state), 0);
	}
}

static void what_is_an_answer_in_ipv6(void **state)
{
	static const struct {
		uint8_t protocol;
		unsigned int at;
		uint8_t byte;
		bool counts, tcp;
	} rows[] = {
		/*  0 */ { TCP, 13, 0x18, true, true },
		/*  1 */ { TCP, 13, 0x12, false, true },
		/*  2 */ { TCP, 13, 0x04, false, true },
		/*  3 */ { UDP, 0, 0, true, false },
		/*  4 */ { ICMP6, 0, 129, true, false },  /* echo reply */
		/*  5 */ { ICMP6, 0, 127, false, false },
		/*  6 */ { ICMP6, 0, 128, true, false },  /* echo request */
		/*  7 */ { ICMP6, 0, 1, false, false },	  /* unreachable */
		/*  8 */ { ICMP6, 0, 3, false, false },	  /* time exceeded */
		/*  9 */ { 0, 0, TCP, false, true },	  /* hop-by-hop, then TCP without flags but SYN: below */
		/* 10 */ { 60, 0, UDP, true, false },	  /* destination options, then UDP */
		/* 11 */ { 44, 0, UDP, true, false },	  /* the first fragment */
		/* 12 */ { 44, 3, 0x08, false, false },	  /* a later one */
		/* 13 */ { 59, 0, 0, true, false },	  /* no next header */
		/* 14 */ { TCP, 13, 0x10, true, false }, /* a bare ACK */
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = reply6(rows[i].protocol, rows[i].at, rows[i].byte);

		if (i == 9)
			frame.bytes[ETH_HLEN + 40 + 8 + 13] = 0x12; /* SYN, ACK behind eight bytes of options */
		leave(&frame);
		check("IPv6", i, true, rows[i].counts, rows[i].tcp);
		bed_remove();
		assert_int_equal(setup_asked(state), 0);
	}
}

static void a_frame_that_ends_too_early_is_none(void **state)
{
	struct frame frame = reply4(TCP, 0, 13, 0x18), frame6 = reply6(TCP, 13, 0x18);

	(void)state;
	frame.length = ETH_HLEN + 20 + 13;
	leave(&frame);
	frame6.length = ETH_HLEN + 40 + 13;
	leave(&frame6);
	assert_int_equal(answers(false).count, 0);
	assert_int_equal(answers(true).count, 0);
}

static void an_answer_comes_after_a_packet_of_an_earlier_tick(void **state)
{
	const struct frame frame = reply4(UDP, 0, 0, 0);

	assert_int_equal(setup(state), 0);
	enter(SIDE_OUTER);
	ask_server(false, 1);
	leave(&frame);
	assert_int_equal(answers(false).count, 0);
	assert_true(answers(false).recorded);
	tick();
	leave(&frame);
	assert_int_equal(answers(false).count, 1);
}

static void there_are_no_more_answers_than_packets(void **state)
{
	const struct frame frame = reply4(UDP, 0, 0, 0);

	(void)state;
	for (unsigned int i = 0; i < 2 * PACKETS; i++)
		leave(&frame);
	assert_int_equal(answers(false).count, PACKETS);
	ask_server(false, 2);
	leave_as(&frame, 0, 40); /* one packet of 40 segments */
	assert_int_equal(answers(false).count, PACKETS + 2);
	ask_server(false, 100);
	leave_as(&frame, 0, 40);
	assert_int_equal(answers(false).count, PACKETS + 42);
	assert_int_equal(answers(true).count, 0);
}

static void once_one_was_of_tcp_that_is_kept(void **state)
{
	const struct frame tcp = reply4(TCP, 0, 13, 0x18), udp = reply4(UDP, 0, 0, 0);

	(void)state;
	leave(&udp);
	assert_false(answers(false).tcp);
	leave(&tcp);
	leave(&udp);
	assert_true(answers(false).tcp);
	assert_int_equal(answers(false).count, 3);
}

static void behind_tags_and_from_elsewhere_only(void **state)
{
	const struct frame plain = reply4(UDP, 0, 0, 0), forged = frame4(DEVICE_TWO, DEVICE), own = frame4(OWN, DEVICE),
			   outer = frame4(SERVER, SERVER_TWO);
	struct frame tagged = plain;

	(void)state;
	memmove(tagged.bytes + 20, plain.bytes + 12, plain.length - 12);
	memcpy(tagged.bytes + 12, "\x88\xa8\x00\x05\x81\x00\x00\x06", 8);
	tagged.length += 8;
	leave(&tagged);
	assert_int_equal(answers(false).count, 1);
	leave(&forged);
	leave(&own);
	leave(&outer);
	leave_as(&plain, BED_INTERFACE, 0); /* it entered by the outer side */
	assert_int_equal(answers(false).count, 2);
	enter(CLIENTS_SIDE);
	leave_as(&plain, BED_INTERFACE, 0); /* now by that of the clients */
	assert_int_equal(answers(false).count, 2);
	enter(SIDE_UNKNOWN); /* nobody knows whether answers leave by it */
	leave(&plain);
	assert_int_equal(answers(false).count, 2);
}

/* Answers make no record; their pair may have been asked through another proxy. */
static void without_a_record_they_are_counted_by_a_hash(void **state)
{
	const struct frame frame = reply4(TCP, 0, 13, 0x18), frame6 = reply6(UDP, 0, 0);
	const struct key key = key4(DEVICE, SERVER);

	assert_int_equal(setup(state), 0);
	enter(SIDE_OUTER);
	leave(&frame);
	leave_as(&frame, 0, 4);
	leave(&frame6);
	assert_null(bed_record(&key));
	assert_false(answers(false).recorded);
	assert_int_equal(answers(false).count, 5);
	assert_true(answers(false).tcp);
	assert_int_equal(answers(true).count, 1);
	assert_false(answers(true).tcp);
}

/* A second pair in the word of the first: 65,536 words, so a few hundred thousand servers meet one. */
static void the_latest_pair_of_a_hash_has_the_word(void **state)
{
	const struct frame frame = reply4(UDP, 0, 0, 0);

	assert_int_equal(setup(state), 0);
	enter(SIDE_OUTER);
	leave(&frame);
	assert_int_equal(answers(false).count, 1);
	for (uint32_t server = 1; answers(false).count == 1; server++) {
		const struct frame other = frame4(NET(100, 0, 0, 0) + server, DEVICE);
		const uint64_t hash = tag_hash((uint64_t)DEVICE << 32 | (NET(100, 0, 0, 0) + server),
					       bed.table->state->seed, false),
			       first = tag_hash((uint64_t)DEVICE << 32 | SERVER, bed.table->state->seed, false);

		assert_true(server < 1U << 24);
		if (STRAY_OF(hash) != STRAY_OF(first))
			continue;
		leave(&other);
		leave(&other);
		assert_int_equal(answers(false).count, 0);
		leave(&frame);
		assert_int_equal(answers(false).count, 1);
		break;
	}
}

static void a_restart_keeps_them_and_a_free_way_does_not(void **state)
{
	const struct frame frame = reply4(UDP, 0, 0, 0), frame6 = reply6(UDP, 0, 0);

	(void)state;
	leave(&frame);
	leave(&frame6);
	table_close(bed.table);
	assert_int_equal(begin(), 0);
	enter(SIDE_OUTER);
	assert_int_equal(answers(false).count, 1);
	assert_int_equal(answers(true).count, 1);
	tick();
	for (unsigned int i = 0; i < 1000 && answers(false).recorded; i++) {
		tick();
		table_collect(bed.table, bed_now(), (struct duration){ NS_PER_S });
		usleep(1000);
	}
	assert_false(answers(false).recorded);
	ask_server(false, 1);
	ask_server(true, 1);
	assert_int_equal(answers(false).count, 0);
	assert_int_equal(answers(true).count, 0);
}

/* Others count the pair, and it has a record for that, in which no packet of this proxy counts. */
static void beside_others_packets_they_are_counted_by_a_hash(void **state)
{
	const struct frame frame = reply4(TCP, 0, 13, 0x18);
	const struct key key = key4(DEVICE, SERVER);
	struct change change = { .count = 50, .pass_share = SHARE_ALL, .members = 2 };

	assert_int_equal(setup(state), 0);
	change.ts1 = change.ts2 = bed_now().mesh;
	bed_policy(policy_plain(0, 0, POLICY_EARLY));
	enter(SIDE_OUTER);
	assert_true(bed_apply(&key, &change, true) >= 0);
	assert_non_null(bed_record(&key));
	leave(&frame);
	leave(&frame);
	assert_false(answers(false).recorded);
	assert_int_equal(answers(false).count, 2);
	ask_server(false, 1);
	leave(&frame);
	assert_true(answers(false).recorded); /* from now on by its own packets: this one is of the same tick */
	assert_int_equal(answers(false).count, 0);
	tick();
	leave(&frame);
	leave(&frame);
	assert_int_equal(answers(false).count, 1);
}

static uint32_t gained(bool ipv6, int64_t second)
{
	const struct key key = ipv6 ? key6(DEVICE6, SERVER6) : key4(DEVICE, SERVER);
	bool tcp;

	return table_answers_gained(bed.table, &key, (struct instant){ second * NS_PER_S }, &tcp);
}

/* Each answer is given once; what nobody looked at for long is given to no slot. */
static void what_came_since_the_last_look_is_given_once(void **state)
{
	const struct frame frame = reply4(UDP, 0, 0, 0), stray = reply6(UDP, 0, 0);

	(void)state;
	ask_server(false, 100);
	leave(&frame);
	assert_int_equal(gained(false, 1), 1); /* the record is new: so is its answer */
	bed_at(bed.jiffies + 2 * ANSWERS_LOOK_SECONDS_MAX * BED_HZ);
	bed_beat();
	assert_int_equal(gained(false, 1), 0);
	leave(&frame);
	leave(&frame);
	assert_int_equal(gained(false, 2), 2);
	assert_int_equal(gained(false, 2), 0);
	leave(&frame);
	assert_int_equal(gained(false, 2 + ANSWERS_LOOK_SECONDS_MAX), 1);
	leave(&frame);
	assert_int_equal(gained(false, 3 + 2 * ANSWERS_LOOK_SECONDS_MAX), 0);
	leave(&frame);
	assert_int_equal(gained(false, 3 + 2 * ANSWERS_LOOK_SECONDS_MAX), 1);
	leave(&stray);
	assert_int_equal(gained(true, 1), 0);
	leave(&stray);
	assert_int_equal(gained(true, 1), 1);
}

static unsigned int seen_answered, seen_tcp;

static void see_answered(void *user, const struct key *key, bool tcp)
{
	const struct key *wanted = user;

	assert_true(key_equal(key, &wanted[0]) || key_equal(key, &wanted[1]));
	seen_answered++;
	seen_tcp += tcp;
}

/* An old record that nobody looked at. */
static void what_came_before_the_first_look_is_given_to_no_slot(void **state)
{
	const struct frame frame = reply4(UDP, 0, 0, 0);

	(void)state;
	leave(&frame);
	bed_at(bed.jiffies + 2 * ANSWERS_LOOK_SECONDS_MAX * BED_HZ);
	bed_beat();
	assert_int_equal(gained(false, 1), 0);
	leave(&frame);
	assert_int_equal(gained(false, 1), 1);
}

/* In turn all sets are looked at, and each answered pair is found once. */
static void every_answered_pair_is_found(void **state)
{
	const struct frame tcp = reply4(TCP, 0, 13, 0x18), udp = reply6(UDP, 0, 0);
	struct key wanted[] = { key4(DEVICE, SERVER), key6(DEVICE6, SERVER6) };

	(void)state;
	seen_answered = seen_tcp = 0;
	table_answered(bed.table, table_pair_sets(bed.table), see_answered, wanted);
	assert_int_equal(seen_answered, 0);
	leave(&tcp);
	leave(&udp);
	for (uint32_t i = 0; i < table_pair_sets(bed.table); i++)
		table_answered(bed.table, 1, see_answered, wanted);
	assert_int_equal(seen_answered, 2);
	assert_int_equal(seen_tcp, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_an_answer_in_ipv4, setup_asked, bed_teardown),
		cmocka_unit_test_setup_teardown(what_is_an_answer_in_ipv6, setup_asked, bed_teardown),
		cmocka_unit_test_setup_teardown(a_frame_that_ends_too_early_is_none, setup_asked, bed_teardown),
		cmocka_unit_test_teardown(an_answer_comes_after_a_packet_of_an_earlier_tick, bed_teardown),
		cmocka_unit_test_setup_teardown(there_are_no_more_answers_than_packets, setup_asked, bed_teardown),
		cmocka_unit_test_setup_teardown(once_one_was_of_tcp_that_is_kept, setup_asked, bed_teardown),
		cmocka_unit_test_setup_teardown(behind_tags_and_from_elsewhere_only, setup_asked, bed_teardown),
		cmocka_unit_test_teardown(without_a_record_they_are_counted_by_a_hash, bed_teardown),
		cmocka_unit_test_teardown(the_latest_pair_of_a_hash_has_the_word, bed_teardown),
		cmocka_unit_test_teardown(beside_others_packets_they_are_counted_by_a_hash, bed_teardown),
		cmocka_unit_test_setup_teardown(what_came_since_the_last_look_is_given_once, setup_asked, bed_teardown),
		cmocka_unit_test_setup_teardown(what_came_before_the_first_look_is_given_to_no_slot, setup_asked,
						bed_teardown),
		cmocka_unit_test_setup_teardown(every_answered_pair_is_found, setup_asked, bed_teardown),
		cmocka_unit_test_setup_teardown(a_restart_keeps_them_and_a_free_way_does_not, setup_asked,
						bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
