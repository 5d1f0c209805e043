/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sides: is a packet without a record to be judged, or is it an answer? The setting `clients` says where the clients
 * are, and the daemon which interfaces face them. A record is made only for a packet that is to be judged, so packets
 * of a known pair are not looked at here, and cost what they cost without sides. The walk, from top to bottom:
 *
 *	source in `clients`			judged, on every interface: an attack on another client, too
 *	to the proxy itself			passes (local.h)
 *	on the block list			drops
 *	enters from elsewhere, to a client	an answer: passes
 *	enters from elsewhere, to another	passes
 *	enters from the clients' side		its source is spoofed: drops (or is judged: drop_foreign_sources)
 *
 * Answers make no record and take no head. A source is looked at whole, before it is cut to its client's width.
 */
#ifndef XDP_SIDES_H
#define XDP_SIDES_H

#include <xpro/plane.h>

#include "account.h"
#include "destination.h"

const volatile __u32 clients_count = 0; /* 0: there are no sides, and every packet is judged */
const volatile struct address_prefix clients[CLIENTS_MAX] = {};
const volatile __u32 clients4_count = 0; /* those of them that IPv4 addresses are in */
const volatile struct ipv4_prefix clients4[CLIENTS_MAX] = {};
const volatile __u32 clients6_count = 0; /* those that other addresses are in */
const volatile struct address_prefix clients6[CLIENTS_MAX] = {};
const volatile bool clients6_long = false; /* one of these is longer than 64 bits */
const volatile bool drop_foreign_sources = true;

#define FRAME_MAC bpf_cpu_to_be64(0xffffffffffff0000ULL) /* of a frame's first eight bytes: whom it is to */

struct sides sides; /* in .bss: a map of its own would be one more descriptor */

/* The flags of a filtered interface. A global function. */
__noinline __u32 side_of(__u32 ifindex)
{
	int i;

	for (i = 0; i < SIDES_MAX; i++) {
		__u64 interface = READ_ONCE(sides.interfaces[i]);

		if (WORD_LOW(interface) == ifindex)
			return WORD_HIGH(interface);
	}
	return SIDE_UNKNOWN;
}

/*
 * Is the frame to another host, or to all? The kernel routes no packet out of such a frame, so it counts only at the
 * proxy that it is to. Asked of pairs without a record only: where no packet of a pair is to this proxy none is made. A
 * global function.
 */
__noinline int is_to_another(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 ifindex = ctx->ingress_ifindex;
	__u64 mac, *first = data;
	int i;

	if ((void *)(first + 1) > data_end)
		return 0;
	for (i = 0; i < SIDES_MAX; i++) {
		if (WORD_LOW(READ_ONCE(sides.interfaces[i])) != ifindex)
			continue;
		mac = READ_ONCE(sides.macs[i]);
		return mac && (mac ^ *first) & FRAME_MAC;
	}
	return 0;
}

/* Is the address in `clients`? A global function: inlined it would be no faster, and the verifier would walk more. */
__noinline int is_client(const struct address_key *address)
{
	__u32 i;

	if (!address)
		return 0; /* cannot happen */
	for (i = 0; i < CLIENTS_MAX && i < clients_count; i++)
		if ((((address->words[0] ^ clients[i].words[0]) & clients[i].mask[0]) |
		     ((address->words[1] ^ clients[i].words[1]) & clients[i].mask[1])) == 0)
			return 1;
	return 0;
}

/* Of the two addresses of a packet: is it outside `clients`? */
struct outside {
	bool source, destination;
};

/* The highest bit is 1 unless the word is 0. Without a branch: see below. */
static __always_inline __u64 differs(__u64 word)
{
	__u64 minus = -word;

	OPAQUE(minus);
	return word | minus;
}

static __always_inline bool is_highest(__u64 word)
{
	OPAQUE(word);
	return word >> 63;
}

/*
 * Without branches: 8 prefixes of two addresses would give the verifier 2^16 paths. Prefixes that are not in use cost
 * nothing: their number is a constant of the loaded program.
 */
static __always_inline struct outside outside4(const struct packet *packet)
{
	__u32 from = packet->tag >> 32, to = packet->tag, i;
	__u64 source = 0, destination = 0;

#pragma unroll
	for (i = 0; i < CLIENTS_MAX; i++) {
		__u32 address = clients4[i].address, mask = clients4[i].mask;

		if (i >= clients4_count)
			break;
		source |= (__u64)((from ^ address) & mask) - 1; /* the highest bit is 1 if they are equal */
		destination |= (__u64)((to ^ address) & mask) - 1;
	}
	return (struct outside){ !is_highest(source), !is_highest(destination) };
}

