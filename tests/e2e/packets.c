/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets as a shell test needs them: made to measure and sent as raw frames, or heard and told one per line.
 *
 *	packets send IF DEST-MAC SRC DST [ttl=N] [size=N] [vlan=N] [mf] [df] [offset=N] [count=N] [port=N]
 *	                                 [over=ipip|gre|gue|fou|vxlan outer-src=A outer-dst=A]
 *	packets hear IF SECONDS          "SRC DST PROTOCOL ttl TTL size BYTES offset N [mf] check good|bad [type T
 *	code C]" packets ready IF                 its peer can be sent to by XDP from then on (GRO on, which makes a
 *	veth poll)
 *
 * IPv4 or IPv6, as the addresses are; what is sent carries UDP, to port 9 (discard) unless told otherwise. The check
 * is IPv4's, or that of UDP in IPv6, which has no fragments and no tags here.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES_MAX 9100

struct wish {
	const char *source, *destination, *over, *outer_source, *outer_destination;
	unsigned int ttl, size, vlan, offset, count, port;
	bool more, whole;
};

struct frame {
	uint8_t bytes[FRAME_BYTES_MAX];
	size_t length;
};

static void die(const char *what)
{
	fprintf(stderr, "packets: %s: %s\n", what, errno ? strerror(errno) : "what is that?");
	exit(2);
}

