// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What every cell of a frame must be, whoever wrote it: the form of its group, its addresses, its place in the order.
 */
#include "frame.h"

#include <endian.h>

const struct frame_layout frame_layouts[FORM_COUNT] = {
	[FORM_DESTINATION_IPV4] = { 4, 0, KEY_DESTINATION, true },
	[FORM_DESTINATION_IPV6] = { 16, 0, KEY_DESTINATION, false },
	[FORM_PAIR_IPV4] = { 4, 4, KEY_PAIR, true },
	[FORM_PAIR_IPV6] = { 16, 16, KEY_PAIR, false },
	[FORM_CLIENT_IPV4] = { 4, 0, KEY_CLIENT, true },
	[FORM_CLIENT_IPV6] = { 16, 0, KEY_CLIENT, false },
	[FORM_CLIENT_PREFIX6] = { CLIENT_BITS_MAX / 8, 0, KEY_CLIENT, false },
	[FORM_NETWORK_IPV4] = { NETWORK_BITS_IPV4 / 8, 0, KEY_NETWORK, true },
	[FORM_NETWORK_IPV6] = { NETWORK_BITS_IPV6 / 8, 0, KEY_NETWORK, false },
};

enum frame_form frame_form_of(const struct key *key)
{
	switch (key_kind(key)) {
	case KEY_DESTINATION:
		return address_is_ipv4(&key->destination) ? FORM_DESTINATION_IPV4 : FORM_DESTINATION_IPV6;
	case KEY_CLIENT:
		if (address_is_ipv4(&key->client))
			return FORM_CLIENT_IPV4;
		return client_is_prefix(&key->client) ? FORM_CLIENT_PREFIX6 : FORM_CLIENT_IPV6;
	case KEY_NETWORK:
		return address_is_ipv4(&key->destination) ? FORM_NETWORK_IPV4 : FORM_NETWORK_IPV6;
	case KEY_PAIR:
		break;
	}
	return address_is_ipv4(&key->destination) ? FORM_PAIR_IPV4 : FORM_PAIR_IPV6;
}

/*
 * One host that traffic is forwarded for: not loopback, multicast, 0.0.0.0 or 255.255.255.255; link-local only in
 * IPv6. The rest of 0/8 and 240/4 (RFC 6890: nobody's) is forwarded by routers that do not look, so it is counted. The
 * mark of networks is no host: packets from it count under a substitute.
 */
static bool is_host(const struct address *address)
{
	static const struct address mark = KEY_NETWORK_MARK;
	const uint8_t *b = address->bytes;

	if (address_is_ipv4(address))
		return b[12] != 127 && b[12] >> 4 != 14 && (b[12] | b[13] | b[14] | b[15]) != 0 &&
		       (b[12] & b[13] & b[14] & b[15]) != 255;
	if (address_equal(address, &mark))
		return false;
	if (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80))
		return false;
	for (unsigned int i = 0; i < 15; i++) {
		if (b[i])
			return true;
	}
	return b[15] > 1; /* not :: and not ::1 */
}

/*
 * A network that holds hosts, without host bits. ::/48 is none: what counts under a substitute there has no network.
 */
static bool is_network(const struct address *prefix)
{
	const struct address cut = network_of(prefix);
	const uint8_t *b = prefix->bytes;

	if (!address_equal(&cut, prefix) || address_is_zero(prefix))
		return false;
	if (address_is_ipv4(prefix))
		return b[12] != 127 && b[12] >> 4 != 14;
	return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

/* Packets, or of a pair answers alone; an answer at least where TCP is marked; no extra that the kind has not. */
static bool has_counts(const struct cell *cell, enum key_kind kind)
{
	for (unsigned int i = kind_extras(kind); i < EXTRAS_MAX; i++) {
		if (cell->extras[i] > 0)
			return false;
	}
	if (kind == KEY_PAIR && cell->extras[EXTRA_ANSWERS] > 0 && answers_in(cell->extras[EXTRA_ANSWERS]) == 0)
		return false;
	if (cell->packets > 0)
		return true;
	return kind == KEY_PAIR && cell->extras[EXTRA_ANSWERS] > 0 && cell->last == 0;
}

bool frame_cell_is_valid(const struct cell *cell)
{
	const struct key *key = &cell->key;

	if (cell->last < cell->first || !has_counts(cell, key_kind(key)))
		return false;
	switch (key_kind(key)) {
	case KEY_DESTINATION:
		return is_host(&key->destination);
	case KEY_CLIENT:
		return is_host(&key->client); /* a prefix is one as its first address is */
	case KEY_NETWORK:
		return is_network(&key->destination);
	case KEY_PAIR:
		break;
	}
	return is_host(&key->client) && is_host(&key->destination) &&
	       address_is_ipv4(&key->client) == address_is_ipv4(&key->destination);
}

bool frame_client_is_whole(const struct widths *widths, const struct cell *cell)
{
	const struct address *client = &cell->key.client;
	const enum key_kind kind = key_kind(&cell->key);
	struct address whole;

	if (address_is_ipv4(client) || (kind != KEY_PAIR && kind != KEY_CLIENT))
		return true;
	whole = widths_client(widths, client);
	return address_equal(&whole, client);
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
