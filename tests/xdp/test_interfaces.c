/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Interfaces of other kinds and in other states, in a network namespace of their own: a TUN, whose frames are bare
 * IP packets; a veth that goes, comes back, or is called otherwise.
 */
#define _GNU_SOURCE /* unshare */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "bed.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201

static int tun = -1;

static void sh(const char *command)
{
	if (system(command))
		fail_msg("%s: failed", command);
}

static int setup(void **state)
{
	static unsigned int beds;
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	strcpy(request.ifr_name, "bare");
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request))
		return -1;
	sh("ip link set lo up && ip link set bare up && ip link add near type veth peer name far && ip link set near "
	   "up");
	snprintf(bed.pin_path, sizeof(bed.pin_path), "/sys/fs/bpf/xpro-test-%d-i%u", getpid(), beds++);
	bed.config = (struct table_config){ .pin_path = bed.pin_path,
					    .widths = WIDTHS_DEFAULT,
					    .pairs4_max = 1024,
					    .pairs6_max = 1024,
					    .destinations_max = 64,
					    .interfaces = { "bare", "near" },
					    .interface_count = 2 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (tun >= 0)
		close(tun);
	return bed_remove();
}

static void counts_bare_packets(void)
{
	struct frame four = frame4(CLIENT, TARGET), six = frame6("2001:db8::1", "2001:db8::99", 17);
	struct key key = key4(CLIENT, TARGET), key_six = key6("2001:db8::1", "2001:db8::99");

	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(write(tun, four.bytes + ETH_HLEN, 50), 50);
		assert_int_equal(write(tun, six.bytes + ETH_HLEN, 100), 100);
	}
	assert_non_null(bed_record(&key));
	assert_non_null(bed_record(&key_six));
	assert_int_equal(bed_record(&key)->packets, 3);
	assert_int_equal(bed_record(&key_six)->packets, 3);
	assert_int_equal(bed_reason(REASON_PASS_NOT_IP) + bed_reason(REASON_PASS_MALFORMED), 0);
}

static void a_tun_is_read_without_an_ethernet_header(void **state)
{
	(void)state;
	counts_bare_packets();
}

static void taken_over_it_is_read_the_same_way(void **state)
{
	(void)state;
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), 0);
	table_close(bed.table);
	counts_bare_packets();
}

static void each_interface_has_the_program_of_its_kind(void **state)
{
	struct attachment attachments[INTERFACES_MAX];

	(void)state;
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), 0);
	assert_int_equal(table_read_attachments(bed.table, attachments), 2);
	assert_true(attachments[0].ours);
	assert_true(attachments[1].ours);
	assert_int_not_equal(attachments[0].program_id, attachments[1].program_id);
	assert_string_equal(attachments[0].mode, "generic"); /* a TUN has no other */
	assert_string_equal(attachments[1].mode, "native");
}

static void other_kinds_are_refused(void **state)
{
	int type = 824; /* ARPHRD_NETLINK: nlmon's frames are netlink messages */

	(void)state;
	if (ioctl(tun, TUNSETLINK, type)) { /* only while it is down */
		sh("ip link set bare down");
		assert_int_equal(ioctl(tun, TUNSETLINK, type), 0);
	}
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), -EOPNOTSUPP);
	assert_string_equal(bed.problem.text, "bare: its frames (link type 824) are neither Ethernet nor IP");
}

/* ---- while the daemon runs ---- */

static void filtered(const char *interface, bool wanted)
{
	struct attachment attachments[INTERFACES_MAX];
	bool found = false;

	assert_int_equal(table_read_attachments(bed.table, attachments), 2);
	for (unsigned int i = 0; i < 2; i++)
		found = found || (strcmp(attachments[i].interface, interface) == 0 && attachments[i].ours);
	if (found != wanted)
		fail_msg("%s: %s", interface, wanted ? "not filtered" : "filtered");
}

static void told(const char *text)
{
	assert_int_equal(bed_second(), 1);
	assert_string_equal(bed.told, text);
	assert_int_equal(bed_second(), 0); /* once is enough */
}

static void an_interface_made_anew_is_filtered_again(void **state)
{
	(void)state;
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), 0);
	assert_int_equal(bed_second(), 0);
	for (unsigned int i = 0; i < 3; i++) {
		sh("ip link del near");
		told("near: is gone; it is filtered again when it comes back");
		filtered("near", false);
		sh("ip link add near type veth peer name far && ip link set near up");
		told("near: is here, and filtered");
		filtered("near", true);
	}
	sh("ip link del near && ip link add near type veth peer name far"); /* between two looks */
	told("near: is here, and filtered");
	filtered("near", true);
}

static void down_and_up_it_stays_filtered(void **state)
{
	(void)state;
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), 0);
	sh("ip link set near down");
	assert_int_equal(bed_second(), 0);
	filtered("near", true);
	sh("ip link set near up");
	assert_int_equal(bed_second(), 0);
	filtered("near", true);
}

static void another_name_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), 0);
	sh("ip link set near down && ip link set near name wan0 && ip link set wan0 up");
	told("near: is still filtered; its name is now wan0");
	filtered("wan0", true);
	sh("ip link set wan0 down && ip link set wan0 name near && ip link set near up");
	told("near: is here, and filtered");
}

static void a_strangers_program_is_not_pushed_aside(void **state)
{
	(void)state;
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem), 0);
	sh("ip link del near && ip link add near type veth peer name far");
	{
		const struct bpf_insn pass[] = {
			{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_VERDICT_PASS },
			{ .code = BPF_JMP | BPF_EXIT }
		};
		int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", pass, 2, NULL);

		assert_int_equal(bpf_xdp_attach((int)if_nametoindex("near"), fd, 0, NULL), 0);
		close(fd);
	}
	assert_int_equal(bed_second(), 1);
	assert_non_null(strstr(bed.told, "near: XDP program "));
	assert_non_null(strstr(bed.told, "; it is not filtered"));
	assert_int_equal(bed_second(), 0);
	filtered("near", false);
	assert_int_equal(bpf_xdp_detach((int)if_nametoindex("near"), 0, NULL), 0);
	told("near: is here, and filtered");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tun_is_read_without_an_ethernet_header, setup, teardown),
		cmocka_unit_test_setup_teardown(taken_over_it_is_read_the_same_way, setup, teardown),
		cmocka_unit_test_setup_teardown(each_interface_has_the_program_of_its_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(other_kinds_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interface_made_anew_is_filtered_again, setup, teardown),
		cmocka_unit_test_setup_teardown(down_and_up_it_stays_filtered, setup, teardown),
		cmocka_unit_test_setup_teardown(another_name_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_strangers_program_is_not_pushed_aside, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
