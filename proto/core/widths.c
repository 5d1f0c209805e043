/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Widths: their bounds, their digest, and the client of an address. xdp/widths.h cuts addresses by the same rules. */
#include "widths.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "bytes.h"

#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)
#define HOST_BITS 128
#define DOMAIN "xpro-mesh widths v1"
#define DIGESTED_BYTES_MAX (sizeof(DOMAIN) - 1 + 4 + CLIENT_HOSTS_MAX * 17)

_Static_assert(CLIENT_BITS_MIN >= NETWORK_BITS_IPV6, "a client is no larger than a network");

int widths_add_hosts(struct widths *widths, const struct prefix *prefix)
{
	uint32_t at = widths->hosts_count;

	if (at == CLIENT_HOSTS_MAX)
		return -ENOSPC;
	for (; at > 0 && memcmp(prefix, &widths->hosts[at - 1], sizeof(*prefix)) < 0; at--)
		widths->hosts[at] = widths->hosts[at - 1];
	widths->hosts[at] = *prefix;
	widths->hosts_count++;
	return 0;
}
_Static_assert(sizeof(struct prefix) == 17, "memcmp orders by address, then by bits: no padding");

/*
 * A prefix that is longer than a client leaves a part of that client unlisted. The key of this part is the client's
 * first address, which must not be a listed host as well.
 */
static bool begins_a_client(const struct widths *widths, const struct prefix *hosts)
{
	const struct address cut = address_cut(&hosts->address, widths->client_bits);

	return hosts->bits > widths->client_bits && address_equal(&cut, &hosts->address);
}

static const char *problem_of_hosts(const struct widths *widths, uint32_t i)
{
	const struct prefix *hosts = &widths->hosts[i];

	if (hosts->bits > HOST_BITS || prefix_has_host_bits(hosts))
		return "client_hosts: a prefix has bits set behind its length";
	if (hosts->bits >= 96 && address_is_ipv4(&hosts->address))
		return "client_hosts: has an IPv4 prefix; in IPv4 every address is a client anyway";
	if (begins_a_client(widths, hosts))
		return "client_hosts: a prefix longer than client_bits begins with the address that stands for the "
		       "rest of its client; list all of that client";
	for (uint32_t other = 0; other < i; other++) {
		if (memcmp(&widths->hosts[other], hosts, sizeof(*hosts)) >= 0 ||
		    prefixes_meet(&widths->hosts[other], hosts))
			return "client_hosts: one prefix lies within another; remove one of the two";
	}
	return NULL;
}

int widths_check(const struct widths *widths, const char **ret_problem)
{
	*ret_problem = NULL;
	if (widths->client_bits < CLIENT_BITS_MIN || widths->client_bits > CLIENT_BITS_MAX)
		*ret_problem = "client_bits must be " TEXT(CLIENT_BITS_MIN) " to " TEXT(CLIENT_BITS_MAX);
	else if (widths->hosts_count > CLIENT_HOSTS_MAX)
		*ret_problem = "client_hosts: at most " TEXT(CLIENT_HOSTS_MAX) " prefixes are possible";
	for (uint32_t i = 0; !*ret_problem && i < widths->hosts_count; i++)
		*ret_problem = problem_of_hosts(widths, i);
	return *ret_problem ? -EINVAL : 0;
}

void widths_digest(const struct widths *widths, uint8_t ret_digest[WIDTHS_DIGEST_BYTES])
{
	uint8_t bytes[DIGESTED_BYTES_MAX], *at = put_bytes(bytes, DOMAIN, sizeof(DOMAIN) - 1);

	at = put_le(at, NETWORK_BITS_IPV4, 1);
	at = put_le(at, NETWORK_BITS_IPV6, 1);
	at = put_le(at, widths->client_bits, 1);
	at = put_le(at, widths->hosts_count, 1);
	for (uint32_t i = 0; i < widths->hosts_count; i++) {
		at = put_bytes(at, widths->hosts[i].address.bytes, 16);
		at = put_le(at, widths->hosts[i].bits, 1);
	}
	crypto_generichash(ret_digest, WIDTHS_DIGEST_BYTES, bytes, (size_t)(at - bytes), NULL, 0);
}

unsigned int widths_client_bits(const struct widths *widths, const struct address *address)
{
	if (address_is_ipv4(address) || prefixes_hold(widths->hosts, widths->hosts_count, address))
		return HOST_BITS;
	return widths->client_bits;
}

bool widths_prefix_is_whole(const struct widths *widths, const struct prefix *prefix)
{
	if (prefix->bits <= widths->client_bits || address_is_ipv4(&prefix->address))
		return true;
	for (uint32_t i = 0; i < widths->hosts_count; i++) {
		if (widths->hosts[i].bits <= prefix->bits && prefix_holds(&widths->hosts[i], &prefix->address))
			return true;
	}
	return false;
}

struct address widths_client(const struct widths *widths, const struct address *address)
{
	const unsigned int bits = widths_client_bits(widths, address);
	struct address client = bits == HOST_BITS ? *address : address_cut(address, bits);

	return address_is_zero(&client) ? ADDRESS_SUBSTITUTE : client;
}
