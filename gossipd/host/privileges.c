/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capabilities. Maps and links stay usable through their open descriptors without any: the kernel asks for CAP_BPF,
 * CAP_NET_ADMIN and CAP_PERFMON at load and attach alone.
 */
#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

int privileges_drop(struct problem *ret_problem)
{
	capng_select_t what = CAPNG_SELECT_BOTH;

	if (capng_get_caps_process())
		return problem_set(ret_problem, -EIO, "privileges: cannot read this process's capabilities");
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what = CAPNG_SELECT_CAPS; /* started with few: the bounding set is not ours to change */
	capng_clear(what);
	if (capng_apply(what))
		return problem_set(ret_problem, -EPERM, "privileges: cannot drop capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return problem_set(ret_problem, -errno, "privileges: cannot set no_new_privs: %s", strerror(errno));
	if (capng_get_caps_process() || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return problem_set(ret_problem, -EPERM, "privileges: capabilities are left after dropping them all");
	return 0;
}
