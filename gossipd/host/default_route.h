/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which filtered interfaces have a default route. What comes in there are replies, too: without `clients` they are
 * judged with the server as the client and the device as the destination, and a download faster than pair_rate would
 * drop.
 */
#ifndef GOSSIPD_DEFAULT_ROUTE_H
#define GOSSIPD_DEFAULT_ROUTE_H

#include <net/if.h>
#include <stdint.h>

#define DEFAULT_ROUTE_IPV4 0x1u
#define DEFAULT_ROUTE_IPV6 0x2u
#define DEFAULT_ROUTE_TEXT_BYTES 512

/*
 * Asks the kernel for default routes of every table, IPv4 and IPv6, and for what its links stand upon. Of each
 * interface of the list: the families whose packets come in there by such a route. -errno when the kernel does not
 * answer. Bounded: one call takes milliseconds, however many routes there are.
 */
int default_route_find(const char interfaces[][IFNAMSIZ], uint32_t count, unsigned int ret_families[]);

/* The same in half a sentence, for people; empty when there is no such interface. */
void default_route_text(const char interfaces[][IFNAMSIZ], uint32_t count, const unsigned int families[],
			char ret_text[DEFAULT_ROUTE_TEXT_BYTES]);

#endif
