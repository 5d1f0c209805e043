// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What every cell of a frame must be, whoever wrote it: the form of its group, its addresses, its place in the order.
 */
#include "frame.h"

#include <endian.h>

enum frame_form frame_form_of(const struct key *key)
{
	bool ipv4 = address_is_ipv4(&key->destination);

	if (key_is_destination(key))
		return ipv4 ? FORM_DESTINATION_IPV4 : FORM_DESTINATION_IPV6;
	return ipv4 ? FORM_PAIR_IPV4 : FORM_PAIR_IPV6;
}

/* One host that traffic is forwarded for: not loopback, multicast, 0.0.0.0 or 255.255.255.255; link-local only in IPv6. The rest of 0/8
 * and 240/4 (RFC 6890: nobody's) is forwarded by routers that do not look, so it is counted. */
static bool is_host(const struct address *address)
{
	const uint8_t *b = address->bytes;

	if (address_is_ipv4(address))
		return b[12] != 127 && b[12] >> 4 != 14 && (b[12] | b[13] | b[14] | b[15]) != 0 && (b[12] & b[13] & b[14] & b[15]) != 255;
	if (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80))
		return false;
	for (unsigned int i = 0; i < 15; i++) {
		if (b[i])
			return true;
	}
	return b[15] > 1; /* not :: and not ::1 */
}

bool frame_cell_is_valid(const struct cell *cell)
{
	const struct key *key = &cell->key;

	if (cell->packets == 0 || cell->last < cell->first || !is_host(&key->destination))
		return false;
	if (key_is_destination(key))
		return true;
	return is_host(&key->client) && address_is_ipv4(&key->client) == address_is_ipv4(&key->destination);
}

/* As memcmp would, without the call: cells are sorted by the ten thousand. */
static int address_compare(const struct address *a, const struct address *b)
{
	uint64_t of_a[2], of_b[2];

	memcpy(of_a, a, sizeof(of_a));
	memcpy(of_b, b, sizeof(of_b));
	for (unsigned int half = 0; half < 2; half++) {
		if (of_a[half] != of_b[half])
			return be64toh(of_a[half]) < be64toh(of_b[half]) ? -1 : 1;
	}
	return 0;
}

int frame_cell_compare(const struct cell *a, const struct cell *b)
{
	enum frame_form form_a = frame_form_of(&a->key), form_b = frame_form_of(&b->key);
	int order;

	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (form_a != form_b)
		return form_a < form_b ? -1 : 1;
	order = address_compare(&a->key.destination, &b->key.destination);
	return order ? order : address_compare(&a->key.client, &b->key.client);
}
