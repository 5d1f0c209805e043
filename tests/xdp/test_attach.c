/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program on interfaces: attached, swapped without a gap, refused, detached. In a network namespace of its own:
 *
 *	near.0 (the program) ---- veth ---- far (sends)
 */
#define _GNU_SOURCE /* unshare */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "bed.h"

#define NEAR "near.0"
#define REOPENINGS 8

static void sh(const char *command)
{
	if (system(command))
		fail_msg("%s: failed", command);
}

static int setup(void **state)
{
	static unsigned int beds;

	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	sh("ip link add " NEAR " type veth peer name far && ip link set " NEAR " up && ip link set far up && ip link "
	   "set lo up");
	snprintf(bed.pin_path, sizeof(bed.pin_path), "/sys/fs/bpf/xpro-test-%d-a%u", getpid(), beds++);
	bed.config = (struct table_config){ .pin_path = bed.pin_path,
					    .widths = WIDTHS_DEFAULT,
					    .pairs4_max = 1024,
					    .pairs6_max = 1024,
					    .destinations_max = 64,
					    .interfaces = { NEAR },
					    .interface_count = 1 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return bed_remove();
}

static uint32_t attached(const char *interface)
{
	uint32_t id = 0;

	bpf_xdp_query_id((int)if_nametoindex(interface), 0, &id);
	return id;
}

static int open_table(void)
{
	return table_open(&bed.config, 7, bed_seed, &bed.table, &bed.problem);
}

static void reopen(void)
{
	table_close(bed.table);
	bed.table = NULL;
	assert_int_equal(open_table(), 0);
}

static int pass_program(void)
{
	const struct bpf_insn pass[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS },
					 { .code = BPF_JMP | BPF_EXIT } };

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", pass, 2, NULL);
}

static void attaches_natively_and_says_so(void **state)
{
	struct attachment attachments[INTERFACES_MAX];

	(void)state;
	assert_int_equal(open_table(), 0);
	assert_true(table_is_new(bed.table));
	assert_int_equal(table_read_attachments(bed.table, attachments), 1);
	assert_string_equal(attachments[0].interface, NEAR);
	assert_string_equal(attachments[0].mode, "native");
	assert_true(attachments[0].ours);
	assert_int_equal(attachments[0].program_id, attached(NEAR));
}

static void outlives_its_daemon(void **state)
{
	(void)state;
	assert_int_equal(open_table(), 0);
	table_close(bed.table);
	bed.table = NULL;
	assert_int_not_equal(attached(NEAR), 0);
}

/* Sends one frame over and over, and counts what passes the filter. */
struct traffic {
	pthread_t thread;
	int far, near;
	volatile bool stop;
	uint64_t sent, passed;
};

static int packet_socket(const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex(interface) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_IP));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void *traffic_run(void *user)
{
	struct frame frame = frame4(0x0a000001, 0x0a000002);
	const struct timespec pause = { 0, 20000 };
	struct traffic *traffic = user;
	uint8_t bytes[256];

	memset(frame.bytes, 0xff, 6);
	while (!traffic->stop) {
		traffic->sent += send(traffic->far, frame.bytes, frame.length, 0) > 0;
		while (recv(traffic->near, bytes, sizeof(bytes), 0) > 0)
			__atomic_add_fetch(&traffic->passed, 1, __ATOMIC_RELAXED);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void wait_until_dropping(void)
{
	int tries;

	for (tries = 0; tries < 5000 && bed_reason(REASON_DROP_PAIR) == 0; tries++)
		usleep(1000);
	assert_true(bed_reason(REASON_DROP_PAIR) > 0);
}

static void the_next_daemon_swaps_the_program_without_a_gap(void **state)
{
	struct traffic traffic = { 0 };
	uint32_t before, reopenings;
	uint64_t passed;

	(void)state;
	assert_int_equal(open_table(), 0);
	policies_plain(bed.table,
		       &(struct policy){ .pair_rate = 1,
					 .pair_min_window = 100,
					 .idle_reset = 5000,
					 .window_max = 100000,
					 .decay = 2,
					 .flags = POLICY_EARLY });
	traffic.far = packet_socket("far");
	traffic.near = packet_socket(NEAR);
	pthread_create(&traffic.thread, NULL, traffic_run, &traffic);
	wait_until_dropping();
	usleep(20000);
	passed = __atomic_load_n(&traffic.passed, __ATOMIC_RELAXED);
	before = attached(NEAR);
	for (reopenings = 0; reopenings < REOPENINGS; reopenings++)
		reopen();
	assert_int_not_equal(attached(NEAR), before);
	assert_false(table_is_new(bed.table));
	traffic.stop = true;
	pthread_join(traffic.thread, NULL);
	close(traffic.far);
	close(traffic.near);
	assert_true(traffic.sent > 1000);
	assert_int_equal(traffic.passed, passed);
	assert_int_equal(bed_reason(REASON_PASS), passed);
}

static void a_strangers_program_is_refused_by_name(void **state)
{
	int program = pass_program();

	(void)state;
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex(NEAR), program, XDP_FLAGS_DRV_MODE, NULL), 0);
	assert_int_equal(open_table(), -EBUSY);
	assert_non_null(strstr(bed.problem.text, "stranger"));
	assert_non_null(strstr(bed.problem.text, NEAR));
	bed.config.replace = true;
	assert_int_equal(open_table(), 0);
	close(program);
}

