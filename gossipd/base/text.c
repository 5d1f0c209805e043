/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses, endpoints, prefixes and names as people write and read them. No I/O and no resolver: a name in a config
 * would make the start depend on DNS, which may itself be behind the filter.
 */
#include "text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WORD_MAX 48 /* longer words get no hint */

bool text_to_address(const char *text, struct address *ret_address)
{
	uint8_t ipv4[4];

	if (inet_pton(AF_INET, text, ipv4) == 1) {
		*ret_address = address_of_ipv4(ipv4);
		return true;
	}
	return inet_pton(AF_INET6, text, ret_address->bytes) == 1;
}

/* As ipv6_rename in xdp/parse.h does. What stands for IPv4 here is what is written so. */
static void rename_as_counted(struct address *address, unsigned int bits)
{
	const struct address mark = KEY_NETWORK_MARK;

	if (bits == 128 && (address_is_zero(address) || address_equal(address, &mark)))
		address->bytes[10] = 0xff, address->bytes[11] = 0xfe;
	if (bits >= 10 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80)
		address->bytes[0] = 0;
}

bool text_to_counted(const char *text, struct address *ret_address)
{
	if (!text_to_address(text, ret_address))
		return false;
	rename_as_counted(ret_address, 128);
	return true;
}

bool text_to_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	char *end;
	unsigned long long number;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || number < min || number > max)
		return false;
	*ret_number = number;
	return true;
}

/* Divides "host:port" and "[host]:port". */
static int split(const char *text, char *ret_host, size_t host_bytes, const char **ret_port, const char **ret_problem)
{
	const char *colon = strrchr(text, ':');
	const char *start = text, *end = colon;

	if (!colon) {
		*ret_problem = "the port is missing; write 192.0.2.1:7946 or [2001:db8::1]:7946";
		return -EINVAL;
	}
	if (*text == '[') {
		start = text + 1;
		end = strchr(text, ']');
		if (!end || end + 1 != colon) {
			*ret_problem = "an IPv6 address with a port is written [2001:db8::1]:7946";
			return -EINVAL;
		}
	} else if (memchr(text, ':', (size_t)(colon - text))) {
		*ret_problem = "an IPv6 address with a port is written [2001:db8::1]:7946";
		return -EINVAL;
	}
	if ((size_t)(end - start) >= host_bytes) {
		*ret_problem = "the address is too long";
		return -EINVAL;
	}
	memcpy(ret_host, start, (size_t)(end - start));
	ret_host[end - start] = '\0';
	*ret_port = colon + 1;
	return 0;
}

int text_to_endpoint(const char *text, struct endpoint *ret_endpoint, const char **ret_problem)
{
	char host[TEXT_ADDRESS_BYTES];
	const char *port;
	uint64_t number;
	struct endpoint endpoint;
	int err;

	err = split(text, host, sizeof(host), &port, ret_problem);
	if (err)
		return err;
	if (!text_to_address(host, &endpoint.address)) {
		*ret_problem = "not a literal IPv4 or IPv6 address";
		return -EINVAL;
	}
	if (!text_to_number(port, 1, 65535, &number)) {
		*ret_problem = "the port must be a number from 1 to 65535";
		return -EINVAL;
	}
	endpoint.port = (uint16_t)number;
	*ret_endpoint = endpoint;
	return 0;
}

/* One label: 1 to 63 letters, digits and -, which does not stand at its ends; _ is found in names of services. */
static bool is_label(const char *label, size_t length)
{
	if (length == 0 || length > 63 || label[0] == '-' || label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", label[i]))
			return false;
	}
	return true;
}

static bool is_name(const char *host)
{
	const char *label = host;

	for (const char *dot = strchr(label, '.'); dot && dot[1] != '\0'; dot = strchr(label, '.')) {
		if (!is_label(label, (size_t)(dot - label)))
			return false;
		label = dot + 1;
	}
	/* The last label, with or without the root's dot: one of digits alone would be a broken address. */
	return is_label(label, strcspn(label, ".")) && label[strspn(label, "0123456789.")] != '\0';
}

bool text_to_name(const char *text, char *ret_host, size_t host_bytes, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || (size_t)(colon - text) >= host_bytes || !text_to_number(colon + 1, 1, 65535, &port))
		return false;
	memcpy(ret_host, text, (size_t)(colon - text));
	ret_host[colon - text] = '\0';
	*ret_port = (uint16_t)port;
	return is_name(ret_host);
}

int text_to_prefix(const char *text, struct prefix *ret_prefix, const char **ret_problem)
{
	char host[TEXT_PREFIX_BYTES];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix prefix;
	uint64_t bits;

	*ret_problem = "write an address like 192.0.2.1 or a prefix like 192.0.2.0/24 or 2001:db8::/32";
	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!text_to_address(host, &prefix.address))
		return -EINVAL;
	prefix.bits = 128;
	if (slash) {
		bool ipv4 = address_is_ipv4(&prefix.address) && !strchr(host, ':');

		if (!text_to_number(slash + 1, 0, ipv4 ? 32 : 128, &bits))
			return -EINVAL;
		prefix.bits = (uint8_t)(bits + (ipv4 ? 96 : 0));
	}
	if (prefix_has_host_bits(&prefix)) {
		*ret_problem = "the address has bits set behind the prefix length";
		return -EINVAL;
	}
	rename_as_counted(&prefix.address, prefix.bits);
	*ret_prefix = prefix;
	return 0;
}

