/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Default routes by rtnetlink, which needs no capability. A route leads out by one link, and its packets come in by
 * the links below that one: the parent of a VLAN, the ports of a bridge or a bond. Those are marked as well.
 */
#include "default_route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX 1024
#define PARTS_MAX 32 /* of a dump. Default routes stand first in their table: a full one is not read to its end. */
#define PART_BYTES 32768
#define DEPTH_MAX 8 /* links one upon the other */
#define IPV4 DEFAULT_ROUTE_IPV4
#define IPV6 DEFAULT_ROUTE_IPV6

struct link {
	int index, master, lower; /* 0: none */
	char name[IFNAMSIZ];
	unsigned int families; /* with a default route by this link */
};

struct links {
	struct link link[LINKS_MAX];
	unsigned int count;
};

/* ---- netlink ---- */

/* One dump, each message of it given to `each`. */
static int dump(int fd, uint16_t type, uint8_t family, void (*each)(struct links *, const struct nlmsghdr *),
		struct links *links)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route; /* as long as a link's message at most: the kernel reads the family alone */
		uint8_t rest[sizeof(struct ifinfomsg) - sizeof(struct rtmsg)];
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.route.rtm_family = family,
	};
	static char part[PART_BYTES] __attribute__((aligned(8)));

	if (type == RTM_GETROUTE)
		request.header.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg));
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return -errno;
	for (unsigned int parts = 0; parts < PARTS_MAX; parts++) {
		ssize_t got = recv(fd, part, sizeof(part), 0);
		const struct nlmsghdr *message = (const void *)part;

		if (got < 0)
			return -errno;
		for (unsigned int left = (unsigned int)got; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
			each(links, message);
		}
	}
	return 0;
}

/* A socket for each dump: one that is not read to its end leaves nothing behind. */
static int dump_alone(uint16_t type, uint8_t family, void (*each)(struct links *, const struct nlmsghdr *),
		      struct links *links)
{
	const struct timeval patience = { .tv_usec = 200000 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = dump(fd, type, family, each, links);
	close(fd);
	return err;
}

/* ---- links ---- */

static int number_of(const struct rtattr *attribute)
{
	int number = 0;

	if (RTA_PAYLOAD(attribute) >= sizeof(number))
		memcpy(&number, RTA_DATA(attribute), sizeof(number));
	return number;
}

static void note_link(struct links *links, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	struct link link = { .index = info->ifi_index };
	int left = (int)IFLA_PAYLOAD(message);
	bool elsewhere = false;

	if (message->nlmsg_type != RTM_NEWLINK || links->count == LINKS_MAX)
		return;
	for (const struct rtattr *at = IFLA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == IFLA_IFNAME)
			snprintf(link.name, sizeof(link.name), "%.*s", (int)RTA_PAYLOAD(at),
				 (const char *)RTA_DATA(at));
		else if (at->rta_type == IFLA_MASTER)
			link.master = number_of(at);
		else if (at->rta_type == IFLA_LINK)
			link.lower = number_of(at);
		else if (at->rta_type == IFLA_LINK_NETNSID)
			elsewhere = true;
	}
	if (elsewhere)
		link.lower = 0; /* its number is another namespace's */
	links->link[links->count++] = link;
}

static struct link *link_of(struct links *links, int index)
{
	for (unsigned int i = 0; index != 0 && i < links->count; i++) {
		if (links->link[i].index == index)
			return &links->link[i];
	}
	return NULL;
}

static bool mark(struct link *link, unsigned int families)
{
	const unsigned int before = link ? link->families : families;

	if (link)
		link->families |= families;
	return (before | families) != before;
}

/* The two ends of a veth name each other: neither stands upon the other. */
static struct link *lower_of(struct links *links, const struct link *link)
{
	struct link *lower = link_of(links, link->lower);

	return lower && lower->lower == link->index ? NULL : lower;
}

static void mark_below(struct links *links)
{
	bool more = true;

	for (unsigned int depth = 0; more && depth < DEPTH_MAX; depth++) {
		more = false;
		for (struct link *link = links->link; link < links->link + links->count; link++) {
			const struct link *master = link_of(links, link->master);

			more = mark(lower_of(links, link), link->families) || more;
			more = (master && mark(link, master->families)) || more;
		}
	}
}

/* ---- routes ---- */

/* A default route, or the half that others put before one: 0.0.0.0/1, ::/1, 2000::/3. */
static bool is_default(const struct rtmsg *route)
{
	return route->rtm_type == RTN_UNICAST && route->rtm_dst_len <= (route->rtm_family == AF_INET ? 1 : 3);
}

static void mark_hops(struct links *links, const struct rtattr *hops, unsigned int family)
{
	const struct rtnexthop *hop = RTA_DATA(hops);

	for (int left = (int)RTA_PAYLOAD(hops); RTNH_OK(hop, left);
	     left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		mark(link_of(links, hop->rtnh_ifindex), family);
}

static void note_route(struct links *links, const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const unsigned int family = route->rtm_family == AF_INET ? IPV4 : IPV6;
	int left = (int)RTM_PAYLOAD(message);

	if (message->nlmsg_type != RTM_NEWROUTE || !is_default(route))
		return;
	for (const struct rtattr *at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == RTA_OIF)
			mark(link_of(links, number_of(at)), family);
		else if (at->rta_type == RTA_MULTIPATH)
			mark_hops(links, at, family);
	}
}

static void add(char text[DEFAULT_ROUTE_TEXT_BYTES], const char *interface, unsigned int families)
{
	const size_t length = strlen(text);

	snprintf(text + length, DEFAULT_ROUTE_TEXT_BYTES - length, "%s%s (%s)",
		 length ? ", " : "the default route leads out by ", interface,
		 families == IPV4 ? "IPv4" : families == IPV6 ? "IPv6" : "IPv4, IPv6");
}

int default_route_find(const char interfaces[][IFNAMSIZ], uint32_t count, unsigned int ret_families[])
{
	static struct links links;
	int err;

	links.count = 0;
	err = dump_alone(RTM_GETLINK, AF_UNSPEC, note_link, &links);
	if (!err)
		err = dump_alone(RTM_GETROUTE, AF_INET, note_route, &links);
	if (!err)
		err = dump_alone(RTM_GETROUTE, AF_INET6, note_route, &links);
	if (err)
		return err;
	mark_below(&links);
	for (uint32_t i = 0; i < count; i++) {
		ret_families[i] = 0;
		for (unsigned int j = 0; j < links.count; j++) {
			if (strcmp(links.link[j].name, interfaces[i]) == 0)
				ret_families[i] |= links.link[j].families;
		}
	}
	return 0;
}

void default_route_text(const char interfaces[][IFNAMSIZ], uint32_t count, const unsigned int families[],
			char ret_text[DEFAULT_ROUTE_TEXT_BYTES])
{
	ret_text[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		if (families[i])
			add(ret_text, interfaces[i], families[i]);
	}
}
