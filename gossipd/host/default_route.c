/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Default routes by rtnetlink, which needs no capability. A route leads out by one link, and its packets come in by
 * the links below that one: the parent of a VLAN, the ports of a bridge or a bond. Those are marked as well.
 */
#include "default_route.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "links.h"

#define DEPTH_MAX 8 /* links one upon the other */
#define IPV4 DEFAULT_ROUTE_IPV4
#define IPV6 DEFAULT_ROUTE_IPV6

static bool mark(struct link *link, unsigned int families)
{
	const unsigned int before = link ? link->families : families;

	if (link)
		link->families |= families;
	return (before | families) != before;
}

static void mark_below(struct links *links)
{
	bool more = true;

	for (unsigned int depth = 0; more && depth < DEPTH_MAX; depth++) {
		more = false;
		for (struct link *link = links->link; link < links->link + links->count; link++) {
			const struct link *master = links_find(links, link->master);

			more = mark(links_below(links, link), link->families) || more;
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
		mark(links_find(links, hop->rtnh_ifindex), family);
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
			mark(links_find(links, links_number(at)), family);
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

	err = links_read(&links);
	if (!err)
		err = links_dump(RTM_GETROUTE, AF_INET, note_route, &links);
	if (!err)
		err = links_dump(RTM_GETROUTE, AF_INET6, note_route, &links);
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
