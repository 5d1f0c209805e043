/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Interned keys and the addresses of the simulated internet. */
#include "keys.h"

#include <stdlib.h>

#include "crypto.h"

static void index_grow(struct keys *keys)
{
	const uint32_t size = (keys->index_mask + 1) * 2 < 1024 ? 1024 : (keys->index_mask + 1) * 2;

	free(keys->index);
	keys->index = malloc(size * sizeof(*keys->index));
	if (!keys->index)
		abort();
	memset(keys->index, 0xff, size * sizeof(*keys->index));
	keys->index_mask = size - 1;
	for (uint32_t i = 0; i < keys->count; i++) {
		uint32_t at = (uint32_t)crypto_mix(0, &keys->keys[i], sizeof(struct key)) & keys->index_mask;

		while (keys->index[at] != KEY_NONE)
			at = (at + 1) & keys->index_mask;
		keys->index[at] = i;
	}
}

uint32_t keys_find(const struct keys *keys, const struct key *key)
{
	uint32_t at = (uint32_t)crypto_mix(0, key, sizeof(*key)) & keys->index_mask;

	if (!keys->index)
		return KEY_NONE;
	for (; keys->index[at] != KEY_NONE; at = (at + 1) & keys->index_mask) {
		if (key_equal(&keys->keys[keys->index[at]], key))
			return keys->index[at];
	}
	return KEY_NONE;
}

uint32_t keys_intern(struct keys *keys, const struct key *key)
{
	uint32_t found = keys_find(keys, key), at;

	if (found != KEY_NONE)
		return found;
	if (!keys->index || keys->count >= keys->index_mask / 2)
		index_grow(keys);
	if (keys->count == keys->size) {
		keys->size = keys->size * 2 + 256;
		keys->keys = realloc(keys->keys, keys->size * sizeof(*keys->keys));
		if (!keys->keys)
			abort();
	}
	keys->keys[keys->count] = *key;
	at = (uint32_t)crypto_mix(0, key, sizeof(*key)) & keys->index_mask;
	while (keys->index[at] != KEY_NONE)
		at = (at + 1) & keys->index_mask;
	keys->index[at] = keys->count;
	return keys->count++;
}

void keys_free(struct keys *keys)
{
	free(keys->keys);
	free(keys->index);
}

static struct address address_of(uint8_t first, unsigned int number)
{
	return address_of_ipv4((uint8_t[]){ first, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number });
}

/* Numbers of 2^24 and more are in other networks than 10.0.0.0/8. */
struct address client_address(unsigned int client)
{
	return address_of(client >> 24 ? (uint8_t)(40 + (client >> 24)) : 10, client);
}

struct address outside_address(unsigned int client)
{
	return address_of(client >> 24 ? (uint8_t)(60 + (client >> 24)) : 11, client);
}

struct address scanned_address(unsigned int number)
{
	return address_of(23, number);
}

struct address destination_address(unsigned int destination)
{
	return address_of_ipv4((uint8_t[]){ 198, 18, (uint8_t)(destination >> 8), (uint8_t)destination });
}

struct address client_address6(unsigned int client, unsigned int host)
{
	return (struct address){ { 0xfd, 0, 0, 0, (uint8_t)(client >> 24), (uint8_t)(client >> 16),
				   (uint8_t)(client >> 8), (uint8_t)client, 0, 0, 0, 0, 0, 0, (uint8_t)(host >> 8),
				   (uint8_t)host } };
}

struct address destination_address6(unsigned int destination)
{
	return (struct address){ { 0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(destination >> 8),
				   (uint8_t)destination } };
}

struct address scanned_address6(unsigned int number)
{
	return (struct address){ { 0x20, 1, 0xd, 0xb8, (uint8_t)(0x80 | number >> 16), (uint8_t)(number >> 8), 0, 0, 0,
				   0, 0, 0, 0, 0, 0, (uint8_t)(number + 1) } };
}

bool address_is_client(const struct address *address)
{
	return address_is_ipv4(address) ? address->bytes[12] == 10 : address->bytes[0] == 0xfd;
}

struct endpoint member_endpoint(unsigned int member)
{
	return (struct endpoint){
		.address = address_of_ipv4((uint8_t[]){ 172, 16, (uint8_t)(member >> 8), (uint8_t)member }),
		.port = 7946,
	};
}

int member_of_address(const struct address *address)
{
	if (!address_is_ipv4(address) || address->bytes[12] != 172 || address->bytes[13] != 16)
		return -1;
	return address->bytes[14] << 8 | address->bytes[15];
}
