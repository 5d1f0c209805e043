/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program as this compiler built it, before the kernel's verifier: every combination of the constants that are
 * set when it is loaded, which decide what code the verifier walks through, and what is told of a program that it
 * refuses.
 */
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bed.h"
#include "xpro.skel.h"

/* the kernel's limit is 1,000,000: far from it, so that another kernel's verifier accepts it too */
#define INSTRUCTIONS_MAX 47000
#define PAIRS_FEW 1024
#define PAIRS_FORESEEN (2 * 1024 * SET_WAYS) /* above FORESEE_SETS in aggregate.h */

static uint32_t verified(int program_fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(program_fd, &info, &bytes), 0);
	return info.verified_insns;
}

static void add_tunnels(void)
{
	static const enum tunnel_type types[] = { TUNNEL_IPIP, TUNNEL_GRE, TUNNEL_GUE, TUNNEL_FOU, TUNNEL_VXLAN };
	const uint32_t count = sizeof(types) / sizeof(types[0]);

	for (uint32_t i = 0; i < count; i++) {
		struct table_tunnel *tunnel = &bed.config.tunnels[i];
		const uint8_t local[4] = { 198, 51, 100, (uint8_t)i };

		*tunnel = (struct table_tunnel){ .type = types[i],
						 .decapsulate = i & 1,
						 .port = i < 2 ? 0 : (uint16_t)(4789 + i) };
		tunnel->local = address_of_ipv4(local);
		tunnel->sources[0].bits = 96; /* any IPv4 address */
		tunnel->source_count = 1;
	}
	bed.config.tunnel_count = count;
}

/* Bits of a combination. Foreign sources drop where the clock is not injected: one bit less, half the time. */
enum { TUNNELS = 1, GATE = 2, FAST = 4, MANY_PAIRS = 8, INJECTED = 16, CLIENTS = 32, HOSTS = 64 };
#define COMBINATIONS 128

static uint32_t load_with(uint32_t combination)
{
	uint32_t instructions, without_link;

	bed_configure(combination & MANY_PAIRS ? PAIRS_FORESEEN : PAIRS_FEW, 64);
	if (combination & TUNNELS)
		add_tunnels();
	for (uint32_t i = 0; combination & GATE && i < GATE_PORTS_MAX; i++)
		bed.config.gate_ports[i] = (uint16_t)(7946 + i);
	bed.config.forward_fast = combination & FAST;
	bed.config.client_count = combination & CLIENTS ? CLIENTS_MAX : 0;
	for (uint32_t i = 0; i < bed.config.client_count; i++) /* half of them of each kind */
		bed.config.clients[i] = i & 1 ? (struct prefix){ { { 0x20, 1, (uint8_t)i } }, 24 } :
						(struct prefix){ address_of_ipv4((const uint8_t[4]){ 10, (uint8_t)i }),
								 112 };
	bed.config.drop_foreign_sources = !(combination & INJECTED);
	bed.config.widths.hosts_count = combination & HOSTS ? CLIENT_HOSTS_MAX : 0;
	for (uint32_t i = 0; i < bed.config.widths.hosts_count; i++)
		bed.config.widths.hosts[i] = (struct prefix){ { { 0x20, 1, (uint8_t)i } }, 24 };
	if (bed_open(combination & INJECTED)) {
		rmdir(bed.pin_path);
		fail_msg("combination %u: expected a program that loads, got: %s", combination, bed.problem.text);
	}
	instructions = verified(bed.table->program_fd);
	without_link = verified(bed.table->l3_program_fd);
	bed_remove();
	return instructions > without_link ? instructions : without_link;
}

static void it_loads_with_every_combination_of_constants(void **state)
{
	uint32_t most = 0;

	(void)state;
	for (uint32_t combination = 0; combination < COMBINATIONS; combination++) {
		uint32_t instructions = load_with(combination);

		most = instructions > most ? instructions : most;
	}
	print_message("# the verifier walked through %u instructions at most\n", most);
	assert_in_range(most, 1, INSTRUCTIONS_MAX);
}

/* Its first instruction made one that reads through a register nobody has written. */
static void spoil(struct bpf_program *program)
{
	struct bpf_insn *first = (struct bpf_insn *)(uintptr_t)bpf_program__insns(program);

	*first = (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_9 };
}

static void a_program_the_verifier_refuses_gives_its_words(void **state)
{
	struct table_problem problem = { "" };
	struct xpro *skeleton;

	(void)state;
	assert_int_equal(bed_make(PAIRS_FEW, 64, true), 0); /* silences libbpf, as gossipd does */
	skeleton = xpro__open();
	assert_non_null(skeleton);
	skeleton->rodata->hz = 250;
	spoil(skeleton->progs.xpro);
	assert_int_equal(program_load(skeleton, "loading it", &problem), -EACCES);
	print_message("# %s\n", problem.text);
	if (!strstr(problem.text, "R9 !read_ok"))
		fail_msg("expected the verifier's words R9 !read_ok, got: %s", problem.text);
	assert_memory_equal(problem.text, "loading it: ", strlen("loading it: "));
	assert_null(strstr(problem.text, "CAP_"));
	assert_null(strchr(problem.text, '\n'));
	xpro__destroy(skeleton);
	bed_remove();
}

/*
 * In a child of its own: all that CAP_SYS_ADMIN stands for, and then that one capability, are given up. 0: it was
 * named.
 */
static int load_without(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct table_problem problem = { "" };
	struct xpro *skeleton = xpro__open();

	if (!skeleton || syscall(SYS_capget, &header, data))
		return 1;
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	data[capability / 32].effective &= ~(1U << capability % 32);
	if (syscall(SYS_capset, &header, data) || !program_load(skeleton, "loading it", &problem))
		return 2;
	return strstr(problem.text, "it needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON") ? 0 : 3;
}

static void a_capability_that_is_missing_is_named(void **state)
{
	static const unsigned int needed[] = { CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON };

	(void)state;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(load_without(needed[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status))
			fail_msg("without capability %u: expected 0, got %d", needed[i], WEXITSTATUS(status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_loads_with_every_combination_of_constants),
		cmocka_unit_test(a_program_the_verifier_refuses_gives_its_words),
		cmocka_unit_test(a_capability_that_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