static __always_inline struct outside outside6(const struct packet *packet)
{
	const __u64 *from = packet->source.words, *to = packet->key.words + 2;
	__u64 source = ~0ULL, destination = ~0ULL;
	__u32 i;

#pragma unroll
	for (i = 0; i < CLIENTS_MAX; i++) {
		__u64 word = clients6[i].words[0], mask = clients6[i].mask[0];
		__u64 from_differs = (from[0] ^ word) & mask, to_differs = (to[0] ^ word) & mask;

		if (i >= clients6_count)
			break;
		if (clients6_long) {
			word = clients6[i].words[1];
			mask = clients6[i].mask[1];
			from_differs |= (from[1] ^ word) & mask;
			to_differs |= (to[1] ^ word) & mask;
		}
		source &= differs(from_differs);
		destination &= differs(to_differs);
	}
	return (struct outside){ is_highest(source), is_highest(destination) };
}

/* Does an IPv6 packet bear an address that is counted under a substitute? Some others are held for one, too. */
static __always_inline bool may_be_renamed(const struct packet *packet)
{
	const __u64 *destination = packet->key.words + 2;

	return !packet->source.words[0] || ipv6_is_link_local(packet->source.words[0]) || !destination[0];
}

/*
 * Is it a reply beyond doubt: side_verdict would pass it as an answer? The quick way of most packets without a record,
 * since a client that downloads receives ten for each that it sends.
 */
static __always_inline bool is_reply(struct xdp_md *ctx, bool ipv6, const struct packet *packet)
{
	struct address_key destination;
	struct outside outside;

	if (!clients_count || (ipv6 && may_be_renamed(packet)))
		return false;
	destination_of(packet, &destination);
	outside = ipv6 ? outside6(packet) : outside4(packet);
	return outside.source && !outside.destination && !may_be_local(&destination) &&
	       !(policies[POLICY_OF_PAIR(BANK_OF(active_bank()) & 1, 0)].flags & POLICY_LISTS) &&
	       (side_of(ctx->ingress_ifindex) & (SIDE_OUTER | SIDE_UNKNOWN)) == SIDE_OUTER;
}

/* The pair's listing, as flags of its policy. Without lists it is not looked up. */
static __always_inline __u32 listing_of(const struct packet *packet, __u32 active)
{
	__u32 flags = policies[POLICY_OF_PAIR(BANK_OF(active) & 1, 0)].flags;

	if (!(flags & POLICY_LISTS))
		return flags;
	return policy_at(pair_policy(packet, active))->flags;
}

/* A packet from no client, not to the proxy itself. */
static __always_inline __u32 side_reason(const struct packet *packet, const struct address_key *destination, __u32 side)
{
	__u32 flags = listing_of(packet, active_bank());

	if (flags & POLICY_LISTED_BLOCK)
		return flags & POLICY_MONITOR ? REASON_WOULD_DROP : REASON_DROP_BLOCKED;
	if (side & SIDE_OUTER)
		return is_client(destination) ? REASON_PASS_ANSWER : REASON_PASS_NOT_CLIENT;
	if (flags & POLICY_LISTED_PASS)
		return REASON_PASS;
	return flags & POLICY_MONITOR ? REASON_WOULD_DROP : REASON_DROP_FOREIGN_SOURCE;
}

/*
 * REASON_PASS: the packet is to be judged. Any other reason is the verdict. `packet` bears the names it is counted
 * under. A global function.
 */
__noinline int side_verdict(struct xdp_md *ctx, struct packet *packet)
{
	struct address_key address;
	__u32 side;

	if (!packet || !clients_count)
		return REASON_PASS;
	source_of(packet, &address);
	if (is_client(&address))
		return REASON_PASS;
	side = side_of(ctx->ingress_ifindex);
	if (side & SIDE_UNKNOWN)
		return REASON_PASS;
	/* A link-local source is a neighbour's, and nothing is routed from it to another link. */
	if (!(side & SIDE_OUTER) &&
	    (!drop_foreign_sources || (packet->ipv6 && ipv6_was_link_local(packet->source.words[0]))))
		return REASON_PASS;
	destination_of(packet, &address);
	if (is_local(&address))
		return REASON_PASS_LOCAL;
	return side_reason(packet, &address, side);
}

/* Does nothing drop on the interface by which the packet entered? */
static __always_inline bool is_unenforced(struct xdp_md *ctx)
{
	return READ_ONCE(sides.unenforced) && side_of(ctx->ingress_ifindex) & SIDE_UNENFORCED;
}

/* The reason in force on the interface. The gate drops everywhere: it guards the proxy itself. */
static __always_inline __u32 enforced_here(struct xdp_md *ctx, __u32 reason)
{
	return reason_is_drop(reason) && reason != REASON_DROP_GOSSIP && is_unenforced(ctx) ? REASON_WOULD_DROP
											    : reason;
}

#endif
