/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs that count answers, as filters on the egress of the interfaces that answers leave by (clsact). A filter
 * outlives the daemon without a pin, and the next daemon puts its program into it in one step.
 *
 * To attach takes CAP_NET_ADMIN, which gossipd gives up once it has started. So what is missing later is reported, and
 * comes with the next start.
 */
#include <errno.h>
#include <unistd.h>

#include "egress_filters.h"
#include "table_internal.h"
#include "xpro.skel.h"

static int filter_put(uint32_t ifindex, uint32_t priority, int program_fd, bool replace)
{
	const struct bpf_tc_hook hook = egress_hook(ifindex);
	struct bpf_tc_opts filter = egress_filter(priority);

	filter.prog_fd = program_fd;
	filter.flags = replace ? BPF_TC_F_REPLACE : 0;
	return bpf_tc_attach(&hook, &filter);
}

static void filter_attach(uint32_t ifindex, int program_fd)
{
	struct bpf_tc_hook hook = egress_hook(ifindex);
	const uint32_t found = egress_filter_find(ifindex, 0);
	int err = -EEXIST;

	if (found) {
		filter_put(ifindex, found, program_fd, true);
		return;
	}
	bpf_tc_hook_create(&hook); /* -EEXIST: others have filters there, too */
	for (uint32_t priority = 1; err && priority <= EGRESS_PRIORITIES; priority++) {
		if (!egress_program_at(ifindex, priority))
			err = filter_put(ifindex, priority, program_fd, false);
	}
}

static uint32_t id_of(int program_fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(program_fd, &info, &bytes) ? 0 : info.id;
}

bool egress_is_on(const struct table *table, uint32_t ifindex)
{
	const uint32_t ours[] = { id_of(table->egress_fd), id_of(table->l3_egress_fd) };

	for (uint32_t priority = 1; priority <= EGRESS_PRIORITIES; priority++) {
		const uint32_t there = egress_program_at(ifindex, priority);

		if (there && (there == ours[0] || there == ours[1]))
			return true;
	}
	return false;
}

void egress_start(struct table *table)
{
	sides_note_all(table); /* only now are all of them known */
	for (uint32_t i = 0; i < table->interface_count; i++) {
		if (sides_want_answers(table, i))
			filter_attach(table->ifindexes[i], table->bare[i] ? table->l3_egress_fd : table->egress_fd);
		else
			egress_filter_remove(table->ifindexes[i], 0);
	}
	if (table->interface_count && !table->is_new)
		egress_filters_remove(bpf_map__fd(table->skeleton->maps.answers4), table->ifindexes,
				      table->interface_count);
}

void egress_remove(const char *pin_path)
{
	char path[PIN_PATH_MAX + 32];
	int fd = pins_path(path, pin_path, EGRESS_PIN) ? -1 : bpf_obj_get(path);

	if (fd < 0)
		return;
	egress_filters_remove(fd, NULL, 0);
	close(fd);
}
