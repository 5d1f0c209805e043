/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which addresses must count is for the running kernel to say: whatever it forwards that the program does not count
 * is a way around every rate. So each class of addresses is sent from and to through a router, and back out of the
 * interface it came by. In a namespace of its own:
 *
 *	far ---- veth ---- near (the program; routes) way ---- veth ---- ears
 */
#define _GNU_SOURCE /* unshare, sched_setaffinity */
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include "bed.h"

#define GATEWAY { 2, 0, 0, 0, 0, 0x99 } /* the next hop's MAC address, which neither end of a veth has */
#define MARK_AT 42 /* of the frame, in what neither family's header reaches into */
#define MARK_AT_IPV6 60
#define WAIT_MS 5000

/* Addresses at both ends of each class; whether packets from and to them count. */
static const struct class {
	const char *address;
	bool from, to;
	/*
	 * as a destination it is reached on the link that the packet came by alone, where its client can send to it
	 * itself
	 */
	bool on_link;
} classes[] = {
	{ "0.0.0.0", false, false, false },
	{ "0.0.0.1", true, true, false },
	{ "0.255.255.255", true, true, false },
	{ "10.0.0.5", true, true, false },
	{ "100.64.0.1", true, true, false },
	{ "126.255.255.255", true, true, false },
	{ "127.0.0.0", true, false, false },
	{ "127.0.0.1", true, false, false },
	{ "127.255.255.255", true, false, false },
	{ "128.0.0.0", true, true, false },
	{ "169.254.0.1", true, true, false },
	{ "192.0.0.1", true, true, false },
	{ "192.88.99.1", true, true, false },
	{ "198.18.0.1", true, true, false },
	{ "223.255.255.255", true, true, false },
	{ "224.0.0.1", false, false, false },
	{ "239.255.255.255", false, false, false },
	{ "240.0.0.0", true, true, false },
	{ "255.255.255.254", true, true, false },
	{ "255.255.255.255", false, false, false },
	{ "::", true, true, false },
	{ "::1", false, false, false },
	{ "::2", true, true, false },
	{ "::10.1.2.3", true, true, false },
	{ "::fffe:10.1.2.3", true, true, false },
	{ "::ffff:0:0", true, true, false },
	{ "::ffff:10.1.2.3", true, true, false },
	{ "::ffff:127.0.0.1", true, true, false },
	{ "::ffff:255.255.255.255", true, true, false },
	{ "::1:0:0", true, true, false },
	{ "::ffff:0:10.1.2.3", true, true, false },
	{ "64:ff9b::1", true, true, false },
	{ "100::1", true, true, false },
	{ "2001::1", true, true, false },
	{ "2001:db8:9::1", true, true, false },
	{ "2002:a00:1::1", true, true, false },
	{ "3fff::1", true, true, false },
	{ "8000::1", true, true, false },
	{ "fc00::1", true, true, false },
	{ "fd00::1", true, true, false },
	{ "fe7f::1", true, true, false },
	{ "fe80::9", true, false, true },
	{ "febf::9", true, false, true },
	{ "fec0::1", true, true, false },
	{ "ff00::1", false, false, false },
	{ "ff02::9", false, false, false },
	{ "ff0e::9", false, false, false },
};

static struct path {
	int far, ears; /* packet sockets: where frames go in, and where what is forwarded comes out */
	uint8_t near_mac[6];
	uint16_t mark;
} path;

static void sh(const char *command)
{
	if (system(command))
		fail_msg("%s: failed", command);
}

static int packet_socket(const char *interface, struct sockaddr_ll *at)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));

	*at = (struct sockaddr_ll){ .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = (int)if_nametoindex(interface) };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	return fd;
}

static void near_mac_read(void)
{
	struct sockaddr_ll at;
	socklen_t bytes = sizeof(at);
	int fd = packet_socket("near", &at);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
	memcpy(path.near_mac, at.sll_addr, sizeof(path.near_mac));
	close(fd);
}

/* `out`: the router's interface that the default routes lead to; `ears`: the other end of its veth. */
static int begin(const char *out, const char *ears)
{
	char command[1024];
	struct sockaddr_ll at;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one); /* frames of one CPU stay in order: when the last is through, so are those before */
	if (unshare(CLONE_NEWNET) || sched_setaffinity(0, sizeof(one), &one))
		return -1;
	sh("ip link add near type veth peer name far && ip link add way type veth peer name ears");
	sh("cd /proc/sys/net && for i in far ears; do echo 1 >ipv6/conf/$i/disable_ipv6; done && for i in all default "
	   "near way; do "
	   "echo 0 >ipv4/conf/$i/rp_filter && echo 0 >ipv4/conf/$i/send_redirects && echo 1 >ipv6/conf/$i/forwarding "
	   "&& "
	   "echo 0 >ipv6/conf/$i/accept_dad && echo 1 >ipv4/conf/$i/route_localnet; done && echo 1 >ipv4/ip_forward");
	sh("for i in lo near far way ears; do ip link set $i up; done");
	snprintf(command, sizeof(command),
		 "for i in near way; do ip addr add 10.250.$((${#i} - 3)).1/24 dev $i && ip addr add "
		 "2001:db8:25$((${#i} - 3))::1/64 dev $i; done && "
		 "for i in fe80::9 febf::9; do for j in near way; do ip neigh add $i lladdr 02:00:00:00:00:99 dev $j; "
		 "done; done && "
		 "ip neigh add 10.77.0.2 lladdr 02:00:00:00:00:99 dev %s && ip route add default via 10.77.0.2 dev %s "
		 "onlink && "
		 "ip neigh add 2001:db8:77::2 lladdr 02:00:00:00:00:99 dev %s && ip route add default via "
		 "2001:db8:77::2 dev %s onlink",
		 out, out, out, out);
	sh(command);
	near_mac_read();
	path.far = packet_socket("far", &at);
	path.ears = packet_socket(ears, &at);
	bed_configure(1024, 1024);
	bed.config.interfaces[0] = "near";
	bed.config.interface_count = 1;
	return bed_begin(false);
}

