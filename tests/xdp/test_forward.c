/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fast way: what it sends on and how the frame looks then, and what it leaves to the kernel, untouched. In a
 * network namespace:
 *
 *	(frames come in at) near ==== far        out (frames leave by) ==== away, whose program makes `out` able to send
 */
#define _GNU_SOURCE /* unshare */
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>

#include "wrap.h"

static void sh(const char *command)
{
	if (system(command))
		fail_msg("%s: failed", command);
}

static int pass_program = -1;

static int setup(void **state)
{
	const struct bpf_insn pass[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS },
					 { .code = BPF_JMP | BPF_EXIT } };

	LIBBPF_OPTS(bpf_prog_load_opts, options, .prog_flags = BPF_F_XDP_HAS_FRAGS);

	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	sh("ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
	   "ip link add near type veth peer name far; ip link add out type veth peer name away;"
	   "ip link set near address 02:00:00:00:00:01; ip link set out address 02:00:00:00:00:10;"
	   "for i in near far out away; do ip link set $i up; done;"
	   "ip addr add 10.0.0.254/24 dev near; ip addr add 192.0.2.254/24 dev out;"
	   "ip -6 addr add 2001:db8::fe/120 dev near nodad; ip -6 addr add 2001:db8:1::fe/64 dev out nodad;"
	   "ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:99 dev out;"
	   "ip neigh add 2001:db8:1::1 lladdr 02:00:00:00:00:99 dev out");
	pass_program = bpf_prog_load(BPF_PROG_TYPE_XDP, "away", "GPL", pass, 2, &options);
	if (bpf_xdp_attach((int)if_nametoindex("away"), pass_program, XDP_FLAGS_DRV_MODE, NULL))
		return -1;
	bed_configure(1024, 64);
	bed.config.interfaces[0] = "near";
	bed.config.interface_count = 1;
	bed.config.forward_fast = true;
	return bed_begin(true);
}

static int teardown(void **state)
{
	(void)state;
	close(pass_program);
	return bed_remove();
}

/* As if it had come in at `near`. */
static uint32_t run(const void *bytes, uint32_t length)
{
	struct xdp_md where = { .data_end = length, .ingress_ifindex = if_nametoindex("near") };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = bytes, .data_size_in = length, .data_out = bed.out,
		    .data_size_out = sizeof(bed.out), .ctx_in = &where, .ctx_size_in = sizeof(where), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(bed.table->program_fd, &run), 0);
	bed.out_length = run.data_size_out;
	return run.retval;
}

