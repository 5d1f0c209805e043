/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets inside packets, piece by piece: an outer IP header, what stands between, the inner packet; then the
 * lengths are set.
 */
#ifndef TESTS_XDP_WRAP_H
#define TESTS_XDP_WRAP_H

#include "bed.h"

#define PEER 0xc6336405	 /* 198.51.100.5: tunnels are accepted from its /24 */
#define LOCAL 0xc6336401 /* 198.51.100.1: where they end */
#define PEER6 "2001:db8:f::5"
#define LOCAL6 "2001:db8:f::1"
#define CLIENT 0x0a000001
#define TARGET 0xc0000201
#define CLIENT6 "2001:db8::1"
#define TARGET6 "2001:db8::99"

struct wrap {
	struct frame frame;
	uint32_t ip;  /* where the outer IP header begins */
	uint32_t udp; /* where its UDP header does, 0 = none */
	bool ipv6;
};

static inline void wrap_put(struct wrap *wrap, const void *bytes, uint32_t length)
{
	memcpy(wrap->frame.bytes + wrap->frame.length, bytes, length);
	wrap->frame.length += length;
}

#define WRAP_PUT(wrap, ...) wrap_put(wrap, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline struct wrap wrap_outer(bool ipv6, uint8_t protocol)
{
	struct wrap wrap = { .ipv6 = ipv6, .ip = ETH_HLEN };
	static const uint8_t link[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	wrap.frame = ipv6 ? frame6(PEER6, LOCAL6, protocol) : frame4(PEER, LOCAL);
	memcpy(wrap.frame.bytes, link, sizeof(link));
	if (!ipv6)
		wrap.frame.bytes[ETH_HLEN + 9] = protocol;
	wrap.frame.length = ETH_HLEN + (ipv6 ? 40 : 20);
	return wrap;
}

static inline void wrap_put_udp(struct wrap *wrap, uint16_t port)
{
	wrap->udp = wrap->frame.length;
	WRAP_PUT(wrap, 0x30, 0x39, (uint8_t)(port >> 8), (uint8_t)port, 0, 0, 0, 0);
}

/* The inner packet without its Ethernet header: 50 bytes of IPv4, 100 of IPv6. */
static inline void wrap_put_inner(struct wrap *wrap, bool ipv6)
{
	struct frame inner = ipv6 ? frame6(CLIENT6, TARGET6, 17) : frame4(CLIENT, TARGET);

	wrap_put(wrap, inner.bytes + ETH_HLEN, inner.length - ETH_HLEN);
}

static inline void wrap_put_ethernet(struct wrap *wrap, uint16_t type)
{
	WRAP_PUT(wrap, 6, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 2, (uint8_t)(type >> 8), (uint8_t)type);
}

/* Sets the outer lengths to where the frame ends now. */
static inline void wrap_close(struct wrap *wrap)
{
	uint32_t bytes = wrap->frame.length - wrap->ip;
	uint8_t *ip = wrap->frame.bytes + wrap->ip;
	uint32_t at = wrap->ipv6 ? 4 : 2;

	if (wrap->ipv6)
		bytes -= 40;
	ip[at] = (uint8_t)(bytes >> 8);
	ip[at + 1] = (uint8_t)bytes;
	if (wrap->udp) {
		bytes = wrap->frame.length - wrap->udp;
		wrap->frame.bytes[wrap->udp + 4] = (uint8_t)(bytes >> 8);
		wrap->frame.bytes[wrap->udp + 5] = (uint8_t)bytes;
	}
}

#endif