static int setup_through(void **state)
{
	(void)state;
	return begin("way", "ears");
}

static int setup_back(void **state)
{
	(void)state;
	return begin("near", "far");
}

static int teardown(void **state)
{
	(void)state;
	close(path.far);
	close(path.ears);
	return bed_remove();
}

static void ipv4_sum(struct frame *frame)
{
	struct iphdr ip;
	uint16_t halves[10];
	uint32_t sum = 0;

	memcpy(halves, frame->bytes + ETH_HLEN, sizeof(halves));
	for (int i = 0; i < 10; i++)
		sum += halves[i];
	sum = (sum & 0xffff) + (sum >> 16);
	memcpy(&ip, halves, sizeof(ip));
	ip.check = (uint16_t)~(sum + (sum >> 16));
	memcpy(frame->bytes + ETH_HLEN, &ip, sizeof(ip));
}

static uint16_t send_one(const char *client, const char *destination)
{
	bool ipv6 = strchr(client, ':') != NULL;
	struct in_addr from = { 0 }, to = { 0 };
	struct frame frame;

	if (ipv6) {
		frame = frame6(client, destination, 17);
	} else {
		inet_pton(AF_INET, client, &from);
		inet_pton(AF_INET, destination, &to);
		frame = frame4(ntohl(from.s_addr), ntohl(to.s_addr));
		ipv4_sum(&frame);
	}
	memcpy(frame.bytes, path.near_mac, sizeof(path.near_mac));
	frame.bytes[6] = 2;
	path.mark++;
	memcpy(frame.bytes + (ipv6 ? MARK_AT_IPV6 : MARK_AT), &path.mark, sizeof(path.mark));
	assert_int_equal(send(path.far, frame.bytes, frame.length, 0), frame.length);
	return path.mark;
}

/* The mark of a frame that was forwarded; 0: it is another one. */
static uint16_t mark_of(const uint8_t *bytes, ssize_t length)
{
	static const uint8_t gateway[6] = GATEWAY;
	uint16_t mark = 0, type;

	if (length < MARK_AT_IPV6 + 2 || memcmp(bytes, gateway, sizeof(gateway)) != 0)
		return 0;
	memcpy(&type, bytes + 12, sizeof(type));
	memcpy(&mark, bytes + (type == htons(ETH_P_IPV6) ? MARK_AT_IPV6 : MARK_AT), sizeof(mark));
	return mark;
}

/* Waits for the frame with mark `last`; did one with mark `asked` come before it? */
static bool was_forwarded(uint16_t asked, uint16_t last)
{
	struct pollfd ears = { .fd = path.ears, .events = POLLIN };
	uint8_t bytes[2048];
	bool forwarded = false;

	while (poll(&ears, 1, WAIT_MS) > 0) {
		uint16_t mark = mark_of(bytes, recv(path.ears, bytes, sizeof(bytes), 0));

		forwarded |= mark == asked;
		if (mark == last)
			return forwarded;
	}
	fail_msg("expected the frame of mark %u within %d ms", last, WAIT_MS);
	return false;
}

static void check(const char *client, const char *destination, bool counts, bool on_link)
{
	bool ipv6 = strchr(client, ':') != NULL, forwarded, counted;
	uint64_t before = bed_reason(REASON_PASS), after;
	uint16_t asked = send_one(client, destination);

	forwarded = was_forwarded(asked,
				  ipv6 ? send_one("2001:db8:1::1", "2001:db8:2::2") : send_one("10.1.0.1", "10.2.0.2"));
	after = bed_reason(REASON_PASS) - before - 1;
	assert_in_range(after, 0, 1);
	counted = after == 1;
	if (forwarded && !counted && !on_link)
		fail_msg("%s -> %s: forwarded by the kernel, but not counted", client, destination);
	if (counted != counts)
		fail_msg("%s -> %s: expected %s, got the contrary (%s by the kernel)", client, destination,
			 counts ? "counted" : "not counted", forwarded ? "forwarded" : "not forwarded");
	if (forwarded != counted)
		print_message("# %s -> %s: %sforwarded, %scounted\n", client, destination, forwarded ? "" : "not ",
			      counted ? "" : "not ");
}

static void whatever_is_forwarded_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const struct class *class = &classes[i];
		bool ipv6 = strchr(class->address, ':') != NULL;

		check(class->address, ipv6 ? "2001:db8:2::2" : "10.2.0.2", class->from, false);
		check(ipv6 ? "2001:db8:1::1" : "10.1.0.1", class->address, class->to, class->on_link);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "whatever_is_forwarded_counts", whatever_is_forwarded_counts, setup_through, teardown, NULL },
		{ "whatever_goes_back_by_the_interface_it_came_by_counts", whatever_is_forwarded_counts, setup_back,
		  teardown, NULL },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
