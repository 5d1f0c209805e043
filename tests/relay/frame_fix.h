/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the relay knows of an Ethernet frame: where a UDP payload lies in it, and the checksum the receiver will look
 * at. Frames taken off a veth carry a checksum that the sender left to its network card, so every UDP checksum is
 * worked out anew: also that of a payload which the relay changed, or the kernel would take the corruption for us.
 */
#ifndef RELAY_FRAME_FIX_H
#define RELAY_FRAME_FIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ETHERNET_BYTES 14

struct datagram_place {
	size_t ip, udp, payload, end; /* offsets in the frame */
	bool ipv6;
};

static inline uint16_t frame_word(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* True when the frame is a whole UDP datagram over IPv4 without options, or over IPv6 without extension headers. */
static inline bool frame_find_udp(const uint8_t *frame, size_t size, struct datagram_place *ret_place)
{
	struct datagram_place place = { .ip = ETHERNET_BYTES };
	const uint8_t *ip = frame + place.ip;

	if (size < ETHERNET_BYTES + 28)
		return false;
	if (frame_word(frame + 12) == 0x0800 && ip[0] == 0x45 && ip[9] == 17 && (frame_word(ip + 6) & 0x3fff) == 0) {
		place.udp = place.ip + 20;
	} else if (frame_word(frame + 12) == 0x86dd && ip[6] == 17 && size >= ETHERNET_BYTES + 48) {
		place.udp = place.ip + 40;
		place.ipv6 = true;
	} else {
		return false;
	}
	place.payload = place.udp + 8;
	place.end = place.udp + frame_word(frame + place.udp + 4);
	if (place.end < place.payload || place.end > size)
		return false;
	*ret_place = place;
	return true;
}

/* ICMP and ICMPv6 "destination unreachable". */
static inline bool frame_is_unreachable(const uint8_t *frame, size_t size)
{
	const uint8_t *ip = frame + ETHERNET_BYTES;

	if (size < ETHERNET_BYTES + 48)
		return false;
	if (frame_word(frame + 12) == 0x0800)
		return ip[9] == 1 && ip[20] == 3;
	return frame_word(frame + 12) == 0x86dd && ip[6] == 58 && ip[40] == 1;
}

static inline uint32_t frame_sum(const uint8_t *bytes, size_t size, uint32_t sum)
{
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += frame_word(bytes + i);
	return size % 2 ? sum + (uint32_t)(bytes[size - 1] << 8) : sum;
}

/* RFC 768, and RFC 8200 section 8.1. */
static inline void frame_set_checksum(uint8_t *frame, const struct datagram_place *place)
{
	const size_t length = place->end - place->udp;
	uint8_t *udp = frame + place->udp;
	uint32_t sum = 17 + (uint32_t)length;

	udp[6] = udp[7] = 0;
	sum = frame_sum(frame + place->ip + (place->ipv6 ? 8 : 12), place->ipv6 ? 32 : 8, sum);
	sum = frame_sum(udp, length, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (sum == 0)
		sum = 0xffff;
	udp[6] = (uint8_t)(sum >> 8);
	udp[7] = (uint8_t)sum;
}

#endif
