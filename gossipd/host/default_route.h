/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which filtered interfaces have a default route. What comes in there are replies, too: they are judged with the
 * server as the client and the device as the destination, and a download faster than pair_rate drops.
 */
#ifndef GOSSIPD_DEFAULT_ROUTE_H
#define GOSSIPD_DEFAULT_ROUTE_H

#include <net/if.h>
#include <stdint.h>

#define DEFAULT_ROUTE_TEXT_BYTES 512

/* Asks the kernel for default routes of every table, IPv4 and IPv6, and for what its links stand upon. Tells the
 * interfaces of the list that packets of such a route come in by, in one sentence; the text is empty when there
 * is none. -errno when the kernel does not answer; the text is empty then. Bounded: one call takes milliseconds,
 * however many routes there are. */
int default_route_warn(const char interfaces[][IFNAMSIZ], uint32_t count, char ret_text[DEFAULT_ROUTE_TEXT_BYTES]);

#endif