static void set_check(struct frame *frame)
{
	uint8_t *ip = frame->bytes + ETH_HLEN;
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (int i = 0; i < (ip[0] & 15) * 4; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

static struct frame good4(void)
{
	struct frame frame = frame4(CLIENT, TARGET);

	memcpy(frame.bytes, (uint8_t[]){ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7 }, 12);
	set_check(&frame);
	return frame;
}

static struct frame good6(void)
{
	struct frame frame = frame6(CLIENT6, "2001:db8:1::1", 17);

	memcpy(frame.bytes, (uint8_t[]){ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7 }, 12);
	return frame;
}

static void sent_on(const struct frame *frame)
{
	struct frame expected = *frame;

	memcpy(expected.bytes, (uint8_t[]){ 2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 0x10 }, 12);
	if (expected.bytes[12] == 8) {
		expected.bytes[ETH_HLEN + 8]--;
		set_check(&expected);
	} else {
		expected.bytes[ETH_HLEN + 7]--;
	}
	assert_int_equal(run(frame->bytes, frame->length), XDP_REDIRECT);
	assert_int_equal(bed.out_length, frame->length);
	assert_memory_equal(bed.out, expected.bytes, frame->length);
}

static void left_alone(const struct frame *frame, const char *why)
{
	uint64_t forwarded = bed_reason(REASON_FORWARDED);

	if (run(frame->bytes, frame->length) != XDP_PASS || bed.out_length != frame->length ||
	    memcmp(bed.out, frame->bytes, frame->length))
		fail_msg("%s: not left to the kernel as it was", why);
	assert_int_equal(bed_reason(REASON_FORWARDED), forwarded);
}

static void packets_leave_with_a_smaller_ttl_and_a_right_checksum(void **state)
{
	struct frame four = good4(), six = good6();

	(void)state;
	for (unsigned int ttl = 2; ttl < 256; ttl++) {
		four.bytes[ETH_HLEN + 8] = (uint8_t)ttl;
		four.bytes[ETH_HLEN + 5] = (uint8_t)(ttl * 37); /* the checksum goes through many values */
		set_check(&four);
		sent_on(&four);
		six.bytes[ETH_HLEN + 7] = (uint8_t)ttl;
		sent_on(&six);
	}
	assert_int_equal(bed_reason(REASON_FORWARDED), 2 * 254);
	assert_int_equal(bed_reason(REASON_PASS), 2 * 254);
}

static void every_checksum_comes_out_right(void **state)
{
	struct frame four = good4();

	(void)state;
	for (unsigned int id = 0; id < 65536; id += 13) {
		four.bytes[ETH_HLEN + 4] = (uint8_t)(id >> 8);
		four.bytes[ETH_HLEN + 5] = (uint8_t)id;
		set_check(&four);
		sent_on(&four);
	}
}

static void fragments_are_sent_on(void **state)
{
	struct frame four = good4();

	(void)state;
	four.bytes[ETH_HLEN + 6] = 0x20;
	set_check(&four);
	sent_on(&four);
	four.bytes[ETH_HLEN + 6] = 0;
	four.bytes[ETH_HLEN + 7] = 9;
	set_check(&four);
	sent_on(&four);
}

static void what_ends_here_is_the_kernels(void **state)
{
	struct frame four = good4(), six = good6();

	(void)state;
	for (unsigned int ttl = 0; ttl < 2; ttl++) {
		four.bytes[ETH_HLEN + 8] = (uint8_t)ttl;
		left_alone(&four, "TTL");
		six.bytes[ETH_HLEN + 7] = (uint8_t)ttl;
		left_alone(&six, "hop limit");
	}
	four = good4();
	four.bytes[ETH_HLEN] = 0x46;
	four.bytes[ETH_HLEN + 20] = 1;
	set_check(&four);
	left_alone(&four, "options");
	six = good6();
	six.bytes[ETH_HLEN + 6] = 0;
	left_alone(&six, "hop-by-hop options");
}

static void frames_to_others_are_not_ours_to_send_on(void **state)
{
	struct frame four = good4();

	(void)state;
	four.bytes[5] = 2;
	left_alone(&four, "another's MAC");
	memset(four.bytes, 0xff, 6);
	left_alone(&four, "broadcast");
	four = good4();
	four.bytes[0] |= 1;
	left_alone(&four, "multicast");
}

static void a_damaged_header_is_the_kernels(void **state)
{
	(void)state;
	for (unsigned int i = 4; i < 20; i++) { /* behind the lengths */
		struct frame four = good4();

		four.bytes[ETH_HLEN + i] ^= 0x10;
		left_alone(&four, "a changed byte");
	}
}

static void what_has_no_way_is_the_kernels(void **state)
{
	struct frame four = good4(), six = good6();

	(void)state;
	four.bytes[ETH_HLEN + 19] = 2;
	set_check(&four);
	left_alone(&four, "no neighbour");
	four.bytes[ETH_HLEN + 19] = 255;
	set_check(&four);
	left_alone(&four, "the network's broadcast");
	six.bytes[ETH_HLEN + 24 + 15] = 2;
	left_alone(&six, "no neighbour");
	six.bytes[ETH_HLEN + 24] = 0x30;
	left_alone(&six, "no route");
	sh("ip route add blackhole 203.0.113.0/24");
	memcpy(four.bytes + ETH_HLEN + 16, (uint8_t[]){ 203, 0, 113, 1 }, 4);
	set_check(&four);
	left_alone(&four, "blackhole");
}

/*
 * What is looked up under its other name would take that one's way, and of what comes from :: or fe80::/10 the
 * kernel forwards little.
 */
static void what_counts_under_another_name_is_the_kernels(void **state)
{
	static const char *const pairs[][2] = {
		{ CLIENT6, "::ffff:10.9.0.1" }, { "::ffff:10.9.0.1", "2001:db8:1::1" }, { CLIENT6, "::" },
		{ "::", "2001:db8:1::1" },	{ "fe80::9", "2001:db8:1::1" },
	};
	struct frame six = good6();

	(void)state;
	sh("for i in ::/96 ::fffe:0:0/96 ::ffff:0:0/96; do ip -6 route add $i via 2001:db8:1::1 dev out; done");
	inet_pton(AF_INET6, "::fffe:10.9.0.1", six.bytes + ETH_HLEN + 24);
	sent_on(&six);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		six = good6();
		inet_pton(AF_INET6, pairs[i][0], six.bytes + ETH_HLEN + 8);
		inet_pton(AF_INET6, pairs[i][1], six.bytes + ETH_HLEN + 24);
		left_alone(&six, pairs[i][0]);
	}
}

static void a_host_that_does_not_forward_does_not(void **state)
{
	struct frame four = good4(), six = good6();

	(void)state;
	sh("sysctl -qw net.ipv4.conf.near.forwarding=0 net.ipv6.conf.near.forwarding=0");
	left_alone(&four, "forwarding off");
	left_alone(&six, "forwarding off");
}

static void larger_than_the_way_takes_is_the_kernels(void **state)
{
	struct frame four = good4(), six = good6();

	(void)state;
	sh("ip link set out mtu 1280; ip link set away mtu 1280");
	four.length = ETH_HLEN + 1280;
	four.bytes[ETH_HLEN + 2] = 1280 >> 8;
	four.bytes[ETH_HLEN + 3] = 1280 & 255;
	set_check(&four);
	sent_on(&four);
	four.length++;
	four.bytes[ETH_HLEN + 3]++;
	set_check(&four);
	left_alone(&four, "above the MTU");
	six.length = ETH_HLEN + 1280;
	six.bytes[ETH_HLEN + 4] = 1240 >> 8;
	six.bytes[ETH_HLEN + 5] = 1240 & 255;
	sent_on(&six);
	six.length++;
	six.bytes[ETH_HLEN + 5]++;
	left_alone(&six, "above the MTU");
}

static void tags_and_pages_are_the_kernels(void **state)
{
	static uint8_t jumbo[9014];
	struct frame four = good4();

	(void)state;
	memmove(four.bytes + 16, four.bytes + 12, four.length - 12);
	memcpy(four.bytes + 12, (uint8_t[]){ 0x81, 0, 0, 7 }, 4);
	four.length += 4;
	left_alone(&four, "tagged");
	sh("ip link set near mtu 9000; ip link set far mtu 9000; ip link set out mtu 9000; ip link set away mtu 9000");
	four = good4();
	four.bytes[ETH_HLEN + 2] = 9000 >> 8;
	four.bytes[ETH_HLEN + 3] = 9000 & 255;
	set_check(&four);
	memcpy(jumbo, four.bytes, 64);
	assert_int_equal(run(jumbo, sizeof(jumbo)), XDP_PASS);
	assert_memory_equal(bed.out, jumbo, sizeof(jumbo));
}

static void an_interface_that_cannot_send_is_not_sent_to(void **state)
{
	struct frame four = good4();

	(void)state;
	sent_on(&four);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("away"), -1, XDP_FLAGS_DRV_MODE, NULL), 0);
	bed_second();
	bed_at(bed.jiffies + BED_HZ);
	left_alone(&four, "a veth whose peer is not ready");
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("away"), pass_program, XDP_FLAGS_DRV_MODE, NULL), 0);
	bed_second();
	bed_at(bed.jiffies + BED_HZ);
	sent_on(&four);
	sh("ip link add top link out type macvlan; ip link set top up; ip addr add 198.18.0.254/24 dev top;"
	   "ip neigh add 198.18.0.1 lladdr 02:00:00:00:00:99 dev top");
	bed_second();
	memcpy(four.bytes + ETH_HLEN + 16, (uint8_t[]){ 198, 18, 0, 1 }, 4);
	set_check(&four);
	left_alone(&four, "an interface above another, like a VLAN's");
}

