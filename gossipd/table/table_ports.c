/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The interfaces of the fast way: which MAC addresses are ours where frames come in, and where XDP can send frames
 * out. The latter is the driver's to say (XDP features, by generic netlink, Linux 6.3); from one that does not say
 * so nothing is sent, and the kernel forwards. Looked at once a second, since a veth can send only while its peer is
 * ready and MAC addresses change.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "table_internal.h"
#include "xpro.skel.h"

#define NETDEV_DEV_GET 1 /* linux/netdev.h, which older headers do not have */
#define NETDEV_DEV_IFINDEX 1
#define NETDEV_DEV_XDP_FEATURES 3
#define NETDEV_XDP_NDO_XMIT 4
#define REPLY_BYTES 32768

/* Interfaces found able to send. */
struct able {
	uint32_t ifindex[PORTS_MAX];
	uint32_t count;
};

struct request {
	struct nlmsghdr header;
	struct genlmsghdr generic;
	struct nlattr attribute;
	char name[8];
};

/* One request, and every message of its answer until it ends. */
static int converse(int fd, struct request *request,
		    void (*each)(void *user, uint16_t kind, const void *value, size_t size), void (*end)(void *user),
		    void *user)
{
	static _Alignas(NLMSG_ALIGNTO) char reply[REPLY_BYTES];

	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(fd, reply, sizeof(reply), 0);
		struct nlmsghdr *message = (struct nlmsghdr *)reply;

		if (got < 0)
			return -errno;
		for (; NLMSG_OK(message, (size_t)got); message = NLMSG_NEXT(message, got)) {
			char *at = (char *)NLMSG_DATA(message) + GENL_HDRLEN,
			     *stop = (char *)message + message->nlmsg_len;

			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(message))->error;
			while (stop - at >= (long)NLA_HDRLEN) {
				struct nlattr *attribute = (struct nlattr *)at;

				if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > stop - at)
					break;
				each(user, attribute->nla_type, at + NLA_HDRLEN, attribute->nla_len - NLA_HDRLEN);
				at += NLA_ALIGN(attribute->nla_len);
			}
			end(user);
			if ((request->header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
				return 0;
		}
	}
}

static void note_family(void *user, uint16_t kind, const void *value, size_t size)
{
	if (kind == CTRL_ATTR_FAMILY_ID && size >= sizeof(uint16_t))
		memcpy(user, value, sizeof(uint16_t));
}

static void note_nothing(void *user)
{
	(void)user;
}

struct features {
	struct able *able;
	uint32_t ifindex;
	uint64_t features;
};

static void note_feature(void *user, uint16_t kind, const void *value, size_t size)
{
	struct features *features = user;

	if (kind == NETDEV_DEV_IFINDEX && size == sizeof(features->ifindex))
		memcpy(&features->ifindex, value, size);
	if (kind == NETDEV_DEV_XDP_FEATURES && size == sizeof(features->features))
		memcpy(&features->features, value, size);
}

static void note_device(void *user)
{
	struct features *features = user;

	if (features->features & NETDEV_XDP_NDO_XMIT && features->able->count < PORTS_MAX)
		features->able->ifindex[features->able->count++] = features->ifindex;
	features->features = 0;
}

static void find_able(struct able *able)
{
	struct request request = { { sizeof(request), GENL_ID_CTRL, NLM_F_REQUEST, 1, 0 },
				   { CTRL_CMD_GETFAMILY, 1, 0 },
				   { NLA_HDRLEN + sizeof("netdev"), CTRL_ATTR_FAMILY_NAME },
				   "netdev" };
	struct features features = { .able = able };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct timeval patience = { .tv_usec = 200000 };
	uint16_t family = 0;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!converse(fd, &request, note_family, note_nothing, &family) && family) {
		request.header = (struct nlmsghdr){ NLMSG_LENGTH(GENL_HDRLEN), family, NLM_F_REQUEST | NLM_F_DUMP, 2,
						    0 };
		request.generic = (struct genlmsghdr){ NETDEV_DEV_GET, 1, 0 };
		converse(fd, &request, note_feature, note_device, &features);
	}
	close(fd);
}

/* -EOPNOTSUPP: it is no Ethernet interface. */
static int interface_mac(const char *name, uint64_t *ret_mac)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	memccpy(request.ifr_name, name, 0, sizeof(request.ifr_name) - 1);
	err = ioctl(fd, SIOCGIFHWADDR, &request) ? -errno : 0;
	close(fd);
	if (!err && request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		err = -EOPNOTSUPP;
	if (err)
		return err;
	*ret_mac = 0;
	memcpy(ret_mac, request.ifr_hwaddr.sa_data, 6);
	return 0;
}

/* In generic mode frames leave like any other: every Ethernet interface will do. */
static void find_ethernet(struct able *able)
{
	struct if_nameindex *all = if_nameindex(), *at;
	uint64_t mac;

	for (at = all; at && at->if_index && able->count < PORTS_MAX; at++)
		if (!interface_mac(at->if_name, &mac))
			able->ifindex[able->count++] = at->if_index;
	if (all)
		if_freenameindex(all);
}

static bool is_among(const struct able *able, uint32_t ifindex)
{
	for (uint32_t i = 0; i < able->count; i++)
		if (able->ifindex[i] == ifindex)
			return true;
	return false;
}

/* Only changes are written: each write makes the kernel wait for packets on their way. */
static void tell_out(struct table *table, const struct able *able)
{
	int out_fd = bpf_map__fd(table->skeleton->maps.ports_out);
	uint32_t ifindex, next, *last = NULL;

	while (!bpf_map_get_next_key(out_fd, last, &next)) {
		if (is_among(able, next)) {
			ifindex = next;
			last = &ifindex;
		} else {
			bpf_map_delete_elem(out_fd, &next); /* and begin anew from the last one that stays */
		}
	}
	for (uint32_t i = 0; i < able->count; i++) {
		ifindex = able->ifindex[i];
		bpf_map_update_elem(out_fd, &ifindex, &ifindex, BPF_NOEXIST);
	}
}

static void tell_in(struct table *table)
{
	int in_fd = bpf_map__fd(table->skeleton->maps.ports_in);

	for (uint32_t i = 0; i < table->interface_count; i++) {
		struct port port = { .ifindex = if_nametoindex(table->interfaces[i]) };
		uint32_t slot = port.ifindex % PORTS_MAX;

		if (port.ifindex && !interface_mac(table->interfaces[i], (uint64_t *)&port.mac))
			bpf_map_update_elem(in_fd, &slot, &port, BPF_ANY);
	}
}

void ports_look(struct table *table)
{
	struct able able = { .count = 0 };

	if (!table->forward_fast)
		return;
	if (table->generic)
		find_ethernet(&able);
	else
		find_able(&able);
	tell_out(table, &able);
	tell_in(table);
}
