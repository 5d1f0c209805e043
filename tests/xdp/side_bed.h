/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests of sides: a table whose clients are in three networks, and packets from and to them in every dress. */
#ifndef TESTS_XDP_SIDE_BED_H
#define TESTS_XDP_SIDE_BED_H

#include "policies.h"
#include "wrap.h"

#define BED_INTERFACE 1 /* what BPF_PROG_RUN gives a packet: the loopback */
#define RATE 10

#define DEVICE 0x0a000001
#define DEVICE_TWO 0x0a000002
#define SERVER 0xc0000201
#define SERVER_TWO 0xc0000202
#define OWN 0x0a0000fe /* the proxy's own, in the network of the clients */
#define DEVICE6 "2001:db8:1::1"
#define DEVICE6_TWO "2001:db8:1::2"
#define SERVER6 "2001:db8:99::1"
#define SERVER6_TWO "2001:db8:99::2"
#define OWN6 "2001:db8:1::fe"

enum { CLIENTS_SIDE = 0 };

static inline struct prefix prefix6(const char *text, uint8_t bits)
{
	struct prefix prefix = { .bits = bits };

	inet_pton(AF_INET6, text, prefix.address.bytes);
	return prefix;
}

static inline void configure(bool drop_foreign)
{
	static const uint8_t unused[4] = { 172, 16 };

	bed_configure(1024, 64);
	bed.config.clients[0] = (struct prefix){ address_of_ipv4(unused), 108 };
	bed.config.clients[1] = prefix4(NET(10, 0, 0, 0), 8);
	bed.config.clients[2] = prefix6("2001:db8:1::", 48);
	bed.config.client_count = 3;
	bed.config.drop_foreign_sources = drop_foreign;
	bed.config.tunnel_count = 1;
	bed.config.tunnels[0] = (struct table_tunnel){ .type = TUNNEL_GRE,
						       .local = key4(0, LOCAL).destination,
						       .sources[0] = { .bits = 96 },
						       .source_count = 1 };
	bed.config.tunnels[0].sources[0].address = address_of_ipv4((const uint8_t[4]){ 0 });
}

static inline int begin(void)
{
	const struct key own = key4(0, OWN), own6 = key6("::", OWN6);
	int err = bed_begin(true);

	if (!err)
		err = table_add_local(bed.table, &own.destination);
	if (!err)
		err = table_add_local(bed.table, &own6.destination);
	if (!err)
		bed_policy(policy_plain(RATE, 0, POLICY_EARLY));
	return err;
}

static inline int setup(void **state)
{
	(void)state;
	configure(true);
	return begin();
}

static inline int setup_judging_foreign(void **state)
{
	(void)state;
	configure(false);
	return begin();
}

static inline int setup_without_clients(void **state)
{
	(void)state;
	configure(true);
	bed.config.client_count = 0;
	return begin();
}

/* The packet's way in is on this side. */
static inline void enter(uint32_t side)
{
	table_set_side(bed.table, 0, side);
	sides_note(bed.table, 0, BED_INTERFACE);
}

static inline struct frame frame_of(bool ipv6, bool client, bool to_client, bool to_own)
{
	if (ipv6)
		return frame6(client ? DEVICE6 : SERVER6,
			      to_own	? OWN6
			      : to_client ? DEVICE6_TWO
					  : SERVER6_TWO,
			      17);
	return frame4(client ? DEVICE : SERVER, to_own ? OWN : to_client ? DEVICE_TWO : SERVER_TWO);
}

enum dress { PLAIN, TAGGED, BARE, TUNNELLED, DRESSES };

static inline uint32_t run_dressed(const struct frame *inner, bool ipv6, enum dress dress)
{
	struct wrap wrap;
	struct frame frame = *inner;

	switch (dress) {
	case TAGGED:
		memmove(frame.bytes + 16, inner->bytes + 12, inner->length - 12);
		memcpy(frame.bytes + 12, "\x81\x00\x00\x05", 4);
		frame.length += 4;
		return bed_run(&frame);
	case BARE:
		return bed_run_bytes(bed.table->l3_program_fd, inner->bytes + ETH_HLEN, inner->length - ETH_HLEN, 1,
				     NULL);
	case TUNNELLED:
		wrap = wrap_outer(false, 47);
		WRAP_PUT(&wrap, 0, 0, ipv6 ? 0x86 : 8, ipv6 ? 0xdd : 0);
		wrap_put(&wrap, inner->bytes + ETH_HLEN, inner->length - ETH_HLEN);
		wrap_close(&wrap);
		return bed_run(&wrap.frame);
	default:
		return bed_run(&frame);
	}
}

static inline struct key key_of(const struct frame *frame, bool ipv6)
{
	uint32_t addresses[2];
	struct key key;

	memcpy(addresses, frame->bytes + ETH_HLEN + 12, sizeof(addresses));
	if (!ipv6)
		return key4(ntohl(addresses[0]), ntohl(addresses[1]));
	memcpy(&key, frame->bytes + ETH_HLEN + 8, sizeof(key));
	key.client = widths_client(&bed.config.widths, &key.client);
	return key;
}

#endif
