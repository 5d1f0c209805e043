/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The demo's addresses and packets: who a client is, what its packet looks like, and how the victim tells from the
 * packet alone whose it was. Checksums are computed by the sender and verified by the victim with the same sum.
 * Nothing here does I/O.
 *
 *     honest      198.18.0.0/17     2001:db8:a::/48        the client's number + 1 in the low 16 bits, or of its /64
 *     bystander   198.18.128.0/17   2001:db8:c::/48        honest as well, but asking for the victim's other address
 *     bot         198.19.0.0/16     2001:db8:b::/48
 *     victim      203.0.113.9       2001:db8:f::9
 */
#ifndef DEMO_PACKET_H
#define DEMO_PACKET_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CLIENTS_MAX 2048
#define PROXIES_MAX 16
#define PACKET_BYTES_MAX 96
#define PAYLOAD_BYTES 24
#define PORT_UDP 5683 /* CoAP */
#define PORT_TCP 1883 /* MQTT */

enum class { CLASS_HONEST, CLASS_BYSTANDER, CLASS_BOT, CLASS_COUNT };

#define VICTIM4                \
	{                      \
		203, 0, 113, 9 \
	}
#define VICTIM6                                                               \
	{                                                                     \
		0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9 \
	}

/* The Internet checksum (RFC 1071) in two steps, so that the pseudo-header can be added first. */
static inline uint32_t checksum_add(uint32_t sum, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (size & 1)
		sum += (uint32_t)p[size - 1] << 8;
	return sum;
}

