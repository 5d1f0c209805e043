/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The benches' source of packets: writes another client's address into the one packet BPF_PROG_RUN repeats, then
 * goes on to the program under test by a tail call, so that the peers pay for the addresses alike. Beside it two
 * peers: a bare XDP_DROP, and a program that only counts in one random record.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <xpro/record.h>

#include "spray_lane.h"

char license_text[] SEC("license") = "Dual BSD/GPL";

struct spray_lane lanes[CPUS_MAX];

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pair_record);
} touched SEC(".maps");

const volatile __u32 touched_mask = 0;

/* A linear congruential generator; its high half, because the low bits of one repeat soon. */
static __always_inline __u32 pair_next(struct spray_lane *lane)
{
	if (lane->in_order)
		return (__u32)lane->state++;
	lane->state = lane->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (__u32)(lane->state >> 32) & lane->pairs_mask;
}

/* RFC 1071, in the byte order the words stand in. */
static __always_inline __u16 checksum(__u32 sum, __u32 source, __u32 destination)
{
	sum += (source & 0xffff) + (source >> 16) + (destination & 0xffff) + (destination >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

SEC("xdp.frags")
int spray(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct spray_lane *lane = &lanes[bpf_get_smp_processor_id() & (CPUS_MAX - 1)];
	struct ipv6hdr *ipv6 = data + ETH_HLEN;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + ETH_HLEN;
	__u32 pair;

	if ((void *)(ipv6 + 1) > data_end)
		return XDP_ABORTED;
	pair = pair_next(lane);
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		ip->saddr = bpf_htonl(lane->client + (pair >> lane->client_shift));
		ip->daddr = bpf_htonl(lane->destination + (pair & lane->destinations_mask));
		if (lane->header_sum)
			ip->check = checksum(lane->header_sum, ip->saddr, ip->daddr);
	} else {
		ipv6->saddr.s6_addr32[1] = bpf_htonl(lane->client + (pair >> lane->client_shift));
		ipv6->daddr.s6_addr32[3] = bpf_htonl(lane->destination + (pair & lane->destinations_mask));
	}
	bpf_tail_call(ctx, &under_test, 0);
	return XDP_ABORTED; /* nothing under test */
}

SEC("xdp.frags")
int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int touch(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ipv6 = data + ETH_HLEN;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + ETH_HLEN;
	struct pair_record *record;
	__u32 index;

	if ((void *)(ipv6 + 1) > data_end)
		return XDP_ABORTED;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP))
		index = (__u32)mix64((__u64)ip->saddr << 32 | ip->daddr) & touched_mask;
	else
		index = (__u32)mix64((__u64)ipv6->saddr.s6_addr32[1] << 32 | ipv6->daddr.s6_addr32[3]) & touched_mask;
	record = bpf_map_lookup_elem(&touched, &index);
	if (record)
		__sync_fetch_and_add(&record->packets, 1);
	return XDP_DROP;
}
