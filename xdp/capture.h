/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples of dropped frames, for `gossipctl capture`: the first bytes of a few frames, with the reason. Only packets
 * that drop, or would drop but for monitor mode, come here; without a capture each costs one comparison. The daemon
 * sets the time at which a capture ends, and moves it on while somebody reads.
 */
#ifndef XDP_CAPTURE_H
#define XDP_CAPTURE_H

#include <xpro/plane.h>

#include "destination.h"

struct capture capture SEC(".data.capture");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CAPTURE_RING_BYTES);
} samples SEC(".maps");

/* Per CPU: the number of samples it took in the jiffy `at`. */
struct capture_budget {
	__u32 at;
	__u32 taken;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct capture_budget);
} capture_budgets SEC(".maps");

static __always_inline bool is_wanted(const struct address_prefix *prefix, const struct address_key *address)
{
	return ((prefix->words[0] ^ address->words[0]) & prefix->mask[0]) == 0 &&
	       ((prefix->words[1] ^ address->words[1]) & prefix->mask[1]) == 0;
}

static __always_inline bool is_in_budget(__u32 now)
{
	struct capture_budget *budget = element(&capture_budgets, 0);

	if (!budget)
		return false;
	if (budget->at != now) {
		budget->at = now;
		budget->taken = 0;
	}
	return budget->taken++ < CAPTURE_PER_JIFFY;
}

static __always_inline bool is_capturing(__u32 now)
{
	const __u32 until = READ_ONCE(capture.until);

	return until && jiffies_since(now, until) > 0;
}

/*
 * Takes a sample of the frame if it is one of those wanted. `bare`: the frame has no Ethernet header. A global
 * function.
 */
__noinline int capture_frame(struct xdp_md *ctx, struct packet *packet, __u32 reason, __u32 bare)
{
	const struct capture *wanted = &capture;
	struct address_key client, destination;
	struct sample *sample;
	__u32 length, caught;

	if (!packet)
		return 0;
	client_of(packet, &client);
	destination_of(packet, &destination);
	if (!is_wanted(&wanted->client, &client) || !is_wanted(&wanted->destination, &destination) ||
	    !is_in_budget(packet->now))
		return 0;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample)
		return 0; /* the ring is full: the daemon reads too slowly */
	length = bpf_xdp_get_buff_len(ctx);
	caught = length < CAPTURE_BYTES ? length : CAPTURE_BYTES;
	OPAQUE(caught);
	if (caught - 1 >= CAPTURE_BYTES || bpf_xdp_load_bytes(ctx, 0, sample->bytes, caught)) {
		bpf_ringbuf_discard(sample, 0);
		return 0;
	}
	__builtin_memcpy(sample->client, &client, sizeof(client));
	__builtin_memcpy(sample->destination, &destination, sizeof(destination));
	sample->at = packet->now;
	sample->reason = reason;
	sample->length = length;
	sample->caught = caught;
	sample->bare = bare;
	sample->ifindex = ctx->ingress_ifindex;
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP); /* the daemon reads the ring every tick anyway */
	return 1;
}

#endif
