/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers for keys and addresses, so that tables can be arrays: pairs, destinations, clients, members. */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include <xpro/key.h>

#include "node.h"

#define KEY_NONE UINT32_MAX

struct keys {
	struct key *keys;
	uint32_t *index; /* open addressing; KEY_NONE = empty */
	uint32_t count, size, index_mask;
};

uint32_t keys_intern(struct keys *keys, const struct key *key);
uint32_t keys_find(const struct keys *keys, const struct key *key);
void keys_free(struct keys *keys);

/*
 * Client 10.x.y.z, destination 198.18.x.y, member 172.16.x.y; nobody's client 11.x.y.z; 23.x.y.z: what a scan finds.
 * IPv6: each client has a /64 of fd00::/8, all destinations share one /48, and a scan draws from 2001:db8::/32.
 */
struct address client_address(unsigned int client);
/* Its address of this number in its /64. */
struct address client_address6(unsigned int client, unsigned int host);
struct address outside_address(unsigned int client);
struct address destination_address(unsigned int destination);
struct address destination_address6(unsigned int destination);
struct address scanned_address(unsigned int number);
struct address scanned_address6(unsigned int number);
bool address_is_client(const struct address *address);
struct endpoint member_endpoint(unsigned int member);
/* The member an address belongs to, or -1. */
int member_of_address(const struct address *address);

#endif
