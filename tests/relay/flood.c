// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Floods, bounded in rate and number, as Ethernet frames on one interface: RATE x SECONDS packets, in as many
 * seconds or, where the machine is slow, in more (LATE_MAX times as many at the most). Prints how many packets left,
 * and in how many ms.
 *
 *     flood INTERFACE MAC noise ADDRESS PORT RATE SECONDS
 *         UDP of random length and content, from random ports of random hosts
 *     flood INTERFACE MAC spoof ADDRESS PORT RATE SECONDS SOURCE ID
 *         UDP that looks sealed by a member: from its address, with its id (hex)
 *     flood INTERFACE MAC syn ADDRESS PORT RATE SECONDS SOURCES
 *         TCP SYN from so many addresses in turn, 198.18.0.1 onwards
 *     flood INTERFACE MAC spray ADDRESS PORT RATE SECONDS SOURCES
 *         the same, each to another address, from ADDRESS on
 *
 * Datagrams of one source and length leave by one call, and the kernel takes them apart (UDP segmentation): a
 * million a second of one core.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32 /* SYNs by one call, datagrams by one segmented send */
#define HEAD_BYTES (14 + 20)
#define PAYLOAD_BYTES_MAX 1452
#define RATE_MAX 1000000 /* packets per second, whatever was asked */
#define SECONDS_MAX 60
#define LATE_MAX 10
#define GSO_UDP_L4 5 /* VIRTIO_NET_HDR_GSO_UDP_L4, newer than Debian 12's headers */
#define SPOOF_BYTES 400

struct flood {
	char kind;
	uint8_t mac[6];
	uint32_t destination, source, sources; /* host order */
	uint16_t port;
	bool sprays;
	uint8_t id[8];
	uint64_t random, number;
};

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, errno ? strerror(errno) : "is wrong");
	exit(1);
}

static uint64_t draw(struct flood *flood)
{
	flood->random ^= flood->random << 13;
	flood->random ^= flood->random >> 7;
	flood->random ^= flood->random << 17;
	return flood->random;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static void put_head(uint8_t *frame, const struct flood *flood, uint32_t source, uint8_t protocol, size_t size)
{
	uint8_t *ip = frame + 14;
	uint32_t sum = 0;

	memcpy(frame, flood->mac, 6);
	memcpy(frame + 6, "\x02\0\0\0\xff\x01", 6);
	put16(frame + 12, ETHERTYPE_IP);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)size + 20);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, source);
	put32(ip + 16, flood->destination);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
}

/* Behind the frames' head, as many datagrams as fit one IP packet; the kernel makes a frame of each. */
struct segmented {
	struct virtio_net_hdr how;
	uint8_t frame[HEAD_BYTES + 8 + BATCH * PAYLOAD_BYTES_MAX];
};

static uint32_t pseudo_sum(const struct flood *flood, uint32_t source, uint32_t bytes)
{
	uint32_t sum = (source >> 16) + (source & 0xffff) + (flood->destination >> 16) + (flood->destination & 0xffff) +
		       17 + bytes;

	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* The kernel works the checksums out from the pseudo header's sum. */
static size_t put_udp(struct segmented *out, struct flood *flood, uint32_t source, uint16_t port, size_t payload,
		      unsigned int count)
{
	const size_t bytes = 8 + payload * count;
	uint8_t *udp = out->frame + HEAD_BYTES;

	put_head(out->frame, flood, source, 17, bytes);
	put16(udp, port);
	put16(udp + 2, flood->port);
	put16(udp + 4, (uint32_t)bytes);
	put16(udp + 6, pseudo_sum(flood, source, (uint32_t)bytes));
	out->how = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = count > 1 ? GSO_UDP_L4 : VIRTIO_NET_HDR_GSO_NONE,
		.hdr_len = HEAD_BYTES + 8,
		.gso_size = count > 1 ? (uint16_t)payload : 0,
		.csum_start = HEAD_BYTES,
		.csum_offset = 6,
	};
	return sizeof(out->how) + HEAD_BYTES + bytes;
}

static void fill(uint8_t *at, size_t bytes, struct flood *flood)
{
	for (size_t i = 0; i + 8 <= bytes; i += 8) {
		const uint64_t word = draw(flood);

		memcpy(at + i, &word, 8);
	}
}

static size_t put_noise(struct segmented *out, struct flood *flood, unsigned int *ret_count)
{
	static const uint16_t sizes[] = { 0, 1, 36, 52, 53, 640, 1232, 1452 };
	const size_t payload = sizes[draw(flood) % 8];
	const unsigned int count = payload == 0 ? 1 : BATCH;
	uint8_t *at = out->frame + HEAD_BYTES + 8;

	fill(at, count * payload, flood);
	for (unsigned int i = 0; i < count && payload >= 4; i += 2) /* half of it gets past the magic and the version */
		memcpy(at + i * payload, payload == 640 ? "XM\x02\x01" : "XM\x02\x02", 4);
	*ret_count = count;
	return put_udp(out, flood, 0xc6120000 | (uint32_t)(draw(flood) & 0x1ffff),
		       (uint16_t)(1024 + draw(flood) % 60000), payload, count);
}

