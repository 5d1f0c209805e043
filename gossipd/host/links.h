/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The host's links by rtnetlink, which needs no capability: what stands on what, and to which MAC address frames come.
 */
#ifndef GOSSIPD_LINKS_H
#define GOSSIPD_LINKS_H

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>

#define LINKS_MAX 1024

struct link {
	int index, master, lower; /* 0: none */
	char name[IFNAMSIZ];
	uint64_t mac; /* its six bytes as the first of a frame; 0: none, or of another length */
	unsigned int families; /* with a default route by this link: default_route.c */
};

struct links {
	struct link link[LINKS_MAX];
	unsigned int count;
};

/* One dump of rtnetlink, each message of it given to `each`. -errno when the kernel does not answer. */
int links_dump(uint16_t type, uint8_t family, void (*each)(struct links *, const struct nlmsghdr *),
	       struct links *links);

/* Reads all links, LINKS_MAX at most. */
int links_read(struct links *links);

int links_number(const struct rtattr *attribute);
struct link *links_find(struct links *links, int index); /* NULL: there is none */
struct link *links_below(struct links *links, const struct link *link); /* which it stands on; NULL: on none */

/*
 * The only MAC address that the host takes frames to on each of the interfaces; 0: it has none, or others stand on the
 * interface with addresses of their own (macvlan), or it is a port (of a bridge, a bond), or that is not known.
 */
void links_macs(const char interfaces[][IFNAMSIZ], uint32_t count, uint64_t ret_macs[]);

#endif
