// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Floods, bounded in rate and time, as Ethernet frames on one interface. Prints how many packets left, as one number.
 *
 *     flood INTERFACE MAC noise ADDRESS PORT RATE SECONDS              UDP of random length and content, from random ports of random hosts
 *     flood INTERFACE MAC spoof ADDRESS PORT RATE SECONDS SOURCE ID    UDP that looks sealed by a member: from its address, with its id (hex)
 *     flood INTERFACE MAC syn ADDRESS PORT RATE SECONDS SOURCES        TCP SYN from so many addresses in turn, 198.18.0.1 onwards
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define HEAD_BYTES (14 + 20)
#define PAYLOAD_BYTES_MAX 1452
#define RATE_MAX 1000000 /* packets per second, whatever was asked */
#define SECONDS_MAX 60

struct flood {
	char kind;
	uint8_t mac[6];
	uint32_t destination, source, sources; /* host order */
	uint16_t port;
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

/* UDP without a checksum: RFC 768 allows it over IPv4. */
static size_t put_udp(uint8_t *frame, struct flood *flood, uint32_t source, uint16_t port, size_t payload)
{
	uint8_t *udp = frame + HEAD_BYTES;

	put_head(frame, flood, source, 17, 8 + payload);
	put16(udp, port);
	put16(udp + 2, flood->port);
	put16(udp + 4, (uint32_t)(8 + payload));
	put16(udp + 6, 0);
	return HEAD_BYTES + 8 + payload;
}

static size_t put_noise(uint8_t *frame, struct flood *flood)
{
	static const uint16_t sizes[] = { 0, 1, 36, 52, 53, 640, 1232, 1452 };
	const size_t payload = sizes[draw(flood) % 8];

	for (size_t i = 0; i + 8 <= payload; i += 8) {
		const uint64_t word = draw(flood);

		memcpy(frame + HEAD_BYTES + 8 + i, &word, 8);
	}
	if (draw(flood) % 2 && payload >= 4) /* half of it gets past the magic and the version */
		memcpy(frame + HEAD_BYTES + 8, payload == 640 ? "XM\x01\x01" : "XM\x01\x02", 4);
	return put_udp(frame, flood, 0xc6120000 | (uint32_t)(draw(flood) & 0x1ffff), (uint16_t)(1024 + draw(flood) % 60000), payload);
}

static size_t put_spoof(uint8_t *frame, struct flood *flood)
{
	const size_t payload = 400;
	uint8_t *at = frame + HEAD_BYTES + 8;

	for (size_t i = 0; i + 8 <= payload; i += 8) {
		const uint64_t word = draw(flood);

		memcpy(at + i, &word, 8);
	}
	memcpy(at, "XM\x01\x02", 4);
	memcpy(at + 4, flood->id, 8);
	return put_udp(frame, flood, flood->source, flood->port, payload);
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

static size_t put_packet(uint8_t *frame, struct flood *flood)
{
	flood->number++;
	return flood->kind == 'n' ? put_noise(frame, flood) : flood->kind == 's' ? put_spoof(frame, flood) : put_syn(frame, flood);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint64_t run(int fd, struct flood *flood, uint64_t rate, uint64_t seconds)
{
	static uint8_t frames[BATCH][2048];
	static struct iovec vectors[BATCH];
	static struct mmsghdr messages[BATCH];
	const int64_t begin = now_ns(), end = begin + (int64_t)seconds * 1000000000LL;
	uint64_t sent = 0, tried = 0;

	for (int i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	for (int64_t now = begin; now < end; now = now_ns()) {
		const uint64_t due = (uint64_t)(now - begin) / 1000 * rate / 1000000;
		int got;

		if (due < tried + BATCH) {
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
			continue;
		}
		for (int i = 0; i < BATCH; i++)
			vectors[i] = (struct iovec){ frames[i], put_packet(frames[i], flood) };
		got = sendmmsg(fd, messages, BATCH, 0);
		sent += got > 0 ? (uint64_t)got : 0;
		tried += BATCH;
	}
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
	uint64_t rate, seconds;
	int fd;

	if (argc < 8 || !ether_aton_r(argv[2], (struct ether_addr *)flood.mac) || inet_aton(argv[4], &address) == 0)
		die("usage");
	flood.kind = strcmp(argv[3], "noise") == 0 ? 'n' : strcmp(argv[3], "spoof") == 0 ? 's' : 't';
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
	if (flood.sources == 0 || place.sll_ifindex == 0 || fd < 0 || bind(fd, (struct sockaddr *)&place, sizeof(place)))
		die(argv[1]);
	printf("%llu\n", (unsigned long long)run(fd, &flood, rate, seconds));
	return 0;
}