void text_of_address(const struct address *address, char ret_text[TEXT_ADDRESS_BYTES])
{
	if (address_is_ipv4(address))
		inet_ntop(AF_INET, address->bytes + 12, ret_text, TEXT_ADDRESS_BYTES);
	else
		inet_ntop(AF_INET6, address->bytes, ret_text, TEXT_ADDRESS_BYTES);
}

void text_of_endpoint(const struct endpoint *endpoint, char ret_text[TEXT_ENDPOINT_BYTES])
{
	char host[TEXT_ADDRESS_BYTES];

	text_of_address(&endpoint->address, host);
	snprintf(ret_text, TEXT_ENDPOINT_BYTES, address_is_ipv4(&endpoint->address) ? "%s:%u" : "[%s]:%u", host,
		 endpoint->port);
}

void text_of_part(const uint8_t address[16], unsigned int bits, char ret_text[TEXT_PREFIX_BYTES])
{
	struct prefix prefix = { .bits = (uint8_t)bits };

	memcpy(prefix.address.bytes, address, 16);
	if (bits >= 128) {
		text_of_address(&prefix.address, ret_text);
		return;
	}
	prefix.address = address_cut(&prefix.address, bits); /* of the substitute of a client it is ::/64 */
	text_of_prefix(&prefix, ret_text);
}

void text_of_network(const struct address *prefix, char ret_text[TEXT_PREFIX_BYTES])
{
	char address[TEXT_ADDRESS_BYTES];

	text_of_address(prefix, address);
	snprintf(ret_text, TEXT_PREFIX_BYTES, "%s/%u", address, network_bits(prefix));
}

void text_of_prefix(const struct prefix *prefix, char ret_text[TEXT_PREFIX_BYTES])
{
	size_t length;

	text_of_address(&prefix->address, ret_text);
	length = strlen(ret_text);
	snprintf(ret_text + length, TEXT_PREFIX_BYTES - length, "/%u",
		 address_is_ipv4(&prefix->address) && prefix->bits >= 96 ? prefix->bits - 96U : prefix->bits);
}

void text_of_key(const struct key *key, unsigned int client_bits, char ret_text[TEXT_KEY_BYTES])
{
	char client[TEXT_PREFIX_BYTES], destination[TEXT_ADDRESS_BYTES];

	text_of_part(key->client.bytes, client_bits, client);
	text_of_address(&key->destination, destination);
	switch (key_kind(key)) {
	case KEY_PAIR:
		snprintf(ret_text, TEXT_KEY_BYTES, "%s -> %s", client, destination);
		break;
	case KEY_DESTINATION:
		snprintf(ret_text, TEXT_KEY_BYTES, "%s", destination);
		break;
	case KEY_CLIENT:
		snprintf(ret_text, TEXT_KEY_BYTES, "client %s", client);
		break;
	case KEY_NETWORK:
		text_of_network(&key->destination, ret_text);
		break;
	}
}

const char *text_of_kind(enum key_kind kind)
{
	static const char *const names[KEY_KINDS] = {
		[KEY_PAIR] = "pair",
		[KEY_DESTINATION] = "destination",
		[KEY_CLIENT] = "client",
		[KEY_NETWORK] = "network",
	};

	return names[kind];
}

bool text_copy(const char *text, char *ret_text, size_t bytes)
{
	size_t size = strlen(text) + 1;

	ret_text[0] = '\0';
	if (size > bytes)
		return false;
	memcpy(ret_text, text, size);
	return true;
}

void text_escape(const char *text, char *ret_text, size_t bytes)
{
	size_t at = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c >= 0x20 && c < 0x7f && c != '\\';

		if (at + (plain ? 1 : 4) >= bytes)
			break;
		if (plain)
			ret_text[at++] = (char)c;
		else
			at += (size_t)snprintf(ret_text + at, bytes - at, "\\x%02x", c);
	}
	ret_text[at] = '\0';
}

/* Levenshtein's distance, one row kept. */
static unsigned int distance(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	unsigned int row[WORD_MAX + 1];

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX;
	for (unsigned int j = 0; j <= b_length; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= a_length; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= b_length; j++) {
			unsigned int replace = diagonal + (a[i - 1] != b[j - 1]);
			unsigned int change = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = replace < change ? replace : change;
		}
	}
	return row[b_length];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = NULL;
	unsigned int best = (unsigned int)strlen(word) / 2 < 3 ? (unsigned int)strlen(word) / 2 + 1 : 4;

	for (size_t i = 0; i < count; i++) {
		unsigned int d = distance(word, candidates[i]);

		if (d < best) {
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}