static void a_strangers_link_is_refused_and_replaced_when_asked(void **state)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	int program = pass_program(), link = bpf_link_create(program, (int)if_nametoindex(NEAR), BPF_XDP, &options);

	(void)state;
	assert_true(link >= 0);
	assert_int_equal(open_table(), -EBUSY);
	bed.config.replace = true;
	assert_int_equal(open_table(), 0);
	close(link);
	close(program);
	assert_int_not_equal(attached(NEAR), 0);
}

static void an_interface_made_anew_is_attached_anew(void **state)
{
	(void)state;
	assert_int_equal(open_table(), 0);
	sh("ip link del " NEAR " && ip link add " NEAR " type veth peer name far");
	assert_int_equal(attached(NEAR), 0);
	reopen();
	assert_int_not_equal(attached(NEAR), 0);
}

static void an_interface_no_longer_configured_is_detached(void **state)
{
	(void)state;
	bed.config.interfaces[1] = "far";
	bed.config.interface_count = 2;
	assert_int_equal(open_table(), 0);
	assert_int_not_equal(attached("far"), 0);
	bed.config.interface_count = 1;
	reopen();
	assert_int_equal(attached("far"), 0);
	assert_int_not_equal(attached(NEAR), 0);
}

static void without_native_xdp_generic_must_be_allowed(void **state)
{
	struct attachment attachments[INTERFACES_MAX];

	(void)state;
	bed.config.interfaces[0] = "lo";
	assert_true(open_table() < 0);
	assert_non_null(strstr(bed.problem.text, "generic"));
	bed.config.generic = true;
	assert_int_equal(open_table(), 0);
	table_read_attachments(bed.table, attachments);
	assert_string_equal(attachments[0].mode, "generic");
}

static void the_mode_can_change(void **state)
{
	struct attachment attachments[INTERFACES_MAX];

	(void)state;
	assert_int_equal(open_table(), 0);
	bed.config.generic = true;
	reopen();
	table_read_attachments(bed.table, attachments);
	assert_string_equal(attachments[0].mode, "generic");
}

static void a_missing_interface_is_named(void **state)
{
	(void)state;
	bed.config.interfaces[0] = "nowhere";
	assert_int_equal(open_table(), -ENODEV);
	assert_non_null(strstr(bed.problem.text, "nowhere"));
}

static void detach_needs_no_daemon(void **state)
{
	struct table_problem problem;

	(void)state;
	outlives_its_daemon(NULL);
	assert_int_equal(table_detach(bed.pin_path, &problem), 0);
	assert_int_equal(attached(NEAR), 0);
}

static void a_second_daemon_is_refused(void **state)
{
	struct table *second = NULL;

	(void)state;
	assert_int_equal(open_table(), 0);
	assert_int_equal(table_open(&bed.config, 7, bed_seed, &second, &bed.problem), -EBUSY);
	assert_null(second);
}

static void other_sizes_are_refused(void **state)
{
	(void)state;
	assert_int_equal(open_table(), 0);
	table_close(bed.table);
	bed.table = NULL;
	bed.config.pairs4_max *= 2;
	assert_int_equal(open_table(), -ESTALE);
	assert_non_null(strstr(bed.problem.text, "pairs4"));
	bed.config.pairs4_max /= 2;
	assert_int_equal(open_table(), 0);
}

static void another_layout_is_refused(void **state)
{
	(void)state;
	assert_int_equal(open_table(), 0);
	bed.table->state->layout++;
	table_close(bed.table);
	bed.table = NULL;
	assert_int_equal(open_table(), -ESTALE);
}