static size_t put_spoof(struct segmented *out, struct flood *flood, unsigned int *ret_count)
{
	uint8_t *at = out->frame + HEAD_BYTES + 8;

	fill(at, BATCH * SPOOF_BYTES, flood);
	for (unsigned int i = 0; i < BATCH; i++, at += SPOOF_BYTES) {
		memcpy(at, "XM\x02\x02", 4);
		memcpy(at + 4, flood->id, 8);
	}
	*ret_count = BATCH;
	return put_udp(out, flood, flood->source, flood->port, SPOOF_BYTES, BATCH);
}

static size_t put_syn(uint8_t *frame, struct flood *flood)
{
	uint8_t *tcp = frame + HEAD_BYTES;

	put_head(frame, flood, 0xc6120001 + (uint32_t)(flood->number % flood->sources), 6, 20);
	memset(tcp, 0, 20);
	put16(tcp, (uint32_t)(1024 + draw(flood) % 60000));
	put16(tcp + 2, flood->port);
	put32(tcp + 4, (uint32_t)draw(flood));
	tcp[12] = 0x50;
	tcp[13] = 0x02;
	return HEAD_BYTES + 20;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* How many of it left. */
static unsigned int send_datagrams(int fd, struct flood *flood)
{
	static struct segmented out;
	unsigned int count;
	const size_t bytes = flood->kind == 'n' ? put_noise(&out, flood, &count) : put_spoof(&out, flood, &count);

	return send(fd, &out, bytes, 0) < 0 ? 0 : count;
}

static unsigned int send_syns(int fd, struct flood *flood)
{
	static uint8_t frames[BATCH][2048];
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH];
	int got;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ frames[i], put_syn(frames[i], flood) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
		flood->number++;
		flood->destination += flood->sprays;
	}
	got = sendmmsg(fd, messages, BATCH, 0);
	return got > 0 ? (unsigned int)got : 0;
}

static uint64_t run(int fd, struct flood *flood, uint64_t rate, uint64_t seconds, int64_t *ret_ms)
{
	const int64_t begin = now_ns(), end = begin + (int64_t)seconds * LATE_MAX * 1000000000LL;
	uint64_t sent = 0;
	int64_t now;

	for (now = begin; sent < rate * seconds && now < end; now = now_ns()) {
		if (sent > (uint64_t)(now - begin) / 1000 * rate / 1000000)
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		else
			sent += flood->kind == 't' ? send_syns(fd, flood) : send_datagrams(fd, flood);
	}
	*ret_ms = (now - begin) / 1000000;
	return sent;
}

static void read_id(const char *hex, uint8_t id[8])
{
	for (int i = 0; i < 8; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			die("ID");
		id[i] = (uint8_t)byte;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_ll place = { .sll_family = AF_PACKET };
	struct flood flood = { .random = 88172645463325252ULL };
	struct in_addr address;
	uint64_t rate, seconds, sent;
	int64_t ms;
	int fd, one = 1;

	if (argc < 8 || !ether_aton_r(argv[2], (struct ether_addr *)flood.mac) || inet_aton(argv[4], &address) == 0)
		die("usage");
	flood.kind = strcmp(argv[3], "noise") == 0 ? 'n' : strcmp(argv[3], "spoof") == 0 ? 's' : 't';
	flood.sprays = strcmp(argv[3], "spray") == 0;
	flood.destination = ntohl(address.s_addr);
	flood.port = (uint16_t)atoi(argv[5]);
	rate = strtoull(argv[6], NULL, 10);
	seconds = strtoull(argv[7], NULL, 10);
	if (rate > RATE_MAX || seconds > SECONDS_MAX || argc != (flood.kind == 'n' ? 8 : flood.kind == 's' ? 10 : 9))
		die("usage");
	if (flood.kind == 's') {
		if (inet_aton(argv[8], &address) == 0)
			die("SOURCE");
		flood.source = ntohl(address.s_addr);
		read_id(argv[9], flood.id);
	}
	flood.sources = flood.kind == 't' ? (uint32_t)strtoul(argv[8], NULL, 10) : 1;
	place.sll_ifindex = (int)if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (flood.sources == 0 || place.sll_ifindex == 0 || fd < 0 ||
	    bind(fd, (struct sockaddr *)&place, sizeof(place)))
		die(argv[1]);
	if (flood.kind != 't' && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)))
		die("PACKET_VNET_HDR");
	sent = run(fd, &flood, rate, seconds, &ms);
	printf("%llu %lld\n", (unsigned long long)sent, (long long)ms);
	return 0;
}
