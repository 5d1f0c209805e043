/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets as a shell test needs them: made to measure and sent as raw frames, or heard and told one per line.
 *
 *	packets send IF DEST-MAC SRC DST [ttl=N] [size=N] [vlan=N] [mf] [df] [offset=N] [count=N] [port=N]
 *	                                 [over=ipip|gre|vxlan outer-src=A outer-dst=A]
 *	packets hear IF SECONDS          "SRC DST PROTOCOL ttl TTL size BYTES offset N [mf] check good|bad [type T code C]"
 *	packets ready IF                 its peer can be sent to by XDP from then on (GRO on, which makes a veth poll)
 *
 * IPv4; what is sent carries UDP, to port 9 (discard) unless told otherwise.
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

static uint16_t sum_of(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
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

static void put_ip(struct frame *frame, const struct wish *wish, bool outer, uint8_t protocol, size_t total)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = htons((uint16_t)total), .id = htons(77), .protocol = protocol };

	ip.ttl = outer ? 64 : (uint8_t)wish->ttl;
	if (!outer)
		ip.frag_off = htons((uint16_t)(wish->offset / 8 | (wish->more ? 0x2000 : 0) | (wish->whole ? 0x4000 : 0)));
	ip.saddr = address_of(outer ? wish->outer_source : wish->source);
	ip.daddr = address_of(outer ? wish->outer_destination : wish->destination);
	ip.check = sum_of(&ip, sizeof(ip));
	put(frame, &ip, sizeof(ip));
}

static void put_udp(struct frame *frame, uint16_t port, size_t length)
{
	const uint16_t udp[4] = { htons(40000), htons(port), htons((uint16_t)length), 0 };

	put(frame, udp, sizeof(udp));
}

static void put_outer(struct frame *frame, const struct wish *wish)
{
	static const uint8_t gre[] = { 0x20, 0, 8, 0, 0, 0, 0, 5 }, vxlan[] = { 8, 0, 0, 0, 0, 0, 42, 0 };
	static const uint8_t link[] = { 6, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 2, 8, 0 };

	if (strcmp(wish->over, "ipip") == 0) {
		put_ip(frame, wish, true, IPPROTO_IPIP, 20 + wish->size);
	} else if (strcmp(wish->over, "gre") == 0) {
		put_ip(frame, wish, true, IPPROTO_GRE, 20 + sizeof(gre) + wish->size);
		put(frame, gre, sizeof(gre));
	} else if (strcmp(wish->over, "vxlan") == 0) {
		put_ip(frame, wish, true, IPPROTO_UDP, 20 + 8 + sizeof(vxlan) + sizeof(link) + wish->size);
		put_udp(frame, 4789, 8 + sizeof(vxlan) + sizeof(link) + wish->size);
		put(frame, vxlan, sizeof(vxlan));
		put(frame, link, sizeof(link));
	} else {
		die(wish->over);
	}
}

static void make(struct frame *frame, const struct wish *wish, const uint8_t to[6], const uint8_t from[6])
{
	static const uint8_t zeros[FRAME_BYTES_MAX];
	const uint8_t tag[] = { 0x81, 0, (uint8_t)(wish->vlan >> 8), (uint8_t)wish->vlan }, type[] = { 8, 0 };

	put(frame, to, 6);
	put(frame, from, 6);
	if (wish->vlan)
		put(frame, tag, sizeof(tag));
	put(frame, type, sizeof(type));
	if (wish->over)
		put_outer(frame, wish);
	put_ip(frame, wish, false, IPPROTO_UDP, wish->size);
	put_udp(frame, (uint16_t)wish->port, wish->size - 20);
	put(frame, zeros, wish->size - 28);
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
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
	socklen_t bytes = sizeof(*ret_at);

	*ret_at = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
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
	if (wish.size < 28 || wish.size > 9000)
		die("size");
	make(&frame, &wish, to, at.sll_addr);
	for (unsigned int i = 0; i < wish.count; i++)
		if (send(fd, frame.bytes, frame.length, 0) != (ssize_t)frame.length)
			die("send");
	return 0;
}

static void tell(const uint8_t *bytes, size_t length)
{
	const struct iphdr *ip = (const struct iphdr *)(bytes + ETH_HLEN);
	char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];
	uint16_t fragment;

	if (length < ETH_HLEN + sizeof(*ip))
		return;
	inet_ntop(AF_INET, &ip->saddr, source, sizeof(source));
	inet_ntop(AF_INET, &ip->daddr, destination, sizeof(destination));
	fragment = ntohs(ip->frag_off);
	printf("%s %s %u ttl %u size %u offset %u%s check %s", source, destination, ip->protocol, ip->ttl, ntohs(ip->tot_len),
	       (fragment & 0x1fff) * 8, fragment & 0x2000 ? " mf" : "", sum_of(ip, ip->ihl * 4U) ? "bad" : "good");
	if (ip->protocol == IPPROTO_ICMP && length >= ETH_HLEN + 22)
		printf(" type %u code %u", bytes[ETH_HLEN + 20], bytes[ETH_HLEN + 21]);
	putchar('\n');
	fflush(stdout);
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
	fputs("usage: packets send IF DEST-MAC SRC DST [WORD]...\n       packets hear IF SECONDS\n       packets ready IF\n", stderr);
	return 2;
}
