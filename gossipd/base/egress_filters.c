/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Filters that count answers, on the egress of interfaces (clsact): finds and removes them. gossipd attaches them
 * (table_egress.c), gossipctl detach takes them off. They are known by their handle, by the name of their program and
 * by the maps it uses; filters of others are left alone, and so is clsact, which others may use.
 */
#include "egress_filters.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#define EGRESS_NAME "xpro_answers"
#define PROGRAM_MAPS_MAX 64

struct bpf_tc_hook egress_hook(uint32_t ifindex)
{
	return (struct bpf_tc_hook){ .sz = sizeof(struct bpf_tc_hook),
				     .ifindex = (int)ifindex,
				     .attach_point = BPF_TC_EGRESS };
}

struct bpf_tc_opts egress_filter(uint32_t priority)
{
	return (struct bpf_tc_opts){ .sz = sizeof(struct bpf_tc_opts),
				     .handle = EGRESS_HANDLE,
				     .priority = priority };
}

uint32_t egress_program_at(uint32_t ifindex, uint32_t priority)
{
	const struct bpf_tc_hook hook = egress_hook(ifindex);
	struct bpf_tc_opts filter = egress_filter(priority);

	return bpf_tc_query(&hook, &filter) ? 0 : filter.prog_id;
}

static uint32_t map_id_of(int map_fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(map_fd, &info, &bytes) ? 0 : info.id;
}

/* Is it a program that counts answers, over this map? 0: over any, as one whose pins were removed is. */
static bool is_over(uint32_t program_id, uint32_t map_id)
{
	uint32_t maps[PROGRAM_MAPS_MAX] = { 0 }, bytes = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS_MAX, .map_ids = (uintptr_t)maps };
	int fd = program_id ? bpf_prog_get_fd_by_id(program_id) : -1, err;
	bool found = map_id == 0;

	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &info, &bytes);
	close(fd);
	for (uint32_t i = 0; !err && i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++)
		found = found || maps[i] == map_id;
	return !err && found && strncmp(info.name, EGRESS_NAME, strlen(EGRESS_NAME)) == 0;
}

uint32_t egress_filter_find(uint32_t ifindex, uint32_t map_id)
{
	for (uint32_t priority = 1; priority <= EGRESS_PRIORITIES; priority++) {
		if (is_over(egress_program_at(ifindex, priority), map_id))
			return priority;
	}
	return 0;
}

bool egress_filter_remove(uint32_t ifindex, uint32_t map_id)
{
	const struct bpf_tc_hook hook = egress_hook(ifindex);
	const uint32_t priority = egress_filter_find(ifindex, map_id);
	const struct bpf_tc_opts filter = egress_filter(priority);

	return priority && bpf_tc_detach(&hook, &filter) == 0;
}

static bool is_among(const uint32_t *ifindexes, uint32_t count, uint32_t ifindex)
{
	for (uint32_t i = 0; i < count; i++) {
		if (ifindexes[i] == ifindex)
			return true;
	}
	return false;
}

unsigned int egress_filters_remove(int map_fd, const uint32_t *keep, uint32_t keep_count)
{
	struct if_nameindex *all = if_nameindex();
	const uint32_t map_id = map_id_of(map_fd);
	unsigned int removed = 0;

	for (const struct if_nameindex *at = all; at && at->if_index && map_id; at++) {
		if (!is_among(keep, keep_count, at->if_index))
			removed += egress_filter_remove(at->if_index, map_id);
	}
	if (all)
		if_freenameindex(all);
	return removed;
}