static void a_changed_route_is_taken_within_a_second(void **state)
{
	struct frame four = good4();

	(void)state;
	sent_on(&four);
	sh("ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:98 dev out");
	bed_at(bed.jiffies + BED_HZ - 1);
	sent_on(&four); /* the old one, still */
	bed_at(bed.jiffies + 1);
	assert_int_equal(run(four.bytes, four.length), XDP_REDIRECT);
	assert_int_equal(bed.out[5], 0x98);
	sh("ip link set near address 02:00:00:00:00:02");
	bed_second();
	left_alone(&four, "our MAC address has changed");
}

static void what_is_over_its_rate_still_drops(void **state)
{
	struct frame four = good4();

	(void)state;
	bed_policy(policy_plain(10, 0, POLICY_EARLY));
	for (unsigned int i = 0; i < 10; i++)
		sent_on(&four);
	assert_int_equal(run(four.bytes, four.length), XDP_DROP);
	assert_int_equal(bed_reason(REASON_FORWARDED), 10);
}

static void packets_to_the_proxy_itself_stay(void **state)
{
	struct frame four = good4();
	struct key own = key4(0, TARGET);

	(void)state;
	table_add_local(bed.table, &own.destination);
	left_alone(&four, "our own");
}

static void off_it_changes_nothing(void **state)
{
	struct frame four = good4();

	(void)state;
	bed.config.forward_fast = false;
	table_close(bed.table);
	assert_int_equal(bed_open(true), 0);
	left_alone(&four, "off");
}

int main(void)
{
	cpu_set_t one;

	/* Next hops are kept per CPU: on another one the kernel would be asked again, whatever the time. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(packets_leave_with_a_smaller_ttl_and_a_right_checksum, setup, teardown),
		cmocka_unit_test_setup_teardown(every_checksum_comes_out_right, setup, teardown),
		cmocka_unit_test_setup_teardown(fragments_are_sent_on, setup, teardown),
		cmocka_unit_test_setup_teardown(what_ends_here_is_the_kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_to_others_are_not_ours_to_send_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_header_is_the_kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_no_way_is_the_kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(what_counts_under_another_name_is_the_kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(a_host_that_does_not_forward_does_not, setup, teardown),
		cmocka_unit_test_setup_teardown(larger_than_the_way_takes_is_the_kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(tags_and_pages_are_the_kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interface_that_cannot_send_is_not_sent_to, setup, teardown),
		cmocka_unit_test_setup_teardown(a_changed_route_is_taken_within_a_second, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_over_its_rate_still_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(packets_to_the_proxy_itself_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(off_it_changes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
