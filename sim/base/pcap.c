/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The classic pcap format, in the byte order of this machine, which its first word tells. */
#include "pcap.h"

#include <string.h>

#define MAGIC_NANOSECONDS 0xa1b23c4d
#define LINK_RAW_IPV4 228
#define HEADERS 28 /* IPv4 20, UDP 8 */

FILE *pcap_open(const char *path)
{
	const uint32_t head[6] = { MAGIC_NANOSECONDS, 2 | 4 << 16, 0, 0, 65535, LINK_RAW_IPV4 };
	FILE *file = fopen(path, "wb");

	if (file)
		fwrite(head, sizeof(head), 1, file);
	return file;
}

static void put_be16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_checksum(uint8_t header[20])
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < 20; i += 2)
		sum += (uint32_t)(header[i] << 8 | header[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put_be16(header + 10, ~(sum + (sum >> 16)) & 0xffff);
}

void pcap_write(FILE *file, int64_t at_ns, const struct endpoint *from, const struct endpoint *to, const uint8_t *bytes,
		size_t size)
{
	const uint32_t length = (uint32_t)(HEADERS + size);
	const uint32_t record[4] = { (uint32_t)(at_ns / NS_PER_S), (uint32_t)(at_ns % NS_PER_S), length, length };
	uint8_t headers[HEADERS] = { 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17 };

	put_be16(headers + 2, length);
	memcpy(headers + 12, from->address.bytes + 12, 4);
	memcpy(headers + 16, to->address.bytes + 12, 4);
	put_checksum(headers);
	put_be16(headers + 20, from->port);
	put_be16(headers + 22, to->port);
	put_be16(headers + 24, 8 + size);
	fwrite(record, sizeof(record), 1, file);
	fwrite(headers, sizeof(headers), 1, file);
	fwrite(bytes, size, 1, file);
}
