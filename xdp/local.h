/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets to the proxy itself, the only ones whose transport header is read. The gate protects the gossip port. A
 * packet in a tunnel that ends here is judged by its inner packet, and XDP may take off the outer headers.
 */
#ifndef XDP_LOCAL_H
#define XDP_LOCAL_H

#include "gate.h"
#include "onward.h"
#include "tunnel.h"

const volatile bool local_watched = false; /* there is a gate or a tunnel */
const volatile bool tunnels_watched = false;

/*
 * The verdict of a tunnel's inner packet that is addressed to the proxy itself: a route on from it drops it, then the
 * gate is asked. A global function.
 */
__noinline int local_inner(struct xdp_md *ctx, struct packet *packet)
{
	if (!packet)
		return REASON_PASS_LOCAL;
	if (onward(ctx, packet) != REASON_PASS_LOCAL)
		return unreadable(REASON_DROP_SOURCE_ROUTE);
	return gate_pass(ctx, packet, transport_find(ctx, packet->offset, packet->ipv6));
}

/*
 * REASON_PASS: *packet now describes the inner packet of a tunnel, which is still to be judged. Any other reason is
 * the verdict. A global function.
 */
__noinline int local(struct xdp_md *ctx, struct packet *packet)
{
	__u64 transport;
	__u32 reason;

	if (!packet)
		return REASON_PASS_LOCAL;
	transport = transport_find(ctx, packet->offset, packet->ipv6);
	reason = gate_pass(ctx, packet, transport);
	if (reason != REASON_PASS_LOCAL || !tunnels_watched)
		return reason;
	packet->decapsulate = false;
	return tunnel_open(ctx, packet, transport, &packet->decapsulate);
}

#endif
