/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The addresses of this host, by getifaddrs. */
#include "local_addresses.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

/* Loopback and link-local addresses never reach a rule: no room is spent on them. */
static bool is_host(const struct address *address)
{
	if (address_is_ipv4(address))
		return address->bytes[12] != 127;
	return address->bytes[0] != 0 && !(address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80);
}

static bool address_of(const struct sockaddr *at, struct address *ret_address)
{
	if (at && at->sa_family == AF_INET)
		*ret_address = address_of_ipv4((const uint8_t *)&((const struct sockaddr_in *)at)->sin_addr);
	else if (at && at->sa_family == AF_INET6)
		memcpy(ret_address->bytes, &((const struct sockaddr_in6 *)at)->sin6_addr, 16);
	else
		return false;
	return is_host(ret_address);
}

int local_addresses_read(struct address ret_addresses[LOCAL_ADDRESSES_MAX], uint32_t *ret_count)
{
	struct ifaddrs *all, *at;

	*ret_count = 0;
	if (getifaddrs(&all))
		return -errno;
	for (at = all; at && *ret_count < LOCAL_ADDRESSES_MAX; at = at->ifa_next)
		*ret_count += address_of(at->ifa_addr, &ret_addresses[*ret_count]);
	freeifaddrs(all);
	return 0;
}
