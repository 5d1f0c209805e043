/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads the program into the kernel, and says why when that fails. If the kernel's verifier refuses the program, the
 * build is at fault, and the message has the verifier's own words. Else a capability may be missing.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "table_internal.h"
#include "xpro.skel.h"

#define LOG_BYTES (16U << 20) /* the kernel touches only what it writes: megabytes for a program of this size */
#define WORDS_BYTES 480 /* of the log's end: the last instructions, and what is wrong with them */
#define SUMMARY "processed " /* how the log's last line begins: numbers, no reason */

/* Are those there that the verifier and the maps ask for? CAP_SYS_ADMIN stands for all of them. */
static bool is_capable(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const uint64_t wanted = 1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON,
		       all = 1ULL << CAP_SYS_ADMIN;
	uint64_t effective;

	if (syscall(SYS_capget, &header, data))
		return false;
	effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	return effective & all || (effective & wanted) == wanted;
}

/* The log's last lines in one, without the summary. */
static void words_of(const char *log, char ret_words[WORDS_BYTES])
{
	size_t end = strlen(log), begin, i;
	const char *summary = strstr(log, "\n" SUMMARY), *line;

	if (summary)
		end = (size_t)(summary - log);
	while (end > 0 && log[end - 1] == '\n')
		end--;
	begin = end < WORDS_BYTES ? 0 : end - WORDS_BYTES + 1;
	line = begin ? memchr(log + begin, '\n', end - begin) : NULL;
	if (line)
		begin = (size_t)(line + 1 - log);
	for (i = 0; begin + i < end; i++)
		ret_words[i] = log[begin + i] == '\n' ? '|' : log[begin + i];
	ret_words[i] = 0;
}

static void refusal_say(int err, const char *log, const char *what, struct table_problem *problem)
{
	char words[WORDS_BYTES];
	bool denied = err == -EPERM || err == -EACCES;

	words_of(log, words);
	if (!words[0] ? denied : !is_capable())
		problem_say(problem, "%s: %s; it needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON%s%s", what,
			    strerror(-err), words[0] ? "; the verifier: " : "", words);
	else if (words[0])
		problem_say(problem, "%s: %s; the verifier refuses this build of it: %s", what, strerror(-err), words);
	else
		problem_say(problem, "%s: %s%s", what, strerror(-err),
			    err == -EINVAL ? "; it needs Linux 5.18 or newer" : "");
}

int program_load(struct xpro *skeleton, const char *what, struct table_problem *problem)
{
	struct bpf_program *program;
	char *log = calloc(1, LOG_BYTES); /* none: then without words */
	int err;

	bpf_object__for_each_program(program, skeleton->obj)
		if (log)
			/* written when loading fails, and only then */
			bpf_program__set_log_buf(program, log, LOG_BYTES);
	err = xpro__load(skeleton);
	if (err)
		refusal_say(err, log ? log : "", what, problem);
	free(log);
	return err;
}