static void a_table_half_made_is_made_anew(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(open_table(), 0);
	table_close(bed.table);
	bed.table = NULL;
	snprintf(path, sizeof(path), "%s/state", bed.pin_path);
	unlink(path);
	assert_int_equal(open_table(), 0);
	assert_true(table_is_new(bed.table));
}

static void outside_a_bpf_file_system_is_refused(void **state)
{
	struct table *table = NULL;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/xpro-test-%d-no-bpffs", getpid());
	bed.config.pin_path = path;
	assert_true(table_open(&bed.config, 7, bed_seed, &table, &bed.problem) < 0);
	assert_non_null(strstr(bed.problem.text, "bpf file system"));
	rmdir(bed.config.pin_path);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (syscall(SYS_capset, &header, none))
		_exit(90);
}

static struct now clock_read_now(void)
{
	struct timespec mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (struct now){ { mono.tv_sec * NS_PER_S + mono.tv_nsec },
			     { BED_MESH_NS + mono.tv_sec * NS_PER_S + mono.tv_nsec } };
}

/* Each number names the step that failed. */
static int work_without_capabilities(void)
{
	struct reason_counter reasons[REASON_COUNT];
	struct attachment attachments[INTERFACES_MAX];
	struct key pair = key4(0x0a000001, 0x0a000002), other = key4(0x0a000003, 0x0a000004),
		   destination = destination4(0x0a000005);
	struct change fold = { .count = 5, .pass_share = SHARE_ALL };
	struct record_view view;
	struct frame frame = frame4(0x0a000001, 0x0a000002);
	struct now now = clock_read_now();
	uint32_t jiffies = table_now(bed.table), tries;
	size_t freed = 0;

	fold.ts1 = fold.ts2 = fold.carry_from = now.mesh;
	drop_capabilities();
	if (table_start_thread(bed.table))
		return 10;
	usleep(20000);
	now = clock_read_now();
	table_anchor(bed.table, now);
	if (bed.table->clock.jiffies == jiffies || table_now(bed.table) == jiffies)
		return 1;
	if (llabs(table_mesh_of(bed.table, bed.table->clock.jiffies).ns - now.mesh.ns) > 3 * bed.table->clock.period_ns)
		return 2;
	bed_run(&frame);
	table_anchor(bed.table, clock_read_now());
	if (table_harvest(bed.table, clock_read_now(), (struct duration){ 4 * NS_PER_S }, bed_note, NULL) < 2)
		return 3;
	if (bed_apply(&pair, &fold, false) || bed_apply(&other, &fold, true) ||
	    bed_apply(&destination, &fold, true))
		return 4;
	if (!table_find(bed.table, &pair, &view) || !table_find(bed.table, &destination, &view))
		return 5;
	table_read_reasons(bed.table, reasons);
	if (table_add_local(bed.table, &destination.destination) || reasons[REASON_PASS].packets == 0)
		return 6;
	if (table_read_attachments(bed.table, attachments) != 1 || !attachments[0].ours)
		return 7;
	usleep(20000);
	table_anchor(bed.table, clock_read_now());
	table_collect(bed.table, clock_read_now(), duration_ms(0));
	for (tries = 0; tries < 500 && !freed; tries++) {
		usleep(10000);
		table_anchor(bed.table, clock_read_now()); /* ts2 ages in steps of 16 jiffies */
		freed = table_collect(bed.table, clock_read_now(), duration_ms(0));
	}
	if (!freed)
		return 8;
	return table_read_warnings(bed.table, bed_note_warning, NULL) < 0 ? 9 : 0;
}

static void everything_works_without_capabilities_once_open(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(open_table(), 0);
	table_close(bed.table);
	bed.table = NULL;
	pid = fork();
	if (pid == 0)
		_exit(open_table() ? 99 : work_without_capabilities());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(attaches_natively_and_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(outlives_its_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(the_next_daemon_swaps_the_program_without_a_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(a_strangers_program_is_refused_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(a_strangers_link_is_refused_and_replaced_when_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interface_made_anew_is_attached_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interface_no_longer_configured_is_detached, setup, teardown),
		cmocka_unit_test_setup_teardown(without_native_xdp_generic_must_be_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_mode_can_change, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_interface_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(detach_needs_no_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_daemon_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(other_sizes_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(another_layout_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_table_half_made_is_made_anew, setup, teardown),
		cmocka_unit_test(outside_a_bpf_file_system_is_refused),
		cmocka_unit_test_setup_teardown(everything_works_without_capabilities_once_open, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