static inline uint16_t checksum_end(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Over an IP packet's transport part with its pseudo-header: 0 when the checksum inside is right. */
static inline uint16_t transport_checksum(const uint8_t *packet, size_t size, int family, uint8_t protocol)
{
	size_t header = family == 4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	size_t addresses = family == 4 ? 12 : 8;
	uint32_t sum = protocol + (uint32_t)(size - header);

	sum = checksum_add(sum, packet + addresses, header - addresses);
	return checksum_end(checksum_add(sum, packet + header, size - header));
}

static inline void client_address(enum class class, unsigned int client, int family, uint8_t ret_address[16])
{
	static const uint8_t site[CLASS_COUNT] = { 0x0a, 0x0c, 0x0b };
	unsigned int number = client + 1;

	memset(ret_address, 0, 16);
	if (family == 4) {
		ret_address[0] = 198;
		ret_address[1] = class == CLASS_BOT ? 19 : 18;
		ret_address[2] = (uint8_t)(number >> 8 | (class == CLASS_BYSTANDER ? 0x80 : 0));
		ret_address[3] = (uint8_t)number;
		return;
	}
	memcpy(ret_address, (const uint8_t[]){ 0x20, 0x01, 0x0d, 0xb8, 0, site[class] }, 6);
	ret_address[6] = (uint8_t)(number >> 8);
	ret_address[7] = (uint8_t)number;
	ret_address[15] = 1;
}

/* Writes one packet, without Ethernet header, of a client to the victim; returns its size. */
static inline size_t packet_build(enum class class, unsigned int client, int family, uint8_t protocol,
				  uint8_t ret_packet[PACKET_BYTES_MAX])
{
	static const uint8_t victim4[4] = VICTIM4, victim6[16] = VICTIM6;
	size_t header = family == 4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	size_t transport = protocol == IPPROTO_UDP ? sizeof(struct udphdr) + PAYLOAD_BYTES : sizeof(struct tcphdr);
	uint16_t port = (uint16_t)(20000 + client);
	uint8_t source[16];

	memset(ret_packet, 0, PACKET_BYTES_MAX);
	client_address(class, client, family, source);
	if (family == 4) {
		struct iphdr ip = { .version = 4,
				    .ihl = 5,
				    .ttl = 64,
				    .protocol = protocol,
				    .frag_off = htons(IP_DF),
				    .tot_len = htons((uint16_t)(header + transport)) };

		memcpy(&ip.saddr, source, 4);
		memcpy(&ip.daddr, victim4, 4);
		ip.check = htons(checksum_end(checksum_add(0, &ip, sizeof(ip))));
		memcpy(ret_packet, &ip, sizeof(ip));
	} else {
		struct ip6_hdr ip = { 0 };

		ip.ip6_flow = htonl(6U << 28);
		ip.ip6_plen = htons((uint16_t)transport);
		ip.ip6_nxt = protocol;
		ip.ip6_hlim = 64;
		memcpy(&ip.ip6_src, source, 16);
		memcpy(&ip.ip6_dst, victim6, 16);
		memcpy(ret_packet, &ip, sizeof(ip));
	}
	if (protocol == IPPROTO_UDP) {
		struct udphdr udp = { .source = htons(port),
				      .dest = htons(PORT_UDP),
				      .len = htons((uint16_t)transport) };

		memcpy(ret_packet + header, &udp, sizeof(udp));
		memset(ret_packet + header + sizeof(udp), 'x', PAYLOAD_BYTES);
		udp.check = htons(transport_checksum(ret_packet, header + transport, family, protocol));
		if (udp.check == 0)
			udp.check = 0xffff; /* 0 would say: none */
		memcpy(ret_packet + header, &udp, sizeof(udp));
	} else {
		struct tcphdr tcp = { .source = htons(port),
				      .dest = htons(PORT_TCP),
				      .seq = htonl(client * 7919U),
				      .doff = 5,
				      .syn = 1,
				      .window = htons(64240) };

		memcpy(ret_packet + header, &tcp, sizeof(tcp));
		tcp.check = htons(transport_checksum(ret_packet, header + transport, family, protocol));
		memcpy(ret_packet + header, &tcp, sizeof(tcp));
	}
	return header + transport;
}

struct parsed {
	enum class class;
	unsigned int client;
	int family;
	bool intact; /* addressed, sized and summed as it was sent */
};

/* Reads a packet as the victim got it, from its IP header on. False: not one of the demo's. */
static inline bool packet_parse(const uint8_t *packet, size_t size, struct parsed *ret_parsed)
{
	static const uint8_t victim4[4] = VICTIM4, victim6[16] = VICTIM6;
	struct parsed parsed = { .family = size > 0 ? packet[0] >> 4 : 0 };
	size_t total;
	unsigned int number;
	uint8_t protocol;

	if (parsed.family == 4 && size >= sizeof(struct iphdr) && memcmp(packet + 16, victim4, 4) == 0 &&
	    packet[12] == 198) {
		total = (size_t)packet[2] << 8 | packet[3];
		protocol = packet[9];
		if (packet[13] != 18 && packet[13] != 19)
			return false;
		parsed.class = packet[13] == 19 ? CLASS_BOT : packet[14] & 0x80 ? CLASS_BYSTANDER : CLASS_HONEST;
		number = (unsigned int)(packet[14] & 0x7f) << 8 | packet[15];
	} else if (parsed.family == 6 && size >= sizeof(struct ip6_hdr) && memcmp(packet + 24, victim6, 16) == 0 &&
		   memcmp(packet + 8, (const uint8_t[]){ 0x20, 0x01, 0x0d, 0xb8, 0 }, 5) == 0) {
		total = sizeof(struct ip6_hdr) + ((size_t)packet[4] << 8 | packet[5]);
		protocol = packet[6];
		if (packet[13] < 0x0a || packet[13] > 0x0c)
			return false;
		parsed.class = packet[13] == 0x0b ? CLASS_BOT : packet[13] == 0x0c ? CLASS_BYSTANDER : CLASS_HONEST;
		number = (unsigned int)packet[14] << 8 | packet[15];
	} else {
		return false;
	}
	if (number == 0 || number > CLIENTS_MAX)
		return false;
	parsed.client = number - 1;
	parsed.intact = total <= size && total > (parsed.family == 4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr)) &&
			transport_checksum(packet, total, parsed.family, protocol) == 0;
	*ret_parsed = parsed;
	return true;
}

#endif