/* RFC 1071; `sum` is what goes before. An odd byte at the end counts as if a zero followed. */
static uint16_t sum_on(uint32_t sum, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? at[i] : (uint32_t)(at[i] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint16_t sum_of(const void *bytes, size_t length)
{
	return sum_on(0, bytes, length);
}

/* Of UDP, whose checksum field counts as it stands; the pseudo-header is the addresses, the length and the protocol. */
static uint16_t sum_of_udp6(const struct ip6_hdr *ip, const void *udp, size_t length)
{
	const uint16_t addresses = ntohs((uint16_t)~sum_of(&ip->ip6_src, 32));

	return sum_on(addresses + (uint32_t)length + IPPROTO_UDP, udp, length);
}

static bool is_ipv6(const char *address)
{
	return address && strchr(address, ':');
}

static void put(struct frame *frame, const void *bytes, size_t length)
{
	if (length > sizeof(frame->bytes) - frame->length)
		die("too long a frame");
	memcpy(frame->bytes + frame->length, bytes, length);
	frame->length += length;
}

static in_addr_t address_of(const char *text)
{
	struct in_addr address;

	if (!text || inet_pton(AF_INET, text, &address) != 1)
		die(text ? text : "an address is missing");
	return address.s_addr;
}

static void put_ip6(struct frame *frame, const struct wish *wish, bool outer, uint8_t protocol, size_t payload)
{
	struct ip6_hdr ip = { .ip6_flow = htonl(6U << 28), .ip6_plen = htons((uint16_t)payload), .ip6_nxt = protocol };
	const char *source = outer ? wish->outer_source : wish->source,
		   *destination = outer ? wish->outer_destination : wish->destination;

	ip.ip6_hlim = outer ? 64 : (uint8_t)wish->ttl;
	if (inet_pton(AF_INET6, source, &ip.ip6_src) != 1 || !destination ||
	    inet_pton(AF_INET6, destination, &ip.ip6_dst) != 1)
		die(source);
	put(frame, &ip, sizeof(ip));
}

static void put_ip4(struct frame *frame, const struct wish *wish, bool outer, uint8_t protocol, size_t total)
{
	struct iphdr ip = {
		.version = 4, .ihl = 5, .tot_len = htons((uint16_t)total), .id = htons(77), .protocol = protocol
	};

	ip.ttl = outer ? 64 : (uint8_t)wish->ttl;
	if (!outer)
		ip.frag_off = htons(
			(uint16_t)(wish->offset / 8 | (wish->more ? 0x2000 : 0) | (wish->whole ? 0x4000 : 0)));
	ip.saddr = address_of(outer ? wish->outer_source : wish->source);
	ip.daddr = address_of(outer ? wish->outer_destination : wish->destination);
	ip.check = sum_of(&ip, sizeof(ip));
	put(frame, &ip, sizeof(ip));
}

static void put_ip(struct frame *frame, const struct wish *wish, bool outer, uint8_t protocol, size_t payload)
{
	if (is_ipv6(outer ? wish->outer_source : wish->source))
		put_ip6(frame, wish, outer, protocol, payload);
	else
		put_ip4(frame, wish, outer, protocol, sizeof(struct iphdr) + payload);
}

static void put_udp(struct frame *frame, uint16_t port, size_t length)
{
	const uint16_t udp[4] = { htons(40000), htons(port), htons((uint16_t)length), 0 };

	put(frame, udp, sizeof(udp));
}

static void put_outer(struct frame *frame, const struct wish *wish)
{
	const bool six = is_ipv6(wish->source);
	const uint8_t high = six ? 0x86 : 8, low = six ? 0xdd : 0, protocol = six ? IPPROTO_IPV6 : IPPROTO_IPIP;
	const uint8_t gre[] = { 0x20, 0, high, low, 0, 0, 0, 5 }, gue[] = { 0, protocol, 0, 0 };
	const uint8_t vxlan[] = {
		8, 0, 0, 0, 0, 0, 42, 0, 6, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 2, high, low
	}; /* and an Ethernet header */

	if (strcmp(wish->over, "ipip") == 0) {
		put_ip(frame, wish, true, protocol, wish->size);
	} else if (strcmp(wish->over, "gre") == 0) {
		put_ip(frame, wish, true, IPPROTO_GRE, sizeof(gre) + wish->size);
		put(frame, gre, sizeof(gre));
	} else if (strcmp(wish->over, "vxlan") == 0) {
		put_ip(frame, wish, true, IPPROTO_UDP, 8 + sizeof(vxlan) + wish->size);
		put_udp(frame, 4789, 8 + sizeof(vxlan) + wish->size);
		put(frame, vxlan, sizeof(vxlan));
	} else if (strcmp(wish->over, "gue") == 0) {
		put_ip(frame, wish, true, IPPROTO_UDP, 8 + sizeof(gue) + wish->size);
		put_udp(frame, 6080, 8 + sizeof(gue) + wish->size);
		put(frame, gue, sizeof(gue));
	} else if (strcmp(wish->over, "fou") == 0) {
		put_ip(frame, wish, true, IPPROTO_UDP, 8 + wish->size);
		put_udp(frame, 5555, 8 + wish->size);
	} else {
		die(wish->over);
	}
}

static void make(struct frame *frame, const struct wish *wish, const uint8_t to[6], const uint8_t from[6])
{
	static const uint8_t zeros[FRAME_BYTES_MAX];
	const bool six = is_ipv6(wish->source);
	const bool outer_six = is_ipv6(wish->over ? wish->outer_source : wish->source);
	const uint8_t tag[] = { 0x81, 0, (uint8_t)(wish->vlan >> 8), (uint8_t)wish->vlan };
	const uint8_t type[] = { outer_six ? 0x86 : 8, outer_six ? 0xdd : 0 };
	const size_t header = six ? sizeof(struct ip6_hdr) : sizeof(struct iphdr), payload = wish->size - header;
	uint8_t *udp;
	uint16_t check;

	put(frame, to, 6);
	put(frame, from, 6);
	if (wish->vlan)
		put(frame, tag, sizeof(tag));
	put(frame, type, sizeof(type));
	if (wish->over)
		put_outer(frame, wish);
	put_ip(frame, wish, false, IPPROTO_UDP, payload);
	put_udp(frame, (uint16_t)wish->port, payload);
	put(frame, zeros, payload - 8);
	if (!six)
		return;
	udp = frame->bytes + frame->length - payload;
	check = sum_of_udp6((const struct ip6_hdr *)(udp - header), udp, payload);
	memcpy(udp + 6, &check, sizeof(check));
}

static bool take_word(struct wish *wish, const char *word)
{
	if (strcmp(word, "mf") == 0)
		return wish->more = true;
	if (strcmp(word, "df") == 0)
		return wish->whole = true;
	if (strncmp(word, "over=", 5) == 0)
		return (wish->over = word + 5) != NULL;
	if (strncmp(word, "outer-src=", 10) == 0)
		return (wish->outer_source = word + 10) != NULL;
	if (strncmp(word, "outer-dst=", 10) == 0)
		return (wish->outer_destination = word + 10) != NULL;
	return sscanf(word, "ttl=%u", &wish->ttl) == 1 || sscanf(word, "size=%u", &wish->size) == 1 ||
	       sscanf(word, "vlan=%u", &wish->vlan) == 1 || sscanf(word, "offset=%u", &wish->offset) == 1 ||
	       sscanf(word, "count=%u", &wish->count) == 1 || sscanf(word, "port=%u", &wish->port) == 1;
}

static int packet_socket(const char *interface, struct sockaddr_ll *ret_at)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	socklen_t bytes = sizeof(*ret_at);

	*ret_at = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	ret_at->sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || !ret_at->sll_ifindex || bind(fd, (struct sockaddr *)ret_at, sizeof(*ret_at)) ||
	    getsockname(fd, (struct sockaddr *)ret_at, &bytes))
		die(interface);
	return fd;
}

