/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A tunnel that ends at this proxy, as the config names it and the table is told. */
#ifndef GOSSIPD_TUNNEL_H
#define GOSSIPD_TUNNEL_H

#include <stdbool.h>

#include <xpro/key.h>
#include <xpro/plane.h>

struct table_source {
	struct address address;
	uint8_t bits; /* of the prefix, 0-128 on the mapped form */
};

/* The pair of its packets is the one inside. */
struct table_tunnel {
	enum tunnel_type type;
	struct address local; /* counts as the proxy's own */
	uint16_t port;	      /* UDP types */
	bool decapsulate;     /* XDP takes the outer headers off; else the kernel's tunnel device does */
	struct table_source sources[TUNNEL_SOURCES_MAX]; /* from elsewhere it is a packet like any other */
	uint32_t source_count;
};

#endif
