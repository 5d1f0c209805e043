/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "links.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARTS_MAX 32 /* of a dump. Default routes stand first in their table: a full one is not read to its end. */
#define PART_BYTES 32768
#define MAC_BYTES 6

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
int links_dump(uint16_t type, uint8_t family, void (*each)(struct links *, const struct nlmsghdr *),
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

int links_number(const struct rtattr *attribute)
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
			link.master = links_number(at);
		else if (at->rta_type == IFLA_LINK)
			link.lower = links_number(at);
		else if (at->rta_type == IFLA_LINK_NETNSID)
			elsewhere = true;
		else if (at->rta_type == IFLA_ADDRESS && info->ifi_type == ARPHRD_ETHER &&
			 RTA_PAYLOAD(at) == MAC_BYTES)
			memcpy(&link.mac, RTA_DATA(at), MAC_BYTES);
	}
	if (elsewhere)
		link.lower = 0; /* its number is another namespace's */
	links->link[links->count++] = link;
}

int links_read(struct links *links)
{
	links->count = 0;
	return links_dump(RTM_GETLINK, AF_UNSPEC, note_link, links);
}

struct link *links_find(struct links *links, int index)
{
	for (unsigned int i = 0; index != 0 && i < links->count; i++) {
		if (links->link[i].index == index)
			return &links->link[i];
	}
	return NULL;
}

/* The two ends of a veth name each other: neither stands upon the other. */
struct link *links_below(struct links *links, const struct link *link)
{
	struct link *lower = links_find(links, link->lower);

	return lower && lower->lower == link->index ? NULL : lower;
}

/* Whatever stands on the link takes frames to the same address. */
static bool is_alone(struct links *links, const struct link *link)
{
	if (link->master)
		return false;
	for (unsigned int i = 0; i < links->count; i++) {
		if (links_below(links, &links->link[i]) == link && links->link[i].mac != link->mac)
			return false;
	}
	return true;
}

void links_macs(const char interfaces[][IFNAMSIZ], uint32_t count, uint64_t ret_macs[])
{
	static struct links links;

	memset(ret_macs, 0, count * sizeof(*ret_macs));
	if (links_read(&links) || links.count == LINKS_MAX)
		return;
	for (uint32_t i = 0; i < count; i++) {
		for (unsigned int j = 0; j < links.count; j++) {
			const struct link *link = &links.link[j];

			if (strcmp(link->name, interfaces[i]) == 0 && is_alone(&links, link))
				ret_macs[i] = link->mac;
		}
	}
}