static int send_all(int argc, char **argv)
{
	struct wish wish = { .source = argv[2], .destination = argv[3], .ttl = 64, .size = 100, .count = 1, .port = 9 };
	struct frame frame = { .length = 0 };
	struct sockaddr_ll at;
	int fd = packet_socket(argv[0], &at);
	uint8_t to[6];

	if (sscanf(argv[1], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &to[0], &to[1], &to[2], &to[3], &to[4], &to[5]) != 6)
		die(argv[1]);
	for (int i = 4; i < argc; i++)
		if (!take_word(&wish, argv[i]))
			die(argv[i]);
	if (wish.size < (is_ipv6(wish.source) ? 48 : 28) || wish.size > 9000)
		die("size");
	make(&frame, &wish, to, at.sll_addr);
	for (unsigned int i = 0; i < wish.count; i++)
		if (send(fd, frame.bytes, frame.length, 0) != (ssize_t)frame.length)
			die("send");
	return 0;
}

static void tell6(const uint8_t *bytes, size_t length)
{
	const struct ip6_hdr *ip = (const struct ip6_hdr *)(bytes + ETH_HLEN);
	const size_t payload = ntohs(ip->ip6_plen);
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	bool good = true;

	if (length < ETH_HLEN + sizeof(*ip) + payload)
		return;
	inet_ntop(AF_INET6, &ip->ip6_src, source, sizeof(source));
	inet_ntop(AF_INET6, &ip->ip6_dst, destination, sizeof(destination));
	if (ip->ip6_nxt == IPPROTO_UDP)
		good = sum_of_udp6(ip, ip + 1, payload) == 0;
	printf("%s %s %u ttl %u size %zu offset 0 check %s", source, destination, ip->ip6_nxt, ip->ip6_hlim,
	       sizeof(*ip) + payload, good ? "good" : "bad");
	if (ip->ip6_nxt == IPPROTO_ICMPV6 && payload >= 2)
		printf(" type %u code %u", bytes[ETH_HLEN + 40], bytes[ETH_HLEN + 41]);
	putchar('\n');
	fflush(stdout);
}

static void tell4(const uint8_t *bytes, size_t length)
{
	const struct iphdr *ip = (const struct iphdr *)(bytes + ETH_HLEN);
	char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];
	uint16_t fragment;

	inet_ntop(AF_INET, &ip->saddr, source, sizeof(source));
	inet_ntop(AF_INET, &ip->daddr, destination, sizeof(destination));
	fragment = ntohs(ip->frag_off);
	printf("%s %s %u ttl %u size %u offset %u%s check %s", source, destination, ip->protocol, ip->ttl,
	       ntohs(ip->tot_len), (fragment & 0x1fff) * 8, fragment & 0x2000 ? " mf" : "",
	       sum_of(ip, ip->ihl * 4U) ? "bad" : "good");
	if (ip->protocol == IPPROTO_ICMP && length >= ETH_HLEN + 22)
		printf(" type %u code %u", bytes[ETH_HLEN + 20], bytes[ETH_HLEN + 21]);
	putchar('\n');
	fflush(stdout);
}

static void tell(const uint8_t *bytes, size_t length)
{
	if (length < ETH_HLEN + sizeof(struct iphdr))
		return;
	if (bytes[12] == 8 && bytes[13] == 0)
		tell4(bytes, length);
	else if (bytes[12] == 0x86 && bytes[13] == 0xdd && length >= ETH_HLEN + sizeof(struct ip6_hdr))
		tell6(bytes, length);
}

static int hear(const char *interface, int seconds)
{
	struct sockaddr_ll at, from;
	int fd = packet_socket(interface, &at);
	time_t end = time(NULL) + seconds;
	static uint8_t bytes[65536];

	puts("hearing");
	fflush(stdout);
	while (time(NULL) < end) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		socklen_t from_bytes = sizeof(from);
		ssize_t got;

		if (poll(&polled, 1, 200) <= 0)
			continue;
		got = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_bytes);
		if (got > 0 && from.sll_pkttype != PACKET_OUTGOING)
			tell(bytes, (size_t)got);
	}
	return 0;
}

static int ready(const char *interface)
{
	struct ethtool_value on = { .cmd = ETHTOOL_SGRO, .data = 1 };
	struct ifreq request = { .ifr_data = (void *)&on };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request))
		die(interface);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 6 && strcmp(argv[1], "send") == 0)
		return send_all(argc - 2, argv + 2);
	if (argc == 4 && strcmp(argv[1], "hear") == 0)
		return hear(argv[2], atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "ready") == 0)
		return ready(argv[2]);
	fputs("usage: packets send IF DEST-MAC SRC DST [WORD]...\n       packets hear IF SECONDS\n       packets ready "
	      "IF\n",
	      stderr);
	return 2;
}
