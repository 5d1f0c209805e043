/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filters that count answers, on the egress of interfaces: what gossipd and gossipctl both do with them. */
#ifndef GOSSIPD_EGRESS_FILTERS_H
#define GOSSIPD_EGRESS_FILTERS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#define EGRESS_HANDLE 0x78706d /* "xpm" */
#define EGRESS_PIN "answers4"   /* a map that such a program is over */
#define EGRESS_PRIORITIES 4    /* tried, from 1: what others have of these stays theirs */

/* For libbpf: the egress of an interface; our filter there, of this priority. */
struct bpf_tc_hook egress_hook(uint32_t ifindex);
struct bpf_tc_opts egress_filter(uint32_t priority);

/* The id of the program at our handle, 0 when there is none. It needs no capability. */
uint32_t egress_program_at(uint32_t ifindex, uint32_t priority);

/*
 * The priority of a filter whose program counts answers over this map, 0 when there is none. map_id 0: over any, as one
 * whose table is gone does. It needs CAP_SYS_ADMIN, or CAP_BPF and CAP_NET_ADMIN.
 */
uint32_t egress_filter_find(uint32_t ifindex, uint32_t map_id);
bool egress_filter_remove(uint32_t ifindex, uint32_t map_id); /* was there one, and is it off? */

/* Those over this map from every interface of the namespace but these. Returns their number. */
unsigned int egress_filters_remove(int map_fd, const uint32_t *keep, uint32_t keep_count);

#endif
